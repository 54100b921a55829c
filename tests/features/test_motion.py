"""Joints, bones and merged features (paper section 3.1)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motionmusic.features.motion import Floats, bones, merge, normalise_joints
from motionmusic.features.skeletons import LAYOUTS, LayoutName
from motionmusic.params import Center

# the authors' pairs, typed anew
M2D_PAIRS = [
    (3, 2), (4, 3), (5, 4), (6, 5), (8, 7), (9, 8), (10, 9), (11, 10), (13, 12), (14, 13),
    (15, 14), (17, 16), (18, 17), (19, 18), (20, 19), (7, 2), (12, 2), (16, 2),
]  # fmt: skip
AIST_PAIRS = [(6, 8), (8, 10), (5, 7), (7, 9), (12, 14), (14, 16), (11, 13), (13, 15)]
PAIRS: dict[LayoutName, list[tuple[int, int]]] = {"musictodance": M2D_PAIRS, "aist": AIST_PAIRS}
JOINTS: dict[LayoutName, int] = {"musictodance": 23, "aist": 17}
BOTH: list[LayoutName] = ["musictodance", "aist"]


def dance(seed: int = 0, frames: int = 40, joints: int = 23) -> tuple[Floats, Floats]:
    """Skeletons around 0 and the body's path."""
    random = np.random.default_rng(seed)
    return random.normal(0, 1, (frames, joints, 3)), random.normal(5, 3, (frames, 3))


def by_hand(values: Floats) -> Floats:
    """Min-max of every coordinate of every joint, one by one."""
    out = np.zeros(values.shape)
    for joint in range(values.shape[1]):
        for axis in range(3):
            column = values[:, joint, axis]
            low, high = column.min(), column.max()
            if high > low:
                out[:, joint, axis] = (column - low) / (high - low)
    return out


@pytest.mark.parametrize(("centering", "sign"), [("twice", -1), ("once", 0), ("none", 1)])
def test_the_path_is_subtracted_again_left_out_or_added_back(centering: Center, sign: int) -> None:
    skeletons, center = dance()
    expected = by_hand(skeletons + sign * center[:, None, :])
    got = normalise_joints(skeletons, center, centering=centering)
    assert got.shape == (40, 23, 3)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, expected, atol=1e-6)


def test_without_a_path_centering_changes_nothing() -> None:
    skeletons, _ = dance(2, joints=17)
    modes: tuple[Center, ...] = ("twice", "once", "none")
    for centering in modes:
        got = normalise_joints(skeletons, None, centering=centering)
        np.testing.assert_allclose(got, by_hand(skeletons), atol=1e-6)


def test_a_constant_column_becomes_0() -> None:
    skeletons, center = dance(3)
    skeletons[:, 4, 1] = 7
    got = normalise_joints(skeletons, center, centering="once")
    assert np.all(got[:, 4, 1] == 0)
    assert np.all(got[:, 4, 0].max() == 1)


def angle(a: Floats, b: Floats, c: Floats) -> float:
    u, v = np.asarray(a, np.float64) - b, np.asarray(c, np.float64) - b
    return float(np.dot(u, v) / np.linalg.norm(u) / np.linalg.norm(v))


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10_000), centering=st.sampled_from(["twice", "once", "none"]))
def test_per_piece_keeps_angles_and_ratios_of_lengths(seed: int, centering: Center) -> None:
    skeletons, center = dance(seed, 12)
    sign = {"twice": -1, "once": 0, "none": 1}[centering]
    before = skeletons + sign * center[:, None, :]
    after = normalise_joints(skeletons, center, centering=centering, scale="per_piece")
    random = np.random.default_rng(seed)
    for frame in range(12):
        a, b, c = random.choice(23, 3, replace=False)
        old, new = before[frame], after[frame]
        assert angle(new[a], new[b], new[c]) == pytest.approx(
            angle(old[a], old[b], old[c]), abs=1e-3
        )
    lengths = [
        np.linalg.norm(x[:, a].astype(np.float64) - x[:, b], axis=1)
        for x in (before, after)
        for a, b in ((3, 2),)
    ]
    ratios = lengths[1] / lengths[0]
    np.testing.assert_allclose(ratios, ratios[0], rtol=1e-4)
    assert np.abs(after).max() == pytest.approx(1)


@pytest.mark.parametrize("layout", BOTH)
def test_paper_bones_are_at_the_index_of_the_pair(layout: LayoutName) -> None:
    v, pairs = JOINTS[layout], PAIRS[layout]
    joints = normalise_joints(dance(4, 10, v)[0], None)
    before = joints.copy()
    got = bones(joints, layout, paper=True)
    assert got.shape == joints.shape
    assert got.dtype == np.float32
    assert len(pairs) == {"musictodance": 18, "aist": 8}[layout]
    for slot in range(v):
        if slot < len(pairs):
            a, b = pairs[slot]
            expected = before[:, a] - before[:, b]
        else:
            expected = before[:, slot]
        assert np.array_equal(got[:, slot], expected), slot
    assert np.array_equal(joints, before)  # the input is read, not changed
    assert np.array_equal(bones(joints, layout), got)  # paper is the default


@pytest.mark.parametrize("layout", BOTH)
def test_real_bones_add_up_to_the_joints_from_the_root(layout: LayoutName) -> None:
    v = JOINTS[layout]
    joints = dance(5, 6, v)[0].astype(np.float32)
    got = bones(joints, layout, paper=False)
    parents = LAYOUTS[layout].parents
    roots = [joint for joint in range(v) if parents[joint] == joint]
    assert len(roots) == 1
    assert not got[:, roots[0]].any()
    for joint in range(v):
        total, at, steps = np.zeros((6, 3)), joint, 0
        while at != roots[0]:
            total += got[:, at]
            at, steps = parents[at], steps + 1
            assert steps < v, "a circle"
        np.testing.assert_allclose(total, joints[:, joint] - joints[:, roots[0]], atol=1e-5)


def test_real_bones_are_limbs_of_the_body() -> None:
    """Every bone is one of the edges that make anatomical sense."""
    edges = [
        (0, 1), (0, 3), (1, 12), (3, 12), (3, 4), (4, 5), (5, 6), (6, 22), (12, 13), (13, 21),
        (21, 14), (14, 15), (2, 3), (2, 12), (2, 7), (2, 16), (7, 16), (7, 8), (8, 9), (9, 10),
        (9, 11), (10, 11), (16, 17), (17, 18), (18, 19), (18, 20), (19, 20),
    ]  # fmt: skip
    for joint, parent in enumerate(LAYOUTS["musictodance"].parents):
        if joint != parent:
            assert (joint, parent) in edges or (parent, joint) in edges


def test_merged_is_joints_then_bones() -> None:
    joints = np.tile(np.arange(1, 4, dtype=np.float32), (4, 23, 1))
    limbs = -joints
    got = merge(joints, limbs)
    assert got.shape == (4, 23, 6)
    assert got.dtype == np.float32
    assert got[2, 11].tolist() == [1, 2, 3, -1, -2, -3]
