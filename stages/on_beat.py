"""MusicToDance with every movement unit on its beats in the song."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from motionmusic import errors, workspace
from motionmusic.data.on_beat import read_source, write_on_beat


def main(given: Sequence[str]) -> None:
    """on_beat.py CORPUS."""
    (corpus,) = workspace.arguments(given, "corpus")
    source = read_source(workspace.data(corpus, "published"), workspace.data("captures", "raw"))
    songs = pd.read_csv(workspace.metrics(corpus, "song_tempi.csv"))
    write_on_beat(source, songs, workspace.data(corpus, "raw"))


if __name__ == "__main__":
    errors.run(main)
