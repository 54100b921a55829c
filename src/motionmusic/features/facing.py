"""Movement seen from the dancer: segments (n, 3, t, 23) of MusicToDance's joints, y up.

They are scaled by one factor a piece, so that lengths and angles are kept.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from motionmusic.features.skeletons import MUSICTODANCE

Segments = NDArray[np.floating[Any]]
Floats = NDArray[np.float64]

# The lowest point of these stands on the floor: ankle, heel, toe, left and right.
_FEET = (9, 10, 11, 18, 19, 20)
# Angles at the middle joint: elbows, knees, shoulders, hips, ankles.
_ANGLES = (
    (3, 4, 22), (12, 13, 15), (7, 8, 9), (16, 17, 18), (2, 3, 4), (2, 12, 13), (2, 7, 8),
    (2, 16, 17), (8, 9, 11), (17, 18, 20),
)  # fmt: skip
_SMALL = 1e-9
# A body's size: trunk to shoulders and hips, hips to knees to ankles, both sides.
_SIZE_LIMBS = ((2, 3), (2, 12), (2, 7), (2, 16), (7, 8), (16, 17), (8, 9), (17, 18))


def turn(joints: Segments, angle: NDArray[Any]) -> Floats:
    """Each segment turned about the vertical by its angle, (n,) in radians, from z towards x."""
    source = np.asarray(joints, np.float64)
    shape = (len(source), 1, 1)
    c, s = np.cos(angle).reshape(shape), np.sin(angle).reshape(shape)
    x, y, z = source[:, 0], source[:, 1], source[:, 2]
    return np.stack([c * x + s * z, y, c * z - s * x], axis=1)


def face(joints: Segments) -> Floats:
    """Turned about the vertical so that its mean hip axis, left to right, is along +x.

    One angle a segment, so turning within the segment stays.
    """
    source = np.asarray(joints, np.float64)
    left, right = MUSICTODANCE.hips
    axis = (source[..., right] - source[..., left]).mean(axis=2)
    return turn(source, np.arctan2(axis[:, 2], axis[:, 0]))


def body_size(joints: Segments) -> Floats:
    """Mean length of eight limbs of trunk and legs over the segment, (n,); undoes any scale."""
    first, second = np.array(_SIZE_LIMBS).T
    limbs = np.asarray(joints[..., first] - joints[..., second], np.float64)
    return np.asarray(np.linalg.norm(limbs, axis=1).mean(axis=(1, 2)), np.float64)


def face_and_size(joints: Segments) -> Floats:
    """:func:`face`, in units of the body (:func:`body_size`)."""
    size = body_size(joints)
    return face(joints) / np.where(size > 0, size, 1.0)[:, None, None, None]


def mirror(joints: Segments) -> Floats:
    """The mirror image in the plane x = 0: x negated, left and right joints exchanged."""
    order = np.arange(joints.shape[3])
    for left, right in MUSICTODANCE.mirror_pairs:
        order[left], order[right] = right, left
    image = np.asarray(joints, np.float64)[..., order]
    image[:, 0] *= -1
    return image


def limb_lengths(joints: Segments) -> Floats:
    """Mean length of every limb of the body tree over the segment, by body size, (n, 22).

    It tells who was recorded when: each type was captured in sessions of its own.
    """
    source = np.asarray(joints, np.float64)
    limbs = source - source[..., list(MUSICTODANCE.parents)]
    lengths = np.linalg.norm(limbs, axis=1).mean(axis=1) / body_size(source)[:, None]
    return np.asarray(lengths[:, lengths.any(axis=0)])


def facing_statistics(joints: Segments) -> Floats:
    """Statistics over time of the facing segment in body units, (n, f) float64; t at least 13.

    Of every coordinate mean and deviation, and mean and mean size of its velocity; of every joint
    mean and deviation of speed and acceleration, and the log energy of its velocity in the six
    lowest frequencies; the hips' turning; tilts, twist, joint angles; the body's travel. No
    distances between joints: the lengths of limbs name the capture session. Raises ValueError for
    another shape.
    """
    if joints.ndim != 4 or joints.shape[1] != 3 or joints.shape[3] != 23 or joints.shape[2] < 13:
        raise ValueError(f"expected joints (n, 3, t >= 13, 23), got {joints.shape}")
    faced = face_and_size(joints)
    velocity = np.diff(faced, axis=2)
    speed = np.linalg.norm(velocity, axis=1)
    acceleration = np.linalg.norm(np.diff(velocity, axis=2), axis=1)
    waves = np.fft.rfft(velocity - velocity.mean(axis=2, keepdims=True), axis=2)
    energy = np.log((np.abs(waves[:, :, 1:7]) ** 2).sum(axis=1) + 1e-6)
    heading = _heading(faced[..., 16] - faced[..., 7])
    turning = np.diff(heading, axis=1)
    hips = (turning.mean(1), np.abs(turning).mean(1), turning.std(1), np.ptp(heading, axis=1))
    parts = [faced.mean(2), faced.std(2), np.abs(velocity).mean(2), velocity.mean(2)]
    for series in (speed, acceleration):
        parts += [series.mean(1), series.std(1)]
    parts += [energy, np.stack(hips, axis=1), _posture(faced), _travel(faced)]
    return np.concatenate([part.reshape(len(joints), -1) for part in parts], axis=1)


def _heading(axis: Floats) -> Floats:
    return np.unwrap(np.arctan2(axis[:, 2], axis[:, 0]), axis=1)


def _upward(axis: Floats) -> Floats:
    return np.asarray(axis[:, 1] / np.maximum(np.linalg.norm(axis, axis=1), _SMALL), np.float64)


def _angle(a: Floats, b: Floats) -> Floats:
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    cosine = (a * b).sum(axis=1) / np.maximum(lengths, _SMALL)
    return np.asarray(np.arccos(np.clip(cosine, -1, 1)), np.float64)


def _posture(faced: Floats) -> Floats:
    """Mean, deviation, mean change and range of 18 tilts, twists, angles and leans over time."""
    head, trunk = faced[..., :2].mean(3), faced[..., 2]
    shoulders, hips = faced[..., 12] - faced[..., 3], faced[..., 16] - faced[..., 7]
    pelvis, neck = faced[..., [7, 16]].mean(3), faced[..., [3, 12]].mean(3)
    twist = np.angle(np.exp(1j * (_heading(shoulders) - _heading(hips))))
    series = [_upward(hips), _upward(shoulders), twist]
    series += [_angle(faced[..., a] - faced[..., b], faced[..., c] - faced[..., b])
               for a, b, c in _ANGLES]  # fmt: skip
    series += [_upward(trunk - pelvis), _upward(neck - trunk), _upward(head - trunk)]
    series += [neck[:, 0] - trunk[:, 0], neck[:, 2] - trunk[:, 2]]
    over = np.stack(series, axis=1)
    change = np.abs(np.diff(over, axis=2)).mean(2)
    return np.concatenate([over.mean(2), over.std(2), change, np.ptp(over, axis=2)], axis=1)


def _travel(faced: Floats) -> Floats:
    """How the body moves over the floor, although the path is taken out of the segments.

    The lowest point of the feet is taken to stand: the body moves against it.
    """
    velocity = np.diff(faced[..., list(_FEET)], axis=2)
    lowest = faced[:, 1, 1:, list(_FEET)].transpose(1, 2, 0).argmin(axis=2)
    body = -np.take_along_axis(velocity, lowest[:, None, :, None], axis=3)[..., 0]
    speed = np.linalg.norm(body[:, [0, 2]], axis=1)
    way = np.linalg.norm(body[:, [0, 2]].sum(axis=2), axis=1)
    feet = np.linalg.norm(velocity + body[..., None], axis=1)
    whole = np.stack([speed.mean(1), speed.std(1), way], axis=1)
    parts = [body.mean(2), np.abs(body).mean(2), body.std(2), whole, feet.mean(1), feet.std(1)]
    return np.concatenate(parts, axis=1)
