"""Music of any length to motion: lengths, parts, seeds, smoothing (docs/method.md)."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from motionmusic.models import conductor as module
from motionmusic.models.conductor import conducted, sync_error
from motionmusic.models.generator import Generator
from motionmusic.models.m2s_net import SyncNetwork

pytestmark = pytest.mark.usefixtures("torch_alone")


def mel(frames: int) -> NDArray[np.float32]:
    return np.random.default_rng(0).random((frames, 128), np.float32)


def lively() -> Generator:
    """A generator whose output varies, as that of first weights hardly does."""
    generator = Generator().eval()
    for name, value in generator.state_dict().items():
        if name in ("head.4.weight", "linear.weight"):
            value *= 30
    return generator


@pytest.mark.parametrize("frames", [45, 90, 271, 400])
def test_every_third_mel_frame_has_a_pose(frames: int) -> None:
    got = conducted(lively(), mel(frames), 0, smooth=True)
    assert got.shape == (-(-frames // 3), 13, 2)
    assert got.dtype == np.float32


def test_parts_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    generator, network, music = lively(), SyncNetwork().eval(), mel(630)
    whole = conducted(generator, music, 0, smooth=False)
    error = sync_error(network, music, whole)
    with torch.no_grad():  # what the networks give for all of it at once
        votes = network(torch.from_numpy(music)[None], torch.from_numpy(whole)[None])
    assert error == pytest.approx(1 - float(votes.mean()), abs=1e-5)
    monkeypatch.setattr(module, "_PART", 50)
    np.testing.assert_allclose(conducted(generator, music, 0, smooth=False), whole, atol=1e-5)
    assert sync_error(network, music, whole) == pytest.approx(error, abs=1e-5)
    assert float(whole.std(axis=0).max()) > 1e-3


def test_the_seed_is_of_the_noise() -> None:
    generator, music = lively(), mel(300)
    one = conducted(generator, music, 1, smooth=False)
    np.testing.assert_array_equal(conducted(generator, music, 1, smooth=False), one)
    assert np.abs(conducted(generator, music, 2, smooth=False) - one).max() > 1e-4


def test_smoothing_takes_trembling_away() -> None:
    generator, music = lively(), mel(630)
    raw, smooth = (conducted(generator, music, 0, smooth=each) for each in (False, True))
    assert np.abs(np.diff(smooth, 2, axis=0)).mean() < 0.6 * np.abs(np.diff(raw, 2, axis=0)).mean()
    np.testing.assert_allclose(smooth.mean(axis=0), raw.mean(axis=0), atol=0.01)
