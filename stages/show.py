"""Show results in the terminal: tables as they are, pictures by their place."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from motionmusic import errors
from motionmusic.errors import UserError


def main(given: Sequence[str]) -> None:
    """show.py FILE..."""
    if not given:
        raise UserError("command line", "", "FILE...", "nothing", "call it as dvc.yaml does")
    for path in map(Path, given):
        if not path.is_file():
            raise UserError(path, "", "a result", "no such file", "run `dvc repro` for its stage")
        if path.suffix == ".md":
            print(path.read_text("utf-8"))
        else:
            kind = {".png": "picture", ".html": "report"}.get(path.suffix, "file")
            print(f"The {kind} is in {path}\n")


if __name__ == "__main__":
    errors.run(main)
