"""What collaborative learning adds over seeds: tasks side by side (docs/training.md)."""

from __future__ import annotations

from collections.abc import Sequence

from motionmusic import errors, workspace
from motionmusic.files import new_folder, read_json
from motionmusic.params import Epochs, Train, group
from motionmusic.results.overview import collaborative_table
from motionmusic.results.table import write_tables


def main(given: Sequence[str]) -> None:
    """collaborative.py TASK …, in the order of the rows."""
    files = {task: workspace.metrics(task, "collaborative.json") for task in given}
    table = collaborative_table(
        {task: read_json(file, workspace.REMEDY) for task, file in files.items()},
        {task: group(Train, "train", task) for task in given},
        {task: group(Epochs, "cotrain", task) for task in given},
    )
    with new_folder(workspace.metrics("collaborative")) as folder:
        write_tables(folder, "collaborative", [table])


if __name__ == "__main__":
    errors.run(main)
