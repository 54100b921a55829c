"""`motionmusic study score`: what it prints, writes and refuses."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from motionmusic.app.study import app
from motionmusic.errors import UserError
from motionmusic.results.table import read_tables

HEAD = "dataset,category,subject,major,q1,q2,q3,item\n"


@pytest.fixture
def answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Four subjects of two majors, a file each; subject D prefers the dance's own music."""
    monkeypatch.chdir(tmp_path)
    files = []
    for subject, major, rating, q3 in (
        ("A", "music", 4, 1), ("B", "music", 5, 1), ("C", "music", 3, 1), ("D", "music", 1, 0),
        ("E", "dance", 2, 1), ("F", "dance", 4, 1),
    ):  # fmt: skip
        rows = [f"demo,Waltz,{subject},{major},{rating},{rating},{q3},{item}" for item in "xy"]
        files.append(f"{subject}.csv")
        Path(files[-1]).write_text(HEAD + "\n".join(rows) + "\n")
    return files


def test_score(answers: list[str]) -> None:
    result = CliRunner().invoke(app, ["score", *answers])
    assert result.exit_code == 0, result.output
    folder = Path("study")
    names = ["ratings.csv", "scores.csv", "scores.json", "scores.md"]
    assert sorted(path.name for path in folder.iterdir()) == names
    assert result.output == (folder / "scores.md").read_text("utf-8")
    # music (4 + 5 + 3 + 1) / 4 / 5 = 0.65, dance 0.6; D's Q3 is 1 from the others' and left out
    assert shown("Q1") == {"music": 0.65, "dance": 0.6, "average": 0.63}  # 0.625, half up
    assert shown("Q3") == {"music": 1.0, "dance": 1.0, "average": 1.0}
    first, second = read_tables(folder / "scores.json")
    assert [row.cells[-1] for row in first.rows] == ["D: 0.00", "", ""]
    assert second.rows[0].cells[1] == "ordinal"


def shown(question: str) -> dict[str, float]:
    rows = pd.read_csv("study/scores.csv").query("column == @question and group.notna()")
    return dict(zip(rows["group"], rows["value"].astype(float), strict=True))


def test_its_ratings_give_the_same_again(answers: list[str]) -> None:
    runner = CliRunner()
    assert runner.invoke(app, ["score", *answers, "--out", "one"]).exit_code == 0
    assert runner.invoke(app, ["score", "one/ratings.csv", "--out", "two"]).exit_code == 0
    for path in Path("one").iterdir():
        assert path.read_bytes() == Path("two", path.name).read_bytes()


def test_the_distance_of_outliers(answers: list[str]) -> None:
    assert CliRunner().invoke(app, ["score", *answers, "--outlier", "1"]).exit_code == 0
    assert shown("Q3") == {"music": 0.75, "dance": 1.0, "average": 0.88}
    assert CliRunner().invoke(app, ["score", *answers, "--outlier", "-1"]).exit_code == 2


def test_a_bad_file_leaves_nothing(answers: list[str]) -> None:
    Path("B.csv").write_text(f"{HEAD}demo,Waltz,B,music,6,5,1,x\n")
    result = CliRunner().invoke(app, ["score", *answers])
    assert isinstance(result.exception, UserError)  # cli.main prints it and ends with status 2
    assert str(result.exception).startswith(
        "error: B.csv: line 2, q1: expected a whole number from 1 to 5, got 6\n  what to do: "
    )
    assert not Path("study").exists()


def test_help_is_there_at_once() -> None:
    import subprocess
    import sys

    heavy = "{'pandas', 'scipy', 'krippendorff', 'torch'}"
    code = f"import sys, motionmusic.app.study; sys.exit(bool({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    result = CliRunner().invoke(app, ["score", "--help"])
    assert result.exit_code == 0
    assert "RATINGS.csv" in result.output
