"""How near motion made for music is to the dance, clip by clip (test excerpts at 30 Hz).

A generator that follows the music has to be nearer than the motions of motionmusic.scoring.rivals.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from motionmusic.features.beats import Definition, alignment_by_chance, beat_alignment, motion_beats
from motionmusic.scoring import motion_errors as measures
from motionmusic.scoring.intervals import Interval, Statistic, bootstrap, ratio
from motionmusic.scoring.motion_errors import RATE_HZ
from motionmusic.scoring.rivals import Dances, Floats, Made, Motion, Perceive, systems

GENERATOR, ITSELF = "generator", "itself"
REFERENCES = ("shifted", "moment", "another", "neighbour", "mean_pose")
ERRORS = ("mpe", "rde_coded", "rde_described", "sce_coded", "sce_described")
"""0 for the dance itself."""
OTHERS = ("sdp", "mint", "mint_chance", "bailando", "bailando_chance", "diversity")
MEASURES = ERRORS + OTHERS

_DEFINITIONS: tuple[Definition, ...] = ("mint", "bailando")
_OF_A_CLIP = [name for name in MEASURES if name not in ("mpe", "sdp", "diversity")]


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
