"""The README's numbers are committed, and what it names is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from closure import ROOT

README = (ROOT / "README.md").read_text("utf-8")


def test_commands_exist() -> None:
    stages = set(yaml.safe_load((ROOT / "dvc.yaml").read_text("utf-8"))["stages"])
    section = README.split("## The tables")[1].split("\n## ")[0]
    named = set(re.findall(r"`dvc repro (\w+)", README))
    for row in re.findall(r"^\|((?: `\w+`)+) \|", section, re.MULTILINE):
        named |= set(re.findall(r"`(\w+)`", row))
    assert len(named) > 15
    assert named <= stages
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for target in re.findall(r"\bmake (\w+)`", README):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_it_is_short() -> None:
    assert len(README.splitlines()) <= 120


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))], ids=lambda path: path.name
)
def test_pages_are_finished_and_their_links_exist(page: Path) -> None:
    text = page.read_text("utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []
    for name, anchor in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", text):
        target = page.parent / name if name else page
        heads = re.findall(r"^#+ (.*)$", target.read_text("utf-8"), re.MULTILINE)
        assert anchor in {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}
    assert not re.search(r"\bFILL\b|TOUR_TIME|TODO", text)
