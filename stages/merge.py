"""Joints and bones → merged features (early fusion), piece by piece."""

from __future__ import annotations

from collections.abc import Sequence

from motionmusic import errors, workspace
from motionmusic.features.motion import merge
from motionmusic.files import new_folder, read_array, write_array


def main(given: Sequence[str]) -> None:
    """merge.py CORPUS."""
    (corpus,) = workspace.arguments(given, "corpus")
    with new_folder(workspace.data(corpus, "merged")) as folder:
        for piece, path in workspace.piece_arrays(corpus, "joints").items():
            limb = workspace.data(corpus, "bones", path.name)
            write_array(folder / f"{piece}.npy", merge(read_array(path), read_array(limb)))


if __name__ == "__main__":
    errors.run(main)
