"""Entries of the leaderboard: the same arguments, the same logits; learnt from train alone."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

import motionmusic.scoring.entries
from motionmusic.features.skeletons import MUSICTODANCE
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


def test_the_documented_entry_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (Path(__file__).parents[1] / "docs" / "benchmark.md").read_text("utf-8")
    start = text.index('    """Nearest class mean')
    block = text[start : text.index("and its name in params.yaml")]
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
