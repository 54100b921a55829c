"""A dance from the front."""

from __future__ import annotations

import numpy as np
import pytest

from motionmusic.features.keypoints import HIPS, KEYPOINTS, TORSO, keypoints
from motionmusic.features.skeletons import LAYOUTS, LayoutName

WHOLE = ["musictodance", "aist"]  # aist_proximal has no hands and feet


def body(layout: LayoutName, frames: int) -> np.ndarray:
    """Somebody who stands still, facing z, the left towards +x, arms stretched out."""
    joints = np.zeros((frames, len(LAYOUTS[layout].joints), 3))
    for number, name in enumerate(LAYOUTS[layout].joints):
        side = 1 if name.startswith("left") else -1 if name.startswith("right") else 0
        part = name.split()[-1]
        joints[:, number, 0] = side * {
            "shoulder": 20, "elbow": 45, "forearm": 55, "wrist": 65, "hand": 75, "hip": 12,
        }.get(part, 5)  # fmt: skip
        joints[:, number, 1] = {"hip": 100, "knee": 50, "ankle": 10, "heel": 0, "toe": 0}.get(
            part, 160 if part in ("left", "right", "eye", "ear", "nose") else 150
        )
    return joints


def turned(joints: np.ndarray, angle: float) -> np.ndarray:
    x, y, z = np.moveaxis(joints, 2, 0)
    return np.stack(
        [x * np.cos(angle) + z * np.sin(angle), y, z * np.cos(angle) - x * np.sin(angle)], axis=2
    )


@pytest.mark.parametrize("layout", WHOLE)
def test_proportions_and_place(layout: LayoutName) -> None:
    seen = keypoints(body(layout, 60), layout, 30.0)
    assert seen.shape == (60, 13, 2)
    assert seen.dtype == np.float32
    np.testing.assert_allclose(seen[:, [11, 12]].mean(1), np.tile(HIPS, (60, 1)), atol=1e-6)
    shoulders = seen[:, [5, 6]].mean(1)
    np.testing.assert_allclose(HIPS[1] - shoulders[:, 1], TORSO, atol=1e-6)
    names = [name.split() for name in KEYPOINTS]
    for number, name in enumerate(names):
        if name[0] in ("left", "right"):
            other = KEYPOINTS.index(f"{'right' if name[0] == 'left' else 'left'} {name[1]}")
            assert (seen[0, number, 0] > seen[0, other, 0]) == (name[0] == "left")
    assert seen[0, 0, 1] < seen[0, 5, 1] < seen[0, 11, 1]  # y points down


@pytest.mark.parametrize("layout", WHOLE)
def test_heading_place_unit_and_mirror_do_not_matter(layout: LayoutName) -> None:
    random = np.random.default_rng(0)
    joints = body(layout, 50) + random.normal(0, 3, (50, len(LAYOUTS[layout].joints), 3))
    seen = keypoints(joints, layout, 25.0)
    path = random.normal(0, 100, (50, 1, 3))
    for other in (turned(joints, 2.0), 10 * joints + 7, joints + path, joints * [-1, 1, 1]):
        np.testing.assert_allclose(keypoints(other, layout, 25.0), seen, atol=1e-5)


def test_wrist_markers_of_musictodance_are_given_back() -> None:
    """Joint 6 is the mean of wrist and finger, 14 that of wrist and forearm."""
    joints = body("musictodance", 1)
    left, right = np.array([60.0, 120, 0]), np.array([-60.0, 120, 0])
    joints[:, 6], joints[:, 14] = (left + joints[0, 22]) / 2, (right + joints[0, 21]) / 2
    seen = keypoints(joints, "musictodance", 25.0)[0]
    # shoulders 50 above the hips are TORSO high
    np.testing.assert_allclose(seen[9], [0.5 + 60 * TORSO / 50, 0.75 - 20 * TORSO / 50], atol=1e-6)
    np.testing.assert_allclose(seen[10], [0.5 - 60 * TORSO / 50, 0.75 - 20 * TORSO / 50], atol=1e-6)


def test_frame_k_is_at_k_30ths() -> None:
    times = np.arange(100) / 25
    joints = body("musictodance", 100)
    joints[:, 4, 1] += 10 * times  # the left elbow rises evenly
    seen = keypoints(joints, "musictodance", 25.0)
    assert len(seen) == int(99 / 25 * 30) + 1
    rise = seen[0, 7, 1] - seen[:, 7, 1]
    np.testing.assert_allclose(rise, 10 * np.arange(len(seen)) / 30 * TORSO / 50, atol=1e-5)


def test_of_60_hz_two_frames_are_averaged() -> None:
    joints = body("aist", 100)
    joints[::2, 9, 1] += 5.0
    even = body("aist", 100)
    even[:, 9, 1] += 2.5
    # all but the last, which has no neighbour
    np.testing.assert_allclose(
        keypoints(joints, "aist", 60.0)[:-1], keypoints(even, "aist", 60.0)[:-1], atol=1e-5
    )


def test_other_joints_are_refused() -> None:
    with pytest.raises(ValueError, match="not of aist"):
        keypoints(body("musictodance", 3), "aist", 60.0)


def test_joints_without_hands_and_feet_are_refused() -> None:
    joints = np.zeros((50, len(LAYOUTS["aist_proximal"].joints), 3))
    with pytest.raises(ValueError, match="aist_proximal has no wrists"):
        keypoints(joints, "aist_proximal", 25.0)
