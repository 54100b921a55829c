"""How near motion made for music is to the dance, and what stands beside it.

A clip is a test excerpt, at 30 frames a second. A generator that follows the music has to be nearer
than motions that do not (docs/dance.md): the dance itself half a beat off and at another moment,
another dance, the dance of the most similar music, and a mean pose.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from motionmusic.features.beats import Definition, alignment_by_chance, beat_alignment, motion_beats
from motionmusic.files import Floats
from motionmusic.scoring import motion_errors as measures
from motionmusic.scoring.intervals import Interval, Statistic, bootstrap, ratio
from motionmusic.scoring.motion_errors import KEYPOINTS, RATE_HZ
from motionmusic.streams import stream

Motion = NDArray[np.float32]
Perceive = Callable[[int, Motion], NDArray[np.floating[Any]]]
"""The judge of a fold: (n, frames, 13, 2) → (n, frames, 64)."""
Cut = tuple[Motion, int] | None
"""A motion and the frame that a clip begins at, or nothing that fits."""
IDS = ["fold", "piece", "excerpt"]

GENERATOR, ITSELF = "generator", "itself"
REFERENCES = ("shifted", "moment", "another", "neighbour", "mean_pose")
ERRORS = ("mpe", "rde_coded", "rde_described", "sce_coded", "sce_described")
"""0 for the dance itself."""
OTHERS = ("sdp", "mint", "mint_chance", "bailando", "bailando_chance", "diversity")
MEASURES = ERRORS + OTHERS

_AWAY = 10 * RATE_HZ  # frames between a clip and another moment
_NO_BEATS_S = 0.25  # half a beat where the music has none: at 120 a minute
_DEFINITIONS: tuple[Definition, ...] = ("mint", "bailando")
_OF_A_CLIP = [name for name in MEASURES if name not in ("mpe", "sdp", "diversity")]


@dataclass(frozen=True)
class Dances:
    """The dances of a data set."""

    keypoints: Mapping[str, Motion]  # of each piece, (f, 13, 2) at 30 Hz
    pieces: pd.DataFrame  # piece (index), label, music_file
    music: Mapping[str, Floats]  # seconds of the beats of each piece's music, ascending
    training: Mapping[int, Sequence[str]]  # of each fold, the pieces trained on


@dataclass(frozen=True)
class Made:
    """What one seed's networks made and know."""

    motion: Mapping[str, Motion]  # the generator's for each piece's music, (f, 13, 2)
    neighbours: pd.DataFrame  # fold, piece, excerpt, neighbour, neighbour_start (frame)
    perceive: Perceive  # the judges' motion encoders


@dataclass(frozen=True)
class _Row:
    """One system: its measures clip by clip (n rows), and how far its motions are apart (n, n)."""

    clips: pd.DataFrame
    apart: Floats


def evaluate(
    clips: pd.DataFrame,
    frames: int,
    dances: Dances,
    made: Sequence[Made],
    seed: int,
    resamples: int,
) -> dict[str, Any]:
    """Every system's measures, with intervals over pieces, and how the generator compares.

    ``clips``: fold, piece, excerpt, start (frame); ``made``: one a seed, whose values are averaged clip
    by clip. Returns clips, pieces, folds, frames, seeds, rows {row: {measure: Interval}}, counted
    {row: clips that have a motion}, differences of the generator to the rows of ``REFERENCES``,
    paired, {row: {error: Interval}}. NaN where nothing could be measured. Raises ValueError as
    :func:`systems`.
    """
    motions = systems(clips, frames, dances, made, seed)
    (real,) = motions[ITSELF]
    music = [
        _within(dances.music[piece], start, frames)
        for piece, start in zip(clips["piece"], clips["start"], strict=True)
    ]
    seen = [_perceived(of.perceive, clips, real) for of in made]
    rows = {}
    for row, versions in motions.items():
        tables = [_measured(real, version, music) for version in versions]
        table = sum(tables[1:], tables[0]) / len(tables)
        # a motion that is the same for every seed still has as many judges as there are seeds
        judged = [
            _perceived(of.perceive, clips, versions[n % len(versions)]) - seen[n]
            for n, of in enumerate(made)
        ]
        table["mpe"] = np.mean([np.abs(one).mean(axis=(1, 2)) for one in judged], axis=0)
        rows[row] = _Row(table, np.mean([measures.distances(one) for one in versions], axis=0))
    codes, pieces = pd.factorize(clips["piece"])
    member = np.eye(len(pieces))[codes]  # (n, p): which clip is of which piece

    def interval(statistic: Statistic) -> Interval:
        return bootstrap(statistic, len(pieces), seed, resamples)

    return {
        "clips": len(clips),
        "pieces": len(pieces),
        "folds": int(clips["fold"].nunique()),
        "frames": frames,
        "seeds": len(made),
        "rows": {
            row: {name: interval(_estimate(found, name, member)) for name in MEASURES}
            for row, found in rows.items()
        },
        "counted": {row: int(found.clips["spread"].notna().sum()) for row, found in rows.items()},
        "differences": {
            row: {
                name: interval(_difference(rows[GENERATOR], rows[row], name, member))
                for name in ERRORS
            }
            for row in REFERENCES
        },
    }


def _within(times_s: Floats, start: int, frames: int) -> Floats:
    """Beats of a clip, seconds from its first frame."""
    times = times_s - start / RATE_HZ
    return np.asarray(times[(times >= 0) & (times < frames / RATE_HZ)])


def _perceived(perceive: Perceive, clips: pd.DataFrame, motions: Motion) -> Floats:
    """What the judge of each clip's fold makes of its motion, (n, frames, 64); NaN of NaN."""
    codes = np.full((len(clips), 1, 1), np.nan)
    there = np.isfinite(motions).all(axis=(1, 2, 3))
    of = clips["fold"].to_numpy()
    for fold in np.unique(of[there]):
        rows = np.flatnonzero(there & (of == fold))
        found = perceive(int(fold), motions[rows])
        if codes.shape[1:] != found.shape[1:]:
            codes = np.full((len(clips), *found.shape[1:]), np.nan)
        codes[rows] = found
    return codes


def _measured(real: Motion, made: Motion, music: Sequence[Floats]) -> pd.DataFrame:
    """One row a clip: errors before their logarithm, spreads, beat alignments; NaN for no motion."""
    frames = real.shape[1]
    rows: list[dict[str, float]] = []
    for own, other, beats in zip(real, made, music, strict=True):
        row: dict[str, float] = {}
        rows.append(row)
        if not np.isfinite(other).all():
            continue
        row |= {"spread": measures.spread(other), "real_spread": measures.spread(own)}
        for form, described in (("coded", False), ("described", True)):
            if frames >= measures.SHORTEST_RHYTHM:
                row[f"rde_{form}"] = measures.rhythm_error(own, other, described=described)
            if frames >= measures.SHORTEST_STRENGTH:
                row[f"sce_{form}"] = measures.strength_error(own, other, described=described)
        joints = np.pad(other, ((0, 0), (0, 0), (0, 1)))
        for name in _DEFINITIONS:
            moving = motion_beats(joints, RATE_HZ, name)
            row[name] = beat_alignment(moving, beats, name)
            row[f"{name}_chance"], _ = alignment_by_chance(
                moving, beats, frames / RATE_HZ, name, shifts=50
            )
    return pd.DataFrame(rows, columns=[*_OF_A_CLIP, "spread", "real_spread"], dtype=np.float64)


def _estimate(row: _Row, name: str, member: Floats) -> Statistic:
    if name == "diversity":
        return _diversity(row.apart, member)
    if name == "sdp":
        made, real = (_mean(row.clips[kind], member) for kind in ("spread", "real_spread"))
        return lambda counts: np.asarray(100 * made(counts) / real(counts))
    return _error(row.clips[name], name, member)


def _error(values: pd.Series[float], name: str, member: Floats) -> Statistic:
    """A mean, of which RDE and SCE are the logarithm ln(10⁷ · mean + 1)."""
    mean = _mean(values, member)
    if name[:3] not in ("rde", "sce"):
        return mean
    return lambda counts: np.asarray(np.log1p(1e7 * mean(counts)))


def _difference(one: _Row, other: _Row, name: str, member: Floats) -> Statistic:
    """Between two systems, of the clips that both have."""
    a, b = one.clips[name], other.clips[name]
    both = a.notna() & b.notna()
    first, second = (_error(values.where(both), name, member) for values in (a, b))
    return lambda counts: first(counts) - second(counts)


def _mean(values: pd.Series[float], member: Floats) -> Statistic:
    """The mean over clips; NaN values are left out."""
    there = values.notna().to_numpy()
    return ratio(values.fillna(0).to_numpy() @ member, there @ member)


def _diversity(apart: Floats, member: Floats) -> Statistic:
    """The mean over pairs of motions for different pieces."""
    there = np.isfinite(apart)
    sums = member.T @ np.where(there, apart, 0) @ member
    numbers = member.T @ there @ member
    for square in (sums, numbers):
        np.fill_diagonal(square, 0)

    def statistic(counts: Floats) -> Floats:
        above, below = (
            np.einsum("rp,pq,rq->r", counts, square, counts, optimize=True)
            for square in (sums, numbers)
        )
        return np.where(below > 0, above / np.maximum(below, 1), np.nan)

    return statistic


def half_a_beat(music_s: Floats) -> int:
    """Frames of half the median interval of the beats; 0.25 s where there are less than two."""
    half_s = float(np.median(np.diff(music_s))) / 2 if len(music_s) > 1 else _NO_BEATS_S
    return max(1, round(half_s * RATE_HZ))


def systems(
    clips: pd.DataFrame, frames: int, dances: Dances, made: Sequence[Made], seed: int
) -> dict[str, list[Motion]]:
    """The motions of every row of the table, (n, frames, 13, 2): one a seed, or one for all.

    A motion that there is no room for is NaN: of another moment in a piece that is too short. ``clips``:
    fold, piece, excerpt, start; ``made``: one a seed; ``seed``: of another moment and another piece.
    Raises ValueError where a motion ends before its clip does, or a clip has no neighbour.
    """
    poses = {
        fold: np.concatenate([dances.keypoints[piece] for piece in pieces]).mean(
            axis=0, dtype=np.float64
        )
        for fold, pieces in dances.training.items()
    }
    still = np.stack([poses[fold] for fold in clips["fold"]])[:, None].astype(np.float32)

    def stacked(cut: Callable[[Any], Cut]) -> Motion:
        motions = [_cut(clip, frames, cut(clip)) for clip in clips.to_dict("records")]
        return np.stack(motions)

    def own(motions: Mapping[str, Motion]) -> Motion:
        return stacked(lambda clip: (motions[clip["piece"]], clip["start"]))

    return {
        "generator": [own(of.motion) for of in made],
        "shifted": [stacked(lambda clip: _shifted(clip, frames, dances))],
        "moment": [stacked(lambda clip: _moment(clip, frames, dances, seed))],
        "another": [stacked(lambda clip: _another(clip, clips, frames, dances, seed))],
        "neighbour": [stacked(_neighbours(dances, of.neighbours)) for of in made],
        "mean_pose": [np.repeat(still, frames, axis=1)],
        "itself": [own(dances.keypoints)],
    }


def _cut(clip: Mapping[Any, Any], frames: int, found: Cut) -> Motion:
    if found is None:
        return np.full((frames, KEYPOINTS, 2), np.nan, np.float32)
    motion, start = found
    if not 0 <= start <= len(motion) - frames:
        raise ValueError(
            f"piece {clip['piece']}, excerpt {clip['excerpt']}: frames {start} to"
            f" {start + frames} of a motion of {len(motion)}"
        )
    return motion[start : start + frames]


def _shifted(clip: Mapping[str, Any], frames: int, dances: Dances) -> Cut:
    """Later where it fits, else earlier."""
    motion, half = dances.keypoints[clip["piece"]], half_a_beat(dances.music[clip["piece"]])
    for start in (clip["start"] + half, clip["start"] - half):
        if 0 <= start <= len(motion) - frames:
            return motion, start
    return None


def _moment(clip: Mapping[str, Any], frames: int, dances: Dances, seed: int) -> Cut:
    motion = dances.keypoints[clip["piece"]]
    starts = np.arange(len(motion) - frames + 1)
    far = starts[np.abs(starts - clip["start"]) >= _AWAY]
    random = stream(seed, "conducting", "moment", clip["piece"], clip["excerpt"])
    return (motion, int(random.choice(far))) if len(far) else None


def _another(
    clip: Mapping[str, Any], clips: pd.DataFrame, frames: int, dances: Dances, seed: int
) -> Cut:
    """Of the pieces tested in the same fold, of the same class where there is one."""
    tested = dances.pieces.loc[np.unique(clips.loc[clips["fold"] == clip["fold"], "piece"])]
    own = dances.pieces.loc[clip["piece"]]
    others = tested[tested["music_file"] != own["music_file"]]
    alike = others[others["label"] == own["label"]]
    names = list((alike if len(alike) else others).index)
    if not names:
        return None
    random = stream(seed, "conducting", "another", clip["piece"], clip["excerpt"])
    motion = dances.keypoints[names[random.integers(len(names))]]
    return motion, int(random.integers(len(motion) - frames + 1))


def _neighbours(dances: Dances, found: pd.DataFrame) -> Callable[[Any], Cut]:
    known = found.set_index(IDS)[["neighbour", "neighbour_start"]].T.to_dict("list")

    def neighbour(clip: Mapping[str, Any]) -> Cut:
        key = clip["fold"], clip["piece"], clip["excerpt"]
        if key not in known:
            raise ValueError(f"piece {key[1]}, excerpt {key[2]}: no neighbour")
        name, start = known[key]
        return dances.keypoints[name], int(start)

    return neighbour
