"""A task's segments, labels and splits in pyskl's format, for networks of others (docs/benchmark.md)."""

from __future__ import annotations

from collections.abc import Sequence

from motionmusic import errors, workspace
from motionmusic.data.annotations import for_pyskl, pickled
from motionmusic.files import write_bytes


def main(given: Sequence[str]) -> None:
    """pyskl.py TASK."""
    (task,) = workspace.arguments(given, "task")
    folds = workspace.folds(workspace.read_index(task))
    found = for_pyskl(folds, workspace.read_segments(task, "joints"))
    write_bytes(workspace.data(task, "pyskl.pkl"), pickled(found))


if __name__ == "__main__":
    errors.run(main)
