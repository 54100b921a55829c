"""Excerpts → segments, and which excerpts are kept (spec/mclemcd.md 2.4, 2.8)."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motionmusic.features.segments import choose_excerpts, excerpts_to_segments

AVAILABLE = st.dictionaries(st.text("abc", min_size=1), st.integers(0, 12), min_size=1, max_size=6)


@pytest.mark.parametrize(("frames", "joints", "count"), [(229, 23, 9), (425, 17, 17), (24, 5, 0)])
@pytest.mark.parametrize("channels", [3, 6])
def test_every_number_goes_where_it_belongs(
    frames: int, joints: int, count: int, channels: int
) -> None:
    n = 2
    motion = np.arange(n * channels * frames * joints).reshape(n, channels, frames, joints)
    music = np.arange(n * frames * 96).reshape(n, frames, 96)
    moved, sound, labels = excerpts_to_segments(motion, music, np.array([3, 1]))
    assert moved.shape == (n * count, channels, 25, joints)
    assert sound.shape == (n * count, 1, 96, 25)
    assert moved.dtype == sound.dtype == np.float32
    assert labels.dtype == np.int64
    assert labels.tolist() == [3] * count + [1] * count
    for excerpt in range(n):
        for segment in range(count):
            row, first = excerpt * count + segment, 25 * segment
            for t in (0, 1, 24):
                at = motion[excerpt, :, first + t]
                assert np.array_equal(moved[row, :, t], at.astype(np.float32))
                heard = music[excerpt, first + t]
                assert np.array_equal(sound[row, 0, :, t], heard.astype(np.float32))


def test_other_lengths_of_segments() -> None:
    moved, sound, labels = excerpts_to_segments(
        np.zeros((2, 3, 23, 5)), np.zeros((2, 23, 96)), np.array([0, 1]), 10
    )
    assert moved.shape == (4, 3, 10, 5)
    assert sound.shape == (4, 1, 96, 10)
    assert labels.tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize(
    ("music", "labels"), [((2, 49, 96), (2,)), ((1, 50, 96), (2,)), ((2, 50, 96), (3,))]
)
def test_arrays_that_do_not_belong_together(
    music: tuple[int, ...], labels: tuple[int, ...]
) -> None:
    with pytest.raises(ValueError, match="do not belong"):
        excerpts_to_segments(np.zeros((2, 3, 50, 5)), np.zeros(music), np.zeros(labels))


def test_the_papers_34_excerpts() -> None:
    """spec 2.4: lengths by number of excerpts; in string order R_10 comes before R_2."""
    available = {"R_1": 14, "R_10": 10, "R_2": 7, "R_3": 5, "R_4": 9}
    chosen = choose_excerpts(available, 34, "first")
    kept = {piece: sum(p == piece for p, _ in chosen) for piece in available}
    assert kept == {"R_1": 14, "R_10": 10, "R_2": 7, "R_3": 3, "R_4": 0}
    assert [k for p, k in chosen if p == "R_3"] == [0, 1, 2]


def test_even_by_hand() -> None:
    chosen = choose_excerpts({"a": 9, "b": 1, "c": 5}, 7, "even")
    # shares 3, 1, 3: the middles of thirds of each piece
    assert chosen == [("a", 1), ("a", 4), ("a", 7), ("b", 0), ("c", 0), ("c", 2), ("c", 4)]


@settings(deadline=None)
@given(available=AVAILABLE, wanted=st.one_of(st.none(), st.integers(1, 80)))
def test_first_is_the_beginning_of_everything(
    available: dict[str, int], wanted: int | None
) -> None:
    everything = [(piece, k) for piece, count in available.items() for k in range(count)]
    chosen = choose_excerpts(available, wanted, "first")
    assert chosen == (everything if wanted is None else everything[:wanted])


@settings(deadline=None, max_examples=300)
@given(available=AVAILABLE, wanted=st.one_of(st.none(), st.integers(1, 80)))
def test_even_shares_over_pieces_and_over_their_length(
    available: dict[str, int], wanted: int | None
) -> None:
    total = sum(available.values())
    chosen = choose_excerpts(available, wanted, "even")
    assert len(chosen) == (total if wanted is None else min(wanted, total))
    assert len(set(chosen)) == len(chosen)
    assert all(0 <= k < available[piece] for piece, k in chosen)
    order = list(available)
    assert chosen == sorted(chosen, key=lambda item: (order.index(item[0]), item[1]))
    share = {piece: sum(p == piece for p, _ in chosen) for piece in available}
    for piece, count in available.items():
        if share[piece] < count:
            assert share[piece] >= max(share.values()) - 1
        kept = [k for p, k in chosen if p == piece]
        gaps = [b - a for a, b in pairwise(kept)]
        if gaps:
            assert abs(kept[0] - (count - 1 - kept[-1])) <= 1
            assert max(gaps) - min(gaps) <= 1
