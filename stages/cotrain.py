"""Phase 2: motion encoder and music autoencoder learn together, every fold."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import workspace
from training_stage import Cell, rows_to_test

from motionmusic import errors
from motionmusic.networks.motion_encoder import MotionEncoder
from motionmusic.networks.music_autoencoder import MusicAutoencoder
from motionmusic.params.data import DATASET
from motionmusic.params.reader import group
from motionmusic.params.training import Train
from motionmusic.skeletons import LAYOUTS, paper_graph
from motionmusic.training import phases, weights
from motionmusic.training.loop import Chance, logits_of


def main(given: Sequence[str]) -> None:
    """cotrain.py DATASET INPUT VARIANT SEED."""
    dataset, kind, variant, seed = workspace.arguments(given, "dataset", "input", "variant", "seed")
    about = group(DATASET, "datasets", dataset)
    settings = group(Train, "train", dataset)
    cell = Cell(
        dataset, f"cotrain-{kind}-{variant}-{seed}", settings, tuple(Train.model_fields), kind
    )
    graph = torch.from_numpy(paper_graph(LAYOUTS[about.layout]))
    dropout = variant == "dropout"
    for fold, ids, segments in cell.folds():
        chance = Chance(int(seed), ("cotrain", kind, variant, fold))
        with phases.seeded(chance, "initial", cell.device):
            networks = phases.Collaborative(
                MotionEncoder(segments.motion.shape[1], graph, len(about.labels), settings.width),
                MusicAutoencoder(2 * settings.width, dropout=dropout),
                phases.mapping_of(variant, 4 * settings.width),
            ).to(cell.device)
        optimisers = []
        starts = {
            networks.motion: cell.model(f"motion-{kind}-{seed}", fold, "last"),
            networks.music: cell.model(
                f"music-{'dropout' if dropout else 'plain'}-{seed}", fold, "last"
            ),
        }
        for network, path in starts.items():
            optimisers.append(phases.resume(network, path, settings.learning_rate))
            cell.inputs.append(path)
        if list(networks.mapping.parameters()):
            optimisers.append(phases.adam(networks.mapping, settings.learning_rate))
        trained = phases.cotrain(
            networks, optimisers, segments, cell.schedule(settings.epochs_together),
            settings.select, settings.epochs_alone, chance, cell.store(fold),
        )  # fmt: skip
        cell.histories.append(trained.history)
        weights.save(cell.model(cell.name, fold), trained.tested, cell.stable_facts(fold))
        networks.load_state_dict(trained.tested)
        rows = rows_to_test(ids, cell.device)
        cell.test(ids, logits_of(networks.motion, segments.motion, rows), rows)
    cell.finish(predictions=f"{variant}-{kind}-{seed}")


if __name__ == "__main__":
    errors.run(main)
