"""The README's numbers are committed, and what it names is there."""

from __future__ import annotations

import re

import pytest
import yaml
from closure import ROOT

README = (ROOT / "README.md").read_text("utf-8")


def test_pictures_and_links_exist() -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in link]
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


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


def test_it_is_short_and_finished() -> None:
    assert len(README.splitlines()) <= 120
    assert not re.search(r"FILL|TOUR_TIME|TODO", README)


@pytest.mark.parametrize("page", sorted(path.name for path in (ROOT / "docs").glob("*.md")))
def test_links_of_the_docs_exist(page: str) -> None:
    text = (ROOT / "docs" / page).read_text("utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]
    assert [link for link in links if not (ROOT / "docs" / link).exists()] == []
    assert not re.search(r"\bFILL\b|TOUR_TIME|TODO", text)
