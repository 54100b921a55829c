"""One table in all its forms."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from motionmusic.errors import UserError
from motionmusic.results.table import Column, Row, Table, read_tables, table, write_tables
from motionmusic.scoring.intervals import Interval

EXAMPLE = Table(
    "Table 9",
    (Column(""), Column("CL"), Column("joints", "percent"), Column("gain", "points", 2)),
    (
        Row(("both", "no", Interval(0.5, 0.4, 0.6, 0.01), None), {"paper": ("", "", "51.00", "–")}),
        Row(("FC", "yes", Interval(1, 1, 1), Interval(-0.5))),
    ),
    caption="What the reader sees.",
    note="What was left out.",
    labels=2,
)


def test_markdown_is_aligned_and_lines_beside_stand_below() -> None:
    title, lines, note = EXAMPLE.markdown().split("\n\n")
    assert title == "**Table 9.** What the reader sees."
    assert note == "What was left out."
    cells = [[part.strip() for part in line.strip("|").split("|")] for line in lines.splitlines()]
    assert cells[0] == ["", "CL", "joints", "gain"]
    assert cells[2:] == [
        ["both", "no", "50.0 ± 1.0 [40.0, 60.0]", "–"],
        ["", "", "paper 51.00", "paper –"],
        ["FC", "yes", "100.0 [100.0, 100.0]", "−50.00"],
    ]
    assert len({len(line) for line in lines.splitlines()}) == 1
    long = table("A title", ["a"], [["b"]], caption="words " * 50).markdown()
    assert max(map(len, long.splitlines())) <= 100


def test_csv_has_one_line_a_number_in_the_units_that_are_shown() -> None:
    frame = EXAMPLE.frame().astype(object)
    assert frame.fillna("").to_dict("records") == [
        {"row": "both", "CL": "no", "column": "joints", "value": 50, "low": 40, "high": 60, "sd": 1,
         "paper": "51.00"},
        {"row": "FC", "CL": "yes", "column": "joints", "value": 100, "low": 100, "high": 100,
         "sd": "", "paper": ""},
        {"row": "FC", "CL": "yes", "column": "gain", "value": -50, "low": "", "high": "", "sd": "",
         "paper": ""},
    ]  # fmt: skip


def test_files_there_and_back(tmp_path: Path) -> None:
    other = table("Other", ["", "text"], [["a", "b"]])
    write_tables(tmp_path, "x", [EXAMPLE, other])
    found = read_tables(tmp_path / "x.json")
    assert [one.markdown() for one in found] == [EXAMPLE.markdown(), other.markdown()]
    assert (tmp_path / "x.md").read_text("utf-8").count("**") == 4
    assert pd.read_csv(tmp_path / "x.csv")["table"].tolist() == ["Table 9"] * 3 + ["Other"]
    before = [path.read_bytes() for path in sorted(tmp_path.iterdir())]
    write_tables(tmp_path, "x", found)
    assert [path.read_bytes() for path in sorted(tmp_path.iterdir())] == before
    (tmp_path / "x.json").write_text("[")
    with pytest.raises(UserError, match=r"x\.json: expected JSON"):
        read_tables(tmp_path / "x.json")
