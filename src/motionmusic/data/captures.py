"""ChoreoNet's motion captures: 41 markers at 80 Hz in c3d files → MusicToDance's 23 joints.

How the published joints were made of the markers was found by fitting (docs/data.md): each is a
marker or the middle of two; the body's centre is the mean of all 41.
"""

from __future__ import annotations

import csv
import io
import math
import warnings
from pathlib import Path

import c3d
import numpy as np
from numpy.typing import NDArray

from motionmusic.errors import UserError

Floats = NDArray[np.float64]

CAPTURE_HZ = 80
UNIT_HZ = 40.0
MARKERS = 41
# joint → the marker, or the two that it is the middle of
JOINT_MARKERS = (
    ("LFHD", "LBHD"),
    ("RFHD", "RBHD"),
    ("STRN", "T10"),
    ("LSHO",),
    ("LELB",),
    ("LFRM",),
    ("LWRB", "LFIN"),
    ("LFWT", "LBWT"),
    ("LKNE",),
    ("LANK",),
    ("LHEE",),
    ("LTOE",),
    ("RSHO",),
    ("RELB",),
    ("RWRB", "RFRM"),
    ("RFIN",),
    ("RFWT", "RBWT"),
    ("RKNE",),
    ("RANK",),
    ("RHEE",),
    ("RTOE",),
    ("RFRM",),
    ("LFIN",),
)
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
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        raise UserError(file, "", "a motion capture", "no such file", _REMEDY) from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of analog data, which these files do not have
            reader = c3d.Reader(io.BytesIO(content))
            names = [str(label).split(":")[-1].strip() for label in reader.point_labels]
            raw = np.array([points[:, :3] for _, points, _ in reader.read_frames()], np.float64)
            first, rate_hz = int(reader.first_frame), float(reader.point_rate)
    except Exception as error:  # the library has no error of its own
        got = f"{len(content)} bytes that cannot be read as c3d ({error})"
        raise UserError(file, "", "a c3d file", got, _REMEDY) from None
    if missing := sorted({name for pair in JOINT_MARKERS for name in pair} - set(names)):
        raise UserError(file, "POINT:LABELS", "41 markers", f"no {', '.join(missing)}", _REMEDY)
    if len(names) != MARKERS or rate_hz != CAPTURE_HZ or not np.isfinite(raw).all():
        got = f"{len(names)} at {rate_hz:g} Hz"
        raise UserError(file, "POINT", f"{MARKERS} markers at {CAPTURE_HZ} Hz", got, _REMEDY)
    markers = raw[first % 2 :: 2, :, [0, 2, 1]] / 10  # mm, z up
    joints = [markers[:, [names.index(name) for name in of]].mean(axis=1) for of in JOINT_MARKERS]
    return np.stack([*joints, markers.mean(axis=1)], axis=1)


def read_units(choreonet: Path, captures: Path) -> dict[str, Floats]:
    """Every movement unit whose capture is there: (frames, 24, 3), see :func:`read_capture`.

    Args:
        choreonet: the folder with data/movement_interval.csv.
        captures: the folder with data/raw_c3d/*.c3d.

    Raises:
        UserError: a capture is broken, or shorter than a unit of it.
    """
    table = choreonet / "data" / "movement_interval.csv"
    clips: dict[str, Floats] = {}
    read: dict[str, Floats] = {}
    for row in csv.DictReader(table.read_text("utf-8", "replace").splitlines()):
        file = captures / "data" / "raw_c3d" / f"{row['c3d_file']}.c3d"
        if not file.exists():
            continue
        if row["c3d_file"] not in read:
            read[row["c3d_file"]] = read_capture(file)
        first = math.floor(float(row["fake_start_frame"]))
        last = math.floor(float(row["fake_end_frame"]))
        clip = read[row["c3d_file"]][first:last]
        if len(clip) < last - first:
            got = f"{len(read[row['c3d_file']])} frames at {UNIT_HZ:g} Hz"
            raise UserError(file, row["movement_tag"], f"at least {last} frames", got, _REMEDY)
        clips[row["movement_tag"]] = clip
    return clips
