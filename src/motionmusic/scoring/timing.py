"""Is motion in time with its music? Measured without asking the people who put them together.

Two linear models learn from motion alone where the beat lies: one is told the beat's phase, the
other only how much begins to sound (no beats, no labels). If the motion is in time, what they
predict for new pieces or new figures fits the true music better than the same music part of a beat
away. See docs/on_beat.md for what is so by construction and what is not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from motionmusic.data.captures import FEET
from motionmusic.data.choreonet import figure_of
from motionmusic.features.beats import Definition, alignment_by_chance, beat_alignment, motion_beats
from motionmusic.features.motion import Floats
from motionmusic.features.song_tempo import ENVELOPE_HZ
from motionmusic.scoring import beat_phase
from motionmusic.scoring.beat_phase import (
    RATE_HZ,
    BeatPhase,
    Limits,
    best_fit,
    judge,
    motion_features,
    motion_windows,
    phase_fit,
    phasors,
)
from motionmusic.scoring.intervals import bootstrap, mean_interval, ratio
from motionmusic.streams import stream

By = Literal["piece", "figure"]

# Frames of motion on either side that a model sees: half a second; less by figure, where a window
# must lie within one unit so that it sees nothing of figures that were trained on.
HALF: dict[By, int] = {"piece": beat_phase.HALF, "figure": 7}
WINDOW = 229  # frames, an excerpt of the paper
FOLDS = 5
FOUND = 0.15  # beats from the true phase
WALTZ = "W"
_NO_FIGURE = {"HOLD", "START"}
_OFFSETS = (0.25, 0.75)  # beats: what is part of a beat off
_DRAWS = 4  # of offsets a window
_RIDGE = 1e5
_SMOOTH = np.hanning(9) / np.hanning(9).sum()  # of the onsets, at 100 a second


@dataclass(frozen=True)
class TimedPiece:
    """A dance with its music in one of the versions.

    Attributes:
        piece: its name.
        label: its dance type.
        joints: (frames, 23, 3) in the room, cm, 25 a second.
        units: movement, start_s, end_s from frame 0.
        first_frame_s: second of ``onsets`` at which frame 0 is danced.
        onsets: the song's onset envelope at 100 a second; empty where its sound is not known.
        beat_hz, first_beat_s: the song's beats, in the seconds of ``onsets``.
        tracked_s: beats of an independent tracker, in the same seconds.
    """

    piece: str
    label: str
    joints: Floats
    units: tuple[tuple[str, float, float], ...]
    first_frame_s: float
    onsets: Floats
    beat_hz: float
    first_beat_s: float
    tracked_s: Floats


def timing(pieces: Sequence[TimedPiece], seed: int, resamples: int) -> dict[str, Any]:
    """All measures of one version, for timing.json.

    Args:
        pieces: of one version; several of each type.
        seed: of offsets and draws.
        resamples: draws of the bootstrap, over pieces or figures.
    """
    phase: dict[str, Any] = {}
    onset: dict[str, Any] = {}
    whole: dict[str, Any] = {}
    by: By
    for by in ("piece", "figure"):
        found = _part_of_a_beat(_rows(pieces, HALF[by]), by, seed)
        for name, result in (("phase", phase), ("onset", onset)):
            result[f"by_{by}"] = _share(found, name, by, seed, resamples)
        if by == "piece":
            pieces_found = found.groupby("piece")["found"].first()
            whole = {
                "found": int(pieces_found.sum()),
                "n": len(pieces_found),
                "chance": 2 * FOUND,
                "not_found": sorted(pieces_found.index[~pieces_found]),
            }
    return {
        "part_of_a_beat_off_phase": phase,
        "part_of_a_beat_off_onset": onset,
        "whole_pieces": whole,
        "alignment_above_chance": _alignment(pieces, seed, resamples),
        "feet": _feet(pieces),
        "peak_acceleration": _joins(pieces),
    }


@dataclass(frozen=True)
class _Rows:
    """A piece as the models see it: one row a frame that has music."""

    of: TimedPiece
    windows: NDArray[np.float32]
    targets: Floats  # cosine and sine of the phase of one and of two beats, onsets
    times_s: Floats
    onsets: Floats  # the song's envelope, smoothed


def learn(
    pieces: Sequence[TimedPiece],
    splits: Sequence[tuple[Sequence[str], Sequence[str]]],
    limits: Limits,
) -> BeatPhase:
    """The model of the beat's phase, one set of weights for each (learned from, unseen) of pieces."""
    rows = _rows(pieces, beat_phase.HALF)
    weights = []
    for learned, _ in splits:
        out = [np.full(len(row.windows), int(row.of.piece not in learned)) for row in rows]
        weights.append(_ridge(rows, out, 1, beat_phase.HALF)[:, :4])
    return BeatPhase(np.stack(weights), tuple(tuple(unseen) for _, unseen in splits), limits)


def answers(
    model: BeatPhase, pieces: Sequence[TimedPiece], seconds: float | None, seed: int
) -> dict[str, Any]:
    """What the model says of dances that it was not trained on: with their music, and without.

    Args:
        model: of :func:`learn`.
        pieces: of the version on the beat.
        seconds: of each dance, in stretches one after the other; None for the whole.
        seed: of the music that does not fit.

    Returns:
        For the true music, the same part of a beat off, and a song of another tempo: how often the
        answer is yes, no, cannot tell. And of the music off, how often the offset is found to 0.1 s
        up to whole beats; n stretches.
    """
    said: dict[str, Counter[str]] = {name: Counter() for name in ("true", "off", "other_tempo")}
    found, n = 0, 0
    for piece in pieces:
        predicted = model.predict(piece.joints, piece.piece)
        random = stream(seed, "in_time", piece.piece)
        tempi = [of.beat_hz for of in pieces if _apart(of.beat_hz, piece.beat_hz)]
        frames = len(predicted) if seconds is None else round(seconds * RATE_HZ)
        for first in range(0, len(predicted) - frames + 1, frames):
            part = predicted[first : first + frames]
            start_s = piece.first_frame_s + first / RATE_HZ
            beat_hz, beat_s = piece.beat_hz, piece.first_beat_s
            off = random.uniform(*_OFFSETS)
            other = random.choice(tempi) if tempi else beat_hz * 1.1
            of = model.limits
            late = judge(part, start_s, beat_hz, beat_s - off / beat_hz, of)
            elsewhere = judge(part, start_s, other, beat_s + random.uniform(), of)
            said["true"][judge(part, start_s, beat_hz, beat_s, of).answer] += 1
            said["off"][late.answer] += 1
            said["other_tempo"][elsewhere.answer] += 1
            beats = late.late_s * beat_hz + off
            found += abs(beats - np.round(beats)) / beat_hz < 0.1
            n += 1
    return {**said, "offset_found": int(found), "n": n}


def _apart(a: float, b: float) -> bool:
    """Whether tempi are more than 2 % apart, whatever the octave."""
    return all(abs(a * times / b - 1) > 0.02 for times in (0.5, 1, 2))


def _rows(pieces: Sequence[TimedPiece], half: int) -> list[_Rows]:
    rows = []
    for piece in pieces:
        values = motion_features(piece.joints)
        times = piece.first_frame_s + np.arange(len(values)) / RATE_HZ
        heard = times < len(piece.onsets) / ENVELOPE_HZ if len(piece.onsets) else times >= 0
        windows = motion_windows(values, half)
        beat = 2 * np.pi * (times - piece.first_beat_s) * piece.beat_hz
        waves = [wave(beat / beats) for beats in (1, 2) for wave in (np.cos, np.sin)]
        if piece.label == WALTZ:  # whose bars of three have no two beats
            waves[2:] = [np.zeros(len(times))] * 2
        smooth: Floats = piece.onsets
        onsets: Floats = np.zeros(len(times))
        if len(piece.onsets):
            smooth = np.convolve(piece.onsets, _SMOOTH, "same")
            onsets = _at(smooth, times)
            onsets = (onsets - onsets.mean()) / onsets.std()
        targets = np.stack([*waves, onsets], axis=1)[heard]
        rows.append(_Rows(piece, windows[heard].astype(np.float32), targets, times[heard], smooth))
    return rows


def _at(envelope: Floats, times_s: Floats) -> Floats:
    """An onset envelope at given seconds."""
    return np.interp(times_s, np.arange(len(envelope)) / ENVELOPE_HZ, envelope)


def _part_of_a_beat(rows: Sequence[_Rows], by: By, seed: int) -> pd.DataFrame:
    """True music against part of a beat off, in windows of pieces or in units of figures.

    Returns:
        piece, label, figure, phase and onset (shares of draws won), found (whether the whole
        piece's phase is; by piece).
    """
    folds = _folds(rows, by)
    found: list[dict[str, Any]] = []
    for fold in range(FOLDS):
        weights = _ridge(rows, folds, fold, HALF[by])
        for row, of in zip(rows, folds, strict=True):
            if not (of == fold).any():
                continue
            predicted = row.windows @ weights
            random = stream(seed, "timing", by, row.of.piece)
            close = abs(_likeliest(row, predicted)) < FOUND
            for figure, part in _windows(row, of == fold, by):
                offsets = random.uniform(*_OFFSETS, _DRAWS)
                found.append(
                    {
                        "piece": row.of.piece,
                        "label": row.of.label,
                        "figure": figure,
                        "phase": _phase_wins(row, predicted, part, offsets),
                        "onset": _onset_wins(row, predicted, part, offsets),
                        "found": close,
                    }
                )
    return pd.DataFrame(found)


def _folds(rows: Sequence[_Rows], by: By) -> list[NDArray[np.int64]]:
    """The fold of every frame; −1 is in none. Pieces or figures are dealt within a dance type."""
    names: dict[str, list[str]] = {}
    for row in rows:
        of = [row.of.piece] if by == "piece" else [figure_of(u) for u, *_ in row.of.units]
        names.setdefault(row.of.label, []).extend(name for name in of if name not in _NO_FIGURE)
    fold = {
        name: place % FOLDS
        for of_type in names.values()
        for place, name in enumerate(sorted(set(of_type)))
    }
    folds = []
    for row in rows:
        of_frames = np.full(len(row.windows), fold.get(row.of.piece, -1))
        if by == "figure":
            for unit, start, end in row.of.units:
                of_frames[_frames(start, end)] = fold.get(figure_of(unit), -1)
        folds.append(of_frames)
    return folds


def _frames(start_s: float, end_s: float) -> slice:
    return slice(*(int(np.ceil(s * RATE_HZ - 1e-6)) for s in (start_s, end_s)))


def _ridge(
    rows: Sequence[_Rows], folds: Sequence[NDArray[np.int64]], fold: int, half: int
) -> Floats:
    """Weights (features, 5) from all frames whose whole window lies outside the fold."""
    width = rows[0].windows.shape[1]
    squares, products = np.zeros((width, width)), np.zeros((width, 5))
    for row, of in zip(rows, folds, strict=True):
        near = np.convolve(of == fold, np.ones(2 * half + 1), "same") > 0.5
        x = row.windows[~near].astype(np.float64)
        squares += x.T @ x
        products += x.T @ row.targets[~near]
    return np.asarray(np.linalg.solve(squares + _RIDGE * np.eye(width), products))


def _windows(row: _Rows, mine: NDArray[np.bool_], by: By) -> list[tuple[str, slice]]:
    """What is judged: excerpts of a piece, or the inside of a unit, which sees no other unit."""
    if by == "piece":
        starts = range(0, len(row.windows) - WINDOW + 1, WINDOW)
        return [("", slice(start, start + WINDOW)) for start in starts]
    inside, half = [], HALF[by]
    for unit, start_s, end_s in row.of.units:
        frames = _frames(start_s, min(end_s, len(row.windows) / RATE_HZ))
        if unit not in _NO_FIGURE and mine[frames].all() and frames.stop - frames.start > 2 * half:
            inside.append((figure_of(unit), slice(frames.start + half, frames.stop - half)))
    return inside


def _phasors(row: _Rows, predicted: Floats, part: slice) -> tuple[Floats, Floats]:
    """Of part of a dance against the true phase."""
    times = row.times_s[part] - row.of.first_beat_s
    return phasors(predicted[part], times, np.array([row.of.beat_hz]))


def _likeliest(row: _Rows, predicted: Floats) -> float:
    """Where the whole piece fits best, in beats −½…½ from the true phase."""
    times = row.times_s - row.of.first_beat_s
    return float(best_fit(predicted[:, :4], times, np.array([row.of.beat_hz]))[0][0])


def _phase_wins(row: _Rows, predicted: Floats, part: slice, offsets: Floats) -> float:
    fit = phase_fit(*_phasors(row, predicted, part), np.r_[0, offsets])
    return float((fit[0] > fit[1:]).mean())


def _onset_wins(row: _Rows, predicted: Floats, part: slice, offsets: Floats) -> float:
    times = row.times_s[part]
    curves = [_at(row.onsets, times + away / row.of.beat_hz) for away in (0.0, *offsets)]
    fit = [float(np.corrcoef(predicted[part, 4], curve)[0, 1]) for curve in curves]
    return float(np.mean([fit[0] > other for other in fit[1:]]))


def _share(found: pd.DataFrame, name: str, by: By, seed: int, resamples: int) -> dict[str, Any]:
    """The share of draws that the true music wins, resampled by what was dealt into folds."""
    interval = mean_interval(found[name], found[by], seed, resamples)
    labels = found.groupby("label")[name].mean()
    return {
        **interval.json(),
        "n": len(found),
        by + "s": int(found[by].nunique()),
        "chance": 0.5,
        "by_type": {str(label): float(value) for label, value in labels.items()},
    }


def _alignment(pieces: Sequence[TimedPiece], seed: int, resamples: int) -> dict[str, Any]:
    """Beat alignment less what stray coincidence gives, by definition, beats and dance type."""
    table: dict[str, Any] = {}
    definition: Definition
    for definition in ("bailando", "mint"):
        for beats in ("song", "tracker"):
            values: dict[str, list[float]] = {}
            for piece in pieces:
                length = len(piece.joints) / RATE_HZ
                moved = motion_beats(piece.joints, RATE_HZ, definition)
                heard = (_grid(piece) if beats == "song" else piece.tracked_s) - piece.first_frame_s
                heard = heard[(heard >= 0) & (heard < length)]
                chance, _ = alignment_by_chance(moved, heard, length, definition)
                value = beat_alignment(moved, heard, definition) - chance
                values.setdefault(piece.label, []).append(value)
            for label, of in values.items():
                mean = bootstrap(ratio(of, np.ones(len(of))), len(of), seed, resamples)
                table.setdefault(definition, {}).setdefault(beats, {})[label] = mean.json() | {
                    "n": len(of)
                }
    return table


def _grid(piece: TimedPiece) -> Floats:
    """The song's beats from half a beat before its first on."""
    count = int(len(piece.onsets) / ENVELOPE_HZ * piece.beat_hz) + 1
    return piece.first_beat_s + np.arange(-1, count) / piece.beat_hz


def _feet(pieces: Sequence[TimedPiece]) -> Mapping[str, Any]:
    """How much of the feet's speed swings at the beat's frequency, and whether pieces agree when."""
    swings: dict[str, list[complex]] = {}
    for piece in pieces:
        speed = np.linalg.norm(np.diff(piece.joints[:, FEET], axis=0), axis=2).mean(axis=1)
        times = piece.first_frame_s + (np.arange(len(speed)) + 0.5) / RATE_HZ - piece.first_beat_s
        turn = np.exp(-2j * np.pi * piece.beat_hz * times)
        swing = 2 * ((speed - speed.mean()) * turn).mean() / speed.mean()
        swings.setdefault(piece.label, []).append(complex(swing))
    return {
        label: {
            "share": float(np.abs(of).mean()),
            "agreement": float(abs(np.mean(np.array(of) / np.abs(of)))),
            "n": len(of),
        }
        for label, of in swings.items()
    }


def _joins(pieces: Sequence[TimedPiece]) -> dict[str, float]:
    """Median peak of the joints' mean acceleration within 1/5 s of a join, and as far inside units."""
    at_joins: list[float] = []
    inside: list[float] = []
    for piece in pieces:
        second = np.diff(piece.joints, n=2, axis=0) * RATE_HZ**2
        size = np.linalg.norm(second, axis=2).mean(axis=1)
        for _, start_s, end_s in piece.units:
            for place, of in ((start_s, at_joins), ((start_s + end_s) / 2, inside)):
                middle = round(place * RATE_HZ)
                if 5 < middle < len(size) - 5:
                    of.append(size[middle - 5 : middle + 5].max())
    return {
        "at_joins": float(np.median(at_joins)),
        "inside_units": float(np.median(inside)),
        "n": len(at_joins),
    }
