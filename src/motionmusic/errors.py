"""The one kind of error that a user may see, and the one place that prints it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass
class UserError(Exception):
    """A mistake in files, parameters or arguments that the user can mend.

    Attributes:
        file: the file (or command) at fault.
        where: the key, column, frame or line in it; empty when it is the whole file.
        expected, got: what should have been there, and what was found.
        remedy: what to do about it.
    """

    file: str | Path
    where: str
    expected: str
    got: str
    remedy: str

    def __str__(self) -> str:
        place = f"{self.file}: {self.where}" if self.where else f"{self.file}"
        wrong = f"error: {place}: expected {self.expected}, got {self.got}"
        return f"{wrong}\n  what to do: {self.remedy}"


def run(main: Callable[[Sequence[str]], None]) -> None:
    """Run a script's ``main(arguments)``; a user's mistake is printed and ends with status 2."""
    try:
        main(sys.argv[1:])
    except UserError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        name = error.filename2 or error.filename or "an output file"
        remedy = (
            "free space or mend the permissions, then run the same command again; results that were"
            " there are untouched"
        )
        got = str(error.strerror or error)
        print(UserError(name, "", "to be readable or writable", got, remedy), file=sys.stderr)
        sys.exit(2)
