"""Every training stage, as DVC runs it, with recipe quick: results, the record, the same bytes twice."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from closure import ROOT

from motionmusic.predictions import read_predictions


def run(stage: str, *given: str) -> None:
    script = str(ROOT / "stages" / f"{stage}.py")
    environment = os.environ | {"OMP_NUM_THREADS": "1", "MOTIONMUSIC_DEVICE": "cpu"}
    subprocess.run([sys.executable, script, "synthetic", *given], env=environment, check=True)


@pytest.mark.slow
def test_every_stage_trains_and_says_how(space: Path) -> None:
    run("train_motion", "bones", "0")
    run("train_motion", "merged", "0")
    run("train_music", "plain", "0")
    run("cotrain", "merged", "fc", "0")
    run("train_longer", "bones", "0")
    for cell in ("alone-bones", "alone-merged", "fc-merged", "longer-bones"):
        table = read_predictions(space / "data/synthetic/predictions" / f"{cell}-0.parquet")
        assert len(table) == 2 * 24  # validation and test of two folds
    records = space / "metrics/synthetic/runs"
    for name, epochs in (("music-plain", 4), ("cotrain-merged-fc", 40)):
        record = json.loads((records / f"{name}-0.json").read_text("utf-8"))
        trained = 2 * epochs * 12  # two folds, two batches of 6 an epoch
        rate = trained / record["training_seconds"]
        assert record["segments_per_second"] == pytest.approx(rate, rel=0.5)
        assert record["training_seconds"] <= record["seconds"]
        assert record["peak_memory_mib"] > 100
        assert record["machine"]["precision"] == "fp32"
        assert record["params"]["recipe"] == "quick"


@pytest.mark.slow
def test_a_cell_trained_twice_has_the_same_bytes(space: Path) -> None:
    made = []
    for _ in range(2):
        run("train_motion", "merged", "0")
        files = [
            *sorted(space.glob("data/synthetic/models/motion-merged-0/*")),
            space / "data/synthetic/predictions/alone-merged-0.parquet",
            space / "plots/synthetic/history/motion-merged-0.csv",
        ]
        assert len(files) == 6
        made.append([hashlib.sha256(path.read_bytes()).hexdigest() for path in files])
    assert made[0] == made[1]
