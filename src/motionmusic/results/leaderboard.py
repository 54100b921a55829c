"""Every model of a task in one list, best first, against the best baseline (docs/benchmark.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from motionmusic.results.names import model
from motionmusic.results.table import Column, Table, table
from motionmusic.results.tables import seen
from motionmusic.scoring.accuracy import LEVELS, at_level, per_piece
from motionmusic.scoring.evaluation import ROWS, Cells, best_baseline, right_by_piece
from motionmusic.scoring.intervals import Interval, bootstrap, ratio


def leaderboard(
    found: Mapping[str, Any], cells: Cells, entries: Sequence[str], seed: int, resamples: int
) -> Table:
    """One row a model, by accuracy per segment, then per excerpt.

    Args:
        found: evaluation and facts of the cells.
        cells: scoring.evaluation.complete_cells.
        entries: the rows of the entries.
        seed, resamples: of the intervals.
    """
    best = f"{best_baseline(found)}/joints"

    def ahead(cell: str, level: str) -> Interval | None:
        """How much more often right than the best baseline, paired over pieces."""
        if cell == best:
            return None
        ours, its = (right_by_piece(cells[name], level).mean(axis=0) for name in (cell, best))
        n = per_piece(at_level(cells[cell][0], level))["n"]
        return bootstrap(ratio(ours - its, n), len(n), seed, resamples)

    def order(cell: str) -> tuple[float, ...]:
        return tuple(found["cells"][cell][level]["value"] for level in LEVELS)

    rows = []
    for rank, cell in enumerate(sorted(found["cells"], key=order, reverse=True), start=1):
        row, kind = cell.split("/")
        scores = found["cells"][cell]
        sort = "entry" if row in entries else "network" if row in ROWS else "baseline"
        rows.append(
            [
                *(f"{rank}", model(row), sort, "–" if row in entries else kind),
                f"{len(scores['segment']['per_seed'])}",
                *(Interval.read(scores[level]) for level in LEVELS),
                *(ahead(cell, level) for level in LEVELS),
                Interval(float(np.nan_to_num(scores["macro_f1"]["value"]))),
            ]
        )
    return table(
        f"Leaderboard of {found['facts']['task']}: accuracy in percent",
        ["", "model", "kind", "input", "seeds",
         Column("segments", "percent"), Column("excerpts", "percent"),
         Column("segments − best baseline", "points"), Column("excerpts − best baseline", "points"),
         Column("macro F1", "percent")],
        rows,
        caption=f"{seen(found)}. Differences are paired over pieces, to the best baseline"
        f" ({model(best.split('/')[0])}); one whose interval holds zero is no difference.",
        labels=5,
    )  # fmt: skip
