"""docs/findings.md: what was found, told from the metrics that are there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from motionmusic import errors, workspace
from motionmusic.files import write_text
from motionmusic.findings.findings import facts, page, pictures
from motionmusic.results.figures import save_picture


def main(given: Sequence[str]) -> None:
    """findings.py, without arguments."""
    workspace.arguments(given)
    found = facts()
    for name, picture in pictures(found).items():
        save_picture(workspace.plots("findings", name), picture)
    write_text(Path("docs", "findings.md"), page(found))


if __name__ == "__main__":
    errors.run(main)
