"""Dances of a folder and their music: by name, or by a table."""

from __future__ import annotations

import unicodedata
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from motionmusic.csv_files import checked_rows
from motionmusic.errors import UserError

MOTION = (".npy", ".npz", ".pkl", ".bvh", ".c3d", ".json")


class Pair(NamedTuple):
    """A dance's file or folder, and its music where that is another file."""

    dance: Path
    music: Path | None


def pairs_of(folder: Path, others: Counter[str]) -> list[Pair]:
    """The dances of a folder, sorted, with the music of their names; what is neither is counted.

    A video is music where a dance has its name, and else a dance. Raises UserError where there is
    no dance, or two files are the music of one.
    """
    from motionmusic.data.musictodance import SOUND_SUFFIXES, VIDEO_SUFFIXES, sound_file

    if (folder / "skeletons.json").exists():
        return [Pair(folder, None)]
    entries = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    moving, sounding, filmed = (
        {name: path.stem for path in entries if path.suffix.lower() in suffixes
         for name in (path.stem, _folded(path.stem))}
        for suffixes in (MOTION, SOUND_SUFFIXES, VIDEO_SUFFIXES)
    )  # fmt: skip
    pairs = []
    for path in entries:
        suffix, stem = path.suffix.lower(), _folded(path.stem)
        if (path / "skeletons.json").exists():
            pairs.append(Pair(path, None))
        elif suffix in MOTION or (suffix in VIDEO_SUFFIXES and stem not in moving):
            named = sounding if stem in sounding or suffix not in MOTION else filmed
            heard = named.get(path.stem) or named.get(stem)
            pairs.append(Pair(path, sound_file(folder, heard) if heard else None))
        elif (
            suffix not in SOUND_SUFFIXES + VIDEO_SUFFIXES
            or stem not in moving.keys() | filmed.keys()
        ):
            others["folder" if path.is_dir() else suffix or "no suffix"] += 1
    if not pairs:
        expected = f"dances ({', '.join(MOTION)}, videos, or folders with a skeletons.json)"
        got = f"none among {sum(others.values())} files and folders"
        raise UserError(folder, "", expected, got, "name the folder that the dances are in")
    return pairs


def _folded(stem: str) -> str:
    """A name as it is compared: an accent is one letter or two, upper and lower case are one."""
    return unicodedata.normalize("NFC", stem).casefold()


def listed_pairs(file: Path, folder: Path) -> list[Pair]:
    """The dances of a table with the columns dance and music, which may be empty. Raises UserError."""
    remedy = "write lines such as a.npy,songs/a.mp3 under the heads dance,music"
    pairs: dict[Pair, None] = {}
    for number, row in checked_rows(file, "dances and their music", ("dance", "music"), remedy):
        dance, music = row["dance"], row["music"]
        for path in filter(None, (dance, music)):
            if not (folder / path).exists():
                expected = f"a file in {folder}"
                raise UserError(file, f"line {number}", expected, f"{path}, not there", remedy)
        if not dance:
            raise UserError(file, f"line {number}", "a dance", "none", remedy)
        pair = Pair(folder / dance, folder / music if music else None)
        if pair in pairs:
            again = "remove it: a dance that counts twice narrows the interval"
            raise UserError(file, f"line {number}", "another dance or music", "one again", again)
        pairs[pair] = None
    return list(pairs)
