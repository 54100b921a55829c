"""How often a dance's own track comes first: by genre, by tempo, by timing, by all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from motionmusic.features.motion import Floats
from motionmusic.scoring.beat_phase import Limits, tempo_kept
from motionmusic.scoring.dance_tempo import OCTAVES, WITHIN, DanceTempo
from motionmusic.scoring.intervals import mean_interval
from motionmusic.scoring.order import (
    Weights,
    fit_weight,
    genre_score,
    learn_weights,
    tempo_fit,
    tempo_score,
)
from motionmusic.scoring.retrieval import ranks, recall
from motionmusic.scoring.two_corpora import by_piece

Rows = Mapping[str, Floats]
"""Name of a row of the table → scores (dances, tracks)."""


def fits(predicted: Sequence[Floats], bpm: Sequence[float], limits: Limits | None) -> Floats:
    """(dances, tracks); 0 of dances in which the model sees no beat. Without limits every one counts."""
    tempi, number = np.unique(bpm, return_inverse=True)
    rows = np.zeros((len(predicted), len(tempi)))
    for row, of in zip(rows, predicted, strict=True):
        if limits is None or np.isfinite(tempo_kept(of, limits)):
            row[:] = [tempo_fit(of, tempo) for tempo in tempi]
    return rows[:, number]


def tempo_scores(tempi: Sequence[DanceTempo], bpm: Sequence[float]) -> Floats:
    """(dances, tracks)."""
    return np.array([[tempo_score(tempo, track) for track in bpm] for tempo in tempi])


def genre_scores(of_dances: Floats, genres: NDArray[np.int64]) -> Floats:
    """(dances, tracks) of probabilities (dances, k) and the genres (tracks,) by number."""
    kinds = np.arange(of_dances.shape[1])
    return np.array([[genre_score(row, list(kinds == of)) for of in genres] for row in of_dances])


def weighed(
    parts: Floats, fit: Floats, own: NDArray[np.int64], folds: Sequence[int]
) -> tuple[Floats, Floats]:
    """Scores (dances, tracks) without timing and with it; weights of the dances of other folds.

    Args:
        parts: (dances, tracks, f) of genre and tempo, or of tempo.
        fit: (dances, tracks).
        own: (dances,).
        folds: of the dances.
    """
    without, total = np.zeros(fit.shape), np.zeros(fit.shape)
    for fold in set(folds):
        mine = np.asarray(folds) == fold
        scores = parts @ learned_weights(parts[~mine], own[~mine])
        count = fit_weight((scores[~mine], fit[~mine], own[~mine]))
        without[mine], total[mine] = scores[mine], (scores + count * fit)[mine]
    return without, total


def learned_weights(parts: Floats, own: NDArray[np.int64]) -> Floats:
    """(f,) of parts (dances, tracks, f)."""
    marks = np.arange(parts.shape[1]) == own[:, None]
    return learn_weights(list(parts), list(marks))


def weights_of(
    street: Floats, street_fit: Floats, street_own: NDArray[np.int64], tempo: Floats, fit: Floats
) -> Weights:
    """For the command, from all dances.

    Args:
        street: (dances, tracks, 2) genre and tempo of dances whose genre is known; ``street_fit``
            (dances, tracks) and ``street_own`` (dances,) of them.
        tempo, fit: (n, n) of other dances, whose own track is that of the same number.
    """
    genre, of_tempo = learned_weights(street, street_own)
    of_street = street @ (genre, of_tempo), street_fit, street_own
    return Weights(
        float(genre),
        float(of_tempo),
        fit_weight(of_street, (of_tempo * tempo, fit, np.arange(len(fit)))),
    )


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
