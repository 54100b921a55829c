"""The order of tracks for a dance: by genre, tempo and timing, and by all three.

Genre and tempo are logarithms of probabilities, weighed so that a dance's own track is likeliest;
timing is how well what the model of the beat's phase reads from the motion fits beats of the track's
tempo, weighed so that the own track comes as far up as it can.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.signal import fftconvolve

from motionmusic.features.beats import music_beats
from motionmusic.features.motion import Floats
from motionmusic.features.song_tempo import (
    _FFT,
    _OCTAVES,
    _WEIGHTS,
    ENVELOPE_HZ,
    SAMPLE_RATE,
    onset_envelope,
)
from motionmusic.scoring.beat_phase import RATE_HZ, best_fit
from motionmusic.scoring.dance_tempo import OCTAVES, DanceTempo
from motionmusic.scoring.retrieval import ranks

_LEAST = 1e-3  # a probability, so that no logarithm is infinite
_SLOWEST_HZ, _FASTEST_HZ = 40 / 60, 220 / 60
_RIDGE = 0.01
_LEAST_S = 5  # of sound: an onset envelope takes more than four


class Weights(NamedTuple):
    """What a unit of each counts."""

    genre: float
    tempo: float
    fit: float


WEIGHTS = Weights(genre=1.09585, tempo=1.59475, fit=20)
"""Those of metrics/on_beat/own_track.json."""
FITS = (0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0)


class Moment(NamedTuple):
    """Where a dance goes best with a track: fit of the tempo 0 to √2, correlation −1 to 1, second."""

    fit: float
    sound: float
    start_s: float


def genre_score(of_dance: Sequence[float], matching: Sequence[bool]) -> float:
    """How much likelier a dance is of the genres that match the track than a dance in general."""
    share = float(np.dot(of_dance, matching))
    return float(np.log(max(share, _LEAST) / np.mean(matching))) if any(matching) else 0.0


def tempo_score(tempo: DanceTempo, bpm: float) -> float:
    """How likely the dance's tempo is the track's, half or double; least where it is not known."""
    share = tempo.share(bpm, OCTAVES) if np.isfinite(bpm) else 0.0
    return float(np.log(max(share, _LEAST)))


def sound_at(envelope: Floats) -> Floats:
    """What begins to sound at 25 a second, of an envelope at 100 a second."""
    step = round(ENVELOPE_HZ / RATE_HZ)
    whole = envelope[: len(envelope) // step * step]
    return np.asarray(np.maximum(whole, 0).reshape(-1, step).mean(axis=1))


def tempo_fit(predicted: Floats, bpm: float) -> float:
    """How well a dance, (frames, 4) of the model of the beat's phase, fits beats of a tempo: 0 to √2.

    Half and double of it are tried as well; when the first beat falls is left open.
    """
    times = np.arange(len(predicted)) / RATE_HZ
    beats = bpm / 60 * np.array(OCTAVES)
    beats = beats[(beats >= _SLOWEST_HZ) & (beats <= _FASTEST_HZ)]
    return float(best_fit(predicted, times, beats)[1].max(initial=0))


def best_moment_of(predicted: Floats, sound: Floats, bpm: float) -> Moment:
    """Where in a track a dance fits best.

    Args:
        predicted: (frames, 4) of the model of the beat's phase.
        sound: (n,) of :func:`sound_at`. Of a dance longer than it, the beginning counts.
        bpm: of the track; half and double of it are tried as well.
    """
    wave = predicted[: len(sound), 0]
    wave = wave - wave.mean()
    n, sums = len(wave), [np.cumsum(np.r_[0.0, sound**power]) for power in (1, 2)]
    one, two = (total[n:] - total[:-n] for total in sums)
    spread = np.sqrt(np.maximum(two - np.square(one) / n, 0)) * np.linalg.norm(wave)
    found = fftconvolve(sound, wave[::-1], mode="valid") / np.maximum(spread, 1e-9)
    first = int(np.argmax(found))
    return Moment(tempo_fit(predicted, bpm), float(found[first]), first / RATE_HZ)


def fit_weight(*tests: tuple[Floats, Floats, NDArray[np.int64]]) -> float:
    """The least of FITS that brings own tracks furthest up: the mean of 1 / rank counts.

    ``tests`` count alike: scores of genre and tempo (dances, tracks), fits (dances, tracks), and the
    number of the own track (dances,).
    """

    def height(of: float) -> float:
        means = [(1 / ranks(scores + of * fits, own)).mean() for scores, fits, own in tests]
        return round(float(np.mean(means)), 9)

    return max(FITS, key=height)


def learn_weights(scores: Sequence[Floats], own: Sequence[NDArray[np.bool_]]) -> Floats:
    """Weights (f,) of scores (tracks, f), none below 0, under which own tracks are likeliest.

    ``own`` (tracks,) marks them for each dance.
    """

    def loss(weights: Floats) -> float:
        total = _RIDGE * float(weights @ weights)
        for of, mine in zip(scores, own, strict=True):
            height = of @ weights
            odds = np.exp(height - height.max())
            total -= float(np.log(odds[mine].sum() / odds.sum())) / len(scores)
        return total

    n = scores[0].shape[1]
    found = minimize(loss, np.ones(n), method="L-BFGS-B", bounds=[(0, None)] * n)
    return np.asarray(found.x)


def hear(audio: NDArray[np.floating], expected_bpm: float = float("nan")) -> tuple[float, Floats]:
    """A track's beats a minute (NaN where it has no beat), and its :func:`sound_at`.

    Args:
        audio: (samples,) mono at 12,800 Hz.
        expected_bpm: what its file says; else a beat tracker's.
    """
    frames = 1 + len(audio) // round(SAMPLE_RATE / ENVELOPE_HZ)
    padded = np.pad(audio, (0, max(0, _LEAST_S * SAMPLE_RATE - len(audio))))
    envelope = onset_envelope(padded)[:frames]
    if not np.isfinite(expected_bpm):
        _, expected_bpm = music_beats(audio, SAMPLE_RATE)
    if not np.isfinite(expected_bpm) or not np.any(np.abs(envelope) > 1e-9):
        return float("nan"), sound_at(envelope)
    return 60 * _beat_hz(envelope, expected_bpm), sound_at(envelope)


def _beat_hz(envelope: Floats, expected_bpm: float) -> float:
    """As :func:`song_tempo` finds it, without what else that does for the same sound."""
    step_hz = ENVELOPE_HZ / _FFT
    power = np.abs(np.fft.rfft(envelope, _FFT)) ** 2
    bins = np.arange(round(0.4 / step_hz), round(6.0 / step_hz))
    combed = sum(weight * power[bins * number] for number, weight in enumerate(_WEIGHTS, start=1))
    octaves = np.log2(bins * step_hz * 60 / expected_bpm)
    return float(bins[np.argmax(combed * np.exp(-np.square(octaves / _OCTAVES) / 2))] * step_hz)
