"""c3d files: markers on a dancer → the points of the body."""

from __future__ import annotations

import io
import struct
import warnings
from pathlib import Path
from typing import NamedTuple

import c3d
import numpy as np

from motionmusic.errors import UserError
from motionmusic.files import Floats

# point → the marker, or those that it is the middle of; every line that a file has in full is used.
# Names of ChoreoNet and of Plug-in Gait. As in MusicToDance, waist markers stand for
# hip joints, and the little finger's side for the wrist.
MARKERS: dict[str, tuple[tuple[str, ...], ...]] = {
    f"{side} {point}": tuple(tuple(f"{side[0].upper()}{name}" for name in names) for names in ways)
    for side in ("left", "right")
    for point, ways in {
        "temple": (("FHD", "BHD"),),
        "shoulder": (("SHO",), ("SHOULDER",)),
        "elbow": (("ELB",), ("ELBW",)),
        "forearm": (("FRM",), ("FRA",)),
        "wrist": (("WRB",), ("WRA",), ("WRI",)),
        "hand": (("FIN",),),
        "hip": (("FWT", "BWT"), ("ASI", "PSI"), ("ASI",)),
        "knee": (("KNE",), ("KNEE",)),
        "ankle": (("ANK",), ("ANKLE",)),
        "heel": (("HEE",), ("HEEL",)),
        "toe": (("TOE",),),
    }.items()
} | {"trunk": (("STRN", "T10"),)}
_REMEDY = "export the capture as c3d again"


class Capture(NamedTuple):
    """What a file holds."""

    names: tuple[str, ...]
    markers: Floats  # (frames, markers, 3), NaN where a marker was not seen
    rate_hz: float


def read_capture_file(file: Path) -> Capture:
    """Every marker. Raises UserError for what is no whole c3d file."""
    labels, raw, rate_hz, _ = read_points(file, _REMEDY)
    if raw.ndim != 3 or not raw.size or len(labels) < raw.shape[1]:
        raise UserError(file, "POINT", "markers with labels", f"{len(labels)} labels", _REMEDY)
    seen = raw[..., 3:] >= 0  # the residual of a marker that no camera saw is −1
    return Capture(tuple(labels), np.where(seen, raw[..., :3], np.nan), rate_hz)


def read_points(file: Path, remedy: str) -> tuple[list[str], Floats, float, int]:
    """Labels, (frames, markers, 4) with the residuals, frames a second, number of the first frame.

    Raises UserError for what is no whole c3d file.
    """
    content = file.read_bytes()
    try:
        _must_be_whole(content)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of analog data
            reader = c3d.Reader(io.BytesIO(content))
            labels = [str(label).split(":")[-1].strip() for label in reader.point_labels]
            raw = np.array([points[:, :4] for _, points, _ in reader.read_frames()], np.float64)
            return labels, raw, float(reader.point_rate), int(reader.first_frame)
    except Exception as error:  # the library has no error of its own
        got = f"{len(content)} bytes that cannot be read as c3d ({error})"
        raise UserError(file, "", "a c3d file", got, remedy) from None


def _must_be_whole(content: bytes) -> None:
    """The header's frames must fit the file, or a broken one would be read for ever."""
    points, _analog, first, last = struct.unpack_from("<4H", content, 2)
    if len(content) < 1024 or points == 0 or last < first:
        raise ValueError("a header without frames")
    # files of big-endian machines are rare; theirs are read as the library does
    if content[1] == 0x50 and points * 8 * (last - first) > 4 * len(content) and points < 256:
        raise ValueError(f"{last - first + 1} frames of {points} markers in so few bytes")


def ways_of(names: tuple[str, ...]) -> dict[str, list[int]]:
    """Numbers of the markers that each point is the mean of."""
    number = {name.upper(): n for n, name in reversed(list(enumerate(names)))}
    found = {}
    for point, ways in MARKERS.items():
        for way in ways:
            if all(name in number for name in way):
                found[point] = [number[name] for name in way]
                break
    return found
