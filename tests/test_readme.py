"""The README shows what is committed, and names what there is."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")


def test_table_is_the_committed_one() -> None:
    table = (ROOT / "metrics" / "overview" / "overview.md").read_text("utf-8").strip()
    assert table in README
    assert table in (ROOT / "docs" / "fidelity.md").read_text("utf-8")


def test_matching_table_is_the_committed_one() -> None:
    assert (ROOT / "metrics/audio_time/matching.md").read_text("utf-8").strip() in README


def test_conducting_tables_are_the_committed_ones() -> None:
    committed = (ROOT / "metrics/audio_time/conducting.md").read_text("utf-8").strip().split("\n\n")
    section = README.split("## Motion from music")[1].split("\n## ")[0]
    blocks = [block.strip() for block in section.split("\n\n")]
    tables = [block for block in blocks if block.startswith("|")]
    assert len(tables) == 3
    assert set(tables) <= set(committed)


def test_pictures_and_links_exist() -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in link]
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_commands_exist() -> None:
    stages = set(yaml.safe_load((ROOT / "dvc.yaml").read_text("utf-8"))["stages"])
    named = set(re.findall(r"`?dvc repro (\w+)", README)) | {"table6", "figure4", "figure5"}
    assert named <= stages
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for target in re.findall(r"\bmake (\w+)", README):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
