"""How good a ranking of music is: hits, recall, ranks, and what is left of them by chance.

Scores are a matrix, one row a query (a dance's excerpt), one column a candidate; higher is better.
Equal scores stand in random order: hits and recalls are probabilities, ranks and values means. A
candidate that must not be shown (the dance's own track) has the score −inf.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.floating[Any]]
Bools = NDArray[np.bool_]
Places = NDArray[np.integer[Any]]


def track_scores(scores: Floats, tracks: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[Any]]:
    """Scores of tracks (q, t), the mean of their excerpts' (q, c), and the tracks' names (t,).

    ``tracks`` (c,): that each candidate is cut from.
    """
    names, number = np.unique(tracks, return_inverse=True)
    member = np.eye(len(names))[number]
    # sums first: n equal votes of 1 are n and their mean 1, whatever n is, so that ties stay ties
    return np.asarray(scores, np.float64) @ member / member.sum(0), names


def ranks(scores: Floats, right: Places) -> NDArray[np.float64]:
    """The mean rank, from 1, of each query's right candidate, (q,)."""
    greater, ties = _place(scores, right)
    return 1 + greater + (ties - 1) / 2


def recall(scores: Floats, right: Places, k: int) -> NDArray[np.float64]:
    """The probability that each query's right candidate is among the first k, (q,)."""
    greater, ties = _place(scores, right)
    return np.clip((k - greater) / ties, 0, 1)


def _place(scores: Floats, right: Places) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How many candidates are better than the right one, and how many equal it, itself included."""
    own = scores[np.arange(len(scores)), right][:, None]
    return (scores > own).sum(1).astype(float), (scores == own).sum(1).astype(float)


def hit(scores: Floats, match: Bools, k: int) -> NDArray[np.float64]:
    """The probability that at least one of the first k candidates (q, c) matches (q, c), (q,)."""
    result = np.ones(len(scores))
    for row, (values, good) in enumerate(zip(scores, match, strict=True)):
        slots = min(k, int(np.isfinite(values).sum()))
        edge = np.sort(values)[::-1][slots - 1]  # the last score that is shown
        above, tied = values > edge, values == edge
        if not good[above].any():
            # none of the right ones among those drawn from the tie
            free = slots - int(above.sum())
            result[row] -= stats.hypergeom.pmf(0, tied.sum(), good[tied].sum(), free)
    return result


def of_first(scores: Floats, values: Floats) -> NDArray[np.float64]:
    """A value (q, c) of each query's first candidate, (q,): its mean where several tie.

    A candidate whose value is NaN is left out of the mean, which is NaN if none is left.
    """
    first = (scores == scores.max(1, keepdims=True)) & np.isfinite(values)
    count = first.sum(1)
    total = np.where(first, values, 0).sum(1)
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan))


def one_among(
    scores: Floats, right: Places, allowed: Bools, negatives: int, random: np.random.Generator
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
