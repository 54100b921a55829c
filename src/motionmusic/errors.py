"""The one kind of error that a user may see, and the one place that prints it."""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from motionmusic.terminal import lasting_streams, shown

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)


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
        wrong = f"error: {shown(place)}: expected {_lines(self.expected)}, got {_lines(self.got)}"
        return f"{wrong}\n  what to do: {_lines(self.remedy)}"


def _lines(text: str) -> str:
    """Text without control characters; only a list's lines, which are indented, stay lines."""
    return "\n    ".join(map(shown, text.split("\n    ")))


def of_system(error: OSError) -> UserError:
    """What the operating system refuses, with what helps against it."""
    remedy = "then run the same command again; results that were there are untouched"
    if error.errno in _FULL:
        remedy = f"free space there, {remedy}"
    elif error.errno in _FORBIDDEN:
        remedy = f"mend the permissions, or name a place that you may write to, {remedy}"
    else:
        remedy = f"see that it is there and of the right kind, {remedy}"
    name = error.filename2 or error.filename or "a file"
    name = name.decode("utf-8", "surrogateescape") if isinstance(name, bytes) else f"{name}"
    got = str(error.strerror or error)
    return UserError(name, "", "to be readable or writable", got, remedy)


def run(main: Callable[[Sequence[str]], None]) -> None:
    """Run a script's ``main(arguments)``; a user's mistake is printed and ends with status 2.

    An interrupted one ends with 130. Printing ends none: that standard output has lost something is
    an error, but at the end of the run and only where somebody still reads it.
    """
    with lasting_streams() as output:
        try:
            main(sys.argv[1:])
        except UserError as error:
            _end(error)
        except OSError as error:
            _end(of_system(error))
        except MemoryError as error:
            remedy = "close other programs, take fewer or shorter files, or a larger machine"
            _end(UserError("memory", "", "enough of it", str(error) or "too little", remedy))
        except KeyboardInterrupt:
            print("interrupted", file=sys.stderr)
            sys.exit(130)
        finally:
            if sys.stdout is not None:  # it was closed from the start
                sys.stdout.flush()
            lost = output and output.lost
            if lost and lost.errno != errno.EPIPE:
                got, remedy = str(lost.strerror or lost), "free space, or send it elsewhere"
                _end(UserError("standard output", "", "to be writable", got, remedy))


def _end(error: UserError) -> NoReturn:
    print(error, file=sys.stderr)
    sys.exit(2)
