"""Broken files of every kind end in one clear error; benchmarks/fuzz.py tries many more."""

from __future__ import annotations

from pathlib import Path

import fuzz
import fuzz_dances
import numpy as np
import pytest

from motionmusic.errors import UserError


@pytest.mark.parametrize(
    ("reader", "count"), [("sound", 60), *((name, 25) for name in fuzz_dances.DANCES)]
)
def test_broken_files(tmp_path: Path, reader: str, count: int) -> None:
    files = fuzz.READERS[reader].files()
    assert [fuzz.finding(fuzz.READERS[reader], files, seed, tmp_path) for seed in range(count)] == (
        count * [None]
    )


def test_what_is_a_finding(tmp_path: Path) -> None:
    def fails(file: Path) -> None:
        raise KeyError(file.name)

    def writes(file: Path) -> None:
        file.with_suffix(".part").touch()

    def helpless(file: Path) -> None:
        raise UserError(file, "", "a sound", "none", "")

    for read, found in ((fails, "KeyError"), (writes, "were written"), (helpless, "remedy")):
        reader = fuzz.Reader(lambda: {}, read)
        assert found in str(fuzz.finding(reader, {"a.wav": b"abc"}, 0, tmp_path))


def test_files_are_broken_by_their_seeds() -> None:
    content = bytes(range(256)) * 9
    made = [fuzz.broken(content, np.random.default_rng(seed)) for seed in (*range(40), 0)]
    assert made[0] == made[-1]
    assert len(set(made)) == 40
    assert content not in made
    assert fuzz.broken(b"", np.random.default_rng(0)) is not None
