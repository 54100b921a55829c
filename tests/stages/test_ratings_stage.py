"""stages/ratings.py: the paper's tables without any input, a study's table from its files."""

from __future__ import annotations

import importlib
import json
import shutil
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest
import yaml
from closure import ROOT

from motionmusic.errors import UserError
from motionmusic.scoring.ratings import QUESTIONS, paper_printed

ratings = importlib.import_module("ratings")  # stages/ratings.py


@pytest.fixture
def space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_papers_tables(space: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = []
    for _ in range(2):
        for name in ("table7", "table8"):
            ratings.main([name])
        files = sorted((space / "metrics" / "ratings").iterdir())
        runs.append({path.name: path.read_bytes() for path in files})
    assert runs[0] == runs[1]
    assert set(runs[0]) == {f"table{n}.{kind}" for n in (7, 8) for kind in ("csv", "json", "md")}
    assert capsys.readouterr() == ("", "")
    exact = printed = 0
    for name, dataset in (("table7", "musictodance"), ("table8", "aist")):
        ours = pd.read_csv(space / "metrics" / "ratings" / f"{name}.csv", dtype=str)
        assert list(ours) == ["dataset", "category", "group", *QUESTIONS]
        both = ours.merge(paper_printed(dataset), on=["dataset", "category", "group"])
        assert len(both) == len(ours)
        for q in QUESTIONS:
            for value, its in zip(both[f"{q}_x"], both[f"{q}_y"], strict=True):
                if its is not None:
                    printed += 1
                    exact += Decimal(value) == its
                    assert abs(Decimal(value) - its) <= Decimal("0.01")
    assert (exact, printed) == (159, 162)


def test_the_rules_distance_is_a_parameter(space: Path) -> None:
    params = yaml.safe_load((space / "params.yaml").read_text("utf-8"))
    params["ratings"]["outlier"] = 1.0
    (space / "params.yaml").write_text(yaml.safe_dump(params))
    ratings.main(["table7"])
    table = json.loads((space / "metrics" / "ratings" / "table7.json").read_text("utf-8"))
    assert len(table["left_out"]) == 3  # the footnotes stay
    assert len(table["rule"]["only_marked"]) == 3


def test_a_study(space: Path) -> None:
    Path("a.csv").write_text(
        "dataset,category,subject,major,q1,q2,q3\nd,Waltz,A,music,0.4,1,0\nd,Waltz,B,dance,0.6,1,1\n"
    )
    ratings.main(["study", "a.csv"])
    rows = pd.read_csv(space / "metrics" / "ratings" / "study.csv")
    assert rows["group"].tolist() == ["music", "dance", "average"]
    assert rows["q1"].tolist() == [0.4, 0.6, 0.5]


@pytest.mark.parametrize("given", [[], [""], ["study"], ["table6"], ["table7", "a.csv"]])
def test_other_arguments(given: list[str], space: Path) -> None:
    with pytest.raises(UserError, match="command line"):
        ratings.main(given)
    assert not (space / "metrics").exists()
