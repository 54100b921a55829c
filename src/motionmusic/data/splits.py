"""Who is in train, validation and test: a split is ids in a file, never positions (docs/data.md)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedKFold

from motionmusic.errors import UserError
from motionmusic.features.segments import SEGMENT_FRAMES, every_segment, units_of_segments
from motionmusic.params import Segment
from motionmusic.streams import stream

SPLITS = ("train", "validation", "test")
DROPPED = "dropped"
"""The split of a segment that belongs to two sides at once and is used on neither."""

_CAPTURE_PARTS = 5  # by_capture: one of so many parts of the training side's units validates


def split(
    task: str,
    settings: Segment,
    excerpts: pd.DataFrame,
    pieces: pd.DataFrame,
    spans: pd.DataFrame,
    names: Mapping[int, str],
) -> pd.DataFrame:
    """A task's segments, once per fold, by its protocol.

    Args:
        task: its name, for messages.
        settings: the task's group ``segment``.
        excerpts: piece, excerpt, label of those that are kept, in class order.
        pieces: piece, official_split, broken_tracking; read by the official protocols.
        spans: piece, start, end, unit, capture; read by by_unit and by_capture.
        names: class names, for messages.

    Returns fold, split, piece, excerpt, segment, label. Raises UserError where there are too few
    pieces, units or excerpts.
    """
    per_excerpt = settings.excerpt_frames // SEGMENT_FRAMES
    folds, seed = settings.folds, settings.seed
    try:
        if settings.protocol in ("by_unit", "by_capture"):
            segments = every_segment(excerpts, per_excerpt)
            segments["units"] = units_of_segments(segments, spans, settings.excerpt_frames)
            if settings.protocol == "by_unit":
                return by_unit(segments, folds, seed, names)
            captures = dict(zip(spans["unit"], spans["capture"], strict=True))
            return by_capture(segments, captures, seed, names)
        if settings.protocol == "paper":
            rows = paper(excerpts)
        elif settings.protocol == "published":
            rows = published(excerpts)
        elif settings.protocol == "by_piece":
            rows = by_piece(excerpts, folds, seed, names)
        else:
            split_of = dict(zip(pieces["piece"], pieces["official_split"], strict=True))
            if settings.protocol == "official_clean":
                split_of |= dict.fromkeys(pieces.loc[pieces["broken_tracking"], "piece"], "unused")
            rows = official(excerpts, split_of)
    except UserError as error:
        raise replace(error, where=error.where.replace("*", task)) from None
    return every_segment(rows.reset_index(drop=True), per_excerpt)


def paper(excerpts: pd.DataFrame) -> pd.DataFrame:
    """The split that the authors' 414-segment files prove (O1).

    All excerpts, in class order, are shuffled once with NumPy's legacy generator and seed 0; the
    first third trains, the next validates, the last tests (45 / 45 / 46 of 136). Which two of the
    three thirds are train and validation is a natural assumption; the test third is proven.
    """
    order = np.arange(len(excerpts))
    np.random.RandomState(0).shuffle(order)
    return _frame(0, _thirds(len(order), "paper", ""), excerpts.iloc[order])


def published(excerpts: pd.DataFrame) -> pd.DataFrame:
    """What the published script does: per class, in name order, the thirds 11 / 11 / 12 of 34."""
    return pd.concat(
        [
            _frame(0, _thirds(len(group), "published", " of every class"), group)
            for _, group in excerpts.groupby("label", sort=True)
        ],
        ignore_index=True,
    )


def by_piece(
    excerpts: pd.DataFrame, folds: int, seed: int, names: Mapping[int, str]
) -> pd.DataFrame:
    """No piece on two sides: pieces are dealt into folds, stratified by class.

    In fold f the f-th part is test, the next one validation, the rest train; so every piece is
    tested exactly once. Raises UserError where a class has fewer pieces than there are folds.
    """
    pieces = excerpts.groupby("piece", sort=False)["label"].first()
    for label, count in pieces.value_counts().sort_index().items():
        _must_have(folds, count, f"pieces ({names[int(str(label))]} has {count})")
    dealt = StratifiedKFold(folds, shuffle=True, random_state=seed).split(pieces, pieces)
    part = {pieces.index[i]: number for number, (_, rows) in enumerate(dealt) for i in rows}
    parts = []
    for fold, role in enumerate(_roles(part, folds)):
        parts.append(_frame(fold, [role[piece] for piece in excerpts["piece"]], excerpts))
    return pd.concat(parts, ignore_index=True)


def official(excerpts: pd.DataFrame, split_of: Mapping[str, str]) -> pd.DataFrame:
    """A split that the corpus itself gives, by piece (AIST++); pieces of no split are left out."""
    known = excerpts[excerpts["piece"].map(lambda piece: split_of[piece] in SPLITS)]
    return _frame(0, [split_of[piece] for piece in known["piece"]], known)


def by_unit(
    segments: pd.DataFrame, folds: int, seed: int, names: Mapping[int, str]
) -> pd.DataFrame:
    """No movement unit on two sides: units are dealt into folds (at least 3), class by class.

    In fold f the f-th part is test, the next one validation, the rest train. A segment is where all
    its units are; one whose units are on two sides is dropped there. So each segment is tested at
    most once and validates at most once; pieces and capture sessions are shared.

    Segments have piece, excerpt, segment, label, units (the set that each touches). Returns them
    once per fold in the order given, with ``fold`` and ``split``. Raises UserError where a class
    has fewer units than folds, or no segment in some split.
    """
    part: dict[str, int] = {}
    for label, owned in _owned(segments).items():
        _must_have(folds, len(owned), f"movement units ({names[label]} has {len(owned)})")
        part |= _deal(owned, folds, stream(seed, "by_unit", label))
    return _agreed(segments, _roles(part, folds), "by_unit", names)


def by_capture(
    segments: pd.DataFrame, captures: Mapping[str, str], seed: int, names: Mapping[int, str]
) -> pd.DataFrame:
    """No capture session on two sides: fold 0 trains on each class's main one and tests on the rest.

    A class's main session is the one that most of its units were recorded in. Fold 1 is the
    reverse. A fifth of the training side's units, dealt by seed, validates. A segment is dropped
    where its units are on two sides or the session of one of them is not known (START).

    Of ``captures`` (unit → capture session, or ``unknown``), the rest as for :func:`by_unit`. Raises
    UserError where a class has too few units in its main session or beside it, or no segment in
    some split.
    """
    sides: dict[int, tuple[dict[str, int], dict[str, int]]] = {}
    for label, owned in _owned(segments).items():
        known = {unit: count for unit, count in owned.items() if captures[unit] != "unknown"}
        sizes = Counter(captures[unit] for unit in known)
        main = min(sizes, key=lambda capture: (-sizes[capture], capture), default="")
        of_main, others = (
            {unit: count for unit, count in known.items() if (captures[unit] == main) == inside}
            for inside in (True, False)
        )
        if min(len(of_main), len(others)) < _CAPTURE_PARTS:
            units = f"{_CAPTURE_PARTS} movement units of every class"
            expected = f"for by_capture at least {units} in its main capture session and beside it"
            got = f"{len(of_main)} and {len(others)} of {names[label]}"
            remedy = f"take {names[label]} out of the corpus's labels and pieces"
            raise _refused("protocol", expected, got, remedy)
        sides[label] = of_main, others
    roles = []
    for fold in range(2):
        role = dict.fromkeys(captures, DROPPED)
        for label, both in sides.items():
            part = _deal(both[fold], _CAPTURE_PARTS, stream(seed, "by_capture", fold, label))
            role |= {u: "validation" if number == 0 else "train" for u, number in part.items()}
            role |= dict.fromkeys(both[1 - fold], "test")
        roles.append(role)
    return _agreed(segments, roles, "by_capture", names)


def _frame(fold: int, splits: list[str], rows: pd.DataFrame) -> pd.DataFrame:
    ids = [name for name in ("piece", "excerpt", "segment", "label") if name in rows]
    return rows[ids].assign(split=splits, fold=fold)


def _thirds(count: int, protocol: str, of: str) -> list[str]:
    if count < 3:
        expected = f"at least 3 excerpts{of} for protocol {protocol}"
        remedy = "set more excerpts, add dances, or take protocol by_piece"
        raise _refused("protocol", expected, f"{count}", remedy)
    return [SPLITS[min(rank // (count // 3), 2)] for rank in range(count)]


def _roles(part: Mapping[str, int], folds: int) -> list[dict[str, str]]:
    """Of every fold each name's split: part f is test, the next one validation, the rest train."""
    splits = ["test", "validation", *["train"] * (folds - 2)]
    return [
        {name: splits[(number - fold) % folds] for name, number in part.items()}
        for fold in range(folds)
    ]


def _owned(segments: pd.DataFrame) -> dict[int, dict[str, int]]:
    """By class: how many segments touch each of its units."""
    counts: dict[int, dict[str, int]] = {}
    for label, group in segments.groupby("label", sort=True):
        counts[int(str(label))] = Counter(unit for units in group["units"] for unit in units)
    return counts


def _deal(owned: Mapping[str, int], parts: int, random: np.random.Generator) -> dict[str, int]:
    """Each unit's part: from the most danced on, a unit goes where fewest segments are so far.

    So parts are alike in segments as far as whole units allow; equals are dealt by chance.
    """
    units = sorted(owned)
    shuffled = [units[i] for i in random.permutation(len(units))]
    segments = dict.fromkeys(random.permutation(parts).tolist(), 0)
    part: dict[str, int] = {}
    for unit in sorted(shuffled, key=lambda unit: -owned[unit]):
        part[unit] = min(segments, key=lambda number: segments[number])
        segments[part[unit]] += owned[unit]
    return part


def _agreed(
    segments: pd.DataFrame,
    roles: Sequence[Mapping[str, str]],
    protocol: str,
    names: Mapping[int, str],
) -> pd.DataFrame:
    """Every fold's segments in the one role that all their units have, else dropped."""
    parts = []
    for fold, role in enumerate(roles):
        several = [{role[unit] for unit in units} for units in segments["units"]]
        splits = [some.pop() if len(some) == 1 else DROPPED for some in several]
        parts.append(_frame(fold, splits, segments))
    rows = pd.concat(parts, ignore_index=True)
    counts = rows.groupby(["fold", "split", "label"]).size()
    for fold, split, label in product(range(len(roles)), SPLITS, sorted(set(rows["label"]))):
        if (fold, split, label) not in counts.index:
            expected = f"{protocol} to leave segments of every class in every split"
            got = f"none of {names[label]} in {split} of fold {fold}"
            remedy = "take another seed, more excerpts or fewer folds"
            raise _refused("protocol", expected, got, remedy)
    return rows


def _must_have(folds: int, count: int, smallest: str) -> None:
    if count < folds:
        expected = f"at most as many folds as the smallest class has {smallest}"
        remedy = "set fewer folds, or add pieces of that class"
        raise _refused("folds", expected, f"{folds} folds", remedy)


def _refused(key: str, expected: str, got: str, remedy: str) -> UserError:
    return UserError("params.yaml", f"segment.*.{key}", expected, got, remedy)
