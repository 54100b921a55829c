"""Phase 1 of the motion encoder: the dance type from one motion input, every fold."""

from __future__ import annotations

from collections.abc import Sequence

from motionmusic import errors, workspace
from motionmusic.models.weights import prefixed
from motionmusic.params import Train, group
from motionmusic.training import phases
from motionmusic.training.cell import training
from motionmusic.training.folds import read_folds, segment_files, write_results
from motionmusic.training.loop import Chance


def main(given: Sequence[str]) -> None:
    """train_motion.py TASK INPUT SEED."""
    task, kind, seed = workspace.arguments(given, "task", "input", "seed")
    settings = group(Train, "train", task)
    name, inputs = f"motion-{kind}-{seed}", segment_files(task, kind, "music")
    tested, histories = [], []
    with training(task, name, settings.model_dump(), inputs, precision=settings.precision) as cell:
        how = phases.schedule(settings, settings.epochs, cell.precision)
        for fold in read_folds(task, kind, how.recipe, cell.device):
            chance = Chance(int(seed), ("train_motion", kind, fold.number))
            with phases.seeded(chance, "initial", cell.device):
                network = fold.encoder(settings.width).to(cell.device)
            optimiser = phases.adam(network, how.learning_rate, how.recipe.weight_decay)
            trained = phases.train_motion(
                network, optimiser, fold.segments, how, settings.select, chance,
                store=cell.store(f"fold{fold.number}"),
            )  # fmt: skip
            last = prefixed(network=trained.last, adam=trained.moments)
            cell.save(f"fold{fold.number}.last", last)
            tested.append(fold.tested(cell, network, trained.tested, network))
            histories.append(trained.run.history)
        write_results(cell.folder, histories, tested)


if __name__ == "__main__":
    errors.run(main)
