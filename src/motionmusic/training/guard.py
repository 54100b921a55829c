"""One process per training, and none that outlives what started it."""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import sys
from pathlib import Path
from typing import TextIO

from motionmusic.errors import UserError

_PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """From now on this process is killed when its parent is, also by SIGKILL (Linux only).

    Else the training of a killed `dvc repro` would go on and write into the next run's outputs.
    """
    if sys.platform != "linux":
        return
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it was killed just before
        os.kill(os.getpid(), signal.SIGKILL)


def hold(path: Path, name: str) -> TextIO:
    """Take the lock of a training; it is free again when the process ends, however it ends.

    Raises:
        UserError: another process has it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.seek(0)
        raise UserError(
            path, name, "no other process that trains it", f"process {file.read().strip() or '?'}",
            "wait until it is done, or end it and run the same command again",
        ) from None  # fmt: skip
    file.truncate(0)
    file.write(f"{os.getpid()}\n")
    file.flush()
    return file
