"""Music as VirtualConductor hears it: 128 bands at 90 Hz (docs/method.md)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from motionmusic.features.motion import rows_at
from motionmusic.numba_cache import librosa

BANDS = 128
"""Of the mel spectrogram, the highest first."""
MEL_PER_FRAME = 3
"""Mel frames (90 Hz) in a motion frame (30 Hz); motion frame k belongs to mel frame 3 k."""
SAMPLE_RATE = 22050
RATE_HZ = 90

_WINDOW, _HOP = 2048, 256
_BLOCK = 4096  # frames that are transformed at a time: an hour as one spectrum is 2.5 GB


def mel_spectrogram(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mel spectrogram of a whole file, relative to its loudest cell (V18).

    Of (samples,) at 22,050 Hz, not silent (silence would be all ones, V17): (floor(90 · seconds),
    128) float32 in 0…1, the highest band first.
    """
    frames = 1 + len(samples) // _HOP
    padded = np.pad(samples, _WINDOW // 2)
    powers = []
    for first in range(0, frames, _BLOCK):
        block = padded[first * _HOP : (min(first + _BLOCK, frames) - 1) * _HOP + _WINDOW]
        powers.append(
            librosa.feature.melspectrogram(
                y=block, sr=SAMPLE_RATE, n_fft=_WINDOW, hop_length=_HOP, n_mels=BANDS, center=False
            )
        )
    level = librosa.power_to_db(np.concatenate(powers, 1), ref=np.max, amin=1e-10, top_db=80)
    mel = np.abs(level + 80).T[:, ::-1] / 80
    count = len(samples) * RATE_HZ // SAMPLE_RATE
    # as OpenCV's INTER_LINEAR does it
    places = np.clip((np.arange(count) + 0.5) * len(mel) / count - 0.5, 0, len(mel) - 1)
    return rows_at(mel, places).astype(np.float32)


def mel_from(samples: NDArray[np.float32], start_s: float) -> tuple[NDArray[np.float32], int]:
    """The mel spectrogram of a whole file, so that the second ``start_s`` falls onto a motion frame.

    Returns it without the file's first less than 1/30 s, and the motion frame (30 Hz) that begins
    at ``start_s``; its mel frame is three times that.
    """
    frame = int(start_s * RATE_HZ / MEL_PER_FRAME + 1e-6)
    dropped = round((start_s - frame * MEL_PER_FRAME / RATE_HZ) * SAMPLE_RATE)
    return mel_spectrogram(samples[max(0, dropped) :]), frame
