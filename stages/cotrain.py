"""Phase 2: motion encoder and music autoencoder learn together, every fold."""

from __future__ import annotations

from collections.abc import Sequence

from training_stage import Cell

from motionmusic import errors, workspace
from motionmusic.models.music_autoencoder import MusicAutoencoder
from motionmusic.params import Train, group
from motionmusic.training import phases
from motionmusic.training.loop import Chance


def main(given: Sequence[str]) -> None:
    """cotrain.py DATASET INPUT VARIANT SEED."""
    dataset, kind, variant, seed = workspace.arguments(given, "dataset", "input", "variant", "seed")
    settings = group(Train, "train", dataset)
    cell = Cell(
        dataset, f"cotrain-{kind}-{variant}-{seed}", settings, tuple(Train.model_fields), kind
    )
    dropout = variant == "dropout"
    rates = settings.learning_rate, cell.recipe.weight_decay
    for fold, ids, segments in cell.folds():
        chance = Chance(int(seed), ("cotrain", kind, variant, fold))
        with phases.seeded(chance, "initial", cell.device):
            networks = phases.Collaborative(
                cell.motion_encoder(segments),
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
            optimisers.append(phases.resume(network, path, *rates))
            cell.inputs.append(path)
        if list(networks.mapping.parameters()):
            optimisers.append(phases.adam(networks.mapping, *rates))
        trained = phases.cotrain(
            networks, optimisers, segments, cell.schedule(settings.epochs_together),
            settings.select, settings.epochs_alone, chance, cell.store(fold),
        )  # fmt: skip
        cell.keep(fold, segments, trained.run, {"": trained.tested})
        networks.load_state_dict(trained.tested)
        cell.test(ids, networks.motion, segments.motion)
    cell.finish(predictions=f"{variant}-{kind}-{seed}")


if __name__ == "__main__":
    errors.run(main)
