"""Who is in train, validation and test: a split is ids in a file, never positions (spec 2.6, 2.7)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedKFold

from motionmusic.errors import UserError

SPLITS = ("train", "validation", "test")


def _frame(fold: int, splits: list[str], excerpts: pd.DataFrame) -> pd.DataFrame:
    return excerpts[["piece", "excerpt", "label"]].assign(split=splits, fold=fold)


def paper(excerpts: pd.DataFrame) -> pd.DataFrame:
    """The split that the authors' 414-segment files prove (O1).

    All excerpts, in class order, are shuffled once with NumPy's legacy generator and seed 0; the
    first third trains, the next validates, the last tests (45 / 45 / 46 of 136). Which two of the
    three thirds are train and validation is a natural assumption; the test third is proven.

    Args:
        excerpts: piece, excerpt, label; one row each, in class order.

    Returns:
        the same rows with ``fold`` (0) and ``split``, in the order of the shuffle.
    """
    n = len(excerpts)
    order = np.arange(n)
    np.random.RandomState(0).shuffle(order)
    splits = [SPLITS[min(rank // (n // 3), 2)] for rank in range(n)]
    return _frame(0, splits, excerpts.iloc[order])


def published(excerpts: pd.DataFrame) -> pd.DataFrame:
    """What the published script does: per class, in name order, the thirds 11 / 11 / 12 of 34."""
    parts = []
    for _, group in excerpts.groupby("label", sort=True):
        third = len(group) // 3
        splits = [SPLITS[min(rank // third, 2)] for rank in range(len(group))]
        parts.append(_frame(0, splits, group))
    return pd.concat(parts, ignore_index=True)


def by_piece(
    excerpts: pd.DataFrame, folds: int, seed: int, names: Mapping[int, str]
) -> pd.DataFrame:
    """No piece on two sides: pieces are dealt into folds, stratified by class.

    In fold f the f-th part is test, the next one validation, the rest train; so every piece is
    tested exactly once. Raises UserError where a class has fewer pieces than there are folds.

    Args:
        excerpts: piece, excerpt, label.
        folds: how many, at least 3.
        seed: of the dealing.
        names: class names, for the message.
    """
    pieces = excerpts.groupby("piece", sort=False)["label"].first()
    for label, count in pieces.value_counts().sort_index().items():
        if count < folds:
            raise UserError(
                "params.yaml",
                "segment.*.folds",
                f"at most as many folds as the smallest class has pieces"
                f" ({names[int(str(label))]} has {count})",
                f"{folds} folds",
                "set fewer folds, or add pieces of that class",
            )
    dealt = StratifiedKFold(folds, shuffle=True, random_state=seed).split(pieces, pieces)
    part = {pieces.index[i]: number for number, (_, rows) in enumerate(dealt) for i in rows}
    parts = []
    for fold in range(folds):
        split_of = {fold: "test", (fold + 1) % folds: "validation"}
        splits = [split_of.get(part[piece], "train") for piece in excerpts["piece"]]
        parts.append(_frame(fold, splits, excerpts))
    return pd.concat(parts, ignore_index=True)


def official(excerpts: pd.DataFrame, split_of: Mapping[str, str]) -> pd.DataFrame:
    """A split that the data set itself gives, by piece (AIST++); pieces of no split are left out."""
    known = excerpts[excerpts["piece"].map(lambda piece: split_of[piece] in SPLITS)]
    return _frame(0, [split_of[piece] for piece in known["piece"]], known)
