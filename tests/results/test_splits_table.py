"""Leaderboards side by side: each number from its own row and column."""

from __future__ import annotations

import pytest

from motionmusic.errors import UserError
from motionmusic.results.leaderboard import splits_table
from motionmusic.results.names import NETWORKS
from motionmusic.results.table import Cell, Column, Table, table
from motionmusic.scoring.intervals import Interval


def board(start: float, *, networks: bool, mark: str = "") -> Table:
    """Rows whose segments are start, start + 0.01 and so on, and excerpts far from them."""
    names = ["limb lengths", "random forest", "majority", "facing ensemble"]
    kinds = ["probe", "baseline", "baseline", f"entry{mark}"]
    rows: list[list[Cell]] = []
    for number, (name, kind) in enumerate(zip(names, kinds, strict=True)):
        value = start + 0.01 * number
        ahead = None if name == "random forest" else Interval(value - start - 0.01, -0.1, 0.1)
        inputs = "joints" if kind == "baseline" else "–"
        rows.append([name, kind, inputs, Interval(value), Interval(0.99), ahead])
    if networks:
        rows += [[NETWORKS[row], "network", kind, Interval(start + more), Interval(0.98), Interval(0)]
                 for row, more in (("longer", 0.1), ("fc", 0.2))
                 for kind, more in (("fused", more), ("joints", 0.5))]  # fmt: skip
    rows = [[f"{n}", *row] for n, row in enumerate(rows)]
    head: list[Column | str] = ["", "model", "kind", "input", "segments", "excerpts",
                                "segments − best baseline"]  # fmt: skip
    return table("a board", head, rows, labels=4)


def test_each_number_from_its_own_place() -> None:
    boards = {"a.task": board(0.5, networks=True), "b.task": board(0.3, networks=False, mark=" ¹")}
    found = splits_table(boards, {"a.task": 0.25, "b.task": 0.5}, "facing_ensemble")
    first, second = (row.cells for row in found.rows)
    assert [cell.value if isinstance(cell, Interval) else cell for cell in first] == pytest.approx(
        ["a.task", 0.25, 0.5, "random forest", 0.51, 0.6, 0.7, 0.53, 0.02, "yes"]
    )
    assert repr(second[:2]) == repr(("b.task", Interval(0.5)))
    assert second[5:7] == (None, None)
    assert second[-1] == "no"
    assert len(found.columns) == len(first)


def test_an_entry_that_is_not_there_is_named() -> None:
    with pytest.raises(UserError, match="my_model"):
        splits_table({"a.task": board(0.5, networks=False)}, {"a.task": 0.25}, "my_model")
