from __future__ import annotations

import numpy as np
import pytest

from motionmusic.scoring.paper import printed, printed_confusion

TABLES = {"table3": 414, "table4": 340, "table5": 46, "table6": 20}


@pytest.mark.parametrize(("table", "n"), TABLES.items())
def test_a_table_has_its_twenty_cells_whose_counts_give_the_percentages(table: str, n: int) -> None:
    cells = printed(table)
    assert len(cells) == 20
    assert not cells.duplicated(["row", "cl", "input"]).any()
    assert set(cells["n"]) == {n}
    assert set(cells["source"]) == {f"Gong et al. 2024, Table {table[-1]}"}
    counted = cells.dropna(subset=["count"])
    exact = 100 * counted["count"].astype(float) / counted["n"]
    # half a unit of the last digit, or a whole one where the paper truncates (45/46 as 97.82)
    truncated = counted["percent"] == 97.82
    assert ((exact - counted["percent"]).abs() <= 0.00501 + 0.005 * truncated).all()
    assert (counted.loc[truncated, "count"] == 45).all()
    # the misprint alone has no count
    alone = cells.loc[cells["count"].isna(), ["row", "cl", "input", "percent"]]
    assert alone.to_numpy().tolist() == [["plain", "yes", "fused", 96.68]] * (table == "table3")


def test_figure_4_is_the_best_cell_of_table_3() -> None:
    counts, names = printed_confusion("figure4")
    assert names == ["Cha-cha", "Rumba", "Tango", "Waltz"]
    assert (int(np.trace(counts)), int(counts.sum())) == (406, 414)
    # test excerpts of each class (docs/method.md), nine segments each
    assert counts.sum(axis=1).tolist() == [90, 99, 108, 117]
    best = printed("table3").sort_values("percent").iloc[-1]
    assert (best["row"], best["input"], best["count"]) == ("fc", "fused", 406)


def test_figure_5_is_the_best_cell_of_table_4() -> None:
    counts, names = printed_confusion("figure5")
    assert (int(np.trace(counts)), int(counts.sum())) == (222, 340)
    assert (counts.sum(axis=1) == 34).all()
    recall = dict(zip(names, np.diag(counts).tolist(), strict=True))
    assert recall["Middle hip hop"] == 7
    assert recall["LA hip hop"] == 9
    assert recall["Pop"] == 34
