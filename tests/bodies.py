"""A dancing body, and files of it in what people have, for tests of readers."""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import c3d
import numpy as np
from numpy.typing import NDArray

from motionmusic.data.synthetic_body import move
from motionmusic.data.synthetic_dance import TYPES, beat_clock, choreograph, style_of

Floats = NDArray[np.float64]
RATE_HZ = 25


@cache
def room(seconds: float = 4.0) -> Floats:
    """A synthetic dance: (frames, 23, 3) in cm in the room, in MusicToDance's axes."""
    rng = np.random.default_rng(5)
    clock = beat_clock(TYPES["C"], seconds, rng)
    style = style_of(rng)
    beats = clock.beat_at(np.arange(round(seconds * RATE_HZ)) / RATE_HZ)
    dance = choreograph(TYPES["C"], style, float(beats[-1]) + 1, rng)
    return move(dance, style, beats, rng)


def write_folder(folder: Path, world: Floats, music_s: float | None = None) -> Path:
    """A dance in MusicToDance's layout; config.json where its music's length is given."""
    folder.mkdir(parents=True)
    center = world.mean(axis=1)
    joints = world - center[:, None]
    content = {"length": len(world), "center": center.tolist(), "skeletons": joints.tolist()}
    (folder / "skeletons.json").write_text(json.dumps(content))
    if music_s is not None:
        config = {"start_position": 0, "end_position": music_s * RATE_HZ}
        (folder / "config.json").write_text(json.dumps(config))
    return folder


def write_bvh(
    file: Path, points: Mapping[str, Floats], names: Mapping[str, str], frame_time: str = "0.04"
) -> Path:
    """Every point as a joint with positions, below a root in the middle of the hips.

    ``names`` are the joints' by their points'.
    """
    root = (points["left hip"] + points["right hip"]) / 2
    lines = ["HIERARCHY", "ROOT Hips", "{", "OFFSET 0 0 0"]
    lines.append("CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation")
    rows = [root, np.zeros_like(root)]
    for point, name in names.items():
        lines += [f"JOINT {name}", "{", "OFFSET 1 0 0"]
        lines += ["CHANNELS 3 Xposition Yposition Zposition", "}"]
        rows.append(points[point] - root)
    motion = [" ".join(f"{x:.6f}" for x in row) for row in np.concatenate(rows, axis=1)]
    header = ["}", "MOTION", f"Frames: {len(root)}", f"Frame Time: {frame_time}"]
    file.write_text("\n".join([*lines, *header, *motion]) + "\n")
    return file


def write_c3d(file: Path, markers: Mapping[str, Floats], rate_hz: float = 100.0) -> Path:
    """Markers (frames, 3) in mm by their labels."""
    writer = c3d.Writer(point_rate=rate_hz)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for frame in np.stack(list(markers.values()), axis=1):
            rows = np.c_[np.nan_to_num(frame), np.where(np.isfinite(frame[:, 0]), 0, -1)]
            writer.add_frames([(np.c_[rows, np.zeros(len(rows))], np.zeros((0, 0)))])
        writer.set_point_labels(list(markers))
        content = io.BytesIO()
        writer.write(content)
    file.write_bytes(content.getvalue())
    return file
