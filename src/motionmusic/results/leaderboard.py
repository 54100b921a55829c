"""Every model of a task in one list, best first, and the splits side by side (docs/benchmark.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from motionmusic.errors import UserError
from motionmusic.results.names import NETWORKS, TASKS, model
from motionmusic.results.table import Cell, Column, Table, table
from motionmusic.results.tables import seen
from motionmusic.scoring.accuracy import LEVELS, at_level, resampled_over, right_of, strata
from motionmusic.scoring.evaluation import ROWS, Cells, best_baseline, right_by_group
from motionmusic.scoring.intervals import Interval, bootstrap, ratio

PROBE = "limb_lengths"
"""The entry that sees no movement, only who dances."""
_LOOKED_AT = ("by_body", "body_a")
_NOTE = (
    "¹ Chosen after a look at earlier results on these pieces by capture session, so no clean"
    " estimate; the frozen baselines' rows are clean."
)


def leaderboard(
    found: Mapping[str, Any], cells: Cells, entries: Sequence[str], seed: int, resamples: int
) -> Table:
    """One row a model, by accuracy per segment, then per excerpt.

    Args:
        found: evaluation, validation and facts of the cells.
        cells: scoring.evaluation.complete_cells.
        entries: the rows of the entries.
        seed, resamples: of the intervals.
    """
    best = f"{best_baseline(found)}/joints"
    protocol = found["facts"]["protocol"]
    looked_at = protocol in _LOOKED_AT

    def ahead(cell: str, level: str) -> Interval | None:
        """How much more often right than the best baseline, paired over groups."""
        if cell == best:
            return None
        ours, its = (right_by_group(cells[name], level).mean(axis=0) for name in (cell, best))
        counts = right_of(at_level(cells[cell][0], level))
        return bootstrap(ratio(ours - its, counts["n"]), strata(counts), seed, resamples)

    def order(cell: str) -> tuple[float, ...]:
        return tuple(found["cells"][cell][level]["value"] for level in LEVELS)

    def sort(row: str) -> str:
        if row == PROBE:
            return "probe"
        if row in entries:
            return "entry ¹" if looked_at else "entry"
        return "network" if row in ROWS else "baseline"

    rows = []
    for rank, cell in enumerate(sorted(found["cells"], key=order, reverse=True), start=1):
        row, kind = cell.split("/")
        scores = found["cells"][cell]
        rows.append(
            [
                *(f"{rank}", model(row), sort(row), "–" if row in entries else kind),
                f"{len(scores['segment']['per_seed'])}",
                Interval(found["validation"][cell]),
                *(Interval.read(scores[level]) for level in LEVELS),
                *(ahead(cell, level) for level in LEVELS),
                Interval(float(np.nan_to_num(scores["macro_f1"]["value"]))),
            ]
        )
    untrained = [model(row) for row in ROWS if f"{row}/fused" not in found["cells"]]
    caption = (
        f"{seen(found)}. Differences are paired over {resampled_over(protocol)}, to the baseline that is best"
        f" on validation ({model(best.split('/')[0])}); one whose interval holds zero is no"
        " difference."
    )
    return table(
        f"Leaderboard of {found['facts']['task']}: accuracy in percent",
        ["", "model", "kind", "input", "seeds", Column("validation segments", "percent"),
         Column("segments", "percent"), Column("excerpts", "percent"),
         Column("segments − best baseline", "points"), Column("excerpts − best baseline", "points"),
         Column("macro F1", "percent")],
        rows,
        caption=f"{caption} Not trained here: {', '.join(untrained)}." if untrained else caption,
        note=_NOTE if looked_at else "",
        labels=5,
    )  # fmt: skip


_NETWORKS = {name: NETWORKS[name] for name in ("longer", "fc")}


def splits_table(boards: Mapping[str, Table], chances: Mapping[str, float], entry: str) -> Table:
    """Of each task's leaderboard the rows that matter, per segment.

    Args:
        boards: task → its leaderboard.
        chances: task → the accuracy of guessing evenly.
        entry: the entry shown, with its difference to the best baseline.
    """
    rows: list[list[Cell]] = []
    for task, board in boards.items():
        place = {column.head: n for n, column in enumerate(board.columns)}
        segments, ahead = place["segments"], place["segments − best baseline"]
        of = {(row.cells[1], row.cells[3]): row.cells for row in board.rows}
        (best,) = (cells for cells in of.values() if cells[ahead] is None)

        probe, mine = (_row(of, task, name) for name in (PROBE, entry))
        networks = [of.get((name, "fused")) for name in _NETWORKS.values()]
        rows.append(
            [
                f"{TASKS[task]} ({task})" if task in TASKS else task,
                Interval(chances[task]),
                probe[segments],
                f"{best[1]}",
                best[segments],
                *(None if cells is None else cells[segments] for cells in networks),
                mine[segments],
                mine[ahead],
                "no" if "¹" in f"{mine[2]}" else "yes",
            ]
        )
    return table(
        "What names the dance type, split by split: accuracy per test segment",
        ["task", Column("chance", "percent"), Column("limb lengths alone", "percent"),
         "best baseline on validation", Column("it", "percent"),
         *(Column(f"{name}, fused", "percent") for name in _NETWORKS.values()),
         Column(model(entry), "percent"), Column("it − best baseline", "points"), "a clean estimate"],
        rows,
        caption="[95 % interval] over pieces; by_figure over figures, by_body over pieces, body by"
        " body: the number of bodies is two. Limb lengths see no movement: what they get right tells"
        " who dances, not what.",
    )  # fmt: skip


def _row(
    of: Mapping[tuple[Cell, Cell], tuple[Cell, ...]], task: str, name: str
) -> tuple[Cell, ...]:
    """An entry's row. Raises UserError where the leaderboard has none."""
    if (model(name), "–") not in of:
        file, remedy = f"leaderboard of {task}", "name it under benchmark.entries"
        raise UserError(file, name, "a row of it", "none", remedy)
    return of[model(name), "–"]
