"""A model of ballroom's beat for `motionmusic sync`, and how often it is right on new dances."""

from __future__ import annotations

from collections.abc import Sequence

from motionmusic import errors, workspace
from motionmusic.data.on_beat import read_source
from motionmusic.files import write_json
from motionmusic.params import Evaluate, group
from motionmusic.scoring.beat_phase import BALLROOM
from motionmusic.scoring.timing import answers, learn
from motionmusic.scoring.two_corpora import by_piece
from motionmusic.scoring.versions import ON_BEAT, versions

STRETCHES = {"whole": None, "30_s": 30.0, "20_s": 20.0, "9_s": 9.16}


def main(given: Sequence[str]) -> None:
    """in_time.py CORPUS."""
    (corpus,) = workspace.arguments(given, "corpus")
    settings = group(Evaluate, "evaluate")
    source = read_source(workspace.data(corpus, "published"), workspace.data("captures", "raw"))
    songs = workspace.read_songs(corpus)
    pieces = versions(source, songs, [ON_BEAT])[ON_BEAT]
    model = learn(pieces, by_piece([piece.piece for piece in pieces]), BALLROOM)
    found = {
        name: answers(model, pieces, seconds, settings.seed) for name, seconds in STRETCHES.items()
    }
    write_json(workspace.metrics(corpus, "in_time.json"), {"pieces": len(pieces), **found})
    model.save(workspace.data(corpus, "in_time.npz"))


if __name__ == "__main__":
    errors.run(main)
