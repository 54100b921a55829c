"""The page of a task: short (the paper's experiment) or full (music, motion and ratings, too)."""

from __future__ import annotations

from collections.abc import Sequence

from motionmusic import errors, workspace
from motionmusic.errors import UserError
from motionmusic.files import new_folder
from motionmusic.report.build import write_page


def main(given: Sequence[str]) -> None:
    """report.py TASK short, or report.py TASK full."""
    task, kind = workspace.arguments(given, "task", "kind")
    if kind not in ("short", "full"):
        raise UserError("command line", "KIND", "short or full", kind, "call it as dvc.yaml does")
    with new_folder(workspace.report(task, kind)) as folder:
        write_page(task, folder, full=kind == "full")


if __name__ == "__main__":
    errors.run(main)
