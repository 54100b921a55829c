"""`motionmusic study score`: what it prints, writes and refuses."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

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


def score(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["score", *arguments])


def values(folder: str, question: str) -> dict[str, float]:
    """A question's value of every group, which its interval holds."""
    rows = pd.read_csv(f"{folder}/scores.csv", dtype={"value": str})
    rows = rows[rows["group"].notna() & (rows["column"] == question)].set_index("group")
    found = rows["value"].astype(float)
    assert (rows["low"] <= found).all()
    assert (found <= rows["high"] + 0.005).all()
    return {str(group): float(value) for group, value in found.items()}


def test_score(answers: list[str]) -> None:
    result = score(*answers)
    assert result.exit_code == 0, result.output
    names = ["ratings.csv", "scores.csv", "scores.json", "scores.md"]
    assert sorted(path.name for path in Path("study").iterdir()) == names
    assert result.stdout == Path("study/scores.md").read_text("utf-8")
    assert "D: 0.00" in result.output  # its Q3 is 1 from the others' and left out
    # music (4 + 5 + 3 + 1) / 4 / 5 = 0.65, dance 0.6; 0.625, half up
    assert values("study", "Q1") == {"music": 0.65, "dance": 0.6, "average": 0.63}
    assert values("study", "Q3") == {"music": 1, "dance": 1, "average": 1}
    # the file of all ratings gives the same again
    assert score("study/ratings.csv", "--out", "again").exit_code == 0
    refused = score("study/ratings.csv", "--out", "study", "--force").exception
    assert "a file that this command reads" in str(refused)
    assert "a file that exists" in str(score(*answers).exception)
    for path in Path("study").iterdir():
        assert path.read_bytes() == Path("again", path.name).read_bytes()


def test_nobody_is_farther_than_one(answers: list[str]) -> None:
    assert "D: 0.00" not in score(*answers, "--outlier", "1").output
    assert score(*answers, "--out", "other", "--outlier", "inf").exit_code == 2


def test_subjects_agree_within_a_data_set(answers: list[str]) -> None:
    """Two of the six rate other dances, too."""
    rows = [f"other,Tango,{name},music,{said},{said},1,z\n" for name, said in (("A", 1), ("B", 5))]
    Path("more.csv").write_text("".join([HEAD, *rows]))
    assert score(*answers, "more.csv").exit_code == 0
    agreed = read_tables(Path("study/scores.json"))[1]
    subjects = {row.cells[0]: row.cells[2] for row in agreed.rows}
    assert subjects == {"demo": "6", "other": "2"}


def test_the_distance_of_outliers(answers: list[str]) -> None:
    assert score(*answers, "--outlier", "1").exit_code == 0
    assert values("study", "Q3") == {"music": 0.75, "dance": 1, "average": 0.88}
    assert score(*answers, "--outlier", "-1").exit_code == 2


def test_a_bad_file_leaves_nothing(answers: list[str]) -> None:
    Path("B.csv").write_text(f"{HEAD}demo,Waltz,B,music,6,5,1,x\n")
    result = score(*answers)
    assert isinstance(result.exception, UserError)  # cli.main prints it and ends with status 2
    assert str(result.exception).startswith(
        "error: B.csv: line 2, q1: expected a whole number from 1 to 5, got 6\n  what to do: "
    )
    assert not Path("study").exists()
