"""What stages of a corpus hand to the functions that measure each piece, on the small task."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from small_task import DATA, FOLDS, NAMES, TASK, rows_of

from motionmusic import workspace
from motionmusic.data.leakage import Audit

pytestmark = pytest.mark.usefixtures("small")


def stage_of(name: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A stage whose work is done in this process."""
    stage = import_module(name)
    monkeypatch.setattr(stage, "ProcessPoolExecutor", lambda _: ThreadPoolExecutor(1))
    return stage


def test_every_piece_has_its_own_music(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = stage_of("music", monkeypatch)

    def features(raw: Path, how: Any, row: dict[str, Any]) -> Any:
        assert raw == DATA / "raw"
        return np.full((2, 1), NAMES.index(row["piece"]), np.float32)

    monkeypatch.setattr(stage, "piece_features", features)
    stage.main([TASK])
    assert [np.load(DATA / f"music/{name}.npy")[0, 0] for name in NAMES] == list(range(12))


def test_every_piece_has_beats_of_its_music_and_joints(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = stage_of("beats", monkeypatch)

    def beats(raw: Path, joints: Path, row: dict[str, Any]) -> Any:
        assert (raw, joints) == (DATA / "raw", DATA / "joints")
        found = {"piece": row["piece"], "kind": "music", "time_s": row["music_start_s"]}
        return pd.DataFrame([found]), {"piece": row["piece"], "music_bpm": row["music_start_s"]}

    monkeypatch.setattr(stage, "piece_beats", beats)
    stage.main([TASK])
    starts = workspace.read_pieces(TASK)["music_start_s"].tolist()
    for table, column in (("beats", "time_s"), ("tempo", "music_bpm")):
        found = getattr(workspace, f"read_{table}")(TASK)
        assert (found["piece"].tolist(), found[column].tolist()) == (NAMES, starts)


def test_copies_are_looked_for_among_the_tasks_joints(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = import_module("leakage")
    given: list[Any] = []

    def audit(*of: Any) -> Audit:
        given.extend(of)
        return Audit({}, np.array([0.1]), np.array([0.2]))

    monkeypatch.setattr(stage, "audit", audit)
    drawn: list[Any] = []
    monkeypatch.setattr(stage, "leakage_picture", lambda *of: drawn.extend(of))
    monkeypatch.setattr(stage, "save_picture", lambda path, figure: None)
    stage.main([TASK])
    assert drawn[:2] == [0.1, 0.2]  # to train, then in its own piece
    _, folds, _, joints, _, folder = given
    np.testing.assert_array_equal(joints, np.load(DATA / "segments/joints.npy"))
    for fold, ids in folds:
        assert np.flatnonzero(ids["split"] == "test").tolist() == rows_of(fold, "test")
    assert (len(folds), folder) == (FOLDS, DATA / "segments")
