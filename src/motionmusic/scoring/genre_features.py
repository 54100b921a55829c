"""How a body moves, whatever its limbs, layout, place, heading and frame rate: for the genre model.

Of any dance only the directions of eight bones are used, which all layouts have and which are
hardly damaged in AIST++ retargeted: no forearm, no shank. They move one skeleton of fixed lengths.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from scipy.ndimage import gaussian_filter1d

from motionmusic.data.own import OwnDance, resampled
from motionmusic.files import Floats

RATE_HZ = 25.0
WINDOW, HOP = 50, 25  # frames: two seconds, every second
_SMOOTH = 1.0  # frames: what trembles in a video is no dance
_MIDDLES = {"pelvis": "hip", "shoulders": "shoulder"}
# from where to where, and how long (parts of a body's size)
_BONES = {
    ("pelvis", "shoulders"): 0.48,
    ("shoulders", "head"): 0.25,
    ("left hip", "right hip"): 0.2,
    ("left shoulder", "right shoulder"): 0.34,
    ("left shoulder", "left elbow"): 0.28,
    ("right shoulder", "right elbow"): 0.28,
    ("left hip", "left knee"): 0.42,
    ("right hip", "right knee"): 0.42,
}
_LENGTHS = np.array(list(_BONES.values()))
_MIRRORED = [0, 1, 2, 3, 5, 4, 7, 6]
_ACROSS = [2, 3]
_LAGS = (12, 63)  # frames
TURNS = 6  # the last of the statistics: how the body turns
_BANDS_HZ = (0.0, 0.75, 1.5, 2.5, 4.0, 8.0)


class Seen(NamedTuple):
    """What the model sees of a dance.

    Attributes:
        windows: (n, f), :func:`statistics` of each window; none of a dance shorter than a window.
        repeats: how exactly it repeats itself, up to 1 (:func:`repeats`).
    """

    windows: Floats
    repeats: float


def seen(dance: OwnDance) -> Seen:
    """Of a dance in any layout, at any rate."""
    bones = directions(dance.whole_body().points, dance.rate_hz)
    return Seen(statistics(cut(bones)), repeats(bones))


def directions(points: Mapping[str, Floats], rate_hz: float) -> Floats:
    """Unit vectors (frames, 8, 3) along the bones at 25 a second, of points (frames, 3) with y up."""
    known = dict(points)
    for middle, of in _MIDDLES.items():
        known[middle] = (points[f"left {of}"] + points[f"right {of}"]) / 2
    bones = _unit(np.stack([known[end] - known[start] for start, end in _BONES], axis=1))
    return _unit(gaussian_filter1d(resampled(bones, rate_hz, RATE_HZ), _SMOOTH, axis=0))


def mirrored(bones: Floats) -> Floats:
    """The mirror image of bones (frames, 8, 3)."""
    image = bones[:, _MIRRORED] * np.array([-1.0, 1.0, 1.0])
    image[:, _ACROSS] *= -1  # they still run from left to right
    return np.asarray(image)


def cut(bones: Floats) -> Floats:
    """Windows (n, 50, 8, 3) of bones (frames, 8, 3); the tail is dropped."""
    starts = range(0, len(bones) - WINDOW + 1, HOP)
    return np.stack([bones[k : k + WINDOW] for k in starts]) if starts else _NONE


_NONE = np.zeros((0, WINDOW, len(_BONES), 3))


def repeats(bones: Floats) -> float:
    """The best correlation of bones (frames, 8, 3) with themselves half to two and a half seconds later.

    Each frame is turned to one heading. 0 where nothing moves, or less than two seconds overlap.
    """
    flat = _faced(bones[:, None]).reshape(len(bones), -1)
    away = flat - flat.mean(axis=0)
    best = 0.0
    for lag in range(*_LAGS):
        first, later = away[:-lag], away[lag:]
        if len(first) < WINDOW:
            break
        size = np.sqrt((first**2).sum() * (later**2).sum())
        best = max(best, float((first * later).sum() / (size + 1e-6 * flat.size)))
    return best


def statistics(windows: Floats) -> Floats:
    """Of windows (n, 50, 8, 3), each turned to one heading: (n, f).

    Mean directions; of each bone's turning and each joint's speed mean and deviation; how a joint's
    movement is shared among five bands of frequency; which joints are fast together; last, how hips
    turn against the room and shoulders against hips.
    """
    faced = _faced(windows)
    joints = _joints(faced)
    velocity = np.diff(joints, axis=1) * RATE_HZ
    speed = np.linalg.norm(velocity, axis=3)
    turning = np.linalg.norm(np.diff(faced, axis=1), axis=3) * RATE_HZ
    parts = [faced.mean(axis=1)]
    for series, least in ((turning, 0.05), (speed, 0.02)):
        parts += [np.log(series.mean(axis=1) + least), np.log(series.std(axis=1) + least)]
    parts += [_bands(velocity), _together(speed), _turns(faced)]
    return np.concatenate(
        [part.reshape(len(part), int(np.prod(part.shape[1:]))) for part in parts], axis=1
    )


def _unit(vectors: Floats) -> Floats:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9))


def _faced(windows: Floats) -> Floats:
    """Turned about the vertical so that hips and shoulders, on average, run from +x to −x."""
    across = windows[:, :, _ACROSS].mean(axis=(1, 2))
    angle = np.arctan2(across[:, 2], across[:, 0]) - np.pi
    c, s = np.cos(angle)[:, None, None], np.sin(angle)[:, None, None]
    x, y, z = np.moveaxis(windows, 3, 0)
    return np.stack([c * x + s * z, y, c * z - s * x], axis=3)


def _joints(bones: Floats) -> Floats:
    """Head, shoulders, elbows, knees (n, t, 7, 3) of one skeleton, from the middle of the hips."""
    spine, neck, hips, wide, *limbs = np.moveaxis(bones * _LENGTHS[:, None], 2, 0)
    left, right = spine - wide / 2, spine + wide / 2
    knees = [limbs[2] - hips / 2, limbs[3] + hips / 2]
    return np.stack([spine + neck, left, right, left + limbs[0], right + limbs[1], *knees], axis=2)


def _bands(velocity: Floats) -> Floats:
    """The logarithm of each band's share of a joint's movement, (n, 5, 7)."""
    tapered = velocity * np.hanning(velocity.shape[1])[None, :, None, None]
    power = (np.abs(np.fft.rfft(tapered, axis=1)) ** 2).sum(axis=3)
    frequency = np.fft.rfftfreq(velocity.shape[1], 1 / RATE_HZ)
    total = power.sum(axis=1) + 1e-3
    parts: list[Any] = []
    for low, high in pairwise(_BANDS_HZ):
        inside = (frequency >= low) & (frequency < high)
        parts.append(np.log(power[:, inside].sum(axis=1) / total + 0.01))
    return np.stack(parts, axis=1)


def _turns(faced: Floats) -> Floats:
    """:data:`TURNS` numbers (n, 6) of the hips' heading and of the shoulders against it."""
    hips, shoulders = (
        np.unwrap(np.arctan2(faced[:, :, bone, 2], faced[:, :, bone, 0]), axis=1)
        for bone in _ACROSS
    )
    rate = np.diff(hips, axis=1) * RATE_HZ
    twist = np.angle(np.exp(1j * (shoulders - hips)))
    return np.stack(
        [
            np.log(abs(rate).mean(axis=1) + 0.05),
            np.log(abs(rate).std(axis=1) + 0.05),
            np.log(np.ptp(hips, axis=1) + 0.1),
            np.log(twist.std(axis=1) + 0.02),
            abs(twist.mean(axis=1)),
            abs(rate.mean(axis=1)),
        ],
        axis=1,
    )


def _together(speed: Floats) -> Floats:
    """Correlations over time of the joints' speeds, (n, 21)."""
    away = speed - speed.mean(axis=1, keepdims=True)
    scaled = away / (np.sqrt((away**2).mean(axis=1, keepdims=True)) + 1e-3)
    together = np.einsum("ntv,ntw->nvw", scaled, scaled) / speed.shape[1]
    first, second = np.triu_indices(speed.shape[2], 1)
    return np.asarray(together[:, first, second])
