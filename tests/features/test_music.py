"""Log-mel against a slow implementation, padding and cosine transform (docs/method.md)."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from motionmusic.errors import UserError
from motionmusic.features.motion import Floats
from motionmusic.features.music import log_mel, mfcc, music_features, pad_short, piece_features
from motionmusic.params import Music

M2D_RATE = 12_800


def mel_of(hertz: float) -> float:
    """Slaney: linear to 1 kHz (200/3 Hz a mel), 27 steps to a factor of 6.4 above."""
    if hertz < 1000:
        return 3 * hertz / 200
    return 15 + 27 * math.log(hertz / 1000) / math.log(6.4)


def hertz_of(mel: float) -> float:
    return 200 * mel / 3 if mel < 15 else 1000 * 6.4 ** ((mel - 15) / 27)


def edges() -> list[float]:
    low, high = mel_of(80), mel_of(7600)
    return [hertz_of(low + (high - low) * i / 97) for i in range(98)]


def slow_log_mel(audio: Floats, rate: int) -> Floats:
    sound = [float(x) for x in audio]
    n = len(sound)
    padded = np.array(
        [sound[i] for i in range(512, 0, -1)] + sound + [sound[n - 2 - i] for i in range(512)]
    )
    window = np.array([0.5 - 0.5 * math.cos(2 * math.pi * i / 1024) for i in range(1024)])
    frames = 1 + n // 512
    steps = np.arange(1024)
    fourier = np.exp(-2j * np.pi * np.outer(np.arange(513), steps) / 1024)
    corners = edges()
    filters = np.zeros((96, 513))
    for band in range(96):
        left, middle, right = corners[band : band + 3]
        for k in range(513):
            f = k * rate / 1024
            height = min((f - left) / (middle - left), (right - f) / (right - middle))
            filters[band, k] = max(0.0, height) * 2 / (right - left)
    out = np.zeros((frames, 96))
    for frame in range(frames):
        spectrum = np.abs(fourier @ (window * padded[frame * 512 : frame * 512 + 1024]))
        out[frame] = np.log10(np.maximum(1e-10, filters @ spectrum))
    return out


@pytest.mark.parametrize("rate", [12_800, 30_700])
def test_log_mel_is_the_slow_one(rate: int) -> None:
    sound = np.random.default_rng(rate).normal(0, 0.2, 4000).astype(np.float32)
    got = log_mel(sound, rate)
    assert got.shape == (8, 96)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, slow_log_mel(sound, rate), atol=1e-4)


def test_the_bands_over_the_nyquist_frequency_are_constant() -> None:
    sound = np.random.default_rng(0).normal(0, 0.3, 20_000)
    values = log_mel(sound, M2D_RATE)
    np.testing.assert_allclose(values[:, 92:], -10, atol=1e-5)
    assert np.all(values[:, 92:] == values[0, 92])
    assert np.all(values[:, :92] > -10)
    scaled = music_features(sound, M2D_RATE, feature="logmel", scale="per_coordinate_piece")
    assert not scaled[:, 92:].any()
    assert np.all(log_mel(sound, 30_700) > -10)


@pytest.mark.parametrize("samples", [1, 116_736, 127_999, 128_000])
def test_short_sound_is_padded_and_all_of_it_gets_noise(samples: int) -> None:
    sound = np.random.default_rng(0).normal(0, 0.2, samples).astype(np.float32)
    got = pad_short(sound, np.random.default_rng(1))
    assert got.shape == (128_000,)
    assert got.dtype == np.float32
    zeros = np.zeros(128_000 - samples)
    noise = got.astype(np.float64) - np.concatenate([sound, zeros])
    assert noise.min() >= -1e-7
    assert noise.max() <= 5e-4 + 1e-7
    # uniform over the whole, not only over the padding
    for part in np.array_split(noise, 4):
        assert part.mean() == pytest.approx(2.5e-4, rel=0.05)
        assert part.std() == pytest.approx(5e-4 / math.sqrt(12), rel=0.05)


def cosines() -> Floats:
    """Orthonormal DCT-II."""
    matrix = np.array([[math.cos(math.pi * k * (2 * i + 1) / 192) for i in range(96)]
                       for k in range(96)])  # fmt: skip
    matrix *= math.sqrt(2 / 96)
    matrix[0] /= math.sqrt(2)
    return matrix


def test_mfcc_is_the_orthonormal_cosine_transform_and_can_be_undone() -> None:
    values = np.random.default_rng(0).normal(-3, 2, (7, 96)).astype(np.float32)
    got = mfcc(values)
    assert got.shape == (7, 96)
    matrix = cosines()
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(96), atol=1e-12)
    np.testing.assert_allclose(got, values @ matrix.T, atol=1e-4)
    np.testing.assert_allclose(got @ matrix, values, atol=1e-4)


def test_scales() -> None:
    sound = np.random.default_rng(0).normal(0, 0.2, 30_000)
    raw = log_mel(sound, M2D_RATE).astype(np.float64)
    columns = music_features(sound, M2D_RATE, feature="logmel", scale="per_coordinate_piece")
    assert np.all(columns[:, :92].min(axis=0) == 0)
    assert np.all(columns[:, :92].max(axis=0) == 1)
    whole = music_features(sound, M2D_RATE, feature="logmel", scale="per_piece")
    np.testing.assert_allclose(whole, (raw - raw.min()) / (raw.max() - raw.min()), atol=1e-5)
    cepstra = music_features(sound, M2D_RATE, feature="mfcc", scale="per_coordinate_piece")
    by_hand = raw @ cosines().T
    span = by_hand.max(axis=0) - by_hand.min(axis=0)
    np.testing.assert_allclose(cepstra, (by_hand - by_hand.min(axis=0)) / span, atol=1e-3)


def heard(folder: Path, **changes: Any) -> Floats:
    row = {"piece": "C_1", "frames": 51, "music_file": "C_1.wav", "music_start_s": 1.0}
    settings = {"feature": "logmel", "sample_rate": 12_800, "resampler": "soxr_hq"}
    settings |= {"scale": "per_piece", "pad_short": False, "short_sound": "error"}
    settings |= {key: value for key, value in changes.items() if key in settings}
    row |= {"music_end_s": 9.0} | {key: changes[key] for key in changes if key not in settings}
    return piece_features(folder, Music.model_validate(settings), row)


def test_features_of_a_piece(tmp_path: Path) -> None:
    sound = np.random.default_rng(0).uniform(-0.5, 0.5, 4 * M2D_RATE).astype(np.float32)
    soundfile.write(tmp_path / "C_1.wav", sound, M2D_RATE, "FLOAT")
    got = heard(tmp_path)
    expected = sound[M2D_RATE : M2D_RATE + 50 * 512]  # mel frame t is motion frame t
    np.testing.assert_array_equal(
        got, music_features(expected, M2D_RATE, feature="logmel", scale="per_piece")
    )
    assert len(heard(tmp_path, pad_short=True)) == 251  # 10 s of zeros and noise
    # AIST++ names no end: the whole sound is scaled
    assert len(heard(tmp_path, music_end_s=float("nan"))) == 3 * M2D_RATE // 512
    assert len(heard(tmp_path, frames=90)) == 76  # half a second is missing
    assert len(heard(tmp_path, frames=200, short_sound="cut")) == 76
    with pytest.raises(UserError, match=r"sound for the whole dance \(8.0 s\), got 5.0 s less"):
        heard(tmp_path, frames=200)
    with pytest.raises(UserError, match="at least 3 frames"):
        heard(tmp_path, frames=2)
