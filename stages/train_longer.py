"""As many epochs without collaborative learning as with it: the control of the paper's gain (O7).

The motion encoder goes on from the end of phase 1, with its moments, by cross-entropy alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from motionmusic import errors, workspace
from motionmusic.params import Epochs, Train, group
from motionmusic.training import phases
from motionmusic.training.cell import training
from motionmusic.training.folds import read_folds, segment_files, write_results
from motionmusic.training.loop import Chance


def main(given: Sequence[str]) -> None:
    """train_longer.py TASK INPUT SEED."""
    task, kind, seed = workspace.arguments(given, "task", "input", "seed")
    settings, epochs = group(Train, "train", task), group(Epochs, "cotrain", task).epochs
    start = workspace.cell(task, f"motion-{kind}-{seed}")
    inputs = [*segment_files(task, kind, "music"), *sorted(start.glob("*.last.safetensors"))]
    name, params = f"longer-{kind}-{seed}", settings.model_dump() | {"epochs_longer": epochs}
    tested, histories = [], []
    with training(task, name, params, inputs, precision=settings.precision) as cell:
        how = phases.schedule(settings, epochs, cell.precision)
        for fold in read_folds(task, kind, how.recipe, cell.device):
            chance = Chance(int(seed), ("train_longer", kind, fold.number))
            network = fold.encoder(settings.width).to(cell.device)
            optimiser = phases.resume(network, start / f"fold{fold.number}.last.safetensors", how)
            trained = phases.train_motion(
                network, optimiser, fold.segments, how, settings.select, chance, settings.epochs,
                cell.store(f"fold{fold.number}"),
            )  # fmt: skip
            tested.append(fold.tested(cell, network, trained.tested, network))
            histories.append(trained.run.history)
        write_results(cell.folder, histories, tested)


if __name__ == "__main__":
    errors.run(main)
