"""Rankings with ties against all their orders, chance against combinatorics."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from motionmusic.scoring import retrieval

Case = tuple[list[int], list[bool], int, int]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Scores with many ties, what matches, which is right, how many are shown."""
    n = draw(st.integers(1, 5))
    scores = draw(st.lists(st.integers(0, 2), min_size=n, max_size=n))
    match = draw(st.lists(st.booleans(), min_size=n, max_size=n))
    return scores, match, draw(st.integers(0, n - 1)), draw(st.integers(1, 6))


def orders(scores: list[int]) -> list[list[int]]:
    """Every ranking that the scores allow, each as often as any other."""
    return [
        sorted(order, key=lambda candidate: -scores[candidate])
        for order in permutations(range(len(scores)))
    ]


def row(values: list[Any], dtype: Any = float) -> NDArray[Any]:
    return np.array([values], dtype)


@settings(max_examples=200)
@given(cases())
def test_ties_stand_in_every_order_alike(case: Case) -> None:
    scores, match, right, k = case
    every = orders(scores)
    ranks = [order.index(right) + 1 for order in every]
    hits = [any(match[candidate] for candidate in order[:k]) for order in every]
    given_scores, given_right = row(scores), np.array([right])
    assert retrieval.ranks(given_scores, given_right) == pytest.approx([np.mean(ranks)])
    among = np.mean([rank <= k for rank in ranks])
    assert retrieval.recall(given_scores, given_right, k) == pytest.approx([among])
    assert retrieval.hit(given_scores, row(match, bool), k) == pytest.approx([np.mean(hits)])
    values = [10.0**candidate for candidate in range(len(scores))]
    expected = np.mean([values[order[0]] for order in every])
    assert retrieval.of_first(given_scores, row(values)) == pytest.approx([expected])
    # what is hidden is as if it were not there
    hidden, shown_match = row([*scores, -np.inf]), row([*match, True], bool)
    assert retrieval.hit(hidden, shown_match, k) == pytest.approx([np.mean(hits)])
    assert retrieval.of_first(hidden, row([*values, 7])) == pytest.approx([expected])


def test_the_first_without_a_value_is_left_out_of_the_mean() -> None:
    scores = np.array([[1.0, 1, 0], [1, 1, 0], [1, 0, 0]])
    values = np.array([[3.0, np.nan, 9], [3, 5, 9], [np.nan, 4, 9]])
    found = retrieval.of_first(scores, values)
    np.testing.assert_array_equal(found, [3, 4, np.nan])


def test_a_track_has_the_mean_of_its_excerpts() -> None:
    rng = np.random.default_rng(0)
    tracks = np.array(["b", "a", "b", "c", "a", "b"])
    scores = rng.standard_normal((4, 6)).astype(np.float32)
    found, names = retrieval.track_scores(scores, tracks)
    assert names.tolist() == ["a", "b", "c"]
    assert found.dtype == np.float64
    for name, column in zip(names, found.T, strict=True):
        np.testing.assert_allclose(column, scores[:, tracks == name].mean(1), rtol=1e-6)
    # sums of 1/6 or 1/9 are not 1: a long track must not win or lose by rounding
    tracks = np.repeat(np.arange(30), np.arange(1, 31))
    found, _ = retrieval.track_scores(np.ones((2, len(tracks))), tracks)
    assert (found == 1).all()


def test_one_among_takes_the_right_one_and_others_that_are_allowed() -> None:
    rng = np.random.default_rng(1)
    scores = np.arange(60.0).reshape(3, 20)  # a score tells its row and column
    right = np.array([4, 0, 19])
    allowed = rng.random((3, 20)) < 0.6
    allowed[np.arange(3), right] = False
    found = retrieval.one_among(scores, right, allowed, 5, np.random.default_rng(2))
    assert found.shape == (3, 6)
    np.testing.assert_array_equal(found[:, 0], scores[np.arange(3), right])
    for number, others in enumerate(found[:, 1:]):
        columns = others.astype(int) - 20 * number
        assert len(set(columns)) == 5
        assert allowed[number, columns].all()
    again = retrieval.one_among(scores, right, allowed, 5, np.random.default_rng(2))
    np.testing.assert_array_equal(found, again)
    # the draw knows nothing of the scores: another method is measured against the same negatives
    other = retrieval.one_among(-scores, right, allowed, 5, np.random.default_rng(2))
    np.testing.assert_array_equal(found, -other)
    # where fewer are allowed than asked for, every query has as many as the one with the fewest
    few = retrieval.one_among(scores, right, allowed, 100, np.random.default_rng(0))
    assert few.shape == (3, 1 + allowed.sum(1).min())
