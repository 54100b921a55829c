"""How well a model names the dance: accuracy, votes, fusion, confusion (docs/method.md).

Accuracies are fractions by count. Rows are found by their id (split, piece, excerpt, segment), never
by their order. Segments of a piece go right or wrong together, so intervals resample whole pieces, or
what the protocol of the task says (``resampling``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from motionmusic.errors import UserError
from motionmusic.predictions import ID, id_text, logit_columns, logits_of
from motionmusic.scoring.intervals import bootstrap, ratio

LEVELS = ("segment", "excerpt")
T = TypeVar("T")
# of AIST++ retargeted, where all pieces of a dancer go right or wrong together
_OVER_DANCERS = dict.fromkeys(
    ("random_segment", "by_track", "by_dancer", "by_choreography", "by_dancer_and_choreography"),
    "dancers",
)


def predicted(frame: pd.DataFrame) -> NDArray[np.int64]:
    """The class of each row, (n,): argmax of its logits, the first maximum."""
    return np.asarray(logits_of(frame).argmax(axis=1), dtype=np.int64)


def resampled_over(protocol: str) -> str:
    """What the intervals of a protocol's results are over, for captions."""
    known = {"by_figure": "figures", "by_body": "pieces, body by body"} | _OVER_DANCERS
    return known.get(protocol, "pieces")


def vote(given: Iterable[T]) -> T:
    """The most frequent of the predictions (at least one), in time order; of equals the first."""
    # Counter keeps the order of first appearance, and most_common the first of equal counts.
    return Counter(given).most_common(1)[0][0]


def at_level(frame: pd.DataFrame, level: str) -> pd.DataFrame:
    """Columns piece, excerpt, segment, label, predicted, in time order within each piece.

    At the level ``excerpt`` without segment: the vote of each excerpt's segments (Tables 5, 6), of
    those only that one fold tests. fold, stratum and group of ``resampling.resampled`` are kept, of an
    excerpt the group that most of its segments have; without them there is one fold, and groups are
    pieces. Raises ValueError where a segment stands in two splits of the frame; choose one first.
    """
    rows = frame[["piece", "excerpt", "segment", "label"]].assign(predicted=predicted(frame))
    if rows.duplicated(subset=["piece", "excerpt", "segment"]).any():
        raise ValueError("a segment occurs twice: score one split at a time")
    for name, otherwise in (("fold", 0), ("stratum", 0), ("group", rows["piece"])):
        rows[name] = frame.get(name, otherwise)
    rows = rows.sort_values(["piece", "excerpt", "segment"], ignore_index=True)
    if level == "segment":
        return rows
    groups = rows.groupby(["piece", "excerpt", "fold"])
    votes = {name: [vote(group) for _, group in groups[name]] for name in ("predicted", "group")}
    return groups[["label", "stratum"]].first().reset_index().assign(**votes)


def with_units(frame: pd.DataFrame, units: pd.DataFrame) -> pd.DataFrame:
    """Predictions of test segments with the columns of ``resampling.resampled``; rows keep their order."""
    return frame.merge(units, on=["piece", "excerpt", "segment"], how="left", validate="one_to_one")


def right_of(level: pd.DataFrame) -> pd.DataFrame:
    """Columns right, n by (stratum, group), the index, sorted, of a frame from :func:`at_level`."""
    right = (level["label"] == level["predicted"]).groupby([level["stratum"], level["group"]])
    return pd.DataFrame({"right": right.sum(), "n": right.count()})


def strata(right: pd.DataFrame) -> list[int]:
    """How many groups there are in each stratum, for the bootstrap; of :func:`right_of`."""
    return right.groupby(level="stratum").size().tolist()


def fuse(
    frames: Sequence[pd.DataFrame],
    weights: Sequence[float] | None = None,
    names: Sequence[str | Path] | None = None,
) -> pd.DataFrame:
    """Late fusion: the (weighted) sum of the frames' logits, segment by segment.

    ``names`` are what errors call the frames. Returns the first frame's rows sorted by id, logits
    float64. Raises UserError as :func:`same_segments`.
    """
    frames = same_segments(frames, names or [f"predictions {n}" for n, _ in enumerate(frames, 1)])
    pairs = zip(weights or [1.0] * len(frames), frames, strict=True)
    result = frames[0].copy()
    result[logit_columns(result)] = sum(weight * logits_of(frame) for weight, frame in pairs)
    return result


def same_segments(
    frames: Sequence[pd.DataFrame], names: Sequence[str | Path]
) -> list[pd.DataFrame]:
    """The frames with their rows sorted by id.

    Raises UserError, naming the first id that differs, where one differs from the first in segments,
    labels, data set or number of classes.
    """
    remedy = "compare predictions that were made from the same segments, with the same protocol"
    result = [frame.sort_values(ID, ignore_index=True) for frame in frames]
    first, k = result[0], len(logit_columns(frames[0]))
    for other, name in zip(result, names, strict=True):
        found = len(logit_columns(other))
        if found != k:
            expected = f"{k} classes as in {names[0]}"
            raise UserError(name, "logits", expected, f"{found}", remedy)
        if not first[ID].equals(other[ID]):
            both = first[ID].merge(other[ID], on=ID, how="outer", indicator="side")
            alone = (both["side"] != "both").to_numpy()
            has_it = name if both["side"][alone].iloc[0] == "right_only" else names[0]
            where = f"{id_text(both, alone)} (only in {has_it})"
            got = f"{alone.sum()} that are in one file only"
            raise UserError(name, where, f"the segments of {names[0]}", got, remedy)
        for column in ("dataset", "label"):
            differs = (first[column] != other[column]).to_numpy()
            if differs.any():
                where = f"{column} of {id_text(other, differs)}"
                expected = f"{first[column][differs].iloc[0]} as in {names[0]}"
                raise UserError(name, where, expected, f"{other[column][differs].iloc[0]}", remedy)
    return result


def confusion(labels: ArrayLike, predicted: ArrayLike, k: int) -> NDArray[np.int64]:
    """Counts (k, k): rows the true class, columns the predicted one (Figures 4, 5)."""
    return np.asarray(confusion_matrix(labels, predicted, labels=range(k)), np.int64)


def per_class(labels: ArrayLike, predicted: ArrayLike, k: int) -> list[dict[str, Any]]:
    """Recall, precision, f1 and number of rows of each class; NaN where not defined (scikit-learn)."""
    columns = precision_recall_fscore_support(
        labels, predicted, labels=range(k), zero_division=np.nan
    )
    return [
        {"label": label, "recall": recall, "precision": precision, "f1": f1, "n": n}
        for label, (precision, recall, f1, n) in enumerate(
            zip(*(column.tolist() for column in columns), strict=True)
        )
    ]


def macro_f1(labels: ArrayLike, predicted: ArrayLike, k: int) -> float:
    """The mean f1 of the classes that are there or predicted (scikit-learn's default)."""
    return float(np.nanmean([row["f1"] for row in per_class(labels, predicted, k)]))


def score(frame: pd.DataFrame, seed: int, resamples: int = 2000) -> dict[str, Any]:
    """All scores of one model's predictions of one split, rows in any order, as fractions.

    Returns segment and excerpt {value, low, high, right, n}: the accuracy with its interval over pieces;
    of segments macro_f1, confusion (k, k), per_class; n_pieces.
    """
    k = len(logit_columns(frame))
    result: dict[str, Any] = {}
    for level in LEVELS:
        groups = right_of(at_level(frame, level))
        statistic = ratio(groups["right"], groups["n"])
        found = bootstrap(statistic, strata(groups), seed, resamples).json()
        result[level] = found | {name: int(groups[name].sum()) for name in ("right", "n")}
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
        found, remedy = ", ".join(sorted(frame["split"].unique())), "choose one with --split NAME"
        raise UserError(file, "split", f"rows of {split}", f"only {found}", remedy)
    return rows.reset_index(drop=True)
