"""Standard output and error: printing never ends a run, and no name writes to the terminal."""

from __future__ import annotations

import io
import os
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TextIO, TypeVar
from unicodedata import category

T = TypeVar("T")

# They change the order or the place of the letters around them, or cannot be seen at all.
_HIDDEN = frozenset(
    "\u061c\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"
)
_EVERY_S = 60.0  # a line of progress where there is no terminal


class Volume:
    """How much is told on standard error: 0 mistakes only, 1 progress and notes, 2 each step."""

    level = 1


def shown(text: object, keep: str = "") -> str:
    r"""Text as it may be shown: control characters and lone bytes as \x1b, hidden ones as \u202e.

    ``keep`` has control characters that stay, such as a line's end.
    """
    return "".join(
        letter if letter in keep else _escaped(letter)
        if category(letter) in ("Cc", "Cs", "Zl", "Zp") or letter in _HIDDEN else letter
        for letter in str(text)
    )  # fmt: skip


def _escaped(letter: str) -> str:
    code = ord(letter)
    if 0xDC80 <= code <= 0xDCFF:  # a byte of a name that is no UTF-8
        return f"\\x{code - 0xDC00:02x}"
    short = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
    return short.get(letter) or (f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}")


class Lasting(io.FileIO):
    """A stream that takes everything, also where nobody reads it any more or its disk is full.

    Attributes:
        lost: why the first write failed; None where all has arrived.
    """

    lost: OSError | None = None

    def write(self, data: object) -> int:
        """Write bytes, or forget them where an earlier write has failed."""
        view = memoryview(data)  # type: ignore[arg-type]
        if self.lost is None:
            try:
                return super().write(view)
            except OSError as error:
                self.lost = error
        return view.nbytes


@contextmanager
def lasting_streams() -> Iterator[Lasting | None]:
    """A block in which printing raises nothing; gives what standard output has become.

    What the encoding of standard output lacks is printed as "?". Streams that are no files (a
    notebook's, a test's) stay as they are, and None is given.
    """
    for number in (0, 1, 2):  # a closed one would be the next file that is opened
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    before = sys.stdout, sys.stderr
    out = _lasting(sys.stdout, "replace")
    err = _lasting(sys.stderr, "backslashreplace")
    sys.stdout, sys.stderr = out[0] if out else sys.stdout, err[0] if err else sys.stderr
    try:
        yield None if out is None else out[1]
    finally:
        for stream in (out, err):
            if stream is not None:
                stream[0].flush()
        sys.stdout, sys.stderr = before


def _lasting(stream: TextIO | None, errors: str) -> tuple[io.TextIOWrapper, Lasting] | None:
    if stream is None:
        return None
    try:
        stream.flush()
        raw = Lasting(stream.fileno(), "w", closefd=False)
    except (AttributeError, OSError, ValueError):
        return None
    text = io.TextIOWrapper(
        io.BufferedWriter(raw), stream.encoding, errors, line_buffering=bool(stream.line_buffering)
    )
    return text, raw


def say(text: object = "") -> None:
    """Print a line of the result; its line ends stay."""
    print(shown(text, "\n"), flush=True)


def note(text: object, level: int = 1) -> None:
    """Print a line that is not the result, on standard error, where so much is wanted."""
    if Volume.level >= level:
        print(shown(text), file=sys.stderr, flush=True)


def progress(items: Iterable[T], what: str, total: int, unit: str) -> Iterator[T]:
    """The items, and how many of them are done: a bar on a terminal, elsewhere a line a minute."""
    if Volume.level < 1:
        yield from items
    elif sys.stderr.isatty():
        yield from _with_bar(items, what, total, unit)
    else:
        begin = told = time.monotonic()
        for number, item in enumerate(items, 1):
            yield item
            now = time.monotonic()
            if now - told >= _EVERY_S and number < total:
                told, left = now, (now - begin) / number * (total - number)
                note(f"{what}: {number} of {total} {unit}s, {left / 60:.0f} min left")


def _with_bar(items: Iterable[T], what: str, total: int, unit: str) -> Iterator[T]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (
        f"{what}", BarColumn(), MofNCompleteColumn(), f"{unit}s,", TimeRemainingColumn(), "left",
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        for item in items:
            yield item
            bar.advance(task)
