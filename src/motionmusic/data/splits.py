"""Who is in train, validation and test: a split is ids in a file, never positions (docs/data.md)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedKFold

from motionmusic.data.choreonet import body_of, figure_of
from motionmusic.data.genre_splits import DROPPED, by_name, deal, in_splits, random_segment
from motionmusic.errors import UserError
from motionmusic.features.segments import SEGMENT_FRAMES, every_segment, units_of_segments
from motionmusic.params import Segment
from motionmusic.streams import stream

SPLITS = ("train", "validation", "test")
BODIES = ("A", "B")
_PARTS = 5  # by_body: one of so many parts of the training side's figures validates


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
        pieces: piece, official_split, broken_tracking, read by the official protocols; dancer,
            choreography, track, read by those of AIST++ retargeted.
        spans: piece, start, end, unit, capture; read by by_figure, by_body and body_a.
        names: class names, for messages.

    Returns fold, split, piece, excerpt, segment, label. Raises UserError where there are too few
    pieces, figures or excerpts.
    """
    per_excerpt = settings.excerpt_frames // SEGMENT_FRAMES
    folds, seed = settings.folds, settings.seed
    try:
        if settings.protocol in ("by_figure", "by_body", "body_a"):
            segments = every_segment(excerpts, per_excerpt)
            segments["units"] = units_of_segments(segments, spans, settings.excerpt_frames)
            if settings.protocol == "by_figure":
                return by_figure(segments, folds, seed, names)
            of_bodies = by_body if settings.protocol == "by_body" else body_a
            return of_bodies(segments, bodies_of(spans), seed, names)
        if settings.protocol == "random_segment":
            return random_segment(every_segment(excerpts, per_excerpt), folds, seed)
        if settings.protocol == "paper":
            rows = paper(excerpts)
        elif settings.protocol == "published":
            rows = published(excerpts)
        elif settings.protocol == "by_piece":
            rows = by_piece(excerpts, folds, seed, names)
        elif settings.protocol.startswith("by_"):
            rows = by_name(excerpts, pieces, settings.protocol, folds, seed)
        else:
            split_of = dict(zip(pieces["piece"], pieces["official_split"], strict=True))
            if settings.protocol == "official_clean":
                if pieces["broken_tracking"].isna().any():
                    raise UserError(
                        "params.yaml", "segment.*.protocol",
                        "another one, as the corpus has no ignore_list.txt of broken tracking",
                        "official_clean", "put AIST++'s ignore_list.txt beside keypoints3d in the"
                        " folder of corpora.aist.folder, or take official",
                    )  # fmt: skip
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
    return in_splits(0, _thirds(len(order), "paper", ""), excerpts.iloc[order])


def published(excerpts: pd.DataFrame) -> pd.DataFrame:
    """What the published script does: per class, in name order, the thirds 11 / 11 / 12 of 34."""
    return pd.concat(
        [
            in_splits(0, _thirds(len(group), "published", " of every class"), group)
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
        parts.append(in_splits(fold, [role[piece] for piece in excerpts["piece"]], excerpts))
    return pd.concat(parts, ignore_index=True)


def official(excerpts: pd.DataFrame, split_of: Mapping[str, str]) -> pd.DataFrame:
    """A split that the corpus itself gives, by piece (AIST++); pieces of no split are left out."""
    known = excerpts[excerpts["piece"].map(lambda piece: split_of[piece] in SPLITS)]
    return in_splits(0, [split_of[piece] for piece in known["piece"]], known)


def by_figure(
    segments: pd.DataFrame, folds: int, seed: int, names: Mapping[int, str]
) -> pd.DataFrame:
    """No figure on two sides: figures are dealt into folds (at least 3), class by class.

    All takes of a figure are dealt together. In fold f the f-th part is test, the next one
    validation, the rest train. A segment is where all its figures are; one whose figures are on two
    sides is dropped there. So each segment is tested at most once and validates at most once; pieces,
    capture sessions and bodies are shared.

    Segments have piece, excerpt, segment, label, units (the set that each touches). Returns them
    once per fold in the order given, with ``fold`` and ``split``. Raises UserError where a class
    has fewer figures than folds, or no segment in some split.
    """
    danced = segments.assign(units=segments["units"].map(lambda u: frozenset(map(figure_of, u))))
    part: dict[str, int] = {}
    for label, owned in _owned(danced).items():
        _must_have(folds, len(owned), f"figures ({names[label]} has {len(owned)})")
        part |= deal(owned, folds, stream(seed, "by_figure", label))
    return _agreed(danced, _roles(part, folds), "by_figure", names, set(danced["label"]))


def by_body(
    segments: pd.DataFrame, bodies: Mapping[str, str], seed: int, names: Mapping[int, str]
) -> pd.DataFrame:
    """No body on two sides: fold 0 trains on body A and tests on body B, fold 1 is the reverse.

    So no clip and no capture session is shared either; pieces are, which are clips of both, and of a
    few figures other takes. A fifth of the training side's figures, dealt by seed, validates. A
    segment is dropped where its units are on two sides or the body of one is not known (START).

    Of ``bodies`` (unit → A, B or unknown), the rest as for :func:`by_figure`. Raises UserError where
    a class has too few figures on a body, or no segment in some split.
    """
    labels = both_bodies(_figures(segments, bodies))
    for label in sorted(set(segments["label"]) - labels):
        expected = f"for by_body at least {_PARTS} figures of every class from each body"
        remedy = f"take {names[label]} out of the corpus's labels and pieces"
        raise _refused("protocol", expected, f"too few of {names[label]}", remedy)
    roles = [_of_bodies(segments, bodies, fold, labels, "by_body", seed) for fold in BODIES]
    return _agreed(segments, roles, "by_body", names, labels)


def body_a(
    segments: pd.DataFrame, bodies: Mapping[str, str], seed: int, names: Mapping[int, str]
) -> pd.DataFrame:
    """One fold that trains and validates on body A in all classes, and tests on body B.

    Classes of which body B has few figures or none are learned, but not tested. The rest is as in
    fold 0 of :func:`by_body`.
    """
    labels = both_bodies(_figures(segments, bodies))
    if not labels:
        expected = f"for body_a at least {_PARTS} figures of some class from each body"
        raise _refused("protocol", expected, "none", "take another protocol")
    roles = [_of_bodies(segments, bodies, "A", labels, "body_a", seed)]
    return _agreed(segments, roles, "body_a", names, labels)


def taking_part(
    protocol: str, pieces: pd.DataFrame, spans: pd.DataFrame, labels: Mapping[str, str]
) -> tuple[pd.DataFrame, dict[str, str]]:
    """The pieces and dance types that a protocol can use: by_body those danced by both bodies.

    Of pieces (piece, label) and labels (code → name, in the order of their numbers); types are
    numbered anew. Raises UserError where fewer than two types are left.
    """
    if protocol != "by_body":
        return pieces, dict(labels)
    danced = spans.merge(pieces[["piece", "label"]], on="piece")
    danced["units"] = danced["unit"].map(lambda unit: frozenset([unit]))
    kept = sorted(both_bodies(_figures(danced, bodies_of(spans))))
    codes = list(labels)
    if len(kept) < 2:
        expected = f"for by_body two types with at least {_PARTS} figures from each body"
        got = f"{len(kept)} in a corpus of {', '.join(labels.values())}"
        raise _refused("protocol", expected, got, "take protocol by_piece")
    number = {label: new for new, label in enumerate(kept)}
    of_them = pieces[pieces["label"].isin(kept)]
    of_them = of_them.assign(label=of_them["label"].map(number)).reset_index(drop=True)
    return of_them, {codes[label]: labels[codes[label]] for label in kept}


def bodies_of(spans: pd.DataFrame) -> dict[str, str]:
    """Unit → the body that danced it, A, B or unknown; of spans (unit, capture)."""
    return dict(zip(spans["unit"], spans["capture"].map(body_of), strict=True))


def both_bodies(figures: Mapping[tuple[int, str], Mapping[str, int]]) -> set[int]:
    """The classes of which each body danced enough figures; of :func:`_figures`."""
    labels = {label for label, _ in figures}
    return {
        label
        for label in labels
        if all(len(figures.get((label, body), ())) >= _PARTS for body in BODIES)
    }


def _figures(
    segments: pd.DataFrame, bodies: Mapping[str, str]
) -> dict[tuple[int, str], dict[str, int]]:
    """By class and body: how many segments touch each of its figures."""
    counts: dict[tuple[int, str], dict[str, int]] = {}
    for label, owned in _owned(segments).items():
        for unit, count in owned.items():
            of = counts.setdefault((label, bodies[unit]), Counter())
            of[figure_of(unit)] += count
    return counts


def _of_bodies(
    segments: pd.DataFrame,
    bodies: Mapping[str, str],
    trains: str,
    tested: set[int],
    protocol: str,
    seed: int,
) -> dict[str, str]:
    """The role of every unit where one body trains and validates and the other tests."""
    figures = _figures(segments, bodies)
    role = dict.fromkeys(bodies, DROPPED)
    for label, owned in _owned(segments).items():
        random = stream(seed, protocol, trains, label)
        part = deal(figures.get((label, trains), {}), _PARTS, random)
        for unit in owned:
            if bodies[unit] == trains:
                role[unit] = "validation" if part[figure_of(unit)] == 0 else "train"
            elif bodies[unit] in BODIES and label in tested:
                role[unit] = "test"
    return role


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


def _agreed(
    segments: pd.DataFrame,
    roles: Sequence[Mapping[str, str]],
    protocol: str,
    names: Mapping[int, str],
    tested: set[int],
) -> pd.DataFrame:
    """Every fold's segments in the one role that all their units have, else dropped.

    Raises UserError where a class has none in train or validation, or one of ``tested`` none in test.
    """
    parts = []
    for fold, role in enumerate(roles):
        several = [{role[unit] for unit in units} for units in segments["units"]]
        splits = [some.pop() if len(some) == 1 else DROPPED for some in several]
        parts.append(in_splits(fold, splits, segments))
    rows = pd.concat(parts, ignore_index=True)
    counts = rows.groupby(["fold", "split", "label"]).size()
    for fold, split, label in product(range(len(roles)), SPLITS, sorted(set(rows["label"]))):
        asked = split != "test" or label in tested
        if asked and (fold, split, label) not in counts.index:
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
