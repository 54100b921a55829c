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


def test_turn_is_a_rotation_that_can_be_undone() -> None:
    joints, angle = movement(3).astype(np.float64), np.array([0.3, -2.0, 9.0])
    assert np.allclose(turn(turn(joints, angle), -angle), joints)
    assert np.allclose(np.linalg.norm(turn(joints, angle), axis=1), np.linalg.norm(joints, axis=1))


def test_mirror_twice_is_the_segment_and_faces_still() -> None:
    joints = movement(4)
    before = joints.copy()
    assert np.array_equal(mirror(mirror(joints)), joints.astype(np.float64))
    assert not np.allclose(mirror(joints), joints)
    assert np.array_equal(joints, before)
    faced = face(joints)
    assert np.allclose(face(mirror(faced)), mirror(faced))


def test_wrong_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="expected joints"):
        facing_statistics(np.zeros((2, 3, 25, 17)))


def test_limb_lengths_know_nothing_of_movement() -> None:
    """The same body in another pose, turned and scaled, has the same lengths."""
    rng = np.random.default_rng(0)
    parents = (3, 12, 2, 2, 3, 4, 5, 2, 7, 8, 9, 9, 2, 12, 21, 14, 2, 16, 17, 18, 18, 13, 6)
    lengths = rng.uniform(0.5, 2, size=23)

    def posed() -> NDArray[np.float64]:
        joints = np.zeros((1, 3, 25, 23))
        for frame in range(25):
            done = {2}
            while len(done) < 23:
                for joint, parent in enumerate(parents):
                    if parent in done and joint not in done:
                        way = rng.normal(size=3)
                        way *= lengths[joint] / np.linalg.norm(way)
                        joints[0, :, frame, joint] = joints[0, :, frame, parent] + way
                        done.add(joint)
        return joints

    first, second = limb_lengths(posed()), limb_lengths(posed() * 2.5)
    assert first.shape == (1, 22)
    assert np.allclose(first, second)
    ratio = first[0] / np.delete(lengths, 2)
    assert np.allclose(ratio, ratio[0])
