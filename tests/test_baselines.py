from __future__ import annotations

import baseline
import numpy as np
import pytest
import small_task
from numpy.typing import NDArray
from small_task import CLASSES, DATA, FOLDS, TASK, rows_of

from motionmusic.predictions import read_predictions
from motionmusic.scoring.baselines import BASELINES, fit_predict, kinematic_statistics

V = 4


def dances(n: int, classes: int, seed: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Segments (n, 3, 25, V) whose class is how fast and how far they swing."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % classes
    time = np.arange(25)[None, None, :, None]
    phase = rng.uniform(0, 2 * np.pi, size=(n, 3, 1, V))
    size = 1 + 0.1 * rng.normal(size=(n, 1, 1, 1))
    speed = 0.1 + 0.25 * labels[:, None, None, None]
    return (size * np.sin(speed * time + phase)).astype(np.float32), labels


def test_statistics_by_hand() -> None:
    joints = np.zeros((1, 3, 4, 2))
    joints[0, 0, :, 0] = [0, 3, 6, 9]  # joint 0 moves steadily along x …
    joints[0, 1, :, 0] = [0, 4, 8, 12]  # … and y: speed 5, no acceleration
    joints[0, 2, :, 1] = [0, 1, 0, 1]  # joint 1 swings along z: speed 1, acceleration 2
    (result,) = kinematic_statistics(joints)
    root = np.sqrt(1.25)  # the standard deviation of 0, 1, 2, 3
    expected = [
        *(4.5, 0, 6, 0, 0, 0.5), *(3 * root, 0, 4 * root, 0, 0, 0.5), *(5, 1), *(0, 0), *(0, 2),
        *(0, 0),
    ]  # fmt: skip
    np.testing.assert_allclose(result, expected, atol=1e-12)


def test_statistics_do_not_depend_on_the_blocks() -> None:
    joints = np.random.default_rng(0).normal(size=(5000, 3, 3, 1)).astype(np.float32)
    whole = kinematic_statistics(joints)
    assert (whole[4990:] == kinematic_statistics(joints[4990:])).all()


@pytest.mark.parametrize("name", BASELINES)
def test_baselines_learn_and_are_deterministic(name: str) -> None:
    train, train_labels = dances(90, 3, 0)
    test, labels = dances(30, 3, 1)
    logits = fit_predict(name, train, train_labels, test, 3, seed=7, trees=50)
    assert logits.shape == (30, 3)
    assert logits.dtype == np.float32
    assert np.isfinite(logits).all()
    right = (logits.argmax(axis=1) == labels).mean()
    assert right == 1 / 3 if name == "majority" else right > 0.9
    if name != "nearest_centroid":
        np.testing.assert_allclose(np.exp(logits).sum(axis=1), 1, atol=1e-4)
        assert logits.min() >= np.log(np.float32(1e-6))
    again = fit_predict(name, train, train_labels, test, 3, seed=7, trees=50)
    assert (again == logits).all()
    other = fit_predict(name, train, train_labels, test, 3, seed=8, trees=50)
    assert (other != logits).any() == (name == "random_forest")  # which alone draws


@pytest.mark.parametrize("name", BASELINES)
@pytest.mark.parametrize("seen", [[1, 3], [3]])
def test_classes_that_train_lacks_keep_their_columns(name: str, seen: list[int]) -> None:
    train, labels = dances(40, len(seen), 0)
    test, test_labels = dances(10, len(seen), 1)
    logits = fit_predict(name, train, np.array(seen)[labels], test, 5, seed=0, trees=50)
    assert logits.shape == (10, 5)
    assert np.isfinite(logits).all()
    guesses = logits.argmax(axis=1)
    assert set(guesses) <= set(seen)
    if name != "majority":
        assert (guesses == np.array(seen)[test_labels]).mean() > 0.8


def test_majority_is_the_frequency_of_the_classes() -> None:
    joints = np.zeros((4, 3, 25, V))
    logits = fit_predict("majority", joints, [0, 2, 2, 2], joints[:2], 3, seed=0)
    np.testing.assert_allclose(np.exp(logits), [[0.25, 1e-6, 0.75]] * 2, rtol=1e-5)


def test_nearest_centroid_sees_mean_speeds_only() -> None:
    train, labels = dances(30, 3, 0)
    test, _ = dances(6, 3, 1)
    logits = fit_predict("nearest_centroid", train, labels, test, 3, seed=0)
    moved = fit_predict("nearest_centroid", train + 5, labels, test - 9, 3, seed=0)
    np.testing.assert_allclose(moved, logits, rtol=1e-3, atol=1e-3)
    speeds = [kinematic_statistics(one)[:, 6 * V : 7 * V] for one in (train, test)]
    mean, sd = speeds[0].mean(axis=0), speeds[0].std(axis=0)
    near, far = ((one - mean) / sd for one in speeds)
    expected = [
        [-np.sum((row - near[labels == label].mean(axis=0)) ** 2) for label in range(3)]
        for row in far
    ]
    np.testing.assert_allclose(logits, expected, rtol=1e-5)


@pytest.mark.parametrize("name", BASELINES)
def test_other_test_segments_change_nothing(name: str) -> None:
    train, labels = dances(30, 3, 0)
    test, _ = dances(6, 3, 1)
    logits = fit_predict(name, train, labels, test, 3, seed=7, trees=20)
    poisoned = test.copy()
    poisoned[1:] = 100 * np.random.default_rng(2).normal(size=poisoned[1:].shape)
    again = fit_predict(name, train, labels, poisoned, 3, seed=7, trees=20)
    np.testing.assert_array_equal(again[0], logits[0])


@pytest.mark.usefixtures("small")
def test_the_stage_learns_each_folds_train_and_says_of_which_segment_it_speaks() -> None:
    baseline.main([TASK, "3"])
    joints = np.load(DATA / "segments/joints.npy")
    labels = np.array([int(name[2:]) % CLASSES for name in small_task.ORDER]).repeat(4)
    for name in BASELINES:
        table = read_predictions(DATA / f"cells/baseline-3/{name}.parquet")
        assert len(table) == 2 * 32
        for fold in range(FOLDS):
            train, tested = rows_of(fold, "train"), rows_of(fold, "test", "validation")[::-1]
            expected = fit_predict(
                name, joints[train], labels[train], joints[tested], CLASSES, 3, trees=20,
                logistic_c=0.3,
            )  # fmt: skip
            found = small_task.logits_by_row(table, fold)
            for row, logits in zip(tested, expected, strict=True):
                np.testing.assert_allclose(found[row], logits, rtol=1e-5, atol=1e-6)
