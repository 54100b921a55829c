"""Which moments are negatives, and that a network learns from them whether music is in time."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from motionmusic.models.virtual_conductor import SyncNetwork
from motionmusic.training import contrastive
from motionmusic.training.contrastive import (
    MARGIN,
    drawn,
    easy,
    hard,
    losses,
    part_of_a_beat,
    right,
    super_hard,
)
from motionmusic.training.dances import Dance, beats_at_frames

pytestmark = pytest.mark.usefixtures("torch_alone")


def dance(name: str, frames: int, bpm: float = 120, phase: float = 0.0) -> Dance:
    """Clicks on every beat and keypoints that jump on it, at 30 Hz."""
    beats_s = np.arange(phase, frames / 30, 60 / bpm)
    motion, music = torch.full((frames, 13, 2), 0.5), torch.zeros(3 * frames, 128)
    for beat in beats_s:
        motion[round(beat * 30) : round(beat * 30) + 3, 1:3, 1] = 0.2
        music[round(beat * 90) : round(beat * 90) + 6] = 1
    return Dance(name, motion, music, beats_at_frames(beats_s, frames, 30), 30)


@pytest.mark.parametrize("rate", [25, 30])
def test_hard_negatives_are_far_away_and_off_the_beat(rate: int) -> None:
    beats = beats_at_frames(np.arange(0, 60, 0.6), 60 * rate, rate)
    chosen = hard(beats, 20 * rate, rate)
    assert len(chosen)
    assert np.abs(chosen - 20 * rate).min() >= 10 * rate
    off = (chosen - 20 * rate) / rate % 0.6 / 0.6
    assert ((off >= 0.25) & (off <= 0.75)).all()


def test_in_a_short_piece_the_farther_half_counts() -> None:
    chosen = hard(beats_at_frames(np.arange(0, 9, 0.5), 100, 30), 0, 30)
    assert chosen.min() >= 49
    # nothing to choose but moments on the beat
    assert hard(np.arange(16, dtype=float), 0, 30).tolist() == list(range(8, 16))


def test_super_hard_negatives_are_part_of_a_beat_off() -> None:
    beats = beats_at_frames(np.arange(0, 60, 0.5), 1800, 30)  # a beat has 15 frames
    off = super_hard(beats, 600) - 600
    assert sorted(off) == [n for n in range(-MARGIN, MARGIN + 1) if 3.75 <= abs(n) <= 11.25]
    assert super_hard(beats, 0).min() >= 4
    assert super_hard(np.arange(1800) / 1000, 600).tolist() == []
    dances = [dance("a", 600), dance("b", 600, bpm=90)]
    rows = np.array([[0, 100], [1, 200]] * 100)
    passed = np.abs(part_of_a_beat(dances, rows, np.random.default_rng(0))) / np.tile([15, 20], 100)
    assert ((passed >= 0.25) & (passed <= 0.75)).all()


def test_easy_negatives_are_of_another_piece() -> None:
    pieces = np.array([0, 0, 1, 2, 0])
    for seed in range(50):
        assert (pieces[easy(pieces, np.random.default_rng(seed))] != pieces).all()


def test_drawn_windows_lie_in_their_pieces() -> None:
    random, dances = np.random.default_rng(0), [dance("a", 400), dance("b", 160)]
    here, there = drawn(dances, np.array([0, 1] * 50), 120, random)
    for rows in (here, there):
        assert rows[:, 0].tolist() == [0, 1] * 50
        assert (rows[:, 1] >= 0).all()
        ends = rows[:, 1] + 120 + 2 * MARGIN
        assert (ends <= np.array([400, 160] * 50)).all()
    assert here[1::2, 1].tolist() == [0] * 50  # exactly as long as a window


def test_votes_of_a_half_cost_ln_2() -> None:
    network = SyncNetwork()
    last = network.fuse_layer[4]
    assert isinstance(last, nn.Conv1d)
    assert last.bias is not None
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    dances = [dance("a", 300), dance("b", 300)]
    rows = np.array([[0, 0], [1, 0]])
    found = losses(network, dances, rows, 60, np.random.default_rng(0))
    assert {name: float(loss.detach()) for name, loss in found.items()} == pytest.approx(
        {"same": math.log(2), "other": math.log(2)}, abs=1e-6
    )
    # one piece alone has no easy negatives
    found = losses(network, dances[:1], rows[:1], 60, np.random.default_rng(0))
    assert all(bool(loss.isfinite()) for loss in found.values())


class Phases(SyncNetwork):
    """Votes 1 where two codes are equal: codes here are places in the beat."""

    def fuse(self, music: Tensor, motion: Tensor) -> Tensor:
        return (music - motion).abs().amax(2).lt(1e-6).float()


class Clock(nn.Module):
    """The first number of every ``step``th frame, as its code."""

    def __init__(self, step: int):
        super().__init__()
        self.step = step

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(2)[:, :: self.step, :1]


def test_a_true_pair_is_of_one_moment() -> None:
    network, clock = Phases().eval(), torch.arange(300.0)
    network.motion_encoder, network.music_encoder = Clock(1), Clock(3)  # type: ignore[assignment]
    of = dance("a", 300)._replace(
        motion=clock[:, None, None].expand(300, 13, 2), music=clock.repeat_interleave(3)[:, None]
    )
    found = losses(network, [of], np.zeros((4, 2), np.int64), 60, np.random.default_rng(0))
    assert max(map(float, found.values())) < 1e-3


def codes(places: int, frames: int) -> tuple[Tensor, Tensor]:
    one = (torch.arange(frames) % places).float()[:, None].expand(frames, 64)
    return one, one


def test_right_is_the_share_of_negatives_with_fewer_votes() -> None:
    dances, agree = [dance("a", 900), dance("b", 900)], Phases().eval().agree
    random = np.random.default_rng(0)
    found = right(agree, dances, [codes(15, 900)] * 2, (0, 300, 270), random)
    # off the beat never fits; another piece, at any moment, fits one time in 15: a tie
    assert (found["hard"], found["super_hard"]) == (1, 1)
    assert 0.8 < found["easy"] <= 1
    flat = right(agree, dances, [codes(1, 900)] * 2, (0, 300, 270), random)
    assert set(flat.values()) == {0.5}
    alone = right(agree, [dance("a", 270)], [codes(1, 270)], (0, 0, 270), random)
    assert all(math.isnan(share) for share in alone.values())


def test_it_learns_where_motion_is_in_time() -> None:
    random = np.random.default_rng(0)
    dances = [dance(f"{bpm}", 400, bpm, phase) for bpm in (100, 138) for phase in (0, 0.2)]
    network = SyncNetwork()
    optimiser = torch.optim.Adam(network.parameters(), 0.003)
    rows = np.stack([np.arange(4), np.zeros(4, np.int64)], axis=1)
    found = []
    for _ in range(15):
        loss = torch.stack([*losses(network, dances, rows, 45, random).values()]).sum()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        found.append(float(loss.detach()))
    assert found[-1] < 0.7 * found[0]


def test_some_windows_of_the_right_dances_validate() -> None:
    rows = contrastive.validating([dance("a", 3000), dance("b", 600)], 90, 5)
    assert set(rows[:, 0].tolist()) == {5, 6}
    assert len(rows) <= contrastive.VALIDATION
