"""Which moments are negatives, and that M2S-Net learns from them (spec 3.5, 3.6, 7.4)."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from motionmusic.models.m2s_net import SyncNetwork
from motionmusic.training import contrastive as synchrony
from motionmusic.training.contrastive import AWAY, MARGIN
from motionmusic.training.dances import Dance, beats_at_frames


def dance(name: str, frames: int, bpm: float = 120, phase: float = 0.0) -> Dance:
    """Clicks on every beat, and wrists that jump on it."""
    beats_s = np.arange(phase, frames / 30, 60 / bpm)
    motion, mel = torch.full((frames, 13, 2), 0.5), torch.zeros(3 * frames, 128)
    for beat in beats_s:
        motion[round(beat * 30) : round(beat * 30) + 3, 9:11, 1] = 0.2
        mel[round(beat * 90) : round(beat * 90) + 6] = 1
    return Dance(name, motion, mel, beats_at_frames(beats_s, frames))


def test_hard_negatives_are_far_away_and_off_the_beat() -> None:
    beats = beats_at_frames(np.arange(0, 60, 0.5), 1800)  # a beat is 15 frames
    chosen = synchrony.other_moments(beats, 600)
    assert len(chosen)
    assert np.abs(chosen - 600).min() >= AWAY
    off = (chosen - 600) % 15 / 15
    assert ((off >= 0.25) & (off <= 0.75)).all()


def test_in_a_short_piece_the_farther_half_counts() -> None:
    chosen = synchrony.other_moments(beats_at_frames(np.arange(0, 9, 0.5), 100), 0)
    assert chosen.min() >= 49
    # nothing to choose but on the beat
    assert synchrony.other_moments(np.arange(16, dtype=float), 0).tolist() == list(range(8, 16))


def test_super_hard_negatives_are_part_of_a_beat_off() -> None:
    random, dances = np.random.default_rng(0), [dance("a", 600), dance("b", 600, bpm=90)]
    rows = np.array([[0, 100], [1, 200]] * 100)
    shifts = synchrony.off_the_beat(dances, rows, random)
    passed = np.abs(shifts) / np.tile([15, 20], 100)
    assert ((passed >= 0.25) & (passed <= 0.75)).all()
    assert (shifts > 0).any()
    assert (shifts < 0).any()
    assert np.abs(shifts).max() <= MARGIN


def test_strangers_are_of_another_piece() -> None:
    pieces = np.array([0, 0, 1, 2, 0])
    for _ in range(50):
        others = synchrony.strangers(pieces, np.random.default_rng())
        assert (pieces[others] != pieces).all()


def test_drawn_windows_lie_in_their_pieces() -> None:
    random, dances = np.random.default_rng(0), [dance("a", 400), dance("b", 160)]
    here, there = synchrony.drawn(dances, np.array([0, 1] * 50), 120, random)
    for rows in (here, there):
        assert rows[:, 0].tolist() == [0, 1] * 50
        assert (rows[:, 1] >= 0).all()
        ends = rows[:, 1] + 120 + 2 * MARGIN
        assert (ends <= np.array([400, 160] * 50)).all()
    assert here[1::2, 1].tolist() == [0] * 50  # exactly as long as a window


def test_votes_of_a_half_cost_ln_2() -> None:
    """A network that votes one half for everything pays ln 2 for each of the two losses."""
    network = SyncNetwork()
    last = network.fuse_layer[4]
    assert isinstance(last, nn.Conv1d)
    nn.init.zeros_(last.weight)
    assert last.bias is not None
    nn.init.zeros_(last.bias)
    dances = [dance("a", 300), dance("b", 300)]
    rows = np.array([[0, 0], [1, 0]])
    found = synchrony.losses(network, dances, rows, 60, np.random.default_rng(0))
    assert {name: float(loss.detach()) for name, loss in found.items()} == pytest.approx(
        {"same": math.log(2), "other": math.log(2)}, abs=1e-6
    )


def test_one_piece_alone_has_no_easy_negatives() -> None:
    rows = np.array([[0, 0], [0, 0]])
    found = synchrony.losses(SyncNetwork(), [dance("a", 400)], rows, 60, np.random.default_rng(0))
    assert all(bool(loss.isfinite()) for loss in found.values())


class Phases(SyncNetwork):
    """Votes 1 where two codes are equal: codes here are places in the beat."""

    def fuse(self, music: Tensor, motion: Tensor) -> Tensor:
        return (music - motion).abs().amax(2).lt(1e-6).float()


def codes(place: list[float], frames: int) -> tuple[Tensor, Tensor]:
    one = torch.tensor(place)[torch.arange(frames) % len(place)][:, None].expand(frames, 64)
    return one, one


def test_right_is_the_share_of_negatives_with_fewer_votes() -> None:
    dances = [dance("a", 900), dance("b", 900)]
    in_time = [codes([0.0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14], 900)] * 2
    random = np.random.default_rng(0)
    found = synchrony.right(Phases().eval(), dances, in_time, (0, 300, 270), 40, random)
    # off the beat never fits; another piece, at any moment, fits one time in 15: a tie
    assert (found["hard"], found["super_hard"]) == (1, 1)
    assert 0.85 < found["easy"] <= 1
    flat = [codes([1.0], 900)] * 2
    assert set(
        synchrony.right(Phases().eval(), dances, flat, (0, 300, 270), 5, random).values()
    ) == {0.5}


def test_right_is_nan_where_there_is_no_such_negative() -> None:
    random = np.random.default_rng(0)
    alone = synchrony.right(
        Phases().eval(), [dance("a", 270)], [codes([1.0], 270)], (0, 0, 270), 5, random
    )
    assert all(math.isnan(share) for share in alone.values())


def test_it_learns_where_motion_is_in_time() -> None:
    torch.manual_seed(0)
    random = np.random.default_rng(0)
    dances = [dance(f"{bpm}", 400, bpm, phase) for bpm in (100, 120, 138) for phase in (0, 0.2)]
    network = SyncNetwork()
    optimiser = torch.optim.Adam(network.parameters(), 0.003)
    rows = np.stack([np.arange(6), np.zeros(6, np.int64)], axis=1)
    start, last = 0.0, 0.0
    for step in range(25):
        loss = torch.stack([*synchrony.losses(network, dances, rows, 45, random).values()]).sum()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        start, last = (float(loss.detach()), last) if not step else (start, float(loss.detach()))
    assert last < 0.5 * start
