"""Which movement units MusicToDance's pieces are made of (ChoreoNet's tables; docs/data.md).

A piece is a sequence of recorded clips, the movement units, each stretched to its beats:

    RAW/data/choreography/{C,R,T,W}.json   per piece its units and their beats
    RAW/data/movement_interval.csv         per unit the capture session that it was recorded in

HOLD repeats the last pose and so belongs to the unit before it. START is a unit of its own, from a
recording that is not published.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Annotated, NamedTuple

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from motionmusic.data.checked_json import read_checked
from motionmusic.data.musictodance import POSITIONS_PER_SECOND
from motionmusic.errors import UserError

HOLD, START = "HOLD", "START"
TIME_MAP = "time_map.csv"
UNKNOWN = "unknown"
"""The capture session of a unit whose recording is not known."""

# Limb lengths show two bodies: thighs of 44 and of 55 cm (docs/data.md).
_BODIES = {
    "A": re.compile("14|15|16|17|20"),
    "B": re.compile("(ll_qq|ll_lb|mm_hez)_.*"),
}
_FILES = "CRTW"
# Frames a beat in the paper's time base: a beat, and a waltz's bar of three, take half a second.
_PAPER_RATES = (Fraction(25, 2), Fraction(25, 6))
_REMEDY = "delete data/choreonet and run `dvc repro` again, which downloads it anew"


@dataclass(frozen=True)
class Choreography:
    """What one piece dances: its units in order, HOLD and START among them, and each one's beats.

    ``music_frames`` is the length of the piece in its music, at 25 a second.
    """

    piece: str
    movements: tuple[str, ...]
    beats: tuple[int, ...]
    music_frames: int

    @property
    def beat_hz(self) -> float:
        """Beats a second as published, which is not the song's tempo (docs/on_beat.md)."""
        return sum(self.beats) / (self.music_frames / POSITIONS_PER_SECOND)


class Span(NamedTuple):
    """The frames start … end - 1 of a piece, in which it dances a unit of a capture session."""

    piece: str
    start: int
    end: int
    unit: str
    capture: str


class _Entry(BaseModel):
    model_config = ConfigDict(strict=True)

    name: Annotated[str, Field(pattern=r"^DANCE_[^_]+_[0-9]+$")]
    start_pos: int
    end_pos: int
    movements: Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=1)]
    durations: list[Annotated[int, Field(ge=1)]]

    @model_validator(mode="after")
    def _agree(self) -> _Entry:
        if len(self.movements) != len(self.durations):
            raise ValueError("as many durations as movements")
        if self.end_pos <= self.start_pos:
            raise ValueError("an end_pos after start_pos")
        if self.movements[0] == HOLD:
            raise ValueError("a movement before the first HOLD")
        return self


_ENTRIES = TypeAdapter(list[_Entry])


def figure_of(unit: str) -> str:
    """The figure that a unit is a take of: T-3-1 and T-3-7 are takes of T-3."""
    return "-".join(unit.split("-")[:2])


def body_of(capture: str) -> str:
    """The body that danced a capture session, A or B; UNKNOWN where it was not measured."""
    return next((body for body, name in _BODIES.items() if name.fullmatch(capture)), UNKNOWN)


def read_choreographies(raw: Path) -> dict[str, Choreography]:
    """By piece. Raises UserError where a file is missing or malformed, or a piece is there twice."""
    found: dict[str, Choreography] = {}
    for code in _FILES:
        file = raw / "data" / "choreography" / f"{code}.json"
        for entry in read_checked(file, _ENTRIES, _REMEDY, {}):
            piece = entry.name.removeprefix("DANCE_")
            if piece in found:
                raise UserError(file, piece, "each piece once", "it again", _REMEDY)
            units = tuple(entry.movements), tuple(entry.durations)
            found[piece] = Choreography(piece, *units, entry.end_pos - entry.start_pos)
    return found


def read_captures(raw: Path) -> dict[str, str]:
    """The capture session of every unit; UNKNOWN where a unit's name stands for two recordings.

    Raises UserError where the file is missing, lacks a column or a value.
    """
    file = raw / "data" / "movement_interval.csv"
    try:
        text = file.read_text("utf-8", "replace")
    except FileNotFoundError:
        raise UserError(file, "", "a table of movements", "no such file", _REMEDY) from None
    captures: dict[str, str] = {}
    for number, row in enumerate(csv.DictReader(text.splitlines()), start=2):
        unit, capture = row.get("movement_tag"), row.get("c3d_file")
        if not unit or not capture:
            got = ", ".join(f"{key} {value}" for key, value in row.items())
            raise UserError(file, f"line {number}", "movement_tag and c3d_file", got, _REMEDY)
        captures[unit] = capture if captures.get(unit, capture) == capture else UNKNOWN
    return captures


def units(raw: Path, pieces: pd.DataFrame) -> pd.DataFrame:
    """Which unit the pieces of a corpus dance when (units.csv): piece, start, end, unit, capture.

    Of pieces (piece, frames of its motion, at 25 a second, uncut); without RAW/choreonet no unit is
    known. Raises UserError where a table is broken, or has no choreography that fits a piece.
    """
    frames = dict(zip(pieces["piece"], pieces["frames"], strict=True))
    if (raw / TIME_MAP).exists():
        return pd.DataFrame(_read_time_map(raw / TIME_MAP, frames), columns=list(Span._fields))
    folder, found = raw / "choreonet", list[Span]()
    if folder.exists():
        choreographies, captures = read_choreographies(folder), read_captures(folder)
        for piece, length in frames.items():
            if piece not in choreographies:
                remedy = "take it out of the corpus's pieces"
                raise UserError(folder, piece, "a choreography of the piece", "none", remedy)
            found += unit_spans(choreographies[piece], int(length), captures)
    return pd.DataFrame(found, columns=list(Span._fields))


def unit_spans(choreography: Choreography, frames: int, captures: Mapping[str, str]) -> list[Span]:
    """Which unit a piece dances when, in order and without gaps.

    A unit of b beats takes floor(b · f) frames. f is 12.5 frames a beat in the paper's time base
    (a third of it in waltz) and frames of the music / beats in the music's; the one of them whose
    sum is the piece's length is taken. Exception: where none is and a piece begins with START, as
    T_5 in the music's time, START is shorter and takes what the others leave.

    ``frames`` is the length of the piece's motion, at 25 a second, uncut. Raises UserError where no
    f gives it, or a unit is in no capture session.
    """
    danced: list[Span] = []
    lengths = unit_frames(choreography, frames)
    for movement, length in zip(choreography.movements, lengths, strict=True):
        start = danced[-1].end if danced else 0
        if movement == HOLD:
            danced[-1] = danced[-1]._replace(end=danced[-1].end + length)
            continue
        if movement != START and movement not in captures:
            expected = f"a row of its unit {movement}"
            raise UserError("movement_interval.csv", choreography.piece, expected, "none", _REMEDY)
        capture = captures.get(movement, UNKNOWN)
        danced.append(Span(choreography.piece, start, start + length, movement, capture))
    return danced


def unit_frames(choreography: Choreography, frames: int) -> list[int]:
    """How many frames of a published piece each of its movements takes; see :func:`unit_spans`."""
    beats, movements = choreography.beats, choreography.movements
    in_music = Fraction(choreography.music_frames, sum(beats))
    # exact fractions: a floor of floats may fall one frame short
    lengths = {f: [math.floor(b * f) for b in beats] for f in (*_PAPER_RATES, in_music)}
    fitting = [taken for taken in lengths.values() if sum(taken) == frames]
    if not fitting and movements[0] == START:
        left = frames - sum(lengths[in_music][1:])
        if 0 < left < lengths[in_music][0]:
            fitting = [[left, *lengths[in_music][1:]]]
    if not fitting:
        sums = ", ".join(f"{sum(taken)}" for taken in lengths.values())
        expected = f"as many frames as its choreography gives in one of the time bases ({sums})"
        remedy = "use the published motion uncut"
        raise UserError("skeletons.json", choreography.piece, expected, f"{frames}", remedy)
    return fitting[0]


def _read_time_map(file: Path, frames: Mapping[str, int]) -> list[Span]:
    """The units of pieces on the beat, in frames; one that starts within a unit belongs to it."""
    spans: list[Span] = []
    with file.open(encoding="utf-8", newline="") as table:
        for row in csv.DictReader(table):
            piece = row["piece"]
            start, end = (
                min(frames[piece], math.ceil(float(row[key]) * POSITIONS_PER_SECOND - 1e-3))
                for key in ("start_s", "end_s")
            )
            if row["movement"] == HOLD:
                spans[-1] = spans[-1]._replace(end=end)
            else:
                spans.append(Span(piece, start, end, row["movement"], row["capture"]))
    return spans
