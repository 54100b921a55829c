"""Do two corpora that are in time with their music help each other?

A ridge regression sees how fast thirteen joints move within a beat before and after and learns the
beat's phase. The music's tempo is known and a dance's first frame is on a beat; by how much of a
beat the music is late is to be found from the motion, to 0.1 s, modulo a beat. Frames within two
beats of a dance's ends are neither learned from nor asked, as they would tell the time since its
start, which is the phase.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view

from motionmusic import workspace
from motionmusic.data.musictodance import find_pieces
from motionmusic.data.own import OwnDance, from_musictodance, read_piece
from motionmusic.features.motion import Floats, rows_at
from motionmusic.features.skeletons import LayoutName
from motionmusic.scoring.intervals import mean_interval
from motionmusic.streams import stream

SPLIT = "aist_retargeted.by_dancer_and_choreography"
RATE_HZ = 25.0
A_BEAT = 12  # steps
FOUND_S = 0.1
STRETCH = 16  # beats of a dance that are judged together, as long as most dances of AIST
RIDGE = 3e3  # chosen, with the reach of one beat, on validation of new dancers and choreographies
_OFFSETS = (0.25, 0.75)  # beats: what is part of a beat off
_DRAWS = 8
# head, then left and right of shoulders, elbows, wrists, hips, knees, ankles
_COMMON: dict[LayoutName, tuple[tuple[int, ...], ...]] = {
    "aist": ((0,), *((joint,) for joint in range(5, 17))),
    "musictodance": (
        (0, 1), (3,), (12,), (4,), (13,), (6,), (14,), (7,), (16,), (8,), (17,), (9,), (18,)
    ),
}  # fmt: skip


@dataclass(frozen=True)
class TimedDance:
    """A dance whose first frame is on a beat.

    Attributes:
        name: of the piece.
        unit: what goes right or wrong together: the dancer, or the piece.
        joints: (frames, 13, 3) at 25 a second, relative to the middle of the hips.
        beat_hz: of its music.
    """

    name: str
    unit: str
    joints: Floats
    beat_hz: float


def common_joints(joints: Floats, layout: LayoutName) -> Floats:
    """The thirteen joints (frames, 13, 3) that both skeletons have, relative to the hips' middle."""
    parts = [joints[:, list(some)].mean(axis=1) for some in _COMMON[layout]]
    found = np.stack(parts, axis=1)
    return np.asarray(found - found[:, 7:9].mean(axis=1, keepdims=True))


def street_dances() -> dict[str, TimedDance]:
    """Those of AIST++ retargeted, by piece."""
    corpus = "aist_retargeted"
    rows, raw = workspace.read_pieces(corpus), workspace.data(corpus, "raw")
    found = {}
    for piece, dancer, bpm in zip(rows["piece"], rows["dancer"], rows["music_bpm"], strict=True):
        joints = common_joints(read_piece(corpus, raw, piece).joints, "aist")
        found[piece] = TimedDance(piece, dancer, joints, bpm / 60)
    return found


def street_splits() -> list[tuple[list[str], list[str]]]:
    """(learned from, tested) of each fold of new dancers and choreographies, in the index's order."""
    found = []
    for _, ids in workspace.folds(workspace.read_index(SPLIT)):
        side = ids.drop_duplicates("piece").set_index("piece")["split"]
        learned = side.isin(["train", "validation"])
        found.append((side[learned].index.tolist(), side[side == "test"].index.tolist()))
    return found


def on_beat_dances() -> tuple[dict[str, OwnDance], dict[str, TimedDance]]:
    """Those of on_beat, by piece: whole, and timed."""
    songs = workspace.read_songs("on_beat")
    tempi = dict(zip(songs["piece"], songs["song_bpm"], strict=True))
    dances, timed = {}, {}
    for piece, folder in find_pieces(workspace.data("on_beat", "raw")).items():
        dances[piece] = dance = from_musictodance(folder)
        joints = common_joints(dance.joints, "musictodance")
        timed[piece] = TimedDance(piece, piece, joints, tempi[piece] / 60)
    return dances, timed


def windows(dance: TimedDance) -> tuple[Floats, Floats]:
    """Steps of 1/12 beat with a beat on either side, (steps, 650), and their phases in radians."""
    velocity = np.gradient(dance.joints, axis=0) * RATE_HZ
    left, right = slice(1, 13, 2), slice(2, 13, 2)
    columns = []
    for values in (np.linalg.norm(velocity, axis=2), velocity[..., 1]):
        columns += [values[:, left] + values[:, right], abs(values[:, left] - values[:, right])]
        columns.append(values[:, :1])
    features = np.concatenate(columns, axis=1)
    count = int((len(features) - 1) / RATE_HZ * dance.beat_hz * A_BEAT)
    steps = rows_at(features, np.arange(count) / A_BEAT / dance.beat_hz * RATE_HZ)
    steps = (steps - steps.mean(axis=0)) / (steps.std(axis=0) + 1e-6)
    seen = sliding_window_view(steps, 2 * A_BEAT + 1, axis=0)
    inner = slice(A_BEAT, max(A_BEAT, len(seen) - A_BEAT))
    phase = 2 * np.pi * (np.arange(len(seen)) + A_BEAT) / A_BEAT
    return seen.reshape(len(seen), -1)[inner], phase[inner]


def by_piece(names: Sequence[str], folds: int = 5) -> list[tuple[list[str], list[str]]]:
    """(learned from, tested): pieces dealt in turn within their type, the name's first part."""
    types: dict[str, list[str]] = {}
    for name in sorted(names):
        types.setdefault(name.split("_")[0], []).append(name)
    fold = {name: place % folds for of in types.values() for place, name in enumerate(of)}
    return [
        ([name for name in fold if fold[name] != k], [name for name in fold if fold[name] == k])
        for k in range(folds)
    ]


def gram(dances: Sequence[TimedDance]) -> tuple[Floats, Floats]:
    """What a regression on these dances needs: (650, 650) and (650, 2). Those of sets add up."""
    squares, products = np.zeros((650, 650)), np.zeros((650, 2))
    for dance in dances:
        x, phase = windows(dance)
        squares += x.T @ x
        products += x.T @ np.stack([np.cos(phase), np.sin(phase)], axis=1)
    return squares, products


def solved(*grams: tuple[Floats, Floats]) -> Floats:
    """Weights (650, 2) learned on all of them."""
    squares, products = (sum(parts) for parts in zip(*grams, strict=True))
    return np.asarray(np.linalg.solve(squares + RIDGE * np.eye(650), products))


def judged(weights: Floats, dances: Sequence[TimedDance], seed: int) -> pd.DataFrame:
    """Every stretch of 16 beats, or a dance that is shorter: name, unit, found, chance, wins.

    ``wins``: how often the true phase fits better than one a quarter to three quarters of a beat off.
    """
    rows = []
    for dance in dances:
        x, phase = windows(dance)
        turned = np.exp(-1j * phase) * (x @ weights @ np.array([1, 1j]))
        random = stream(seed, "two_corpora", dance.name)
        for part in np.array_split(turned, max(1, round(len(turned) / (STRETCH * A_BEAT)))):
            late = float(np.angle(part.sum())) / (2 * np.pi)  # beats −½…½
            away = random.uniform(*_OFFSETS, _DRAWS)
            wins = np.cos(2 * np.pi * late) > np.cos(2 * np.pi * (late - away))
            rows.append(
                {
                    "name": dance.name,
                    "unit": dance.unit,
                    "genre": dance.name.split("_")[0],
                    "found": abs(late) / dance.beat_hz < FOUND_S,
                    "chance": min(1.0, 2 * FOUND_S * dance.beat_hz),
                    "wins": float(wins.mean()),
                }
            )
    return pd.DataFrame(rows)


def both_ways(
    retargeted: Mapping[str, TimedDance],
    splits: Sequence[tuple[Sequence[str], Sequence[str]]],
    on_beat: Mapping[str, TimedDance],
    folds: Sequence[tuple[Sequence[str], Sequence[str]]],
    seed: int,
    resamples: int,
) -> dict[str, Any]:
    """Trained on either corpus or on both, tested on each.

    Args:
        retargeted, on_beat: dances by name.
        splits: of the first (learned from, tested), new dancers and choreographies.
        folds: of the second, by piece.
        seed, resamples: of offsets and of the bootstrap, over dancers and pieces.

    Returns:
        tested corpus → trained on itself, other, both → found, chance, above_chance, wins (Intervals
        as JSON), n; and found by genre.
    """
    corpora = {"aist_retargeted": (retargeted, splits), "on_beat": (on_beat, folds)}
    whole = {name: gram(list(dances.values())) for name, (dances, _) in corpora.items()}
    result: dict[str, Any] = {}
    for name, (dances, parts) in corpora.items():
        (other,) = set(corpora) - {name}
        found: dict[str, list[pd.DataFrame]] = {"itself": [], "other": [], "both": []}
        for learned, tested in parts:
            own = gram([dances[piece] for piece in learned])
            asked = [dances[piece] for piece in tested]
            for kind, grams in (
                ("itself", [own]), ("other", [whole[other]]), ("both", [own, whole[other]])
            ):  # fmt: skip
                found[kind].append(judged(solved(*grams), asked, seed))
        result[name] = {
            kind: _measured(pd.concat(frames, ignore_index=True), seed, resamples)
            for kind, frames in found.items()
        }
    return result


def _measured(rows: pd.DataFrame, seed: int, resamples: int) -> dict[str, Any]:
    right, chance = rows["found"].astype(float), rows["chance"]
    columns = {"found": right, "above_chance": right - chance, "wins": rows["wins"]}
    return {
        name: mean_interval(values, rows["unit"], seed, resamples).json()
        for name, values in columns.items()
    } | {
        "chance": float(chance.mean()),
        "n": len(rows),
        "units": int(rows["unit"].nunique()),
        "by_genre": rows.groupby("genre")["found"].mean().to_dict(),
    }
