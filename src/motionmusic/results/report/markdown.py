"""The pipeline's own Markdown, paragraphs and grids, as texts and tables for the page.

The page shows what ``metrics/`` says, word for word, so it is made from the same files.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from motionmusic.errors import UserError

# (bold, text), as in `**bold** plain`
Run = tuple[bool, str]


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    runs: tuple[Run, ...]


@dataclass(frozen=True)
class Table:
    """A table; the caption is above it.

    Attributes:
        caption: all that a reader must know of its numbers.
        head: of the columns.
        rows: a cell is a list of lines; only the first one is sorted by.
    """

    caption: tuple[Run, ...]
    head: tuple[str, ...]
    rows: tuple[tuple[tuple[str, ...], ...], ...]

    @property
    def sortable(self) -> bool:
        """Whether every row can stand alone: a row without a name belongs to the one above it."""
        return len(self.rows) > 2 and all(row[0] != ("",) for row in self.rows)

    @property
    def wide(self) -> bool:
        """Whether values and their intervals are too many for one line."""
        return any(sum(" [" in cell[0] for cell in row) > 5 for row in self.rows)


def table(caption: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """A table of one-line cells; the caption may have ``**bold**`` parts."""
    cells = tuple(tuple((text,) for text in row) for row in rows)
    return Table(_runs(caption), tuple(head), cells)


def parse(text: str, file: str, beside: bool = False) -> list[Text | Table]:
    """Paragraphs and grids in their order; a paragraph right before a grid is its caption.

    Args:
        text: Markdown as motionmusic.results.tables.document writes it.
        file: where it comes from, for the error.
        beside: whether a row without a name holds what stands beside the row above it, the paper's
            values for example; it then becomes further lines of that row's cells.

    Raises:
        UserError: a row of a grid has another number of cells than its head.
    """
    blocks: list[Text | Table] = []
    for block in re.split(r"\n\s*\n", text.strip()):
        if not block.startswith("|"):
            blocks.append(Text(_runs(" ".join(block.split()))))
            continue
        head, _, *rows = [
            [cell.strip() for cell in line.strip().strip("|").split("|")]
            for line in block.splitlines()
        ]
        for row in rows:
            if len(row) != len(head):
                raise UserError(
                    file, " | ".join(row), f"{len(head)} cells", f"{len(row)}",
                    "delete the file and run `dvc repro` for the stage that writes it",
                )  # fmt: skip
        previous = blocks.pop() if blocks and isinstance(blocks[-1], Text) else Text(())
        assert isinstance(previous, Text)
        lines = [[[cell] for cell in row] for row in rows]
        blocks.append(
            Table(
                previous.runs,
                tuple(head),
                tuple(
                    tuple(tuple(cell) for cell in row)
                    for row in (_merged(lines) if beside else lines)
                ),
            )
        )
    return blocks


def _merged(rows: list[list[list[str]]]) -> list[list[list[str]]]:
    """Rows without a name as further lines of the row above; a lone dash is told what it is of."""
    result: list[list[list[str]]] = []
    beside: list[tuple[int, int, list[str]]] = []  # the row above, how far below it, cells
    for row in rows:
        if row[0] != [""] or not result:
            result.append([list(cell) for cell in row])
            continue
        below = sum(number == len(result) - 1 for number, _, _ in beside)
        beside.append((len(result) - 1, below, [cell[0] for cell in row]))
    # the values of one kind start with one word, paper or files, and are always as far below
    words = {
        below: text.split()[0] for _, below, values in beside for text in values if " " in text
    }
    for number, below, values in beside:
        for lines, text in zip(result[number], values, strict=True):
            if text:
                lines.append(f"{words.get(below, '')} –".strip() if text == "–" else text)
    return result


def _runs(text: str) -> tuple[Run, ...]:
    parts = text.split("**")
    return tuple((place % 2 == 1, part) for place, part in enumerate(parts) if part)
