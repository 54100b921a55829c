"""A table of results: numbers with intervals, written as JSON, CSV and Markdown, shown as HTML."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any, TypeAlias

import pandas as pd

from motionmusic.files import new_folder, read_json, write_json, write_text
from motionmusic.scoring.intervals import Interval

Cell: TypeAlias = Interval | str | None
_WIDTH = 100


@dataclass(frozen=True)
class Column:
    """A head, and how the column's numbers are written (:meth:`Interval.text`)."""

    head: str
    unit: str = ""
    digits: int = 1


@dataclass(frozen=True)
class Row:
    """One cell a column, None for nothing to show.

    ``beside`` is what to compare them with: paper or files → one text a column, empty for none.
    """

    cells: tuple[Cell, ...]
    beside: dict[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Table:
    """A table of a page, a file or a terminal."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    caption: str = ""  # what the reader sees, and what follows
    note: str = ""  # below the table: footnotes and what was left out
    labels: int = 1  # how many columns say what a row is
    sortable: bool = True  # whether every row can stand alone

    def texts(self) -> Iterator[list[list[str]]]:
        """Each row's cells as lines: the cell itself, then what stands beside it."""
        for row in self.rows:
            yield [
                [
                    _text(cell, column),
                    *(f"{name} {of[place]}" for name, of in row.beside.items() if of[place]),
                ]
                for place, (cell, column) in enumerate(zip(row.cells, self.columns, strict=True))
            ]

    def frame(self) -> pd.DataFrame:
        """One line a number or text: the labels, column, value, low, high, sd, what is beside.

        Numbers are in the units that are shown, so shares in percent.
        """
        heads = [column.head or "row" for column in self.columns[: self.labels]]
        lines: list[dict[str, Any]] = []
        for row in self.rows:
            label = dict(zip(heads, row.cells, strict=False))
            for place, (cell, column) in enumerate(zip(row.cells, self.columns, strict=True)):
                if place < self.labels or cell is None:
                    continue
                factor = 100 if column.unit in ("percent", "points") else 1
                shown: dict[str, Any] = {"value": cell}
                if isinstance(cell, Interval):
                    shown = {name: factor * value for name, value in cell.json().items()}
                besides = {name: of[place] for name, of in row.beside.items()}
                lines.append(label | {"column": column.head} | shown | besides)
        return pd.DataFrame(lines)

    def markdown(self) -> str:
        """Title and caption, the grid with its columns aligned in a terminal, the note."""
        heads = [column.head for column in self.columns]
        lines = [line for row in self.texts() for line in zip_longest(*row, fillvalue="")]
        stop = "" if self.title.endswith("?") else "."
        title = textwrap.fill(f"**{self.title}{stop}** {self.caption}".strip(), _WIDTH)
        parts = [title, grid(heads, lines), textwrap.fill(self.note, _WIDTH)]
        return "\n\n".join(part for part in parts if part)

    def json(self) -> dict[str, Any]:
        """All of it, for :meth:`read`."""
        texts = ("title", "caption", "note", "labels", "sortable")
        return {name: getattr(self, name) for name in texts} | {
            "columns": [vars(column) for column in self.columns],
            "rows": [
                {"cells": [c.json() if isinstance(c, Interval) else c for c in row.cells]}
                | ({"beside": row.beside} if row.beside else {})
                for row in self.rows
            ],
        }

    @staticmethod
    def read(found: dict[str, Any]) -> Table:
        """From :meth:`json`."""
        rows = tuple(
            Row(
                tuple(Interval.read(c) if isinstance(c, dict) else c for c in row["cells"]),
                {name: tuple(texts) for name, texts in row.get("beside", {}).items()},
            )
            for row in found["rows"]
        )
        columns = tuple(Column(**column) for column in found["columns"])
        return Table(**(found | {"columns": columns, "rows": rows}))


def table(
    title: str, columns: Sequence[Column | str], rows: Sequence[Sequence[Cell]], **more: Any
) -> Table:
    """A table of plain rows; a column may be its head alone."""
    heads = tuple(c if isinstance(c, Column) else Column(c) for c in columns)
    return Table(title, heads, tuple(Row(tuple(row)) for row in rows), **more)


def _text(cell: Cell, column: Column) -> str:
    if cell is None:
        return "–"
    return cell.text(column.unit, column.digits) if isinstance(cell, Interval) else cell


def grid(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table whose columns are aligned in a terminal, too."""
    widths = [max(3, *map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = [head, ["-" * width for width in widths], *rows]
    return "\n".join(
        "| " + " | ".join(text.ljust(n) for text, n in zip(line, widths, strict=True)) + " |"
        for line in lines
    )


def write_tables(folder: Path, name: str, tables: Sequence[Table]) -> None:
    """FOLDER/NAME.json, .csv and .md."""
    write_json(folder / f"{name}.json", [one.json() for one in tables])
    frames = [one.frame() for one in tables]
    if len(tables) > 1:
        for one, frame in zip(tables, frames, strict=True):
            frame.insert(0, "table", one.title)
    csv = pd.concat(frames).to_csv(index=False, float_format="%.6g", lineterminator="\n")
    write_text(folder / f"{name}.csv", csv)
    write_text(folder / f"{name}.md", "\n\n".join(one.markdown() for one in tables) + "\n")


def save_tables(folder: Path, tables: Sequence[Table], found: Any = None) -> None:
    """A new FOLDER with tables of its name; what they are of, in full, is FOLDER.json beside it."""
    if found is not None:
        write_json(folder.with_suffix(".json"), found)
    with new_folder(folder) as work:
        write_tables(work, folder.name, tables)


def read_tables(path: Path) -> list[Table]:
    """The tables of a NAME.json. Raises UserError where it is missing or broken."""
    return [
        Table.read(one) for one in read_json(path, "run `dvc repro` for the stage that makes it")
    ]
