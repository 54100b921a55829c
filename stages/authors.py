"""The authors' own predictions, scored again, and what of Tables 3 to 6 they give."""

from __future__ import annotations

from collections.abc import Sequence

from motionmusic import errors, workspace
from motionmusic.files import new_folder, write_text
from motionmusic.scoring import authors


def main(given: Sequence[str]) -> None:
    """authors.py, without arguments."""
    workspace.arguments(given)
    raw = workspace.data("musicmotion", "raw", "result")
    found = authors.scores(raw)
    frames = {
        "scores": found,
        "fused": authors.fusions(raw),
        "confusion": authors.confusions(raw),
        "cells": authors.cells(found),
    }
    with new_folder(workspace.metrics("authors")) as folder:
        for name, frame in frames.items():
            write_text(folder / f"{name}.csv", frame.to_csv(index=False, lineterminator="\n"))


if __name__ == "__main__":
    errors.run(main)
