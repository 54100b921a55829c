"""`make verify` in a clone without data: what it finds stale, and what it says of unlocked results."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from dvc.repo import Repo

from motionmusic.app import verify

B = "stale: `dvc repro sub/dvc.yaml:b`"
HEAD = "results,command,commit,date,why\n"


def copy(name: str, into: str, *params: str) -> dict[str, object]:
    """A stage that writes what it reads."""
    write = (
        "import sys, shutil, pathlib as p; o = p.Path(sys.argv[2]); o.parent.mkdir(exist_ok=True); "
    )
    cmd = f'{sys.executable} -c "{write}shutil.copy(sys.argv[1], o)" {name} {into}'
    return {"cmd": cmd, "deps": [name], "params": [*params]}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository whose result was made and committed, its data and cache gone."""
    folder = tmp_path_factory.mktemp("made")
    second = copy("data/x", "metrics/m.json") | {"outs": [{"metrics/m.json": {"cache": False}}]}
    second["always_changed"] = True
    files = {
        "code": "1", "params.yaml": "rate: 1\n", verify.UNCHECKED: HEAD, ".gitignore": "/data\n",
        "dvc.yaml": yaml.safe_dump({"stages": {"a": copy("code", "data/x", "rate") | {"outs": ["data/x"]}}}),
        "sub/dvc.yaml": yaml.safe_dump({"stages": {"b": second | {"wdir": ".."}}}),
        ".dvc/config": "[core]\n    analytics = false\n", ".dvc/.gitignore": "/cache\n/tmp\n",
    }  # fmt: skip
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    git(folder, "init", "--quiet")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        with Repo() as repo:
            repo.reproduce("sub/dvc.yaml:b")
    git(folder, "add", "--all")
    return folder


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def clone(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[], list[str]]:
    """Verifies a copy of it; what is wrong in lines."""
    git(made, "checkout-index", "--all", f"--prefix={tmp_path}/")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", "--all")
    monkeypatch.chdir(tmp_path)

    def lines() -> list[str]:
        git(tmp_path, "add", "--all")
        status = 0
        with suppress(SystemExit):
            status = 1
            verify.main([])
            status = 0
        *said, last = capsys.readouterr().out.splitlines()
        assert last.startswith("2 of 2 stages") or status
        return said if status else []

    return lines


def replace(name: str, old: str, new: str) -> None:
    text = Path(name).read_text()
    assert old in text
    Path(name).write_text(text.replace(old, new, 1))


def test_nothing_is_stale_without_the_data(clone: Callable[[], list[str]]) -> None:
    assert not Path("data").exists()
    assert clone() == []


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("code", "1", "2", "stale: `dvc repro a`: code changed"),
        ("params.yaml", "1", "2", "stale: `dvc repro a`: rate changed"),
        ("metrics/m.json", "1", "2", f"{B}: metrics/m.json changed"),
        ("sub/dvc.yaml", "shutil, ", "shutil,  ", f"{B}: dvc.yaml changed"),
        # the data that the second stage used are not what the first made last
        ("sub/dvc.lock", "c4ca", "dddd", f"{B}: data/x, made anew since, changed"),
    ],
)  # fmt: skip
def test_what_is_stale_is_named(
    name: str, old: str, new: str, said: str, clone: Callable[[], list[str]]
) -> None:
    replace(name, old, new)
    assert clone() == [said]


def test_results_without_a_lock_need_a_row(clone: Callable[[], list[str]]) -> None:
    Path("metrics/other").mkdir()
    Path("metrics/other/n.json").write_text("1")
    assert clone() == ["of unknown origin: files in metrics/other"]
    row = "metrics/other/,dvc repro n,abc1234,2026-11-28,needs stand-ins\n"
    Path(verify.UNCHECKED).write_text(HEAD + row)
    assert clone() == []
    Path("metrics/other/n.json").unlink()
    assert clone() == ["nothing unchecked begins with metrics/other/: remove its row"]
