"""One number with its interval, one bootstrap: against brute force, and as a person reads it."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pandas as pd
import pytest

from motionmusic.scoring.intervals import Interval, bootstrap, mean_interval, ratio

NAN = math.nan


@pytest.mark.parametrize(
    ("interval", "unit", "digits", "text"),
    [
        (Interval(0.828, 0.753, 0.896), "percent", 1, "82.8 [75.3, 89.6]"),
        (Interval(0.5, 0.4, 0.6, 0.008), "percent", 1, "50.0 ± 0.8 [40.0, 60.0]"),
        (Interval(-0.004, -0.013, 0.0221), "points", 1, "−0.4 [−1.3, +2.2]"),
        (Interval(0.0, -0.0001, 0.0001), "points", 1, "0.0 [0.0, 0.0]"),
        (Interval(-0.001, -0.05, 0.01), "", 2, "0.00 [−0.05, 0.01]"),
        (Interval(0.39, 0.316, 0.487), "signed", 3, "+0.390 [+0.316, +0.487]"),
        (Interval(0.25), "percent", 0, "25"),
        (Interval(NAN), "", 1, "–"),
    ],
)
def test_as_a_person_reads_it(interval: Interval, unit: str, digits: int, text: str) -> None:
    assert interval.text(unit, digits) == text


def test_json_there_and_back_and_zero() -> None:
    for interval in (Interval(1, 0, 2, 0.5), Interval(1, 0, 2)):
        assert repr(Interval.read(interval.json() | {"other": 1})) == repr(interval)
    assert repr(Interval.read({"value": None})) == repr(Interval(NAN))
    assert "sd" not in Interval(1).json()
    bounds = [(-1, 2), (0, 2), (NAN, NAN), (0.1, 2), (-2, -0.1)]
    held = [Interval(1, low, high).holds_zero for low, high in bounds]
    assert held == [True, True, True, False, False]


def test_the_bootstrap_is_the_plain_loop_over_its_own_draws() -> None:
    rng = np.random.default_rng(0)
    n = rng.integers(1, 5, size=20) * 9
    right = rng.integers(0, n + 1)
    draws = np.random.default_rng(7).integers(20, size=(500, 20))
    expected = np.quantile([right[d].sum() / n[d].sum() for d in draws], [0.025, 0.975])
    found = bootstrap(ratio(right, n), 20, 7, 500)
    assert found.value == right.sum() / n.sum()
    assert (found.low, found.high) == pytest.approx(expected)


def test_it_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    runs, pieces, covered = 200, 40, 0
    for run in range(runs):
        # whole pieces are easy or hard: a piece's rate is drawn first; its mean is 0.7
        right = rng.binomial(9, rng.beta(1.4, 0.6, size=pieces))
        found = bootstrap(ratio(right, np.full(pieces, 9)), pieces, run, 300)
        covered += found.low <= 0.7 <= found.high
    assert 0.88 <= covered / runs <= 0.99


def test_without_two_units_there_is_no_interval() -> None:
    assert repr(bootstrap(ratio([3], [9]), 1, 0, 50)) == repr(Interval(1 / 3))
    assert repr(bootstrap(ratio([1, 1], [1, 1]), [1, 1], 0, 50)) == repr(Interval(1.0))
    assert math.isnan(bootstrap(ratio([], []), 0, 0, 50).value)
    assert math.isnan(bootstrap(ratio([0, 0], [0, 0]), 2, 0, 50).value)


def test_strata_are_drawn_by_themselves() -> None:
    """Between strata there is no chance: where all of each agree, the whole is sure."""
    statistic = ratio([0.2, 0.2, 0.2, 1, 1, 1], np.ones(6))
    sure, unsure = bootstrap(statistic, [3, 3], 0, 200), bootstrap(statistic, 6, 0, 200)
    assert (sure.low, sure.value, sure.high) == pytest.approx((0.6, 0.6, 0.6))
    assert unsure.low < 0.6 < unsure.high
    every = [np.mean(draw) for draw in itertools.product([0.2, 0.4, 0.9], repeat=3)]
    found = bootstrap(ratio([0.2, 0.4, 0.9], np.ones(3)), [3], 0, 20_000)
    # all three equal has probability 1/27 > 2.5 %
    assert (found.low, found.high) == pytest.approx((min(every), max(every)))


def pieces(*names: str) -> pd.Series[str]:
    return pd.Series(list(names))


def test_of_two_pieces_the_interval_goes_from_one_to_the_other() -> None:
    """Both drawn twice, each with probability 1/4: the quantiles are the pieces' own values."""
    of = pieces("a", "a", "b")
    found = mean_interval([0.0, 0.5, 1.0], of, 0, 500)
    assert (found.value, found.low, found.high) == pytest.approx((0.5, 0.25, 1))
    found = mean_interval([0.0, 1.0, 1.0], of, 0, 500, weights=[3, 1, 4])
    assert (found.value, found.low, found.high) == pytest.approx((5 / 8, 1 / 4, 1))
    of = pieces("a", "a", "a", "b", "b")
    found = mean_interval([1.0, 2, 9, 4, 5], of, 0, 500, median=True)
    assert (found.value, found.low, found.high) == pytest.approx((4, 2, 4.5))


def test_what_is_not_there_is_left_out() -> None:
    of = pieces("a", "a", "b", "c")
    # a caller's frame may be a part of another: its index has gaps
    of.index = pd.Index([7, 3, 5, 1])
    found = mean_interval([NAN, 0.5, 1.0, NAN], of, 0, 500)
    assert (found.value, found.low, found.high) == pytest.approx((0.75, 0.5, 1))
    assert math.isnan(mean_interval([NAN], pieces("a"), 0, 9).value)
