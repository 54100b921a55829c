"""Turning, sizing and mirroring leave what they should leave (geometry)."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from motionmusic.features.facing import (
    face,
    face_and_size,
    facing_statistics,
    limb_lengths,
    mirror,
    turn,
)


def movement(n: int, seed: int = 0) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    pose = rng.normal(size=(n, 3, 1, 23))
    pose[:, 0, 0, 16] = pose[:, 0, 0, 7] + 2  # hips apart, so that the axis has a direction
    steps = rng.normal(size=(n, 3, 25, 23)).cumsum(axis=2) * 0.05
    return np.asarray(pose + steps, np.float32)


def test_mean_hip_axis_is_along_x_and_heights_stay() -> None:
    joints = movement(5)
    faced = face(joints)
    axis = (faced[..., 16] - faced[..., 7]).mean(axis=2)
    assert np.allclose(axis[:, 2], 0, atol=1e-9)
    assert (axis[:, 0] > 0).all()
    assert np.array_equal(faced[:, 1], joints[:, 1].astype(np.float64))


def test_turning_and_scaling_before_change_nothing() -> None:
    joints = movement(6).astype(np.float64)
    other = turn(joints, np.linspace(-3, 3, 6)) * 3.7
    assert np.allclose(face(other), 3.7 * face(joints))
    assert np.allclose(face_and_size(other), face_and_size(joints))
    assert np.allclose(facing_statistics(other), facing_statistics(joints))


def test_mirror_twice_is_the_segment_and_faces_still() -> None:
    joints = movement(4)
    before = joints.copy()
    assert np.array_equal(mirror(mirror(joints)), joints.astype(np.float64))
    assert not np.allclose(mirror(joints), joints)
    assert np.array_equal(joints, before)
    faced = face(joints)
    assert np.allclose(face(mirror(faced)), mirror(faced))
    # a mirror image has the same statistics, of the other side or with the other sign
    one, other = (np.sort(np.abs(facing_statistics(of))) for of in (joints, mirror(joints)))
    assert np.allclose(one, other)


def test_wrong_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="expected joints"):
        facing_statistics(np.zeros((2, 3, 25, 17)))


def test_limb_lengths_are_those_of_the_tree_whatever_the_unit_and_heading() -> None:
    joints = movement(2).astype(np.float64)
    lengths = limb_lengths(joints)
    assert lengths.shape == (2, 22)
    assert np.allclose(limb_lengths(turn(joints, np.array([1.0, 2.0])) * 2.5), lengths)
    thigh, shin = (np.linalg.norm(joints[..., a] - joints[..., b], axis=1).mean(axis=1)
                   for a, b in ((8, 7), (9, 8)))  # fmt: skip
    # joint 2 is the root, so joint 8 is in column 7
    assert np.allclose(lengths[:, 7] / lengths[:, 8], thigh / shin)
