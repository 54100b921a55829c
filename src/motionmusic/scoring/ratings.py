"""Ratings by subject, by major and on average, by the paper's rule, with intervals and agreement.

The rule, from the numbers of Tables 7 and 8, is in docs/study.md. Every step is rounded half up to
0.01 and the next one starts from the rounded values: Decimals, so that a half is one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from typing import Any, Literal

import krippendorff
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from motionmusic.files import Floats
from motionmusic.scoring.intervals import Interval, bootstrap
from motionmusic.scoring.paper import printed_ratings
from motionmusic.scoring.rating_files import AVERAGE, NAMES, QUESTIONS

# the paper's, in its order; a study may have others
MAJORS = ("music", "dance", "computer_science")

_Level = Literal["ordinal", "interval"]
_CENT = Decimal("0.01")
_LARGEST = 5  # of a rating of Q1 and Q2
_LEAST_SUBJECTS = 3  # of a major; of two that differ none is the outlier
_CATEGORY = ["dataset", "category"]


def _mean(values: Sequence[Decimal], divisor: int = 1, rounding: str = ROUND_HALF_UP) -> Decimal:
    return (sum(values, Decimal(0)) / (divisor * len(values))).quantize(_CENT, rounding)


def _rank(major: str) -> tuple[int, str]:
    return (MAJORS.index(major) if major in MAJORS else len(MAJORS), major)


def per_subject(ratings: pd.DataFrame) -> pd.DataFrame:
    """One row for each subject and category, from single ratings or from means.

    Returns dataset, category, subject, major, q1, q2, q3: shares, Decimal of two digits. Sorted by
    dataset, category, major (the paper's first) and subject, so that the order of files has no meaning.
    """
    divisors = {"q1": _LARGEST, "q2": _LARGEST} if "item" in ratings else {}
    rows: list[dict[str, Any]] = [
        dict(zip(NAMES, key, strict=True))
        | {q: _mean(list(given[q]), divisors.get(q, 1)) for q in QUESTIONS}
        for key, given in ratings.groupby([*NAMES], sort=False)
    ]
    rows.sort(key=lambda r: (r["dataset"], r["category"], _rank(r["major"]), r["subject"]))
    return pd.DataFrame(rows)


def outliers(subjects: pd.DataFrame, distance: float) -> NDArray[np.bool_]:
    """Whose Q3 the rule leaves out, (rows of ``subjects``).

    In each category and major the one subject that is farthest from the mean of the others, if by more
    than ``distance``. None where two are equally far, and none in a major of fewer than three.
    """
    found = np.zeros(len(subjects), dtype=np.bool_)
    places = subjects.reset_index(drop=True)
    for _, group in places.groupby([*_CATEGORY, "major"], sort=False):
        n, total = len(group), sum(group["q3"], Decimal(0))
        # |value − (total − value) / (n − 1)|, times n − 1: whole cents, so that ties are ties
        far = [abs(n * value - total) for value in group["q3"]]
        away = max(far) > Decimal(str(distance)) * (n - 1) and far.count(max(far)) == 1
        if n >= _LEAST_SUBJECTS and away:
            found[group.index[far.index(max(far))]] = True
    return found


def per_major(subjects: pd.DataFrame, left_out: NDArray[np.bool_]) -> pd.DataFrame:
    """One row for each category and major.

    ``left_out`` (rows of ``subjects``): whose Q3 does not count; Q1 and Q2 always do. Returns
    dataset, category, group (the major), q1, q2, q3 (Decimal of two digits), and values, {question:
    [the subjects' values that it is the mean of]}.
    """
    rows = []
    given = subjects.assign(left_out=left_out)
    for (*category, major), group in given.groupby([*_CATEGORY, "major"], sort=False):
        kept = {q: list(group[q]) for q in QUESTIONS}
        kept["q3"] = list(group.loc[~group["left_out"], "q3"])
        means = {q: _mean(kept[q]) for q in QUESTIONS}
        values = {"values": {q: [kept[q]] for q in QUESTIONS}}
        rows.append(dict(zip(_CATEGORY, category, strict=True)) | {"group": major} | means | values)
    return pd.DataFrame(rows)


def average(majors: pd.DataFrame) -> pd.DataFrame:
    """The mean of the majors' rounded values, a row a category; values: those of every major."""
    rows = []
    for category, group in majors.groupby(_CATEGORY, sort=False):
        means = {q: _mean(list(group[q])) for q in QUESTIONS}
        values = {"values": {q: [of[q][0] for of in group["values"]] for q in QUESTIONS}}
        rows.append(
            dict(zip(_CATEGORY, category, strict=True)) | {"group": AVERAGE} | means | values
        )
    return pd.DataFrame(rows)


def cells(
    subjects: pd.DataFrame, left_out: NDArray[np.bool_], seed: int, resamples: int
) -> list[dict[str, Any]]:
    """The rows of a table: of each category its majors and then their average.

    ``left_out`` (rows of ``subjects``): whose Q3 does not count. Returns dataset, category, group (a
    major or average), q1, q2, q3: rounded values with their intervals.
    """
    rows = []
    for _, majors in per_major(subjects, left_out).groupby(_CATEGORY, sort=False):
        rows += pd.concat([majors, average(majors)]).to_dict("records")
    return [
        {key: row[key] for key in (*_CATEGORY, "group")}
        | {
            q: replace(interval(row["values"][q], seed, resamples), value=float(row[q]))
            for q in QUESTIONS
        }
        for row in rows
    ]


def interval(majors: Sequence[Sequence[Decimal]], seed: int, resamples: int) -> Interval:
    """The mean over majors of the mean over each one's kept values, with its interval.

    Subjects are resampled within their major, since the majors were chosen and the subjects are the
    chance. Of three subjects it is too narrow (docs/study.md).
    """
    weighted = np.array([float(v) / len(own) / len(majors) for own in majors for v in own])
    return bootstrap(
        lambda counts: counts @ weighted, [len(own) for own in majors], seed, resamples
    )


def agreement(ratings: pd.DataFrame, seed: int, resamples: int) -> dict[str, Any]:
    """Krippendorff's alpha of each question, subjects as coders, with its interval.

    Units are the items, of ordinal level, or the categories where the ratings are means, of interval
    level. No outlier is left out, since that would raise the agreement by construction. Units are
    resampled, not subjects: one drawn twice would agree with themselves.

    ``ratings`` are from :func:`read_ratings` or :func:`per_subject`; units may be missing. Returns level,
    n_subjects, n_units, and for q1, q2, q3 an Interval; NaN where it is not defined, as where no unit
    has two subjects or all values are equal.
    """
    by_item = "item" in ratings
    level: _Level = "ordinal" if by_item else "interval"
    result: dict[str, Any] = {"level": level}
    for question in QUESTIONS:
        pivoted = ratings.astype({question: float}).pivot(
            index="subject", columns=[*_CATEGORY, "item"] if by_item else _CATEGORY, values=question
        )
        table = pivoted.sort_index().sort_index(axis=1).to_numpy(np.float64)
        n_subjects, n_units = table.shape
        result |= {"n_subjects": n_subjects, "n_units": n_units}

        def alphas(counts: Floats, table: Floats = table) -> Floats:
            drawn = (np.repeat(table, row.astype(int), axis=1) for row in counts)
            return np.array([_alpha(own, level) for own in drawn])

        result[question] = bootstrap(alphas, n_units, seed, resamples)
    return result


def _alpha(table: NDArray[np.float64], level: _Level) -> float:
    """Alpha of (subjects, units), NaN a missing rating."""
    paired = table[:, np.isfinite(table).sum(axis=0) > 1]
    if len(np.unique(paired[np.isfinite(paired)])) < 2:
        return float("nan")
    return float(krippendorff.alpha(paired, level_of_measurement=level))


def people(subjects: pd.DataFrame, which: NDArray[np.bool_]) -> list[dict[str, Any]]:
    """dataset, category, subject, major and q3 of the rows of ``subjects`` that are chosen."""
    rows = subjects.loc[which, [*NAMES, "q3"]].to_dict("records")
    return [{str(key): value for key, value in row.items()} for row in rows]


def differences(
    subjects: pd.DataFrame, marks: NDArray[np.bool_]
) -> tuple[int, list[dict[str, Any]]]:
    """How many cells the paper prints, and those that do not follow from its rows.

    ``subjects`` are of one of the paper's data sets, ``marks`` (rows of ``subjects``) whose Q3 is
    left out. Returns (printed cells, [{category, group, question, printed, value, why}]).
    """
    majors = per_major(subjects, marks)
    its = {
        (row["category"], row["group"]): row
        for row in printed_ratings(str(subjects["dataset"].iloc[0])).to_dict("records")
    }
    count, found = 0, []
    for row in pd.concat([majors, average(majors)]).to_dict("records"):
        category, group = row["category"], row["group"]
        for q in QUESTIONS:
            printed, why = its[category, group][q], "unexplained"
            count += printed is not None
            if printed is None or printed == row[q]:
                continue
            if group == AVERAGE:
                inputs = [its[category, name][q] for name in majors["group"].unique()]
                if None not in inputs and _mean(inputs) == printed:
                    why = "follows from the printed majors"
            elif _mean(row["values"][q][0], rounding=ROUND_DOWN) == printed:
                why = "truncated, not rounded"
            found.append(
                {"category": category, "group": group, "question": q}
                | {"printed": printed, "value": row[q], "why": why}
            )
    return count, found
