"""What is small of all tracks of a folder, in one file: a folder without changes is known at once."""

from __future__ import annotations

import pickle
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from motionmusic.data.safe_pickle import read_pickle
from motionmusic.files import Float32, must_be_file, write_bytes

State: TypeAlias = tuple[str, int, int]
"""Of a file: its path without links, size in bytes, time of its last change in ns."""


class Known(NamedTuple):
    """What is small of a track."""

    starts_s: NDArray[np.float64]  # (w,) where its windows start
    seconds: float
    bpm: float  # NaN where it has no beat
    genres: tuple[str, ...]  # that its tags name
    vector: Float32 | None  # (d,) mean of its codes; None where one is no vector (synchrony)
    spectrum: Float32  # (33,) of its fingerprint


@dataclass(frozen=True)
class Book:
    """Of a folder."""

    digests: dict[State, str] = field(default_factory=dict)  # of its files
    known: dict[str, Known] = field(default_factory=dict)  # by digest
    same: set[tuple[str, str]] = field(default_factory=set)  # which of these are of one recording

    def write(self, file: Path) -> None:
        """Keep it. Raises OSError."""
        known = {digest: tuple(one) for digest, one in self.known.items()}
        write_bytes(file, pickle.dumps((self.digests, known, self.same)))

    @staticmethod
    def read(file: Path) -> Book:
        """What :meth:`write` kept; an empty one where there is none, or a broken one."""
        try:
            digests, known, same = read_pickle(file, "a catalogue's small facts", "remove it")
            return Book(digests, {digest: Known(*one) for digest, one in known.items()}, same)
        except Exception:  # other content may raise anything, and all can be made anew
            return Book()

    def digest_of(self, file: Path) -> tuple[State, str] | None:
        """Of a file that has not changed since; else None."""
        try:
            state = state_of(file)
        except Exception:  # who reads it will say what is wrong
            return None
        return (state, self.digests[state]) if state in self.digests else None


def state_of(file: Path) -> State:
    """What changes when a file does. Raises UserError where it is none."""
    must_be_file(file, "a sound file", "remove it")
    real = file.resolve()
    state = real.stat()
    return str(real), state.st_size, state.st_mtime_ns
