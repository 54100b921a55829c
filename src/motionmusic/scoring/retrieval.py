"""How good a ranking of music is: hits, recall, ranks, and what is left of them by chance.

Scores are a matrix, one row a query (a dance's excerpt), one column a candidate; higher is better.
Candidates with equal scores stand in random order: a hit or a recall is then its probability, a rank
the mean rank, and a value of the first candidate its mean over those that tie for the first place.
So the numbers of chance are those of a matrix of equal scores, and nothing depends on the order of
the candidates. A candidate that must not be shown (the dance's own track) has the score −inf.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.floating[Any]]
Bools = NDArray[np.bool_]


def track_scores(scores: Floats, tracks: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[Any]]:
    """Scores of tracks from scores of their excerpts: the mean, (q, t), and the tracks' names, (t,).

    Args:
        scores: (q, c).
        tracks: (c,), the track that each candidate is cut from.
    """
    names, number = np.unique(tracks, return_inverse=True)
    member = np.eye(len(names))[number]
    # sums first: n equal votes of 1 are n and their mean 1, whatever n is, so that ties stay ties
    return np.asarray(scores, np.float64) @ member / member.sum(0), names


def ranks(scores: Floats, right: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
    """The mean rank, from 1, of each query's right candidate, (q,)."""
    greater, ties = _place(scores, right)
    return 1 + greater + (ties - 1) / 2


def recall(scores: Floats, right: NDArray[np.integer[Any]], k: int) -> NDArray[np.float64]:
    """The probability that each query's right candidate is among the first k, (q,)."""
    greater, ties = _place(scores, right)
    return np.clip((k - greater) / ties, 0, 1)


def _place(
    scores: Floats, right: NDArray[np.integer[Any]]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How many candidates are better than the right one, and how many equal it, itself included."""
    own = scores[np.arange(len(scores)), right][:, None]
    return (scores > own).sum(1).astype(float), (scores == own).sum(1).astype(float)


def hit(scores: Floats, match: Bools, k: int) -> NDArray[np.float64]:
    """The probability that at least one of the first k candidates matches, (q,).

    Args:
        scores: (q, c); −inf excludes a candidate.
        match: (q, c), whether a candidate is of the query's kind.
        k: how many are shown.
    """
    result = np.zeros(len(scores))
    for row, (values, good) in enumerate(zip(scores, match, strict=True)):
        shown = np.isfinite(values)
        slots = min(k, int(shown.sum()))
        edge = np.sort(values[shown])[::-1][slots - 1]  # the last score that is shown
        if good[values > edge].any():
            result[row] = 1
            continue
        tied = values == edge
        free = slots - int((values > edge).sum())
        # none of the right ones among those drawn from the tie
        result[row] = 1 - stats.hypergeom.pmf(0, tied.sum(), good[tied].sum(), free)
    return result


def of_first(scores: Floats, values: Floats) -> NDArray[np.float64]:
    """A value of each query's first candidate, (q,): its mean where several tie.

    Args:
        scores: (q, c).
        values: (q, c); a candidate with NaN is left out of the mean, which is NaN if none is left.
    """
    first = (scores == scores.max(1, keepdims=True)) & np.isfinite(values)
    count = first.sum(1)
    total = np.where(first, values, 0).sum(1)
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan))


def excluding(scores: Floats, hidden: Bools) -> NDArray[np.float64]:
    """The scores with −inf where ``hidden`` (q, c)."""
    return np.where(hidden, -np.inf, np.asarray(scores, np.float64))


def one_among(
    scores: Floats,
    right: NDArray[np.integer[Any]],
    allowed: Bools,
    negatives: int,
    random: np.random.Generator,
) -> NDArray[np.float64]:
    """Each query's right candidate and so many others, drawn from those allowed: (q, 1 + n) scores.

    The right candidate is column 0. Where fewer are allowed than asked for, all of them are taken,
    for every query as many as the query with the fewest has (DecCM's protocol has 100).
    """
    n = min(negatives, int(allowed.sum(1).min()))
    rows = []
    for query, (values, own) in enumerate(zip(scores, right, strict=True)):
        others = random.choice(np.flatnonzero(allowed[query]), n, replace=False)
        rows.append(values[np.concatenate([[own], others])])
    return np.stack(rows).astype(np.float64)
