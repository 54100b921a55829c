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
from commands import Result
from params_file import set_params
from task_facts import ABOUT

from motionmusic.features.skeletons import MUSICTODANCE
from motionmusic.files import write_array, write_json

LONG = (
    "test_share", "test_poison", "test_schedule", "test_dance_stage", "test_interrupted",
    "test_wiring", "test_training_stages", "test_match_stage", "test_corpus_stages", "test_browser",
    "test_synthetic", "test_study_make", "test_entries", "test_conduct",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, so that no worker sits over one of them at the end."""
    items.sort(key=lambda item: LONG.index(item.path.stem) if item.path.stem in LONG else len(LONG))


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
    quick = {"width": 4, "recipe": "quick", "batch": 6, "epochs": 4}  # it draws at every step
    set_params({f"train.synthetic.{key}": value for key, value in quick.items()}, tmp_path)
    set_params({"cotrain.synthetic.epochs": 8}, tmp_path)
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
