"""A public repository's files at its pinned commit, or from a mirror; every file verified."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from motionmusic import errors, workspace
from motionmusic.data.gather import take_repository


def main(given: Sequence[str]) -> None:
    """repository.py NAME: every file of its manifest."""
    (name,) = workspace.arguments(given, "name")
    # outside the stage's output, so that a download that broke off goes on where it stopped
    take_repository(name, workspace.data(name, "raw"), Path("data", "downloads"))


if __name__ == "__main__":
    errors.run(main)
