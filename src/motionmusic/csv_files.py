"""CSV files that people make: read row by row, every mistake named with its line."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from motionmusic.errors import UserError
from motionmusic.files import must_be_file


def checked_rows(
    path: Path, what: str, columns: Sequence[str], remedy: str, optional: Sequence[str] = ()
) -> Iterator[tuple[int, dict[str, str]]]:
    """Each row with the number of its (last) line, its cells stripped.

    UTF-8, with or without byte order mark. ``columns`` may stand in any order and ``optional`` ones
    may be missing; others are passed on unchecked. Rows of empty cells are left out. ``what`` the
    rows are (ratings) and the ``remedy`` of a wrong format are for messages. Raises UserError where
    the file cannot be read, is no CSV, lacks a column or has it twice, has a row with another number
    of fields, or no row.
    """
    readable, named = "a readable CSV file", f"name a CSV file of {what}"
    must_be_file(path, readable, named)
    line, count = 1, 0
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            # strict: a quote that is never closed would otherwise swallow the rest of the file
            reader = csv.reader(file, strict=True)
            head = [name.strip() for name in next(reader, [])]
            twice = any(head.count(name) > 1 for name in optional)
            if twice or any(head.count(name) != 1 for name in columns):
                expected = f"the columns {', '.join(columns)}, each once"
                got = ",".join(head)[:200] or "nothing"
                raise UserError(path, "line 1", expected, got, remedy)
            for fields in reader:
                line = reader.line_num
                if not any(field.strip() for field in fields):
                    continue
                if len(fields) != len(head):
                    expected = f"{len(head)} fields as in the header"
                    advice = "correct the row; a text with a comma needs quotes"
                    raise UserError(path, f"line {line}", expected, f"{len(fields)}", advice)
                count += 1
                yield line, {name: field.strip() for name, field in zip(head, fields, strict=True)}
    except OSError as error:
        raise UserError(path, "", readable, error.strerror or str(error), named) from None
    except UnicodeDecodeError as error:
        raise UserError(path, "", "a CSV file in UTF-8", str(error), remedy) from None
    except csv.Error as error:
        raise UserError(path, f"line {line + 1}", "CSV", str(error), remedy) from None
    if not count:
        raise UserError(path, "", what, "no row below the header", remedy)
