"""Phase 1 of the music autoencoders, plain and with dropout, every fold."""

from __future__ import annotations

from collections.abc import Sequence

from motionmusic import errors, workspace
from motionmusic.models.music_autoencoder import MusicAutoencoder
from motionmusic.models.weights import prefixed
from motionmusic.params import Train, group
from motionmusic.training import phases
from motionmusic.training.cell import training
from motionmusic.training.folds import read_folds, segment_files, write_results
from motionmusic.training.loop import Chance


def main(given: Sequence[str]) -> None:
    """train_music.py TASK SEED."""
    task, seed = workspace.arguments(given, "task", "seed")
    settings = group(Train, "train", task)
    name, inputs = f"music-{seed}", segment_files(task, "music")
    histories = []
    with training(task, name, settings.model_dump(), inputs, precision=settings.precision) as cell:
        how = phases.schedule(settings, settings.epochs, cell.precision)
        for fold in read_folds(task, None, how.recipe, cell.device):
            for kind in ("plain", "dropout"):
                part = f"fold{fold.number}.{kind}"
                chance = Chance(int(seed), ("train_music", kind, fold.number))
                with phases.seeded(chance, "initial", cell.device):
                    network = MusicAutoencoder(2 * settings.width, dropout=kind == "dropout")
                    network = network.to(cell.device)
                trained = phases.train_music(network, fold.segments, how, chance, cell.store(part))
                cell.save(f"{part}.last", prefixed(network=trained.last, adam=trained.moments))
                cell.save(part, trained.tested)
                names = {"reconstruction_loss": f"{kind}_reconstruction_loss"}
                histories.append(
                    [{names.get(k, k): v for k, v in row.items()} for row in trained.run.history]
                )
        write_results(cell.folder, histories)


if __name__ == "__main__":
    errors.run(main)
