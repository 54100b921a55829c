"""One AIST++ dance retargeted to a VRM skeleton (NAME.t2.json of MotionMind), made trustworthy again.

The files say 60 frames a second. Most hold 30 and repeat each frame; the others are one frame early.
Where a bone would turn by more than 0.25 rad in a source frame, the player that made the files kept
its last rotation until the true one came near again. So a bone whose rotation does not change at all
for three source frames is held, and what it shows is wrong (docs/ten_genres.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field, FiniteFloat, TypeAdapter

from motionmusic.data.checked_json import read_checked
from motionmusic.errors import UserError
from motionmusic.features.motion import Floats, rows_at

SOURCE_HZ, RATE_HZ = 30.0, 25.0
STATURE_CM = 170.0
HELD_FRAMES = 3  # equal source frames on end: a bone that moves never rests so long to 4 decimals

# bone: parent, offset in the parent's frame as parts of the stature. Lengths after Winter,
# Biomechanics and Motor Control; how the spine is divided is a choice. The dancer looks along −z.
SKELETON: dict[str, tuple[str | None, tuple[float, float, float]]] = {
    "hips": (None, (0.0, 0.0, 0.0)),
    "spine": ("hips", (0.0, 0.040, 0.0)),
    "chest": ("spine", (0.0, 0.070, 0.0)),
    "neck": ("chest", (0.0, 0.185, 0.0)),
    "head": ("neck", (0.0, 0.060, 0.0)),
    "leftShoulder": ("chest", (-0.015, 0.155, 0.0)),
    "leftUpperArm": ("leftShoulder", (-0.090, 0.003, 0.0)),
    "leftLowerArm": ("leftUpperArm", (-0.186, 0.0, 0.0)),
    "leftHand": ("leftLowerArm", (-0.146, 0.0, 0.0)),
    "rightShoulder": ("chest", (0.015, 0.155, 0.0)),
    "rightUpperArm": ("rightShoulder", (0.090, 0.003, 0.0)),
    "rightLowerArm": ("rightUpperArm", (0.186, 0.0, 0.0)),
    "rightHand": ("rightLowerArm", (0.146, 0.0, 0.0)),
    "leftUpperLeg": ("hips", (-0.050, -0.020, 0.0)),
    "leftLowerLeg": ("leftUpperLeg", (0.0, -0.245, 0.0)),
    "leftFoot": ("leftLowerLeg", (0.0, -0.246, 0.0)),
    "rightUpperLeg": ("hips", (0.050, -0.020, 0.0)),
    "rightLowerLeg": ("rightUpperLeg", (0.0, -0.245, 0.0)),
    "rightFoot": ("rightLowerLeg", (0.0, -0.246, 0.0)),
}
BONES = tuple(SKELETON)
_FACE_CM = (  # about the head: nose, left eye, right eye, left ear, right ear
    (0.0, 1.0, -11.5), (-3.2, 5.3, -9.5), (3.2, 5.3, -9.5), (-7.4, 3.6, 0.5), (7.4, 3.6, 0.5)
)  # fmt: skip
_COCO = tuple(
    f"{side}{bone}"
    for bone in ("UpperArm", "LowerArm", "Hand", "UpperLeg", "LowerLeg", "Foot")
    for side in ("left", "right")
)
_REMEDY = "take the file from MotionMind again, or leave it out"


class _File(BaseModel):
    fps: int
    n: Annotated[int, Field(ge=4)]
    bones: dict[str, list[FiniteFloat]]
    hips: list[FiniteFloat]


_MODEL = TypeAdapter(_File)


@dataclass(frozen=True)
class Clip:
    """One dance, at the 30 frames a second that are really there.

    Attributes:
        joints: (frames, 17, 3) float64, COCO's joints in cm relative to the middle of the hips, y up;
            the dancer's front is +z, left +x, as in AIST++.
        held: (frames, 19) bool, which of :data:`BONES` is held.
        doubled: whether the file repeats frames of 30 a second, or has 60.
    """

    joints: Floats
    held: NDArray[np.bool_]
    doubled: bool

    def at_25_hz(self) -> Floats:
        """Joints at t = i / 25, linear in time, (floor((frames − 1) · 25 / 30) + 1, 17, 3)."""
        count = int((len(self.joints) - 1) * RATE_HZ / SOURCE_HZ + 1e-9) + 1
        return rows_at(self.joints, np.arange(count) * SOURCE_HZ / RATE_HZ)


def read_clip(file: Path) -> Clip:
    """A clip, every value checked. Raises UserError.

    Refused are missing bones, lists of another length than frames, numbers that are not finite,
    rotations without a length, and frames repeated in a way that is neither of the two known.
    """
    content = read_checked(
        file, _MODEL, _REMEDY, {"bones": ("bone", "number"), "hips": ("number",)}
    )
    if missing := [bone for bone in BONES if bone not in content.bones]:
        raise UserError(file, "bones", f"the {len(BONES)} bones", f"no {missing[0]}", _REMEDY)
    if content.fps != 60:
        raise UserError(file, "fps", "60, which all such files have", f"{content.fps}", _REMEDY)
    lists = {f"bones, {bone}": (content.bones[bone], 4) for bone in BONES}
    for where, (numbers, width) in (lists | {"hips": (content.hips, 3)}).items():
        if len(numbers) != width * content.n:
            expected = f"{width} numbers for each of n = {content.n} frames"
            raise UserError(file, where, expected, f"{len(numbers)}", _REMEDY)
    stored = np.stack([np.reshape(content.bones[bone], (-1, 4)) for bone in BONES], axis=1)
    norms = np.linalg.norm(stored, axis=2)
    if (norms < 0.5).any():
        frame, bone = np.argwhere(norms < 0.5)[0]
        where, got = f"bones, {BONES[bone]}, frame {frame}", f"{stored[frame, bone].tolist()}"
        raise UserError(file, where, "a rotation, a quaternion of length 1", got, _REMEDY)
    doubled = _is_doubled(stored, file)
    source = stored[::2] if doubled else stored[:-1]
    held = _held(source)
    if not doubled:  # frame j shows 1/60 s more than j/60 s
        early = np.maximum(0, 2 * np.arange(content.n // 2) - 1)
        source, held = source[early], held[early]
    rotations = source / np.linalg.norm(source, axis=2, keepdims=True)
    return Clip(coco(rotations), held, doubled)


def coco(rotations: Floats) -> Floats:
    """Local rotations (frames, 19, 4), unit quaternions x y z w, → (frames, 17, 3) as :class:`Clip`."""
    turned: dict[str, Floats] = {}
    placed: dict[str, Floats] = {}
    for number, (bone, (parent, offset)) in enumerate(SKELETON.items()):
        own = rotations[:, number]
        if parent is None:
            turned[bone], placed[bone] = own, np.zeros((len(own), 3))
            continue
        placed[bone] = placed[parent] + _rotated(turned[parent], np.array(offset) * STATURE_CM)
        turned[bone] = _product(turned[parent], own)
    face = [placed["head"] + _rotated(turned["head"], np.array(offset)) for offset in _FACE_CM]
    joints = np.stack([*face, *(placed[bone] for bone in _COCO)], axis=1)
    joints -= joints[:, 11:13].mean(axis=1, keepdims=True)
    return np.asarray(joints * (-1, 1, -1))


def _is_doubled(stored: Floats, file: Path) -> bool:
    equal = (stored[1:] == stored[:-1]).all(axis=(1, 2))[:-1]  # the last two are equal in most
    if not equal.any():
        return False
    if equal[1::2].all() and not equal[::2].any() and len(stored) % 2 == 0:
        return True
    odd = np.arange(len(equal)) % 2 == 1
    like = odd if equal[1::2].mean() > 0.5 else np.zeros(len(equal), bool)
    wrong = int(np.argmax(equal != like))
    expected = "no frame equal to the next, or frames 1 and 2, 3 and 4, … equal and no others"
    got = f"frame {wrong} {'equal to' if equal[wrong] else 'other than'} the next"
    raise UserError(file, f"frame {wrong}", expected, got, _REMEDY)


def _held(source: Floats) -> NDArray[np.bool_]:
    """Which bone (frames, 19) keeps its rotation for so many source frames on end."""
    same = (source[1:] == source[:-1]).all(axis=2)
    held = np.zeros(source.shape[:2], bool)
    for first in range(len(source) - HELD_FRAMES + 1):
        rests = same[first : first + HELD_FRAMES - 1].all(axis=0)
        held[first : first + HELD_FRAMES] |= rests
    return held


def _product(a: Floats, b: Floats) -> Floats:
    """Hamilton product of (frames, 4) x y z w."""
    u, v, s, t = a[:, :3], b[:, :3], a[:, 3:], b[:, 3:]
    vector = s * v + t * u + np.cross(u, v)
    return np.concatenate([vector, s * t - (u * v).sum(axis=1, keepdims=True)], axis=1)


def _rotated(by: Floats, vector: Floats) -> Floats:
    """A vector (3,) turned by (frames, 4), (frames, 3)."""
    once = 2 * np.cross(by[:, :3], vector)
    return np.asarray(vector + by[:, 3:] * once + np.cross(by[:, :3], once))
