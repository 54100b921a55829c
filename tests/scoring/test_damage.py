"""Bones held as in AIST++ retargeted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from motionmusic.results.ladder_table import damage_table
from motionmusic.scoring import damage
from motionmusic.scoring.damage import LIMIT, cost, damaged, guarded

PARENTS = (0, 0, 1)  # a root, an upper and a lower bone


def swinging(speed: float, frames: int = 60) -> np.ndarray:
    """The lower bone turns by ``speed`` rad a frame; the upper one points down."""
    angle = speed * np.arange(frames)
    joints = np.zeros((frames, 3, 3))
    joints[:, 1] = [0, -2, 0]
    joints[:, 2, 0], joints[:, 2, 1] = np.sin(angle), -2 - np.cos(angle)
    return joints


def test_slow_bones_are_left_as_they_are() -> None:
    slow = swinging(0.9 * LIMIT)
    shown, held = guarded(slow, PARENTS)
    assert not held.any()
    np.testing.assert_allclose(shown, slow, atol=1e-12)


def test_a_fast_bone_waits_until_it_is_near_again() -> None:
    fast = swinging(0.3)
    shown, held = guarded(fast, PARENTS)
    (free,) = np.nonzero(~held[:, 2])
    # 0.3 rad a frame: after 21 frames it is within 0.25 rad of where it stopped
    assert free.tolist() == [0, 21, 42]
    np.testing.assert_allclose(shown[1:21, 2], np.repeat(fast[:1, 2], 20, axis=0))
    np.testing.assert_allclose(shown[21, 2], fast[21, 2])
    assert not held[:, :2].any()
    lengths = np.linalg.norm(shown[:, 2] - shown[:, 1], axis=1)
    np.testing.assert_allclose(lengths, 1)


def test_children_hang_on_held_parents() -> None:
    joints = swinging(0.0)
    angle = 0.3 * np.arange(60)
    joints[:, 1] = np.stack([2 * np.sin(angle), -2 * np.cos(angle), 0 * angle], axis=1)
    joints[:, 2] = joints[:, 1] + [0, -1, 0]
    shown, held = guarded(joints, PARENTS)
    assert held[5].tolist() == [False, True, False]
    np.testing.assert_allclose(shown[5], [[0, 0, 0], [0, -2, 0], [0, -3, 0]], atol=1e-12)


def test_a_dance_keeps_its_frames_and_its_slow_motion() -> None:
    slow = swinging(0.05, 101)
    shown, held = damaged(slow, PARENTS)
    assert shown.shape == slow.shape
    assert held.shape == (101, 3)
    np.testing.assert_allclose(shown, slow, atol=0.01)


def test_speed_that_is_held_is_lost_to_the_classifier() -> None:
    random = np.random.default_rng(0)
    dances = {
        f"{'AB'[label]}_{n}": swinging(speed, 250) + random.normal(0, 0.005, (250, 3, 3))
        for label, speed in enumerate((0.05, 0.5))
        for n in range(4)
    }
    labels = {piece: int(piece[0] == "B") for piece in dances}
    names = sorted(dances)
    folds = [(names[k::2], names[1 - k :: 2]) for k in range(2)]
    found = cost(dances, labels, PARENTS, folds, 1, 0, 200)
    assert found["held"][0] == 0
    assert found["held"][1] > 0.8
    assert found["models"]["random_forest"]["whole"]["value"] == 1
    assert found["only_held"]["value"] == 1  # the damage tells the type
    assert found["models"]["logistic_regression"]["cost_unprepared"]["value"] <= 0
    assert found["n"] == 80
    text = damage_table(found, "c", {0: "slow", 1: "fast"}).markdown()
    assert "slow 0 %" in text
    assert found["models"]["random_forest"]["cost"]["low"] == pytest.approx(0, abs=0.2)


def test_pieces_are_new_resampled_whole_and_compared_with_themselves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By a classifier that takes everything for the first type."""
    asked: list[tuple[set[bytes], set[bytes]]] = []

    def segments(joints: Any) -> set[bytes]:
        return {segment.tobytes() for segment in joints}

    def first(model: str, train: Any, labels: Any, test: Any, classes: int, seed: int) -> Any:
        assert len(train) == len(labels)
        asked.append((segments(train), segments(test)))
        return np.eye(classes)[np.zeros(len(test), int)]

    monkeypatch.setattr(damage, "fit_predict", first)
    random = np.random.default_rng(0)
    dances = {name: swinging(0.1, 500) + random.normal(0, 0.01, (500, 3, 3)) for name in "ab"}
    found = cost(dances, {"a": 0, "b": 1}, PARENTS, [(["a"], ["b"]), (["b"], ["a"])], 1, 0, 500)
    for learned, tested in asked[:4]:  # whole and damaged, two folds each
        assert len(learned) == len(tested) == 20
        assert not learned & tested
    of = found["models"]["random_forest"]
    assert of["whole"] == {"value": 0.5, "low": 0, "high": 1}
    assert of["cost"] == {"value": 0, "low": 0, "high": 0}


def test_the_cost_is_what_damage_takes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 20 segments and 10, the longer dance is named rightly whole, the shorter one damaged."""
    said = iter([0, 0, 1, 1, 0, 0] * 2 + [0, 0])  # of two folds each
    monkeypatch.setattr(
        damage, "fit_predict", lambda *given: np.eye(2)[np.full(len(given[3]), next(said))]
    )
    dances = {"a": swinging(0.1, 500), "b": swinging(0.1, 250)}
    folds = [(["a"], ["b"]), (["b"], ["a"])]
    for of in cost(dances, {"a": 0, "b": 1}, PARENTS, folds, 1, 0, 50)["models"].values():
        assert of["cost"]["value"] == pytest.approx(-1 / 3)
        assert of["cost_unprepared"]["value"] == 0
