"""The points of a body that all skeletons share, and every skeleton's joints as sums of them.

A dance in any layout becomes named points, in a right-handed room with y up; what is missing is put
where anatomy has it and named; then points become joints of any layout. MusicToDance's axes are
left-handed (docs/data.md), so its z changes sign on the way.

Shares and lengths are medians of what was measured: MusicToDance's captures (trunk, feet, hands)
and six sequences of AIST++ (head). Lengths are parts of the body's size, from shoulders to ankles.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

import numpy as np

from motionmusic.features.skeletons import AIST, LAYOUTS, MUSICTODANCE, LayoutName
from motionmusic.files import Floats

Points = dict[str, Floats]
FileLayout = Literal["musictodance", "coco17", "smpl24", "mediapipe33"]

LIMBS = tuple(
    f"{side} {joint}"
    for joint in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
    for side in ("left", "right")
)
"""What no rule gives: a dance must have all of these."""

SMPL24 = (
    "pelvis", "left hip", "right hip", "spine 1", "left knee", "right knee", "spine 2",
    "left ankle", "right ankle", "spine 3", "left toe", "right toe", "neck", "left collar",
    "right collar", "skull", "left shoulder", "right shoulder", "left elbow", "right elbow",
    "left wrist", "right wrist", "left hand", "right hand",
)  # fmt: skip
MEDIAPIPE33 = (
    "nose", "left eye inner", "left eye", "left eye outer", "right eye inner", "right eye",
    "right eye outer", "left ear", "right ear", "mouth left", "mouth right", "left shoulder",
    "right shoulder", "left elbow", "right elbow", "left wrist", "right wrist", "left pinky",
    "right pinky", "left index", "right index", "left thumb", "right thumb", "left hip",
    "right hip", "left knee", "right knee", "left ankle", "right ankle", "left heel", "right heel",
    "left toe", "right toe",
)  # fmt: skip
JOINT_NAMES: dict[FileLayout, tuple[str, ...]] = {
    "musictodance": MUSICTODANCE.joints,
    "coco17": AIST.joints,
    "smpl24": SMPL24,
    "mediapipe33": MEDIAPIPE33,
}

# joints that are not points of their own: the points that they are sums of
_SUMS: dict[FileLayout, dict[str, dict[str, float]]] = {
    "musictodance": {
        "head left": {"left temple": 1.0},
        "head right": {"right temple": 1.0},
        "left wrist": {"left wrist": 0.5, "left hand": 0.5},
        "right wrist": {"right wrist": 0.5, "right forearm": 0.5},
    },
    "coco17": {},
    "smpl24": {},
    "mediapipe33": {
        f"{side} {finger}": {f"{side} hand": 1.0}
        for side in ("left", "right")
        for finger in ("pinky", "index", "thumb")
    }
    | {f"{side} eye {corner}": {f"{side} eye": 1.0}
       for side in ("left", "right") for corner in ("inner", "outer")}
    | {f"mouth {side}": {"nose": 0.75, f"{side} ear": 0.55, "head": -0.3}
       for side in ("left", "right")},
}  # fmt: skip
# points that are not joints of the layout but follow from its joints
_SOLVED: dict[FileLayout, dict[str, dict[str, float]]] = {
    "musictodance": {
        "left temple": {"head left": 1.0},
        "right temple": {"head right": 1.0},
        "left wrist": {"left wrist": 2.0, "left hand": -1.0},
        "right wrist": {"right wrist": 2.0, "right forearm": -1.0},
        "right hand": {"right hand": 1.0},
    },
    "coco17": {},
    "smpl24": {},
    "mediapipe33": {
        f"{side} hand": {f"{side} pinky": 0.5, f"{side} index": 0.5} for side in ("left", "right")
    },
}

HEAD = 0.128  # from ear to ear
_TEMPLES = 0.65  # from temple to temple, of that
_SMALL = 1e-9


class Body(NamedTuple):
    """All points of a dance, and which of them no file had."""

    points: Points
    between: tuple[str, ...]  # lie between measured ones
    guessed: tuple[str, ...]  # lie beyond them: a hand on a forearm, a foot on a shank, a face


def points_of(joints: Floats, layout: FileLayout) -> Points:
    """Points of joints (frames, v, 3), y up, in the layout's own axes."""
    names = JOINT_NAMES[layout]
    room = joints * (1, 1, -1) if layout == "musictodance" else joints
    own = dict(zip(names, np.moveaxis(room, 1, 0), strict=True))
    points = {name: own[name] for name in names if name not in _SUMS[layout]}
    for name, parts in _SOLVED[layout].items():
        points[name] = _sum(own, parts)
    return points


def joints_of(points: Mapping[str, Floats], layout: FileLayout | LayoutName) -> Floats:
    """Joints (frames, v, 3) of a layout, in its own axes with y up, from all points."""
    joints = np.stack([_sum(points, parts) for parts in sums_of(layout).values()], axis=1)
    return joints * (1, 1, -1) if layout == "musictodance" else joints


def sums_of(layout: FileLayout | LayoutName) -> dict[str, dict[str, float]]:
    """Every joint of a layout, in order, as a sum of points."""
    theirs = next((name for name in JOINT_NAMES if name == layout), None)
    if theirs is not None:
        names, sums = JOINT_NAMES[theirs], _SUMS[theirs]
    else:  # the joints of AIST++, or some of them, are points
        names, sums = next(mine.joints for name, mine in LAYOUTS.items() if name == layout), {}
    return {name: sums.get(name, {name: 1.0}) for name in names}


def missing_in(body: Body, layout: FileLayout | LayoutName) -> tuple[list[str], list[str]]:
    """Joints of a layout that lie between measured points, and those that are guessed."""
    between, guessed = [], []
    for name, parts in sums_of(layout).items():
        if set(parts) & set(body.guessed):
            guessed.append(name)
        elif set(parts) & set(body.between):
            between.append(name)
    return between, guessed


def whole(points: Mapping[str, Floats]) -> Body:
    """Every point of a body, those that are missing put where anatomy has them.

    Of points in a right-handed room, y up, which have all of :data:`LIMBS`.
    """
    filling = _Filling(dict(points), [], [])
    body, between, guess = filling.points, filling.between, filling.guess
    shoulders, hips = filling.middle("shoulder"), filling.middle("hip")
    spine = shoulders - hips
    between("pelvis", hips)
    between("trunk", hips + 0.4 * spine)
    _fill_head(filling, shoulders, spine)
    between("neck", shoulders + 0.25 * (body["head"] - shoulders))
    between("skull", body["neck"] + (body["head"] - body["neck"]) / 1.6)
    for name, share in (("spine 1", 0.2), ("spine 2", 0.45), ("spine 3", 0.6)):
        between(name, hips + share * spine)
    facing = np.cross(body["left hip"] - body["right hip"], spine)
    for side in ("left", "right"):
        shoulder, elbow, wrist = (body[f"{side} {n}"] for n in ("shoulder", "elbow", "wrist"))
        knee, ankle = body[f"{side} knee"], body[f"{side} ankle"]
        between(f"{side} collar", shoulders + 0.3 * (shoulder - shoulders))
        between(f"{side} forearm", (elbow + wrist) / 2)
        guess(f"{side} hand", wrist + 0.36 * (wrist - elbow))
        shank = ankle - knee
        ahead = unit(_across(facing, shank))
        guess(f"{side} toe", ankle + 0.23 * shank + 0.36 * _length(shank) * ahead)
        foot = body[f"{side} toe"] - ankle
        guess(f"{side} heel", ankle - 0.3 * foot + 0.5 * _length(foot) * unit(shank))
    return Body(body, tuple(filling.interpolated), tuple(filling.guessed))


class _Filling(NamedTuple):
    """Points that are being completed."""

    points: Points
    interpolated: list[str]
    guessed: list[str]

    def between(self, name: str, place: Floats) -> None:
        if name not in self.points:
            self.points[name] = place
            self.interpolated.append(name)

    def guess(self, name: str, place: Floats) -> None:
        if name not in self.points:
            self.points[name] = place
            self.guessed.append(name)

    def middle(self, name: str) -> Floats:
        return (self.points[f"left {name}"] + self.points[f"right {name}"]) / 2


def _fill_head(filling: _Filling, shoulders: Floats, spine: Floats) -> None:
    """The middle of the head, its sides and its face."""
    body, between, guess = filling.points, filling.between, filling.guess
    sides = next((n for n in ("ear", "temple", "eye") if f"left {n}" in body), "shoulder")
    if sides in ("ear", "temple"):
        between("head", filling.middle(sides))
    elif "skull" in body and "head top" in body:
        between("head", (body["skull"] + body["head top"]) / 2)
    elif "skull" in body:
        base = body.get("neck", shoulders)
        between("head", body["skull"] + 0.6 * (body["skull"] - base))
    elif "nose" in body:
        between("head", body["nose"])
    guess("head", shoulders + 0.35 * spine)
    up = unit(body["head"] - shoulders)
    across = unit(_across(body[f"left {sides}"] - body[f"right {sides}"], up))
    ahead = np.cross(across, up)
    wide = HEAD * body_size(body)
    for side, sign in (("left", 0.5), ("right", -0.5)):
        known = body.get(f"{side} ear")
        half = sign * wide * across if known is None else known - body["head"]
        between(f"{side} temple", body["head"] + _TEMPLES * half)
        between(f"{side} ear", body["head"] + half)
    guess("nose", body["head"] + wide * (0.14 * up + 0.58 * ahead))
    for side, sign in (("left", 0.19), ("right", -0.19)):
        guess(f"{side} eye", body["head"] + wide * (sign * across + 0.27 * up + 0.41 * ahead))


def body_size(points: Mapping[str, Floats]) -> float:
    """From shoulders over hips and knees to ankles: the median over the dance."""
    trunk = sum((points[f"{s} shoulder"] - points[f"{s} hip"] for s in ("left", "right")), 0.0)
    lengths = np.linalg.norm(trunk, axis=1) / 2
    for side in ("left", "right"):
        hip, knee, ankle = (points[f"{side} {n}"] for n in ("hip", "knee", "ankle"))
        lengths = lengths + np.linalg.norm(hip - knee, axis=1) / 2
        lengths = lengths + np.linalg.norm(knee - ankle, axis=1) / 2
    return float(np.median(lengths))


def unit(vectors: Floats) -> Floats:
    """Vectors (…, 3) of length one; of none 0."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, _SMALL))


def _length(vectors: Floats) -> Floats:
    return np.asarray(np.linalg.norm(vectors, axis=1, keepdims=True))


def _across(vectors: Floats, up: Floats) -> Floats:
    """What of the vectors is at right angles to ``up``."""
    along = unit(up)
    return np.asarray(vectors - (vectors * along).sum(axis=1, keepdims=True) * along)


def _sum(points: Mapping[str, Floats], parts: Mapping[str, float]) -> Floats:
    total = np.zeros_like(next(iter(points.values())))
    for name, weight in parts.items():
        total = total + weight * points[name]
    return total
