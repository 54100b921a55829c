"""The beat's phase from motion of two skeletons, learned on either and on both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest

from motionmusic.scoring import two_corpora
from motionmusic.scoring.two_corpora import (
    A_BEAT,
    TimedDance,
    both_ways,
    by_piece,
    common_joints,
    gram,
    judged,
    solved,
    windows,
)


def bobbing(name: str, bpm: float, late: float = 0.0, seed: int = 0) -> TimedDance:
    """Slow on the beat, ``late`` beats after it; 24 beats."""
    random = np.random.default_rng(seed)
    t = np.arange(int(24 * 60 / bpm * 25)) / 25
    phase = 2 * np.pi * (t * bpm / 60 - late)
    joints = random.normal(0, 20, (1, 13, 3)) + random.normal(0, 0.1, (len(t), 13, 3))
    joints[:, :, 1] += 10 * np.sin(phase / 2)[:, None] ** 2  # lowest on the beat
    return TimedDance(name, name, joints, bpm / 60)


def test_the_phase_is_found_at_other_tempi_and_the_ends_are_left_out() -> None:
    weights = solved(gram([bobbing(f"a_{k}", 90 + 10 * k, seed=k) for k in range(4)]))
    x, phase = windows(bobbing("a_9", 120))
    assert x.shape == (len(phase), 650)
    assert phase[0] == pytest.approx(2 * np.pi * 2)  # two beats after the start
    assert len(phase) == pytest.approx((24 - 4) * A_BEAT, abs=2)
    there, off = (judged(weights, [bobbing("a_9", 105, late, 9)], 0) for late in (0.0, 0.5))
    assert there["found"].all()
    assert there["wins"].min() == 1
    assert not off["found"].any()
    assert off["wins"].max() < 0.5
    assert there["chance"].iloc[0] == pytest.approx(0.2 * 105 / 60)


def test_corpora_help_each_other_where_they_agree() -> None:
    one = {n: bobbing(n, 100 + k, seed=k) for k, n in enumerate(("gA_x_1", "gA_y_2", "gB_x_3"))}
    other = {n: bobbing(n, 90 + k, 0.5, k) for k, n in enumerate(("C_1", "C_2", "W_1", "W_2"))}
    splits = [(["gA_x_1", "gA_y_2"], ["gB_x_3"])]
    found = both_ways(one, splits, other, by_piece(list(other), 2), 0, 200)
    of = found["aist_retargeted"]
    assert of["itself"]["found"]["value"] == 1
    assert of["other"]["found"]["value"] == 0  # which swings half a beat later
    assert found["on_beat"]["itself"]["found"]["value"] == 1
    assert found["on_beat"]["itself"]["units"] == 4
    assert of["itself"]["above_chance"]["value"] == pytest.approx(1 - of["itself"]["chance"])


def test_pieces_are_dealt_within_their_type() -> None:
    folds = by_piece(["C_1", "C_2", "W_1", "W_2"], 2)
    assert folds == [(["C_2", "W_2"], ["C_1", "W_1"]), (["C_1", "W_1"], ["C_2", "W_2"])]


def test_both_skeletons_give_the_same_joints() -> None:
    aist, other = np.zeros((2, 17, 3)), np.zeros((2, 23, 3))
    for k, (of_aist, of_other) in enumerate(((5, 3), (6, 12), (9, 6), (11, 7), (12, 16), (16, 18))):
        aist[:, of_aist] = other[:, of_other] = k + 1.0
    aist[:, 0], other[:, [0, 1]] = 9, [[[8] * 3, [10] * 3]] * 2
    assert np.array_equal(common_joints(aist, "aist"), common_joints(other, "musictodance"))


def test_found_is_within_a_tenth_of_a_second_whatever_the_tempo() -> None:
    weights = solved(gram([bobbing(f"a_{k}", 60 + 20 * k, seed=k) for k in range(5)]))
    fast, slow = (judged(weights, [bobbing("a_9", bpm, 0.15, 9)], 0) for bpm in (130, 60))
    assert fast["found"].all()  # 0.15 beats are 0.07 s
    assert not slow["found"].any()  # and 0.15 s


def test_no_dance_is_asked_that_was_learned_from(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[set[str], list[str]]] = []

    def judge(weights: set[str], dances: Sequence[TimedDance], seed: int) -> pd.DataFrame:
        asked.append((weights, [dance.name for dance in dances]))
        rows = [{"name": of.name, "unit": of.unit, "genre": "g", "found": True, "chance": 0.1,
                 "wins": 0.5} for of in dances]  # fmt: skip
        return pd.DataFrame(rows)

    def names(dances: Sequence[TimedDance]) -> set[str]:
        return {dance.name for dance in dances}

    monkeypatch.setattr(two_corpora, "gram", names)
    monkeypatch.setattr(two_corpora, "solved", lambda *grams: set().union(*grams))
    monkeypatch.setattr(two_corpora, "judged", judge)
    still: Any = np.zeros((9, 13, 3))
    street = {n: TimedDance(n, n, still, 2.0) for n in ("g_1", "g_2", "g_3")}
    ballroom = {n: TimedDance(n, n, still, 2.0) for n in ("C_1", "C_2")}
    splits = [(["g_1"], ["g_2"]), (["g_2", "g_3"], ["g_1"])]
    folds = [(["C_1"], ["C_2"]), (["C_2"], ["C_1"])]
    both_ways(street, splits, ballroom, folds, 0, 100)
    expected = []
    for parts, others in ((splits, set(ballroom)), (folds, set(street))):
        for learned, tested in parts:
            expected += [({*learned}, tested), (others, tested), ({*learned} | others, tested)]
    assert asked == expected


def test_what_a_dancer_dances_goes_right_or_wrong_together() -> None:
    rows = pd.DataFrame({"name": [f"g_{n}" for n in range(16)], "unit": ["a"] * 8 + ["b"] * 8})
    rows = rows.assign(genre="g", found=rows["unit"] == "a", chance=0.1, wins=0.5)
    found = two_corpora._measured(rows, 0, 500)
    assert found["found"] == {"value": 0.5, "low": 0, "high": 1}
    assert (found["units"], found["n"]) == (2, 16)
