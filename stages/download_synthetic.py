"""Dances made on the spot, in MusicToDance's layout."""

from __future__ import annotations

from collections.abc import Sequence

from motionmusic import errors, workspace
from motionmusic.data.synthetic import write_dances
from motionmusic.files import new_folder
from motionmusic.params import DATASET, Synthetic, group


def main(given: Sequence[str]) -> None:
    """download_synthetic.py DATASET."""
    (dataset,) = workspace.arguments(given, "dataset")
    about = group(DATASET, "datasets", dataset)
    assert isinstance(about, Synthetic)
    with new_folder(workspace.data(dataset, "raw")) as folder:
        write_dances(
            folder, pieces_per_type=about.pieces_per_type, seconds=about.seconds, seed=about.seed
        )


if __name__ == "__main__":
    errors.run(main)
