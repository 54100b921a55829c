"""MusicToDance with every movement unit on its beats in the song."""

from __future__ import annotations

from collections.abc import Sequence

from motionmusic import errors, workspace
from motionmusic.data.choreonet import TIME_MAP
from motionmusic.data.on_beat import read_source, write_on_beat
from motionmusic.files import write_text


def main(given: Sequence[str]) -> None:
    """on_beat.py CORPUS."""
    (corpus,) = workspace.arguments(given, "corpus")
    source = read_source(workspace.data(corpus, "published"), workspace.data("captures", "raw"))
    songs = workspace.read_songs(corpus)
    raw = workspace.data(corpus, "raw")
    write_on_beat(source, songs, raw)
    # git keeps it, for those who have the published files and not this program
    write_text(workspace.metrics(corpus, TIME_MAP), (raw / TIME_MAP).read_text("utf-8"))


if __name__ == "__main__":
    errors.run(main)
