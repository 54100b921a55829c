"""Dances in the layout of the MusicToDance data set.

Published data, a user's own dances and the synthetic ones all come in this layout:

    RAW/DANCE_C_1/skeletons.json   {"length": L, "center": L x 3, "skeletons": L x 23 x 3}
    RAW/DANCE_C_1/config.json      {"start_position": a, "end_position": b}
    RAW/DANCE_C_1/audio.mp3        or .wav, .flac, .ogg and others, or a video with sound

A folder's name is ANY_CODE_NUMBER; CODE is the dance type and CODE_NUMBER the piece.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, TypeAdapter, model_validator

from motionmusic.data.checked_json import read_checked
from motionmusic.data.dance import Dance
from motionmusic.errors import UserError

JOINTS = 23
SOUND_SUFFIXES = (
    ".mp3", ".wav", ".flac", ".ogg", ".oga", ".opus", ".m4a", ".m4b", ".aac", ".aif", ".aiff",
    ".aifc", ".wma", ".ape", ".wv", ".mpc", ".tta", ".tak", ".au", ".caf", ".ac3", ".amr", ".dsf",
    ".mka", ".mp2", ".w64", ".rf64", ".bwf", ".spx",
)  # fmt: skip
VIDEO_SUFFIXES = (
    ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".wmv", ".asf", ".flv", ".mpg", ".mpeg",
    ".mts", ".m2ts", ".3gp", ".ogv", ".vob",
)  # fmt: skip
# start_position and end_position count audio frames at this rate, whatever the motion's time base.
POSITIONS_PER_SECOND = 25

_FOLDER = re.compile(r"[^.].*_(?P<piece>[^_]+_[0-9]+)")
_Point = tuple[FiniteFloat, FiniteFloat, FiniteFloat]
_Pose = Annotated[list[_Point], Field(min_length=JOINTS, max_length=JOINTS)]


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True)


class _Skeletons(_Strict):
    length: FiniteFloat
    center: Annotated[list[_Point], Field(min_length=1)]
    skeletons: Annotated[list[_Pose], Field(min_length=1)]

    @model_validator(mode="after")
    def _agree(self) -> _Skeletons:
        frames = len(self.skeletons)
        if self.length != frames or len(self.center) != frames:
            lengths = f"center has {len(self.center)} frames and skeletons {frames}"
            raise ValueError(f"one length: length is {self.length:g}, {lengths}")
        return self


class _Config(_Strict):
    start_position: Annotated[FiniteFloat, Field(ge=0)]
    end_position: Annotated[FiniteFloat, Field(le=1e9)]

    @model_validator(mode="after")
    def _agree(self) -> _Config:
        if self.end_position <= self.start_position:
            got = f"{self.end_position:g} after {self.start_position:g}"
            raise ValueError(f"an end_position above start_position, not {got}")
        return self


_SKELETONS, _CONFIG = TypeAdapter(_Skeletons), TypeAdapter(_Config)


def code_of(piece: str) -> str:
    """The code of the dance type: the first field of the piece's name (C of C_1)."""
    return piece.split("_")[0]


def find_pieces(raw: Path) -> dict[str, Path]:
    """The folder of every piece, in the order of the paper's code: by name as strings, C_10 < C_2.

    Raises UserError: no piece, two folders of one piece, a dance under a name that is no piece's.
    """
    if not raw.is_dir():
        remedy = "put the dances there, or name another folder in params.yaml"
        raise UserError(raw, "", "a folder of dances", "no such folder", remedy)
    pieces: dict[str, Path] = {}
    for folder in sorted(path for path in raw.iterdir() if path.is_dir()):
        match = _FOLDER.fullmatch(folder.name)
        if match is None:
            # anything else may lie beside the dances, but a dance is never left out silently
            if (folder / "skeletons.json").exists():
                expected = "a dance's folder to be named ANY_CODE_NUMBER, such as DANCE_C_1"
                got, remedy = f"{folder.name} with a skeletons.json", "rename or move the folder"
                raise UserError(folder, "", expected, got, remedy)
            continue
        if (piece := match["piece"]) in pieces:
            got = f"{pieces[piece].name} and {folder.name}"
            remedy = "rename one of them (the last two fields are the piece's name), or remove it"
            raise UserError(raw, piece, "one folder for each piece", got, remedy)
        pieces[piece] = folder
    if not pieces:
        expected = "folders named ANY_CODE_NUMBER, such as DANCE_C_1"
        remedy = "name the folder that holds the dances' folders, not one above or below it"
        raise UserError(raw, "", expected, "none", remedy)
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
    """The one sound file of that name in a folder, or else the one video.

    Upper and lower case are one. Raises UserError where there is not just one.
    """
    named = files_named(folder, stem)
    found = [path for path in named if path.suffix.lower() in SOUND_SUFFIXES]
    found = found or [path for path in named if path.suffix.lower() in VIDEO_SUFFIXES]
    if len(found) != 1:
        got = " and ".join(path.name for path in found or named) or "none"
        remedy = "keep the right one only" if found else "put the dance's music there as that file"
        expected = f"one sound file {stem}.mp3, .wav, .flac or of another kind"
        raise UserError(folder, "", expected, got, remedy)
    return found[0]


def files_named(folder: Path, stem: str) -> list[Path]:
    """Files of a folder that have this name before their last dot, in upper or lower case, sorted."""
    if not folder.is_dir():
        return []
    return sorted(
        path for path in folder.iterdir() if path.stem.casefold() == stem.casefold() and path.suffix
    )


def read_skeletons(file: Path) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """skeletons (L, 23, 3) and center (L, 3) of a skeletons.json. Raises UserError."""
    remedy = "copy the whole file from where the dance came from, or remove the dance's folder"
    levels = {"skeletons": ("frame", "joint"), "center": ("frame",)}
    content = read_checked(file, _SKELETONS, remedy, levels)
    return np.array(content.skeletons, np.float64), np.array(content.center, np.float64)


def read_positions(file: Path) -> tuple[float, float]:
    """start_position and end_position of a config.json. Raises UserError."""
    remedy = 'write {"start_position": a, "end_position": b}, frames of the sound at 25 a second'
    content = read_checked(file, _CONFIG, remedy, {})
    return content.start_position, content.end_position
