"""The genre model that comes with the package: trained, calibrated, tested on new dancers."""

from __future__ import annotations

from collections.abc import Sequence

from motionmusic import errors, workspace
from motionmusic.data.aist_retargeted import find_pieces
from motionmusic.data.own import read_piece
from motionmusic.scoring.genre_trials import calibrated, held_out, trained, windows_and_image

SPLIT = "by_dancer_and_choreography"


def main(given: Sequence[str]) -> None:
    """genre_model.py CORPUS."""
    (corpus,) = workspace.arguments(given, "corpus")
    raw = workspace.data(corpus, "raw")
    genres = list(workspace.about(f"{corpus}.{SPLIT}").labels.values())
    pieces = workspace.read_pieces(corpus)
    labels = dict(zip(pieces["piece"], pieces["label"], strict=True))
    dances = {
        piece: windows_and_image(read_piece("aist_retargeted", raw, piece))
        for piece in find_pieces(raw)
    }
    folds = workspace.folds(workspace.read_index(f"{corpus}.{SPLIT}"))
    known = held_out(dances, labels, folds, genres)
    model = calibrated(trained(dances, labels, list(dances), genres), known)
    model.save(workspace.data(corpus, "genre_model.npz"))


if __name__ == "__main__":
    errors.run(main)
