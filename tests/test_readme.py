"""README's commands run, and what the pages name is there.

Commands are read from README: every line of its blocks and every name in backticks that a shell
would take. One that COMMANDS does not have is a failure.
"""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml
from closure import ROOT
from commands import Result

from motionmusic.data.synthetic import write_dances

README = (ROOT / "README.md").read_text("utf-8")
DANCE = "data/synthetic/raw/DANCE_C_1"  # README says that it is there after the demo
# what stands for README's capitals
FILES = {
    "DANCE": DANCE, "OUT.npz": "dance.npz", "MUSIC": f"{DANCE}/audio.flac", "FOLDER": "data/synthetic/raw",
    "CLIPS.csv": "clips.csv", "RATINGS.csv": "ratings.csv",
}  # fmt: skip


class Run(NamedTuple):
    """Run, perhaps in a short form, and one of the ways in which it may end."""

    short: str = ""
    status: tuple[int, ...] = (0,)


NETWORK, HOURS = "needs the network", "takes hours"
SHELL = "the fixture does it"
COMMANDS: dict[str, Run | str] = {  # a text says why it is not run
    "git clone <this repository> && cd <its folder>": SHELL,
    ". .venv/bin/activate": SHELL,
    "make demo": Run("make -n demo"),
    "make tour": Run("make -n tour"),
    "make help": Run(),
    "make report-zip": Run(),
    "make verify": Run(status=(0, 2)),  # 2: some results are of other code, which it names
    "pip install .": NETWORK,
    "pip install '.[pipeline]'": NETWORK,
    "motionmusic pose --install": NETWORK,
    "motionmusic recommend dance.mp4 --catalogue ~/Music --render out.mp4": NETWORK,
    "dvc repro": HOURS,
    "dvc repro m2d_mini": HOURS,
    "dvc repro own": HOURS,
    "dvc exp run -S train.m2d_mini.learning_rate=0.001 m2d_mini": Run(
        "dvc exp run --queue -S train.m2d_mini.learning_rate=0.001 m2d_mini"
    ),
    "dvc exp show --only-changed": Run(),
    "dvc metrics diff": Run(),
    "motionmusic recommend DANCE --catalogue ~/Music": Run(),
    "motionmusic render DANCE out.mp4": Run(),
    "motionmusic sync DANCE MUSIC": Run(status=(0, 1)),  # 1: not in time
    "motionmusic check DANCE": Run(),
    "motionmusic convert DANCE OUT.npz": Run(),
    "motionmusic models": Run(),
    "motionmusic evaluate FOLDER": Run(),
    "motionmusic conduct MUSIC": Run(status=(2,)),  # nobody is there to accept the licence
    "motionmusic study make CLIPS.csv": Run(),
    "motionmusic study score RATINGS.csv": Run(),
}


def commands() -> list[str]:
    """In README's order, each once."""
    found = [line.strip() for line in re.findall(r"^ {4}(\S.*)$", README, re.MULTILINE)]
    found += re.findall(r"`((?:motionmusic|dvc|make|pip) [^`]+)`", README)
    # a file of the dance's folder is no command, `dvc repro …` the head of a table
    return [name for name in dict.fromkeys(found) if not re.match(r"dances/|dvc repro …", name)]


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh clone with the changes of this folder, a dance, music, and no way to the network."""
    folder = tmp_path_factory.mktemp("readme") / "clone"
    clone = ["git", "clone", "--quiet", "--depth", "1", f"file://{ROOT}", str(folder)]
    subprocess.run(clone, check=True)
    changes = subprocess.run(["git", "diff", "HEAD"], cwd=ROOT, check=True, capture_output=True)
    if changes.stdout:
        subprocess.run(["git", "apply"], cwd=folder, check=True, input=changes.stdout)
    write_dances(folder / "data/synthetic/raw", pieces_per_type=1, seconds=6, seed=0)
    home = folder.with_name("home") / "Music"
    home.mkdir(parents=True)
    for sound in (folder / "data/synthetic/raw").glob("*/audio.flac"):
        (home / f"{sound.parent.name}.flac").write_bytes(sound.read_bytes())
    # make's own environment is this one, and is up to date
    (folder / ".venv/bin").mkdir(parents=True)
    (folder / ".venv/bin/python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    (folder / ".venv/bin/python").chmod(0o755)
    (folder / ".venv/.installed").touch()
    (folder / "report/m2d_mini/short").mkdir(parents=True)
    (folder / "report/m2d_mini/short/index.html").write_text("<title>m2d_mini</title>")
    head = "dataset,category,dance,music,clip\n"
    rows = "".join(f"demo,Waltz,W_1,{music},{music}.mp4\n" for music in ("own", "x"))
    (folder / "clips.csv").write_text(head + rows)
    for name in ("own.mp4", "x.mp4"):
        (folder / name).write_bytes(name.encode())
    head = "dataset,category,subject,major,q1,q2,q3,item\n"
    rows = "".join(f"demo,Waltz,{who},music,4,{n + 1},1,x\n" for n, who in enumerate("ABC"))
    (folder / "ratings.csv").write_text(head + rows)
    return folder


def run(clone: Path, command: str) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    names = {f"GIT_{who}_{what}": "a@localhost" for who in ("AUTHOR", "COMMITTER")
             for what in ("NAME", "EMAIL")}  # fmt: skip
    given = {"PATH": path, "PYTHONPATH": "src", "HOME": str(clone.with_name("home"))} | names
    return subprocess.run(
        command, shell=True, cwd=clone, env=os.environ | given, check=False, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


@pytest.mark.parametrize("line", commands())
def test_commands_run(
    clone: Path, line: str, command: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of ``motionmusic`` in this process, but for one."""
    assert line in COMMANDS, "a command of README that COMMANDS does not know"
    how = COMMANDS[line]
    if isinstance(how, str):
        return
    words = [FILES.get(word, word) for word in (how.short or line).split(" ")]
    if words[0] == "motionmusic" and line != "motionmusic models":
        monkeypatch.chdir(clone)
        home = str(clone.with_name("home"))
        monkeypatch.setattr("sys.stdin", io.StringIO())
        status, out, err = command(*(word.replace("~", home) for word in words[1:]))
        said = out + err
    else:
        ended = run(clone, " ".join(words))
        status, said = ended.returncode, ended.stdout
    assert status in how.status, said
    assert "Traceback" not in said
    assert said.strip() or "repro" in line


def test_no_command_is_listed_that_readme_has_not() -> None:
    assert set(COMMANDS) <= set(commands())


def test_stages_are_there() -> None:
    section = README.split("## The tables")[1].split("\n## ")[0]
    names = set(re.findall(r"`dvc repro (\w+)", README))
    for row in re.findall(r"^\|((?: `\w+`)+) \|", section, re.MULTILINE):
        names |= set(re.findall(r"`(\w+)`", row))
    assert len(names) > 15
    assert names <= set(yaml.safe_load((ROOT / "dvc.yaml").read_text("utf-8"))["stages"])


def test_it_is_short() -> None:
    assert len(README.splitlines()) <= 120


@pytest.mark.parametrize(
    "page", [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))],
    ids=lambda path: path.name,
)  # fmt: skip
def test_pages_are_finished_and_their_links_exist(page: Path) -> None:
    text = page.read_text("utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []
    for name, anchor in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", text):
        target = page.parent / name if name else page
        heads = re.findall(r"^#+ (.*)$", target.read_text("utf-8"), re.MULTILINE)
        assert anchor in {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}
    assert not re.search(r"\bFILL\b|TOUR_TIME|TODO", text)
