"""Phase 1 of the motion encoder: the dance type from one motion input, every fold."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import workspace
from training_stage import Cell, rows_to_test

from motionmusic import errors
from motionmusic.networks.motion_encoder import MotionEncoder
from motionmusic.params.data import DATASET
from motionmusic.params.reader import group
from motionmusic.params.training import Train
from motionmusic.skeletons import LAYOUTS, paper_graph
from motionmusic.training import phases, weights
from motionmusic.training.loop import Chance, logits_of

KEYS = ("width", "batch", "learning_rate", "schedule", "precision", "epochs_alone", "select")


def main(given: Sequence[str]) -> None:
    """train_motion.py DATASET INPUT SEED."""
    dataset, kind, seed = workspace.arguments(given, "dataset", "input", "seed")
    about = group(DATASET, "datasets", dataset)
    settings = group(Train, "train", dataset)
    cell = Cell(dataset, f"motion-{kind}-{seed}", settings, KEYS, kind)
    graph = torch.from_numpy(paper_graph(LAYOUTS[about.layout]))
    for fold, ids, segments in cell.folds():
        chance = Chance(int(seed), ("train_motion", kind, fold))
        with phases.seeded(chance, "initial", cell.device):
            network = MotionEncoder(
                segments.motion.shape[1], graph, len(about.labels), settings.width
            ).to(cell.device)
        schedule = cell.schedule(settings.epochs_alone)
        optimiser = phases.adam(network, settings.learning_rate)
        trained = phases.train_motion(
            network,
            optimiser,
            segments,
            schedule,
            settings.select,
            chance,
            store=cell.store(fold),
        )
        cell.histories.append(trained.history)
        last = weights.prefixed(network=trained.last, adam=trained.moments)
        weights.save(cell.model(cell.name, fold, "last"), last, cell.stable_facts(fold))
        weights.save(cell.model(cell.name, fold), trained.tested, cell.stable_facts(fold))
        network.load_state_dict(trained.tested)
        rows = rows_to_test(ids, cell.device)
        cell.test(ids, logits_of(network, segments.motion, rows), rows)
    cell.finish(predictions=f"alone-{kind}-{seed}")


if __name__ == "__main__":
    errors.run(main)
