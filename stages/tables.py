"""The paper's tables and figure of a task: 1, 3, 5 and Figure 4, or 2, 4, 6 and Figure 5."""

from __future__ import annotations

from collections.abc import Sequence

from motionmusic import errors, workspace
from motionmusic.files import new_folder, read_json
from motionmusic.params import Epochs, Train, group
from motionmusic.results import tables
from motionmusic.results.figures import save_picture
from motionmusic.results.table import write_tables


def main(given: Sequence[str]) -> None:
    """tables.py TASK."""
    (task,) = workspace.arguments(given, "task")
    train, later = group(Train, "train", task), group(Epochs, "cotrain", task).epochs
    seeds = group(list[int], "seeds")
    found = read_json(workspace.metrics(task, "evaluation.json"), workspace.REMEDY)
    settings, segments, excerpts, figure = tables.paper_names(found["facts"]["source"])
    with new_folder(workspace.metrics(task, "tables")) as folder:
        write_tables(folder, settings, tables.settings_tables(found, train, later, seeds))
        for name, level in ((segments, "segment"), (excerpts, "excerpt")):
            write_tables(folder, name, [tables.accuracy_table(found, level, train, later)])
    with new_folder(workspace.plots(task, "tables")) as folder:
        save_picture(folder / figure, tables.confusion_picture(found))


if __name__ == "__main__":
    errors.run(main)
