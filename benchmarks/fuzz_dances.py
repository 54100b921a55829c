"""Good files of dances for the fuzzer, and how they are read."""

from __future__ import annotations

import io
import json
import pickle
import warnings
from collections.abc import Callable
from pathlib import Path

import c3d
import numpy as np
from numpy.typing import NDArray

from motionmusic.data.arrays import archive
from motionmusic.data.dance_files import read_own
from motionmusic.data.joint_names import read_names
from motionmusic.data.marker_files import MARKERS
from motionmusic.data.points import JOINT_NAMES, LIMBS, joints_of, points_of, whole
from motionmusic.data.synthetic_body import move
from motionmusic.data.synthetic_dance import TYPES, beat_clock, choreograph, style_of
from motionmusic.data.vrm import BONES

Floats = NDArray[np.float64]


def _body() -> Floats:
    """(40, 23, 3): somebody who walks."""

    rng = np.random.default_rng(0)
    clock, style = beat_clock(TYPES["C"], 8.0, rng), style_of(rng)
    beats = clock.beat_at(np.arange(40) / 25)
    return move(choreograph(TYPES["C"], style, 16.0, rng), style, beats, rng)


def _joints(layout: str) -> Floats:

    body = whole(points_of(_body(), "musictodance"))
    return joints_of(body.points, next(name for name in JOINT_NAMES if name == layout))


def _npz() -> bytes:

    about = {"rate": np.array(25.0), "layout": np.array("mediapipe33")}
    return archive({"joints": _joints("mediapipe33"), **about})


def _npy() -> bytes:

    content = io.BytesIO()
    np.save(content, _joints("coco17"))
    return content.getvalue()


def _json() -> bytes:

    center = _body().mean(axis=1)
    joints = (_body() - center[:, None]).round(2).tolist()
    content = {"length": 40, "center": center.round(2).tolist(), "skeletons": joints}
    return json.dumps(content).encode()


def _bvh() -> bytes:

    points = points_of(_body(), "musictodance")
    root = points["left hip"]
    lines = ["HIERARCHY", "ROOT Hips", "{", "OFFSET 0 0 0"]
    lines.append("CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation")
    rows = [root, np.ones_like(root)]
    for name in LIMBS:
        lines += [f"JOINT {name.title().replace(' ', '')}", "{", "OFFSET 1 0 0"]
        lines += ["CHANNELS 3 Xposition Yposition Zposition", "}"]
        rows.append(points[name] - root)
    motion = [" ".join(f"{x:.3f}" for x in row) for row in np.concatenate(rows, axis=1)]
    lines += ["}", "MOTION", f"Frames: {len(root)}", "Frame Time: 0.04", *motion]
    return "\n".join(lines).encode()


def _c3d() -> bytes:

    points = points_of(_body(), "musictodance")
    labels = {
        name: points[point] * 10
        for point, ways in MARKERS.items() if point in points for name in ways[0]
    }  # fmt: skip
    writer = c3d.Writer(point_rate=100.0)
    content = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for frame in np.stack(list(labels.values()), axis=1):
            rows = np.c_[frame, np.zeros((len(frame), 2))]
            writer.add_frames([(rows, np.zeros((0, 0)))])
        writer.set_point_labels(list(labels))
        writer.write(content)
    return content.getvalue()


def _vrm() -> bytes:
    turns = np.zeros((80, len(BONES), 4))
    turns[..., 3] = 1
    turns[..., 2] = np.sin(np.arange(80)[:, None] / 20) / 2
    bones = {bone: turns[:, n].round(4).ravel().tolist() for n, bone in enumerate(BONES)}
    return json.dumps({"fps": 60, "n": 80, "bones": bones, "hips": [0, 0.9, 0] * 80}).encode()


def _poses() -> bytes:
    poses = {"smpl_poses": np.full((40, 72), 0.1), "smpl_trans": _body()[:, 2]}
    return pickle.dumps({**poses, "smpl_scaling": np.array([93.0])})


# the good file's name and content, and what reads it
DANCES: dict[str, tuple[str, Callable[[], bytes], Callable[[Path], object]]] = {
    "dance-bvh": ("a.bvh", _bvh, read_own),
    "dance-c3d": ("a.c3d", _c3d, read_own),
    "dance-npz": ("a.npz", _npz, read_own),
    "dance-npy": ("a.npy", _npy, lambda file: read_own(file, "coco17", 60.0)),
    "dance-vrm": ("a.json", _vrm, read_own),
    "dance-json": ("a.json", _json, read_own),
    "dance-pickle": (
        "a.pkl", lambda: pickle.dumps({"keypoints3d_optim": _joints("coco17")}), read_own,
    ),
    "dance-smpl": ("a.pkl", _poses, read_own),
    "joint-names": ("a.yaml", lambda: b"left hip: LeftUpLeg\nleft wrist: [A, B]\n", read_names),
}  # fmt: skip
