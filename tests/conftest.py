"""Fixtures that several test folders share."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from commands import Result
from hypothesis import HealthCheck, settings

# nothing that is set on a machine reaches a test or what it starts; a test is one thread
_SET = r"(?i)(GIT|DVC|AWS|GITHUB|TQDM)_|(\w+_)?PROXY$|\w*_COLORS?$|MOTIONMUSIC_(?!MIRROR$)|TERMINAL_WIDTH$"
for _name in [name for name in os.environ if re.match(_SET, name)]:
    del os.environ[_name]
os.environ |= {
    "OMP_NUM_THREADS": "1", "MOTIONMUSIC_DEVICE": "cpu", "COLUMNS": "80", "LINES": "24", "NO_PROXY": "*",
    "MPLBACKEND": "agg", "MATPLOTLIBRC": os.devnull,
    "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_COUNT": "1",
    "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*",
    **{f"GIT_{who}_NAME": "nobody" for who in ("AUTHOR", "COMMITTER")},
    **{f"GIT_{who}_EMAIL": "nobody@localhost" for who in ("AUTHOR", "COMMITTER")},
}  # fmt: skip

# the same examples everywhere, however slow it is there; nothing is written into the sources
settings.register_profile("any", deadline=None, derandomize=True, database=None,
                          suppress_health_check=[HealthCheck.too_slow])  # fmt: skip
settings.load_profile("any")

LONG = (
    "test_share", "test_readme", "test_poison", "test_schedule", "test_corpus_stages", "test_wiring",
    "test_browser", "test_study_make", "test_interrupted", "test_synthetic", "test_training_stages",
    "test_music_stages", "test_contrastive", "test_dance_stage", "test_match_stage",
)  # fmt: skip


def pytest_xdist_auto_num_workers() -> int:
    """One for each core, as far as there are 2 GiB for each."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    limit = Path("/sys/fs/cgroup/memory.max")
    if limit.exists() and (most := limit.read_text().strip()).isdecimal():
        memory = min(memory, int(most))
    return max(1, min(len(os.sched_getaffinity(0)), memory >> 31))


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
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Callable[..., Result]:
    """``motionmusic`` with arguments, as a user meets it who has used it never before."""
    from motionmusic.app import cli

    monkeypatch.setenv("MOTIONMUSIC_CACHE", str(tmp_path_factory.mktemp("cache")))

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
        new_page = found.new_page

        def patient(**given: Any) -> Any:
            page = new_page(**given)
            page.set_default_timeout(300_000)
            return page

        found.new_page = patient
        yield found
        found.close()
