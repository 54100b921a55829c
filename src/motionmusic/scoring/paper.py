"""What the paper printed: Tables 3 to 8 and the counts of Figures 4 and 5 (docs/method.md).

Figure 5 stands here with the right class names: all of the paper's but break's are wrong (O21).
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from motionmusic.scoring.rating_files import QUESTIONS


def printed(table: str) -> pd.DataFrame:
    """The cells of ``table3`` … ``table6``.

    Returns table, row (plain, dropout, fc), cl (no, yes: without or with collaborative learning), input
    (joints, bones, fused, merged), percent (as printed), count (nullable integer: the right ones that it
    implies; 96.68 % of Table 3 is no count out of 414, O23), n (out of how many), source.
    """
    return _rows("tables", "table", table, {"count": "Int64"})


def printed_confusion(figure: str) -> tuple[NDArray[np.int64], list[str]]:
    """Counts (k, k), rows the true class, and the names of the classes of ``figure4``, ``figure5``.

    The classes are in the figure's order, that of the data sets' class codes by alphabet.
    """
    cells = pd.read_csv(Path(__file__).with_name(f"paper_{figure}.csv"))
    names = [str(name) for name in cells["actual"].unique()]
    counts = cells.pivot(index="actual", columns="predicted", values="count").loc[names, names]
    return counts.to_numpy(dtype=np.int64, copy=True), names


def published_predictions(dataset: str) -> pd.DataFrame:
    """The authors' files of predictions of ``m2d`` or ``aist``, and the cells that they should give.

    Returns row, cl, input (as in :func:`printed`; a cell may have several files or none), file,
    n_segments, segments_right, n_excerpts, excerpts_right: what the stage authors counts in the file
    (nullable integers; files of votes have no segments).
    """
    counts = ["n_segments", "segments_right", "n_excerpts", "excerpts_right"]
    rows = _rows("files", "dataset", dataset, dict.fromkeys(counts, "Int64"))
    return rows.drop(columns="dataset")


def rated(dataset: str) -> pd.DataFrame:
    """The paper's per-subject values of ``musictodance`` (Table 7) or ``aist`` (Table 8).

    Q3 is without its sign. Three values, all marked as outliers, are printed as no mean of 0/1 ratings
    can be (0.46 and twice 0.47) and stand here as the nearest one that can (0.16, 0.17). Returns
    dataset, category, subject, major, q1, q2, q3 (Decimal), outlier (whether the paper's footnote leaves
    this Q3 out), q3_as_printed, source.
    """
    rows = _rows("ratings", "dataset", dataset, str)
    rows["outlier"] = rows.pop("q3_outlier") == "1"
    return _with_decimals(rows)


def printed_ratings(dataset: str) -> pd.DataFrame:
    """The paper's per-major and average cells of ``musictodance`` (Table 7) or ``aist`` (Table 8).

    Returns dataset, category, group (a major or average), q1, q2, q3 (Decimal, without Q3's sign; None
    where the paper prints nothing), source.
    """
    return _with_decimals(_rows("ratings_printed", "dataset", dataset, str).fillna(""))


def _rows(name: str, column: str, value: str, types: Any) -> pd.DataFrame:
    """The rows of a file of this package with this value."""
    everything = pd.read_csv(Path(__file__).with_name(f"paper_{name}.csv"), dtype=types)
    return everything[everything[column] == value].reset_index(drop=True)


def _with_decimals(rows: pd.DataFrame) -> pd.DataFrame:
    for question in QUESTIONS:
        texts = rows[question].str.lstrip("+-±")
        numbers = [Decimal(text) if text else None for text in texts]
        rows[question] = pd.Series(numbers, rows.index, dtype=object)
    return rows
