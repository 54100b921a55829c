"""The authors' own predictions, scored again, and what of Tables 3 to 6 they give."""

from __future__ import annotations

from collections.abc import Sequence

from motionmusic import errors, workspace
from motionmusic.files import write_json, write_text
from motionmusic.scoring import authors


def main(given: Sequence[str]) -> None:
    """authors.py, without arguments."""
    workspace.arguments(given)
    folder = workspace.data("musicmotion", "raw", "result")
    frames = {
        "scores": authors.scores(folder),
        "fused": authors.fusions(folder),
        "confusion": authors.confusions(folder),
    }
    cells = authors.cells(folder)
    for name, frame in frames.items():
        text = frame.to_csv(index=False, lineterminator="\n")
        write_text(workspace.metrics("authors", f"{name}.csv"), text)
    write_json(workspace.metrics("authors", "cells.json"), cells)


if __name__ == "__main__":
    errors.run(main)
