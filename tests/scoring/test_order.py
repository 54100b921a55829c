"""The order of tracks, and the moment at which a dance goes best with one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from motionmusic.features.motion import Floats
from motionmusic.features.song_tempo import song_tempo
from motionmusic.scoring import own_track_dances
from motionmusic.scoring.beat_phase import BALLROOM
from motionmusic.scoring.dance_tempo import TEMPI, DanceTempo, given
from motionmusic.scoring.order import (
    WEIGHTS,
    Weights,
    best_moment_of,
    fit_weight,
    genre_score,
    hear,
    learn_weights,
    tempo_score,
)
from motionmusic.scoring.own_track import fits, placed, weighed


def moving(bpm: float, seconds: float, first_s: float = 0.0) -> Floats:
    """What the model of the beat's phase gives where a beat is at ``first_s``."""
    beats = (np.arange(round(25 * seconds)) / 25 - first_s) * bpm / 60
    turns = [2 * np.pi * beats, np.pi * beats]
    return np.stack([wave(turn) for turn in turns for wave in (np.cos, np.sin)], axis=1)


def sounding(bpm: float, seconds: float, first_s: float = 0.0) -> Floats:
    beats = (np.arange(round(25 * seconds)) / 25 - first_s) * bpm / 60
    return np.asarray(np.exp(8 * (np.cos(2 * np.pi * beats) - 1)))


def test_the_start_puts_beats_on_beats_and_the_fit_knows_the_tempo() -> None:
    sound = sounding(100, 60, first_s=0.24)
    sound[:500] *= 0.1 * np.random.default_rng(0).random(500)  # a quiet beginning without a beat
    found = best_moment_of(moving(100, 20, first_s=0.4), sound, 100)
    away = (found.start_s + 0.4 - 0.24) * 100 / 60
    assert abs(away - round(away)) < 0.05
    assert found.start_s >= 15
    assert found.sound > 0.6
    assert found.fit > 0.9
    assert best_moment_of(moving(100, 20), sound, 50).fit > 0.9  # counted by halves
    assert best_moment_of(moving(100, 20), sound, 106).fit < 0.3
    assert best_moment_of(moving(100, 20), sound, float("nan")).fit == 0
    assert best_moment_of(moving(100, 90), sound, 100).start_s == 0  # longer than the track


def test_scores_of_genre_and_tempo() -> None:
    assert genre_score([0.8, 0.1, 0.1], [False] * 3) == 0
    assert genre_score([0.8, 0.1, 0.1], [True] * 3) == pytest.approx(0)
    assert genre_score([0.8, 0.1, 0.1], [True, False, False]) == pytest.approx(np.log(0.8 * 3))
    assert genre_score([1.0, 0.0, 0.0], [False, True, False]) < -5
    for bpm in (118, 59, 236):
        assert tempo_score(given(118), bpm) == pytest.approx(0, abs=0.01)
    assert tempo_score(given(118), 100) == tempo_score(given(118), float("nan")) < -6
    flat = DanceTempo(np.full(len(TEMPI), 1 / len(TEMPI)))
    assert -4 < tempo_score(flat, 100) < -1


def test_clicks_are_heard_at_their_tempo() -> None:
    samples = np.zeros(12_800 * 20, np.float32)
    samples[:: round(12_800 * 60 / 104)] = 0.9
    bpm, sound = hear(samples, 110)
    assert bpm == pytest.approx(104, rel=0.002)
    assert len(sound) == pytest.approx(500, abs=1)
    assert bpm == song_tempo(samples, 110).bpm
    assert np.isnan(hear(np.zeros(12_800 * 5, np.float32))[0])
    assert len(hear(samples[: 12_800 * 2])[1]) == 50  # the rest of a longer track


def test_weights_are_learned_on_other_dances_only() -> None:
    random = np.random.default_rng(0)
    own, folds = np.arange(20), [n % 2 for n in range(20)]
    parts = random.normal(size=(20, 20, 2))
    parts[own, own, 0] += 3
    assert (learn_weights(list(parts), list(np.eye(20) > 0)) >= 0).all()
    fit = random.normal(size=(20, 20))
    fit[own, own] += 2
    without, first = weighed(parts, fit, own, folds)
    for of in (parts, fit):
        of[1::2] *= -1  # they learn from the odd ones
        assert not np.allclose(weighed(parts, fit, own, folds)[1][::2], first[::2])
        of[1::2] *= -1
    parts[::2, :, 0] *= -1  # and not from themselves
    of_parts = without[0] @ np.linalg.pinv(parts[0].T * [[-1], [1]])
    count = (first - without)[0] / fit[0]
    again = weighed(parts, fit, own, folds)[1]
    np.testing.assert_allclose(again[::2], parts[::2] @ of_parts + count[0] * fit[::2])


def test_dancers_and_pieces_are_whole_in_their_folds(monkeypatch: pytest.MonkeyPatch) -> None:
    given_folds = []
    of_command: list[Any] = []

    def learned(*given: Any) -> Weights:
        of_command.extend(given)
        return WEIGHTS

    def weigh(parts: Floats, fit: Floats, own: Any, folds: list[int]) -> tuple[Floats, Floats]:
        given_folds.append(folds)
        return fit, fit

    def tested(*units: str) -> own_track_dances.Tested:
        n = len(units)
        names = ("genre", "tempo", "timing")
        parts = {name: np.full((n, n), float(k)) for k, name in enumerate(names)}
        kinds = np.eye(n) > 0
        return own_track_dances.Tested(
            pd.Series(units), np.arange(n), kinds, np.arange(100.0, 100 + n), parts
        )

    monkeypatch.setattr(own_track_dances, "weighed", weigh)
    monkeypatch.setattr(own_track_dances, "weights_of", learned)
    pieces = tested("C_1", "W_1", "C_2")
    figures = pieces._replace(parts={"ballroom": np.zeros((3, 3))})
    found = own_track_dances.own_tracks(
        tested("d01", "d02", "d01", "d04"), (pieces, figures), 0, 10
    )
    assert given_folds == [[1, 0, 1, 0], [0, 0, 1]]
    both, *more = of_command  # genre and tempo of street dances, their timing and own tracks
    assert both.tolist() == [[[0, 1]] * 4] * 4
    assert [of.flat[-1] for of in more] == [2, 3, 1, 2]
    assert {"ballroom", "chance", "known"} < set(found["by_figure"])
    assert not {"all", "both"} & set(found["by_figure"])  # one reason needs no weight


def test_timing_counts_as_little_as_brings_own_tracks_up() -> None:
    own, fit = np.arange(2), np.array([[0.5, 0.4, 0.1], [0.3, 0.4, 0.1]])
    nothing, against = np.zeros((2, 3)), np.array([[-0.9, 0, 0], [0, 0, 0]])
    assert fit_weight((nothing, fit, own)) == 1
    assert fit_weight((against, fit, own)) == 10
    assert fit_weight((nothing, -fit, own)) == 0
    # of two tests together: one wants it, the other alone would not
    assert fit_weight((nothing, fit, own), (against, fit, own)) == 10
    assert fit_weight((nothing, -fit, own), (nothing, -fit, own)) == 0
    dances = [moving(100, 20), np.random.default_rng(0).normal(size=(500, 4))]
    beats = fits(dances, [100, 90, 50], BALLROOM)
    assert beats[0, [0, 2]].min() > 0.9 > 3 * beats[0, 1]
    assert (beats[1] == 0).all()  # which keeps no tempo
    assert fits(dances, [100, 90, 50], None)[1].min() > 0


def test_places_among_all_and_among_those_of_one_tempo() -> None:
    bpm = np.array([100.0, 101, 50, 140, 141])
    own = np.array([0, 3])
    rows = {"chance": np.zeros((2, 5)), "right": np.eye(5)[own], "wrong": -np.eye(5)[own]}
    rows["by two"] = np.array([[3.0, 2, 1, 9, 9], [9, 9, 9, 2, 1]])
    found = placed(rows, own, bpm, pd.Series(["a", "b"]), 0, 10)
    value = {name: {k: v["value"] for k, v in of.items()} for name, of in found.items()
             if isinstance(of, dict)}  # fmt: skip
    assert (found["tracks"], found["dances"], found["of_own_tempo"]) == (5, 2, 2.5)
    assert value["chance"]["recall_1"] == pytest.approx(0.2)
    assert value["chance"]["same_tempo_1"] == pytest.approx((1 / 3 + 1 / 2) / 2)
    assert (value["right"]["recall_1"], value["right"]["median_rank"]) == (1, 1)
    assert (value["wrong"]["recall_1"], value["wrong"]["median_rank"]) == (0, 5)
    assert (value["by two"]["recall_1"], value["by two"]["same_tempo_1"]) == (0, 1)


def test_the_weights_of_the_command_are_those_that_were_learned() -> None:
    file = Path(__file__).parents[2] / "metrics/on_beat/own_track.json"
    assert json.loads(file.read_text())["weights"] == pytest.approx(WEIGHTS._asdict())


def test_intervals_of_the_order_are_over_dancers() -> None:
    own, units = np.zeros(16, np.int64), pd.Series(["a"] * 8 + ["b"] * 8)
    scores = np.where(np.arange(16)[:, None] < 8, [[1.0, 0.0]], [[0.0, 1.0]])
    found = placed({"rule": scores}, own, np.array([100.0, 150.0]), units, 0, 500)
    assert found["rule"]["recall_1"] == {"value": 0.5, "low": 0, "high": 1}
