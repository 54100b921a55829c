"""Ratings: the paper's facts, its rule on made-up ratings, agreement, bad files."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from motionmusic.errors import UserError
from motionmusic.scoring.intervals import Interval
from motionmusic.scoring.paper import rated
from motionmusic.scoring.rating_files import QUESTIONS, read_ratings
from motionmusic.scoring.ratings import (
    agreement,
    average,
    cells,
    differences,
    interval,
    outliers,
    people,
    per_major,
    per_subject,
)

HEAD = "dataset,category,subject,major,q1,q2,q3"
# the subjects that the footnotes of Tables 7 and 8 mark (category, subject)
MARKED = {
    "musictodance": {("Cha-cha", "9"), ("Tango", "7"), ("Waltz", "7")},
    "aist": {
        ("HO", "3"), ("JB", "9"), ("JS", "7"), ("KR", "2"), ("KR", "9"), ("LH", "2"), ("LO", "7"),
        ("MH", "2"), ("MH", "7"), ("WA", "9"),
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def paper() -> dict[str, tuple[pd.DataFrame, NDArray[np.bool_]]]:
    """Data set → the paper's subjects, and whom its footnote marks."""
    given = {name: rated(name) for name in MARKED}
    return {
        name: (per_subject(rows), rows["outlier"].to_numpy(bool)) for name, rows in given.items()
    }


Paper = dict[str, tuple[pd.DataFrame, NDArray[np.bool_]]]


# The paper


def test_which_printed_cells_do_not_follow(paper: Paper) -> None:
    counts, found = {}, {}
    for name, (subjects, marks) in paper.items():
        assert {(p["category"], p["subject"]) for p in people(subjects, marks)} == MARKED[name]
        nine = [*["music"] * 3, *["dance"] * 3, *["computer_science"] * 3]
        for _, rows in subjects.groupby("category"):
            assert (rows["subject"].tolist(), rows["major"].tolist()) == ([*"123456789"], nine)
        counts[name], wrong = differences(subjects, marks)
        for each in wrong:
            key = each["category"], each["group"], each["question"]
            found[key] = f"{each['printed']}", f"{each['value']}", each["why"]
    assert counts == {"musictodance": 43, "aist": 119}
    truncated = "truncated, not rounded"
    assert found == {
        ("Rumba", "computer_science", "q2"): ("0.83", "0.84", truncated),  # 0.8367
        ("BR", "dance", "q1"): ("0.67", "0.68", truncated),  # 0.6767
        ("BR", "average", "q1"): ("0.75", "0.76", "follows from the printed majors"),
    }


def test_the_rule_finds_the_marks_and_one_more(paper: Paper) -> None:
    for name, (subjects, marks) in paper.items():
        by_rule = outliers(subjects, 0.4)
        more = [(p["category"], p["subject"]) for p in people(subjects, by_rule & ~marks)]
        assert more == ([("WA", "3")] if name == "aist" else [])
        assert not (marks & ~by_rule).any()
        # nothing is farther than 1 from anything
        assert not outliers(subjects, 1.0).any()


def test_a_mark_takes_away_q3_alone(paper: Paper) -> None:
    # subject 9 of Cha-cha: 0.80, 0.84, 0.67 (marked), beside 0.73, 0.64, 0.22 and 0.96, 0.96, 0.22
    third = cells(*paper["musictodance"], 0, 50)[2]
    assert (third["category"], third["group"]) == ("Cha-cha", "computer_science")
    assert [third[q].value for q in QUESTIONS] == [0.83, 0.81, 0.22]


def test_agreement_of_the_paper(paper: Paper) -> None:
    """Chance, by a direct computation as well."""
    means = {name: subjects for name, (subjects, _) in paper.items()}
    means["both"] = pd.concat(list(means.values()), ignore_index=True)
    for name, units, alphas in (
        ("musictodance", 4, (-0.046, -0.007, 0.002)),
        ("aist", 10, (0.079, 0.054, 0.045)),
        ("both", 14, (0.068, 0.053, 0.029)),
    ):
        found = agreement(means[name], 0, 50)
        assert (found["level"], found["n_subjects"], found["n_units"]) == ("interval", 9, units)
        assert [round(found[q].value, 3) for q in QUESTIONS] == list(alphas)


# The rule on made-up ratings


def frame(*rows: tuple[str, str, str, str], category: str = "Waltz") -> pd.DataFrame:
    """Subjects A, B, …: (major, q1, q2, q3)."""
    return pd.DataFrame(
        [
            {"dataset": "d", "category": category, "subject": chr(65 + n), "major": major,
             **{q: Decimal(text) for q, text in zip(QUESTIONS, values, strict=True)}}
            for n, (major, *values) in enumerate(rows)
        ]
    )  # fmt: skip


@pytest.mark.parametrize(
    ("q3", "expected"),
    [
        (("0", "0", "1"), [False, False, True]),
        (("0.3", "0.3", "0.7"), [False, False, False]),  # 0.4 is not more than 0.4
        (("0.3", "0.3", "0.71"), [False, False, True]),
        (("0.17", "0.50", "0.83"), [False, False, False]),  # both ends are equally far
        (("0.16", "0.50", "0.83"), [True, False, False]),
        (("0", "1"), [False, False]),  # of two, which?
        (("1",), [False]),
        (("0", "0", "1", "1"), [False] * 4),
        (("0.1", "0.1", "0.1", "0.9"), [False, False, False, True]),
    ],
)
def test_outliers(q3: tuple[str, ...], expected: list[bool]) -> None:
    rows = frame(*(("music", "1", "1", value) for value in q3))
    # another major and another category, whose values are far away, have no say
    other = frame(*(("dance", "1", "1", "1"),) * 3)
    third = frame(*(("music", "1", "1", "1"),) * 3, category="Tango")
    found = outliers(pd.concat([rows, other, third]), 0.4).tolist()
    assert found == [*expected, *[False] * 6]


def test_every_step_is_rounded_half_up() -> None:
    # (0.64 + 0.65) / 2 = 0.645, a half, which binary floats and half-to-even both lose
    rows = frame(
        ("music", "0.64", "0.20", "0"), ("music", "0.65", "0.20", "0"),
        ("dance", "0.20", "0.20", "0"),
    )  # fmt: skip
    majors = per_major(per_subject(rows), np.zeros(3, dtype=np.bool_))
    assert majors["group"].tolist() == ["music", "dance"]
    assert majors["q1"].tolist() == [Decimal("0.65"), Decimal("0.20")]
    # from the rounded 0.65: 0.425 → 0.43; from 0.645 it would be 0.4225 → 0.42
    assert average(majors)["q1"].tolist() == [Decimal("0.43")]
    # majors weigh the same, however many their subjects
    rows = frame(*(("music", "1", "1", "1"),) * 8, ("dance", "0.2", "0.2", "0"))
    majors = per_major(per_subject(rows), np.zeros(9, dtype=np.bool_))
    assert [average(majors)[q][0] for q in QUESTIONS] == [Decimal(x) for x in ("0.6", "0.6", "0.5")]
    # and have no chance between them: where all subjects of each agree, the average is sure
    found = interval([[Decimal("0.2")] * 3, [Decimal("1")] * 3], 0, 200)
    assert (found.low, found.value, found.high) == pytest.approx((0.6, 0.6, 0.6))


ITEMS = HEAD + ",item\n" + "".join(
    f"d,Waltz,{subject},music,{q1},{q2},{q3},{item}\n"
    for subject, item, q1, q2, q3 in [
        ("A", "x", 5, 1, 1), ("A", "y", 4, 2, 0), ("A", "z", 4, 2, 0), ("B", "x", 3, 3, 1),
    ]
)  # fmt: skip


def test_items_become_shares(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(ITEMS)
    found = per_subject(read_ratings([path]))
    # 13/15, 5/15, 1/3; 3/5, 3/5, 1
    assert found[list(QUESTIONS)].map(str).to_numpy().tolist() == [
        ["0.87", "0.33", "0.33"], ["0.60", "0.60", "1.00"],
    ]  # fmt: skip


def test_order_has_no_meaning(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    lines = [
        f"d,{category},{subject},{major},{rng.integers(1, 6)},{rng.integers(1, 6)},"
        f"{rng.integers(0, 2)},{item}"
        for subject, major in zip("ABCDEFG", ["zoology", "music", "dance"] * 3, strict=False)
        for category in ("Waltz", "Tango") for item in "xyz"
    ]  # fmt: skip
    found = []
    for _ in range(3):
        rng.shuffle(lines)
        for number, part in enumerate((lines[:20], lines[20:])):
            (tmp_path / f"{number}.csv").write_text("\n".join([f"{HEAD},item", *part]))
        given = read_ratings([tmp_path / "1.csv", tmp_path / "0.csv"])
        subjects = per_subject(given)
        rows = cells(subjects, outliers(subjects, 0.4), 0, 100)
        found.append(repr((rows, agreement(given, 0, 100))))
    assert found[0] == found[1] == found[2]
    assert [row["group"] for row in rows] == ["music", "dance", "zoology", "average"] * 2


# Krippendorff's published example (Computing Krippendorff's alpha-reliability, 2011, section C/D):
# four observers, twelve units, missing values; ordinal alpha 0.815


def published() -> pd.DataFrame:
    observers = [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None], [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
        [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None], [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
    ]  # fmt: skip
    return pd.DataFrame(
        [
            {"dataset": "d", "category": "c", "subject": f"{s}", "major": "music", "item": f"{u}",
             **dict.fromkeys(QUESTIONS, Decimal(value))}
            for s, row in enumerate(observers) for u, value in enumerate(row) if value is not None
        ]
    )  # fmt: skip


def test_alpha_of_the_published_example() -> None:
    found = agreement(published(), 0, 200)
    assert (found["level"], found["n_subjects"], found["n_units"]) == ("ordinal", 4, 12)
    for question in QUESTIONS:
        alpha = found[question]
        assert round(alpha.value, 3) == 0.815
        assert alpha.low < alpha.value < alpha.high <= 1
    means = published().assign(category=published()["item"]).drop(columns="item")
    assert round(agreement(means, 0, 10)["q1"].value, 3) == 0.849  # interval


def test_alpha_is_not_defined_where_nothing_differs_or_one_rates_alone() -> None:
    both = (("music", "0.2", "1", "1"), ("dance", "0.2", "1", "1"))
    other = (("music", "0.8", "1", "0"), ("dance", "0.8", "1", "0"))
    found = agreement(pd.concat([frame(*both), frame(*other, category="Tango")]), 0, 50)
    assert found["q1"].json() == Interval(1, 1, 1).json()
    assert np.isnan(found["q2"].value)
    alone = agreement(frame(both[0]), 0, 50)
    assert all(np.isnan(alone[q].value) for q in QUESTIONS)


# Bad files


GOOD = "d,Waltz,A,music,0.2,0.5,0.5"


@pytest.mark.parametrize(
    ("text", "where", "expected", "got"),
    [
        ("", "line 1", "the columns dataset, category", "nothing"),
        ("a;b\n1;2\n", "line 1", "the columns dataset", "a;b"),
        (f"{HEAD.replace('q3', 'q2')}\n{GOOD}\n", "line 1", "each once", "q1,q2,q2"),
        (f"{HEAD}\n", "", "ratings", "no row"),
        (f"{HEAD}\n{GOOD},1\n", "line 2", "7 fields", "8"),
        (f'{HEAD}\n"{GOOD}\n', "line 2", "CSV", "end of data"),
        (f"{HEAD}\n{GOOD}\n".encode("utf-16"), "", "UTF-8", "utf-8"),
        (f"{HEAD}\n{GOOD.replace('Waltz', '')}\n", "line 2, category", "a name", "nothing"),
        (f"{HEAD}\n{GOOD.replace('music', 'average')}\n", "line 2, major", "other", "average"),
        (f"{HEAD}\n\n{GOOD}\n{GOOD}\n", "line 4, subject A", "one row for each", "csv line 3"),
        (
            f"{HEAD}\n{GOOD}\n{GOOD.replace('music', 'dance').replace('Waltz', 'Tango')}\n",
            "line 3, major", "music, that of subject A", "dance",
        ),
        (f"{HEAD}\n{GOOD.replace(',0.2,', ',0.19,')}\n", "line 2, q1", "from 0.2 to 1", "0.19"),
        (f"{HEAD}\n{GOOD[:-3]}1.01\n", "line 2, q3", "from 0 to 1", "1.01"),
        (f"{HEAD}\n{GOOD[:-3]}nan\n", "line 2, q3", "from 0 to 1", "nan"),
        (f"{HEAD}\n{GOOD[:-3]}good\n", "line 2, q3", "from 0 to 1", "good"),
        (f"{HEAD}\n{GOOD[:-3]}\n", "line 2, q3", "from 0 to 1", "nothing"),
        (ITEMS.replace(",5,1,1,x", ",6,1,1,x"), "line 2, q1", "1 to 5", "6"),
        (ITEMS.replace(",5,1,1,x", ",5,0,1,x"), "line 2, q2", "1 to 5", "0"),
        (ITEMS.replace(",5,1,1,x", ",4.5,1,1,x"), "line 2, q1", "whole", "4.5"),
        (ITEMS.replace(",5,1,1,x", ",5,1,0.5,x"), "line 2, q3", "whole", "0.5"),
        (ITEMS.replace(",5,1,1,x", ",5,1,2,x"), "line 2, q3", "from 0 to 1", "2"),
        (ITEMS.replace("0,y", "0,x"), "line 3, subject A", "and item", "d, Waltz, A, x again"),
    ],
)  # fmt: skip
def test_bad_files(text: str | bytes, where: str, expected: str, got: str, tmp_path: Path) -> None:
    path = tmp_path / "ratings.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UserError) as caught:
        read_ratings([path])
    assert (caught.value.file, caught.value.where) == (path, where)
    assert expected in caught.value.expected
    assert got in caught.value.got
    for missing in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(UserError, match="a readable CSV file"):
            read_ratings([missing])


def test_a_subject_in_two_files(tmp_path: Path) -> None:
    one, two = tmp_path / "one.csv", tmp_path / "two.csv"
    one.write_text(f"{HEAD}\n{GOOD}\n")
    two.write_text(f"{HEAD}\n{GOOD}\n")
    with pytest.raises(UserError) as caught:
        read_ratings([one, two])
    assert caught.value.file == two
    assert f"{one} line 2" in caught.value.got
    two.write_text(ITEMS)
    with pytest.raises(UserError, match="no column item as in"):
        read_ratings([one, two])


def test_what_spreadsheets_write(tmp_path: Path) -> None:
    """Byte order mark, CRLF, rows of empty cells, other columns in another order."""
    path = tmp_path / "a.csv"
    head = "note,q3,q2,q1,major,subject,category,dataset"
    row = '"said ""no"", twice",0.5,0.5, 0.2 ,music,A,Waltz,d'
    path.write_bytes(f"\ufeff{head}\r\n{row}\r\n,,,,,,,\r\n".encode())
    (only,) = read_ratings([path]).to_dict("records")
    assert only == {
        "dataset": "d", "category": "Waltz", "subject": "A", "major": "music",
        "q1": Decimal("0.2"), "q2": Decimal("0.5"), "q3": Decimal("0.5"),
    }  # fmt: skip
