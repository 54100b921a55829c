"""What collaborative learning adds, over seeds: one cell, stated beforehand (docs/training.md).

The cell is fused MCLEMCD-FC after collaborative learning against the same network trained on for as
many epochs without it. Both go on from one phase 1, so they are paired by seed as well as by what is
resampled: pieces, or figures. One run's interval says nothing of other runs; this one does.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import norm, t

from motionmusic.files import Floats
from motionmusic.scoring.accuracy import at_level, right_of, strata
from motionmusic.scoring.evaluation import right_by_group
from motionmusic.scoring.intervals import Interval, crossed

ROWS = ("alone", "longer", "fc")
"""After phase 1, after as many epochs as with CL but without it, and with it."""
INPUTS = ("joints", "bones")
LEVEL = "segment"
_POWER = 0.8  # of what could have been seen


def collaborative(
    cells: Mapping[str, Sequence[pd.DataFrame]], seed: int, resamples: int
) -> dict[str, Any]:
    """The three rows of the cell and their differences, of the test segments of all folds.

    Args:
        cells: row/fused → a frame a seed, the seeds in one order in all rows, at least two; with
            the units of the bootstrap.
        seed, resamples: of the intervals.

    Returns n_seeds, n_segments, n_pieces, n_groups; rows {row: {value, low, high, sd}} and gains
    {longer, alone, control: {value, low, high, over_seeds, visible, per_seed}}: fc − longer, fc −
    alone, longer − alone. Intervals are 95 %, over seeds × groups; ``over_seeds`` is Student's of the
    seeds' differences alone; ``visible`` is the difference that would be seen in four of five such
    experiments.
    """
    frames = {row: cells[f"{row}/fused"] for row in ROWS}
    groups = right_of(at_level(frames["fc"][0], LEVEL))
    sizes, of_strata = groups["n"].to_numpy(np.float64), strata(groups)
    right = {row: right_by_group(frames[row], LEVEL) for row in ROWS}

    def scored(row: str) -> dict[str, Any]:
        per_seed = right[row].sum(axis=1) / sizes.sum()
        found = crossed(right[row], sizes, of_strata, seed, resamples).json()
        return found | {"sd": float(np.std(per_seed, ddof=1)), "per_seed": per_seed.tolist()}

    def gain(row: str, without: str) -> dict[str, Any]:
        more = right[row] - right[without]
        per_seed = more.sum(axis=1) / sizes.sum()
        interval = crossed(more, sizes, of_strata, seed, resamples)
        error = (interval.high - interval.low) / (2 * norm.ppf(0.975))
        return interval.json() | {
            "over_seeds": student(per_seed).json(),
            "visible": float((norm.ppf(0.975) + norm.ppf(_POWER)) * error),
            "per_seed": per_seed.tolist(),
        }

    return {
        "n_seeds": len(frames["fc"]),
        "n_segments": int(sizes.sum()),
        "n_pieces": frames["fc"][0]["piece"].nunique(),
        "n_groups": len(sizes),
        "rows": {row: scored(row) for row in ROWS},
        "gains": {
            "longer": gain("fc", "longer"),
            "alone": gain("fc", "alone"),
            "control": gain("longer", "alone"),
        },
    }


def student(differences: Floats) -> Interval:
    """The mean of the seeds' differences with Student's 95 % interval."""
    n, mean = len(differences), float(np.mean(differences))
    half = float(t.ppf(0.975, n - 1) * np.std(differences, ddof=1) / math.sqrt(n))
    return Interval(mean, mean - half, mean + half)
