"""Splits of dances whose dancer, choreography and track are known by name (AIST++ retargeted)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold

from motionmusic.errors import UserError
from motionmusic.streams import stream

DROPPED = "dropped"
"""The split of a segment that belongs to two sides at once and is used on neither."""


def deal(owned: Mapping[str, int], parts: int, random: np.random.Generator) -> dict[str, int]:
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


def in_splits(fold: int, splits: list[str], rows: pd.DataFrame) -> pd.DataFrame:
    """The ids of excerpts or segments in a fold, each with its split."""
    ids = [name for name in ("piece", "excerpt", "segment", "label") if name in rows]
    return rows[ids].assign(split=splits, fold=fold)


_SIDE_0 = {f"d{n:02}" for n in (2, 3, 6, 8, 11, 13, 17, 20, 22, 23, 25, 29, 30)}
"""by_dancer: of each genre some dancers, 95 of 190 dances; the others are side 1."""

_VALIDATING = 5  # one of so many training choreographies


def random_segment(segments: pd.DataFrame, folds: int, seed: int) -> pd.DataFrame:
    """Segments of one dance on all sides, as most published accuracies on AIST++ are: it leaks.

    Each is tested once; the next fold validates, the rest train.
    """
    dealt = StratifiedKFold(folds, shuffle=True, random_state=seed).split(
        segments, segments["label"]
    )
    part = np.empty(len(segments), int)
    for number, (_, rows) in enumerate(dealt):
        part[rows] = number
    splits = np.array(["test", "validation", *["train"] * (folds - 2)])
    return pd.concat(
        [
            in_splits(fold, splits[(part - fold) % folds].tolist(), segments)
            for fold in range(folds)
        ],
        ignore_index=True,
    )


def by_name(
    excerpts: pd.DataFrame, pieces: pd.DataFrame, protocol: str, folds: int, seed: int
) -> pd.DataFrame:
    """No track, dancer or choreography on both sides, or neither of the last two (AIST++ retargeted).

    Dancers have fixed sides, tracks and choreographies are dealt class by class. Where both dancer
    and choreography are new, fold ``s · parts + p`` tests side s in part p and trains on the other
    side in the other parts; dances that are neither are dropped. A fifth of each class's training
    choreographies validates, at least one of three, none of fewer.

    Of ``pieces``: piece, label, dancer, choreography, track. Raises UserError without these.
    """
    if missing := {"dancer", "choreography", "track"} - set(pieces):
        expected = f"{protocol} on a corpus whose pieces have dancer, choreography and track"
        remedy = "take protocol by_piece"
        raise UserError("params.yaml", "segment.*.protocol", expected, f"no {min(missing)}", remedy)
    known = pieces.set_index("piece").loc[excerpts["piece"]]
    sides = (~known["dancer"].isin(_SIDE_0)).to_numpy().astype(int)
    both = protocol == "by_dancer_and_choreography"
    count = folds // 2 if both else folds
    if protocol == "by_dancer":
        dealt = sides
    else:
        dealt = _dealt(known, "track" if protocol == "by_track" else "choreography", count, seed)
    parts = []
    for fold in range(folds):
        side, part = divmod(fold, count)
        tested, trained = dealt == part, dealt != part
        if both:
            tested, trained = tested & (sides == side), trained & (sides != side)
        role = np.where(tested, "test", np.where(trained, "train", DROPPED)).astype(object)
        # of the next part only, so that a segment validates in one fold at most
        asked = trained & (dealt == (part + 1) % count)
        random = stream(seed, "validation", protocol, fold)
        role[asked & _validating(known[trained], known[asked], known, random)] = "validation"
        parts.append(in_splits(fold, role.tolist(), excerpts))
    return pd.concat(parts, ignore_index=True)


def _dealt(known: pd.DataFrame, key: str, parts: int, seed: int) -> NDArray[np.int64]:
    """The part of every dance: its track or choreography is dealt among those of its class."""
    part: dict[str, int] = {}
    for label, group in known.groupby("label", sort=True):
        part |= deal(Counter(group[key]), parts, stream(seed, key, int(str(label))))
    return np.array([part[name] for name in known[key]], np.int64)


def _validating(
    trained: pd.DataFrame, asked: pd.DataFrame, known: pd.DataFrame, random: np.random.Generator
) -> NDArray[np.bool_]:
    """Which dances have one of the choreographies that validate, drawn from those of ``asked``."""
    chosen: list[str] = []
    for label, group in asked.groupby("label", sort=True):
        number = trained.loc[trained["label"] == label, "choreography"].nunique()
        count = max(1, round(number / _VALIDATING)) if number > 2 else 0
        chosen += random.permutation(sorted(set(group["choreography"])))[:count].tolist()
    return known["choreography"].isin(chosen).to_numpy()
