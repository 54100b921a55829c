"""Several data sets beside each other: one table, one picture."""

from __future__ import annotations

from collections.abc import Sequence

from motionmusic import errors, workspace
from motionmusic.files import read_json, write_bytes, write_json, write_text
from motionmusic.params import Segment, Train, group
from motionmusic.results.overview import overview, overview_csv, overview_figure, overview_markdown
from motionmusic.scoring.baselines import BASELINES


def main(given: Sequence[str]) -> None:
    """overview.py DATASET …, in the order of the rows."""
    remedy = "run `dvc repro` for the stage evaluate"
    rows = overview(
        {name: read_json(workspace.metrics(name, "evaluation.json"), remedy) for name in given},
        {name: group(Segment, "segment", name) for name in given},
        {name: group(Train, "train", name) for name in given},
        BASELINES,
    )
    write_json(workspace.metrics("overview", "overview.json"), rows)
    write_text(workspace.metrics("overview", "overview.csv"), overview_csv(rows))
    write_text(workspace.metrics("overview", "overview.md"), overview_markdown(rows))
    write_bytes(workspace.plots("overview", "overview.png"), overview_figure(rows))


if __name__ == "__main__":
    errors.run(main)
