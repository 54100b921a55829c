"""Offsets of best fit: sign, edges, and the same votes as the network itself gives."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from motionmusic.features.beats import Definition, beat_alignment
from motionmusic.models import conductor as encoding
from motionmusic.models.conductor_encoders import CODE, MotionEncoder, MusicEncoder
from motionmusic.models.m2s_net import SyncNetwork
from motionmusic.scoring.offsets import (
    LARGEST_S,
    OFFSETS_S,
    agree,
    alignment_curve,
    best,
    rival,
    value_at,
    vote_curve,
)

pytestmark = pytest.mark.usefixtures("torch_alone")

Float32 = NDArray[np.float32]
FRAMES = 150
DEFINITIONS: tuple[Definition, ...] = ("mint", "bailando")


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def mel(frames: int) -> Float32:
    return rng().random((frames, 128), np.float32)


def motion(frames: int) -> Float32:
    return rng().random((frames, 13, 2), np.float32)


@torch.no_grad()
def varied() -> SyncNetwork:
    """A network whose votes vary; those of first weights are nearly the same for any input."""
    network = SyncNetwork()
    for _ in range(20):  # normalisation that fits the input
        music = network.music_encoder(torch.from_numpy(mel(90))[None])
        dance = network.motion_encoder(torch.from_numpy(motion(30))[None])
    last = network.fuse_layer[-1]
    assert isinstance(last, nn.Conv1d)
    logits = network.fuse_layer(torch.cat([music, dance], dim=2).transpose(1, 2))
    last.weight /= logits.std()
    last.bias -= logits.mean() / logits.std()
    return network.eval()


class Ear(MusicEncoder):
    """The first band of every motion frame's mel frame, in the code's first number."""

    def forward(self, mel: Tensor) -> Tensor:
        return nn.functional.pad(mel[:, ::3, :1], (0, CODE - 1))


class Eye(MotionEncoder):
    """The nose's x, in the code's first number."""

    def forward(self, motion: Tensor) -> Tensor:
        return nn.functional.pad(motion[:, :, 0, :1], (0, CODE - 1))


@torch.no_grad()
def comparing() -> SyncNetwork:
    """A network whose vote is the higher, the nearer the heard and the seen number are."""
    network = SyncNetwork().eval()
    network.music_encoder, network.motion_encoder = Ear(), Eye()
    for parameter in network.fuse_layer.parameters():
        parameter.zero_()
    first, second, third = (m for m in network.fuse_layer if isinstance(m, nn.Conv1d))
    for row, sign in enumerate((1, -1)):  # ReLU(a − b) + ReLU(b − a) is their distance
        first.weight[row, [0, CODE], 0] = sign * torch.tensor([1.0, -1.0])
        second.weight[row, row, 0] = 1
    third.weight[0, :2, 0] = -5
    return network


# Votes


@pytest.mark.parametrize("later", [-60, -31, 0, 7, 60])
def test_music_that_is_to_be_read_later_has_an_offset_above_0(later: int) -> None:
    start, seen = 80, motion(FRAMES)
    heard = mel(3 * (start + FRAMES + 100))
    heard[3 * (start + later) :: 3, 0][:FRAMES] = seen[:, 0, 0]
    curve = vote_curve(comparing(), heard, seen, start)
    assert curve.shape == (121,)
    assert curve.dtype == np.float64
    assert best(curve) == pytest.approx(later / 30)
    assert curve.max() == pytest.approx(0.5)  # sigmoid of no distance at all
    assert np.sort(curve)[-2] < 0.4


def test_the_networks_own_mean_vote_at_0() -> None:
    network, heard, seen = varied(), mel(3 * FRAMES), motion(FRAMES)
    with torch.no_grad():
        votes = network(torch.from_numpy(heard)[None], torch.from_numpy(seen)[None])
    curve = vote_curve(network, heard, seen, 0)
    assert value_at(curve, 0) == pytest.approx(float(votes.mean()), abs=1e-5)
    assert np.ptp(curve) > 5e-3


def test_every_offset_is_the_fusion_of_shifted_codes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoding, "_PART", 70)
    start, network, heard, seen = 200, varied(), mel(3 * 700), motion(FRAMES)
    with torch.no_grad():  # of the whole music
        music = network.music_encoder(torch.from_numpy(heard)[None])
        dance = network.motion_encoder(torch.from_numpy(seen)[None])
        expected = [
            float(network.fuse(music[:, start + o : start + o + FRAMES], dance).mean())
            for o in range(-60, 61)
        ]
    np.testing.assert_allclose(vote_curve(network, heard, seen, start), expected, atol=1e-5)
    assert np.ptp(expected) > 5e-3


def test_only_frames_with_music_vote() -> None:
    network, heard, seen = varied(), mel(3 * 100), motion(100)
    curve = vote_curve(network, heard, seen, 0)
    # half of the frames have music at ±50 frames, less than half further away
    assert np.isnan(curve[:10]).all()
    assert np.isnan(curve[111:]).all()
    assert np.isfinite(curve[10:111]).all()
    with torch.no_grad():
        music = network.music_encoder(torch.from_numpy(heard)[None])
        dance = network.motion_encoder(torch.from_numpy(seen)[None])
        earlier = float(network.fuse(music[:, :60], dance[:, 40:]).mean())
        later = float(network.fuse(music[:, 30:], dance[:, :70]).mean())
    assert curve[60 - 40] == pytest.approx(earlier, abs=1e-5)
    assert curve[60 + 30] == pytest.approx(later, abs=1e-5)


@pytest.mark.parametrize("start", [0, 40, 98, 300])
def test_no_music_for_most_of_the_dance(start: int) -> None:
    curve = vote_curve(comparing(), mel(3 * 100), motion(400), start)
    assert np.isnan(curve).all()
    assert np.isnan(best(curve))


# Beats


@pytest.mark.parametrize("definition", DEFINITIONS)
@pytest.mark.parametrize("later", [-45, 0, 20])
def test_beats_that_come_later_have_an_offset_above_0(definition: Definition, later: int) -> None:
    steps = np.cumsum(rng().uniform(0.5, 1.1, 40))  # irregular, so that one offset only fits
    beats = steps + later / 30
    curve = alignment_curve(steps, beats, steps[-1] + 1, definition)
    assert best(curve) == pytest.approx(later / 30)
    assert curve.max() == pytest.approx(1, abs=0.05)  # a first or last beat may be outside
    assert np.sort(curve)[-6] < 0.8


def test_music_beats_outside_the_dance_do_not_count() -> None:
    motion_s, music_s = np.array([0.5, 1.5, 2.5]), np.array([-1.5, -0.5, 0.5, 1.5, 2.5, 3.5, 4.5])
    assert value_at(alignment_curve(motion_s, music_s, 3.0, "bailando"), 0) == 1
    # by a second, one that lay before the dance falls into it
    np.testing.assert_allclose(
        [value_at(alignment_curve(motion_s, music_s, 3.0, "bailando"), s) for s in (-1, 1)], 1
    )
    for definition in DEFINITIONS:
        curve = alignment_curve(motion_s, music_s[2:5], 3.0, definition)
        for offset_s, inside in ((-1.0, [1.5, 2.5]), (1.0, [0.5, 1.5])):
            expected = beat_alignment(motion_s, inside, definition)
            assert value_at(curve, offset_s) == pytest.approx(expected)


def test_no_beats() -> None:
    assert np.isnan(alignment_curve([1.0], [], 3.0, "bailando")).all()
    assert (alignment_curve([], [1.0], 3.0, "mint") == 0).all()
    assert np.isnan(best(alignment_curve([], [1.0], 3.0, "mint")))


# Peaks


def peaks(**heights: float) -> NDArray[np.float64]:
    curve = np.zeros(121)
    for name, height in heights.items():
        curve[60 + int(name[1:]) * (-1 if name[0] == "e" else 1)] = height
    return curve


def test_offsets() -> None:
    assert OFFSETS_S[[0, 60, 120]].tolist() == [-LARGEST_S, 0, LARGEST_S]
    np.testing.assert_allclose(np.diff(OFFSETS_S), 1 / 30)


def test_best() -> None:
    assert best(peaks(l12=1, e30=0.9)) == pytest.approx(0.4)
    assert best(peaks(e30=1, l29=1)) == pytest.approx(29 / 30)  # of equal ones the nearer
    curve = peaks(l12=1)
    curve[:60] = np.nan
    assert best(curve) == pytest.approx(0.4)
    assert np.isnan(best(np.full(121, 0.7)))


def test_the_next_best_is_another_peak() -> None:
    assert rival(peaks(l12=1, l13=0.99, l19=0.98, e9=0.6)) == pytest.approx(-0.3)
    assert rival(peaks(l12=1, l20=0.98, e9=0.6)) == pytest.approx(20 / 30)  # 8 frames: 0.27 s
    assert np.isnan(rival(np.full(121, 0.7)))
    lonely = np.full(121, np.nan)
    lonely[60:63] = 0, 1, 0
    assert np.isnan(rival(lonely))


def test_values() -> None:
    assert value_at(np.arange(121), 0) == 60
    for number, offset_s in enumerate(OFFSETS_S):
        assert value_at(np.arange(121), offset_s) == number
    assert np.isnan(value_at(np.arange(121), float("nan")))


def test_agreeing_is_three_frames() -> None:
    assert agree([1.0, 1.1, 1.0333])
    assert agree([-0.0667, 0.0, 0.0333])
    assert not agree([-0.0667, 0.0, 0.0667])
    assert not agree([0.0, float("nan"), 0.0])
