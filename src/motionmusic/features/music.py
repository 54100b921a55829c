"""Log-mel and MFCC of a piece's music (paper section 3.1; docs/method.md)."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from motionmusic.errors import UserError
from motionmusic.features.audio import read_audio
from motionmusic.features.motion import min_max, rows_at
from motionmusic.files import Float32, read_array
from motionmusic.numba_cache import librosa
from motionmusic.params import AnyMusic, Feature, Scale, StoredMusic
from motionmusic.streams import stream

WINDOW = 1024  # samples, periodic Hann
HOP = 512  # samples; at 12,800 Hz exactly one motion frame of 1/25 s
BANDS = 96  # Slaney mel filters
LOWEST_HZ, HIGHEST_HZ = 80.0, 7600.0
STORED, STORED_HZ, RATE_HZ = 35, 60.0, 25.0  # columns, rates of stored features and of motion
FLOOR = 1e-10
SHORT_SAMPLES = 128_000  # 10 s at 12.8 kHz: sound up to this long is padded by the authors (O10)
NOISE = 5e-4
SHORTEST = WINDOW // HOP + 1  # frames of a piece
SLACK_S = 1.0  # a config.json may name an end this much past the sound without being wrong


def log_mel(audio: NDArray[Any], sample_rate: int) -> Float32:
    """log10 mel magnitudes, before scaling: (samples,) → (1 + samples // 512, 96) float32.

    Slaney scale and area normalisation. At 12,800 Hz the bands 92–95 lie over the Nyquist frequency
    and are constant −10, as for the authors. What the paper calls MFCC is this (O2).
    """
    samples = np.asarray(audio, np.float32)
    magnitude = np.abs(librosa.stft(samples, n_fft=WINDOW, hop_length=HOP, pad_mode="reflect"))
    with warnings.catch_warnings():
        # librosa warns of the empty bands, which are the authors' and documented above
        warnings.simplefilter("ignore", UserWarning)
        filters = librosa.filters.mel(
            sr=sample_rate, n_fft=WINDOW, n_mels=BANDS, fmin=LOWEST_HZ, fmax=HIGHEST_HZ
        )
    return np.asarray(np.log10(np.maximum(FLOOR, filters @ magnitude)).T, np.float32)


def mfcc(log_mels: Float32) -> Float32:
    """Cepstral coefficients, what the paper says: orthonormal DCT-II over the 96 bands, all kept."""
    return np.asarray(scipy.fft.dct(log_mels, axis=1, norm="ortho"), np.float32)


def pad_short(audio: NDArray[Any], random: np.random.Generator) -> NDArray[np.float32]:
    """Sound of at most 10 s: zeros up to 128,000 samples and uniform noise in [0, 5e-4) on all (O10)."""
    if len(audio) > SHORT_SAMPLES:
        return np.asarray(audio, np.float32)
    padded = np.zeros(SHORT_SAMPLES)
    padded[: len(audio)] = audio
    return (padded + random.uniform(0, NOISE, SHORT_SAMPLES)).astype(np.float32)


def music_features(
    audio: NDArray[Any], sample_rate: int, *, feature: Feature, scale: Scale
) -> Float32:
    """Scaled features of a whole piece: (samples,) → (frames, 96).

    ``per_coordinate_piece`` maps each of the 96 columns to 0…1 over the piece (the paper's),
    ``per_piece`` the whole piece with one range.
    """
    values = log_mel(audio, sample_rate)
    if feature == "mfcc":
        values = mfcc(values)
    if scale == "per_coordinate_piece":
        return min_max(values)
    return min_max(values.reshape(-1, 1)).reshape(values.shape)


def stored_features(file: Path) -> Float32:
    """A track's stored features, 60 a second, as 25 a second: (frames, 96), rows of 35 and zeros.

    Each is the mean of what is stored within 1/50 s of it; every one of the 35 columns (onset
    strength, 20 MFCC, 12 chroma, flags of peak and beat) goes from 0 to 1 over the track. The
    columns up to 96 are 0, so that the networks for log-mel take them as they are. Raises UserError
    for what is not (frames, 35) finite numbers.
    """
    stored = read_array(file)
    whole = stored.ndim == 2 and stored.shape[1] == STORED and stored.dtype.kind == "f"
    if not whole or not len(stored) or not np.isfinite(stored).all():
        expected = f"finite numbers (frames, {STORED})"
        got = f"{stored.dtype} of shape {stored.shape}, or a number that is not finite"
        raise UserError(file, "", expected, got, "take the file from its repository again")
    frames = int((len(stored) - 1) * RATE_HZ / STORED_HZ) + 1
    sums = np.concatenate([np.zeros((1, STORED)), np.cumsum(stored, axis=0, dtype=np.float64)])
    middles = np.arange(frames) * STORED_HZ / RATE_HZ + 0.5
    edges = [middles + side * STORED_HZ / RATE_HZ / 2 for side in (-1, 1)]
    first, last = (np.clip(edge, 0, len(stored)) for edge in edges)
    means = (rows_at(sums, last) - rows_at(sums, first)) / (last - first)[:, None]
    return np.pad(min_max(means), ((0, 0), (0, BANDS - STORED)))


def piece_features(raw: Path, settings: AnyMusic, row: Mapping[Any, Any]) -> Float32:
    """Features (frames, 96) of a row of pieces.csv: mel frame t is motion frame t.

    Fewer frames than the motion has where the sound ends earlier. Raises UserError where the piece
    is too short, or its sound is missing, broken or too short.
    """
    piece, frames, path = row["piece"], int(row["frames"]), raw / row["music_file"]
    if frames < SHORTEST:
        expected = f"at least {SHORTEST} frames, one window of sound"
        raise UserError(raw, piece, expected, f"{frames} frames", "take the piece out")
    if isinstance(settings, StoredMusic):
        return stored_features(path)[:frames]
    rate = settings.sample_rate
    samples = (frames - 1) * HOP  # which give as many mel frames as the motion has
    whole = np.isnan(row["music_end_s"])  # AIST++: the whole sound is scaled
    start_s, duration_s = row["music_start_s"], None if whole else samples / rate
    audio = read_audio(
        path, rate, start_s=start_s, duration_s=duration_s, resampler=settings.resampler
    )
    missing_s = (samples - len(audio)) / rate
    if missing_s > SLACK_S and settings.short_sound == "error":
        expected = f"sound for the whole dance ({samples / rate:.1f} s)"
        remedy = (
            "mend start_position in config.json or the sound, or set music.*.short_sound to cut"
        )
        raise UserError(path, "", expected, f"{missing_s:.1f} s less", remedy)
    if settings.pad_short:
        audio = pad_short(audio, stream(0, "music", "pad_short", piece))
    values = music_features(audio, rate, feature=settings.feature, scale=settings.scale)
    return values[: len(audio) // HOP] if whole else values
