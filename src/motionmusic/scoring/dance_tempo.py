"""The tempo of a dance from its motion alone, and how sure that is.

How well a dance repeats itself after parts and multiples of a beat, and how much it swings at parts
and multiples of a beat's frequency, are 24 numbers for every tempo; with two for the tempo itself
they are weighed by a regression that was shown which tempo is the music's. What it gives for all
tempi adds up to one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.optimize import minimize

from motionmusic.features.motion import Floats
from motionmusic.files import read_named_arrays

RATE_HZ = 25.0
TEMPI = np.geomspace(50, 200, 281)
"""Beats a minute, in steps of 0.5 %."""
WITHIN = 0.04
"""Tempi that differ by less are one."""
OCTAVES = (1.0, 2.0, 0.5)
_BEATS = (0.5, 1, 1.5, 2, 3, 4, 6, 8)  # after which a dance may repeat itself
_HARMONICS = (0.25, 0.5, 1, 2)
_SMOOTH = 1.0  # frames: joints from video tremble
_TAUGHT = 0.03  # tempi as near to the music's as this are right
_RIDGE = 0.08  # beside the mean over dances
_FFT = 1 << 14


@dataclass(frozen=True)
class DanceTempo:
    """What is known of a dance's tempo.

    Attributes:
        probabilities: (281,) of TEMPI.
    """

    probabilities: Floats

    @property
    def bpm(self) -> float:
        """The most likely tempo, beats a minute."""
        return float(TEMPI[np.argmax(self.probabilities)])

    def share(self, bpm: float, octaves: Sequence[float] = (1.0,)) -> float:
        """How likely the tempo is within 4 % of ``bpm``, or of these multiples of it: 0…1."""
        near = [abs(TEMPI / (bpm * octave) - 1) <= WITHIN for octave in octaves]
        return float(self.probabilities[np.any(near, axis=0)].sum())


def given(bpm: float) -> DanceTempo:
    """A tempo that is told: certain to 1 %."""
    weights = np.exp(-np.square(np.log(TEMPI / bpm) / 0.01) / 2)
    return DanceTempo(weights / weights.sum())


@dataclass(frozen=True)
class TempoModel:
    """Weights (26,) of what :func:`evidence` gives."""

    weights: Floats

    def __call__(self, found: Floats) -> DanceTempo:
        """The tempo of a dance, of its :func:`evidence`."""
        scores = found @ self.weights
        odds = np.exp(scores - scores.max())
        return DanceTempo(odds / odds.sum())

    @staticmethod
    def learn(dances: Sequence[Floats], bpm: Sequence[float]) -> TempoModel:
        """From the evidence (281, 26) of dances and the tempi of their music."""
        x = np.stack(dances)
        size = x.std(axis=(0, 1)) + 1e-9
        x = (x - x.mean(axis=(0, 1))) / size
        right = abs(TEMPI / np.asarray(bpm)[:, None] - 1) <= _TAUGHT

        def loss(weights: Floats) -> tuple[float, Floats]:
            scores = x @ weights
            odds = np.exp(scores - scores.max(axis=1, keepdims=True))
            said = odds / odds.sum(axis=1, keepdims=True)
            share = (said * right).sum(axis=1, keepdims=True)
            slope = np.einsum("nt,ntf->f", said - said * right / share, x)
            ridge = _RIDGE * len(x)
            value = -np.log(share).sum() + ridge * weights @ weights / 2
            return float(value), np.asarray(slope + ridge * weights)

        found = minimize(loss, np.zeros(x.shape[2]), jac=True, method="L-BFGS-B")
        return TempoModel(found.x / size)

    def __add__(self, other: TempoModel) -> TempoModel:
        """Both, each counting half."""
        return TempoModel((self.weights + other.weights) / 2)

    def save(self, file: Path) -> None:
        """Write it as .npz; equal weights give equal bytes."""
        np.savez(file, weights=self.weights.astype(np.float32))

    @staticmethod
    def read(file: Path) -> TempoModel:
        """What :meth:`save` wrote. Raises UserError where it is missing or broken."""
        remedy = "install the package again"
        found = read_named_arrays(file, ("weights",), "weights of the dance's tempo", remedy)
        return TempoModel(found["weights"].astype(np.float64))


def evidence(joints: Floats) -> Floats:
    """What a dance says for each of TEMPI, (281, 26).

    Args:
        joints: (frames, joints, 3) at 25 a second, relative to the middle of the hips, in any unit.
    """
    velocity = np.gradient(gaussian_filter1d(joints, _SMOOTH, axis=0), axis=0)
    slowing = np.maximum(0, -np.diff(np.linalg.norm(velocity, axis=2), axis=0))
    columns = []
    for signal in (velocity.reshape(len(velocity), -1), _scaled(slowing)):
        columns += _repeats(signal) + _swings(signal)
    octaves = np.log2(TEMPI / 100)
    return np.stack([*columns, octaves, np.square(octaves)], axis=1)


def _scaled(values: Floats) -> Floats:
    spread = values.std(axis=0)
    return np.asarray(values / np.maximum(spread, 1e-6 * spread.max(initial=1e-12)))


def _repeats(signal: Floats) -> list[Floats]:
    """The autocorrelation after parts and multiples of a beat; 0 beyond three quarters of the dance."""
    frames = len(signal)
    spectrum = np.fft.rfft(signal - signal.mean(axis=0), 2 * frames, axis=0)
    sums = np.fft.irfft(np.square(abs(spectrum)).sum(axis=1))[:frames]
    means = sums / np.maximum(1, frames - np.arange(frames)) / max(sums[0] / frames, 1e-12)
    lags = [beats * 60 * RATE_HZ / TEMPI for beats in _BEATS]
    return [
        np.where(lag > 0.75 * frames, 0, np.interp(lag, np.arange(frames), means)) for lag in lags
    ]


def _swings(signal: Floats) -> list[Floats]:
    """The size of the spectrum at parts and multiples of a beat's frequency, beside 0.3 to 6 Hz."""
    window = np.hanning(len(signal))[:, None]
    size = max(_FFT, 1 << (len(signal) - 1).bit_length())
    spectrum = np.fft.rfft((signal - signal.mean(axis=0)) * window, size, axis=0)
    hertz, power = np.fft.rfftfreq(size, 1 / RATE_HZ), np.square(abs(spectrum)).sum(axis=1)
    height = np.sqrt(power / max(power[(hertz > 0.3) & (hertz < 6)].mean(), 1e-12))
    return [np.interp(TEMPI / 60 * times, hertz, height) for times in _HARMONICS]
