"""VirtualConductor's networks: sizes, lengths, reach; and music of any length to motion."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from motionmusic.models import conductor as module
from motionmusic.models.conductor import conducted, sync_error
from motionmusic.models.virtual_conductor import (
    Critic,
    Generator,
    MotionEncoder,
    MusicEncoder,
    SyncNetwork,
    graph,
)

pytestmark = pytest.mark.usefixtures("torch_alone")


@pytest.mark.parametrize(
    ("kind", "count"),
    [(MusicEncoder, 71104), (MotionEncoder, 78702), (SyncNetwork, 162287), (Generator, 381146),
     (Critic, 52641)],
)  # fmt: skip
def test_parameters(kind: type[nn.Module], count: int) -> None:
    assert sum(value.numel() for value in kind().parameters()) == count


@pytest.mark.parametrize(("mel", "frames"), [(4, 2), (298, 100), (299, 100), (450, 150)])
def test_lengths(mel: int, frames: int) -> None:
    network = SyncNetwork().eval()
    assert network.music_encoder(torch.rand(2, mel, 128)).shape == (2, frames, 64)
    motion = torch.rand(2, frames, 13, 2)
    assert network.motion_encoder(motion).shape == (2, frames, 64)
    votes = network(torch.rand(2, mel, 128), motion)
    assert votes.shape == (2, frames)
    assert ((votes >= 0) & (votes <= 1)).all()
    with pytest.raises(ValueError, match="codes of music"):
        network(torch.rand(2, mel, 128), torch.rand(2, frames + 1, 13, 2))


@pytest.mark.parametrize("seconds", [3, 7])
def test_the_generator_gives_30_frames_a_second(seconds: int) -> None:
    network = Generator().eval()
    motion = network(torch.rand(2, 90 * seconds, 128), torch.randn(2, seconds, 8))
    assert motion.shape == (2, 30 * seconds, 13, 2)
    assert ((motion > 0) & (motion < 1)).all()
    with pytest.raises(ValueError, match="seconds"):
        network(torch.rand(1, 90 * seconds, 128), torch.randn(1, seconds - 1, 8))


def test_the_critic_gives_one_number_whatever_the_length() -> None:
    critic = Critic().eval()
    for frames in (41, 300):
        assert critic(torch.rand(3, frames, 13, 2)).shape == (3, 1)
    x, lengths = torch.rand(1, 26, 900), []
    for layer in critic.convolutions:
        x = layer(x)
        if isinstance(layer, nn.MaxPool1d):
            lengths.append(x.shape[2])
    assert lengths == [299, 148, 72]


@pytest.mark.parametrize(
    ("kind", "shape", "per_frame", "count"),
    [(MusicEncoder, (128,), 3, 13), (MotionEncoder, (13, 2), 1, 21)],
)
def test_reach(
    kind: type[MusicEncoder | MotionEncoder], shape: tuple[int, ...], per_frame: int, count: int
) -> None:
    encoder, x = kind().eval(), torch.rand(1, 60 * per_frame, *shape)
    other = x.clone()
    other[0, 30 * per_frame] += 1
    with torch.no_grad():
        differs = (encoder(x) != encoder(other)).flatten(2).any(dim=2)[0]
    frames = differs.nonzero().flatten().tolist()
    assert set(frames) <= set(range(30 - encoder.REACH, 30 + encoder.REACH + 1))
    assert len(frames) == count


def test_graph() -> None:
    a = graph()[0]
    torch.testing.assert_close(a.sum(dim=0), torch.ones(13))
    # neighbours of each keypoint, itself among them (3.2)
    assert (a > 0).sum(dim=0).tolist() == [5, 3, 3, 2, 2, 5, 5, 3, 3, 2, 2, 3, 3]
    assert a[9, 7] == pytest.approx(1 / 3)  # the elbow's column
    assert a[7, 9] == pytest.approx(1 / 2)  # the wrist's


def test_first_weights() -> None:
    """Kaiming in M2S-Net; N(0, 0.01²) only in two layers of the generator (V11)."""
    votes, motion = SyncNetwork().state_dict(), Generator().state_dict()

    def spread(value: Tensor) -> float:
        return float(value.std())

    assert spread(votes["fuse_layer.2.weight"]) == pytest.approx((2 / 64) ** 0.5, rel=0.1)
    assert spread(motion["linear.weight"]) == pytest.approx(0.01, rel=0.1)
    assert spread(motion["blocks.0.downsample.weight"]) == pytest.approx(0.01, rel=0.1)
    # PyTorch's own start: uniform within ±1 / sqrt(64 · 5), of standard deviation 0.032
    kernel = motion["blocks.1.conv1.parametrizations.weight.original1"]
    assert spread(kernel) == pytest.approx((1 / 3 / 64 / 5) ** 0.5, rel=0.1)


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
