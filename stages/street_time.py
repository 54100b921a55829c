"""How often the model that `motionmusic sync` asks, which knows ballroom, is right on street dances."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from motionmusic import errors, workspace
from motionmusic.data.own import fitted, read_piece
from motionmusic.files import write_json
from motionmusic.params import Evaluate, group
from motionmusic.scoring.beat_phase import RATE_HZ, BeatPhase
from motionmusic.scoring.timing import TimedPiece, answers

CORPUS = "aist_retargeted"


def main(given: Sequence[str]) -> None:
    """street_time.py."""
    workspace.arguments(given)
    settings = group(Evaluate, "evaluate")
    model = BeatPhase.read(workspace.data("on_beat", "in_time.npz"))
    rows, raw = workspace.read_pieces(CORPUS), workspace.data(CORPUS, "raw")
    pieces = []
    for piece, label, bpm in zip(rows["piece"], rows["label"], rows["music_bpm"], strict=True):
        dance = fitted(read_piece(CORPUS, raw, piece), "musictodance", RATE_HZ, 1)
        none = np.zeros(0)  # its sound is not known; the first frame is on a beat
        pieces.append(
            TimedPiece(piece, str(label), dance.in_the_room(), (), 0.0, none, bpm / 60, 0.0, none)
        )
    found = answers(model, pieces, None, settings.seed)
    write_json(workspace.metrics(CORPUS, "street_time.json"), {"whole": found})


if __name__ == "__main__":
    errors.run(main)
