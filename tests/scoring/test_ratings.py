"""Tables 7 and 8: the paper's facts, its rule on made-up ratings, agreement, bad files."""

from __future__ import annotations

import csv
import io
import itertools
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from closure import ROOT

from motionmusic.errors import UserError
from motionmusic.scoring import ratings
from motionmusic.scoring.ratings import (
    PAPER_TABLES,
    QUESTIONS,
    agreement,
    average,
    interval,
    outliers,
    paper_printed,
    paper_ratings,
    paper_table,
    per_major,
    per_subject,
    ratings_csv,
    ratings_markdown,
    ratings_table,
    read_ratings,
)

SPEC = ROOT.parent / "shared" / "spec"
HEAD = "dataset,category,subject,major,q1,q2,q3"
# the subjects that the footnotes of Tables 7 and 8 mark (category, subject)
MARKED = {
    "table7": {("Cha-cha", "9"), ("Tango", "7"), ("Waltz", "7")},
    "table8": {
        ("HO", "3"), ("JB", "9"), ("JS", "7"), ("KR", "2"), ("KR", "9"), ("LH", "2"), ("LO", "7"),
        ("MH", "2"), ("MH", "7"), ("WA", "9"),
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def tables() -> dict[str, dict[str, Any]]:
    return {name: paper_table(name, 0.4, seed=0, resamples=100) for name in PAPER_TABLES}


def cell(table: dict[str, Any], category: str, group: str) -> dict[str, Any]:
    (found,) = [c for c in table["cells"] if (c["category"], c["group"]) == (category, group)]
    return dict(found)


# The paper


@pytest.mark.parametrize("name", ["ratings", "ratings_printed"])
def test_the_facts_are_the_transcribed_ones(name: str) -> None:
    if not (SPEC / f"{name}.csv").is_file():
        pytest.skip(f"no transcription at {SPEC}")
    ours, theirs = (
        list(csv.DictReader(path.open(encoding="utf-8", newline="")))
        for path in (
            ROOT / "src" / "motionmusic" / "results" / f"paper_{name}.csv",
            SPEC / f"{name}.csv",
        )
    )
    sources = {row["dataset"]: row.pop("source") for row in ours}
    assert ours == theirs
    tables = {dataset: f"Gong et al. 2024, {name}" for dataset, name in [
        ("musictodance", "Table 7"), ("aist", "Table 8"),
    ]}  # fmt: skip
    assert sources == tables


def test_nine_subjects_rate_every_category() -> None:
    for dataset, categories in (("musictodance", 4), ("aist", 10)):
        rows = paper_ratings(dataset)
        assert len(rows) == 9 * categories
        assert len(paper_printed(dataset)) == 4 * categories
        for _, nine in rows.groupby("category"):
            assert nine["subject"].tolist() == [str(n) for n in range(1, 10)]
            assert (
                nine["major"].tolist() == ["music"] * 3 + ["dance"] * 3 + ["computer_science"] * 3
            )


def test_the_footnotes(tables: dict[str, dict[str, Any]]) -> None:
    for name, marked in MARKED.items():
        left_out = {(each["category"], each["subject"]) for each in tables[name]["left_out"]}
        assert left_out == marked


def test_159_of_162_printed_cells_follow_exactly_and_all_within_a_cent(
    tables: dict[str, dict[str, Any]],
) -> None:
    expected = {"table7": (43, 42, 1, 0, 42), "table8": (119, 117, 2, 0, 115)}
    for name, (printed, exact, near, different, by_rule) in expected.items():
        assert tables[name]["compared"] == {
            "printed": printed, "exact": exact, "within 0.01": near, "different": different,
            "exact_by_rule": by_rule,
        }  # fmt: skip


def test_which_cells_do_not_follow(tables: dict[str, dict[str, Any]]) -> None:
    differences = {
        (each["category"], each["group"], each["question"]): (
            each["printed"], each["value"], each["why"],
        )
        for table in tables.values() for each in table["differences"]
    }  # fmt: skip
    truncated = "truncated, not rounded"
    assert differences == {
        ("Rumba", "computer_science", "q2"): (0.83, 0.84, truncated),  # 0.8367
        ("BR", "dance", "q1"): (0.67, 0.68, truncated),  # 0.6767
        ("BR", "average", "q1"): (0.75, 0.76, "follows from the printed majors"),
    }


def test_the_cells_that_are_not_printed(tables: dict[str, dict[str, Any]]) -> None:
    missing = {
        (c["category"], c["group"], q): c[q]["value"]
        for table in tables.values() for c in table["cells"] for q in QUESTIONS
        if c[q]["verdict"] == "not printed"
    }  # fmt: skip
    assert missing == {
        ("Cha-cha", "dance", "q2"): 0.78,
        ("Cha-cha", "average", "q2"): 0.77,
        ("Rumba", "average", "q2"): 0.78,
        ("Tango", "average", "q2"): 0.81,
        ("Waltz", "average", "q2"): 0.72,
        ("HO", "music", "q2"): 0.73,
    }


def test_the_rule_finds_the_marks_and_one_more(tables: dict[str, dict[str, Any]]) -> None:
    assert tables["table7"]["rule"]["only_rule"] == []
    (more,) = tables["table8"]["rule"]["only_rule"]
    assert (more["category"], more["subject"], more["q3"]) == ("WA", "3", 0.83)
    assert all(table["rule"]["only_marked"] == [] for table in tables.values())
    # nothing is farther than 1 from anything
    never = paper_table("table7", 1.0, seed=0, resamples=100)["rule"]
    assert {(each["category"], each["subject"]) for each in never["only_marked"]} == MARKED[
        "table7"
    ]


def test_a_mark_takes_away_q3_alone(tables: dict[str, dict[str, Any]]) -> None:
    # subject 9 of Cha-cha: 0.80, 0.84, 0.67 (marked), beside 0.73, 0.64, 0.22 and 0.96, 0.96, 0.22
    found = cell(tables["table7"], "Cha-cha", "computer_science")
    assert [found[q]["value"] for q in QUESTIONS] == [0.83, 0.81, 0.22]


def test_agreement_of_the_paper() -> None:
    """Section 8 of the transcription: chance, by a direct computation as well."""
    means = {name: per_subject(paper_ratings(name)) for name in PAPER_TABLES.values()}
    means["both"] = pd.concat(list(means.values()), ignore_index=True)
    for name, units, alphas in (
        ("musictodance", 4, (-0.046, -0.007, 0.002)),
        ("aist", 10, (0.079, 0.054, 0.045)),
        ("both", 14, (0.068, 0.053, 0.029)),
    ):
        found = agreement(means[name], seed=0, resamples=50)
        assert (found["level"], found["n_subjects"], found["n_units"]) == ("interval", 9, units)
        assert [round(found[q]["alpha"], 3) for q in QUESTIONS] == list(alphas)


def test_its_csv_and_markdown(tables: dict[str, dict[str, Any]]) -> None:
    for name, rows in (("table7", 16), ("table8", 40)):
        frame = pd.read_csv(io.StringIO(ratings_csv(tables[name])), dtype=str)
        assert list(frame) == ["dataset", "category", "group", *QUESTIONS]
        assert len(frame) == rows
        assert frame["group"].tolist()[:4] == ["music", "dance", "computer_science", "average"]
        assert frame.iloc[:, 3:].map(len).eq(4).all(axis=None)  # 0.70, not 0.7
    text = ratings_markdown(tables["table8"])
    assert "≠ 0.67" in text
    flat = " ".join(text.split())
    assert flat.count("≠ ") == 2 + 1  # its two cells, and what the sign means
    assert "It also leaves out: WA, subject 3." in flat
    assert "117 of the 119 printed cells follow exactly from the paper's rows, 119 within" in flat


def test_no_other_table() -> None:
    with pytest.raises(ValueError, match="table7, table8"):
        paper_table("table6", 0.4, seed=0)


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


def thirds(*q3: str) -> pd.DataFrame:
    return frame(*(("music", "1", "1", value) for value in q3))


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
    assert outliers(thirds(*q3), 0.4).tolist() == expected


def test_outliers_are_of_one_major_in_one_category() -> None:
    rows = frame(*(("music", "1", "1", "0"),) * 3, *(("dance", "1", "1", "1"),) * 3)
    other = frame(*(("music", "1", "1", "1"),) * 3, category="Tango")
    assert not outliers(pd.concat([rows, other]), 0.4).any()
    both = frame(*((major, "1", "1", q3) for major in ("a", "b") for q3 in ("0", "0", "1")))
    assert outliers(both, 0.4).tolist() == [False, False, True] * 2


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


def test_majors_weigh_the_same() -> None:
    rows = frame(*(("music", "1", "1", "1"),) * 8, ("dance", "0.2", "0.2", "0"))
    majors = per_major(per_subject(rows), np.zeros(9, dtype=np.bool_))
    assert [average(majors)[q][0] for q in QUESTIONS] == [Decimal(x) for x in ("0.6", "0.6", "0.5")]


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
    assert found["n"].tolist() == [3, 1]
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
    texts = []
    for _ in range(3):
        rng.shuffle(lines)
        parts = [lines[:20], lines[20:]]
        for number, part in enumerate(parts):
            (tmp_path / f"{number}.csv").write_text("\n".join([f"{HEAD},item", *part]))
        given = read_ratings([tmp_path / "1.csv", tmp_path / "0.csv"])
        table = ratings_table("study", given, 0.4, seed=0, resamples=100)
        texts.append((ratings_csv(table), ratings_markdown(table)))
    assert texts[0] == texts[1] == texts[2]
    groups = [cell["group"] for cell in table["cells"]]
    assert groups == ["music", "dance", "zoology", "average"] * 2
    head = texts[0][0].splitlines()[0]
    ends = ",".join(f"{q}_{end}" for q in QUESTIONS for end in ("low", "high"))
    assert head == f"dataset,category,group,q1,q2,q3,{ends}"


def test_ratings_come_back_from_their_own_csv(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(ITEMS)
    given = read_ratings([path])
    again = tmp_path / "b.csv"
    again.write_text(given.to_csv(index=False))
    pd.testing.assert_frame_equal(read_ratings([again]), given)


# How sure


def test_interval_against_every_resample() -> None:
    values = [Decimal(text) for text in ("0.2", "0.4", "0.9")]
    every = [np.mean(draw) for draw in itertools.product([0.2, 0.4, 0.9], repeat=3)]
    low, high = interval([values], seed=0, resamples=20000)
    # all three equal has probability 1/27 > 2.5 %
    assert (low, high) == pytest.approx((min(every), max(every)))
    equal = [Decimal("0.5")] * 4
    assert interval([equal], seed=0) == (0.5, 0.5)


def test_interval_of_the_average_resamples_within_majors() -> None:
    """Between majors there is no chance: where all subjects of each agree, the average is sure."""
    music, dance = [Decimal("0.2")] * 3, [Decimal("1")] * 3
    assert interval([music, dance], seed=0) == pytest.approx((0.6, 0.6))
    rng = np.random.default_rng(0)
    majors = [[Decimal(str(round(v, 2))) for v in rng.random(40)] for _ in range(2)]
    low, high = interval(majors, seed=0)
    spread = np.sqrt(sum(np.var(np.array(m, dtype=float)) / 40 for m in majors)) / 2
    assert (high - low) / 2 == pytest.approx(1.96 * spread, rel=0.1)


def test_no_interval_of_one_subject() -> None:
    assert np.isnan(interval([[Decimal(1)], [Decimal(1)] * 3], seed=0)).all()


# Krippendorff's published example (Computing Krippendorff's alpha-reliability, 2011, section C/D):
# four observers, twelve units, missing values; ordinal alpha 0.815


def published() -> pd.DataFrame:
    observers = [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
        [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
    ]
    return pd.DataFrame(
        [
            {"dataset": "d", "category": "c", "subject": f"{s}", "major": "music", "item": f"{u}",
             **dict.fromkeys(QUESTIONS, Decimal(value))}
            for s, row in enumerate(observers) for u, value in enumerate(row) if value is not None
        ]
    )  # fmt: skip


def test_alpha_of_the_published_example() -> None:
    found = agreement(published(), seed=0, resamples=200)
    assert (found["level"], found["n_subjects"], found["n_units"]) == ("ordinal", 4, 12)
    for question in QUESTIONS:
        alpha = found[question]
        assert round(alpha["alpha"], 3) == 0.815
        assert alpha["low"] < alpha["alpha"] < alpha["high"] <= 1
    means = published().assign(category=published()["item"]).drop(columns="item")
    assert round(agreement(means, seed=0, resamples=10)["q1"]["alpha"], 3) == 0.849  # interval


def test_alpha_of_subjects_who_agree() -> None:
    rows = pd.concat([
        frame(("music", "0.2", "1", "1"), ("dance", "0.2", "1", "1"), category="Waltz"),
        frame(("music", "0.8", "1", "0"), ("dance", "0.8", "1", "0"), category="Tango"),
    ])  # fmt: skip
    found = agreement(rows, seed=0, resamples=50)
    assert found["q1"] == {"alpha": 1.0, "low": 1.0, "high": 1.0}
    assert np.isnan(found["q2"]["alpha"])  # every value is equal: nothing to agree on


def test_one_subject_agrees_with_nobody() -> None:
    found = agreement(frame(("music", "0.2", "1", "1")), seed=0)
    assert all(np.isnan(found[q]["alpha"]) for q in QUESTIONS)
    table = ratings_table("study", frame(("music", "0.2", "1", "1")), 0.4, seed=0)
    assert table["cells"][0]["q1"] == {"value": 0.2, "low": None, "high": None}
    assert "| –" in ratings_markdown(table)


# Bad files


def refused(text: str | bytes, tmp_path: Path) -> UserError:
    path = tmp_path / "ratings.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UserError) as caught:
        read_ratings([path])
    assert caught.value.file == path
    return caught.value


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
        (f"{HEAD}\n{GOOD.replace(',0.2,', ',4,')}\n", "line 2, q1", "from 0.2 to 1", "4"),
        (f"{HEAD}\n{GOOD[:-3]}1.01\n", "line 2, q3", "from 0 to 1", "1.01"),
        (f"{HEAD}\n{GOOD[:-3]}-0.5\n", "line 2, q3", "from 0 to 1", "-0.5"),
        (f"{HEAD}\n{GOOD[:-3]}nan\n", "line 2, q3", "from 0 to 1", "nan"),
        (f"{HEAD}\n{GOOD[:-3]}sNaN\n", "line 2, q3", "from 0 to 1", "sNaN"),
        (f"{HEAD}\n{GOOD[:-3]}good\n", "line 2, q3", "from 0 to 1", "good"),
        (f"{HEAD}\n{GOOD[:-3]}\n", "line 2, q3", "from 0 to 1", "nothing"),
        (ITEMS.replace(",5,1,1,x", ",6,1,1,x"), "line 2, q1", "1 to 5", "6"),
        (ITEMS.replace(",5,1,1,x", ",5,0,1,x"), "line 2, q2", "1 to 5", "0"),
        (ITEMS.replace(",5,1,1,x", ",4.5,1,1,x"), "line 2, q1", "whole", "4.5"),
        (ITEMS.replace(",5,1,1,x", ",5,1,2,x"), "line 2, q3", "0 or 1", "2"),
        (ITEMS.replace(",5,1,1,x", ",5,1,0.5,x"), "line 2, q3", "0 or 1", "0.5"),
        (ITEMS.replace("0,y", "0,x"), "line 3, subject A", "and item", "d, Waltz, A, x again"),
    ],
)  # fmt: skip
def test_bad_files(text: str | bytes, where: str, expected: str, got: str, tmp_path: Path) -> None:
    error = refused(text, tmp_path)
    assert error.where == where
    assert expected in error.expected
    assert got in error.got


def test_no_such_file(tmp_path: Path) -> None:
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(UserError, match="a readable CSV file"):
            read_ratings([path])


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


def test_the_module_needs_no_torch() -> None:
    import subprocess
    import sys

    code = f"import sys, {ratings.__name__}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
