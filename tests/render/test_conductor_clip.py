"""The conductor in pictures: which side is which, which way is up, what stays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from motionmusic.features.keypoints import KEYPOINTS
from motionmusic.render.conductor_clip import pictures, side_by_side

# x to the right, y down (1.4)
POSE = (
    (0.506, 0.409), (0.527, 0.387), (0.487, 0.385), (0.554, 0.383), (0.452, 0.378), (0.6, 0.48),
    (0.4, 0.48), (0.65, 0.6), (0.35, 0.6), (0.63, 0.7), (0.35, 0.7), (0.56, 0.75), (0.44, 0.75),
)  # fmt: skip


def drawn(motion: NDArray[np.float32]) -> list[NDArray[np.uint8]]:
    return [picture[..., :3].copy() for picture in pictures(motion, "$a_1$ title", "foot")]


def standing(frames: int) -> NDArray[np.float32]:
    return np.tile(np.array(POSE, np.float32), (frames, 1, 1))


def where(picture: NDArray[np.uint8], colour: str) -> NDArray[np.int64]:
    """(n, 2) rows and columns of pixels of a colour."""
    rgb = [int(colour[n : n + 2], 16) for n in (1, 3, 5)]
    return np.argwhere((picture == rgb).all(axis=2))


def test_left_is_blue_and_right_in_the_picture() -> None:
    (picture,) = drawn(standing(1))
    assert picture.shape == (720, 1280, 3)
    blue, orange = where(picture, "#0072B2"), where(picture, "#E07B00")
    assert min(len(blue), len(orange)) > 500
    assert blue[:, 1].min() > 640 > orange[:, 1].max()
    head = where(picture, "#F6F3EC")
    assert head[:, 0].mean() < blue[:, 0].mean()  # rows count downwards


def test_a_raised_hand_leaves_a_trail_for_a_second() -> None:
    motion = standing(12 + 31)
    wrist = KEYPOINTS.index("left wrist")
    motion[:, wrist, 1] -= np.interp(np.arange(len(motion)), [0, 11], [0, 0.5])
    shown = drawn(motion)
    low, high = (where(shown[n], "#0072B2")[:, 0] for n in (0, -1))
    assert high.min() < low.min() - 50
    # the same pose just after the movement and a second later: only the trail differs
    trail = np.argwhere((shown[11] != shown[-1]).any(axis=2))
    assert len(trail) > 300
    assert high.min() <= trail[:, 0].min()
    assert trail[:, 0].max() <= low.max()
    assert trail[:, 1].min() > 640
    assert (shown[-2] != shown[-1]).sum() < (shown[11] != shown[-1]).sum() / 10


def test_nothing_leaves_the_picture() -> None:
    motion = standing(2)
    motion[1, :, 0] += 0.6  # walks off to the side
    for picture in drawn(motion):
        border = picture[:, [0, 1, -2, -1]]
        assert (border == 255).all()
        assert len(where(picture, "#0072B2")) > 300


def test_several_figures_have_their_parts_of_the_picture_and_one_scale() -> None:
    raised = standing(3)
    raised[:, KEYPOINTS.index("right wrist")] = (0.35, 0.1)
    motions = {"a": standing(3), "b, over\ntwo lines": standing(3), "c": raised}
    shown = [p[..., :3].copy() for p in side_by_side(motions, "title", "foot")]
    assert len(shown) == 3
    picture = shown[-1]
    blue, orange = where(picture, "#0072B2"), where(picture, "#E07B00")
    thirds = [blue[(blue[:, 1] // 427) == n] for n in range(3)]
    # the left arms are all alike, one figure's width apart, at one height
    assert min(map(len, thirds)) > 300
    assert np.ptp([part[:, 0].min() for part in thirds]) <= 1
    assert np.ptp([part[:, 0].max() for part in thirds]) <= 1
    steps = np.diff([part[:, 1].mean() for part in thirds])
    assert np.allclose(steps, (1280 - 30) / 3, atol=1)
    # the hand of the last one alone is up
    tops = [orange[(orange[:, 1] // 427) == n][:, 0].min() for n in range(3)]
    assert tops[0] - tops[2] > 50
    assert abs(tops[0] - tops[1]) <= 1
