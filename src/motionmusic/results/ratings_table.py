"""The tables of ratings: a study's, and the paper's Tables 7 and 8 from its own rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from motionmusic.results.names import counted
from motionmusic.results.table import Column, Row, Table, table
from motionmusic.scoring.paper import printed_ratings, rated
from motionmusic.scoring.rating_files import QUESTIONS
from motionmusic.scoring.ratings import agreement, cells, differences, outliers, people, per_subject

PAPER_TABLES = {"table7": "musictodance", "table8": "aist"}
_COLUMNS = [Column(question.upper(), digits=2) for question in QUESTIONS]


def study_tables(ratings: pd.DataFrame, outlier: float, seed: int, resamples: int) -> list[Table]:
    """The table of a study, and how far its subjects agree.

    ``ratings`` are from read_ratings, ``outlier`` is the distance of scoring.ratings.outliers.
    """
    left_out = outliers(per_subject(ratings), outlier)
    rule = f"the subject farthest from its major's others is left out of Q3, if by more than {outlier:g}"
    return _tables("Ratings of recommended music", ratings, left_out, rule, seed, resamples)


def paper_tables(name: str, outlier: float, seed: int, resamples: int) -> list[Table]:
    """``table7`` or ``table8`` from the paper's own per-subject values, beside the cells it prints.

    The rule at the distance ``outlier`` is compared with the marks of the paper's footnote.
    """
    dataset = PAPER_TABLES[name]
    given = rated(dataset)
    subjects, marks = per_subject(given), given["outlier"].to_numpy(np.bool_)
    title = f"{name.replace('table', 'Table ')}. {dataset}: ratings of recommended music"
    rule = "left out of Q3 are the subjects that the paper's footnote marks"
    first, second = _tables(title, subjects, marks, rule, seed, resamples)
    printed = {
        (row["category"], _spoken(row["group"])): row
        for row in printed_ratings(dataset).to_dict("records")
    }
    rows = []
    for row in first.rows:
        its = printed[str(row.cells[1]), str(row.cells[2])]
        texts = ["–" if its[q] is None else f"{its[q]:.2f}" for q in QUESTIONS]
        rows.append(Row(row.cells, {"paper": ("", "", "", *texts, "")}))
    by_rule = outliers(subjects, outlier)
    count, wrong = differences(subjects, marks)
    _, wrong_by_rule = differences(subjects, by_rule)
    texts = [
        f"{each['category']}, {_spoken(each['group'])}, {each['question'].upper()}: printed"
        f" {each['printed']}, from the rows {each['value']} ({each['why']})."
        for each in wrong
    ]
    texts.append(f"By the rule at {outlier:g}, {count - len(wrong_by_rule)} cells are exact.")
    for which, words in ((by_rule & ~marks, "It also leaves out"), (marks & ~by_rule, "It keeps")):
        who = ", ".join(f"{p['category']}, subject {p['subject']}" for p in people(subjects, which))
        texts += [f"{words}: {who}."] if who else []
    caption = f"{first.caption} {count - len(wrong)} of the {count} printed cells follow exactly."
    return [replace(first, rows=tuple(rows), caption=caption, note=" ".join(texts)), second]


def _tables(
    title: str,
    ratings: pd.DataFrame,
    left_out: NDArray[np.bool_],
    rule: str,
    seed: int,
    resamples: int,
) -> list[Table]:
    subjects = per_subject(ratings)
    names = {
        (each["dataset"], each["category"], each["major"]): f"{each['subject']}: {each['q3']:.2f}"
        for each in people(subjects, left_out)
    }
    rows: list[Sequence[Any]] = []
    for cell in cells(subjects, left_out, seed, resamples):
        key = cell["dataset"], cell["category"], cell["group"]
        rows.append([*key[:2], _spoken(key[2]), *(cell[q] for q in QUESTIONS), names.get(key, "")])
    agreed = [
        [str(dataset), of["level"], f"{of['n_subjects']}", f"{of['n_units']}",
         *(of[q] for q in QUESTIONS)]
        for dataset, own in ratings.groupby("dataset")
        for of in [agreement(own, seed, resamples)]
    ]  # fmt: skip
    seen = f"{counted(subjects['subject'].nunique(), 'subject')}, {counted(len(ratings), 'row')}"
    return [
        table(
            title,
            ["dataset", "category", "group", *_COLUMNS, "left out of Q3"],
            rows,
            labels=3,
            caption=f"{seen}; Q1, Q2: mean rating / 5; Q3: share that prefers the recommended music;"
            f" {rule}. [95 % interval over subjects within their major, too narrow for three].",
        ),
        table(
            "Krippendorff's alpha between the subjects",
            ["dataset", "level", "subjects", "units", *_COLUMNS],
            agreed,
            labels=4,
            caption="1: they agree; 0: as by chance. [95 % interval over items, or categories where"
            " means are rated].",
        ),
    ]


def _spoken(group: str) -> str:
    return group.replace("_", " ")
