"""Joints and bones → merged features (early fusion), piece by piece."""

from __future__ import annotations

from collections.abc import Sequence

import workspace

from motionmusic import errors
from motionmusic.features.motion import merge
from motionmusic.files import new_folder, read_array, write_array


def main(given: Sequence[str]) -> None:
    """merge.py DATASET."""
    (dataset,) = workspace.arguments(given, "dataset")
    limbs = workspace.piece_arrays(dataset, "bones")
    with new_folder(workspace.data(dataset, "merged")) as folder:
        for piece, path in workspace.piece_arrays(dataset, "joints").items():
            write_array(folder / f"{piece}.npy", merge(read_array(path), read_array(limbs[piece])))


if __name__ == "__main__":
    errors.run(main)
