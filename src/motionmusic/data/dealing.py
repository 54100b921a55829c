"""Dealing names into parts that are alike in what they have."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

DROPPED = "dropped"
"""The split of a segment that belongs to two sides at once and is used on neither."""


def deal(owned: Mapping[str, int], parts: int, random: np.random.Generator) -> dict[str, int]:
    """Each unit's part: from the most danced on, a unit goes where fewest segments are so far.

    So parts are alike in segments as far as whole units allow; equals are dealt by chance.
    """
    units = sorted(owned)
    shuffled = [units[i] for i in random.permutation(len(units))]
    segments = dict.fromkeys(random.permutation(parts).tolist(), 0)
    part: dict[str, int] = {}
    for unit in sorted(shuffled, key=lambda unit: -owned[unit]):
        part[unit] = min(segments, key=lambda number: segments[number])
        segments[part[unit]] += owned[unit]
    return part


def in_splits(fold: int, splits: list[str], rows: pd.DataFrame) -> pd.DataFrame:
    """The ids of excerpts or segments in a fold, each with its split."""
    ids = [name for name in ("piece", "excerpt", "segment", "label") if name in rows]
    return rows[ids].assign(split=splits, fold=fold)
