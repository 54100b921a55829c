"""A training away from home, here on the CPU: with few packages, for seconds, the same bytes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from zipfile import ZipFile

import gpu
import gpu_steps
import pandas as pd
import pytest
import steps
import torch
import train_motion
from closure import ROOT
from commands import until
from params_file import set_params

from motionmusic.errors import UserError

# what a borrowed machine has; of the project's own needs it lacks DVC, pydantic, YAML, librosa, …
PRESENT = (
    "torch numpy pandas pyarrow safetensors tqdm packaging dateutil six typing_extensions sympy mpmath"
    " motionmusic gpu cotrain train_longer train_motion train_music torchgen sitecustomize"
)
ABSENT = f"""
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if not (top in sys.stdlib_module_names or top.startswith("_") or top in {PRESENT.split()}):
            raise ModuleNotFoundError(f"{{name}} is not there", name=name)

sys.meta_path.insert(0, Absent())
"""


@pytest.fixture
def packed(small: Path) -> Path:
    """The workspace of small cells with one fold, one epoch each, and its pack."""
    set_params({"train.synthetic.epochs": 1, "cotrain.synthetic.epochs": 1})
    index = small / "data/synthetic/segments/index.parquet"
    pd.read_parquet(index).query("fold == 0").to_parquet(index)
    gpu.pack("synthetic")
    return small


def test_what_has_ended_comes_back_as_its_stage_would_have_written_it(
    packed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (packed / "absent").mkdir()
    (packed / "absent/sitecustomize.py").write_text(ABSENT)
    environment = os.environ | {
        "PYTHON": sys.executable, "PYTHONPATH": str(packed / "absent"), "NO_MPS": "1",
    }  # fmt: skip
    run = subprocess.Popen(
        ["bash", str(ROOT / "benchmarks/gpu.sh"), "9999", "out", "--parts", "cells", "--side", "2"],
        env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        start_new_session=True,
    )  # fmt: skip
    results = Path("out/cells.zip")
    until(lambda: results.exists() or run.poll() is not None)
    os.killpg(run.pid, signal.SIGKILL)
    said, _ = run.communicate()
    assert results.exists(), said
    assert "FAILED" not in said, (packed / "out/log.txt").read_text("utf-8")
    with ZipFile(results) as file:
        cells = json.loads(file.read("made.json"))["cells"]
    assert cells[0] in {"motion-joints-0", "motion-bones-0"}

    folder = packed / "data/synthetic/cells" / cells[0]
    gpu.bring(results)
    commit = f"dvc commit --force pipeline/task/synthetic/dvc.yaml:{gpu.stage_of(cells[0])}"
    assert f"# with seeds: [0] in params.yaml\n{commit}" in capsys.readouterr().out
    with pytest.raises(UserError, match="no such folder"):
        gpu.bring(results)
    brought = {path.name: path.read_bytes() for path in folder.iterdir()}
    shutil.rmtree(folder)
    train_motion.main(["synthetic", *cells[0].split("-")[1:]])
    assert set(brought) == {"predictions.parquet", "history.csv"}
    assert all((folder / name).read_bytes() == content for name, content in brought.items())
    record = json.loads((packed / f"metrics/synthetic/runs/{cells[0]}.json").read_text())
    assert set(record) == {"git", "machine", "seconds"}

    (packed / "data/synthetic/segments/about.json").write_text("{}")
    with pytest.raises(UserError, match=r"about\.json"):
        gpu.bring(results)


def test_time_ends_what_runs_and_a_failure_ends_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    work: dict[str, Callable[[], object]]
    work = {"quick": lambda: None, "wrong": lambda: 1 / 0, "slow": lambda: time.sleep(60)}
    cells = [gpu.Cell(name, name, ()) for name in work]
    cells += [gpu.Cell("next", "quick", (), ("quick",)), gpu.Cell("never", "quick", (), ("wrong",))]
    monkeypatch.setattr(gpu, "order", lambda seed: cells if seed == 0 else [])
    monkeypatch.setattr(gpu, "trained", lambda cell, task: work[cell.script]())
    # the time is up once two have ended; the second begins where the wrong one was
    clock = SimpleNamespace(monotonic=lambda: 0.0, sleep=time.sleep)

    def results(task: str, ended: list[gpu.Cell]) -> bytes:
        clock.monotonic = lambda: float(len(ended) == 2)
        return b""

    monkeypatch.setattr(gpu, "time", clock)
    monkeypatch.setattr(gpu, "results", results)
    ended = gpu.cells("synthetic", tmp_path, 1.0, 2)
    assert {cell.name for cell in ended} == {"quick", "next"}
    said = capsys.readouterr().out
    assert "slow out of time" in said
    assert "wrong FAILED" in said


def test_cells_come_after_those_that_they_go_on_from() -> None:
    """And first are all that the fused FC cell and its control need: 7 of the 16."""
    seen: list[str] = []
    for cell in gpu.order(3):
        assert set(cell.after) <= set(seen)
        seen.append(cell.name)
    assert len(set(seen)) == 16
    wanted = {f"{a}-{kind}{b}-3" for kind in ("joints", "bones")
              for a, b in (("motion", ""), ("longer", ""), ("cotrain", "-fc"))}  # fmt: skip
    assert set(seen[:7]) == wanted | {"music-3"}
    assert gpu.stage_of("cotrain-joints-fc-3") == "cotrain@joints-fc-3"
    assert gpu.stage_of("music-3") == "train_music@3"


@pytest.mark.usefixtures("torch_alone")
def test_steps_on_the_cpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu_steps, "SIZE", steps.Size("aist", 5, 3))
    monkeypatch.setattr(gpu_steps, "BLOCKS", 1)
    monkeypatch.setattr(gpu_steps, "EPOCH", 1)
    monkeypatch.setattr(gpu_steps, "profiled", lambda *_: "")  # takes seconds
    monkeypatch.setattr(steps, "gflop_of", lambda *_: 2.0)
    gpu_steps.measure(4, tmp_path)
    found = json.loads((tmp_path / "steps.json").read_text("utf-8"))
    assert {(row["step"], row["way"]) for row in found["steps"]} == {
        (step, way) for step in steps.STEPS for way in (gpu_steps.AUTHORS, "ours fp32", "ours bf16")
    }
    for row in found["steps"]:
        assert row["samples_per_s"] * row["s"] == pytest.approx(5, rel=1e-3)
        assert row["tflop_per_s"] * row["s"] == pytest.approx(0.002, rel=1e-3)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_two_processes_at_once_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu_steps, "SIZE", steps.Size("aist", 5, 3))
    monkeypatch.setattr(gpu_steps, "MEASURED_S", 0.1)
    monkeypatch.setattr(gpu_steps, "LONGEST_S", 900)
    assert gpu_steps.at_once(2, 4, tmp_path / "log.txt", 900) > 0
    monkeypatch.setattr(gpu_steps, "ways", lambda *_: {})
    assert gpu_steps.at_once(1, 4, tmp_path / "log.txt") == 0
