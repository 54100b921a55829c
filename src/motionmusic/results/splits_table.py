"""The benchmark's splits side by side: a row a split, the limb-length probe beside every row."""

from __future__ import annotations

from collections.abc import Mapping

from motionmusic.errors import UserError
from motionmusic.results.leaderboard import PROBE
from motionmusic.results.names import NETWORKS, model
from motionmusic.results.table import Cell, Column, Table, table
from motionmusic.scoring.intervals import Interval

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
                task,
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
        "What a dance type is told from, split by split: accuracy per test segment",
        ["task", Column("chance", "percent"), Column("limb lengths alone", "percent"),
         "best baseline on validation", Column("it", "percent"),
         *(Column(f"{name}, fused", "percent") for name in _NETWORKS.values()),
         Column(model(entry), "percent"), Column("it − best baseline", "points"), "a clean estimate"],
        rows,
        caption="[95 % interval] over pieces; by_figure over figures, by_body over pieces, body by"
        " body: the number of bodies is two. Limb lengths see no movement, so what they get right is"
        " told from who dances.",
    )  # fmt: skip


def _row(
    of: Mapping[tuple[Cell, Cell], tuple[Cell, ...]], task: str, name: str
) -> tuple[Cell, ...]:
    """An entry's row. Raises UserError where the leaderboard has none."""
    if (model(name), "–") not in of:
        file, remedy = f"leaderboard of {task}", "name it under benchmark.entries"
        raise UserError(file, name, "a row of it", "none", remedy)
    return of[model(name), "–"]
