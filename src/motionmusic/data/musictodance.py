"""Dances in the layout of the MusicToDance data set.

Published data, a user's own dances and the synthetic ones all come in this layout:

    RAW/DANCE_C_1/skeletons.json   {"length": L, "center": L x 3, "skeletons": L x 23 x 3}
    RAW/DANCE_C_1/config.json      {"start_position": a, "end_position": b}
    RAW/DANCE_C_1/audio.mp3        or .wav, .flac, .ogg

A folder's name is ANY_CODE_NUMBER; CODE is the dance type and CODE_NUMBER the piece.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from motionmusic.data.dance import Dance
from motionmusic.errors import UserError
from motionmusic.files import read_json

JOINTS = 23
SOUND_SUFFIXES = (".mp3", ".wav", ".flac", ".ogg")
# start_position and end_position count audio frames at this rate, whatever the motion's time base.
POSITIONS_PER_SECOND = 25

_FOLDER = re.compile(r"[^.].*_(?P<piece>[^_]+_[0-9]+)")
_NUMBERS = (int, float)
# Python's JSON reader also takes NaN, Infinity and integers that no float can hold.
_LARGEST = 1e300
_SKELETONS_REMEDY = (
    "copy the whole file from where the dance came from, or remove the dance's folder"
)
_CONFIG_REMEDY = (
    'write {"start_position": a, "end_position": b}, frames of the sound at 25 a second'
)


def code_of(piece: str) -> str:
    """The code of the dance type: the first field of the piece's name (C of C_1)."""
    return piece.split("_")[0]


def find_pieces(raw: Path) -> dict[str, Path]:
    """The folder of every piece, in the order of the paper's code: by name as strings, C_10 < C_2.

    Raises:
        UserError: no piece, two folders of one piece, or a dance under a name that is no piece's.
    """
    if not raw.is_dir():
        raise UserError(raw, "", "a folder of dances", "no such folder", "name an existing folder")
    pieces: dict[str, Path] = {}
    for folder in sorted(path for path in raw.iterdir() if path.is_dir()):
        match = _FOLDER.fullmatch(folder.name)
        if match is None:
            # Anything else may lie beside the dances, but a dance is never left out silently.
            if (folder / "skeletons.json").exists():
                raise UserError(
                    folder,
                    "",
                    "a dance's folder to be named ANY_CODE_NUMBER, such as DANCE_C_1",
                    f"the name {folder.name} for a folder with a skeletons.json",
                    "rename the folder, or move it elsewhere",
                )
            continue
        piece = match["piece"]
        if piece in pieces:
            raise UserError(
                raw,
                piece,
                "one folder for each piece",
                f"{pieces[piece].name} and {folder.name}",
                "rename one of them (the last two fields are the piece's name), or remove it",
            )
        pieces[piece] = folder
    if not pieces:
        raise UserError(
            raw,
            "",
            "folders named ANY_CODE_NUMBER, such as DANCE_C_1",
            "none",
            "name the folder that holds the dances' folders itself, not one above or below it",
        )
    return {piece: pieces[piece] for piece in sorted(pieces)}


def read_dance(piece: str, folder: Path) -> Dance:
    """One dance, every value checked. Raises UserError for the first thing wrong with it."""
    skeletons, center = read_skeletons(folder / "skeletons.json")
    start, end = read_positions(folder / "config.json")
    return Dance(
        piece=piece,
        code=code_of(piece),
        skeletons=skeletons,
        center=center,
        music_file=sound_file(folder, "audio"),
        music_start_s=start / POSITIONS_PER_SECOND,
        music_end_s=end / POSITIONS_PER_SECOND,
    )


def sound_file(folder: Path, stem: str) -> Path:
    """The one sound file of that name in a folder. Raises UserError where there is not just one."""
    names = "{" + ",".join(suffix[1:] for suffix in SOUND_SUFFIXES) + "}"
    named = sorted(folder.glob(f"{stem}.*"))
    found = [path for path in named if path.suffix.lower() in SOUND_SUFFIXES]
    if len(found) != 1:
        raise UserError(
            folder,
            "",
            f"one sound file {stem}.{names}",
            " and ".join(path.name for path in found or named) or "none",
            "keep the right one only" if found else "put the dance's music there under that name",
        )
    return found[0]


def read_skeletons(file: Path) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """skeletons (L, 23, 3) and center (L, 3) of a skeletons.json."""
    content = _read_keys(file, ("length", "center", "skeletons"), _SKELETONS_REMEDY)
    length, center, skeletons = content["length"], content["center"], content["skeletons"]
    for key, rows in (("skeletons", skeletons), ("center", center)):
        if not isinstance(rows, list) or not rows:
            _fail(file, key, "a list with at least one frame", rows)
    if not _is_number(length) or length != len(skeletons):
        _fail(file, "length", f"{len(skeletons)}, the number of frames in skeletons", length)
    if len(center) != len(skeletons):
        _fail(file, "center", f"{len(skeletons)} frames as in skeletons", center)
    for frame, joints in enumerate(skeletons):
        if not isinstance(joints, list) or len(joints) != JOINTS:
            _fail(file, f"skeletons, frame {frame}", f"a list of {JOINTS} joints", joints)
        for joint, point in enumerate(joints):
            if not _is_point(point):
                where = f"skeletons, frame {frame}, joint {joint}"
                _fail(file, where, "three finite numbers x, y, z", point)
    for frame, point in enumerate(center):
        if not _is_point(point):
            _fail(file, f"center, frame {frame}", "three finite numbers x, y, z", point)
    return np.array(skeletons, dtype=np.float64), np.array(center, dtype=np.float64)


def read_positions(file: Path) -> tuple[float, float]:
    """start_position and end_position of a config.json."""
    content = _read_keys(file, ("start_position", "end_position"), _CONFIG_REMEDY)
    start, end = content["start_position"], content["end_position"]
    if not _is_number(start) or start < 0:
        _fail(file, "start_position", "a number from 0 on", start, _CONFIG_REMEDY)
    if not _is_number(end) or end <= start:
        _fail(file, "end_position", f"a number above start_position {start}", end, _CONFIG_REMEDY)
    return start, end


def _read_keys(file: Path, keys: tuple[str, ...], remedy: str) -> dict[str, Any]:
    """A JSON object that has these keys."""
    content = read_json(file, remedy)
    if not isinstance(content, dict):
        _fail(file, "", f"an object with {', '.join(keys)}", content, remedy)
    for key in keys:
        if key not in content:
            got = f"no such key; it has {', '.join(content) or 'none'}"
            raise UserError(file, key, "a value", got, remedy)
    return content


def _is_number(value: object) -> bool:
    return (
        isinstance(value, (int, float))
        and not isinstance(value, bool)
        and -_LARGEST < value < _LARGEST
    )


def _is_point(value: object) -> bool:
    # Written out because it is called for every joint of every frame, 100,000 times a dance.
    if type(value) is not list or len(value) != 3:
        return False
    x, y, z = value
    return (
        type(x) in _NUMBERS
        and type(y) in _NUMBERS
        and type(z) in _NUMBERS
        and -_LARGEST < x < _LARGEST
        and -_LARGEST < y < _LARGEST
        and -_LARGEST < z < _LARGEST
    )


def _fail(
    file: Path, where: str, expected: str, got: object, remedy: str = _SKELETONS_REMEDY
) -> NoReturn:
    raise UserError(file, where, expected, _shown(got), remedy)


def _shown(value: object) -> str:
    """A value as a message shows it: long ones by their size."""
    text = repr(value) if not isinstance(value, list) or len(value) <= 4 else ""
    if 0 < len(text) <= 80:
        return text
    return f"{len(value)} entries" if isinstance(value, (list, dict)) else f"{text[:60]}..."
