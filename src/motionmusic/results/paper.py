"""What the paper printed: the accuracies of Tables 3 to 6 and the counts of Figures 4 and 5.

Gong et al., Multimedia Systems 30, art. 37, 2024 (spec sections 1.2 to 1.5 and 8.4). ``count`` is
the number of right segments or excerpts that a percentage implies; 96.68 % of Table 3 (plain, CL,
fused) is no count out of 414 and has none (O23). Figure 5 stands here with the right class names:
the paper's axes are labelled in another order than its rows, so that all of its names but break's
are wrong (O21).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

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
