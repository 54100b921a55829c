"""What a run of the command `motionmusic` gives back."""

from __future__ import annotations

from typing import NamedTuple


class Result(NamedTuple):
    """What a command did."""

    status: int
    out: str
    err: str
