"""Several tasks beside each other: one table, one picture."""

from __future__ import annotations

from collections.abc import Sequence

from motionmusic import errors, workspace
from motionmusic.files import read_json
from motionmusic.params import Epochs, Train, group
from motionmusic.results.figures import save_picture
from motionmusic.results.overview import overview_figure, overview_tables
from motionmusic.results.table import save_tables


def main(given: Sequence[str]) -> None:
    """overview.py TASK …, in the order of the rows."""
    found = {
        task: read_json(workspace.metrics(task, "evaluation.json"), workspace.REMEDY)
        for task in given
    }
    trains = {task: group(Train, "train", task) for task in given}
    cotrains = {task: group(Epochs, "cotrain", task) for task in given}
    save_tables(workspace.metrics("overview"), overview_tables(found, trains, cotrains))
    save_picture(workspace.plots("overview", "overview"), overview_figure(found))


if __name__ == "__main__":
    errors.run(main)
