"""Joints as files of numpy hold them: .npy, .npz and the pickles of AIST++."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from tokenize import TokenError
from typing import Any, NamedTuple

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from motionmusic.data.points import JOINT_NAMES, FileLayout
from motionmusic.data.safe_pickle import read_pickle
from motionmusic.data.smpl import smpl_joints
from motionmusic.errors import UserError
from motionmusic.files import Floats
from motionmusic.params import motion_rate_hz

_SAVE = "save the joints (frames, joints, 3) as floats with numpy.save"
_MOST_TURNS = 1e6  # radians: beyond it is no angle
_LARGEST = 2**30  # bytes of an array
_RATES = ("rate", "rate_hz", "fps", "mocap_framerate", "mocap_frame_rate")
_KEYPOINTS = ("keypoints3d_optim", "keypoints3d")


class Stored(NamedTuple):
    """Joints as a file has them.

    Attributes:
        joints: (frames, v, 3), in the file's axes and units; not finite where they are lost.
        names: of the joints.
        layout: of ours, or None: then ``points`` has the joints that each point is the mean of.
        rate_hz: 0 where the file does not tell.
        up: the axis that is up in files of this kind.
        fixed: whether the kind fixes axes and units; otherwise the body is asked.
        form: the kind, in a word or two.
        notes: what is unusual.
        floor: whether places are in a room, with a floor.
        seen: (frames, 2), where in the picture the body is, of joints of a video.
        center: (frames, 3), the path that was subtracted from the joints, where the file has it.
    """

    joints: Floats
    names: tuple[str, ...]
    layout: FileLayout | None
    points: Mapping[str, list[int]]
    rate_hz: float
    up: str
    fixed: bool
    form: str
    notes: tuple[str, ...]
    floor: bool
    center: Floats | None = None
    seen: Floats | None = None


def read_arrays(file: Path, layout: FileLayout | None) -> Stored:
    """Joints of a .npy or .npz. Raises UserError where the layout is neither told nor in the file."""
    arrays = _load(file)
    rate = next((arrays[name] for name in _RATES if name in arrays), np.array(0.0))
    rate_hz = float(rate) if rate.size == 1 and rate.dtype.kind in "fiu" else 0.0
    if "poses" in arrays and "trans" in arrays and "joints" not in arrays:
        return _smpl(file, arrays["poses"], arrays["trans"] * 100.0, rate_hz, "z", "SMPL poses")
    own = arrays.get("layout")
    if layout is None and own is not None and own.dtype.kind == "U" and str(own) in JOINT_NAMES:
        layout = next(name for name in JOINT_NAMES if name == str(own))
    if layout is None:
        expected = f"one of {', '.join(JOINT_NAMES)}, which an array of joints does not tell"
        raise UserError(file, "--layout", expected, "none", "give --layout and --rate")
    joints = arrays["joints"]
    count = len(JOINT_NAMES[layout])
    if joints.ndim == 2 and joints.shape[1] == 3 * count:
        joints = joints.reshape(-1, count, 3)
    if joints.ndim == 3 and joints.shape[2] == 4:  # the fourth is how well a joint is seen
        joints = joints[..., :3]
    if joints.dtype.kind not in "fiu" or joints.shape[1:] != (count, 3) or not len(joints):
        expected = f"finite numbers (frames, joints, 3) with the {count} joints of {layout}"
        got, remedy = f"{joints.dtype} of shape {joints.shape}", f"{_SAVE}, or the right --layout"
        raise UserError(file, "", expected, got, remedy)
    up = "-y" if layout == "mediapipe33" else "y"
    path = arrays.get("center", np.zeros(0))
    known = path.shape == (len(joints), 3) and path.dtype.kind in "fiu" and np.isfinite(path).all()
    center = path.astype(np.float64) if known and layout == "musictodance" else None
    floor = layout in ("coco17", "smpl24") or center is not None
    seen = arrays.get("seen", np.zeros(0))
    known = seen.shape == (len(joints), 33, 3) and seen.dtype.kind == "f"
    hips = seen[:, 23:25, :2].mean(axis=1).astype(np.float64) if known else None
    return Stored(
        joints.astype(np.float64), JOINT_NAMES[layout], layout, {}, rate_hz, up, False, "joints",
        (), floor, center, hips,
    )  # fmt: skip


def read_aist(file: Path) -> Stored:
    """Key points or SMPL poses of AIST++. Raises UserError for another pickle."""
    remedy = "take the file from keypoints3d.zip or motions.zip of AIST++ again"
    content = read_pickle(file, "a pickle of AIST++: key points, or SMPL poses", remedy)
    if not isinstance(content, dict):
        raise UserError(file, "", "a dictionary of arrays", type(content).__name__, remedy)
    arrays = {str(key): value for key, value in content.items() if isinstance(value, np.ndarray)}
    rate_hz = motion_rate_hz("aist")
    if "smpl_poses" in arrays and "smpl_trans" in arrays:
        scale = arrays.get("smpl_scaling", np.ones(1))
        one = scale.size == 1 and scale.dtype.kind in "fiu" and float(scale.reshape(())) > 0
        path = arrays["smpl_trans"]
        if not one or path.dtype.kind not in "fiu":
            raise UserError(file, "smpl_scaling", "a number above 0", f"{scale}", remedy)
        path = path / float(scale.reshape(())) * 100.0
        return _smpl(file, arrays["smpl_poses"], path, rate_hz, "y", "AIST++ SMPL poses")
    key = next((name for name in _KEYPOINTS if name in arrays), None)
    if key is None:
        got = f"one with {', '.join(map(str, content)) or 'nothing'}"
        expected = f"a dictionary with {_KEYPOINTS[0]}, or smpl_poses and smpl_trans"
        raise UserError(file, "", expected, got, remedy)
    joints, names = arrays[key], JOINT_NAMES["coco17"]
    if joints.dtype.kind != "f" or joints.shape[1:] != (len(names), 3) or not len(joints):
        expected = f"an array of floats of shape (frames, {len(names)}, 3)"
        raise UserError(file, key, expected, f"{joints.dtype} of shape {joints.shape}", remedy)
    joints = joints.astype(np.float64)
    return Stored(joints, names, "coco17", {}, rate_hz, "y", True, "AIST++ key points", (), True)


def _smpl(
    file: Path, poses: NDArray[Any], path: NDArray[Any], rate_hz: float, up: str, form: str
) -> Stored:
    """24 joints of SMPL poses (frames, 72 or more: fingers and face are left out)."""
    frames = len(poses)
    flat = poses.reshape(frames, -1) if frames else poses
    if (
        poses.dtype.kind not in "fiu" or path.dtype.kind not in "fiu" or not frames
        or flat.shape[1] < 66 or path.shape != (frames, 3)
    ):  # fmt: skip
        expected = "poses (frames, 72) and places (frames, 3)"
        got = f"{poses.dtype} {poses.shape} and {path.dtype} {path.shape}"
        raise UserError(file, "", expected, got, "take the whole file from its source again")
    turns = np.zeros((frames, 24, 3))
    turns[:, :22] = flat[:, :66].reshape(frames, 22, 3)
    known = np.asarray((np.abs(turns) < _MOST_TURNS).all(axis=(1, 2)))
    joints = smpl_joints(np.where(known[:, None, None], turns, 0.0), path.astype(np.float64))
    joints[~known] = np.nan
    note = "limb lengths are of a neutral skeleton, not the dancer's"
    names = JOINT_NAMES["smpl24"]
    # the path has the file's axes; turns about the root have them too
    return Stored(joints, names, "smpl24", {}, rate_hz, up, up == "y", form, (note,), True)


def archive(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Arrays as .npz; equal arrays give equal bytes."""
    content = io.BytesIO()
    np.savez(content, **arrays)  # type: ignore[arg-type]
    return content.getvalue()


def _load(file: Path) -> dict[str, NDArray[Any]]:
    """The arrays of a file, the joints named so. Pickles in them are refused, not run."""
    try:
        with file.open("rb") as stream:
            if stream.read(2) != b"PK":
                stream.seek(0)
                _must_fit(stream, file.stat().st_size)
                return {"joints": np.load(file, allow_pickle=False)}
        with zipfile.ZipFile(file) as members:
            for member in members.infolist():
                with members.open(member) as stream:
                    _must_fit(stream, member.file_size)
        with np.load(file, allow_pickle=False) as content:
            arrays: dict[str, NDArray[Any]] = {name: content[name] for name in content}
    except FileNotFoundError:
        raise
    # MemoryError: a broken header can promise any size; the rest is what zipfile raises
    except (
        ValueError, EOFError, zipfile.BadZipFile, zlib.error, MemoryError, OSError, SyntaxError,
        NotImplementedError, RuntimeError, TypeError, KeyError, TokenError,
    ) as error:  # fmt: skip
        raise UserError(file, "", "a whole array file", str(error), _SAVE) from None
    others = [name for name in arrays if name not in (*_RATES, "layout", "center", "seen")]
    if "joints" not in arrays and not {"poses", "trans"} <= set(arrays):
        if len(others) != 1:
            expected = "one array, or one named joints"
            raise UserError(file, "", expected, ", ".join(others) or "none", _SAVE)
        arrays["joints"] = arrays.pop(others[0])
    return arrays


def _must_fit(stream: Any, size: int) -> None:
    """Raise ValueError where the header promises more than there is, or than anybody dances."""
    version = npy.read_magic(stream)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = read(stream)
    if dtype.hasobject:
        raise ValueError("Object arrays cannot be loaded when allow_pickle=False")
    promised = int(np.prod([int(n) for n in shape], dtype=object)) * dtype.itemsize
    if not 0 <= promised <= min(size, _LARGEST):
        raise ValueError(f"a header that promises {promised} bytes in {size}")
