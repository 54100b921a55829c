"""Every measured number in README, docs and docstrings has a file behind it (claims.csv).

A row: the text's file; a phrase of it; where the number is (a JSON or CSV file, or ``findings`` for
what docs/findings.md is written from); the way to it, ``a>b>0`` in JSON, ``column=value>column`` in CSV;
how it is written: percent, points, signed, plain of an interval; share or number, with digits; text of a .md
"""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from closure import ROOT

from motionmusic.data.choreonet import HOLD, START, figure_of
from motionmusic.files import rounded
from motionmusic.findings.findings import facts
from motionmusic.predictions import read_predictions
from motionmusic.results.table import read_tables
from motionmusic.scoring.accuracy import fuse, rows_of_split, score
from motionmusic.scoring.intervals import Interval

with (ROOT / "tests/claims.csv").open(encoding="utf-8", newline="") as file:
    CLAIMS = list(csv.DictReader(file))
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BRACKET = re.compile(r"\[[−+]?\d[\d.]*, [−+]?\d[\d.]*\]")


def found(source: str, key: str) -> Any:
    path = ROOT / source
    if path.suffix == ".md":
        return re.search(re.escape(key), path.read_text("utf-8")).group()  # type: ignore[union-attr]
    if path.suffix == ".csv":
        where, column = key.split(">")
        name, wanted = where.split("=")
        rows = pd.read_csv(path, dtype=str)
        return rows.loc[rows[name] == wanted, column].iloc[0]
    value: Any = facts() if source == "findings" else json.loads(path.read_text("utf-8"))
    for part in key.split(">"):
        value = value[int(part) if isinstance(value, list) else part]
    return value


def written(value: Any, how: str) -> str:
    kind, digits = re.fullmatch(r"([a-z]+)(\d?)", how).groups()  # type: ignore[union-attr]
    if kind in ("percent", "points", "signed", "plain"):
        return Interval.read(value).text(kind.removeprefix("plain"), int(digits or 1))
    if kind == "text":
        return str(value)
    return f"{float(value) * (100 if kind == 'share' else 1):.{digits or 0}f}".replace("-", "−")


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: f"{claim['text']}: {claim['phrase']}")
def test_a_claim_is_what_its_file_says(
    claim: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    phrase = claim["phrase"]
    assert phrase in (ROOT / claim["text"]).read_text("utf-8")
    number = written(found(claim["source"], claim["key"]), claim["as"])
    assert re.search(
        rf"(?<![\d.]){re.escape(number)}(?![\d]|\.\d)", re.sub(r" (%|points) \[", " [", phrase)
    ), number


def test_scores_of_predictions_in_git() -> None:
    """Networks before collaborative learning: alone/INPUT-SEED.json is of cells/motion-INPUT-SEED."""
    files = sorted((ROOT / "metrics/m2d").glob("*/alone/*.json"))
    assert len(files) >= 3
    for file in files:
        kind, seed = file.stem.split("-")
        names = ("joints", "bones") if kind == "fused" else (kind,)
        cells = [
            file.parents[1] / f"cells/motion-{name}-{seed}/predictions.parquet" for name in names
        ]
        frames = [rows_of_split(read_predictions(cell), "test", cell) for cell in cells]
        assert rounded(score(fuse(frames), 0)) == json.loads(file.read_text("utf-8"))


def test_how_many_printed_ratings_follow_from_the_rows() -> None:
    same = [
        f"{cell.value:.2f}" == paper
        for name in ("table7", "table8")
        for row in read_tables(ROOT / f"metrics/ratings/{name}.json")[0].rows
        for cell, paper in zip(row.cells, row.beside.get("paper", row.cells), strict=True)
        if isinstance(cell, Interval) and paper != "–"
    ]
    assert f"{sum(same)} of {len(same)} printed cells" in (ROOT / "README.md").read_text("utf-8")
    assert f"{sum(same)} of the {len(same)} cells" in (ROOT / "docs/study.md").read_text("utf-8")


def test_counts_of_units_songs_and_the_authors_files() -> None:
    data, fidelity = (
        (ROOT / f"docs/{name}.md").read_text("utf-8") for name in ("data", "fidelity")
    )
    danced = pd.read_csv(ROOT / "metrics/on_beat/time_map.csv")
    units = set(danced["movement"]) - {HOLD, START}
    figures = {figure_of(unit) for unit in units}
    assert f"The {len(units)} units of `on_beat` are takes of {len(figures)} figures" in data
    first = danced.groupby("piece")["movement"].first()
    waltzes = first[first.index.str.startswith("W_")].map(figure_of)
    assert f"opens {(waltzes == 'W-0').sum()} of the {len(waltzes)} waltzes" in data
    songs = pd.read_csv(ROOT / "metrics/on_beat/song_tempi.csv")
    twice = (songs["tracker_bpm"] / songs["song_bpm"] - 2).abs() < 0.1
    dance = (ROOT / "docs/dance.md").read_text("utf-8")
    assert f"in {twice.sum()} of {len(songs)} songs of `on_beat`" in dance
    fused = pd.read_csv(ROOT / "metrics/authors/fused.csv")
    same = fused["lines_agreeing"] == fused["n_segments"]
    assert f"in all {fused['lines_agreeing'][same].sum():,} lines" in fidelity
    off = (fused["n_segments"] - fused["lines_agreeing"])[~same].tolist()
    assert f"{off[0]} and {off[1]} of 340 lines differ" in fidelity
    cells = pd.read_csv(ROOT / "metrics/authors/cells.csv").dropna(subset="file")
    right = cells.groupby(["table", "row", "cl", "input"])["reproduces"].any().groupby("table")
    counts = [f"{sum(of)} of {len(of)} in Table {str(name)[-1]}" for name, of in right]
    assert ", ".join(counts) in fidelity


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_interval_is_a_claim(page: Path) -> None:
    """docs/findings.md is written from the metrics and has a test of its own."""
    name = str(page.relative_to(ROOT))
    claimed = " ".join(claim["phrase"] for claim in CLAIMS if claim["text"] == name)
    shown = BRACKET.findall(page.read_text("utf-8")) if page.name != "findings.md" else []
    assert [one for one in shown if one not in claimed] == []


def test_docstrings_have_no_interval_of_their_own() -> None:
    code = [*(ROOT / "src").rglob("*.py"), *(ROOT / "stages").glob("*.py")]
    claimed = " ".join(claim["phrase"] for claim in CLAIMS if claim["text"].endswith(".py"))
    shown = {
        one: path.name
        for path in code
        for one in re.findall(r"\d %? ?(\[[−+]?\d[\d.]*, [−+]?\d[\d.]*\])", path.read_text("utf-8"))
    }
    assert {one: name for one, name in shown.items() if one not in claimed} == {}
