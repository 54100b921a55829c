"""ChoreoNet's motion captures: 41 markers at 80 Hz in c3d files → MusicToDance's 23 joints.

How the published joints were made of the markers was found by fitting (docs/data.md): each is a
marker or the middle of two; the body's centre is the mean of all 41.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from motionmusic.data.marker_files import read_points
from motionmusic.errors import UserError
from motionmusic.files import Floats, must_be_file

CAPTURE_HZ = 80
UNIT_HZ = 40.0
MARKERS = 41
# of each joint in its order the marker, or the two that it is the middle of
_MARKERS = (
    "LFHD+LBHD RFHD+RBHD STRN+T10 LSHO LELB LFRM LWRB+LFIN LFWT+LBWT LKNE LANK LHEE LTOE"
    " RSHO RELB RWRB+RFRM RFIN RFWT+RBWT RKNE RANK RHEE RTOE RFRM LFIN"
)
JOINT_MARKERS = tuple(tuple(names.split("+")) for names in _MARKERS.split())
FEET = (9, 10, 11, 18, 19, 20)
_NO_UNIT = "NIL"
_ENOUGH = 10  # cuts of a capture, to say whether they agree
_CHANCE = 0.05
_FFT = 1 << 19
_REMEDY = "delete data/captures and run `dvc repro` again, which downloads it anew"


def read_capture(file: Path) -> Floats:
    """A capture as MusicToDance has it, at half its rate.

    Frame j is frame 2j + 1 of the file (from 0) where the number of its first frame (from 1) is odd
    and 2j where it is even, as in every published unit.

    Returns:
        (frames, 24, 3) in cm, 40 a second: 23 joints and the body's centre, in the room, axes x,
        y (up), z. The published axes mirror the captured ones.

    Raises:
        UserError: the file is missing, is no c3d file, or lacks a marker.
    """
    must_be_file(file, "a motion capture", _REMEDY)
    names, points, rate_hz, first = read_points(file, _REMEDY)
    raw = points[..., :3]
    if missing := sorted({name for pair in JOINT_MARKERS for name in pair} - set(names)):
        raise UserError(file, "POINT:LABELS", "41 markers", f"no {', '.join(missing)}", _REMEDY)
    if len(names) != MARKERS or rate_hz != CAPTURE_HZ or not np.isfinite(raw).all():
        got = f"{len(names)} at {rate_hz:g} Hz"
        raise UserError(file, "POINT", f"{MARKERS} markers at {CAPTURE_HZ} Hz", got, _REMEDY)
    markers = raw[first % 2 :: 2, :, [0, 2, 1]] / 10  # mm, z up
    joints = [markers[:, [names.index(name) for name in of]].mean(axis=1) for of in JOINT_MARKERS]
    return np.stack([*joints, markers.mean(axis=1)], axis=1)


class Cut(NamedTuple):
    """Where a movement unit lies in its capture, in frames at 40 a second."""

    unit: str
    start: float
    end: float
    beats: float


def read_units(choreonet: Path, captures: Path, *, own_beats: bool = False) -> dict[str, Floats]:
    """Every movement unit whose capture is there: (frames, 24, 3), see :func:`read_capture`.

    Args:
        choreonet: the folder with data/movement_interval.csv.
        captures: the folder with data/raw_c3d/*.c3d.
        own_beats: cut as :func:`on_own_beats` does, not as the publishers.

    Raises:
        UserError: a capture is broken, or shorter than a unit of it.
    """
    table = choreonet / "data" / "movement_interval.csv"
    cuts: dict[str, list[Cut]] = {}
    for row in csv.DictReader(table.read_text("utf-8", "replace").splitlines()):
        if row["movement_tag"] == _NO_UNIT:
            continue
        ends = float(row["fake_start_frame"]), float(row["fake_end_frame"])
        cut = Cut(row["movement_tag"], *ends, float(row["beats"] or 0))
        cuts.setdefault(row["c3d_file"], []).append(cut)
    clips: dict[str, Floats] = {}
    for name, of in cuts.items():
        file = captures / "data" / "raw_c3d" / f"{name}.c3d"
        if not file.exists():
            continue
        capture = read_capture(file)
        for cut in on_own_beats(capture, of) if own_beats else of:
            first, last = math.floor(cut.start), math.floor(cut.end)
            if last > len(capture):
                got = f"{len(capture)} frames at {UNIT_HZ:g} Hz"
                raise UserError(file, cut.unit, f"at least {last} frames", got, _REMEDY)
            clips[cut.unit] = capture[first:last]
    return clips


def on_own_beats(capture: Floats, cuts: Sequence[Cut]) -> list[Cut]:
    """Cuts moved onto the beat that the dancer kept while being captured.

    The publishers cut by hand: units of one capture, danced in one tempo, differ by 10 % and more
    in seconds a beat. The feet's speed has a line at the capture's beat; where the cuts agree with
    its phase more than chance does (Rayleigh's test), each unit starts at the nearest moment of the
    phase that they have in common and lasts as long as its beats do. It asks no music.

    Args:
        capture: (frames, 24, 3), 40 a second.
        cuts: of the capture.

    Returns:
        The cuts, those with beats moved if the capture keeps a beat; else as they are.
    """
    beaten = [cut for cut in cuts if cut.beats > 0]
    if len(beaten) < _ENOUGH:
        return list(cuts)
    beat_hz = _beat_hz(capture, beaten)
    phases = np.exp(2j * np.pi * beat_hz * np.array([cut.start for cut in beaten]) / UNIT_HZ)
    if np.exp(-len(phases) * abs(phases.mean()) ** 2) > _CHANCE:
        return list(cuts)
    frames = UNIT_HZ / beat_hz
    late = np.angle(phases / phases.mean()) / (2 * np.pi) * frames
    moved = []
    for cut, away in zip(beaten, late, strict=True):
        start = max(0, round(cut.start - away))
        end = min(len(capture), round(cut.start - away + cut.beats * frames))
        moved.append(cut._replace(start=start, end=end))
    return [*(cut for cut in cuts if not cut.beats > 0), *moved]


def _beat_hz(capture: Floats, cuts: Sequence[Cut]) -> float:
    """The feet's frequency near the tempo of the cuts: lines at half, one and two times the beat."""
    first, last = int(min(c.start for c in cuts)), int(max(c.end for c in cuts))
    speed = np.linalg.norm(np.diff(capture[first:last, FEET], axis=0), axis=2).mean(axis=1)
    near = UNIT_HZ * sum(c.beats for c in cuts) / sum(c.end - c.start for c in cuts)
    step = UNIT_HZ / _FFT
    power = np.abs(np.fft.rfft(speed - speed.mean(), _FFT)) ** 2
    bins = np.arange(round(0.8 * near / step / 2) * 2, round(1.25 * near / step), 2)
    lines = power[bins] + power[bins // 2] + power[2 * bins] / 2
    return float(bins[np.argmax(lines)] * step)
