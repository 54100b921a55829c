"""The dances of a corpus with their music, from wherever its source has them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from motionmusic import errors, workspace
from motionmusic.data.gather import gather
from motionmusic.params import CORPUS, group


def main(given: Sequence[str]) -> None:
    """download.py CORPUS."""
    (corpus,) = workspace.arguments(given, "corpus")
    about = group(CORPUS, "corpora", corpus)
    # what is to be put on the beat is not yet the corpus's own
    folder = "published" if about.source == "on_beat" else "raw"
    gather(
        corpus,
        about,
        raw=workspace.data(corpus, folder),
        # outside the stage's output, so that a download that broke off goes on where it stopped
        store=Path("data", "downloads"),
        choreonet=workspace.data("choreonet", "raw"),
    )


if __name__ == "__main__":
    errors.run(main)
