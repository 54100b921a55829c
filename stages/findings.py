"""docs/findings.md: what was found, told from the metrics that are there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from motionmusic import errors, workspace
from motionmusic.files import write_bytes, write_text
from motionmusic.results.figures import pdf, png
from motionmusic.results.findings import facts, page, pictures


def main(given: Sequence[str]) -> None:
    """findings.py, without arguments."""
    workspace.arguments(given)
    found = facts()
    for name, picture in pictures(found).items():
        write_bytes(workspace.plots("findings", f"{name}.png"), png(picture))
        write_bytes(workspace.plots("findings", f"{name}.pdf"), pdf(picture))
    write_text(Path("docs", "findings.md"), page(found))


if __name__ == "__main__":
    errors.run(main)
