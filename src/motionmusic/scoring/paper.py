"""What the paper printed: Tables 3 to 8 and the counts of Figures 4 and 5.

Gong et al., Multimedia Systems 30, art. 37, 2024 (docs/method.md). ``count`` is
the number of right segments or excerpts that a percentage implies; 96.68 % of Table 3 (plain, CL,
fused) is no count out of 414 and has none (O23). Figure 5 stands here with the right class names:
the paper's axes are labelled in another order than its rows, so that all of its names but break's
are wrong (O21).
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from motionmusic.scoring.rating_files import QUESTIONS

_FOLDER = Path(__file__).parent


def printed(table: str) -> pd.DataFrame:
    """The cells of ``table3`` … ``table6``.

    Returns:
        Columns table, row (plain, dropout, fc), cl (no, yes: without or with collaborative
        learning), input (joints, bones, fused, merged), percent (as printed), count (nullable
        integer, the one implied), n (out of how many), source.

    Raises:
        ValueError: the paper has no such table of accuracies.
    """
    everything = pd.read_csv(_FOLDER / "paper_tables.csv", dtype={"count": "Int64"})
    rows = everything[everything["table"] == table]
    if rows.empty:
        known = ", ".join(everything["table"].unique())
        raise ValueError(f"expected one of {known}, got {table}")
    return rows.reset_index(drop=True)


def printed_confusion(figure: str) -> tuple[NDArray[np.int64], list[str]]:
    """Counts (k, k), rows the true class, and the names of the classes of ``figure4``, ``figure5``.

    The classes are in the figure's order, that of the data sets' class codes by alphabet.

    Raises:
        ValueError: the paper has no such confusion matrix.
    """
    if figure not in ("figure4", "figure5"):
        raise ValueError(f"expected figure4 or figure5, got {figure}")
    cells = pd.read_csv(_FOLDER / f"paper_{figure}.csv")
    names = [str(name) for name in cells["actual"].unique()]
    counts = cells.pivot(index="actual", columns="predicted", values="count").loc[names, names]
    return counts.to_numpy(dtype=np.int64, copy=True), names


def published_predictions(dataset: str) -> pd.DataFrame:
    """The authors' files of predictions of ``m2d`` or ``aist``, and the cells that they should give.

    Returns:
        Columns row, cl, input (as in :func:`printed`; a cell may have several files or none), file,
        n_segments, segments_right, n_excerpts, excerpts_right: what the stage authors counts in the
        file (nullable integers; files of votes have no segments).
    """
    counts = ["n_segments", "segments_right", "n_excerpts", "excerpts_right"]
    files = pd.read_csv(_FOLDER / "paper_files.csv", dtype=dict.fromkeys(counts, "Int64"))
    return files[files["dataset"] == dataset].drop(columns="dataset").reset_index(drop=True)


def rated(dataset: str) -> pd.DataFrame:
    """The paper's per-subject values of ``musictodance`` (Table 7) or ``aist`` (Table 8).

    Gong et al., Multimedia Systems 30, art. 37, 2024, Section 4.5, read as text. The signs before Q3
    are no part of the values: ``+`` stands above 0.5, ``-`` below, ``±`` at it. Three values, all
    marked as outliers, are printed as no mean of 0/1 ratings can be (0.46 and twice 0.47) and stand
    here as the nearest one that can (0.16, 0.17); no other cell depends on them.

    Returns:
        dataset, category, subject, major, q1, q2, q3 (Decimal), outlier (whether the paper's
        footnote leaves this Q3 out), q3_as_printed, source.
    """
    everything = pd.read_csv(_FOLDER / "paper_ratings.csv", dtype=str)
    rows = everything[everything["dataset"] == dataset].reset_index(drop=True)
    for question in QUESTIONS:
        rows[question] = _decimals(rows[question])
    rows["outlier"] = rows.pop("q3_outlier") == "1"
    return rows


def printed_ratings(dataset: str) -> pd.DataFrame:
    """The paper's per-major and average cells of ``musictodance`` (Table 7) or ``aist`` (Table 8).

    Returns:
        dataset, category, group (a major or average), q1, q2, q3 (Decimal, without Q3's sign; None
        where the paper prints nothing), source.
    """
    everything = pd.read_csv(_FOLDER / "paper_ratings_printed.csv", dtype=str, na_filter=False)
    rows = everything[everything["dataset"] == dataset].reset_index(drop=True)
    for question in QUESTIONS:
        rows[question] = _decimals(rows[question].str.lstrip("+-±"))
    return rows


def _decimals(texts: pd.Series[Any]) -> pd.Series[Any]:
    return pd.Series([Decimal(text) if text else None for text in texts], texts.index, dtype=object)
