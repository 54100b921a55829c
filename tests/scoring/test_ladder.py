"""The ladder of splits: scores over dancers, probes, the best baseline, differences."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from motionmusic.data.vrm import BONES
from motionmusic.params import Baseline, Evaluate
from motionmusic.predictions import make_predictions
from motionmusic.results.ladder_table import PROTOCOLS, ladder_picture, ladder_tables
from motionmusic.scoring import ladder
from motionmusic.scoring.baselines import BASELINES
from motionmusic.scoring.ladder import Task, balanced_accuracy, climb, difference, scores

DANCERS = {f"g{k}_{d}_{n}": f"d{k}{d}" for k in range(2) for d in range(3) for n in range(2)}


def rows(right: dict[str, int]) -> pd.DataFrame:
    """Seven segments a dance, of which so many are right; all others are taken for another class."""
    made = []
    for piece in DANCERS:
        label = int(piece[1])
        for segment in range(7):
            hit = segment < right.get(piece, 0)
            made.append((piece, 0, segment, label, label if hit else 1 - label))
    return pd.DataFrame(made, columns=["piece", "excerpt", "segment", "label", "predicted"])


def test_scores_are_of_segments_and_of_dances_and_resample_dancers() -> None:
    found = scores(rows({"g0_0_0": 7, "g0_0_1": 4, "g1_2_1": 3}), DANCERS, 2, 0, 500)
    assert found["dancers"] == 6
    assert found["segment"]["accuracy"]["value"] == pytest.approx(14 / 84)
    assert found["segment"]["balanced"]["value"] == pytest.approx((11 / 42 + 3 / 42) / 2)
    assert found["recall"] == pytest.approx([11 / 42, 3 / 42])
    assert found["excerpt"]["accuracy"]["value"] == pytest.approx(2 / 12)
    assert (found["segment"]["n"], found["excerpt"]["n"]) == (84, 12)
    # one dancer has nearly all that is right, so the interval reaches far
    assert found["segment"]["accuracy"]["high"] > 0.4
    assert found["segment"]["accuracy"]["low"] == pytest.approx(0, abs=0.04)


def test_balanced_accuracy_is_of_the_classes_that_are_drawn() -> None:
    right, size = np.array([[4.0, 0], [0, 1]]), np.array([[4.0, 0], [0, 4]])
    statistic = balanced_accuracy(right, size)
    assert statistic(np.array([[1.0, 1], [2, 0], [0, 2]])).tolist() == [0.625, 1.0, 0.25]


def test_a_difference_is_paired() -> None:
    one = rows(dict.fromkeys(DANCERS, 4))
    other = rows(dict.fromkeys(DANCERS, 3))
    found = difference(one, other, DANCERS, 0, 500)
    assert found["segment"] == pytest.approx({"value": 1 / 7, "low": 1 / 7, "high": 1 / 7})
    assert found["excerpt"] == pytest.approx({"value": 1, "low": 1, "high": 1})


def predictions(skill: float, seed: int) -> pd.DataFrame:
    """Every segment tested once and validated once, right with the given probability."""
    random, parts = np.random.default_rng(seed), []
    for split in ("validation", "test"):
        ids = rows({}).drop(columns="predicted").assign(split=split)
        right = random.random(len(ids)) < skill
        classes = np.where(right, ids["label"], 1 - ids["label"])
        parts.append(make_predictions("t", ids, 3 * np.eye(2)[classes]))
    return pd.concat(parts, ignore_index=True)


def test_the_climb_finds_what_probes_know() -> None:
    pieces = pd.DataFrame({"piece": list(DANCERS), "dancer": list(DANCERS.values())})
    pieces["label"] = pieces["piece"].str[1].astype(int)
    pieces["doubled"] = pieces["piece"].str[3] == "0"
    pieces["music_bpm"] = 80 + 40 * pieces["label"]  # names the class
    held = {piece: np.zeros((7, len(BONES))) for piece in DANCERS}
    held["g0_0_0"][3, BONES.index("neck")] = 0.3
    held["g0_0_0"][4, BONES.index("leftLowerArm")] = 0.9  # which 13 joints do not hang on
    ids = rows({}).drop(columns="predicted")
    folds = [
        (fold, ids.assign(split=np.where(ids["piece"].str[5] == str(fold), "test", "train")))
        for fold in range(2)
    ]
    joints = np.random.default_rng(0).normal(size=(len(ids), 3, 25, 17)).astype(np.float32)
    joints[..., [9, 10, 15, 16]] += 9 * ids["label"].to_numpy()[:, None, None, None]
    skills = dict(zip(BASELINES, (0.5, 0.6, 0.9, 0.7, 0.8), strict=True))
    sure = predictions(1.0, 2)  # the other seed is mostly wrong, and less sure
    sure[["logit_0", "logit_1"]] *= 2
    task = Task(
        folds,
        joints,
        {name: predictions(skill, 1) for name, skill in skills.items()},
        {"mine": [predictions(0.2, 4), sure]},
    )
    found = climb(
        task, pieces, held, Baseline(trees=10, logistic_c=0.1), Evaluate(resamples=100, seed=0)
    )
    assert found["best"] == "logistic_regression"
    models = found["models"]
    assert models["tempo"]["all"]["segment"]["accuracy"]["value"] == 1
    assert models["doubled"]["all"]["segment"]["accuracy"]["value"] < 0.8
    # wrists and ankles alone tell the class, and it does not see them
    assert models["logistic_regression_13"]["all"]["segment"]["accuracy"]["high"] < 0.8
    assert models["mine"]["clean"]["segment"]["n"] == 83
    assert models["mine"]["all"]["segment"]["accuracy"]["value"] == 1
    assert found["ahead"]["mine"]["segment"]["low"] > 0
    result = {"protocols": dict.fromkeys(PROTOCOLS, found)}
    tables = ladder_tables(result)
    text = "\n".join(one.markdown() for one in tables)
    assert all("AIST++ retargeted" in one.title for one in tables)
    assert all("Google LLC" in one.caption for one in tables)
    assert "only the tempo" in text
    assert "83 of 190 dances" in text or "clean segments only" in text
    assert ladder_picture(result).axes


def test_validation_chooses_the_baseline_that_entries_are_compared_with() -> None:
    """The best on validation is the worst on test."""
    pieces = pd.DataFrame({"piece": list(DANCERS), "dancer": list(DANCERS.values())})
    pieces = pieces.assign(label=pieces["piece"].str[1].astype(int), doubled=False, music_bpm=100)
    ids = rows({}).drop(columns="predicted")
    test = ids["piece"].str[5] == "0"
    folds = [(k, ids.assign(split=np.where(test == (k == 0), "test", "train"))) for k in range(2)]
    skills = dict(zip(BASELINES, (0.5, 0.6, 0.9, 0.7, 0.8), strict=True))
    cells = {}
    for name, skill in skills.items():
        both = predictions(skill, 1), predictions(1.4 - skill, 3)
        parts = [
            of[of["split"] == split] for of, split in zip(both, ("validation", "test"), strict=True)
        ]
        cells[name] = pd.concat(parts, ignore_index=True)
    joints = np.random.default_rng(0).normal(size=(len(ids), 3, 25, 17)).astype(np.float32)
    task = Task(folds, joints, cells, {"mine": [predictions(0.8, 2)]})
    held = {piece: np.zeros((7, len(BONES))) for piece in DANCERS}
    found = climb(
        task, pieces, held, Baseline(trees=5, logistic_c=0.1), Evaluate(resamples=100, seed=0)
    )
    right = {
        name: of["all"]["segment"]["accuracy"]["value"] for name, of in found["models"].items()
    }
    assert found["best"] == "logistic_regression" == min(skills, key=lambda name: right[name])
    ahead = found["ahead"]["mine"]["segment"]["value"]
    assert ahead == pytest.approx(right["mine"] - right["logistic_regression"])
    # six dancers with two dances each are resampled
    assert {of["all"]["dancers"] for of in found["models"].values()} == {6}


def test_a_probe_sees_its_own_second() -> None:
    ids = rows({}).drop(columns="predicted")
    held = {
        piece: np.full((7, 19), n) + np.arange(7)[:, None] / 10 for n, piece in enumerate(DANCERS)
    }
    pieces = pd.DataFrame({"piece": list(DANCERS)[::-1], "doubled": False})
    seen = ladder._probe_values(ids, pieces.assign(music_bpm=np.arange(12.0)), held)
    numbers = ids["piece"].map(list(DANCERS).index)
    assert seen["held"][:, 0] == pytest.approx(numbers + ids["segment"] / 10)
    assert seen["tempo"][:, 0] == pytest.approx(11 - numbers)


def test_ties_of_a_dance_are_won_by_what_was_said_first() -> None:
    said = rows({}).query("piece == 'g0_0_0' and segment < 4")
    said = said.assign(predicted=[1, 0, 1, 0])[::-1]
    assert scores(said, DANCERS, 2, 0, 100)["excerpt"]["accuracy"]["value"] == 0
    said = said.assign(predicted=1 - said["predicted"])
    assert scores(said, DANCERS, 2, 0, 100)["excerpt"]["accuracy"]["value"] == 1
