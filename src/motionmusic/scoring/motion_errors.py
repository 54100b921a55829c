"""How near a generated motion is to the real one, and how lively (docs/method.md, V9, V10).

Motions are clips of 13 keypoints in the plane of the picture, 30 frames a second. Rhythm and strength
come as the authors' code computes them, and as they describe them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import welch

Motion = NDArray[np.floating[Any]]

RATE_HZ = 30
KEYPOINTS = 13
SHORTEST_RHYTHM = 256
"""Frames of a spectrum's window: with fewer the bins would mean other frequencies."""
SHORTEST_STRENGTH = 60
"""Frames that the strength is averaged over."""

_STEP = 30  # frames from one average of the strength to the next
_BAND = slice(6, 26)  # bins of 0.117 Hz: 0.70 … 2.93 Hz, 42 … 176 beats a minute
_SLOWEST_HZ = 0.7  # as described: all that is faster, up to 15 Hz


def rhythm_error(real: Motion, made: Motion, *, described: bool) -> float:
    """How far apart the power spectra are (the authors' rhythm density error before its logarithm).

    Coded: each spectrum is the mean over the 26 coordinates; the mean over 0.70 … 2.93 Hz of the squared
    difference. Described: sums, over everything above 0.7 Hz. Both motions are (frames, 13, 2), of at
    least 256 frames, or ValueError.
    """
    _check(real, made, least=SHORTEST_RHYTHM)
    # SciPy's defaults: frequencies (129,), power (129, 26)
    (hz, real_power), (_, made_power) = (
        welch(_coordinates(motion), RATE_HZ, nperseg=SHORTEST_RHYTHM, axis=0)
        for motion in (real, made)
    )
    if described:
        difference = (real_power - made_power).sum(axis=1)[hz > _SLOWEST_HZ]
        return float(np.square(difference).sum())
    return float(np.square((real_power - made_power).mean(axis=1)[_BAND]).mean())


def strength_error(real: Motion, made: Motion, *, described: bool) -> float:
    """How far apart the strengths of movement are over time (strength contour error, no logarithm).

    The strength of a frame is, as coded, the absolute value of the mean step of the 26 coordinates, so
    that opposite arms cancel; as described, the mean of absolute values. It is averaged over 2 s every
    second. Both motions are (frames, 13, 2), of at least 60 frames, or ValueError.
    """
    _check(real, made, least=SHORTEST_STRENGTH)
    return float(np.square(_strength(real, described) - _strength(made, described)).mean())


def spread(motion: Motion) -> float:
    """The mean over coordinates of the standard deviation over time (n − 1), of (frames, 13, 2).

    The authors' SDP is that of generated motions in percent of that of the real ones.
    """
    _check(motion, motion, least=2)
    return float(np.asarray(motion, np.float64).std(axis=0, ddof=1).mean())


def distances(motions: Motion) -> NDArray[np.float64]:
    """How far every two of the motions (n, frames, 13, 2) are apart, (n, n); zeros in the diagonal.

    It is the mean over frames and keypoints of how far a keypoint is from itself in the other motion. The
    mean over pairs is the diversity, as in the AI Choreographer's "Div", but of poses, not features.
    """
    apart = np.zeros((len(motions), len(motions)))
    for place, motion in enumerate(motions):
        step = motions[place + 1 :] - motion
        apart[place, place + 1 :] = np.hypot(step[..., 0], step[..., 1]).mean(
            axis=(1, 2), dtype=np.float64
        )
    return apart + apart.T


def _check(real: Motion, made: Motion, *, least: int) -> None:
    if real.shape != made.shape or real.shape[1:] != (KEYPOINTS, 2) or len(real) < least:
        raise ValueError(
            f"expected two motions (frames, {KEYPOINTS}, 2) of {least} frames or more,"
            f" got {real.shape} and {made.shape}"
        )


def _coordinates(motion: Motion) -> NDArray[np.float64]:
    return np.asarray(motion, np.float64).reshape(len(motion), -1)


def _strength(motion: Motion, described: bool) -> NDArray[np.float64]:
    """(windows,): the strength, averaged over 60 frames every 30; the first frame has none."""
    steps = np.diff(_coordinates(motion), axis=0)
    strength = np.abs(steps).mean(axis=1) if described else np.abs(steps.mean(axis=1))
    windows = np.lib.stride_tricks.sliding_window_view(np.r_[0.0, strength], SHORTEST_STRENGTH)
    return np.asarray(windows[::_STEP].mean(axis=1))
