"""Beats of the music, beats of the motion, and how well the two fall together.

Two definitions of "beat alignment" are in use under one name, and their values cannot be compared:

- ``mint``: google-research/mint, ``tools/calculate_beat_scores.py`` (AI Choreographer, 2021);
- ``bailando``: lisiyao21/Bailando, ``utils/beat_align_score.py`` (2022).

Both are written in frames at 60 a second. Here every length is in seconds, so that they mean the
same at any frame rate: at 25 frames a second a kernel of 3 frames would be 120 ms instead of 50.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.signal import argrelextrema

from motionmusic.numba_cache import librosa

Floats = NDArray[np.float64]
Definition = Literal["mint", "bailando"]

SAMPLE_RATE = 22_050
SIGMA_S = 3 / 60  # both sources: a kernel of 3 frames
NEIGHBOURHOOD_S = 10 / 60  # mint: a minimum is the lowest of 10 frames to either side
SMOOTHING_S = 5 / 60  # Bailando: standard deviation of the Gaussian
_HOP = 256  # samples: at 22,050 Hz 12 ms, and a step of 2 % at 120 bpm
_TEMPI = np.geomspace(40, 240, 401)  # bpm, in steps of 0.45 %
_GOLDEN = (np.sqrt(5) - 1) / 2


def music_beats(audio: NDArray[Any], sample_rate: int) -> tuple[Floats, float]:
    """Beats by dynamic programming (Ellis 2007) of mono samples.

    Returns their seconds, ascending, and beats a minute; none and NaN where there is no onset.
    """
    if not np.any(audio):
        return np.zeros(0), float("nan")
    tempo, beats = librosa.beat.beat_track(
        y=np.asarray(audio, np.float32), sr=sample_rate, hop_length=_HOP, units="time"
    )
    bpm = float(np.asarray(tempo).item())
    return np.asarray(beats, np.float64), bpm if bpm > 0 else float("nan")


def kinetic_energy(joints: NDArray[Any], rate_hz: float) -> Floats:
    """Mean over joints of the squared speed, (frames,) float64, in squared units a squared second.

    A frame of ``joints`` (frames, joints, 3) has the mean of the steps before and after it, the
    first and the last have one. Raises ValueError for another shape, NaN, infinity, a rate ≤ 0.
    """
    squared = np.square(_speeds(joints, rate_hz)).mean(axis=1)
    if not len(squared):
        return np.zeros(len(joints))
    return np.asarray((np.r_[squared[:1], squared] + np.r_[squared, squared[-1:]]) / 2)


def motion_beats(joints: NDArray[Any], rate_hz: float, definition: Definition) -> Floats:
    """Seconds from frame 0 at which the body is slowest for a moment, as one of the sources has it.

    ``mint``: the sum of the joints' speeds, not smoothed, is lower than at any other time up to
    1/6 s before and after. The source puts a speed of 0 before the first step, so none of its beats
    lies in the first 1/6 s.
    ``bailando``: the mean of the speeds, smoothed by a Gaussian of 1/12 s, is lower than one frame
    before and after.

    A speed belongs to the middle of its two frames; the sources give it the later (mint) and the
    earlier one (Bailando). Standing still has no beat, as a minimum is lower than its neighbours.
    Joints are (frames, joints, 3) in any unit. Raises ValueError as :func:`kinetic_energy`.
    """
    speeds = _speeds(joints, rate_hz)
    if len(speeds) < 2:
        return np.zeros(0)
    if definition == "mint":
        curve = np.r_[0.0, speeds.sum(axis=1)]
        first, order = -1, max(1, round(NEIGHBOURHOOD_S * rate_hz))
    else:
        curve = gaussian_filter1d(speeds.mean(axis=1), SMOOTHING_S * rate_hz)
        first, order = 0, 1
    (lowest,) = argrelextrema(curve, np.less, order=order)
    return np.asarray((lowest + first + 0.5) / rate_hz, np.float64)


def beat_alignment(
    motion_s: ArrayLike, music_s: ArrayLike, definition: Definition, sigma_s: float = SIGMA_S
) -> float:
    """The mean of exp(−d² / 2σ²), d in seconds to the nearest beat of the other kind: 0…1.

    ``mint`` takes the mean over the beats of the motion, like a precision: stray beats lower it,
    missing ones do not. ``bailando`` takes it over the beats of the music, like a recall. With no
    beat to take the mean over it is 0 for mint, as in its source, and NaN for Bailando, whose
    source fails. :func:`alignment_by_chance` is what to compare it with.
    """
    motion, music = np.asarray(motion_s, np.float64), np.asarray(music_s, np.float64)
    over, others = (motion, music) if definition == "mint" else (music, motion)
    if not over.size:
        return 0.0 if definition == "mint" else float("nan")
    return float(np.exp(-np.square(_to_nearest(over, others)) / (2 * sigma_s**2)).mean())


def alignment_by_chance(
    motion_s: ArrayLike,
    music_s: ArrayLike,
    duration_s: float,
    definition: Definition,
    shifts: int = 200,
) -> tuple[float, float]:
    """Mean and deviation of the alignment with the same music at other moments.

    The music, seconds in [0, duration_s), is turned in a circle by the parts k·0.618… mod 1 of it,
    k = 1 … ``shifts``. They cover the circle evenly, but not in equal steps: of 100 s at 120 bpm,
    200 equal steps would be whole beats each.
    """
    music = np.asarray(music_s, np.float64)
    parts = np.arange(1, shifts + 1) * _GOLDEN % 1
    values = [
        beat_alignment(motion_s, (music + part * duration_s) % duration_s, definition)
        for part in parts
    ]
    return float(np.mean(values)), float(np.std(values))


def motion_tempo(joints: NDArray[Any], rate_hz: float) -> float:
    """The tempo at which the body slows down: 40…240 beats a minute.

    The decrease of the joints' mean speed stands for the onsets. A period is as good as the mean of
    its autocorrelation at one, two and three periods (a bar of any metre repeats better than its
    beats do), times librosa's weight of a tempo: log-normal around 120 bpm, one octave wide.

    Joints are (frames, joints, 3). Returns NaN for less than three frames or where the speed never
    decreases. Raises ValueError as :func:`kinetic_energy`.
    """
    speed = _speeds(joints, rate_hz).mean(axis=1)
    slowing = np.maximum(0, -np.diff(speed))
    # steady motion is steady up to rounding only
    if slowing.max(initial=0) <= 1e-6 * speed.max(initial=0):
        return float("nan")
    frames = len(slowing)
    overlap = np.maximum(1, frames - np.arange(frames))
    correlation = librosa.autocorrelate(slowing - slowing.mean()) / overlap
    periods = 60 * rate_hz / _TEMPI  # frames
    repeats = [
        np.interp(times * periods, np.arange(frames), correlation, right=0) for times in (1, 2, 3)
    ]
    weights = np.exp(-np.square(np.log2(_TEMPI / 120)) / 2)
    return float(_TEMPI[np.argmax(np.maximum(0, np.mean(repeats, axis=0)) * weights)])


def tempo_difference(a: ArrayLike, b: ArrayLike) -> Floats:
    """How far two tempi are apart, double and half time being the same.

    The least of |a − b/2|, |a − b| and |a − 2b| in bpm, broadcast; NaN where either is. It is not
    symmetric: it is measured at the tempo of a.
    """
    first, second = np.asarray(a, np.float64), np.asarray(b, np.float64)
    return np.asarray(np.min([np.abs(first - times * second) for times in (0.5, 1, 2)], axis=0))


def _speeds(joints: NDArray[Any], rate_hz: float) -> Floats:
    """(frames − 1, joints): how fast every joint goes from each frame to the next."""
    places = np.asarray(joints, np.float64)
    if places.ndim != 3 or places.shape[2] != 3 or places.shape[1] < 1:
        raise ValueError(f"expected joints (frames, joints, 3), got {places.shape}")
    if not np.isfinite(places).all():
        raise ValueError("expected joints that are finite numbers, got NaN or infinity")
    if rate_hz <= 0:
        raise ValueError(f"expected a positive rate, got {rate_hz} Hz")
    return np.asarray(np.linalg.norm(np.diff(places, axis=0), axis=2) * rate_hz)


def _to_nearest(points: Floats, others: Floats) -> Floats:
    """The distance of every point to the nearest of the others; infinity where there are none."""
    fence = np.r_[-np.inf, np.sort(others), np.inf]
    after = np.searchsorted(fence, points)
    return np.asarray(np.minimum(points - fence[after - 1], fence[after] - points))
