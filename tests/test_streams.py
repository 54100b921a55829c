"""Named random streams: different by name, the same everywhere."""

from __future__ import annotations

import hashlib

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from motionmusic.streams import stream, stream_seed

WORDS = st.text("abcdef_", min_size=1, max_size=8)
NAMES = st.lists(st.one_of(WORDS, st.integers(0, 99)), max_size=4)


@given(a=st.tuples(st.integers(0, 99), NAMES), b=st.tuples(st.integers(0, 99), NAMES))
def test_other_names_or_seeds_give_other_streams(
    a: tuple[int, list[str | int]], b: tuple[int, list[str | int]]
) -> None:
    same = (a[0], *map(str, a[1])) == (b[0], *map(str, b[1]))
    assert (stream_seed(a[0], *a[1]) == stream_seed(b[0], *b[1])) == same


def test_streams_differ_in_what_they_draw_and_are_fresh_each_time() -> None:
    draws = [
        stream(seed, "train_motion", use, epoch).permutation(50).tolist()
        for seed in (0, 1)
        for use in ("shuffle", "dropout")
        for epoch in (0, 1)
    ]
    assert len({tuple(draw) for draw in draws}) == 8
    first = stream(3, "x").random(5)
    np.random.default_rng().random(9)
    assert np.array_equal(stream(3, "x").random(5), first)


def test_the_value_is_the_first_63_bits_of_sha_256() -> None:
    digest = hashlib.sha256(b"7/train_motion/joints/0/shuffle/12").hexdigest()
    expected = int(bin(int(digest, 16))[2:].zfill(256)[:63], 2)
    assert stream_seed(7, "train_motion", "joints", 0, "shuffle", 12) == expected
