"""Entries of the leaderboard: the same arguments, the same logits; learnt from train alone."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import entry
import numpy as np
import pytest
import small_task
from numpy.typing import NDArray
from small_task import DATA, FOLDS, TASK, rows_of

import motionmusic.scoring.entries
from motionmusic.features.skeletons import MUSICTODANCE
from motionmusic.predictions import read_predictions
from motionmusic.scoring.entries.task import Segments

NAMES = sorted(
    {p.stem for p in Path(motionmusic.scoring.entries.__path__[0]).glob("*.py")}
    - {"__init__", "task"}
)


def some(n: int, seed: int) -> Segments:
    labels = np.arange(n, dtype=np.int64) % 2
    rng = np.random.default_rng(seed)
    pose = rng.normal(size=(1, 3, 1, 23)) + 0.05 * rng.normal(size=(n, 3, 1, 23))
    pose[:, 0, 0, 16] = pose[:, 0, 0, 7] + 2  # hips apart, so that the axis has a direction
    joints = (pose + rng.normal(size=(n, 3, 25, 23)).cumsum(axis=2) * 0.05).astype(np.float32)

    # type 1 is danced by someone taller, and more up and down
    joints[:, 1] *= 1 + labels[:, None, None].astype(np.float32)
    return Segments(
        joints, np.zeros((n, 1, 96, 25), np.float32), labels, np.array(["C_1", "R_1"])[labels]
    )


@pytest.mark.parametrize("name", NAMES)
def test_same_seed_same_logits_and_a_class_that_train_lacks(name: str) -> None:
    everything = some(80, 1)
    train, test = (
        Segments(
            *(getattr(everything, field)[rows] for field in ("joints", "music", "labels", "pieces"))
        )
        for rows in (slice(60), slice(60, 80))
    )
    unknown = Segments(test.joints, test.music, np.full(20, -1), test.pieces)
    fit_predict = import_module(f"motionmusic.scoring.entries.{name}").fit_predict
    first = fit_predict(train, test, unknown, 3, MUSICTODANCE, 4)
    assert first.shape == (20, 3)
    assert first.dtype == np.float32
    assert np.isfinite(first).all()
    assert np.array_equal(first, fit_predict(train, test, unknown, 3, MUSICTODANCE, 4))
    assert (first.argmax(axis=1) != 2).all()
    assert (first.argmax(axis=1) == test.labels).mean() > 0.7


@pytest.mark.parametrize("name", NAMES)
def test_other_test_segments_change_nothing(name: str) -> None:
    """Of other dances; `turned_ensemble` alone tells a segment by all of its dance."""
    train, test, noise = some(60, 1), some(20, 2), some(20, 3)
    fit_predict = import_module(f"motionmusic.scoring.entries.{name}").fit_predict
    first = fit_predict(train, train, test, 2, MUSICTODANCE, 4)
    whole = name == "turned_ensemble"
    other = test.pieces != test.pieces[0] if whole else np.arange(20) > 0
    poisoned = Segments(
        np.where(other[:, None, None, None], 9 * noise.joints, test.joints),
        np.where(other[:, None, None, None], noise.music + 1, test.music),
        np.where(other, 1 - test.labels, test.labels),
        test.pieces if whole else test.pieces[::-1],
    )
    again = fit_predict(train, train, poisoned, 2, MUSICTODANCE, 4)
    np.testing.assert_array_equal(again[0], first[0])


@pytest.mark.usefixtures("small")
def test_an_entry_is_given_each_folds_sides_and_no_label_of_what_it_is_tested_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given: list[tuple[Any, ...]] = []

    def fit_predict(*arguments: Any) -> NDArray[np.float32]:
        given.append(arguments)
        test: Segments = arguments[2]
        return test.joints[:, 0, 0, :4] + test.music[:, 0, :4, 0]  # a row's own numbers

    monkeypatch.setattr(
        entry, "entry", lambda name: fit_predict if name == "limb_lengths" else None
    )
    entry.main([TASK, "limb_lengths", "5"])
    joints, music = (np.load(DATA / f"segments/{kind}.npy") for kind in ("joints", "music"))
    pieces = np.repeat(small_task.ORDER, 4)
    table = read_predictions(DATA / "entries/limb_lengths-5.parquet")
    for fold in range(FOLDS):
        *sides, classes, layout, seed = given[fold]
        assert (classes, layout, seed) == (4, MUSICTODANCE, 5)
        for side, splits in zip(
            sides, [["train"], ["validation"], ["validation", "test"]], strict=True
        ):
            rows = rows_of(fold, *splits)
            np.testing.assert_array_equal(side.joints, joints[rows])
            np.testing.assert_array_equal(side.music, music[rows])
            np.testing.assert_array_equal(side.pieces, pieces[rows])
            labels = [-1 if "test" in splits else int(piece[2:]) % 4 for piece in pieces[rows]]
            assert side.labels.tolist() == labels
        for row, logits in small_task.logits_by_row(table, fold).items():
            own = joints[row, 0, 0, :4] + music[row, 0, :4, 0]
            np.testing.assert_array_equal(logits.astype(np.float32), own)


def test_the_documented_entry_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (Path(__file__).parents[1] / "docs" / "benchmark.md").read_text("utf-8")
    start = text.index('    """Nearest class mean')
    block = text[start : text.index("Add its name to `benchmark.entries`")]
    lines = [line.removeprefix("    ") for line in block.splitlines()]
    assert sum(bool(line) for line in lines) <= 20
    (tmp_path / "documented_entry.py").write_text("\n".join(lines))
    monkeypatch.syspath_prepend(str(tmp_path))
    fit_predict = import_module("documented_entry").fit_predict
    data = some(40, 1)
    logits = fit_predict(data, data, data, 2, MUSICTODANCE, 0)
    assert logits.shape == (40, 2)
    assert logits.dtype == np.float32
    assert (logits.argmax(axis=1) == data.labels).mean() > 0.7
