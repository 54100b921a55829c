"""Joints → bones, piece by piece."""

from __future__ import annotations

from collections.abc import Sequence

from motionmusic import errors, workspace
from motionmusic.features.motion import bones
from motionmusic.features.skeletons import layout_of
from motionmusic.files import new_folder, read_array, write_array
from motionmusic.params import CORPUS, Bones, group


def main(given: Sequence[str]) -> None:
    """bones.py CORPUS."""
    (corpus,) = workspace.arguments(given, "corpus")
    layout = layout_of(group(CORPUS, "corpora", corpus))
    paper = group(Bones, "bones", corpus).paper
    with new_folder(workspace.data(corpus, "bones")) as folder:
        for piece, path in workspace.piece_arrays(corpus, "joints").items():
            write_array(folder / f"{piece}.npy", bones(read_array(path), layout, paper=paper))


if __name__ == "__main__":
    errors.run(main)
