"""Phase 2: motion encoder and music autoencoder learn together, every fold."""

from __future__ import annotations

from collections.abc import Sequence

from motionmusic import errors, workspace
from motionmusic.params import Epochs, Train, group
from motionmusic.training import phases
from motionmusic.training.cell import training
from motionmusic.training.folds import read_folds, segment_files, write_results
from motionmusic.training.loop import Chance


def main(given: Sequence[str]) -> None:
    """cotrain.py TASK INPUT VARIANT SEED."""
    task, kind, variant, seed = workspace.arguments(given, "task", "input", "variant", "seed")
    settings, epochs = group(Train, "train", task), group(Epochs, "cotrain", task).epochs
    motion = workspace.cell(task, f"motion-{kind}-{seed}")
    music = workspace.cell(task, f"music-{seed}")
    of_music = "dropout" if variant == "dropout" else "plain"
    inputs = [
        *segment_files(task, kind, "music"),
        *sorted(motion.glob("*.last.safetensors")),
        *sorted(music.glob(f"*.{of_music}.last.safetensors")),
    ]
    name = f"cotrain-{kind}-{variant}-{seed}"
    params = settings.model_dump() | {"epochs_together": epochs}
    tested, histories = [], []
    with training(task, name, params, inputs, precision=settings.precision) as cell:
        how = phases.schedule(settings, epochs, cell.precision)
        for fold in read_folds(task, kind, how.recipe, cell.device):
            chance = Chance(int(seed), ("cotrain", kind, variant, fold.number))
            part = f"fold{fold.number}"
            with phases.seeded(chance, "initial", cell.device):
                encoder = fold.encoder(settings.width)
                networks = phases.collaborative(encoder, variant, settings.width).to(cell.device)
            optimisers = [
                phases.resume(networks.motion, motion / f"{part}.last.safetensors", how),
                phases.resume(networks.music, music / f"{part}.{of_music}.last.safetensors", how),
            ]
            trained = phases.cotrain(
                networks, optimisers, fold.segments, how, settings.select, settings.epochs, chance,
                cell.store(part),
            )  # fmt: skip
            tested.append(fold.tested(cell, networks, trained.tested, networks.motion))
            histories.append(trained.run.history)
        write_results(cell.folder, histories, tested)


if __name__ == "__main__":
    errors.run(main)
