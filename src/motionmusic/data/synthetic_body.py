"""How a synthetic dancer moves: a body of fixed limbs that reaches the choreography's keys."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation

from motionmusic.data.synthetic_dance import Choreography, Manner, Style
from motionmusic.files import Floats

JOINTS = 23
# Joints on the line of each forearm and their distance from the elbow in cm, left arm then right.
FOREARMS = (((5, 11.7), (6, 26.2), (22, 30.9)), ((21, 12.0), (14, 18.1), (15, 30.2)))


def _glide(beats: Floats, keys: Floats, values: NDArray[Any], spans: Floats | float) -> Floats:
    """Values that reach each key at its beat, having left the last ``spans`` beats before."""
    index = np.clip(np.searchsorted(keys, beats, side="right"), 1, len(keys) - 1)
    span = np.minimum(np.broadcast_to(spans, keys.shape)[index], keys[index] - keys[index - 1])
    way = np.clip((beats - keys[index] + span) / np.maximum(span, 1e-6), 0, 1)
    eased = (way * way * (3 - 2 * way)).reshape(-1, *[1] * (values.ndim - 1))
    return np.asarray(values[index - 1] * (1 - eased) + values[index] * eased)


def _wander(shape: tuple[int, ...], frames: float, rng: np.random.Generator) -> Floats:
    """Smooth noise of standard deviation 1 along the first axis, slow as ``frames``."""
    noise = gaussian_filter1d(rng.normal(size=shape), frames, axis=0)
    return np.asarray(noise * math.sqrt(2 * math.sqrt(math.pi) * frames))


def _rotation(yaw: Floats, pitch: Floats | float = 0.0, roll: Floats | float = 0.0) -> Rotation:
    """Turn of x right, y up, z forward: yaw to the right, pitch forward, roll right side up."""
    angles = np.stack(np.broadcast_arrays(yaw, pitch, roll), axis=-1)
    return Rotation.from_euler("YXZ", angles, degrees=True)


def move(dance: Choreography, style: Style, beats: Floats, rng: np.random.Generator) -> Floats:
    """World positions (frames, 23, 3) in cm of the dancer who performs ``dance`` at ``beats``."""
    frames, size = len(beats), style.size
    manner = Manner(*_glide(beats, dance.figure_beat, dance.manner, 1.0).T)
    # A wide turn takes longer than the step that ends it.
    turning = np.abs(np.diff(dance.heading, prepend=dance.heading[0])) / 90
    turning = np.maximum(dance.step_swing, turning)
    heading = _glide(beats, dance.step_beat, dance.heading, turning)
    # The weight arrives with the foot, on the beat; the hips settle over it half a beat later.
    place = gaussian_filter1d(
        _glide(beats, dance.step_beat, dance.place, dance.step_swing), 1.5, axis=0
    )
    side = np.where(dance.step_foot == 1, 1.0, -1.0)
    weight = gaussian_filter1d(_glide(beats, dance.step_beat, side, dance.step_swing), 1.5)
    settle = gaussian_filter1d(_glide(beats, dance.step_beat + 0.5, side, dance.step_swing), 2)
    hips = style.energy * manner.hips * weight
    rising = 0.5 - 0.5 * np.cos(2 * np.pi * (beats / 3 - 0.1))
    bounce = style.energy * manner.bounce * np.cos(2 * np.pi * beats)
    lean = manner.lean + 1.5 * _wander((frames,), 20, rng)

    pelvis_turn = _rotation(heading + manner.eight * style.energy * settle, 0.4 * lean, hips)
    shift = (0.4 * manner.hips * style.energy + 2) * weight * size
    pelvis = np.zeros((frames, 3))
    pelvis[:, [0, 2]] = place
    pelvis += _rotation(heading).apply(np.stack([shift, 0 * shift, 0 * shift], axis=1))
    heel_rise = manner.rise * rising
    soles = [_foot(dance, foot, beats, heading, heel_rise * 0.7) for foot in (0, 1)]
    pelvis[:, 1] = _pelvis_height(pelvis, soles, size, heel_rise + bounce - manner.bend)

    joints = np.empty((frames, JOINTS, 3))
    for foot, numbers in enumerate(((7, 8, 9, 10, 11), (16, 17, 18, 19, 20))):
        hip = pelvis + pelvis_turn.apply([(10.6 * size, -10.6 * size)[foot == 0], 0, 0])
        joints[:, numbers] = _leg(hip, soles[foot], heading, size)
    chest = pelvis + pelvis_turn.apply([0, 15.5 * size, 0])
    chest_turn = _rotation(
        heading - manner.twist * style.energy * weight + 2 * _wander((frames,), 25, rng),
        lean,
        -manner.sway * weight * (0.5 + rising) - 0.4 * hips,
    )
    joints[:, 2] = chest
    joints[:, 3] = chest + chest_turn.apply(np.array([-14.1, 30.7, 0]) * size)
    joints[:, 12] = chest + chest_turn.apply(np.array([14.1, 30.7, 0]) * size)
    yaw = _glide(beats, dance.head_beat, dance.head, 0.5) * min(style.energy, 1.3)
    head_turn = _rotation(heading + 0.6 * yaw, 0.3 * lean)
    neck = chest + chest_turn.apply(np.array([0, 30.7, 0]) * size)
    joints[:, 0] = neck + head_turn.apply(np.array([-5.2, 19, 3]) * size)
    joints[:, 1] = neck + head_turn.apply(np.array([5.2, 19, 3]) * size)

    pose = _glide(beats, dance.figure_beat + 0.5, dance.pose, 1.5)
    swing = np.radians(manner.arms) * style.energy * -np.cos(np.pi * beats)
    pose = pose + 0.08 * _wander(pose.shape, 15, rng)
    for arm, sign in enumerate((-1, 1)):
        bones = pose[:, arm].copy()
        bones[:, :, 2] -= (sign * swing)[:, None] * [1, 1.6]
        bones[:, 1, 1] += 0.5 * swing
        bones[:, :, 0] *= sign
        bones /= np.linalg.norm(bones, axis=-1, keepdims=True)
        upper, fore = (chest_turn.apply(bones[:, bone]) * size for bone in (0, 1))
        elbow = joints[:, (3, 12)[arm]] + 29.4 * upper
        joints[:, (4, 13)[arm]] = elbow
        for joint, reach in FOREARMS[arm]:
            joints[:, joint] = elbow + reach * fore
    return joints + style.noise * _wander(joints.shape, 1.5, rng)


def _foot(
    dance: Choreography, foot: int, beats: Floats, heading: Floats, heel_rise: Floats
) -> tuple[Floats, Rotation]:
    """Toe positions (frames, 3) of one foot and how the foot is turned."""
    mine = dance.step_foot == foot
    keys, spans = dance.step_beat[mine], dance.step_swing[mine]
    index = np.clip(np.searchsorted(keys, beats, side="right"), 1, len(keys) - 1)
    # from 0 to 1 while it swings, 0 while it stands
    way = np.clip((beats - keys[index] + spans[index]) / spans[index], 0, 1)
    way = np.where(way < 1, way, 0.0)
    toe = np.zeros((len(beats), 3))
    toe[:, [0, 2]] = _glide(beats, keys, dance.foot_place[mine], spans)
    lift = dance.step_lift[mine][index] * np.sin(np.pi * way)
    toe[:, 1] = 1.5 + lift
    rise = np.degrees(np.arcsin(np.clip(heel_rise / 14.8, 0, 0.7)))
    turn = _rotation(heading + (-8, 8)[foot], rise + 5 * lift * np.sin(np.pi * way) * (1 - way))
    # The key is where the middle of the foot lands; the toe is ahead of it.
    toe += _rotation(heading + (-8, 8)[foot]).apply([0, 0, 8])
    return toe, turn


def _ankle(sole: tuple[Floats, Rotation], size: float) -> Floats:
    toe, turn = sole
    return np.asarray(toe + turn.apply(np.array([0, 10.4, -14.8]) * size))


def _pelvis_height(
    pelvis: Floats, soles: Sequence[tuple[Floats, Rotation]], size: float, rise: Floats
) -> Floats:
    """Height that the carriage wants, lowered where a wide step would overstretch a leg."""
    height = 90.5 * size + rise
    for sole in soles:
        ankle = _ankle(sole, size)
        gap = np.clip(np.hypot(*(pelvis - ankle)[:, [0, 2]].T) - 6 * size, 0, 60)
        height = np.minimum(height, ankle[:, 1] + np.sqrt((79.2 * size) ** 2 - gap**2))
    return np.asarray(gaussian_filter1d(height, 1.5))


def _leg(hip: Floats, sole: tuple[Floats, Rotation], heading: Floats, size: float) -> Floats:
    """Hip, knee, ankle, heel, toe (frames, 5, 3): two bones bent forward at the knee."""
    thigh, shin = 47.1 * size, 32.6 * size
    way = _ankle(sole, size) - hip
    distance = np.linalg.norm(way, axis=1, keepdims=True)
    way /= distance
    distance = np.clip(distance, 0.5 * thigh, 0.998 * (thigh + shin))
    ankle = hip + way * distance
    along = (thigh**2 - shin**2 + distance**2) / (2 * distance)
    ahead = _rotation(heading).apply([0.0, 0.0, 1.0])
    ahead -= (ahead * way).sum(axis=1, keepdims=True) * way
    ahead /= np.linalg.norm(ahead, axis=1, keepdims=True)
    knee = hip + way * along + ahead * np.sqrt(thigh**2 - along**2)
    turn = sole[1]
    heel = ankle + turn.apply(np.array([0, -10.4, -6.6]) * size)
    toe = ankle + turn.apply(np.array([0, -10.4, 14.8]) * size)
    return np.stack([hip, knee, ankle, heel, toe], axis=1)
