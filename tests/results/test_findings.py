"""docs/findings.md is what the stage writes of the committed metrics, and has no number of its own."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from closure import ROOT
from results.test_splits_table import board

from motionmusic.findings import findings
from motionmusic.findings.findings import facts, page, percent, pictures, points, share
from motionmusic.results.ladder_table import PROTOCOLS
from motionmusic.results.leaderboard import splits_table
from motionmusic.results.table import write_tables
from motionmusic.scoring.intervals import Interval

TEMPLATE = (ROOT / "src/motionmusic/findings/findings.md.j2").read_text("utf-8")


@pytest.fixture
def space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the committed metrics, to be changed."""
    shutil.copytree(ROOT / "metrics", tmp_path / "metrics")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "metrics"


def test_the_page_is_what_the_metrics_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    text = (ROOT / "docs/findings.md").read_text("utf-8")
    assert text == page(facts()), "run `dvc repro findings`"
    prose = [line for line in text.splitlines() if not line.startswith("|")]
    assert len(" ".join(prose).split()) <= 1500
    shown = re.findall(r"!\[[^]]+\]\(([^)]+)\)", text)
    assert len(shown) <= 6
    assert all((ROOT / "docs" / name).is_file() for name in shown)


def test_the_pictures_show_each_model_under_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    found = facts()
    shown = {
        name: [(bar.get_label(), bar[0].get_xdata()[0]) for bar in figure.axes[0].containers]
        for name, figure in pictures(found).items()
    }
    names = {"fc": "MCLEMCD-FC, joints and bones", "fc_joints": "MCLEMCD-FC, joints",
             "lr": "logistic regression, joints"}  # fmt: skip
    assert shown["splits"] == [
        (names[cell], pytest.approx(100 * Interval.read(found[task][cell]).value))
        for task in findings.SPLITS if found[task] for cell in names
    ]  # fmt: skip
    assert shown["in_time"] == [
        (name, pytest.approx(100 * Interval.read(found["timing"][version][model][test]).value))
        for model in ("phase", "onset") for test in ("by_piece", "by_figure")
        for version, name in findings.VERSIONS.items()
    ]  # fmt: skip


def test_no_number_is_typed() -> None:
    prose = re.sub(r"<!--.*-->|{[{%].*?[%}]}|`[^`]+`|\]\(\S+\)", "", TEMPLATE)
    assert set(re.findall(r"\d[\d,.]*\d|\d", prose)) == {
        "2024",
        "95",
    }  # the paper's year, intervals


def test_numbers_as_they_are_written() -> None:
    assert percent({"value": 0.983333, "low": 0.955025, "high": 1.0}) == "98.3 % [95.5, 100.0]"
    assert points({"value": -0.111, "low": -0.2, "high": 0.01}) == "−11.1 points [−20.0, +1.0]"
    assert (share(0.25), share(0.5751)) == ("25 %", "57.5 %")


def test_another_result_is_another_page(space: Path) -> None:
    path = space / "m2d/paper/evaluation.json"
    of = json.loads(path.read_text())
    of["cells"]["fc/fused"]["segment"] |= {"value": 0.5432, "low": 0.5, "high": 0.61}
    path.write_text(json.dumps(of))
    assert "**54.3 % [50.0, 61.0]** split by the same rule: " in page(facts())


def test_the_papers_size_is_told_as_far_as_it_was_run(space: Path) -> None:
    """Its Table 3 without collaborative learning has two rows of one recipe."""
    task, whole = space / "m2d/paper_full", space / "m2d/paper"
    shutil.rmtree(task, ignore_errors=True)
    assert "the paper's full schedule and anything on a GPU" in page(facts())
    (task / "alone").mkdir(parents=True)
    for name, value in (("fused", 0.91), ("bones", 0.81), ("joints", 0.71)):
        scored = {"segment": {"value": value, "low": 0.6, "high": 0.99}}
        (task / f"alone/{name}-0.json").write_text(json.dumps(scored))
    text = page(facts())
    assert (
        "they have 91.0 % [60.0, 99.0] (one seed; the paper's two runs: 93.96 and 95.17), from "
        "joints 71.0 % [60.0, 99.0] (77.54 and 88.16)."
    ) in text
    assert "collaborative learning at full length and anything on a GPU were not" in text
    for name in ("leakage.json", "evaluation.json"):
        (task / name).write_bytes((whole / name).read_bytes())
    assert page(facts()) == text, "its tables are not made yet"
    shutil.copytree(whole / "tables", task / "tables")
    text = page(facts())
    assert "With the paper's width and epochs our networks have 98.6 %" in text
    assert "AIST++ as a whole and anything on a GPU" in text


def test_what_was_not_run_is_said(space: Path) -> None:
    for name in findings.TASKS.values():
        shutil.rmtree(space / name.replace(".", "/"), ignore_errors=True)
    for gone in ("on_beat/timing", "aist_retargeted/two_corpora", "aist_retargeted/ladder"):
        (space / f"{gone}.json").unlink()
    for folder in ("on_beat/by_piece", "splits", "collaborative"):
        shutil.rmtree(space / folder, ignore_errors=True)
    found = facts()
    assert pictures(found) == {}
    text = page(found)
    assert "\n\n\n" not in text
    for command in ("table3", "splits", "genres", "collaborative"):
        assert re.search(rf"not run yet[^\n]*`dvc repro {command}`", text, re.IGNORECASE), command


def test_where_collaborative_learning_was_not_compared_is_said(space: Path) -> None:
    text = page(facts() | {"collaborative": "| a |", "not_compared": ["a.task", "another"]})
    assert "| a |\n\n*Not run yet on a.task, another.*\n" in text
    for task in findings.STATED:
        file = space / task.replace(".", "/") / "collaborative.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("{}")
    assert facts()["not_compared"] == []
    assert "Not run yet on" not in page(facts())
    (space / "on_beat/by_piece/collaborative.json").unlink()
    assert facts()["not_compared"] == ["on_beat.by_piece"]


def test_the_splits_are_told_in_the_columns_that_matter(space: Path) -> None:
    boards = {"a.task": board(0.5, networks=True)}
    write_tables(
        space / "splits", "splits", [splits_table(boards, {"a.task": 0.25}, "facing_ensemble")]
    )
    lines = page(facts()).splitlines()
    row = next(line for line in lines if line.startswith("| a.task"))
    assert [cell.strip() for cell in row.strip("|").split("|")] == [
        "a.task", "25.0", "50.0", "random forest", "51.0", "53.0", "+2.0 [−10.0, +10.0]", "yes"
    ]  # fmt: skip
    assert "dvc repro splits" not in page(facts())


def ladder() -> dict[str, Any]:
    """ladder.json of a made-up ladder: the entry is a tenth better than the baseline everywhere."""

    def of(value: float) -> dict[str, Any]:
        number = {"value": value, "low": value - 0.05, "high": value + 0.05}
        half = {"value": value / 2, "low": value / 2 - 0.05, "high": value / 2 + 0.05}
        return {"all": {"segment": {"accuracy": number, "balanced": half, "n": 1330}}}

    gain = {"segment": {"value": 0.1}, "excerpt": {"value": 0.12, "low": -0.01, "high": 0.25}}
    return {
        "protocols": {
            name: {
                "best": "random_forest",
                "models": {"random_forest": of(0.9 - 0.1 * n), "mine": of(0.95 - 0.1 * n),
                           "held": of(0.3), "tempo": of(0.4), "majority": of(0.2),
                           "logistic_regression": of(0.1)},
                "ahead": {"mine": gain},
            }
            for n, name in enumerate(PROTOCOLS)
        }
    }  # fmt: skip


def test_a_ladder_is_told_split_by_split(space: Path) -> None:
    (space / "aist_retargeted/ladder.json").write_text(json.dumps(ladder()))
    text = page(facts())
    for phrase in (
        "Of 1330 segments", "90.0 % [85.0, 95.0] if they are dealt at random",
        "80.0 % [75.0, 85.0] with new tracks",
        "70.0 % [65.0, 75.0] with new dancers", "60.0 % [55.0, 65.0] with new choreographies",
        "**50.0 % [45.0, 55.0]** with both new", "over ten genres the baseline has 25.0 % [20.0, 30.0]",
        "the tempo alone has 40.0 % [35.0, 45.0]", "the largest genre alone 20.0 % [15.0, 25.0]",
        "is not shown to be better: +12.0 points [−1.0, +25.0] per dance",
    ):  # fmt: skip
        assert phrase in text, phrase
