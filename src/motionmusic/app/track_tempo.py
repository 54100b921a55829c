"""The tempo that librosa's beat tracker starts from, without the beats and in little memory."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft
from scipy.sparse import csr_matrix

from motionmusic.files import Float32
from motionmusic.numba_cache import librosa

_HOP, _WINDOW, _BANDS = 256, 2048, 128  # as in features/beats.py
_PERIODS_S = 8.0  # longest
_AT_ONCE, _LAGS_AT_ONCE = 64, 128  # frames whose spectra fit into a processor's cache


def tracked_bpm(audio: Float32, sample_rate: int) -> float:
    """What ``music_beats`` gives as beats a minute; NaN where there is no onset.

    Args:
        audio: (samples,) mono.
        sample_rate: a second.
    """
    if not np.any(audio):
        return float("nan")
    onsets = _onsets(audio, sample_rate)
    if not onsets.any():
        return float("nan")
    longest = int(librosa.time_to_frames(_PERIODS_S, sr=sample_rate, hop_length=_HOP))
    repeats = _repeats(onsets, longest)
    (bpm,) = librosa.feature.tempo(tg=repeats[:, None], sr=sample_rate, hop_length=_HOP)
    return float(bpm)


def _onsets(audio: Float32, sample_rate: int) -> Float32:
    """How much begins to sound, (frames,): the median of 128 bands."""
    # of a filter all but a few weights are 0
    bands = csr_matrix(
        librosa.filters.mel(sr=sample_rate, n_fft=_WINDOW, n_mels=_BANDS, fmax=sample_rate / 2)
    )
    window = librosa.filters.get_window("hann", _WINDOW).astype(np.float32)
    frames = sliding_window_view(np.pad(audio, _WINDOW // 2), _WINDOW)[::_HOP]
    powers = np.empty((_BANDS, len(frames)), np.float32)
    for start in range(0, len(frames), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        powers[:, part] = bands @ _power(rfft(frames[part] * window, axis=1)).T
    found: Float32 = librosa.onset.onset_strength(
        S=librosa.power_to_db(powers), sr=sample_rate, hop_length=_HOP, aggregate=np.median
    )
    return found


def _repeats(onsets: Float32, longest: int) -> NDArray[np.float64]:
    """The mean over all frames of the autocorrelation around them, (longest,) lags; each at most 1."""
    padded = np.pad(onsets, longest // 2, mode="linear_ramp", end_values=0)
    frames = sliding_window_view(padded, longest)[: len(onsets)]
    window = librosa.filters.get_window("hann", longest)
    size = next_fast_len(2 * longest - 1, real=True)
    total = np.zeros(longest)
    for start in range(0, len(frames), _LAGS_AT_ONCE):
        power = _power(rfft(frames[start : start + _LAGS_AT_ONCE] * window, size, axis=1))
        found = irfft(power, size, axis=1)[:, :longest]
        most = np.abs(found).max(axis=1, keepdims=True)
        total += (found / np.where(most < np.finfo(most.dtype).tiny, 1, most)).sum(axis=0)
    return total / len(frames)


def _power(spectra: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(np.square(spectra.real) + np.square(spectra.imag))
