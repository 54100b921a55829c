"""A number with its 95 % interval, and the one bootstrap that gives it.

What is resampled are units that go right or wrong together: whole pieces, or subjects, or items.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from motionmusic.files import Floats

Statistic = Callable[[Floats], Floats]
"""Counts (draws, units) → the statistic of each draw, (draws,); NaN where it is not defined."""


@dataclass(frozen=True)
class Interval:
    """A value, its 95 % bounds, its standard deviation over seeds; NaN where not defined."""

    value: float
    low: float = math.nan
    high: float = math.nan
    sd: float = math.nan

    @staticmethod
    def read(found: Mapping[str, Any]) -> Interval:
        """From JSON, where NaN is null and other keys are ignored."""
        parts = (found.get(name) for name in ("value", "low", "high", "sd"))
        return Interval(*(math.nan if part is None else part for part in parts))

    def json(self) -> dict[str, float]:
        """value, low, high, and sd where it is defined."""
        parts = asdict(self)
        return parts if math.isfinite(self.sd) else {k: parts[k] for k in ("value", "low", "high")}

    @property
    def holds_zero(self) -> bool:
        """Whether zero is in the interval, or there is no interval to say that it is not."""
        return not (self.low > 0 or self.high < 0)

    def text(self, unit: str = "", digits: int = 1) -> str:
        """value ± sd [low, high], parts that are not defined left out.

        ``unit``: ``percent`` of a share; ``points``, percent with a sign; ``signed``; or empty.
        """
        if not math.isfinite(self.value):
            return "–"
        factor = 100 if unit in ("percent", "points") else 1
        sign = "+" if unit in ("points", "signed") else ""

        def shown(number: float) -> str:
            text = f"{factor * number:{sign}.{digits}f}"
            return text[1:] if text[0] in "+-" and not text.strip("+-0.") else text

        sd = f" ± {factor * self.sd:.{digits}f}" if math.isfinite(self.sd) else ""
        known = math.isfinite(self.low)
        bounds = f" [{shown(self.low)}, {shown(self.high)}]" if known else ""
        return f"{shown(self.value)}{sd}{bounds}".replace("-", "−")


def bootstrap(
    statistic: Statistic, units: int | Sequence[int], seed: int, resamples: int
) -> Interval:
    """The statistic with its 95 % percentile interval.

    ``units``: how many there are, or how many in each stratum, which is drawn from by itself; the
    statistic counts the first stratum's first. Equal seeds and units draw the same units. There are
    no bounds where a stratum has fewer than two units, or the statistic is not defined.
    """
    sizes = [units] if isinstance(units, int) else list(units)
    if not sum(sizes):
        return Interval(math.nan)
    value = float(statistic(np.ones((1, sum(sizes))))[0])
    if min(sizes) < 2 or not math.isfinite(value):
        return Interval(value)
    random = np.random.default_rng(seed)
    counts = np.concatenate([_counts(random, n, resamples) for n in sizes], axis=1)
    low, high = np.nanquantile(statistic(counts), [0.025, 0.975])
    return Interval(value, float(low), float(high))


def _counts(random: np.random.Generator, units: int, resamples: int) -> Floats:
    """How often each unit is drawn with replacement, as many as there are: (resamples, units)."""
    drawn = random.integers(units, size=(resamples, units))
    place = drawn + units * np.arange(resamples)[:, None]
    counts = np.bincount(place.ravel(), minlength=units * resamples)
    return counts.reshape(resamples, units).astype(np.float64)


def ratio(sums: ArrayLike, sizes: ArrayLike) -> Statistic:
    """The statistic Σ sums / Σ sizes over units, both (units,); NaN where no size counts."""
    above, below = np.asarray(sums, np.float64), np.asarray(sizes, np.float64)

    def statistic(counts: Floats) -> Floats:
        size = counts @ below
        return np.where(size > 0, (counts @ above) / np.where(size > 0, size, 1), np.nan)

    return statistic


def crossed(
    right: Floats, sizes: Floats, of_strata: Sequence[int], seed: int, resamples: int
) -> Interval:
    """Σ right / Σ sizes, mean over seeds, with its interval where seeds and groups are both drawn.

    Of right (seeds, groups), sizes (groups,) and how many groups there are in each stratum.
    """
    seeds = len(right)

    def share(counts: Floats) -> Floats:
        of_seeds, of_groups = counts[:, :seeds], counts[:, seeds:]
        above = np.einsum("ds,sg,dg->d", of_seeds, right, of_groups)
        return np.asarray(above / (of_seeds.sum(axis=1) * (of_groups @ sizes)), np.float64)

    return bootstrap(share, [seeds, *of_strata], seed, resamples)


def mean_interval(
    values: ArrayLike,
    pieces: pd.Series[Any],
    seed: int,
    resamples: int,
    *,
    weights: ArrayLike | None = None,
    median: bool = False,
) -> Interval:
    """The mean of the queries' values (q,), weighted or not, or their median, resampled by piece.

    ``pieces`` (q,): of which each is. A value that is NaN is left out.
    """
    number = np.asarray(values, np.float64)
    kept = np.isfinite(number)
    number = number[kept]
    codes, names = pd.factorize(pieces[kept])
    member = np.eye(len(names))[codes]
    weight = np.ones(len(number)) if weights is None else np.asarray(weights, np.float64)[kept]

    def medians(counts: Floats) -> Floats:
        times = counts.astype(np.int64)[:, codes]
        return np.array([np.median(np.repeat(number, row)) for row in times])

    mean = ratio((number * weight) @ member, weight @ member)
    return bootstrap(medians if median else mean, len(names), seed, resamples)
