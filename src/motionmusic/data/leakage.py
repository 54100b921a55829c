"""What test shares with train: names that a protocol promises to keep apart, and the motion itself.

The distance of segments is the root mean square of the differences of all coordinates, as a share of
the task's spread: how far, by the same measure, its segments are from their mean. So it is in one
scale however a corpus is scaled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from motionmusic.data.choreonet import UNKNOWN, body_of, figure_of
from motionmusic.errors import UserError
from motionmusic.features.segments import units_of_segments
from motionmusic.files import Float32, Floats
from motionmusic.params import Leakage
from motionmusic.workspace import About

PAIRS = (("train", "validation"), ("train", "test"), ("validation", "test"))
# by_body validates on the body that it trains on, AIST++ on the songs of its test
_EXCEPTED = {
    (protocol, key): ("train", "validation")
    for protocol in ("by_body", "body_a")
    for key in ("body", "capture")
} | {
    ("official", "music"): ("validation", "test"),
    ("official_clean", "music"): ("validation", "test"),
    # these validate on other choreographies of the training side
    ("by_track", "music"): ("train", "validation"),
    ("by_dancer", "dancer"): ("train", "validation"),
    ("by_dancer_and_choreography", "dancer"): ("train", "validation"),
}
PROMISES: Mapping[str, tuple[str, ...]] = {
    "paper": ("excerpt", "segment"),
    "published": ("excerpt", "segment"),
    "by_piece": ("piece", "excerpt", "segment"),
    "by_figure": ("figure", "unit", "segment"),
    "by_body": ("body", "capture", "unit", "segment"),
    "body_a": ("body", "capture", "unit", "segment"),
    "official": ("piece", "music", "excerpt", "segment"),
    "official_clean": ("piece", "music", "excerpt", "segment"),
    "random_segment": ("segment",),
    "by_track": ("piece", "music", "excerpt", "segment"),
    "by_dancer": ("piece", "dancer", "excerpt", "segment"),
    "by_choreography": ("piece", "choreography", "excerpt", "segment"),
    "by_dancer_and_choreography": ("piece", "dancer", "choreography", "excerpt", "segment"),
}
"""The keys of which a protocol puts no value on two sides."""

NO_IDENTICAL = (
    "by_piece", "by_figure", "by_body", "body_a", "by_track", "by_dancer", "by_choreography",
    "by_dancer_and_choreography",
)  # fmt: skip
"""The protocols under which no test segment may be a training segment under another name."""


class Audit(NamedTuple):
    """What a split shares: the numbers, and distances (n,) of every test segment.

    ``distances`` are to its nearest training segment of the same fold, ``reference`` to the nearest
    other segment of its own piece; NaN where there is none.
    """

    report: dict[str, Any]
    distances: Floats
    reference: Floats


def audit(
    about: About,
    folds: Sequence[tuple[int, pd.DataFrame]],
    spans: pd.DataFrame,
    joints: Float32,
    settings: Leakage,
    folder: Path,
) -> Audit:
    """What test shares with train, in names and in motion.

    Args:
        about: the task.
        folds: (fold, the ids of every segment), rows in the order of ``joints``.
        spans: piece, start, end, unit, capture; empty where no unit is known.
        joints: (n, channels, frames, joints), every segment once, not all the same.
        settings: which distances are near, and which are none.
        folder: of the segments, for messages.

    Raises UserError where the protocol promises to keep apart what is shared.
    """
    per_fold = [_shared_names(about, fold, ids, spans, folder) for fold, ids in folds]
    scale = spread(joints)
    pairs = _neighbours(joints / np.float32(scale), folds)
    distances, reference = (pairs[name].to_numpy(float) for name in ("distance", "own_piece"))
    same = pairs[distances < settings.identical]
    if about.protocol in NO_IDENTICAL and len(same):
        first = [f"{row.test} is {row.train}" for row in same.head(5).itertuples()]
        where = f"fold {same['fold'].iloc[0]}"
        expected = f"no test segment with the motion of a training one (protocol {about.protocol})"
        remedy = "one of the two dances is a copy: take it out of the corpus"
        got = f"{len(same)}: {', '.join(first)}"
        raise UserError(folder / "joints.npy", where, expected, got, remedy)
    closest = pairs.sort_values("distance", kind="stable").head(5)
    report = {
        "task": about.task,
        "protocol": about.protocol,
        "promised_apart": PROMISES[about.protocol],
        "spread": scale,
        "near_below": settings.near,
        "identical_below": settings.identical,
        "segments": len(folds[0][1]),
        "tested": len(pairs),
        "dropped_over_folds": sum(int(fold["segments"].get("dropped", 0)) for fold in per_fold),
        "tested_with_shared": _tested_with_shared(per_fold),
        "nearest_in_train": summary(distances, settings.near, settings.identical),
        "nearest_in_own_piece": summary(reference, settings.near, settings.identical),
        "one_nearest_neighbour": {
            "accuracy": pairs["right"].astype(float).mean(),
            "chance": 1 / len(about.labels),
        },
        "closest": closest[["fold", "test", "train", "distance"]].to_dict("records"),
        "folds": per_fold,
    }
    return Audit(report, distances, reference)


def _shared_names(
    about: About, fold: int, ids: pd.DataFrame, spans: pd.DataFrame, folder: Path
) -> dict[str, Any]:
    """What each two splits of a fold share by name."""
    captures = dict(zip(spans["unit"], spans["capture"], strict=True))
    units = units_of_segments(ids, spans, about.excerpt_frames)
    names = names_of_segments(ids.assign(units=units), about.source, captures)
    pairs = {}
    for left, right in PAIRS:
        both = shared(ids["split"], names, left, right)
        for key, values in both.items():
            if values["shared"] and is_promised(about.protocol, key, (left, right)):
                where = f"fold {fold}, {left} and {right}"
                expected = f"no {key} in both, as protocol {about.protocol} promises"
                got = f"{values['shared']}: {', '.join(values['examples'])}"
                remedy = (
                    f"delete {folder} and run `dvc repro`; if the error stays, please report it"
                )
                raise UserError(folder / "index.parquet", where, expected, got, remedy)
        pairs[f"{left}_{right}"] = both
    return {"fold": fold, "segments": ids["split"].value_counts().to_dict(), "shared": pairs}


def _tested_with_shared(per_fold: Sequence[dict[str, Any]]) -> dict[str, float]:
    """By key: the share of all test segments that have a value which train has too, over folds."""
    tested = np.array([fold["segments"].get("test", 0) for fold in per_fold])
    both = [fold["shared"]["train_test"] for fold in per_fold]
    return {
        key: float(tested @ [fold[key]["segments"] for fold in both] / max(tested.sum(), 1))
        for key in both[0]
    }


def _neighbours(joints: Float32, folds: Sequence[tuple[int, pd.DataFrame]]) -> pd.DataFrame:
    """Every test segment with its nearest training segment of the same fold and their distance."""
    reference = nearest_in_piece(joints, folds[0][1]["piece"].tolist())
    parts = []
    for fold, ids in folds:
        (train,), (test,) = (np.nonzero((ids["split"] == s).to_numpy()) for s in ("train", "test"))
        if not len(train):
            test = test[:0]  # such as an AIST++ folder of a few sequences
        index, distance = nearest(joints[test], joints[train]) if len(test) else (test, test)
        names = names_of_segments(ids, "", {})["segment"].to_numpy()
        labels, own = ids["label"].to_numpy(), train[index]
        found = {"fold": fold, "test": names[test], "train": names[own], "distance": distance}
        found |= {"own_piece": reference[test], "right": labels[test] == labels[own]}
        parts.append(pd.DataFrame(found))
    return pd.concat(parts, ignore_index=True)


def names_of_segments(
    segments: pd.DataFrame, source: str, captures: Mapping[str, str]
) -> pd.DataFrame:
    """The names that every segment goes by, one a column or a set of them.

    A piece's name on AIST++ tells its dancer and its music. Segments have piece, excerpt, segment,
    units (a set); ``captures`` gives a unit's capture session, or ``unknown``, which is none.
    """
    names = segments[["piece"]].copy()
    if source.startswith("aist"):
        fields = names["piece"].str.split("_")
        names["dancer"], names["music"] = fields.str[3], fields.str[4]
    if source == "aist_retargeted":  # dancers of a genre share them
        names["choreography"] = fields.str[0] + "_" + fields.str[1] + "_" + fields.str[5]
    names["excerpt"] = names["piece"] + "/" + segments["excerpt"].astype(str)
    names["segment"] = names["excerpt"] + "/" + segments["segment"].astype(str)
    if captures:
        names["unit"] = segments["units"]
        names["figure"] = names["unit"].map(lambda units: frozenset(map(figure_of, units)))
        names["capture"] = names["unit"].map(
            lambda units: frozenset(captures[unit] for unit in units) - {UNKNOWN}
        )
        names["body"] = names["capture"].map(
            lambda sessions: frozenset(map(body_of, sessions)) - {UNKNOWN}
        )
    return names


def shared(
    splits: pd.Series[str], names: pd.DataFrame, left: str, right: str
) -> dict[str, dict[str, Any]]:
    """How much of the split ``right`` (test) occurs in ``left`` (train) too, by kind of name.

    Of the names of :func:`names_of_segments`: ``shared`` values ``of`` so many in ``right``, their
    ``share``, the share of the ``segments`` of ``right`` that have one of them, and ``examples``.
    """
    found = {}
    for key in names:
        before, after = (names[key][splits == side].explode().dropna() for side in (left, right))
        here, both = set(after), set(after) & set(before)
        found[str(key)] = {
            "shared": len(both),
            "of": len(here),
            "share": len(both) / max(len(here), 1),
            "segments": after[after.isin(both)].index.nunique() / max((splits == right).sum(), 1),
            "examples": sorted(both)[:5],
        }
    return found


def is_promised(protocol: str, key: str, pair: tuple[str, str]) -> bool:
    """Whether the protocol says that no value of the key is on both sides."""
    return key in PROMISES[protocol] and _EXCEPTED.get((protocol, key)) != pair


def spread(motion: Float32) -> float:
    """Root mean square distance of segments (n, …) from their mean, in the unit of the motion."""
    rows = np.asarray(motion, np.float64)
    return float(np.sqrt(np.mean((rows - rows.mean(axis=0)) ** 2)))


def nearest(queries: Float32, others: Float32 | None) -> tuple[NDArray[np.int64], Floats]:
    """Of every query (n, …) the index of the nearest of the others (m ≥ 1, …), and its distance.

    Without others it is the nearest of the other queries, even an equal one.
    """
    rows = np.asarray(queries, np.float64).reshape(len(queries), -1)
    known = rows if others is None else np.asarray(others, np.float64).reshape(len(others), -1)
    search = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(known)
    asked = None if others is None else rows
    index = search.kneighbors(asked, return_distance=False)[:, 0]
    # again from the differences: the search's own distances are inexact near 0
    return index, np.sqrt(np.mean((rows - known[index]) ** 2, axis=1))


def nearest_in_piece(motion: Float32, pieces: Sequence[str]) -> Floats:
    """Distance of every segment to the nearest other one of its piece, whatever their splits, (n,).

    Segments of a piece never overlap in time, so this is how much a dance repeats itself: the
    reference for what is near. NaN where a piece has one segment only.
    """
    distances = np.full(len(motion), np.nan)
    for piece in set(pieces):
        (rows,) = np.nonzero(np.asarray(pieces) == piece)
        if len(rows) > 1:
            _, distances[rows] = nearest(motion[rows], None)
    return distances


def summary(distances: Floats, near: float, identical: float) -> dict[str, float | int]:
    """Of n distances: the 5 % and 50 % quantiles, the share below ``near``, the count ``identical``."""
    known = distances[np.isfinite(distances)]
    low, median = np.quantile(known, [0.05, 0.5]) if len(known) else (np.nan, np.nan)
    return {
        "n": len(known),
        "quantile_5": float(low),
        "median": float(median),
        "near": float((known < near).mean()) if len(known) else float("nan"),
        "identical": int((known < identical).sum()),
    }
