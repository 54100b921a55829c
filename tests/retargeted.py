"""Clips in the format of NAME.t2.json, made up: both kinds of file from one motion."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motionmusic.data.vrm import BONES

Floats = NDArray[np.float64]
NAME = "gBR_sBM_cAll_d04_mBR1_ch02"


def turned(axis: tuple[float, float, float], angles: NDArray[Any]) -> Floats:
    """Quaternions x y z w, (frames, 4)."""
    half = np.asarray(angles)[:, None] / 2
    return np.concatenate([np.sin(half) * np.array(axis), np.cos(half)], axis=1)


def motion(frames: int, **bones: Floats) -> Floats:
    """Rotations (frames, 19, 4): the given bones, none elsewhere but a foot that never rests."""
    whole = np.zeros((frames, len(BONES), 4))
    whole[..., 3] = 1
    whole[:, BONES.index("leftFoot")] = turned((0, 0, 1), 0.01 * np.arange(frames))
    for bone, rotations in bones.items():
        whole[:, BONES.index(bone)] = rotations
    return whole


def content(rotations: Floats) -> dict[str, Any]:
    """What a file holds, frame for frame."""
    n = len(rotations)
    bones = {bone: rotations[:, k].round(4).ravel().tolist() for k, bone in enumerate(BONES)}
    return {"v": 1, "clip": NAME, "fps": 60, "n": n, "bones": bones, "hips": [0.0, 0.9, 0.0] * n}


def doubled(at_60: Floats) -> Floats:
    """File frame j shows frame (j + 1) // 2 at 30 a second; the last two are equal as well."""
    places = (np.arange(len(at_60)) + 1) // 2 * 2
    places[-1] = places[-2]
    return at_60[places]


def true_60(at_60: Floats) -> Floats:
    """File frame j shows frame j + 1 at 60 a second; the last two are equal."""
    return at_60[np.r_[1 : len(at_60), len(at_60) - 1]]


def write(file: Path, rotations: Floats, **other: Any) -> Path:
    """A file of these frames; ``other`` replaces what it holds."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content(rotations) | other))
    return file
