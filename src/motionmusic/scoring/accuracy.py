"""How well a model names the dance: accuracy, votes, fusion, confusion, intervals.

``python -m motionmusic.scoring.accuracy PRED.parquet [MORE.parquet …]`` prints the scores of a file of
predictions, or of several that are fused.

Conventions (spec section 5):

- Accuracies are fractions, right / all, by count.
- A segment's prediction is the argmax of its logits, the first one where several are largest.
- An excerpt's prediction is the most frequent one of its segments, a whole dance's that of all its
  segments; among equally frequent ones the class that comes first in time.
- Late fusion adds raw logits, segment by segment, before any vote.
- Segments of one piece go right or wrong together, so intervals resample whole pieces (8.5).
- Rows are found by their id (split, piece, excerpt, segment); their order has no meaning.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from sklearn.metrics import precision_recall_fscore_support

from motionmusic.errors import UserError, run
from motionmusic.files import rounded
from motionmusic.predictions import (
    ID,
    check,
    id_text,
    logit_columns,
    logits_of,
    read_predictions,
)

LEVELS = ("segment", "excerpt", "dance")


def predicted(frame: pd.DataFrame) -> NDArray[np.int64]:
    """The class of each row, (n,): argmax of its logits, the first maximum (section 5)."""
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
    return _votes(frame, ["piece", "excerpt"])


def dance_votes(frame: pd.DataFrame) -> pd.DataFrame:
    """Columns piece, label, predicted: the vote of all segments of each piece."""
    return _votes(frame, ["piece"])


def _votes(frame: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    groups = segment_predictions(frame).groupby(by)
    result = groups["label"].first().reset_index()
    return result.assign(predicted=[vote(group) for _, group in groups["predicted"]])


def at_level(frame: pd.DataFrame, level: str) -> pd.DataFrame:
    """Columns piece, …, label, predicted at one of :data:`LEVELS`."""
    functions = {"segment": segment_predictions, "excerpt": excerpt_votes, "dance": dance_votes}
    return functions[level](frame)


def per_piece(level: pd.DataFrame) -> pd.DataFrame:
    """Columns right, n by piece (the index, sorted) of a frame from :func:`at_level`."""
    right = (level["label"] == level["predicted"]).groupby(level["piece"])
    return pd.DataFrame({"right": right.sum(), "n": right.count()})


def fuse(
    frames: Sequence[pd.DataFrame],
    weights: Sequence[float] | None = None,
    names: Sequence[str | Path] | None = None,
) -> pd.DataFrame:
    """Late fusion: the weighted sum of the frames' logits, segment by segment (section 5).

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


def accuracy_interval(
    right_per_piece: ArrayLike,
    n_per_piece: ArrayLike,
    seed: int,
    confidence: float = 0.95,
    resamples: int = 2000,
) -> tuple[float, float]:
    """Percentile bootstrap interval over pieces of the accuracy sum(right) / sum(n).

    Args:
        right_per_piece: (pieces,) how many are right; a mean over seeds may be fractional.
        n_per_piece: (pieces,) how many there are, at least 1.
        seed: of the resampling; equal seeds draw the same pieces.
        confidence: of the interval.
        resamples: of the bootstrap.

    Returns:
        (low, high); (NaN, NaN) with fewer than two pieces.
    """
    return _interval(right_per_piece, n_per_piece, seed, confidence, resamples)


def paired_difference(
    right_a: ArrayLike,
    right_b: ArrayLike,
    n_per_piece: ArrayLike,
    seed: int,
    confidence: float = 0.95,
    resamples: int = 2000,
) -> tuple[float, float, float]:
    """How much more accurate model a is than b on the same pieces, with its interval.

    Args:
        right_a: (pieces,) how many model a has right; may be fractional.
        right_b: (pieces,) the same of model b, pieces in the same order.
        n_per_piece: (pieces,) how many there are, at least 1.
        seed: of the resampling; both models are resampled together.
        confidence: of the interval.
        resamples: of the bootstrap.

    Returns:
        (accuracy a - accuracy b, low, high); low and high NaN with fewer than two pieces.
    """
    more = np.asarray(right_a, dtype=np.float64) - np.asarray(right_b, dtype=np.float64)
    difference = float(more.sum() / np.asarray(n_per_piece).sum())
    return difference, *_interval(more, n_per_piece, seed, confidence, resamples)


def _interval(
    right: ArrayLike, n: ArrayLike, seed: int, confidence: float, resamples: int
) -> tuple[float, float]:
    counts, sizes = np.asarray(right, dtype=np.float64), np.asarray(n, dtype=np.float64)
    if counts.ndim != 1 or counts.shape != sizes.shape or (sizes < 1).any():
        raise ValueError("expected two rows of numbers, one a piece, and no piece without segments")
    if len(counts) < 2:
        return float("nan"), float("nan")
    interval = stats.bootstrap(
        (counts, sizes),
        lambda right, n, axis: right.sum(axis=axis) / n.sum(axis=axis),
        paired=True,  # a piece takes its right ones and its number along
        vectorized=True,
        method="percentile",
        confidence_level=confidence,
        n_resamples=resamples,
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return float(interval.low), float(interval.high)


def score(frame: pd.DataFrame, seed: int, resamples: int = 2000) -> dict[str, Any]:
    """All scores of one model's predictions of one split.

    Args:
        frame: predictions, rows in any order.
        seed: of the intervals.
        resamples: of the intervals.

    Returns:
        segment_accuracy, excerpt_accuracy, dance_accuracy and macro_f1 (of segments) as fractions;
        n_segments, segments_right, n_excerpts, excerpts_right, n_dances, dances_right, n_pieces;
        confusion (k, k) of segments; per_class; intervals (95 %, over pieces) of each accuracy.

    Raises:
        UserError: the frame breaks the format.
    """
    check(frame, "predictions")
    k = len(logit_columns(frame))
    accuracy: dict[str, Any] = {}
    counts: dict[str, Any] = {}
    intervals: dict[str, Any] = {}
    for level in LEVELS:
        pieces = per_piece(at_level(frame, level))
        n, right = int(pieces["n"].sum()), int(pieces["right"].sum())
        accuracy[f"{level}_accuracy"] = right / n
        counts |= {f"n_{level}s": n, f"{level}s_right": right}
        intervals[f"{level}_accuracy"] = list(
            accuracy_interval(pieces["right"], pieces["n"], seed, resamples=resamples)
        )
    labels, guesses = frame["label"].to_numpy(), predicted(frame)
    return {
        **accuracy,
        "macro_f1": macro_f1(labels, guesses, k),
        **counts,
        "n_pieces": counts["n_dances"],
        "confusion": confusion(labels, guesses, k).tolist(),
        "per_class": per_class(labels, guesses, k),
        "intervals": intervals,
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


def main(arguments: Sequence[str]) -> None:
    """Print the scores of files of predictions as JSON; several files are fused."""
    parser = argparse.ArgumentParser(
        prog="python -m motionmusic.scoring.accuracy", description=main.__doc__
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="PRED.parquet")
    parser.add_argument("--split", default="test", help="rows to score (default: test)")
    parser.add_argument(
        "--alpha",
        nargs="+",
        action="extend",
        type=float,
        metavar="A",
        help="weights of the logits of the second, third, … file (default: 1 each)",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the intervals (default: 0)")
    options = parser.parse_args(arguments)
    files: list[Path] = options.files
    alpha: list[float] = options.alpha or [1.0] * (len(files) - 1)
    if len(alpha) != len(files) - 1 or not np.isfinite(alpha).all():
        raise UserError(
            parser.prog,
            "--alpha",
            f"{len(files) - 1} finite numbers, one for each file after the first",
            " ".join(map(str, alpha)),
            "leave --alpha out for weights of 1",
        )
    frames = [rows_of_split(read_predictions(file), options.split, file) for file in files]
    scores = score(fuse(frames, [1.0, *alpha], files), options.seed)
    print(json.dumps(rounded(scores), indent=2, allow_nan=False))


if __name__ == "__main__":
    run(main)
