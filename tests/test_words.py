"""What the pages name is there: targets, commands with their options, files; and they stay short."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import typer
import weigh
import yaml
from closure import ROOT

from motionmusic.app.cli import app

PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
PAGES += sorted((ROOT / "docs").glob("*.md"))
ROOMS = "data|features|models|training|scoring|results|findings|report|render|app"


def code_of(page: Path) -> list[str]:
    """Lines of blocks and what stands in backticks, without remarks.

    Of CHANGELOG, whose tables name what is gone, only what is no row of a table.
    """
    text = page.read_text("utf-8")
    if page.name == "CHANGELOG.md":
        text = re.sub(r"^\|.*$", "", text, flags=re.MULTILINE)
    found = re.findall(r"^ {4,}(\S.*)$", text, re.MULTILINE) + re.findall(r"`([^`\n]+)`", text)
    found = [re.sub(r"(?: {2,}|^)#.*$", "", line) for line in found]
    values = dict(re.findall(r"^ {4}(\w+)=(\S+)$", text, re.MULTILINE))
    return [re.sub(r"\$(\w+)", lambda name: values.get(name[1], name[0]), line) for line in found]


def stages(file: Path) -> set[str]:
    return set(yaml.safe_load(file.read_text("utf-8"))["stages"])


def missing_targets(line: str) -> list[str]:
    """Of ``dvc repro``, ``dvc exp run`` and ``schedule``: those that no dvc.yaml has."""
    head = re.search(r"(?:dvc repro|dvc exp run|app\.schedule) (.*?)(?:&&|$)", line)
    words = head[1].split() if head else []
    words = [word for before, word in zip(["", *words], words, strict=False)
             if before not in ("-S", "-n", "--copy-paths", "--workers", "--gpus", "--scheduler")
             and not word.startswith(("-", "'", '"'))]  # fmt: skip
    missing = []
    for word in words:
        path, _, names = word.rpartition(":")
        path = re.sub(r"/(NAME|C|T)/", "/m2d.paper/" if "task" in path else "/m2d/", path)
        file = ROOT / (path or "dvc.yaml")
        for name in re.sub(r"@\S*", "", names.strip("{}").replace("…", "")).split(","):
            stage = re.sub(r"[@{}].*", "", name)
            if stage and (not file.is_file() or stage not in stages(file)):
                missing.append(word)
    return missing


def command_of(words: list[str]) -> tuple[Any, list[str]]:
    """A command of motionmusic by its words, and the words that are left."""
    found: Any = typer.main.get_command(app)
    while words and words[0] in getattr(found, "commands", {}):
        found, words = found.commands[words[0]], words[1:]
    return found, words


def missing_options(line: str) -> list[str]:
    """Options and commands that ``motionmusic`` does not have."""
    if not (head := re.match(r"motionmusic (.*)", line)):
        return []
    command, words = command_of(head[1].split())
    known = {
        name for parameter in command.params for name in parameter.opts + parameter.secondary_opts
    }
    known |= {"--help", "--install-completion"}
    given = [word for word in words if word.startswith("-")]
    unknown = [word for word in given if word not in known]
    return unknown + ([line] if hasattr(command, "commands") and not given else [])


def missing_files(line: str) -> list[str]:
    """Files of the repository that are not there; capitals and … stand for names."""
    found = re.findall(r"(?<![\w/.])((?:src|stages|tests|benchmarks|pipeline)/[\w./-]+\.\w+)", line)
    found += [f"src/motionmusic/{name}" for name in re.findall(rf"^((?:{ROOMS})/\w+\.py)$", line)]
    found += [f"src/{name.replace('.', '/')}.py" for name in
              re.findall(r"-m (motionmusic\.app\.\w+)", line)]  # fmt: skip
    return [name for name in found if not re.search(r"/(NAME|KIND|my_model)[/.]", name)
            and not (ROOT / name).exists()]  # fmt: skip


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_it_names_is_there(page: Path) -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    lines = code_of(page)
    made = [name for line in lines for names in re.findall(r"\bmake ((?:[a-z-]+ ?)+)", line)
            if line.startswith("make ") or "&& make" in line for name in names.split()]  # fmt: skip
    assert [name for name in made if name not in targets] == []
    assert [name for line in lines for name in missing_targets(line)] == []
    assert [name for line in lines for name in missing_options(line)] == []
    assert [name for line in lines for name in missing_files(line)] == []


def test_they_are_short() -> None:
    """12,000 words with docs/findings.md, which is written from the results and may grow a little."""
    by_hand = [page for page in weigh.PAGES if page.name != "findings.md"]
    assert weigh.words(*by_hand) <= 10_400
