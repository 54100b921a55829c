"""Sizes, lengths and reach of VirtualConductor's networks (docs/method.md)."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from motionmusic.models.conductor_encoders import MotionEncoder, MusicEncoder, graph
from motionmusic.models.critic import Critic
from motionmusic.models.generator import Generator
from motionmusic.models.m2s_net import SyncNetwork

pytestmark = pytest.mark.usefixtures("torch_alone")


def parameters(module: nn.Module) -> int:
    return sum(value.numel() for value in module.parameters())


def reached(before: Tensor, after: Tensor) -> list[int]:
    """Frames of (1, frames, …) that differ."""
    found: list[int] = (before != after).flatten(2).any(dim=2)[0].nonzero().flatten().tolist()
    return found


@pytest.mark.parametrize(
    ("kind", "count"),
    [(MusicEncoder, 71104), (MotionEncoder, 78702), (SyncNetwork, 162287), (Generator, 381146),
     (Critic, 52641)],
)  # fmt: skip
def test_parameters(kind: type[nn.Module], count: int) -> None:
    assert parameters(kind()) == count


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


def test_the_critics_pools() -> None:
    """900 → 299 → 148 → 72 frames."""
    lengths = []
    x = torch.rand(1, 26, 900)
    for layer in Critic().convolutions:
        x = layer(x)
        if isinstance(layer, nn.MaxPool1d):
            lengths.append(x.shape[2])
    assert lengths == [299, 148, 72]


def test_reach_of_a_mel_frame() -> None:
    encoder = MusicEncoder().eval()
    mel = torch.rand(1, 180, 128)
    other = mel.clone()
    other[0, 90] += 1
    with torch.no_grad():
        frames = reached(encoder(mel), encoder(other))
    assert set(frames) <= set(range(30 - encoder.REACH, 30 + encoder.REACH + 1))
    assert len(frames) == 13


def test_reach_of_a_motion_frame() -> None:
    encoder = MotionEncoder().eval()
    motion = torch.rand(1, 60, 13, 2)
    other = motion.clone()
    other[0, 30] += 1
    with torch.no_grad():
        frames = reached(encoder(motion), encoder(other))
    assert frames == list(range(30 - encoder.REACH, 30 + encoder.REACH + 1))


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
