"""Phase 1 of the music autoencoder, plain or with dropout, every fold."""

from __future__ import annotations

from collections.abc import Sequence

from training_stage import Cell

from motionmusic import errors, workspace
from motionmusic.models.music_autoencoder import MusicAutoencoder
from motionmusic.params import Train, group
from motionmusic.training import phases, weights
from motionmusic.training.loop import Chance

KEYS = ("width", "batch", "learning_rate", "schedule", "precision", "recipe", "epochs_alone")


def main(given: Sequence[str]) -> None:
    """train_music.py DATASET AUTOENCODER SEED."""
    dataset, kind, seed = workspace.arguments(given, "dataset", "autoencoder", "seed")
    settings = group(Train, "train", dataset)
    cell = Cell(dataset, f"music-{kind}-{seed}", settings, KEYS, None)
    for fold, _, segments in cell.folds():
        chance = Chance(int(seed), ("train_music", kind, fold))
        with phases.seeded(chance, "initial", cell.device):
            network = MusicAutoencoder(2 * settings.width, dropout=kind == "dropout")
            network = network.to(cell.device)
        schedule = cell.schedule(settings.epochs_alone)
        trained = phases.train_music(network, segments, schedule, chance, cell.store(fold))
        last = weights.prefixed(network=trained.last, adam=trained.moments)
        cell.keep(fold, segments, trained.run, {"last": last})
    cell.finish(predictions=None)


if __name__ == "__main__":
    errors.run(main)
