"""Fixtures that several test folders share."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

# a test is one thread, however many run beside it
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
import pytest
import yaml
from closure import ROOT
from commands import Result
from task_facts import ABOUT

from motionmusic.features.skeletons import MUSICTODANCE
from motionmusic.files import write_array, write_json


@pytest.fixture
def torch_alone() -> Iterator[None]:
    """One thread and a seed for torch, and none of it left behind."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        yield
    torch.set_num_threads(threads)


@pytest.fixture
def command(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., Result]:
    """``motionmusic`` with arguments, as a user meets it."""
    from motionmusic.app import cli

    def run(*arguments: object, columns: int = 120) -> Result:
        monkeypatch.setattr(sys, "argv", ["motionmusic", *map(str, arguments)])
        monkeypatch.setenv("COLUMNS", str(columns))
        with pytest.raises(SystemExit) as caught:
            cli.main()
        return Result(int(caught.value.code or 0), *capfd.readouterr())

    return run


@pytest.fixture
def space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace with the segments of two folds of `synthetic`, small networks, recipe quick."""
    params = yaml.safe_load((ROOT / "params.yaml").read_text("utf-8"))
    params["train"]["synthetic"] |= {
        "width": 4,
        "recipe": "quick",  # whose augmentation draws at every step
        "batch": 6,
        "epochs": 4,
    }
    params["cotrain"]["synthetic"]["epochs"] = 8
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    folder = tmp_path / "data" / "synthetic" / "segments"
    rng = np.random.default_rng(0)
    joints = rng.random((36, 3, 25, 23)).astype(np.float32)
    bones = joints - joints[..., list(MUSICTODANCE.parents)]
    write_array(folder / "joints.npy", joints)
    write_array(folder / "bones.npy", bones)
    write_array(folder / "merged.npy", np.concatenate([joints, bones], axis=1))
    write_array(folder / "music.npy", rng.random((36, 1, 96, 25)).astype(np.float32))
    split = {0: "test", 1: "validation", 2: "train"}
    rows = [
        {"split": split[(i // 4 + fold) % 3], "fold": fold, "piece": f"P_{i % 12}",
         "excerpt": i // 12, "segment": 0, "label": i % 4}
        for fold in range(2) for i in range(36)
    ]  # fmt: skip
    pd.DataFrame(rows).to_parquet(folder / "index.parquet")
    write_json(folder / "about.json", ABOUT)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def small(tmp_path: Path, torch_alone: None, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The workspace of small_task, without trainings; the current folder."""
    import small_task

    small_task.write_task(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MOTIONMUSIC_DEVICE", "cpu")
    return tmp_path
