"""The mel spectrogram against the authors'."""

from __future__ import annotations

import numpy as np
import pytest

from motionmusic.features import mel
from motionmusic.features.mel import SAMPLE_RATE, mel_from, mel_spectrogram


def tones(seconds: float = 7) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    t = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    low = 0.4 * np.sin(2 * np.pi * 220 * t) * (0.5 + 0.5 * np.sin(2 * np.pi * 2 * t))
    return np.asarray(low + 0.2 * np.sin(2 * np.pi * 3000 * t), np.float32)


def test_golden_values() -> None:
    got = mel_spectrogram(tones())
    assert got.shape == (630, 128)
    assert got.dtype == np.float32
    assert got.mean() == pytest.approx(0.05313, abs=2e-4)
    assert got.std() == pytest.approx(0.17958, abs=2e-4)
    for place, value in (
        ((0, 127), 0.6167), ((100, 122), 0.3725), ((315, 118), 0.6529), ((629, 100), 0.2138),
        ((100, 40), 0),
    ):  # fmt: skip
        assert got[place] == pytest.approx(value, abs=2e-3), place
    assert set(got.mean(axis=0).argsort()[-4:].tolist()) == {47, 48, 119, 120}


def test_blocks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = mel_spectrogram(tones())
    monkeypatch.setattr(mel, "_BLOCK", 100)
    np.testing.assert_allclose(mel_spectrogram(tones()), whole, atol=1e-5)


@pytest.mark.parametrize("start_s", [1.0, 1.05, 2.03])
def test_a_second_falls_onto_a_motion_frame(start_s: float) -> None:
    sound = np.full(4 * SAMPLE_RATE, 1e-4, np.float32)
    sound[round(start_s * SAMPLE_RATE)] = 1
    mel, frame = mel_from(sound, start_s)
    loud = mel[:, :64].mean(axis=1)
    assert loud @ np.arange(len(mel)) / loud.sum() == pytest.approx(3 * frame, abs=0.5)
    assert frame == int(30 * start_s + 1e-6)


@pytest.mark.parametrize(("seconds", "frames"), [(0.5, 45), (1.0, 90), (2.99, 269)])
def test_90_frames_a_second(seconds: float, frames: int) -> None:
    assert len(mel_spectrogram(tones(seconds))) == frames
