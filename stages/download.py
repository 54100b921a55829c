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
    gather(
        corpus,
        group(CORPUS, "corpora", corpus),
        raw=workspace.data(corpus, "raw"),
        # outside the stage's output, so that a download that broke off goes on where it stopped
        store=Path("data", "downloads"),
        choreonet=workspace.data("choreonet", "raw"),
    )


if __name__ == "__main__":
    errors.run(main)
