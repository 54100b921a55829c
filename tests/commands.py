"""What a run of the command `motionmusic` gives back, and waiting for one."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple


class Result(NamedTuple):
    """What a command did."""

    status: int
    out: str
    err: str


def until(true: Callable[[], Any]) -> None:
    """Wait for it; nothing is measured, so ever so long."""
    end = time.monotonic() + 900
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)
