from __future__ import annotations

import importlib
import io
import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from motionmusic.errors import UserError
from motionmusic.files import write_json
from motionmusic.params import Segment, Train
from motionmusic.results import tables
from motionmusic.results.paper import printed, printed_confusion

NETWORKS = ("alone", "longer", "plain", "dropout", "fc")
BASELINES = ("majority", "random_forest")
SEGMENT = Segment(
    excerpt_frames=229, segment_frames=25, excerpts_per_class=34, excerpts_per_piece="all",
    choose="first", protocol="paper", folds=1, split_seed=0,
)  # fmt: skip
TRAIN = Train(
    width=64, batch=72, learning_rate=0.0005, schedule="constant", precision="fp32", recipe="paper",
    epochs_alone=1500, epochs_together=1400, select="last_hundred",
)  # fmt: skip
# two files claim the first cell, the second gives the printed value; the third is of another split
AUTHORS: list[dict[str, Any]] = [
    {"table": "table3", "row": "dropout", "cl": "no", "input": "bones", "sources": [
        {"file": "a.pkl", "right": 1, "n": 414, "reproduces": False},
        {"file": "b.pkl", "right": 387, "n": 414, "reproduces": True}]},
    {"table": "table3", "row": "plain", "cl": "no", "input": "bones", "sources": [
        {"file": "c.pkl", "right": 308, "n": 432, "reproduces": False}]},
    {"table": "table5", "row": "fc", "cl": "yes", "input": "bones", "sources": [
        {"file": "d.pkl", "right": 46, "n": 46, "reproduces": False}]},
]  # fmt: skip
CELLS = [f"{row}/{kind}" for row in NETWORKS for kind in tables.INPUTS]
CELLS += [f"{row}/joints" for row in BASELINES]


def evaluation(seeds: int = 3, low: float | None = -0.02) -> dict[str, Any]:
    """Every cell's accuracy is another one, so that a misplaced cell is seen."""

    def scores(number: int, unit: str) -> dict[str, Any]:
        mean = 0.5 + 0.011 * number + (0.2 if unit == "excerpt" else 0)
        return {
            "mean": mean, "sd": 0.008 if seeds > 1 else None, "low": mean - 0.05,
            "high": mean + 0.03, "per_seed": [mean] * seeds,
        }  # fmt: skip

    gain = {"difference": 0.031, "low": low, "high": None if low is None else 0.07}
    units = ("segment", "excerpt")
    return {
        "classes": ["Cha-cha", "Rumba", "Tango", "Waltz"],
        "n_segments": 414, "n_excerpts": 46, "n_pieces": 22, "n_seeds": seeds,
        "chance": {"uniform": 0.25, "largest_class": 117 / 414},
        "cells": {
            cell: {unit: scores(number, unit) for unit in units}
            for number, cell in enumerate(CELLS)
        },
        "collaborative_gain": {
            "alone": {"fused": {"fc": dict.fromkeys(units, gain)}},
            "longer": {"fused": {"fc": dict.fromkeys(units, gain | {"difference": 0.004})}},
        },
    }  # fmt: skip


def table(
    name: str, unit: str, paper: bool = True, dataset: str = "m2d", **kind: Any
) -> dict[str, Any]:
    beside = printed(name) if paper else None
    files = AUTHORS if paper else None
    return tables.accuracy_table(
        name, dataset, evaluation(**kind), unit, SEGMENT, TRAIN, beside, files
    )


def expected(unit: str) -> list[str]:
    values = evaluation()["cells"].values()
    return [
        f"{100 * cell[unit]['mean']:.1f} ± 0.8"
        f" [{100 * cell[unit]['low']:.1f}, {100 * cell[unit]['high']:.1f}]"
        for cell in values
    ]


UNITS = [("table3", "segment"), ("table5", "excerpt"), ("table4", "segment"), ("table6", "excerpt")]


@pytest.mark.parametrize(("name", "unit"), UNITS)
def test_markdown_has_every_cell_once_and_every_printed_value(name: str, unit: str) -> None:
    text = tables.accuracy_markdown(table(name, unit))
    assert [text.count(cell) for cell in expected(unit)] == [1] * len(CELLS)
    for cell in printed(name).to_dict("records"):
        if cell["cl"] == "yes":
            assert f"paper {cell['percent']:.2f} " in text, cell
    pairs = printed(name)[lambda cells: cells["cl"] == "no"].pivot(
        index="input", columns="row", values="percent"
    )
    for plain, dropout in zip(pairs["plain"], pairs["dropout"], strict=True):
        assert f"paper {plain:.2f} / {dropout:.2f}" in text


def test_cells_stand_where_they_belong() -> None:
    by_segment = tables.accuracy_markdown(table("table3", "segment")).splitlines()
    numbers = dict(zip(CELLS, expected("segment"), strict=True))
    line = next(line for line in by_segment if line.startswith("| MCLEMCD-FC"))
    assert line.split("|")[2:-1] == [
        f" {text.strip():{len(cell) - 2}} "
        for text, cell in zip(
            ["yes", *(numbers[f"fc/{kind}"] for kind in tables.INPUTS)],
            line.split("|")[2:-1],
            strict=True,
        )
    ]
    by_excerpt = tables.accuracy_markdown(table("table5", "excerpt")).splitlines()
    numbers = dict(zip(CELLS, expected("excerpt"), strict=True))
    line = next(line for line in by_excerpt if line.startswith("| exp. 3: fused"))
    assert [cell.strip() for cell in line.split("|")[2:-1]] == [
        numbers[f"{row}/fused"] for row in NETWORKS
    ]


@pytest.mark.parametrize(("name", "unit"), UNITS)
def test_columns_are_aligned(name: str, unit: str) -> None:
    text = tables.accuracy_markdown(table(name, unit))
    for block in text.split("\n\n"):
        lines = block.splitlines()
        if lines[0].startswith("|"):
            bars = [[place for place, sign in enumerate(line) if sign == "|"] for line in lines]
            assert all(line == bars[0] for line in bars)
        else:
            assert max(map(len, lines)) <= 100


def test_caption_names_what_a_reader_must_know() -> None:
    text = " ".join(tables.accuracy_markdown(table("table3", "segment")).split())
    for fact in (
        "m2d", "Protocol paper, 1 fold", "3 seeds", "414 test segments", "46 excerpts", "22 pieces",
        "chance 25.0 %", "28.3 %", "width 64", "1500 epochs", "+ 1400 with", "95 % interval",
        "bootstrap over pieces", "1400 epochs longer", "cannot reach the motion encoder",
    ):  # fmt: skip
        assert fact in text, fact


def test_one_seed_has_no_standard_deviation() -> None:
    result = table("table3", "segment", seeds=1)
    text = tables.accuracy_markdown(result)
    assert "±" not in text
    assert "One seed" in text
    assert {cell["sd"] for cell in result["cells"]} == {None}


def test_the_authors_files_stand_below_the_printed_values() -> None:
    lines = tables.accuracy_markdown(table("table3", "segment")).splitlines()
    place = next(i for i, line in enumerate(lines) if line.startswith("| MCLEMCD, -Dropout"))
    assert "| paper 92.27 / 93.48 |" in " ".join(lines[place + 1].split())
    assert "| files – / 93.48 |" in " ".join(lines[place + 2].split())
    by_excerpt = " ".join(tables.accuracy_markdown(table("table5", "excerpt")).split())
    assert "| files 100.00 |" in by_excerpt
    found = {(cell["row"], cell["cl"], cell["input"]): cell["files"]
             for cell in table("table3", "segment")["cells"] if cell["files"]}  # fmt: skip
    assert found == {("dropout", "no", "bones"): pytest.approx(100 * 387 / 414, abs=1e-3)}


def test_files_of_the_published_split_stand_without_printed_values() -> None:
    published = SEGMENT.model_copy(update={"protocol": "published"})
    assert not tables.comparable("paper_time_published", published)
    assert tables.with_files("paper_time_published", published)
    assert not tables.with_files("m2d_mini", published)
    result = tables.accuracy_table(
        "table3", "paper_time_published", evaluation(), "segment", published, TRAIN, None, AUTHORS
    )
    text = " ".join(tables.accuracy_markdown(result).split())
    assert "files 71.30 / –" in text
    assert "paper 9" not in text
    assert "are of another split and left out" in text
    assert "do not replicate them" in text


def test_the_control_has_the_epochs_of_collaborative_learning() -> None:
    text = " ".join(tables.accuracy_markdown(table("table3", "segment")).split())
    assert "against as many epochs without CL ² it adds +0.4 points" in text
    assert "| MCLEMCD ² | no |" in text


def test_other_data_show_no_printed_value() -> None:
    result = table("table5", "excerpt", paper=False, dataset="m2d_mini")
    text = " ".join(tables.accuracy_markdown(result).split())
    assert "are not comparable" in text
    assert "| paper " not in text
    assert "| files " not in text
    assert {cell["paper"] for cell in result["cells"]} == {None}
    assert pd.read_csv(io.StringIO(tables.accuracy_csv(result)))["paper"].isna().all()


def test_only_the_papers_data_and_split_are_comparable() -> None:
    other = SEGMENT.model_copy(update={"protocol": "by_piece", "folds": 5})
    assert tables.comparable("m2d", SEGMENT)
    assert tables.comparable("paper_time", SEGMENT)
    assert not tables.comparable("m2d", other)
    assert not tables.comparable("m2d_retimed", SEGMENT)


@pytest.mark.parametrize(
    ("low", "verdict"),
    [
        (-0.02, "+3.1 points [−2.0, +7.0]; the interval holds zero"),
        (0.01, "+3.1 points [+1.0, +7.0]; the interval does not hold zero"),
        (None, "+3.1 points, without an interval"),
    ],
)
def test_the_gain_and_whether_its_interval_holds_zero(low: float | None, verdict: str) -> None:
    result = table("table3", "segment", low=low)
    assert verdict in " ".join(tables.accuracy_markdown(result).split())
    assert result["gain"]["holds_zero"] is (None if low is None else low < 0)


def test_csv_joins_the_papers_cells_and_json_is_written(tmp_path: Path) -> None:
    result = table("table3", "segment")
    frame = pd.read_csv(io.StringIO(tables.accuracy_csv(result)), keep_default_na=False)
    assert frame.columns.tolist() == [
        "row", "cl", "input", "mean", "sd", "low", "high", "paper", "files", "n", "seeds"
    ]  # fmt: skip
    assert len(frame) == 24 + len(BASELINES)
    joined = frame.merge(printed("table3"), on=["row", "cl", "input"], validate="1:1")
    assert joined["paper"].astype(float).tolist() == joined["percent"].tolist()
    write_json(tmp_path / "table3.json", result)
    assert json.loads((tmp_path / "table3.json").read_text("utf-8")) == result


def test_settings_beside_the_papers() -> None:
    shapes = {kind: (1224, 3, 25, 23) for kind in ("joints", "bones")} | {
        "merged": (1224, 6, 25, 23)
    }
    parts = ["train"] * 405 + ["validation"] * 405 + ["test"] * 414
    index = pd.DataFrame({"fold": 0, "split": parts})
    result = tables.settings_table("table1", "m2d", SEGMENT, TRAIN, [0, 1], shapes, index)
    for row in result["experiments"]:
        assert row["ours"].removeprefix("2 × ") == row["paper"]
    settings = {row["setting"]: (row["ours"], row["paper"]) for row in result["settings"]}
    assert settings["segments: train / validation / test"] == ("405 / 405 / 414",) * 2
    assert settings["epochs without CL + with CL"] == ("1500 + 1400", "1500 + 1500")
    assert settings["seeds"][0] == "0, 1"
    text = tables.settings_markdown(result)
    frame = pd.read_csv(io.StringIO(tables.settings_csv(result)), dtype=str)
    assert len(frame) == 4 + len(settings)
    for value in (*frame["ours"], *frame["paper"]):
        assert f"| {value} " in text


def test_settings_of_folds_and_of_aist() -> None:
    index = pd.DataFrame(
        {
            "fold": [0] * 10 + [1] * 10,
            "split": ["train"] * 6
            + ["test"] * 4
            + ["train"] * 5
            + ["validation"] * 2
            + ["test"] * 3,
        }
    )
    shapes = {kind: (10, 3, 25, 17) for kind in ("joints", "bones")} | {"merged": (10, 6, 25, 17)}
    result = tables.settings_table("table2", "mine", SEGMENT, TRAIN, [0], shapes, index)
    assert [row["experiment"] for row in result["experiments"]] == [5, 6, 7, 8]
    assert [row["ours"] for row in result["experiments"]][-1] == "7×6×25×17"
    assert [row["paper"] for row in result["experiments"]][-1] == "340×6×25×17"
    assert result["settings"][0]["ours"] == "5–6 / 0–2 / 3–4 in each fold"
    assert "mine is not the paper's data set" in tables.settings_markdown(result)


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """``stage("table")`` is the module stages/table.py, in a folder with params.yaml."""
    root = Path(__file__).parents[1]
    shutil.copy(root / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(root / "stages"))
    return importlib.import_module


def test_the_stages_write_and_show_their_files(
    stage: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    made = evaluation()
    made["cells"]["fc/fused"]["confusion"] = printed_confusion("figure4")[0].tolist()
    write_json(Path("metrics/m2d/evaluation.json"), made)
    write_json(Path("metrics/authors/cells.json"), AUTHORS)
    stage("table").main(["m2d", "table3", "table5"])
    stage("figure").main(["m2d", "figure4"])
    shown = ["metrics/m2d/table3.md", "metrics/m2d/table5.md", "plots/m2d/figure4.png"]
    stage("show").main(shown)
    text = capsys.readouterr().out
    assert Path(shown[0]).read_text("utf-8") in text
    assert "The picture is in plots/m2d/figure4.png" in text
    assert len(list(Path("metrics/m2d").iterdir())) == 7
    write_json(Path("metrics/m2d_mini/evaluation.json"), made)
    with pytest.raises(
        UserError, match="expected Cha-cha, Rumba, Waltz, got Cha-cha, Rumba, Tango"
    ):
        stage("figure").main(["m2d_mini", "figure4"])
    with pytest.raises(UserError, match="no such file"):
        stage("show").main(["metrics/m2d/table9.md"])
    with pytest.raises(UserError, match="no such file"):
        stage("settings").main(["m2d", "table1"])


def test_the_figures_caption_names_the_papers_accuracy_where_it_can_be_compared(stage: Any) -> None:
    beside = stage("figure").beside_the_paper
    official = SEGMENT.model_copy(update={"protocol": "official"})
    assert "98.07 % (406 of 414)" in beside("figure4", "m2d", SEGMENT)
    assert "65.29 % (222 of 340)" in beside("figure5", "aist", official)
    assert "class names printed there are wrong" in beside("figure5", "aist", official)
    assert "not comparable" in beside("figure4", "m2d_mini", SEGMENT)
