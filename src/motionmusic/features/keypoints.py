"""A dance as a conductor is seen: 13 keypoints in the plane of the picture, 30 a second (docs/dance.md)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from motionmusic.features.motion import Floats, rows_at
from motionmusic.features.skeletons import LAYOUTS, LayoutName

FRAMES = 30
"""Motion frames a second."""
KEYPOINTS = (
    "nose", "left eye", "right eye", "left ear", "right ear", "left shoulder", "right shoulder",
    "left elbow", "right elbow", "left wrist", "right wrist", "left hip", "right hip",
)  # fmt: skip
"""The first 13 of COCO; left and right are the conductor's."""
TORSO = 0.27
"""Shoulder-to-hip height; shoulder width fits as well only in a conductor's proportions."""
HIPS = (0.5, 0.75)
"""Where the middle of the hips is in every frame."""

_TURNING_S = 2.0  # how long the body's heading is averaged over
_UP = 1
_BODY = tuple(KEYPOINTS.index(name) for name in (
    "left shoulder", "right shoulder", "left elbow", "right elbow", "left wrist", "right wrist",
    "left hip", "right hip",
))  # fmt: skip
# MusicToDance: joint 6 is the mean of wrist and finger (22), so this gives the wrist's marker back
_MUSICTODANCE = (
    {3: 1.0}, {12: 1.0}, {4: 1.0}, {13: 1.0}, {6: 2.0, 22: -1.0}, {14: 2.0, 21: -1.0}, {7: 1.0},
    {16: 1.0},
)  # fmt: skip
# MusicToDance has no face: a conductor's mean nose, eyes and ears about the middle of the head (1.4)
_FACE = ((0.003, 0.029), (0.024, 0.007), (-0.016, 0.005), (0.051, 0.003), (-0.051, -0.003))


def keypoints(joints: NDArray[Any], layout: LayoutName, rate_hz: float) -> NDArray[np.float32]:
    """The dance from the front, whichever way it faces, hips at one place.

    Left gets the larger x, as in the authors' data, also where a skeleton is mirrored. In floor
    work, where the body is not upright, the result means nothing.

    Of joints (n, v, 3) in any unit, y up: (floor((n − 1) · 30 / rate_hz) + 1, 13, 2) float32, x to
    the right, y **down**, about 0…1.
    """
    body = _thirteen(np.asarray(joints, np.float64), layout)
    left, right = body[:, [5, 11]].sum(axis=1), body[:, [6, 12]].sum(axis=1)
    across = left - right
    across[:, _UP] = 0
    across = gaussian_filter1d(across, _TURNING_S / 2 * rate_hz, axis=0, mode="nearest")
    across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-12)
    middle = body[:, [11, 12]].mean(axis=1)
    offset = body - middle[:, None]
    seen = np.stack([np.einsum("nkc,nc->nk", offset, across), -offset[..., _UP]], axis=2)
    height = np.abs(seen[:, [5, 6], 1].mean(axis=1)).mean()
    seen = seen * TORSO / max(height, 1e-12)
    if layout == "musictodance":
        seen[:, :5] += _FACE
    return _at_30_hz(seen + HIPS, rate_hz).astype(np.float32)


def clip_of(excerpt: int, excerpt_frames: int, rate_hz: float) -> tuple[int, int]:
    """First frame, and how many, of an excerpt of so many motion frames, at 30 Hz."""
    seconds = excerpt_frames / rate_hz
    return round(excerpt * seconds * FRAMES), int(seconds * FRAMES)


def _thirteen(joints: NDArray[np.float64], layout: LayoutName) -> NDArray[np.float64]:
    """(n, 13, 3); of MusicToDance's head the middle five times."""
    if joints.ndim != 3 or joints.shape[1:] != (len(LAYOUTS[layout].joints), 3) or not len(joints):
        raise ValueError(f"joints {joints.shape}, not of {layout}")
    if layout == "aist_proximal":
        raise ValueError(f"{layout} has no wrists: take `joints: all`")
    if layout == "aist":
        return joints[:, : len(KEYPOINTS)]
    body = np.empty((len(joints), len(KEYPOINTS), 3))
    body[:, :5] = joints[:, :2].mean(axis=1, keepdims=True)
    for keypoint, parts in zip(_BODY, _MUSICTODANCE, strict=True):
        body[:, keypoint] = sum(weight * joints[:, joint] for joint, weight in parts.items())
    return body


def _at_30_hz(seen: NDArray[np.float64], rate_hz: float) -> Floats:
    """Linear interpolation; twice and more the rate is averaged first, over a new frame's length."""
    frames = int((len(seen) - 1) * FRAMES / rate_hz + 1e-9) + 1
    width = int(rate_hz / FRAMES)
    if width > 1:
        padded = np.pad(seen, ((0, width - 1), (0, 0), (0, 0)), "edge")
        seen = np.mean([padded[shift : shift + len(seen)] for shift in range(width)], axis=0)
    return rows_at(seen, np.minimum(np.arange(frames) * rate_hz / FRAMES, len(seen) - 1))
