"""Fixtures that several test folders share."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

# a test is one thread, however many run beside it
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from commands import Result

LONG = (
    "test_share", "test_poison", "test_schedule", "test_corpus_stages", "test_wiring",
    "test_browser", "test_study_make", "test_interrupted", "test_synthetic", "test_training_stages",
    "test_music_stages", "test_contrastive", "test_dance_stage", "test_match_stage",
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
def small(tmp_path: Path, torch_alone: None, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The workspace of small_task, without trainings; the current folder."""
    import small_task

    small_task.write_task(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MOTIONMUSIC_DEVICE", "cpu")
    return tmp_path


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Debian's Chromium without a screen."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("needs Debian's package chromium")
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright, of extra dev")
    with playwright.sync_playwright() as run:
        # as root, which CI is, Chromium has no sandbox
        found = run.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield found
        found.close()
