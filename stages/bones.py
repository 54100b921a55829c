"""Joints → bones, piece by piece."""

from __future__ import annotations

from collections.abc import Sequence

from motionmusic import errors, workspace
from motionmusic.features.motion import bones
from motionmusic.files import new_folder, read_array, write_array
from motionmusic.params import DATASET, Bones, group


def main(given: Sequence[str]) -> None:
    """bones.py DATASET."""
    (dataset,) = workspace.arguments(given, "dataset")
    layout = group(DATASET, "datasets", dataset).layout
    paper = group(Bones, "bones", dataset).paper
    with new_folder(workspace.data(dataset, "bones")) as folder:
        for piece, path in workspace.piece_arrays(dataset, "joints").items():
            write_array(folder / f"{piece}.npy", bones(read_array(path), layout, paper=paper))


if __name__ == "__main__":
    errors.run(main)
