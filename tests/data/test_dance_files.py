"""One dance in every kind of file: the same joints, and what is asked for or said."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bodies import room, write_bvh, write_c3d, write_folder
from mirrored import mirrored
from retargeted import NAME, doubled, motion, turned
from retargeted import write as write_clip

from motionmusic.data.captures import read_capture
from motionmusic.data.dance_files import kind_of, read_own
from motionmusic.data.marker_files import read_capture_file
from motionmusic.data.own import OwnDance, in_layout
from motionmusic.data.points import LIMBS, joints_of, points_of, whole
from motionmusic.data.smpl import OFFSETS, PARENTS, smpl_joints
from motionmusic.data.vrm import BONES, read_clip
from motionmusic.errors import UserError
from motionmusic.features.skeletons import LAYOUTS
from motionmusic.files import Floats

BODY = whole(points_of(room(), "musictodance")).points
NAMES = {name: name.replace("left ", "Left").replace("right ", "Right") for name in LIMBS}
MARKERS = {
    "SHO": "shoulder", "ELB": "elbow", "WRB": "wrist", "FWT": "hip", "BWT": "hip", "KNE": "knee",
    "ANK": "ankle", "HEE": "heel", "TOE": "toe", "FHD": "temple", "BHD": "temple",
}  # fmt: skip


def same_limbs(dance: OwnDance, within_cm: float = 1e-3) -> None:
    """The dance has the body's limbs, wherever it is in the room."""
    found = in_layout(dance, "aist").in_the_room()
    joints = LAYOUTS["aist"].joints
    middle = found[:, [joints.index(f"{s} hip") for s in ("left", "right")]].mean(axis=1)
    for name in LIMBS:
        here = found[:, joints.index(name)] - middle
        there = BODY[name] - (BODY["left hip"] + BODY["right hip"]) / 2
        np.testing.assert_allclose(here, there, atol=within_cm, err_msg=name)


def array(layout: Any, change: Callable[[Floats], Floats], **more: Any) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        file = folder / "dance.npz"
        np.savez(file, joints=change(joints_of(BODY, layout)), rate=25.0, layout=layout, **more)
        return file

    return write


def z_up(joints: Floats) -> Floats:
    return joints[..., [0, 2, 1]] * (1, -1, 1)


def bvh(change: Callable[[Floats], Floats]) -> Callable[[Path], Path]:
    points = {name: change(place) for name, place in BODY.items()}
    return lambda folder: write_bvh(folder / "dance.bvh", points, NAMES)


def capture(folder: Path) -> Path:
    markers = {
        f"{side[0].upper()}{marker}": z_up(BODY[f"{side} {point}"]) * 10
        for side in ("left", "right")
        for marker, point in MARKERS.items()
    }
    return write_c3d(folder / "dance.c3d", {f"me:{n}": x for n, x in markers.items()}, 25)


FORMS: dict[str, Callable[[Path], Path]] = {
    "musictodance": lambda folder: write_folder(folder / "DANCE_C_1", room()),
    "23 joints": array("musictodance", lambda x: x),
    "17 joints in metres": array("coco17", lambda x: x / 100),
    "24 joints, z up": array("smpl24", z_up),
    "17 joints, -z up": array("coco17", lambda x: x[..., [0, 2, 1]] * (1, 1, -1)),
    "17 joints, x upwards": array("coco17", lambda x: x[..., [1, 0, 2]] * (1, -1, 1)),
    "17 joints, -x upwards": array("coco17", lambda x: x[..., [1, 0, 2]] * (-1, 1, 1)),
    "33 joints, as MediaPipe has them": array("mediapipe33", lambda x: x * (1, -1, -1) / 100),
    "33 joints and how well they are seen": array(
        "mediapipe33", lambda x: np.concatenate([x * (1, -1, -1), x[..., :1]], axis=2)
    ),
    "flat rows": array("smpl24", lambda x: x.reshape(len(x), -1)),
    "BVH": bvh(lambda x: x),
    "BVH, z up, inches": bvh(lambda x: z_up(x) / 2.54),
    "c3d": capture,
}


@pytest.mark.parametrize("form", FORMS)
def test_one_body_in_every_form(tmp_path: Path, form: str) -> None:
    dance = read_own(FORMS[form](tmp_path))
    assert dance.rate_hz == 25
    assert not dance.faults
    same_limbs(dance, within_cm=0.1 if form == "c3d" else 1e-3)
    assert ("z is up, as heads are" in " ".join(dance.notes)) == ("z up" in form)


def test_key_points_and_poses_of_aist(tmp_path: Path) -> None:
    file = tmp_path / "a.pkl"
    joints = joints_of(BODY, "coco17")
    joints[7, 3] = np.nan
    for key in ("keypoints3d_optim", "keypoints3d"):
        file.write_bytes(pickle.dumps({key: joints}))
        dance = read_own(file)
        assert (dance.layout, dance.rate_hz) == ("aist", 60)
        assert [fault.spans for fault in dance.faults] == [((7, 7),)]
        same_limbs(dance)
    file.write_bytes(pickle.dumps({"cameras": joints}))
    with pytest.raises(UserError, match="smpl_poses and smpl_trans, got one with cameras"):
        read_own(file)


def poses() -> tuple[Floats, Floats, Floats]:
    """Poses, path and joints of a body that lifts its left thigh and turns round."""
    turns = np.zeros((50, 24, 3))
    turns[:, 0, 1] = np.linspace(0, 3, 50)
    turns[:, 1, 0] = -np.linspace(0, np.pi / 2, 50)
    path = np.stack([np.linspace(0, 50, 50), np.full(50, 90.0), np.zeros(50)], axis=1)
    return turns, path, smpl_joints(turns, path)


def test_poses_of_smpl(tmp_path: Path) -> None:
    turns, path, joints = poses()
    rest = np.zeros((24, 3))
    for joint, parent in enumerate(PARENTS[1:], 1):
        rest[joint] = rest[parent] + OFFSETS[joint]
    np.testing.assert_allclose(joints[0], rest + path[0], atol=1e-9)
    # a quarter about x takes the left knee from below the hip to before it; then the body's turn
    knee = joints[-1, 4] - joints[-1, 1]
    x, y, z = OFFSETS[4]
    c, s = np.cos(3), np.sin(3)
    np.testing.assert_allclose(knee, [c * x + s * -y, z, -s * x + c * -y], atol=1e-9)
    file = tmp_path / "gBR_sBM_cAll_d04_mBR0_ch01.pkl"
    content = {"smpl_poses": turns.reshape(50, 72).astype(np.float32), "smpl_loss": 1.0,
               "smpl_trans": path * 0.93, "smpl_scaling": np.array([93.0])}  # fmt: skip
    file.write_bytes(pickle.dumps(content))
    dance = read_own(file)
    assert (dance.layout, dance.rate_hz, dance.faults) == ("musictodance", 60, ())
    names = LAYOUTS["musictodance"].joints
    np.testing.assert_allclose(
        dance.in_the_room()[:, names.index("left knee")], joints[:, 4] * (1, 1, -1), atol=1e-4
    )
    # the same in arrays as others keep it: z up, a rate of its own
    whole_pose = np.pad(turns.reshape(50, 72), ((0, 0), (0, 84)))
    np.savez(tmp_path / "a.npz", poses=whole_pose, trans=path / 100, mocap_framerate=120.0)
    again = read_own(tmp_path / "a.npz")
    assert again.rate_hz == 120
    np.testing.assert_allclose(again.in_the_room(), dance.in_the_room(), atol=1e-4)


def test_a_vrm_clip_and_its_held_bones(tmp_path: Path) -> None:
    t = np.arange(240) / 60
    moving = {bone: turned((1, 0, 0), 0.2 * np.sin(3 * t)) for bone in BONES}
    arm = np.where((t > 1) & (t < 2), 0.3, 0.3 * np.cos(5 * t))
    turns = motion(240, **(moving | {"leftUpperArm": turned((0, 0, 1), arm)}))
    file = write_clip(tmp_path / f"{NAME}.t2.json", doubled(turns))
    dance = read_own(file)
    assert (dance.layout, dance.rate_hz, dance.form) == ("aist", 30, "VRM clip")
    np.testing.assert_allclose(dance.joints, read_clip(file).joints)
    (held,) = [fault for fault in dance.faults if fault.kind == "held"]
    assert held.text.startswith("leftUpperArm: no rotation")
    assert held.spans == ((31, 59),)
    with pytest.raises(UserError, match="coco17, which this kind of file has"):
        read_own(file, "smpl24")


def test_what_is_said_counts_also_against_the_file(tmp_path: Path) -> None:
    file = tmp_path / "a.npy"
    np.save(file, joints_of(BODY, "coco17"))
    assert read_own(file, "aist", 25.0).layout == read_own(file, "coco17", 25.0).layout == "aist"
    turned = read_own(file, "coco17", 25.0, "-y")
    np.testing.assert_allclose(turned.joints, joints_of(BODY, "coco17") * (1, -1, -1))


def test_names_that_nobody_knows(tmp_path: Path) -> None:
    odd = {name: f"bone {n}" for n, name in enumerate(LIMBS)}
    file = write_bvh(tmp_path / "a.bvh", BODY, odd)
    with pytest.raises(UserError) as caught:
        read_own(file)
    assert "left shoulder, right shoulder" in caught.value.expected
    assert "bone 7" in caught.value.got
    assert "--names" in caught.value.remedy
    names = tmp_path / "names.yaml"
    names.write_text("".join(f"{point}: {name}\n" for point, name in odd.items()))
    same_limbs(read_own(file, names=names))
    names.write_text("left hip: nowhere\n")
    with pytest.raises(UserError, match="nowhere"):
        read_own(file, names=names)


def test_markers_that_nobody_knows(tmp_path: Path) -> None:
    hip = BODY["left hip"].copy()
    hip[3] = np.nan  # which no camera saw
    file = write_c3d(tmp_path / "a.c3d", {"A": hip, "B": BODY["left knee"]})
    lost = np.isnan(read_capture_file(file).markers).any(axis=2)
    assert np.argwhere(lost).tolist() == [[3, 0]]
    with pytest.raises(UserError) as caught:
        read_own(file)
    assert caught.value.got == "markers A, B"
    assert "LFWT+LBWT" in caught.value.remedy


def test_kinds_are_found_by_content(tmp_path: Path) -> None:
    wrong = tmp_path / "dance.txt"
    for form in ("23 joints", "BVH", "c3d"):
        (tmp_path / form).mkdir()
        wrong.write_bytes(FORMS[form](tmp_path / form).read_bytes())
        assert read_own(wrong).name == "dance"
    kinds = {b"Kaydara FBX Binary": "FBX", b"glTF\2": "glTF", b"hello": "another file"}
    for content, got in kinds.items():
        wrong.write_bytes(content)
        with pytest.raises(UserError) as caught:
            read_own(wrong)
        assert (caught.value.got, caught.value.file) == (got, wrong)
    wrong.write_bytes(b"\0\0\0\x18ftypmp42")
    assert kind_of(wrong) == "video"
    write_folder(tmp_path / "all" / "DANCE_C_2", room())
    with pytest.raises(UserError) as caught:
        read_own(tmp_path / "all")
    assert caught.value.remedy == "name one of DANCE_C_2"


def test_a_real_capture_is_as_musictodance_has_it() -> None:
    file = mirrored("captures") / "data/raw_c3d/ll_qq_03_3.c3d"
    dance = read_own(file)
    assert (dance.rate_hz, dance.faults) == (80, ())
    published = read_capture(file)[:, :23]
    both = len(dance.joints) // 2
    gap = min(
        np.abs(dance.in_the_room()[first::2][:both] - published[:both]).max() for first in (0, 1)
    )
    assert gap < 1e-6


@pytest.mark.parametrize("rate", [-25.0, np.nan, np.inf, 1e-9, 1e9])
def test_rates_that_nobody_has(tmp_path: Path, rate: float) -> None:
    file = tmp_path / "a.npz"
    np.savez(file, joints=np.ones((9, 17, 3)), rate=rate, layout="coco17")
    for given in (None, rate):
        with pytest.raises(UserError) as caught:
            read_own(file, rate_hz=given)
        assert caught.value.expected == "1 to 2000 frames a second"
        assert caught.value.got == f"{rate:g}"


def test_a_joint_that_is_never_there_is_named(tmp_path: Path) -> None:
    joints = np.random.default_rng(0).normal(size=(9, 17, 3))
    joints[:, 7] = np.nan
    np.save(tmp_path / "a.npy", joints)
    with pytest.raises(UserError) as caught:
        read_own(tmp_path / "a.npy", "coco17", 30)
    assert caught.value.got == f"{LAYOUTS['aist'].joints[7]} in none"
