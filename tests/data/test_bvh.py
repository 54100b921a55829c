"""BVH files: where joints are, and the forms that people's files come in."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from bodies import room, write_bvh

from motionmusic.data.bvh import read_bvh
from motionmusic.data.joint_names import points_of_names, read_names
from motionmusic.data.points import LIMBS, points_of
from motionmusic.errors import UserError

ARM = """HIERARCHY
ROOT Hips
{
  OFFSET 5 5 5
  CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
  JOINT LeftArm
  {
    OFFSET 0 10 0
    CHANNELS 3 Zrotation Xrotation Yrotation
    JOINT Left Hand
    {
      OFFSET 0 10 0
      CHANNELS 2 Xrotation Yrotation
      End Site
      {
        OFFSET 0 2 0
      }
    }
  }
}
MOTION
Frames: 3
Frame Time: 0.0333333
1 2 3 0 0 0 0 0 0 0 5
1 2 3 90 0 0 0 0 0 0 0
1 2 3 90 0 0 0 90 0 0 0
"""


def written(folder: Path, text: str) -> Path:
    file = folder / "a.bvh"
    file.write_bytes(text.encode())
    return file


def test_rotations_are_taken_in_the_order_of_the_channels(tmp_path: Path) -> None:
    found = read_bvh(written(tmp_path, ARM))
    assert [joint.name for joint in found.joints] == [
        "Hips", "LeftArm", "Left Hand", "Left Hand end",
    ]  # fmt: skip
    assert found.rate_hz == 30
    # by hand: 90° about z takes y to −x; then 90° about the turned x, which is y, takes −x to z
    np.testing.assert_allclose(found.positions[0, :, 1], [2, 12, 22, 24], atol=1e-9)
    np.testing.assert_allclose(found.positions[1, 3], [1 - 22, 2, 3], atol=1e-9)
    np.testing.assert_allclose(found.positions[2, 3], [1 - 10, 2, 3 + 12], atol=1e-9)


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.replace("\n", "\r\n"),
        lambda t: "\ufeff" + t,
        lambda t: re.sub(r"\n\s*\{", " {", t),
        lambda t: t.replace("  ", "\t"),
        lambda t: t.replace("End Site", "End site").replace("OFFSET", "Offset"),
        lambda t: t.replace("1 2 3 90", "1.0e+00  2.\t3E0 9e1 "),
        lambda t: t.replace("MOTION", "\n\nMOTION").replace("Frames: 3", "Frames:\t3") + "\n\n",
        lambda t: t.replace("1 2 3 90 0 0 0 0 0 0 0", "1 2 3 90 0 0\n0 0 0 0 0"),
    ],
)
def test_one_skeleton_in_many_spellings(tmp_path: Path, change: Callable[[str], str]) -> None:
    right = read_bvh(written(tmp_path, ARM))
    found = read_bvh(written(tmp_path, change(ARM)))
    np.testing.assert_array_equal(found.positions, right.positions)
    assert found.joints == right.joints


@pytest.mark.parametrize(
    ("text", "rate"),
    [("0.0333333", 30), ("0.033", 30), ("0.008333", 120), ("0.1428571", 7), ("0.0416667", 24),
     ("0.033367", 1 / 0.033367), ("0.01", 100), ("0", 0)],
)  # fmt: skip
def test_rates(tmp_path: Path, text: str, rate: float) -> None:
    assert read_bvh(written(tmp_path, ARM.replace("0.0333333", text))).rate_hz == pytest.approx(
        rate
    )


def test_several_roots_and_a_pose_at_rest(tmp_path: Path) -> None:
    head, motion = ARM.split("MOTION")
    rows = motion.strip().split("\n")
    twice = head + head.removeprefix("HIERARCHY\n") + "MOTION\n"
    twice += "\n".join([*rows[:2], *(f"{row} {row}" for row in rows[2:])])
    found = read_bvh(written(tmp_path, twice))
    np.testing.assert_array_equal(found.positions[:, :4], found.positions[:, 4:])
    one = read_bvh(written(tmp_path, ARM.replace("0 0 0 5\n", "0 0 0 0\n")))
    assert len(one.positions) == 2
    assert one.notes == ("frame 0 is the skeleton's rest pose and left out",)


def test_positions_of_a_joint_take_the_place_of_its_offset(tmp_path: Path) -> None:
    names = {name: f"{name.split()[0].title()}{name.split()[1].title()}" for name in LIMBS}
    points = points_of(room(), "musictodance")
    found = read_bvh(write_bvh(tmp_path / "a.bvh", points, names))
    for number, name in enumerate(names, 1):
        np.testing.assert_allclose(found.positions[:, number], points[name], atol=1e-5)


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ("MOTION", "MOTON", ""),
        ("OFFSET 5 5 5", "OFFSET 5 x 5", "line 4"),
        ("CHANNELS 6", "CHANNELS 7", "line 5"),
        ("  }\n}\nMOTION", "}\nMOTION", "line 19"),
        ("{", "", "line 4"),
        ("Frames: 3", "", "MOTION"),
        ("Frame Time: 0.0333333", "Frame Time: fast", "MOTION"),
        ("1 2 3 90 0 0 0 90 0 0 0", "1 2 3 90 0 0 0 90 0 a 0", "MOTION"),
        ("Frames: 3", "Frames: 2", None),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, old: str, new: str, where: str | None) -> None:
    file = written(tmp_path, ARM.replace(old, new, 1))
    if where is None:
        assert read_bvh(file).notes == ("its header says 2 frames, it has 3",)
        return
    with pytest.raises(UserError) as caught:
        read_bvh(file)
    assert (caught.value.file, caught.value.where) == (file, where)


def test_a_cut_file_gives_its_whole_frames(tmp_path: Path) -> None:
    found = read_bvh(written(tmp_path, ARM[:-10]))
    assert len(found.positions) == 2
    assert found.notes == ("its header says 3 frames, it has 2",)
    with pytest.raises(UserError, match="at least one whole frame"):
        read_bvh(written(tmp_path, ARM[: ARM.index("0.0333333") + 20]))


RIGS = {
    "Biped": "Bip01 L UpperArm,Bip01 L Forearm,Bip01 L Hand,Bip01 L Thigh,Bip01 L Calf,Bip01 L Foot",
    "CMU": "LeftArm,LeftForeArm,LeftHand,LeftUpLeg,LeftLeg,LeftFoot",
    "Motion Builder": "Character1_LeftArm,Character1_LeftForeArm,Character1_LeftHand,"
    "Character1_LeftUpLeg,Character1_LeftLeg,Character1_LeftFoot",
    "Daz": "lShldr,lForeArm,lHand,lThigh,lShin,lFoot",
    "glTF": "leftUpperArm,leftLowerArm,leftHand,leftUpperLeg,leftLowerLeg,leftFoot",
    "VRM": "J_Bip_L_UpperArm,J_Bip_L_LowerArm,J_Bip_L_Hand,J_Bip_L_UpperLeg,J_Bip_L_LowerLeg,"
    "J_Bip_L_Foot",
    "Blender": "upper_arm.L,forearm.L,hand.L,thigh.L,shin.L,foot.L",
    "Unreal": "upperarm_l,lowerarm_l,hand_l,thigh_l,calf_l,foot_l",
    "SMPL": "L_Shoulder,L_Elbow,L_Wrist,L_Hip,L_Knee,L_Ankle",
    "Xsens": "LeftShoulder,LeftElbow,LeftWrist,LeftHip,LeftKnee,LeftAnkle",
    "Biovision": "LeftUpArm,LeftLowArm,LeftHand,LeftUpLeg,LeftLowLeg,LeftFoot",
    "OptiTrack": "LUArm,LFArm,LHand,LThigh,LShin,LFoot",
}


@pytest.mark.parametrize("rig", RIGS)
def test_names_of_programs(rig: str) -> None:
    left = RIGS[rig].split(",")
    others = {"Biped": "Bip01", "Motion Builder": "Character1_Hips", "VRM": "J_Bip_C_Hips"}
    names = [others.get(rig, "Hips"), "LeftShoulder" if rig == "CMU" else "x", *left]
    swap = str.maketrans({"l": "r", "L": "R"})
    for name in left:  # the same with the other side's letter or word
        right = name.replace("Left", "Right").replace("left", "right")
        if right == name:
            at = re.search(r"(?<![A-Za-z])[lL](?![a-z])|^L(?=[UF])|[lL]$", name)
            assert at is not None
            right = name[: at.start()] + at[0].translate(swap) + name[at.end() :]
        names.append(right)
    found = points_of_names(names)
    assert {point: names[of[0]] for point, of in found.items() if point in LIMBS} == dict(
        zip((*LIMBS[::2], *LIMBS[1::2]), names[2:], strict=True)
    )


def test_names_of_a_user(tmp_path: Path) -> None:
    file = tmp_path / "names.yaml"
    file.write_text("left wrist: WL\nleft hip: [A, B]\n")
    assert read_names(file) == {"left wrist": ["WL"], "left hip": ["A", "B"]}
    for text in (
        "left paw: x",
        "- 1",
        "left hip: {",
        "left hip: []",
        "left hip: 7",
        "a: !!python/x",
    ):
        file.write_text(text)
        with pytest.raises(UserError) as caught:
            read_names(file)
        assert caught.value.file == file
    with pytest.raises(UserError, match="no such file"):
        read_names(tmp_path / "nowhere.yaml")
