"""How often a dance's own track comes first: by genre, by tempo, by timing, by all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from motionmusic.features.motion import Floats
from motionmusic.scoring.dance_tempo import OCTAVES, WITHIN, DanceTempo
from motionmusic.scoring.intervals import mean_interval
from motionmusic.scoring.order import (
    Weights,
    best_moment_of,
    genre_score,
    learn_weights,
    tempo_score,
)
from motionmusic.scoring.retrieval import ranks, recall
from motionmusic.scoring.two_corpora import by_piece

Rows = Mapping[str, Floats]
"""Name of a row of the table → scores (dances, tracks)."""


def timings(
    predicted: Sequence[Floats], tracks: Sequence[tuple[float, Floats]]
) -> tuple[Floats, Floats]:
    """Scores (dances, tracks, 2) of fit and sound, and the best starts in seconds."""
    moments = [[best_moment_of(of, sound, bpm) for bpm, sound in tracks] for of in predicted]
    every = np.array(moments, np.float64)
    return every[..., :2], every[..., 2]


def tempo_scores(tempi: Sequence[DanceTempo], bpm: Sequence[float]) -> Floats:
    """(dances, tracks)."""
    return np.array([[tempo_score(tempo, track) for track in bpm] for tempo in tempi])


def genre_scores(of_dances: Floats, genres: NDArray[np.int64]) -> Floats:
    """(dances, tracks) of probabilities (dances, k) and the genres (tracks,) by number."""
    kinds = np.arange(of_dances.shape[1])
    return np.array([[genre_score(row, list(kinds == of)) for of in genres] for row in of_dances])


def weighed(parts: Floats, own: NDArray[np.int64], folds: Sequence[int], fixed: Floats) -> Floats:
    """Scores (dances, tracks) of parts (…, f), weights learned on the dances of the other folds."""
    of_fold = np.asarray(folds)
    total = np.zeros(parts.shape[:2])
    for fold in set(folds):
        mine = of_fold == fold
        total[mine] = parts[mine] @ _learned(parts[~mine], own[~mine], fixed[~mine]) + fixed[mine]
    return total


def _learned(parts: Floats, own: NDArray[np.int64], fixed: Floats) -> Floats:
    marks = np.arange(parts.shape[1]) == own[:, None]
    return learn_weights(list(parts), list(marks), list(fixed))


def weights_of(
    street: Floats, street_own: NDArray[np.int64], tempo: Floats, timing: Floats
) -> Weights:
    """For the command, from all dances.

    Args:
        street: (dances, tracks, 2) genre and tempo of dances whose genre is known; ``street_own`` of
            them the own tracks.
        tempo, timing: (n, n) and (n, n, 2) of dances whose own track is that of the same number.
    """
    nothing = np.zeros(street.shape[:2])
    genre, of_tempo = _learned(street, street_own, nothing)
    fit, sound = _learned(timing, np.arange(len(timing)), of_tempo * tempo)
    return Weights(float(genre), float(of_tempo), float(fit), float(sound))


def folds_of(names: Sequence[str]) -> list[int]:
    """Of pieces, dealt within their type."""
    fold = {name: k for k, (_, tested) in enumerate(by_piece(names)) for name in tested}
    return [fold[name] for name in names]


def placed(
    rows: Rows,
    own: NDArray[np.int64],
    bpm: Floats,
    units: pd.Series[Any],
    seed: int,
    resamples: int,
) -> dict[str, Any]:
    """Of each row recall at 1, 5, 10, median rank among all tracks, and among those of the own tempo.

    Intervals resample ``units`` (dances,). Tracks of one tempo differ by less than 4 %, up to half
    and double.
    """
    near = [abs(bpm[None] / (bpm[own][:, None] * octave) - 1) <= WITHIN for octave in OCTAVES]
    same = np.any(near, axis=0)
    found: dict[str, Any] = {"tracks": len(bpm), "dances": len(own)}
    found["of_own_tempo"] = float(same.sum(axis=1).mean())
    for name, scores in rows.items():
        among = np.where(same, scores, -np.inf)
        values = {f"recall_{k}": recall(scores, own, k) for k in (1, 5, 10)}
        values["same_tempo_1"] = recall(among, own, 1)
        values["median_rank"] = ranks(scores, own)
        found[name] = {
            key: mean_interval(of, units, seed, resamples, median=key == "median_rank").json()
            for key, of in values.items()
        }
    return found
