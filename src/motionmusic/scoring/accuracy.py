"""How well a model names the dance: accuracy, votes, fusion, confusion.

Conventions (docs/method.md):

- Accuracies are fractions, right / all, by count.
- A segment's prediction is the argmax of its logits, the first one where several are largest.
- An excerpt's prediction is the most frequent one of its segments; among equally frequent ones the
  class that comes first in time.
- Late fusion adds raw logits, segment by segment, before any vote.
- Segments of one piece go right or wrong together, so intervals resample whole pieces.
- Rows are found by their id (split, piece, excerpt, segment); their order has no meaning.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import precision_recall_fscore_support

from motionmusic.errors import UserError
from motionmusic.predictions import ID, check, id_text, logit_columns, logits_of
from motionmusic.scoring.intervals import bootstrap, ratio

LEVELS = ("segment", "excerpt")


def predicted(frame: pd.DataFrame) -> NDArray[np.int64]:
    """The class of each row, (n,): argmax of its logits, the first maximum."""
    return np.asarray(logits_of(frame).argmax(axis=1), dtype=np.int64)


def vote(predictions: Iterable[int]) -> int:
    """The most frequent of the predictions, given in time order; of equals the first seen.

    Raises:
        ValueError: there are none.
    """
    # Counter keeps the order of first appearance, and most_common the first of equal counts.
    ranking = Counter(predictions).most_common(1)
    if not ranking:
        raise ValueError("a vote needs at least one prediction")
    return int(ranking[0][0])


def segment_predictions(frame: pd.DataFrame) -> pd.DataFrame:
    """Columns piece, excerpt, segment, label, predicted; in time order within each piece.

    Raises:
        ValueError: a segment stands in two splits of the frame; choose one split first.
    """
    result = frame[["piece", "excerpt", "segment", "label"]].assign(predicted=predicted(frame))
    if result.duplicated(subset=["piece", "excerpt", "segment"]).any():
        raise ValueError("a segment occurs twice: score one split at a time")
    return result.sort_values(["piece", "excerpt", "segment"], ignore_index=True)


def excerpt_votes(frame: pd.DataFrame) -> pd.DataFrame:
    """Columns piece, excerpt, label, predicted: the vote of its segments (Tables 5, 6)."""
    groups = segment_predictions(frame).groupby(["piece", "excerpt"])
    result = groups["label"].first().reset_index()
    return result.assign(predicted=[vote(group) for _, group in groups["predicted"]])


def at_level(frame: pd.DataFrame, level: str) -> pd.DataFrame:
    """Columns piece, …, label, predicted at one of :data:`LEVELS`."""
    return segment_predictions(frame) if level == "segment" else excerpt_votes(frame)


def per_piece(level: pd.DataFrame) -> pd.DataFrame:
    """Columns right, n by piece (the index, sorted) of a frame from :func:`at_level`."""
    right = (level["label"] == level["predicted"]).groupby(level["piece"])
    return pd.DataFrame({"right": right.sum(), "n": right.count()})


def fuse(
    frames: Sequence[pd.DataFrame],
    weights: Sequence[float] | None = None,
    names: Sequence[str | Path] | None = None,
) -> pd.DataFrame:
    """Late fusion: the weighted sum of the frames' logits, segment by segment.

    Args:
        frames: predictions for the same segments, rows in any order.
        weights: one a frame; 1 each by default.
        names: what to call the frames in errors, for example their files.

    Returns:
        The first frame's rows sorted by id, logits float64.

    Raises:
        UserError: the frames differ in segments, labels, data set or number of classes.
        ValueError: no frame, or not one weight a frame.
    """
    weights = [1.0] * len(frames) if weights is None else weights
    if not frames or len(weights) != len(frames):
        raise ValueError(f"expected one weight a frame, got {len(weights)} for {len(frames)}")
    frames = same_segments(frames, names)
    result = frames[0].copy()
    result[logit_columns(result)] = sum(
        weight * logits_of(frame) for weight, frame in zip(weights, frames, strict=True)
    )
    return result


def same_segments(
    frames: Sequence[pd.DataFrame], names: Sequence[str | Path] | None = None
) -> list[pd.DataFrame]:
    """The frames with their rows sorted by id, once it is sure that they can be compared.

    Raises:
        UserError: one breaks the format, or differs from the first in segments, labels, data set
            or number of classes; the message names the first id that differs.
    """
    if names is None:
        names = [f"predictions {index + 1}" for index in range(len(frames))]
    remedy = "compare predictions that were made from the same segments, with the same protocol"
    result = []
    for frame, name in zip(frames, names, strict=True):
        check(frame, name)
        result.append(frame.sort_values(ID, ignore_index=True))
        first, other = result[0], result[-1]
        classes = len(logit_columns(first)), len(logit_columns(other))
        if classes[0] != classes[1]:
            expected = f"{classes[0]} classes as in {names[0]}"
            raise UserError(name, "logits", expected, f"{classes[1]}", remedy)
        if not _equal(first, other, ID):
            both = first[ID].merge(other[ID], on=ID, how="outer", indicator="side")
            alone = (both["side"] != "both").to_numpy()
            side = f"only in {name if both['side'][alone].iloc[0] == 'right_only' else names[0]}"
            raise UserError(
                name,
                f"{id_text(both, alone)} ({side})",
                f"the segments of {names[0]}",
                f"{alone.sum()} that are in one file only",
                remedy,
            )
        for column in ("dataset", "label"):
            if not _equal(first, other, [column]):
                differs = (first[column] != other[column]).to_numpy()
                raise UserError(
                    name,
                    f"{column} of {id_text(other, differs)}",
                    f"{first[column][differs].iloc[0]} as in {names[0]}",
                    f"{other[column][differs].iloc[0]}",
                    remedy,
                )
    return result


def _equal(first: pd.DataFrame, other: pd.DataFrame, columns: list[str]) -> bool:
    return len(first) == len(other) and bool((first[columns] == other[columns]).all(axis=None))


def confusion(labels: ArrayLike, predicted: ArrayLike, k: int) -> NDArray[np.int64]:
    """Counts (k, k): rows the true class, columns the predicted one (Figures 4, 5)."""
    pairs = np.asarray(labels, dtype=np.int64) * k + np.asarray(predicted, dtype=np.int64)
    return np.bincount(pairs, minlength=k * k).reshape(k, k).astype(np.int64)


def per_class(labels: ArrayLike, predicted: ArrayLike, k: int) -> list[dict[str, Any]]:
    """Recall, precision, f1 and number of rows of each class, as scikit-learn defines them.

    NaN where a number is not defined: the recall of a class without rows, the precision of one
    that is never predicted, the f1 of one that is neither there nor predicted.
    """
    precision, recall, f1, n = precision_recall_fscore_support(
        labels, predicted, labels=range(k), zero_division=np.nan
    )
    return [
        {
            "label": label,
            "recall": float(recall[label]),
            "precision": float(precision[label]),
            "f1": float(f1[label]),
            "n": int(n[label]),
        }
        for label in range(k)
    ]


def macro_f1(labels: ArrayLike, predicted: ArrayLike, k: int) -> float:
    """The mean f1 of the classes that are there or predicted (scikit-learn's default)."""
    return float(np.nanmean([row["f1"] for row in per_class(labels, predicted, k)]))


def score(frame: pd.DataFrame, seed: int, resamples: int = 2000) -> dict[str, Any]:
    """All scores of one model's predictions of one split.

    Args:
        frame: predictions, rows in any order.
        seed: of the intervals.
        resamples: of the intervals.

    Returns:
        segment and excerpt, each {value, low, high, right, n}: the accuracy with its interval over
        pieces; macro_f1 (of segments), n_pieces, confusion (k, k) of segments, per_class. Fractions.

    Raises:
        UserError: the frame breaks the format.
    """
    check(frame, "predictions")
    k = len(logit_columns(frame))
    result: dict[str, Any] = {}
    for level in LEVELS:
        pieces = per_piece(at_level(frame, level))
        statistic = ratio(pieces["right"], pieces["n"])
        result[level] = bootstrap(statistic, len(pieces), seed, resamples).json() | {
            "right": int(pieces["right"].sum()),
            "n": int(pieces["n"].sum()),
        }
    labels, guesses = frame["label"].to_numpy(), predicted(frame)
    return result | {
        "macro_f1": macro_f1(labels, guesses, k),
        "n_pieces": frame["piece"].nunique(),
        "confusion": confusion(labels, guesses, k).tolist(),
        "per_class": per_class(labels, guesses, k),
    }


def rows_of_split(frame: pd.DataFrame, split: str, file: str | Path) -> pd.DataFrame:
    """The rows of one split. Raises UserError, naming the splits of ``file``, where it has none."""
    rows = frame[frame["split"] == split]
    if rows.empty:
        found = ", ".join(sorted(frame["split"].unique()))
        raise UserError(
            file, "split", f"rows of {split}", f"only {found}", "choose one with --split NAME"
        )
    return rows.reset_index(drop=True)
