"""Tables 7 and 8: ratings by subject, by major and on average, with intervals and agreement.

Subjects rate the music that was recommended for a dance. Q1 and Q2 are ratings from 1 to 5, Q3 is 1
where the recommended music is preferred to the dance's own, else 0.

The paper's rule (Gong et al. 2024, Section 4.5, as its numbers show; docs/study.md):

- Per subject: the mean over the items of a category, Q1 and Q2 divided by 5; so all are shares.
- Outliers, of Q3 only: in each category and major the subject whose Q3 is farthest from the mean of
  the others, if that is more than 0.4; at most one.
- Per major: the mean of the subjects that are kept. Average: the mean of the majors, each of which
  weighs the same, however many its subjects.
- Every step is rounded half up to 0.01 and the next one starts from the rounded values. Decimals,
  not floats, so that a half is one.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Literal

import krippendorff
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from motionmusic.errors import UserError
from motionmusic.files import rounded
from motionmusic.results.tables import document, grid

QUESTIONS = ("q1", "q2", "q3")
MAJORS = (
    "music",
    "dance",
    "computer_science",
)  # the paper's, in its order; a study may have others
AVERAGE = "average"
PAPER_TABLES = {"table7": "musictodance", "table8": "aist"}

_Level = Literal["ordinal", "interval"]
_NAMES = ["dataset", "category", "subject", "major"]
_COLUMNS = ["dataset", "category", "group", *QUESTIONS]
_CENT = Decimal("0.01")
_LARGEST = 5  # of a rating of Q1 and Q2
_LEAST_SUBJECTS = 3  # of a major; of two that differ none is the outlier
_FOLDER = Path(__file__).parents[1] / "results"
# by whether the rows are single items: (least, largest, whole numbers only, in words)
_RANGES = {
    True: {
        "q1": (Decimal(1), Decimal(5), True, "a whole number from 1 to 5"),
        "q2": (Decimal(1), Decimal(5), True, "a whole number from 1 to 5"),
        "q3": (Decimal(0), Decimal(1), True, "0 or 1"),
    },
    False: {
        "q1": (Decimal("0.2"), Decimal(1), False, "a share from 0.2 to 1"),
        "q2": (Decimal("0.2"), Decimal(1), False, "a share from 0.2 to 1"),
        "q3": (Decimal(0), Decimal(1), False, "a share from 0 to 1"),
    },
}
_REMEDY = {
    True: "mend the rating or take the row out",
    False: "mend the value; without a column item a row is a subject's mean over the items of a"
    " category, of Q1 and Q2 divided by 5, and single ratings need that column",
}


# Reading


def read_ratings(paths: Sequence[Path]) -> pd.DataFrame:
    """The ratings of one or more CSV files, checked.

    Columns dataset, category, subject, major, q1, q2, q3, in any order; others are ignored. With a
    column item, a row is one rated item: Q1 and Q2 whole numbers from 1 to 5, Q3 0 or 1. Without, a
    row is a subject's mean over the items of a category: Q1 and Q2 from 0.2 to 1 (divided by 5), Q3
    from 0 to 1. UTF-8, with or without byte order mark; empty lines are skipped.

    Returns:
        dataset, category, subject, major (text), item (text, where the files have it), q1, q2, q3
        (Decimal, as they stand in the file), in the order of the files.

    Raises:
        UserError: a file that is missing, no CSV or without ratings; a missing column; an empty
            cell; a rating outside its range; a subject twice in a category, or twice with an item;
            a subject of two majors; single items in one file and means in another.
    """
    rows: list[dict[str, Any]] = []
    seen: dict[tuple[str, ...], str] = {}
    majors: dict[str, tuple[str, str]] = {}
    by_item: bool | None = None
    for path in paths:
        head, lines = _read(path)
        if by_item is None:
            by_item = "item" in head
        elif by_item != ("item" in head):
            raise UserError(
                path, "line 1", f"{'a' if by_item else 'no'} column item as in {paths[0]}",
                f"{','.join(head)}", "score single ratings and means of subjects separately",
            )  # fmt: skip
        named = [*_NAMES, "item"] if by_item else _NAMES
        before = len(rows)
        for line, cells in lines:
            place = f"{path} line {line}"
            row: dict[str, Any] = {name: _name(path, line, name, cells[name]) for name in named}
            row |= {q: _rating(path, line, q, cells[q], by_item) for q in QUESTIONS}
            key = tuple(row[name] for name in named if name != "major")
            if key in seen:
                raise UserError(
                    path, f"line {line}, subject {row['subject']}",
                    f"one row for each subject{', category and item' if by_item else ' and category'}",
                    f"{', '.join(key)} again, after {seen[key]}",
                    "take one of the rows out, or give two people two names",
                )  # fmt: skip
            seen[key] = place
            major, where = majors.setdefault(row["subject"], (row["major"], place))
            if major != row["major"]:
                raise UserError(
                    path, f"line {line}, major", f"{major}, that of subject {row['subject']} in {where}",
                    row["major"], "give each subject one major, and two people two names",
                )  # fmt: skip
            rows.append(row)
        if len(rows) == before:
            raise UserError(path, "", "ratings", "no row below the header", "leave the file out")
    return pd.DataFrame(rows, columns=[*named, *QUESTIONS])


def _read(path: Path) -> tuple[list[str], Iterator[tuple[int, dict[str, str]]]]:
    """The header, and each row with the number of its (last) line."""
    remedy = "save it as CSV, UTF-8, separated by commas (docs/study.md)"
    try:
        text = path.read_bytes().decode("utf-8-sig")  # with or without byte order mark
    except OSError as error:
        raise UserError(
            path, "", "a readable CSV file", error.strerror or str(error), "name the ratings' files"
        ) from None
    except UnicodeDecodeError as error:
        raise UserError(path, "", "a CSV file in UTF-8", str(error), remedy) from None
    # strict: a quote that is never closed would otherwise swallow the rest of the file
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)

    def lines() -> Iterator[tuple[int, list[str]]]:
        try:
            for fields in reader:
                if any(field.strip() for field in fields):
                    yield reader.line_num, [field.strip() for field in fields]
        except csv.Error as error:
            raise UserError(path, f"line {reader.line_num}", "CSV", str(error), remedy) from None

    given = lines()
    _, head = next(given, (1, []))
    missing = [name for name in [*_NAMES, *QUESTIONS] if head.count(name) != 1]
    if missing or head.count("item") > 1:
        raise UserError(
            path, "line 1", f"the columns {', '.join([*_NAMES, *QUESTIONS])}, each once",
            ",".join(head)[:200] or "nothing", remedy,
        )  # fmt: skip

    def rows() -> Iterator[tuple[int, dict[str, str]]]:
        for line, fields in given:
            if len(fields) != len(head):
                raise UserError(
                    path, f"line {line}", f"{len(head)} fields as in the header", f"{len(fields)}",
                    "mend the row; a text with a comma needs quotes",
                )  # fmt: skip
            yield line, dict(zip(head, fields, strict=True))

    return head, rows()


def _name(path: Path, line: int, column: str, text: str) -> str:
    if not text or (column == "major" and text == AVERAGE):
        expected = f"a major other than {AVERAGE}" if text else "a name"
        raise UserError(
            path, f"line {line}, {column}", expected, text or "nothing", "mend the cell"
        )
    return text


def _rating(path: Path, line: int, question: str, text: str, by_item: bool) -> Decimal:
    least, largest, whole, words = _RANGES[by_item][question]
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("nan")
    # the first: neither "nan" nor anything else that is not a number can be compared
    if not value.is_finite() or not least <= value <= largest or (whole and value % 1):
        raise UserError(
            path, f"line {line}, {question}", words, text or "nothing", _REMEDY[by_item]
        )
    return value


def paper_ratings(dataset: str) -> pd.DataFrame:
    """The paper's per-subject values of ``musictodance`` (Table 7) or ``aist`` (Table 8).

    Gong et al., Multimedia Systems 30, art. 37, 2024, Section 4.5, read as text. The signs before Q3
    are no part of the values: ``+`` stands above 0.5, ``-`` below, ``±`` at it. Three values, all
    marked as outliers, are printed as no mean of 0/1 ratings can be (0.46 and twice 0.47) and stand
    here as the nearest one that can (0.16, 0.17); no other cell depends on them.

    Returns:
        dataset, category, subject, major, q1, q2, q3 (Decimal), outlier (whether the paper's
        footnote leaves this Q3 out), q3_as_printed, source.
    """
    everything = pd.read_csv(_FOLDER / "paper_ratings.csv", dtype=str)
    rows = everything[everything["dataset"] == dataset].reset_index(drop=True)
    for question in QUESTIONS:
        rows[question] = _decimals(rows[question])
    rows["outlier"] = rows.pop("q3_outlier") == "1"
    return rows


def paper_printed(dataset: str) -> pd.DataFrame:
    """The paper's per-major and average cells of ``musictodance`` (Table 7) or ``aist`` (Table 8).

    Returns:
        dataset, category, group (a major or average), q1, q2, q3 (Decimal, without Q3's sign; None
        where the paper prints nothing), source.
    """
    everything = pd.read_csv(_FOLDER / "paper_ratings_printed.csv", dtype=str, na_filter=False)
    rows = everything[everything["dataset"] == dataset].reset_index(drop=True)
    for question in QUESTIONS:
        rows[question] = _decimals(rows[question].str.lstrip("+-±"))
    return rows


def _decimals(texts: pd.Series[Any]) -> pd.Series[Any]:
    return pd.Series([Decimal(text) if text else None for text in texts], texts.index, dtype=object)


# The rule


def _mean(values: Iterable[Decimal], divisor: int = 1, rounding: str = ROUND_HALF_UP) -> Decimal:
    kept = list(values)
    return (sum(kept, Decimal(0)) / (divisor * len(kept))).quantize(_CENT, rounding)


def _rank(major: str) -> tuple[int, str]:
    return (MAJORS.index(major) if major in MAJORS else len(MAJORS), major)


def per_subject(ratings: pd.DataFrame) -> pd.DataFrame:
    """One row for each subject and category, from single ratings or from means.

    Returns:
        dataset, category, subject, major, q1, q2, q3: shares, Decimal of two digits; n, of how many
        rows. Sorted by dataset, category, major (the paper's first) and subject, so that the order
        of files and rows has no meaning.
    """
    divisors = {"q1": _LARGEST, "q2": _LARGEST, "q3": 1} if "item" in ratings else {}
    rows: list[dict[str, Any]] = [
        {
            **dict(zip(_NAMES, key, strict=True)),
            **{q: _mean(given[q], divisors.get(q, 1)) for q in QUESTIONS},
            "n": len(given),
        }
        for key, given in ratings.groupby(_NAMES, sort=False)
    ]
    rows.sort(key=lambda r: (r["dataset"], r["category"], _rank(r["major"]), r["subject"]))
    return pd.DataFrame(rows)


def outliers(subjects: pd.DataFrame, distance: float) -> NDArray[np.bool_]:
    """Whose Q3 the rule leaves out, (rows of ``subjects``).

    In each category and major the one subject that is farthest from the mean of the others, if by
    more than ``distance``. None where two are equally far, and none in a major of fewer than three.
    """
    found = np.zeros(len(subjects), dtype=np.bool_)
    places = subjects.reset_index(drop=True)
    for _, group in places.groupby(["dataset", "category", "major"], sort=False):
        n, total = len(group), sum(group["q3"], Decimal(0))
        if n < _LEAST_SUBJECTS:
            continue
        # |value − (total − value) / (n − 1)|, times n − 1: whole cents, so that ties are ties
        far = [abs(n * value - total) for value in group["q3"]]
        if max(far) > Decimal(str(distance)) * (n - 1) and far.count(max(far)) == 1:
            found[group.index[far.index(max(far))]] = True
    return found


def per_major(subjects: pd.DataFrame, left_out: NDArray[np.bool_]) -> pd.DataFrame:
    """One row for each category and major.

    Args:
        subjects: from :func:`per_subject`.
        left_out: (rows of ``subjects``) whose Q3 does not count; Q1 and Q2 always do.

    Returns:
        dataset, category, group (the major), q1, q2, q3 (Decimal of two digits), and values, a dict
        of the subjects' values that each of them is the mean of.
    """
    rows = []
    given = subjects.assign(left_out=left_out)
    for (dataset, category, major), group in given.groupby(
        ["dataset", "category", "major"], sort=False
    ):
        values = {q: list(group[q]) for q in QUESTIONS}
        values["q3"] = list(group.loc[~group["left_out"], "q3"])
        means = {q: _mean(values[q]) for q in QUESTIONS}
        rows.append(
            {"dataset": dataset, "category": category, "group": major, **means, "values": values}
        )
    return pd.DataFrame(rows)


def average(majors: pd.DataFrame) -> pd.DataFrame:
    """The mean of the majors' rounded values, one row for each category; columns of _COLUMNS."""
    rows = [
        {
            "dataset": dataset,
            "category": category,
            "group": AVERAGE,
            **{q: _mean(group[q]) for q in QUESTIONS},
        }
        for (dataset, category), group in majors.groupby(["dataset", "category"], sort=False)
    ]
    return pd.DataFrame(rows, columns=_COLUMNS)


# How sure


def interval(
    majors: Sequence[Sequence[Decimal]], seed: int, resamples: int = 2000
) -> tuple[float, float]:
    """95 % percentile bootstrap interval of the mean over majors of the mean over subjects.

    Subjects are resampled within their major, since the majors were chosen and the subjects are the
    chance. Of three subjects it is too narrow (docs/study.md).

    Args:
        majors: each one's kept values; a single major for the interval of its own mean.
        seed: of the resampling.
        resamples: of the bootstrap.

    Returns:
        (low, high); (NaN, NaN) where a major has fewer than two subjects.
    """
    samples = [np.array(values, dtype=np.float64) for values in majors]
    if min(len(sample) for sample in samples) < 2:
        return float("nan"), float("nan")
    found = stats.bootstrap(
        samples,
        lambda *given, axis: np.mean([sample.mean(axis=axis) for sample in given], axis=0),
        vectorized=True,
        method="percentile",
        n_resamples=resamples,
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return float(found.low), float(found.high)


def agreement(ratings: pd.DataFrame, seed: int, resamples: int = 2000) -> dict[str, Any]:
    """Krippendorff's alpha of each question, subjects as coders, with its interval.

    Units are the items, or the categories where the ratings are means. Single ratings are ordinal:
    that 5 is as far from 4 as 2 from 1 is nothing that a subject was told. Means of ratings have
    taken them for numbers already and are of interval level. (Of the two values of Q3 every level
    says the same.) No outlier is left out, since that would raise the agreement by construction.

    The interval is a 95 % percentile bootstrap over units. Subjects are not resampled: one drawn
    twice would agree with themselves.

    Args:
        ratings: from :func:`read_ratings` or :func:`per_subject`; a subject's missing units are
            allowed.
        seed: of the resampling.
        resamples: of the bootstrap.

    Returns:
        level, n_subjects, n_units, and for q1, q2, q3 {alpha, low, high}; NaN where it is not
        defined, as where no unit has two subjects or all values are equal.
    """
    by_item = "item" in ratings
    unit = ["dataset", "category", *(["item"] if by_item else [])]
    level: _Level = "ordinal" if by_item else "interval"
    result: dict[str, Any] = {"level": level}
    for question in QUESTIONS:
        numbers = ratings.assign(value=ratings[question].astype(float))
        pivoted = numbers.pivot(index="subject", columns=unit, values="value")
        table = pivoted.sort_index().sort_index(axis=1).to_numpy(np.float64)
        n_subjects, n_units = table.shape
        result |= {"n_subjects": n_subjects, "n_units": n_units}
        alpha, low, high = _alpha(table, level), float("nan"), float("nan")
        if np.isfinite(alpha) and n_units > 1:
            draws = np.random.default_rng(seed).integers(n_units, size=(resamples, n_units))
            found = np.array([_alpha(table[:, draw], level) for draw in draws])
            # a draw of which alpha is not defined says nothing
            low, high = (float(value) for value in np.nanpercentile(found, [2.5, 97.5]))
        result[question] = {"alpha": alpha, "low": low, "high": high}
    return result


def _alpha(table: NDArray[np.float64], level: _Level) -> float:
    """Alpha of (subjects, units), NaN a missing rating."""
    paired = table[:, np.isfinite(table).sum(axis=0) > 1]
    if len(np.unique(paired[np.isfinite(paired)])) < 2:
        return float("nan")
    return float(krippendorff.alpha(paired, level_of_measurement=level))


# Tables


def ratings_table(
    name: str, ratings: pd.DataFrame, outlier: float, seed: int, resamples: int = 2000
) -> dict[str, Any]:
    """The table of a study.

    Args:
        name: of the table.
        ratings: from :func:`read_ratings`.
        outlier: distance of the rule of :func:`outliers`.
        seed: of the intervals.
        resamples: of the intervals.

    Returns:
        table, title, outlier (the distance), counts {n_subjects, n_ratings}, cells [{dataset,
        category, group, q1, q2, q3}], each question {value, low, high}; left_out [{dataset,
        category, major, subject, q3}], agreement [{dataset, level, n_subjects, n_units, q1, q2,
        q3}]. What is not defined is None.
    """
    subjects = per_subject(ratings)
    title = f"{name}: ratings of recommended music"
    left_out = outliers(subjects, outlier)
    table = _table(name, title, ratings, subjects, left_out, outlier, seed, resamples)
    result: dict[str, Any] = rounded(table)
    return result


def paper_table(name: str, outlier: float, seed: int, resamples: int = 2000) -> dict[str, Any]:
    """Table 7 or 8 from the paper's own per-subject values, beside the cells that it prints.

    The outliers are those that the paper's footnote marks; what the rule would have left out is
    reported beside them.

    Args:
        name: table7 or table8.
        outlier: distance of the rule of :func:`outliers`, for that report.
        seed: of the intervals.
        resamples: of the intervals.

    Returns:
        What :func:`ratings_table` does; and in each question of a cell printed (None where the paper
        has nothing) and verdict (exact, within 0.01, different, not printed); compared {printed,
        exact, within 0.01, different, exact_by_rule}; differences [{category, group, question,
        printed, value, why}], the cells whose print does not follow from the paper's rows; rule
        {distance, only_rule, only_marked}, the subjects that one leaves out and the other does not.

    Raises:
        ValueError: the paper has no such table.
    """
    if name not in PAPER_TABLES:
        raise ValueError(f"expected one of {', '.join(PAPER_TABLES)}, got {name}")
    dataset = PAPER_TABLES[name]
    given = paper_ratings(dataset)
    subjects, marks = per_subject(given), given["outlier"].to_numpy(np.bool_)
    assert subjects["subject"].tolist() == given["subject"].tolist()  # the file is sorted
    title = f"{name.replace('table', 'Table ')}. {dataset}: ratings of recommended music"
    table = _table(name, title, subjects, subjects, marks, outlier, seed, resamples)
    by_rule = outliers(subjects, outlier)
    table["rule"] = {
        "distance": outlier,
        "only_rule": _people(subjects, by_rule & ~marks),
        "only_marked": _people(subjects, marks & ~by_rule),
    }
    _compare(table, subjects, marks, paper_printed(dataset))
    _, ruled = _values(subjects, by_rule)
    table["compared"]["exact_by_rule"] = sum(
        cell[q]["printed"] == float(ours[q])
        for cell, ours in zip(table["cells"], ruled, strict=True)
        for q in QUESTIONS
    )
    result: dict[str, Any] = rounded(table)
    return result


def _values(
    subjects: pd.DataFrame, left_out: NDArray[np.bool_]
) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """The majors, and the rows of the table: of each category its majors and then their average."""
    majors = per_major(subjects, left_out)
    rows = []
    for mean in average(majors).to_dict("records"):
        own = (majors["dataset"] == mean["dataset"]) & (majors["category"] == mean["category"])
        rows += [*majors.loc[own, _COLUMNS].to_dict("records"), mean]
    return majors, [{str(key): value for key, value in row.items()} for row in rows]


def _table(
    name: str,
    title: str,
    ratings: pd.DataFrame,
    subjects: pd.DataFrame,
    left_out: NDArray[np.bool_],
    outlier: float,
    seed: int,
    resamples: int,
) -> dict[str, Any]:
    majors, rows = _values(subjects, left_out)
    values: dict[tuple[str, str], dict[str, dict[str, list[Decimal]]]] = {}
    for major in majors.to_dict("records"):
        place = values.setdefault((major["dataset"], major["category"]), {})
        place[major["group"]] = major["values"]
    cells = []
    for row in rows:
        place = values[row["dataset"], row["category"]]
        own = place.values() if row["group"] == AVERAGE else [place[row["group"]]]
        cell = {key: row[key] for key in ("dataset", "category", "group")}
        for question in QUESTIONS:
            low, high = interval([each[question] for each in own], seed, resamples)
            cell[question] = {"value": float(row[question]), "low": low, "high": high}
        cells.append(cell)
    return {
        "table": name,
        "title": title,
        "outlier": outlier,
        "counts": {"n_subjects": subjects["subject"].nunique(), "n_ratings": len(ratings)},
        "cells": cells,
        "left_out": _people(subjects, left_out),
        "agreement": [
            {"dataset": dataset, **agreement(own, seed, resamples)}
            for dataset, own in ratings.groupby("dataset")
        ],
    }


def _people(subjects: pd.DataFrame, which: NDArray[np.bool_]) -> list[dict[str, Any]]:
    rows = subjects.loc[which, [*_NAMES, "q3"]].to_dict("records")
    return [{str(k): float(v) if k == "q3" else v for k, v in row.items()} for row in rows]


def _compare(
    table: dict[str, Any],
    subjects: pd.DataFrame,
    marks: NDArray[np.bool_],
    printed: pd.DataFrame,
) -> None:
    """Adds printed, verdict, compared and differences to a table of :func:`_table`."""
    majors, rows = _values(subjects, marks)
    kept = {(m["category"], m["group"]): m["values"] for m in majors.to_dict("records")}
    prints = {(row["category"], row["group"]): row for row in printed.to_dict("records")}
    counts = {"printed": 0, "exact": 0, "within 0.01": 0, "different": 0}
    differences = []
    for cell, row in zip(table["cells"], rows, strict=True):
        category, group = row["category"], row["group"]
        groups = [g for c, g in kept if c == category]
        for question in QUESTIONS:
            ours, its = row[question], prints[category, group][question]
            cell[question]["printed"] = None if its is None else float(its)
            if its is None:
                cell[question]["verdict"] = "not printed"
                continue
            far = abs(ours - its)
            verdict = "exact" if not far else "within 0.01" if far <= _CENT else "different"
            cell[question]["verdict"] = verdict
            counts["printed"] += 1
            counts[verdict] += 1
            if verdict == "exact":
                continue
            if group == AVERAGE:
                inputs = [prints[category, g][question] for g in groups]
                why = "follows from the printed majors" if None not in inputs and _mean(
                    inputs
                ) == its else "unexplained"  # fmt: skip
            else:
                truncated = _mean(kept[category, group][question], rounding=ROUND_DOWN)
                why = "truncated, not rounded" if truncated == its else "unexplained"
            differences.append(
                {"category": category, "group": group, "question": question,
                 "printed": float(its), "value": float(ours), "why": why}
            )  # fmt: skip
    table["compared"] = counts
    table["differences"] = differences


def ratings_csv(table: Mapping[str, Any]) -> str:
    """Columns dataset, category, group, q1, q2, q3; of a study also q1_low, q1_high, … at the end."""
    rows = []
    for cell in table["cells"]:
        row = {key: cell[key] for key in ("dataset", "category", "group")}
        row |= {q: _digits(cell[q]["value"]) for q in QUESTIONS}
        if "compared" not in table:
            row |= {
                f"{q}_{end}": _digits(cell[q][end]) for q in QUESTIONS for end in ("low", "high")
            }
        rows.append(row)
    return pd.DataFrame(rows).to_csv(index=False, lineterminator="\n")


def _digits(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def ratings_markdown(table: Mapping[str, Any]) -> str:
    """The table with its caption: a grid for each data set, the agreement, what is left out."""
    compared = "compared" in table
    parts = [f"**{table['title']}.** {_caption(table)}"]
    datasets = list(dict.fromkeys(cell["dataset"] for cell in table["cells"]))
    left_out = {
        (each["dataset"], each["category"], each["major"]): f"{each['subject']}: {each['q3']:.2f}"
        for each in table["left_out"]
    }
    for dataset in datasets:
        lines, last = [], ""
        for cell in table["cells"]:
            if cell["dataset"] != dataset:
                continue
            category, major = cell["category"], cell["group"]
            lines.append(
                ["" if category == last else category, major.replace("_", " "),
                 *(_cell(cell[q]) for q in QUESTIONS),
                 left_out.get((dataset, category, major), "")]
            )  # fmt: skip
            last = category
        head = ["category", "group", "Q1", "Q2", "Q3", "left out of Q3"]
        parts += [*([f"{dataset}:"] if len(datasets) > 1 else []), grid(head, lines)]
    if compared:
        parts += _compared(table)
    agreed = [
        [each["dataset"], each["level"], f"{each['n_subjects']}", f"{each['n_units']}",
         *(_within(each[q]["alpha"], each[q]["low"], each[q]["high"]) for q in QUESTIONS)]
        for each in table["agreement"]
    ]  # fmt: skip
    parts += [
        "Krippendorff's alpha between the subjects (1: they agree; 0: as by chance), in brackets the"
        " 95 % interval, bootstrap over units: items, or categories where means are rated.",
        grid(["dataset", "level", "subjects", "units", "Q1", "Q2", "Q3"], agreed),
    ]
    return document(*parts)


def _caption(table: Mapping[str, Any]) -> str:
    counts, distance = table["counts"], table["outlier"]
    if "compared" in table:
        rule = "left out of Q3 are the subjects that the paper's footnote marks"
    else:
        rule = (
            "left out of Q3 is in each category and major the subject farthest from the mean of the"
            f" others, if by more than {distance:g}"
        )
    return (
        "Q1 and Q2: mean rating from 1 to 5, divided by 5; Q3: share of dances for which the"
        " recommended music is preferred to their own. Per subject, then per major, then the average"
        f" of the majors, each rounded half up; {rule} (subject: value). {counts['n_subjects']}"
        f" subjects, {counts['n_ratings']} rows. In brackets the 95 % interval, bootstrap over"
        " subjects within their major; of three subjects it is too narrow."
    )


def _within(value: float | None, low: float | None, high: float | None) -> str:
    """value [low, high] with two digits; an interval that is not defined is left out."""
    if value is None:
        return "–"
    text = f"{value:.2f}" + ("" if low is None else f" [{low:.2f}, {high:.2f}]")
    return text.replace("-0.00", "0.00").replace("-", "−")


def _cell(scores: Mapping[str, Any]) -> str:
    text = _within(scores["value"], scores["low"], scores["high"])
    verdict = scores.get("verdict", "exact")
    if verdict == "exact":
        return text
    return f"{text} *" if verdict == "not printed" else f"{text} ≠ {scores['printed']:.2f}"


def _compared(table: Mapping[str, Any]) -> list[str]:
    """What of the print follows from the paper's own rows, and what does not."""
    counts, rule = table["compared"], table["rule"]
    texts = [
        f"{counts['exact']} of the {counts['printed']} printed cells follow exactly from the paper's"
        f" rows, {counts['exact'] + counts['within 0.01']} within 0.01. * is not printed; ≠ stands"
        " before a printed value that does not follow."
    ]
    texts += [
        f"{each['category']}, {each['group'].replace('_', ' ')}, {each['question'].upper()}: printed"
        f" {each['printed']:.2f}, from the rows {each['value']:.2f} ({each['why']})."
        for each in table["differences"]
    ]
    texts.append(
        f"By the rule at {rule['distance']:g} instead of the marks, {counts['exact_by_rule']} cells"
        " are exact."
    )
    for key, words in (
        ("only_rule", "It also leaves out"), ("only_marked", "It does not leave out"),
    ):  # fmt: skip
        if rule[key]:
            people = ", ".join(f"{e['category']}, subject {e['subject']}" for e in rule[key])
            texts.append(f"{words}: {people}.")
    return [" ".join(texts)]
