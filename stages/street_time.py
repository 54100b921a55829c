"""The model that `motionmusic sync` asks, and how often it is right on dances that it does not know."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

import numpy as np

from motionmusic import errors, workspace
from motionmusic.data.own import fitted, read_piece
from motionmusic.files import Floats, write_json
from motionmusic.params import Evaluate, group
from motionmusic.scoring.beat_phase import RATE_HZ, STREET
from motionmusic.scoring.genre_features import seen
from motionmusic.scoring.genre_model import REFUSED, GenreModel
from motionmusic.scoring.tempo_of_dances import reports
from motionmusic.scoring.timing import TimedPiece, answers, learn
from motionmusic.scoring.two_corpora import on_beat_dances, street_dances, street_splits

CORPUS = "aist_retargeted"


def main(given: Sequence[str]) -> None:
    """street_time.py."""
    workspace.arguments(given)
    seed, raw = group(Evaluate, "evaluate").seed, workspace.data(CORPUS, "raw")
    timed = street_dances()
    moves = {
        name: fitted(read_piece(CORPUS, raw, name), "musictodance", RATE_HZ, 1).in_the_room()
        for name in timed
    }
    pieces = {name: _on_beats(name, moves[name], dance.beat_hz) for name, dance in timed.items()}
    model = learn(list(pieces.values()), street_splits(), STREET)
    knows = GenreModel.read(workspace.data(CORPUS, "genre_model.npz"))
    whole, ballroom = on_beat_dances()
    like = [
        _on_beats(name, dance.in_the_room(), ballroom[name].beat_hz)
        for name, dance in whole.items()
        if knows.likeness(seen(dance)) >= REFUSED
    ]
    new = [pieces[name] for name, dance in timed.items() if reports(dance)]
    file = workspace.data(CORPUS, "in_time.npz")
    model.save(file)
    found = {
        "sha256": sha256(file.read_bytes()).hexdigest(),
        "new_dancers": answers(model, new, None, seed),
        "ballroom": answers(model, like, None, seed) | {"dances": len(whole)},
    }
    write_json(workspace.metrics(CORPUS, "street_time.json"), found)


def _on_beats(name: str, joints: Floats, beat_hz: float) -> TimedPiece:
    """A dance whose first frame is on a beat, and whose sound is not asked."""
    none = np.zeros(0)
    return TimedPiece(name, name.split("_")[0], joints, (), 0.0, none, beat_hz, 0.0, none)


if __name__ == "__main__":
    errors.run(main)
