"""As many epochs without collaborative learning as with it: the control of the paper's gain (O7).

The motion encoder goes on from the end of phase 1, with its moments, by cross-entropy alone.
"""

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


def main(given: Sequence[str]) -> None:
    """train_longer.py DATASET INPUT SEED."""
    dataset, kind, seed = workspace.arguments(given, "dataset", "input", "seed")
    about = group(DATASET, "datasets", dataset)
    settings = group(Train, "train", dataset)
    cell = Cell(dataset, f"longer-{kind}-{seed}", settings, tuple(Train.model_fields), kind)
    graph = torch.from_numpy(paper_graph(LAYOUTS[about.layout]))
    for fold, ids, segments in cell.folds():
        network = MotionEncoder(
            segments.motion.shape[1], graph, len(about.labels), settings.width
        ).to(cell.device)
        path = cell.model(f"motion-{kind}-{seed}", fold, "last")
        cell.inputs.append(path)
        optimiser = phases.resume(network, path, settings.learning_rate)
        trained = phases.train_motion(
            network, optimiser, segments, cell.schedule(settings.epochs_together), settings.select,
            Chance(int(seed), ("train_longer", kind, fold)), settings.epochs_alone, cell.store(fold),
        )  # fmt: skip
        cell.histories.append(trained.history)
        weights.save(cell.model(cell.name, fold), trained.tested, cell.stable_facts(fold))
        network.load_state_dict(trained.tested)
        rows = rows_to_test(ids, cell.device)
        cell.test(ids, logits_of(network, segments.motion, rows), rows)
    cell.finish(predictions=f"longer-{kind}-{seed}")


if __name__ == "__main__":
    errors.run(main)
