"""Every dance as 13 keypoints in the plane of the picture, 30 frames a second."""

from __future__ import annotations

from collections.abc import Sequence

from tqdm import tqdm

from motionmusic import errors, workspace
from motionmusic.data.own import read_piece
from motionmusic.features.keypoints import keypoints
from motionmusic.files import new_folder, write_array
from motionmusic.params import CORPUS, group


def main(given: Sequence[str]) -> None:
    """keypoints.py CORPUS."""
    (corpus,) = workspace.arguments(given, "corpus")
    source, raw = group(CORPUS, "corpora", corpus).source, workspace.data(corpus, "raw")
    with new_folder(workspace.data(corpus, "keypoints")) as folder:
        pieces = sorted(workspace.read_pieces(corpus)["piece"])
        for piece in tqdm(pieces, desc="keypoints", unit="piece", mininterval=5):
            dance = read_piece(source, raw, piece)
            seen = keypoints(dance.in_the_room(), dance.layout, dance.rate_hz)
            write_array(folder / f"{piece}.npy", seen)


if __name__ == "__main__":
    errors.run(main)
