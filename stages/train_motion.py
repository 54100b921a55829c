"""Phase 1 of the motion encoder: the dance type from one motion input, every fold."""

from __future__ import annotations

from collections.abc import Sequence

from training_stage import Cell

from motionmusic import errors, workspace
from motionmusic.params import Train, group
from motionmusic.training import phases, weights
from motionmusic.training.loop import Chance

KEYS = (
    "width",
    "batch",
    "learning_rate",
    "schedule",
    "precision",
    "recipe",
    "epochs_alone",
    "select",
)


def main(given: Sequence[str]) -> None:
    """train_motion.py DATASET INPUT SEED."""
    dataset, kind, seed = workspace.arguments(given, "dataset", "input", "seed")
    settings = group(Train, "train", dataset)
    cell = Cell(dataset, f"motion-{kind}-{seed}", settings, KEYS, kind)
    for fold, ids, segments in cell.folds():
        chance = Chance(int(seed), ("train_motion", kind, fold))
        with phases.seeded(chance, "initial", cell.device):
            network = cell.motion_encoder(segments).to(cell.device)
        optimiser = phases.adam(network, settings.learning_rate, cell.recipe.weight_decay)
        trained = phases.train_motion(
            network, optimiser, segments, cell.schedule(settings.epochs_alone), settings.select,
            chance, store=cell.store(fold),
        )  # fmt: skip
        last = weights.prefixed(network=trained.last, adam=trained.moments)
        cell.keep(fold, segments, trained.run, {"last": last, "": trained.tested})
        network.load_state_dict(trained.tested)
        cell.test(ids, network, segments.motion)
    cell.finish(predictions=f"alone-{kind}-{seed}")


if __name__ == "__main__":
    errors.run(main)
