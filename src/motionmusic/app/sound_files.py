"""What sound lies below a folder; known at once, without a library that reads sound."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from motionmusic.app.outputs import at_home
from motionmusic.data.musictodance import SOUND_SUFFIXES, VIDEO_SUFFIXES
from motionmusic.errors import UserError
from motionmusic.files import must_be_file


@dataclass(frozen=True)
class Files:
    """What lies below a folder."""

    folder: Path
    files: list[Path]  # sounds and videos, relative to the folder and sorted
    broken: list[tuple[Path, str]]  # folders that cannot be entered, and why
    others: dict[str, int]  # how many other files there are, by suffix


def sound_files(folder: Path) -> Files:
    """The sound files below a folder, each folder entered once; ``folder`` may be one sound file.

    Raises UserError where there is neither.
    """
    folder = at_home(folder)
    if not folder.is_dir():
        expected = "a folder with music, or a sound file"
        must_be_file(folder, expected, "name an existing one")
        if folder.suffix.lower() not in SOUND_SUFFIXES + VIDEO_SUFFIXES:
            got = f"a file of another kind ({folder.suffix or 'no suffix'})"
            remedy = (
                f"name a folder, or a file with the suffix of its kind, such as {SOUND_SUFFIXES[0]}"
            )
            raise UserError(folder, "--catalogue", expected, got, remedy)
        return Files(folder.parent, [Path(folder.name)], [], {})
    found: list[Path] = []
    broken: list[tuple[Path, str]] = []
    others: Counter[str] = Counter()
    entered: set[Path] = set()

    def closed(error: OSError) -> None:
        where = Path(error.filename).relative_to(folder)
        broken.append((where, f"a folder that cannot be entered: {error.strerror}"))

    for name, folders, files in os.walk(folder, onerror=closed, followlinks=True):
        here = Path(name)
        real = here.resolve()
        if real in entered:  # a link to a folder above, or two links to one folder
            folders.clear()
            continue
        entered.add(real)
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        for file in files:
            suffix = Path(file).suffix.lower()
            if file.startswith("."):
                continue
            if suffix in SOUND_SUFFIXES + VIDEO_SUFFIXES:
                found.append((here / file).relative_to(folder))
            else:
                others[suffix] += 1
    if not found and not broken:
        expected = f"sound files ({', '.join(SOUND_SUFFIXES)})"
        raise UserError(folder, "", expected, "none", "name a folder with music")
    return Files(folder, sorted(found), sorted(broken), dict(sorted(others.items())))
