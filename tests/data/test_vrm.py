"""Retargeted clips: time base, held bones, kinematics, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from retargeted import NAME, content, doubled, motion, true_60, turned, write

from motionmusic.data.vrm import BONES, STATURE_CM, read_clip
from motionmusic.errors import UserError

FRAMES = 240


def waving() -> np.ndarray[Any, Any]:
    t = np.arange(FRAMES) / 60
    return motion(
        FRAMES,
        hips=turned((0, 1, 0), np.sin(2 * t)),
        spine=turned((1, 0, 0), 0.3 * np.sin(3 * t)),
        leftUpperArm=turned((0, 0, 1), np.sin(4 * t)),
        rightLowerLeg=turned((1, 0, 0), 0.5 + 0.5 * np.sin(5 * t)),
    )


def test_both_kinds_of_file_give_the_same_motion_at_30_hz(tmp_path: Path) -> None:
    one, other = (
        read_clip(write(tmp_path / f"{kind.__name__}.t2.json", kind(waving())))
        for kind in (doubled, true_60)
    )
    assert (one.doubled, other.doubled) == (True, False)
    assert one.joints.shape == other.joints.shape == (FRAMES // 2, 17, 3)
    # the first source frame is missing where there are 60 a second
    np.testing.assert_allclose(other.joints[1:], one.joints[1:], atol=0.05)
    still = np.abs(np.diff(one.joints, axis=0)).max()
    assert still > 1  # a frame early or late would show
    assert not one.held[:, BONES.index("hips")].any()
    assert one.at_25_hz().shape == (int((FRAMES // 2 - 1) / 1.2) + 1, 17, 3)
    np.testing.assert_allclose(one.at_25_hz()[5], one.joints[6])
    np.testing.assert_allclose(one.at_25_hz()[1], 0.8 * one.joints[1] + 0.2 * one.joints[2])


def test_the_t_pose_has_the_tables_places_in_the_frame_of_aist(tmp_path: Path) -> None:
    joints = read_clip(write(tmp_path / "t.t2.json", true_60(motion(FRAMES)))).joints[3]
    assert joints[11] == pytest.approx([0.050 * STATURE_CM, 0, 0])  # left is +x
    assert joints[15] == pytest.approx([8.5, -0.491 * STATURE_CM, 0])
    shoulder = 0.015 + 0.090
    height = 0.020 + 0.040 + 0.070 + 0.155 + 0.003  # above the hip joints
    assert joints[5] == pytest.approx([shoulder * STATURE_CM, height * STATURE_CM, 0])
    assert joints[9] == pytest.approx([(shoulder + 0.332) * STATURE_CM, height * STATURE_CM, 0])
    head = (0.020 + 0.040 + 0.070 + 0.185 + 0.060) * STATURE_CM
    assert joints[0] == pytest.approx([0, head + 1, 11.5])  # the nose is in front, +z
    assert joints[3] == pytest.approx([7.4, head + 3.6, -0.5])


@pytest.mark.parametrize("quarter", [1, -1])
def test_a_turn_of_the_hips_turns_everything(tmp_path: Path, quarter: int) -> None:
    hips = turned((0, 1, 0), np.full(FRAMES, quarter * np.pi / 2))
    joints = read_clip(write(tmp_path / "t.t2.json", true_60(motion(FRAMES, hips=hips)))).joints[3]
    assert joints[0] == pytest.approx([quarter * 11.5, joints[0, 1], 0], abs=0.01)
    assert joints[11] == pytest.approx([0, 0, -quarter * 8.5], abs=0.01)


def test_children_turn_with_their_parents(tmp_path: Path) -> None:
    arm = turned((0, 0, 1), np.full(FRAMES, np.pi / 2))  # from −x down, then forearms sideways
    bones = {"leftUpperArm": arm, "leftLowerArm": turned((0, 1, 0), np.full(FRAMES, -np.pi / 2))}
    joints = read_clip(write(tmp_path / "t.t2.json", true_60(motion(FRAMES, **bones)))).joints[3]
    upper, lower = joints[7] - joints[5], joints[9] - joints[7]
    assert upper == pytest.approx([0, -0.186 * STATURE_CM, 0], abs=0.01)
    assert lower == pytest.approx([0, 0, 0.146 * STATURE_CM], abs=0.01)


@pytest.mark.parametrize("kind", [doubled, true_60])
def test_a_bone_that_keeps_its_rotation_is_held(tmp_path: Path, kind: Any) -> None:
    arm = turned((0, 0, 1), np.sin(np.arange(FRAMES) / 15))
    arm[60:121] = arm[60]
    arm[180:183] = arm[180]  # two frames of 30 a second, which is no hold; of 60 a second it is
    whole = motion(FRAMES, leftLowerArm=arm)
    held = read_clip(write(tmp_path / "held.t2.json", kind(whole))).held
    expected = np.zeros(FRAMES // 2, bool)
    expected[30:61] = True
    expected[90:92] = kind is true_60
    assert held[:, BONES.index("leftLowerArm")].tolist() == expected.tolist()
    assert held[:, BONES.index("rightLowerArm")].all()  # which never moves
    assert not held[:, BONES.index("leftFoot")].any()


def without_a_bone(of: dict[str, Any]) -> None:
    del of["bones"]["spine"]


def short(of: dict[str, Any]) -> None:
    of["bones"]["neck"].pop()


def long_hips(of: dict[str, Any]) -> None:
    of["hips"].append(0.0)


def infinite(of: dict[str, Any]) -> None:
    of["bones"]["head"][9] = float("inf")


def no_rotation(of: dict[str, Any]) -> None:
    of["bones"]["head"][8:12] = [0.0] * 4


def slower(of: dict[str, Any]) -> None:
    of["fps"] = 30


def one_frame_twice(of: dict[str, Any]) -> None:
    for numbers in of["bones"].values():
        numbers[400:404] = numbers[396:400]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (without_a_bone, "bones: expected the 19 bones, got no spine"),
        (short, "bones, neck: expected 4 numbers for each of n = 240 frames, got 959"),
        (long_hips, "hips: expected 3 numbers for each of n = 240 frames, got 721"),
        (infinite, "bones, bone head, number 9: expected a finite number"),
        (no_rotation, "bones, head, frame 2: expected a rotation, a quaternion of length 1"),
        (slower, "fps: expected 60"),
        (one_frame_twice, "frame 99: expected no frame equal to the next, or frames 1 and 2"),
    ],
)
def test_what_is_wrong_is_one_error_with_its_place(tmp_path: Path, spoil: Any, said: str) -> None:
    made = content(true_60(waving()))
    spoil(made)
    file = write(tmp_path / f"{NAME}.t2.json", true_60(waving()), **made)
    with pytest.raises(UserError) as caught:
        read_clip(file)
    assert said in str(caught.value)
    assert str(file) in str(caught.value)


def test_a_doubled_file_with_a_frame_that_is_not(tmp_path: Path) -> None:
    frames = doubled(waving())
    frames[101:103, BONES.index("spine")] = turned((1, 0, 0), np.array([0.1, 0.2]))
    with pytest.raises(UserError, match="frame 101 other than the next"):
        read_clip(write(tmp_path / "x.t2.json", frames))
