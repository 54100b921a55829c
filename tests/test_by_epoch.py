"""Curves of accuracy by epoch, from checkpoints that are gone when the training has ended."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import by_epoch
import cotrain
import numpy as np
import pandas as pd
import pytest
import train_motion
import train_music
from params_file import set_params

from motionmusic import workspace
from motionmusic.errors import UserError
from motionmusic.predictions import read_predictions
from motionmusic.scoring.accuracy import fuse, predicted
from motionmusic.training import checkpoint

TASK = "synthetic"
CELLS = ("cotrain-joints-fc-0", "cotrain-bones-fc-0")


def right(frame: pd.DataFrame) -> float:
    """Of the test segments of the first fold, which the two folds do not share."""
    ids = workspace.folds(workspace.read_index(TASK))[0][1]
    tested = set(ids.loc[ids["split"] == "test", "piece"])
    frame = frame[(frame["split"] == "test") & frame["piece"].isin(tested)]
    return float(np.mean(predicted(frame) == frame["label"]))


def test_the_last_point_is_what_the_cell_predicts(
    small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_params({"train.synthetic.epochs": 3, "cotrain.synthetic.epochs": 5})
    monkeypatch.setattr(by_epoch, "EVERY", 2)
    monkeypatch.setattr(checkpoint, "EVERY_S", 0)
    before = checkpoint.Store.save

    def save(store: checkpoint.Store, *given: Any, **more: Any) -> None:
        store.every_s, store.share = 0, 1e9
        before(store, *given, **more)
        for cell in ("motion-joints-0", *CELLS):
            by_epoch.keep_new(TASK, cell)

    monkeypatch.setattr(checkpoint.Store, "save", save)
    train_music.main([TASK, "0"])
    for kind in ("joints", "bones"):
        train_motion.main([TASK, kind, "0"])
        cotrain.main([TASK, kind, "fc", "0"])
    assert not list(Path("data", TASK, "checkpoints").rglob("*.safetensors"))
    by_epoch.main(["keep", TASK, *CELLS])  # nothing is left to wait for
    by_epoch.main(["draw", TASK, *CELLS])
    found = pd.read_csv(workspace.metrics(TASK, "by_epoch.csv"))
    assert found.groupby("input", sort=False)["epoch"].apply(list).to_dict() == {
        "joints": [1, 3, 5], "bones": [1, 3, 5], "fused": [1, 3, 5],
    }  # fmt: skip
    last = found[found["epoch"] == 5].set_index("input")["test"]
    frames = [read_predictions(workspace.cell(TASK, cell, "predictions.parquet")) for cell in CELLS]
    assert last["joints"] == pytest.approx(right(frames[0]), abs=1e-5)
    assert last["bones"] == pytest.approx(right(frames[1]), abs=1e-5)
    assert last["fused"] == pytest.approx(right(fuse(frames)), abs=1e-5)
    told = json.loads(workspace.metrics(TASK, "by_epoch.json").read_text("utf-8"))
    assert told["fused"]["end"] == pytest.approx(last["fused"], abs=1e-5)
    assert workspace.plots(TASK, "by_epoch.png").read_bytes().startswith(b"\x89PNG")
    assert list(workspace.data(TASK, "by_epoch", "motion-joints-0").iterdir())


def test_a_cell_that_nobody_followed(small: Path) -> None:
    with pytest.raises(UserError, match=r"by_epoch/motion-joints-0: expected kept motion encoders"):
        by_epoch.main(["draw", TASK, "motion-joints-0"])


def test_what_a_curve_tells() -> None:
    """90 epochs: half right at first, 0.8 from 15 on, 0.9 from 50 on, and one bad epoch."""
    epoch = np.arange(1, 91)
    right = np.select([epoch < 15, epoch < 50], [0.5, 0.8], 0.9)
    right[69] = 0.2
    curve = pd.DataFrame({"input": "joints", "epoch": epoch, "train": 1.0, "test": right})
    found = by_epoch.told(pd.concat([curve, curve.assign(input="fused", test=0.7)]))
    assert found["joints"] == pytest.approx({"third": 0.8, "end": 0.9, "adds": 0.1, "plateau": 50})
    assert found["fused"] == pytest.approx({"third": 0.7, "end": 0.7, "adds": 0, "plateau": 1})
