"""Whole dances and their music as M2S-Net takes them, and windows cut out of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from motionmusic.models.conductor_encoders import MEL_PER_FRAME
from motionmusic.models.generator import FRAMES


class Dance(NamedTuple):
    """One piece, motion and music from the same moment on.

    Attributes:
        name: of the piece.
        motion: (f, 13, 2) at 30 Hz.
        mel: (3 f, 128) at 90 Hz.
        beats: (f,) float64, the music's beats counted up to each frame, with fractions.
    """

    name: str
    motion: Tensor
    mel: Tensor
    beats: NDArray[np.float64]


def beats_at_frames(beats_s: NDArray[np.float64], frames: int) -> NDArray[np.float64]:
    """(frames,): how many beats have passed at each frame of 30 Hz, going on evenly at both ends.

    Args:
        beats_s: seconds of the music's beats, ascending; with less than two of them 120 bpm is
            taken from frame 0 on.
        frames: how many.
    """
    times = np.arange(frames) / FRAMES
    if len(beats_s) < 2:
        return times * 2
    step = float(np.median(np.diff(beats_s)))
    before = int(max(0, beats_s[0]) / step) + 1
    after = int(max(0, times[-1] - beats_s[-1]) / step) + 1
    grid = np.r_[
        beats_s[0] - step * np.arange(before, 0, -1), beats_s,
        beats_s[-1] + step * np.arange(1, after + 1),
    ]  # fmt: skip
    return np.asarray(np.interp(times, grid, np.arange(len(grid)) - float(before)))


def clip_of(excerpt: int, excerpt_frames: int, rate_hz: float) -> tuple[int, int]:
    """First frame, and how many, of an excerpt of so many motion frames, at 30 Hz."""
    seconds = excerpt_frames / rate_hz
    return round(excerpt * seconds * FRAMES), int(seconds * FRAMES)


def windows(dances: Sequence[Dance], frames: int) -> NDArray[np.int64]:
    """(n, 2): number of the dance and first frame of consecutive windows, ``frames`` each."""
    rows = [
        (number, start)
        for number, dance in enumerate(dances)
        for start in range(0, len(dance.motion) - frames + 1, frames)
    ]
    return np.array(rows, np.int64).reshape(-1, 2)


def cut_codes(codes: Sequence[Tensor], rows: NDArray[np.int64], frames: int) -> Tensor:
    """(n, frames, 64) of windows (n, 2), dance and first frame, of each dance's codes (f, 64)."""
    return torch.stack([codes[d][start : start + frames] for d, start in rows])


def cut_motion(dances: Sequence[Dance], rows: NDArray[np.int64], frames: int) -> Tensor:
    """(n, frames, 13, 2) of windows (n, 2), dance and first frame."""
    return torch.stack([dances[d].motion[start : start + frames] for d, start in rows])


def cut_mel(dances: Sequence[Dance], rows: NDArray[np.int64], frames: int) -> Tensor:
    """(n, 3 · frames, 128) of windows (n, 2), dance and first motion frame."""
    r = MEL_PER_FRAME
    return torch.stack([dances[d].mel[r * start : r * (start + frames)] for d, start in rows])
