"""Ratings as CSV files, read and checked (docs/study.md)."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import pandas as pd

from motionmusic.csv_files import checked_rows
from motionmusic.errors import UserError

NAMES = ("dataset", "category", "subject", "major")
QUESTIONS = ("q1", "q2", "q3")
AVERAGE = "average"
_REMEDY = "save it as CSV, UTF-8, separated by commas (docs/study.md)"


def read_ratings(paths: Sequence[Path]) -> pd.DataFrame:
    """The ratings of one or more CSV files, checked.

    Columns dataset, category, subject, major, q1, q2, q3, in any order; others are ignored. With a
    column item, a row is one rated item: Q1 and Q2 whole numbers from 1 to 5, Q3 0 or 1. Without, a
    row is a subject's mean over the items of a category: Q1 and Q2 from 0.2 to 1 (divided by 5), Q3
    from 0 to 1. UTF-8, with or without byte order mark; empty lines are skipped.

    Returns dataset, category, subject, major (text), item (text, where the files have it), q1, q2, q3
    (Decimal, as they stand in the file), in the order of the files. Raises UserError for a file that is
    broken or without ratings, a bad cell, a subject twice in a category (and item) or of two majors, and
    single items in one file and means in another.
    """
    files = {
        path: list(checked_rows(path, "ratings", [*NAMES, *QUESTIONS], _REMEDY, ["item"]))
        for path in paths
    }
    first, *others = ("item" in rows[0][1] for rows in files.values())
    if (not first) in others:
        other = paths[1 + others.index(not first)]
        expected = f"{'a' if first else 'no'} column item as in {paths[0]}"
        remedy = "score single ratings and means of subjects separately"
        raise UserError(other, "line 1", expected, "another header", remedy)
    named = [*NAMES, "item"] if first else [*NAMES]
    found: list[dict[str, Any]] = []
    seen: dict[tuple[str, ...], str] = {}
    majors: dict[str, tuple[str, str]] = {}
    for path, line, cells in ((path, *row) for path, rows in files.items() for row in rows):
        row: dict[str, Any] = {name: _name(path, line, name, cells[name]) for name in named}
        row |= {q: _rating(path, line, q, cells[q], first) for q in QUESTIONS}
        found.append(row)
        key, place = tuple(row[name] for name in named if name != "major"), f"{path} line {line}"
        if key in seen:
            where = f"line {line}, subject {row['subject']}"
            each = ", category and item" if first else " and category"
            expected = f"one row for each subject{each}"
            got = f"{', '.join(key)} again, after {seen[key]}"
            remedy = "take one of the rows out, or give two people two names"
            raise UserError(path, where, expected, got, remedy)
        seen[key] = place
        major, where = majors.setdefault(row["subject"], (row["major"], place))
        if major != row["major"]:
            expected = f"{major}, that of subject {row['subject']} in {where}"
            remedy = "give each subject one major, and two people two names"
            raise UserError(path, f"line {line}, major", expected, row["major"], remedy)
    return pd.DataFrame(found, columns=[*named, *QUESTIONS])


def _name(path: Path, line: int, column: str, text: str) -> str:
    if not text or (column == "major" and text == AVERAGE):
        expected = f"a major other than {AVERAGE}" if text else "a name"
        got = text or "nothing"
        raise UserError(path, f"line {line}, {column}", expected, got, "correct the cell")
    return text


def _rating(path: Path, line: int, question: str, text: str, by_item: bool) -> Decimal:
    least, largest = ("0", "1") if question == "q3" else ("1", "5") if by_item else ("0.2", "1")
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("nan")
    # finite first: neither "nan" nor anything else that is not a number can be compared
    if not (value.is_finite() and Decimal(least) <= value <= Decimal(largest)) or (
        by_item and value % 1
    ):
        expected = f"a {'whole number' if by_item else 'share'} from {least} to {largest}"
        expected += "" if by_item else "; single ratings need a column item"
        remedy = "correct the rating or take the row out"
        raise UserError(path, f"line {line}, {question}", expected, text or "nothing", remedy)
    return value
