"""Tables 7 and 8 from the paper's own ratings, or the table of a study from its files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from motionmusic import errors, workspace
from motionmusic.errors import UserError
from motionmusic.files import write_json, write_text
from motionmusic.params import Evaluate, Ratings, group
from motionmusic.scoring.ratings import (
    PAPER_TABLES,
    paper_table,
    ratings_csv,
    ratings_markdown,
    ratings_table,
    read_ratings,
)


def main(given: Sequence[str]) -> None:
    """ratings.py table7, ratings.py table8, or ratings.py NAME RATINGS.csv …"""
    name, *files = given or [""]
    if not name or (name in PAPER_TABLES) == bool(files):
        raise UserError(
            "command line", "", "table7, table8, or another name and files of ratings",
            " ".join(given) or "nothing", "call it as dvc.yaml does",
        )  # fmt: skip
    outlier = group(Ratings, "ratings").outlier
    settings = group(Evaluate, "evaluate")
    if files:
        ratings = read_ratings([Path(file) for file in files])
        table = ratings_table(name, ratings, outlier, settings.seed, settings.resamples)
    else:
        table = paper_table(name, outlier, settings.seed, settings.resamples)
    write_json(workspace.metrics("ratings", f"{name}.json"), table)
    write_text(workspace.metrics("ratings", f"{name}.csv"), ratings_csv(table))
    write_text(workspace.metrics("ratings", f"{name}.md"), ratings_markdown(table))


if __name__ == "__main__":
    errors.run(main)
