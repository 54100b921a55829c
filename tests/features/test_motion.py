"""Joints, bones and merged features (paper section 3.1)."""

from __future__ import annotations

import numpy as np
import pytest

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


@pytest.mark.parametrize("centering", ["twice", "once", "none"])
def test_without_a_path_centering_changes_nothing(centering: Center) -> None:
    skeletons, _ = dance(2, joints=17)
    skeletons[:, 4, 1] = 7  # a constant column becomes 0
    got = normalise_joints(skeletons, None, centering=centering)
    np.testing.assert_allclose(got, by_hand(skeletons), atol=1e-6)


@pytest.mark.parametrize(("centering", "sign"), [("twice", -1), ("once", 0), ("none", 1)])
def test_per_piece_is_one_factor(centering: Center, sign: int) -> None:
    """So that angles and ratios of lengths are kept."""
    skeletons, center = dance(1, 12)
    before = skeletons + sign * center[:, None, :]
    after = normalise_joints(skeletons, center, centering=centering, scale="per_piece")
    np.testing.assert_allclose(after, before / np.abs(before).max(), rtol=1e-6)


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


def test_13_joints_are_those_of_17_without_wrists_and_ankles() -> None:
    few, all_17 = LAYOUTS["aist_proximal"], LAYOUTS["aist"]
    names, parent = all_17.joints, dict(zip(all_17.joints, all_17.parents, strict=True))
    assert few.joints == tuple(n for n in names if n.split()[-1] not in ("wrist", "ankle"))
    assert [few.joints[n] for n in few.parents] == [names[parent[name]] for name in few.joints]
    for of in ("hips", "mirror_pairs", "paper_pairs"):
        kept = [[names[n] for n in np.ravel(part)] for part in getattr(all_17, of)]
        kept = [part for part in kept if {*part} <= {*few.joints}]
        assert [[few.joints[n] for n in np.ravel(part)] for part in getattr(few, of)] == kept


def test_merged_is_joints_then_bones() -> None:
    joints = np.tile(np.arange(1, 4, dtype=np.float32), (4, 23, 1))
    limbs = -joints
    got = merge(joints, limbs)
    assert got.shape == (4, 23, 6)
    assert got.dtype == np.float32
    assert got[2, 11].tolist() == [1, 2, 3, -1, -2, -3]
