"""Which music is wrong for a movement, the same for every network that votes on the two.

*Easy*: the music of another piece. *Hard*: the same piece, at least 10 s away and off the beat.
*Super-hard*: the same moment, a quarter to three quarters of a beat off. A moment that is whole
beats away may be in time, so it is never a negative.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

NEGATIVES = ("easy", "hard", "super_hard")
MARGIN = 20
"""Frames before and after a moment within which its super-hard negatives lie."""
AWAY_S = 10

Frames = NDArray[np.int64]


def beats_at_frames(
    beats_s: NDArray[np.float64], frames: int, rate_hz: float
) -> NDArray[np.float64]:
    """How many beats have passed at each frame, (frames,), going on evenly at both ends.

    Args:
        beats_s: seconds of the music's beats, ascending; with fewer than two of them, 120 a minute
            from frame 0 on.
        frames: how many.
        rate_hz: frames a second.
    """
    times = np.arange(frames) / rate_hz
    if len(beats_s) < 2:
        return times * 2
    grid = continued(beats_s, 0, float(times[-1]))
    before = np.searchsorted(grid, beats_s[0])
    return np.asarray(np.interp(times, grid, np.arange(len(grid)) - float(before)))


def continued(beats_s: NDArray[np.float64], first_s: float, last_s: float) -> NDArray[np.float64]:
    """At least two beats, going on at their median interval to ``first_s`` and ``last_s`` and beyond."""
    step = float(np.median(np.diff(beats_s)))
    before = int(max(0, beats_s[0] - first_s) / step) + 1
    after = int(max(0, last_s - beats_s[-1]) / step) + 1
    earlier = beats_s[0] - step * np.arange(before, 0, -1)
    later = beats_s[-1] + step * np.arange(1, after + 1)
    return np.concatenate([earlier, beats_s, later])


def hard(beats: NDArray[np.float64], start: int, rate_hz: float) -> Frames:
    """The other moments of the same piece that are wrong for ``start``.

    In a short piece, those as far away as its farther half; where none of them is off the beat,
    those on it too.

    Args:
        beats: (m,) beats passed at each frame that may be chosen.
        start: one of these frames.
        rate_hz: frames a second.
    """
    distance = np.abs(np.arange(len(beats)) - start)
    far = distance >= min(AWAY_S * rate_hz, distance.max() / 2)
    off = far & (np.abs((beats - beats[start]) % 1 - 0.5) <= 0.25)
    return np.flatnonzero(off if off.any() else far)


def super_hard(beats: NDArray[np.float64], start: int) -> Frames:
    """The frames near ``start`` that are part of a beat off; arguments as for :func:`hard`."""
    near = np.arange(max(0, start - MARGIN), min(len(beats), start + MARGIN + 1))
    passed = np.abs(beats[near] - beats[start])
    return np.asarray(near[(passed >= 0.25) & (passed <= 0.75)])


def easy(pieces: NDArray[np.int64], random: np.random.Generator) -> Frames:
    """For each row (n,) the number of a row of another piece."""
    rows = np.arange(len(pieces))
    return np.array([random.choice(rows[pieces != piece]) for piece in pieces], np.int64)
