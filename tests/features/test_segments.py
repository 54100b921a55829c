"""Excerpts → segments, and which excerpts are kept (docs/method.md)."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motionmusic.errors import UserError
from motionmusic.features.segments import (
    choose_excerpts,
    cut,
    excerpts_to_segments,
    frames_of,
    kept_excerpts,
)
from motionmusic.params import Segment

AVAILABLE = st.dictionaries(st.text("abc", min_size=1), st.integers(0, 12), min_size=1, max_size=6)


@pytest.mark.parametrize(("frames", "joints", "count"), [(229, 23, 9), (425, 17, 17), (24, 5, 0)])
@pytest.mark.parametrize("channels", [3, 6])
def test_every_number_goes_where_it_belongs(
    frames: int, joints: int, count: int, channels: int
) -> None:
    n = 2
    motion = np.arange(n * channels * frames * joints).reshape(n, channels, frames, joints)
    music = np.arange(n * frames * 96).reshape(n, frames, 96)
    moved, sound = excerpts_to_segments(motion, music)
    assert moved.shape == (n * count, channels, 25, joints)
    assert sound.shape == (n * count, 1, 96, 25)
    assert moved.dtype == sound.dtype == np.float32
    for excerpt in range(n):
        for segment in range(count):
            row, first = excerpt * count + segment, 25 * segment
            for t in (0, 1, 24):
                at = motion[excerpt, :, first + t]
                assert np.array_equal(moved[row, :, t], at.astype(np.float32))
                heard = music[excerpt, first + t]
                assert np.array_equal(sound[row, 0, :, t], heard.astype(np.float32))


def settings_of(**changes: Any) -> Segment:
    values = {"excerpt_frames": 50, "excerpts": 3, "choose": "first", "protocol": "paper"}
    return Segment.model_validate(values | {"folds": 1, "seed": 0} | changes)


def test_of_each_class_as_many_excerpts_as_all_have() -> None:
    pieces = pd.DataFrame({"piece": ["R_1", "C_1", "C_2"], "label": [1, 0, 0]})
    frames = {"R_1": 149, "C_1": 240, "C_2": 99}  # 2, 4 and 1 excerpts
    for changes, n, expected in (
        ({}, 2, [("C_1", 0), ("C_1", 1), ("R_1", 0), ("R_1", 1)]),
        ({"excerpts": 1}, 1, [("C_1", 0), ("R_1", 0)]),
        ({"choose": "even"}, 2, [("C_1", 2), ("C_2", 0), ("R_1", 0), ("R_1", 1)]),
        ({"choose": "one"}, 1, [("C_1", 0), ("R_1", 0)]),
        ({"choose": "one", "excerpts": "all"}, None, [("C_1", 0), ("C_2", 0), ("R_1", 0)]),
    ):
        kept, of_each = kept_excerpts(pieces, frames, settings_of(**changes))
        assert of_each == n
        assert list(zip(kept["piece"], kept["excerpt"], strict=True)) == expected
        assert [piece[0] for piece in kept["piece"]] == ["CR"[label] for label in kept["label"]]


def test_segments_of_a_task() -> None:
    rng = np.random.default_rng(0)
    merged = {piece: rng.random((120, 5, 6)).astype(np.float32) for piece in "ab"}
    music = {piece: rng.random((130, 96)).astype(np.float32) for piece in "ab"}
    assert frames_of(merged, music, 120, Path("raw")) == {"a": 120, "b": 120}
    with pytest.raises(UserError, match="raw: a: expected at least one excerpt of 121 frames"):
        frames_of(merged, music, 121, Path("raw"))
    rows = pd.DataFrame([("b", 1, 0, 0), ("b", 1, 1, 0), ("a", 0, 0, 0), ("a", 0, 1, 0),
                         ("a", 0, 0, 1)], columns=["piece", "excerpt", "segment", "fold"])  # fmt: skip
    got = cut(rows, merged, music, 55)
    assert {name: array.shape for name, array in got.items()} == {
        "joints": (4, 3, 25, 5), "bones": (4, 3, 25, 5), "merged": (4, 6, 25, 5),
        "music": (4, 1, 96, 25),
    }  # fmt: skip
    np.testing.assert_array_equal(got["merged"][1], merged["b"][80:105].transpose(2, 0, 1))
    np.testing.assert_array_equal(got["joints"], got["merged"][:, :3])
    np.testing.assert_array_equal(got["bones"], got["merged"][:, 3:])
    np.testing.assert_array_equal(got["music"][2, 0], music["a"][:25].T)


def test_the_papers_34_excerpts() -> None:
    """In string order R_10 comes before R_2."""
    available = {"R_1": 14, "R_10": 10, "R_2": 7, "R_3": 5, "R_4": 9}
    chosen = choose_excerpts(available, 34, "first")
    kept = {piece: sum(p == piece for p, _ in chosen) for piece in available}
    assert kept == {"R_1": 14, "R_10": 10, "R_2": 7, "R_3": 3, "R_4": 0}
    assert [k for p, k in chosen if p == "R_3"] == [0, 1, 2]
    assert len(choose_excerpts(available, None, "first")) == 45


def test_even_by_hand() -> None:
    chosen = choose_excerpts({"a": 9, "b": 1, "c": 5}, 7, "even")
    # shares 3, 1, 3: the middles of thirds of each piece
    assert chosen == [("a", 1), ("a", 4), ("a", 7), ("b", 0), ("c", 0), ("c", 2), ("c", 4)]


@settings(max_examples=100)
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
