"""As many epochs without collaborative learning as with it: the control of the paper's gain (O7).

The motion encoder goes on from the end of phase 1, with its moments, by cross-entropy alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from training_stage import Cell

from motionmusic import errors, workspace
from motionmusic.params import Train, group
from motionmusic.training import phases
from motionmusic.training.loop import Chance


def main(given: Sequence[str]) -> None:
    """train_longer.py DATASET INPUT SEED."""
    dataset, kind, seed = workspace.arguments(given, "dataset", "input", "seed")
    settings = group(Train, "train", dataset)
    cell = Cell(dataset, f"longer-{kind}-{seed}", settings, tuple(Train.model_fields), kind)
    for fold, ids, segments in cell.folds():
        network = cell.motion_encoder(segments).to(cell.device)
        path = cell.model(f"motion-{kind}-{seed}", fold, "last")
        cell.inputs.append(path)
        optimiser = phases.resume(network, path, settings.learning_rate, cell.recipe.weight_decay)
        trained = phases.train_motion(
            network, optimiser, segments, cell.schedule(settings.epochs_together), settings.select,
            Chance(int(seed), ("train_longer", kind, fold)), settings.epochs_alone, cell.store(fold),
        )  # fmt: skip
        cell.keep(fold, segments, trained.run, {"": trained.tested})
        network.load_state_dict(trained.tested)
        cell.test(ids, network, segments.motion)
    cell.finish(predictions=f"longer-{kind}-{seed}")


if __name__ == "__main__":
    errors.run(main)
