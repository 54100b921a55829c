"""Named random streams: different by name, the same everywhere."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from motionmusic.streams import stream, stream_seed

WORDS = st.text("abcdef_", min_size=1, max_size=8)
NAMES = st.lists(st.one_of(WORDS, st.integers(0, 99)), max_size=4)


@given(seed=st.integers(0, 2**31), names=NAMES)
def test_a_seed_is_63_bits_and_the_same_again(seed: int, names: list[str | int]) -> None:
    value = stream_seed(seed, *names)
    assert 0 <= value < 2**63
    assert stream_seed(seed, *names) == value


@given(a=st.tuples(st.integers(0, 99), NAMES), b=st.tuples(st.integers(0, 99), NAMES))
def test_other_names_or_seeds_give_other_streams(
    a: tuple[int, list[str | int]], b: tuple[int, list[str | int]]
) -> None:
    same = (a[0], *map(str, a[1])) == (b[0], *map(str, b[1]))
    assert (stream_seed(a[0], *a[1]) == stream_seed(b[0], *b[1])) == same


def test_streams_differ_in_what_they_draw() -> None:
    draws = [
        stream(seed, "train_motion", use, epoch).permutation(50).tolist()
        for seed in (0, 1)
        for use in ("shuffle", "dropout")
        for epoch in (0, 1)
    ]
    assert len({tuple(draw) for draw in draws}) == 8


def test_a_stream_is_fresh_each_time_and_no_global_generator() -> None:
    first = stream(3, "x").random(5)
    np.random.default_rng().random(9)
    assert np.array_equal(stream(3, "x").random(5), first)


def test_the_value_is_the_first_63_bits_of_sha_256() -> None:
    digest = hashlib.sha256(b"7/train_motion/joints/0/shuffle/12").hexdigest()
    expected = int(bin(int(digest, 16))[2:].zfill(256)[:63], 2)
    assert stream_seed(7, "train_motion", "joints", 0, "shuffle", 12) == expected


def test_the_value_does_not_depend_on_pythons_hashes() -> None:
    code = "from motionmusic.streams import stream_seed; print(stream_seed(0, 'a', 'b', 3))"
    values = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": hashes},
            capture_output=True, text=True, check=True,
        ).stdout.strip()
        for hashes in ("0", "1")
    }  # fmt: skip
    assert values == {str(stream_seed(0, "a", "b", 3))}
