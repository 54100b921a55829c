"""Tables 7 and 8 from the paper's own ratings."""

from __future__ import annotations

from collections.abc import Sequence

from motionmusic import errors, workspace
from motionmusic.files import new_folder
from motionmusic.params import Evaluate, Ratings, group
from motionmusic.results.ratings_table import PAPER_TABLES, paper_tables
from motionmusic.results.table import write_tables


def main(given: Sequence[str]) -> None:
    """ratings.py, without arguments."""
    workspace.arguments(given)
    outlier, settings = group(Ratings, "ratings").outlier, group(Evaluate, "evaluate")
    with new_folder(workspace.metrics("ratings")) as folder:
        for name in PAPER_TABLES:
            found = paper_tables(name, outlier, settings.seed, settings.resamples)
            write_tables(folder, name, found)


if __name__ == "__main__":
    errors.run(main)
