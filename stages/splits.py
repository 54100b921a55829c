"""The leaderboards of several tasks in one table, a row a split (docs/benchmark.md)."""

from __future__ import annotations

from collections.abc import Sequence

from motionmusic import errors, workspace
from motionmusic.results.leaderboard import splits_table
from motionmusic.results.table import read_tables, save_tables


def main(given: Sequence[str]) -> None:
    """splits.py ENTRY TASK …, in the order of the rows."""
    entry, *tasks = given
    boards = {
        task: read_tables(workspace.metrics(task, "leaderboard", "leaderboard.json"))[0]
        for task in tasks
    }
    chances = {task: 1 / len(workspace.about(task).labels) for task in tasks}
    save_tables(workspace.metrics("splits"), [splits_table(boards, chances, entry)])


if __name__ == "__main__":
    errors.run(main)
