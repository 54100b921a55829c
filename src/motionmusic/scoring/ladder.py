"""From random segments to new dancers and choreographies: what a split of ten genres is worth.

Everything is resampled by dancer, because a dancer's segments go right or wrong together. Every
model learns from the training part alone; validation says which baseline stands for the best.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier

from motionmusic.data.aist_retargeted import PROXIMAL, is_clean
from motionmusic.features.skeletons import PROXIMAL_OF_AIST
from motionmusic.files import Floats
from motionmusic.params import Baseline, Evaluate
from motionmusic.scoring.accuracy import fuse, predicted, vote
from motionmusic.scoring.baselines import BASELINES, fit_predict, log_probabilities
from motionmusic.scoring.intervals import Statistic, bootstrap, ratio

Folds = Sequence[tuple[int, pd.DataFrame]]
PROBES = {
    "held": "only which bones are held",
    "doubled": "only whether frames are doubled",
    "tempo": "only the tempo",
}
TRUSTED = "logistic_regression_13"
"""The logistic regression without wrists and ankles, which held bones put in the wrong place."""
_IDS = ["piece", "excerpt", "segment", "label"]
LEVELS = {"segment": "segment", "excerpt": "dance, by vote of its seven segments"}


def probed(values: Floats, folds: Folds, classes: int, seed: int, trees: int) -> pd.DataFrame:
    """A forest that sees nothing but these values (n, k) of every segment, as :func:`tested`."""

    def logits(seen: Floats, labels: NDArray[np.int64], asked: Floats) -> NDArray[np.float32]:
        forest = RandomForestClassifier(trees, random_state=seed)
        return log_probabilities(forest, seen, labels, asked, classes)

    return _fold_by_fold(values, folds, logits)


def trusted(
    joints: NDArray[Any], folds: Folds, classes: int, seed: int, logistic_c: float
) -> pd.DataFrame:
    """:data:`TRUSTED` of segments (n, 3, t, 17), as :func:`tested`."""

    def logits(seen: Any, labels: NDArray[np.int64], asked: Any) -> NDArray[np.float32]:
        name = "logistic_regression"
        return fit_predict(name, seen, labels, asked, classes, seed, logistic_c=logistic_c)

    return _fold_by_fold(joints[..., PROXIMAL_OF_AIST], folds, logits)


def _fold_by_fold(
    values: NDArray[Any], folds: Folds, logits: Callable[..., NDArray[np.float32]]
) -> pd.DataFrame:
    """What ``logits`` of (train, its labels, test) says of every tested segment."""
    parts = []
    for _, ids in folds:
        seen, test = ((ids["split"] == split).to_numpy() for split in ("train", "test"))
        labels = ids.loc[seen, "label"].to_numpy(np.int64)
        classes = logits(values[seen], labels, values[test]).argmax(axis=1)
        parts.append(ids.loc[test, _IDS].assign(predicted=classes))
    return pd.concat(parts, ignore_index=True)


def tested(frame: pd.DataFrame, split: str) -> pd.DataFrame:
    """Of predictions piece, excerpt, segment, label, predicted of one split."""
    rows = frame[frame["split"] == split].reset_index(drop=True)
    return rows[_IDS].assign(predicted=predicted(rows))


def best_by_validation(cells: Mapping[str, pd.DataFrame]) -> str:
    """The baseline with most validation segments right."""

    def right(name: str) -> float:
        rows = tested(cells[name], "validation")
        return float((rows["label"] == rows["predicted"]).mean())

    return max(BASELINES, key=right)


def scores(
    rows: pd.DataFrame, dancers: Mapping[str, str], classes: int, seed: int, resamples: int
) -> dict[str, Any]:
    """Accuracy and balanced accuracy of segments and of whole dances, resampled by dancer.

    ``rows``: piece, excerpt, segment, label, predicted.

    Returns segment and excerpt {accuracy, balanced: Interval as JSON, n}, dancers, recall (k).
    """
    found: dict[str, Any] = {"dancers": rows["piece"].map(dancers).nunique()}
    for level in LEVELS:
        right, size = _counts(_at(rows, level), dancers, classes)
        n = len(right)
        balanced = balanced_accuracy(right, size)
        accuracy = ratio(right.sum(axis=1), size.sum(axis=1))
        found[level] = {
            "accuracy": bootstrap(accuracy, n, seed, resamples).json(),
            "balanced": bootstrap(balanced, n, seed, resamples).json(),
            "n": int(size.sum()),
        }
        if level == "segment":
            found["recall"] = (right.sum(axis=0) / np.maximum(size.sum(axis=0), 1)).tolist()
    return found


def difference(
    rows: pd.DataFrame, other: pd.DataFrame, dancers: Mapping[str, str], seed: int, resamples: int
) -> dict[str, dict[str, float]]:
    """By level how much more often ``rows`` are right than ``other``, paired, over dancers."""
    found = {}
    for level in LEVELS:
        counts = [_counts(_at(of, level), dancers, 1 + rows["label"].max()) for of in (rows, other)]
        (right, size), (its, _) = counts
        paired = ratio((right - its).sum(axis=1), size.sum(axis=1))
        found[level] = bootstrap(paired, len(right), seed, resamples).json()
    return found


def balanced_accuracy(right: Floats, size: Floats) -> Statistic:
    """The mean over classes of how many of it are right; of those that are drawn at all.

    ``right`` and ``size`` are (units, classes).
    """

    def statistic(counts: Floats) -> Floats:
        n, hits = counts @ size, counts @ right
        recall = np.where(n > 0, hits / np.where(n > 0, n, 1), np.nan)
        return np.asarray(np.nanmean(recall, axis=1))

    return statistic


def _at(rows: pd.DataFrame, level: str) -> pd.DataFrame:
    if level == "segment":
        return rows
    votes = rows.sort_values(["piece", "excerpt", "segment"]).groupby(["piece", "excerpt"])
    of = votes["predicted"].agg(lambda some: vote(some))
    return votes["label"].first().reset_index().assign(predicted=of.to_numpy())


def _counts(rows: pd.DataFrame, dancers: Mapping[str, str], classes: int) -> tuple[Floats, Floats]:
    """How many are right and how many there are, each (dancers, classes), dancers sorted."""
    who, names = pd.factorize(rows["piece"].map(dancers), sort=True)
    place = who * classes + rows["label"].to_numpy()
    size = np.bincount(place, minlength=len(names) * classes)
    right = np.bincount(
        place, (rows["label"] == rows["predicted"]).to_numpy(float), len(names) * classes
    )
    shape = (len(names), classes)
    return right.reshape(shape).astype(np.float64), size.reshape(shape).astype(np.float64)


@dataclass(frozen=True)
class Task:
    """One split: its segments, and what was predicted.

    Attributes:
        folds: (fold, ids of the segments), the same segments in each.
        joints: of the segments, (n, 3, t, 17).
        baselines: name → predictions for validation and test.
        entries: name → predictions, one a seed.
    """

    folds: Folds
    joints: NDArray[Any]
    baselines: Mapping[str, pd.DataFrame]
    entries: Mapping[str, Sequence[pd.DataFrame]]


def climb(
    task: Task,
    pieces: pd.DataFrame,
    held: Mapping[str, Floats],
    settings: Baseline,
    evaluate: Evaluate,
) -> dict[str, Any]:
    """Every model of one split, on all segments and on clean ones, and entries against the best.

    Args:
        task: the split.
        pieces: pieces.csv, with dancer, doubled, music_bpm.
        held: of every piece the shares of held bones, (7, 19).
        settings: of the baselines.
        evaluate: of the bootstrap.

    Returns:
        best (baseline by validation), models {name: {all, clean: :func:`scores`}}, ahead {entry:
        :func:`difference` to the best}. Several seeds of an entry are averaged by their logits.
    """
    classes = pieces["label"].nunique()
    dancers = dict(zip(pieces["piece"], pieces["dancer"], strict=True))
    models = {name: tested(task.baselines[name], "test") for name in BASELINES}
    models[TRUSTED] = trusted(task.joints, task.folds, classes, 0, settings.logistic_c)
    models |= {name: tested(fuse(frames), "test") for name, frames in task.entries.items()}
    ids = task.folds[0][1]
    models |= {
        name: probed(values, task.folds, classes, 0, settings.trees)
        for name, values in _probe_values(ids, pieces, held).items()
    }
    clean = {
        (piece, second)
        for piece, shares in held.items()
        for second, row in enumerate(shares)
        if is_clean(row, PROXIMAL)
    }
    best = best_by_validation(task.baselines)
    seed, resamples = evaluate.seed, evaluate.resamples
    found: dict[str, Any] = {}
    for name, rows in models.items():
        kept = [pair in clean for pair in zip(rows["piece"], rows["segment"], strict=True)]
        parts = {"all": rows, "clean": rows[kept]}
        found[name] = {
            part: scores(of, dancers, classes, seed, resamples) for part, of in parts.items()
        }
    ahead = {
        name: difference(models[name], models[best], dancers, seed, resamples)
        for name in task.entries
    }
    return {"best": best, "models": found, "ahead": ahead}


def _probe_values(
    ids: pd.DataFrame, pieces: pd.DataFrame, held: Mapping[str, Floats]
) -> dict[str, Floats]:
    known = pieces.set_index("piece").loc[ids["piece"]]
    shares = [held[p][k] for p, k in zip(ids["piece"], ids["segment"], strict=True)]
    return {
        "held": np.stack(shares),
        "doubled": known[["doubled"]].to_numpy(float),
        "tempo": known[["music_bpm"]].to_numpy(float),
    }
