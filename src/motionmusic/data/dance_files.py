"""A user's own dance from whatever file it is in, found by its content.

    FOLDER/skeletons.json    MusicToDance's layout; config.json and audio.* beside it are optional
    a .json of that kind          or a VRM clip of AIST++ retargeted (vrm)
    AIST++ pickles           key points, or SMPL poses; RAW/music/mBR0.* is taken where it lies there
    .npy, .npz               joints (frames, joints, 3); an npz may have `rate` and `layout` as well
    BVH, c3d                 see bvh, joint_names, marker_files

Rate and skeleton are read where the file has them or asked for; axes are those of the body, unless
told, and said. Frames that are lost or far away are filled; whatever is wrong is in ``faults``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from motionmusic.data import faults
from motionmusic.data.aist_retargeted import held_fault
from motionmusic.data.arrays import Stored, read_aist, read_arrays
from motionmusic.data.bvh import read_bvh
from motionmusic.data.faults import Fault
from motionmusic.data.joint_names import points_of_names, read_names
from motionmusic.data.look_over import EXCHANGE, MIRRORED, look_over
from motionmusic.data.look_over import up as up_axis
from motionmusic.data.marker_files import MARKERS, read_capture_file, ways_of
from motionmusic.data.musictodance import POSITIONS_PER_SECOND, read_positions
from motionmusic.data.own import OwnDance, from_musictodance, in_layout, of_aist
from motionmusic.data.points import (
    JOINT_NAMES,
    LIMBS,
    FileLayout,
    Points,
    body_size,
    points_of,
    whole,
)  # fmt: skip
from motionmusic.data.vrm import SOURCE_HZ, read_clip
from motionmusic.errors import UserError
from motionmusic.features.skeletons import LayoutName
from motionmusic.files import Floats, must_be_file

KINDS = (
    "a folder with a skeletons.json, a BVH or c3d file, a pickle of AIST++, or joints as .npy, .npz"
    " or MusicToDance's .json"
)
_SAVE = "export the motion as BVH or c3d, or save joints (frames, joints, 3) with numpy.save"
_SIZE_CM = 130.0  # from shoulders to ankles
_UNITS = (("metres", 100.0), ("cm", 1.0), ("mm", 0.1), ("inches", 2.54))
_TURNS: dict[str, tuple[tuple[int, int, int], tuple[int, int, int]]] = {
    "y": ((0, 1, 2), (1, 1, 1)),
    "-y": ((0, 1, 2), (1, -1, -1)),
    "z": ((0, 2, 1), (1, 1, -1)),
    "-z": ((0, 2, 1), (1, -1, 1)),
    "x": ((1, 0, 2), (-1, 1, 1)),
    "-x": ((1, 0, 2), (1, -1, 1)),
}
_RATES = (1.0, 2000.0)  # frames a second: cameras for motion make no more
_RATE = f"{_RATES[0]:g} to {_RATES[1]:g} frames a second"
_ALIASES: dict[str, FileLayout] = {"aist": "coco17", **{name: name for name in JOINT_NAMES}}


def read_own(
    path: Path,
    layout: str | None = None,
    rate_hz: float | None = None,
    up: str | None = None,
    names: Path | None = None,
) -> OwnDance:
    """The dance, every value checked.

    Args:
        path: of a folder or a file.
        layout, rate_hz, up: the skeleton of an array, frames a second, the axis that points up;
            what a file does not tell, or tells wrong.
        names: a yaml with names of joints or markers that are not known by themselves.

    Raises:
        UserError: it cannot be read, or something is not told.
    """
    if layout is not None and layout not in _ALIASES:
        known, remedy = f"one of {', '.join(_ALIASES)}", "name the skeleton of the joints"
        raise UserError("command line", "--layout", known, layout, remedy)
    if rate_hz is not None and not _RATES[0] <= rate_hz <= _RATES[1]:
        remedy = "give frames a second"
        raise UserError("command line", "--rate", _RATE, f"{rate_hz:g}", remedy)
    if up is not None and up not in _TURNS:
        remedy = "name the axis of the file that points up"
        raise UserError("command line", "--up", f"one of {', '.join(_TURNS)}", up, remedy)
    asked = None if layout is None else _ALIASES[layout]
    kind = kind_of(path)
    if kind == "musictodance":
        _must_be(path, "musictodance", asked)
        return _musictodance(path, rate_hz, up)
    if kind == "bvh":
        stored = _bvh(path, names)
    elif kind == "c3d":
        stored = _c3d(path, names)
    elif kind == "vrm":
        _must_be(path, "coco17", asked)
        return _vrm(path, rate_hz, up)
    elif kind == "pickle":
        stored = read_aist(path)
        if stored.layout is not None:
            _must_be(path, stored.layout, asked)
    elif kind == "arrays":
        stored = read_arrays(path, asked)
    else:
        raise UserError(path, "", KINDS, "a video", "make joints of it with `motionmusic pose`")
    if rate_hz is None and stored.rate_hz == 0:
        expected = "the frames a second, which this file does not tell"
        raise UserError(path, "--rate", expected, "none", "give --rate")
    if rate_hz is None and not _RATES[0] <= stored.rate_hz <= _RATES[1]:
        raise UserError(path, "", _RATE, f"{stored.rate_hz:g}", "give the right one with --rate")
    return _from_stored(path, stored._replace(rate_hz=rate_hz or stored.rate_hz), up)


def kind_of(path: Path) -> str:
    """musictodance, vrm, bvh, c3d, pickle, arrays or video, by content. Raises UserError for others."""
    if path.is_dir():
        if not (path / "skeletons.json").exists():
            inside = sorted(file.parent.name for file in path.glob("*/skeletons.json"))
            remedy = f"name one of {', '.join(inside[:5])}" if inside else "name the dance's file"
            raise UserError(path, "", KINDS, "a folder without skeletons.json", remedy)
        return "musictodance"
    must_be_file(path, KINDS, "check the path")
    with path.open("rb") as file:
        head = file.read(512)
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text[:9].upper() == b"HIERARCHY":
        return "bvh"
    if head.startswith((b"\x93NUMPY", b"PK\x03\x04", b"PK\x05\x06")):
        return "arrays"
    if text.startswith(b"{"):
        content = path.read_bytes()
        return "vrm" if b'"bones"' in content and b'"skeletons"' not in content else "musictodance"
    if head[1:2] == b"P" and 1 < head[0] < 32:  # where its parameters begin, and its magic number
        return "c3d"
    if is_video(head):
        return "video"
    suffix = path.suffix.lower()
    by_name = {
        ".pkl": "pickle", ".npy": "arrays", ".npz": "arrays", ".json": "musictodance",
        ".bvh": "bvh", ".c3d": "c3d",
    }  # fmt: skip
    if head[:1] == b"\x80" or suffix in by_name:  # a broken one is told what is wrong with it
        return by_name.get(suffix, "pickle")
    known = {b"Kaydara": "FBX", b"glTF": "glTF", b";": "FBX (text)"}
    got = next((name for start, name in known.items() if head.startswith(start)), "another file")
    raise UserError(path, "", KINDS, got, _SAVE)


def is_video(head: bytes) -> bool:
    """Whether a file that begins so is a video: MP4, MOV, AVI, Matroska, WebM, MPEG, FLV, GIF."""
    starts = (b"\x1aE\xdf\xa3", b"\x00\x00\x01\xba", b"FLV", b"GIF8", b"0&\xb2u")
    riff = head[:4] == b"RIFF" and head[8:12] == b"AVI "
    return (
        head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free")
        or riff
        or head.startswith(starts)
    )


def _must_be(path: Path, own: FileLayout, given: FileLayout | None) -> None:
    if given not in (None, own):
        expected = f"{own}, which this kind of file has"
        raise UserError(path, "--layout", expected, f"{given}", "leave --layout out")


def _musictodance(path: Path, rate_hz: float | None, up: str | None) -> OwnDance:
    """A folder or a .json: nothing is scaled, whatever is wrong is said."""
    dance = from_musictodance(path)
    rate_hz = rate_hz or dance.rate_hz
    names = JOINT_NAMES["musictodance"]
    known = _enough(path, faults.lost_joints(dance.joints), names)
    joints, center, form = dance.joints, dance.center, "MusicToDance"
    assert center is not None  # this kind of file always has it
    way = _way(
        Stored(joints[known], names, "musictodance", {}, rate_hz, "y", True, form, (), True), up
    )
    joints, center = joints[..., way.order] * way.signs, center[:, way.order] * way.signs
    joints, center, found = look_over(joints, center, "musictodance", rate_hz)
    if not {"axes", "mirrored"} & {fault.kind for fault in found}:  # else as they were told
        found = (*way.faults, *found)
    config = (path if path.is_dir() else path.parent) / "config.json"
    if config.exists() and (path.is_dir() or path.name == "skeletons.json"):
        start, end = read_positions(config)
        music_s = (end - start) / POSITIONS_PER_SECOND
        found += tuple(faults.music_fault(len(joints), rate_hz, music_s))
    note = f"MusicToDance, 23 joints, {rate_hz:g} frames a second"
    return replace(
        dance, joints=joints, center=center, rate_hz=rate_hz, form=form, notes=(note,), faults=found
    )  # fmt: skip


def _from_stored(path: Path, stored: Stored, up: str | None) -> OwnDance:
    """Joints in a file's own axes and units → a dance in cm with y up."""
    names, rate_hz = stored.names, stored.rate_hz
    lost = faults.lost_joints(stored.joints)
    known = _enough(path, lost, names)
    joints = faults.fill(stored.joints, lost)
    size = body_size(_points(stored, joints[known]))
    far = faults.far_joints(joints, size, rate_hz, lost)
    joints = faults.fill(joints, lost | far)
    found = faults.gap_faults(lost, far, names)
    found += faults.still_faults(joints, names, size, rate_hz)
    notes = list(stored.notes)

    way = _way(stored._replace(joints=joints), up)
    found += way.faults
    notes += way.notes
    center = np.zeros((len(joints), 3)) if stored.center is None else stored.center
    joints, center = joints[..., way.order] * way.signs, center[:, way.order] * way.signs

    unit, factor = _unit_of(size)
    if stored.fixed:
        found += faults.size_fault(size)
    else:
        joints, center = joints * factor, center * factor
        size *= factor
    notes.append(
        f"{stored.form}, {len(names)} joints, {rate_hz:g} frames a second, {way.up} up, {unit} (from"
        f" shoulders to ankles {size:.0f} cm)"
    )
    if stored.seen is not None:
        found += faults.picture_faults(stored.seen)
    room = joints + center[:, None]
    points = _points(stored, room)
    found += faults.room_faults(room, points, rate_hz, floor=stored.floor)
    layout: LayoutName = "musictodance" if stored.layout == "musictodance" else "aist"
    music = of_aist(path, joints).music_file if stored.form.startswith("AIST++") else None
    own_center = None if stored.center is None else center
    dance = OwnDance(
        joints, own_center, layout, rate_hz, path.stem, music, 0.0, stored.form, tuple(notes),
        tuple(found),
    )  # fmt: skip
    if stored.layout in ("musictodance", "coco17"):
        return dance
    return in_layout(replace(dance, body=whole(points)), "musictodance")


class _Way(NamedTuple):
    """How a file's axes become x, y up and z: their order, then signs; and what is to be said."""

    up: str
    order: tuple[int, int, int]
    signs: tuple[int, int, int]
    faults: list[Fault]
    notes: list[str]


def _way(stored: Stored, up: str | None) -> _Way:
    """As the body has them, and right and left as feet and face; with ``up`` as the file has them."""
    usual = stored.up
    axis = up_axis(_points(stored, stored.joints), stored.layout) or usual
    turned = up or axis
    order, signs = _TURNS[turned]
    back = faults.mirrored(_points(stored, stored.joints[..., order] * signs))
    kept = back and turned in ("y", usual) and (up is not None or stored.seen is not None)
    asked = "" if up is not None else f"; --up {usual} takes the file as it is"
    along = f"heads are above feet along {turned}"
    found, notes = [], []
    if back and turned not in ("y", usual):
        text = f"is {usual} up? {along}, and y and {turned[-1]} are exchanged: put back{asked}"
        found.append(Fault("axes", text))
    elif turned != usual and up is None and stored.fixed:
        text = f"is {usual} up? {stored.form} has it so, but {along}: turned{asked}"
        found.append(Fault("axes", text))
    elif turned != usual and up is None:
        notes.append(f"{axis} is up, as heads are above feet along it (--up says otherwise)")
    if kept:  # also of a video, where nothing is sure of the depth
        found.append(Fault("mirrored", f"{MIRRORED}. {EXCHANGE}"))
    elif back:
        if turned in ("y", usual):
            found.append(Fault("mirrored", f"{MIRRORED}: put back{asked}"))
        signs = (signs[0], signs[1], -signs[2])
    return _Way(turned, order, signs, found, notes)


def _points(stored: Stored, joints: Floats) -> Points:
    """Right-handed points of joints, as their layout or their names have them."""
    if stored.layout is not None:
        return points_of(joints, stored.layout)
    return {point: joints[:, of].mean(axis=1) for point, of in stored.points.items()}


def _enough(path: Path, lost: NDArray[np.bool_], names: Sequence[str]) -> NDArray[np.bool_]:
    """The frames in which the whole body is known. Raises UserError where they are fewer than half."""
    known, gone = ~lost.any(axis=1), lost.all(axis=1)
    if 2 * gone.sum() > len(lost):
        got = f"{int(gone.sum())} of {len(lost)} frames without one"
        raise UserError(path, "", "a body in most frames", got, "take a part with a dancer in it")
    if not known.any():
        never = [name for name, of in zip(names, lost.T, strict=True) if of.all()]
        got = f"{', '.join(never)} in none" if never else "another joint missing in each"
        remedy = "export the dance with these joints, or in a --layout without them"
        raise UserError(path, "", "a frame in which all joints are known", got, remedy)
    return np.asarray(known)


def _unit_of(size: float) -> tuple[str, float]:
    """The unit of a file in which a body is so large, and what makes cm of it."""
    for name, factor in _UNITS:
        if 80 < size * factor < 180:
            return name, factor
    return "unknown unit, scaled", _SIZE_CM / max(size, 1e-9)


def _bvh(path: Path, file: Path | None) -> Stored:
    found = read_bvh(path)
    names = [joint.name for joint in found.joints]
    given = _given(path, file, names)
    points = _of_best_root(names, [joint.parent for joint in found.joints], given)
    _must_have(path, points, f"joints named {', '.join(names[:60])}")
    return Stored(
        found.positions, tuple(names), None, points, found.rate_hz, "y", False, "BVH",
        found.notes, True,
    )  # fmt: skip


def _of_best_root(
    names: Sequence[str], parents: Sequence[int], given: Mapping[str, list[str]]
) -> dict[str, list[int]]:
    """The points of the skeleton with most of them, the first one of several."""
    roots = [n for n, parent in enumerate(parents) if parent < 0]
    best: dict[str, list[int]] = {}
    for first, end in zip(roots, [*roots[1:], len(names)], strict=True):
        found = points_of_names(names[first:end])
        if len(found) > len(best):
            best = {point: [first + n for n in of] for point, of in found.items()}
    return best | {point: [list(names).index(n) for n in of] for point, of in given.items()}


def _vrm(path: Path, rate_hz: float | None, up: str | None) -> OwnDance:
    """Of AIST++ retargeted: 17 joints on a skeleton of its own, without a path."""
    clip = read_clip(path)
    notes = ("limb lengths are of a neutral skeleton, and there is no path over the floor",)
    joints, names = np.asarray(clip.joints, np.float64), JOINT_NAMES["coco17"]
    rate_hz = rate_hz or SOURCE_HZ
    stored = Stored(joints, names, "coco17", {}, rate_hz, "y", True, "VRM clip", notes, False)
    dance = _from_stored(path, stored, up)
    return replace(dance, faults=dance.faults + tuple(held_fault(clip)))


def _c3d(path: Path, file: Path | None) -> Stored:
    capture = read_capture_file(path)
    given = _given(path, file, capture.names)
    points = ways_of(capture.names)
    points |= {point: [capture.names.index(n) for n in of] for point, of in given.items()}
    _must_have(path, points, f"markers {', '.join(capture.names[:60])}")
    return Stored(
        *_used(capture.markers, capture.names, points), capture.rate_hz, "z", False, "c3d", (), True
    )


def _used(
    markers: Floats, names: Sequence[str], points: Mapping[str, list[int]]
) -> tuple[Floats, tuple[str, ...], None, dict[str, list[int]]]:
    """Only the markers that points are made of: what else was tracked may be lost for good."""
    numbers = sorted({n for of in points.values() for n in of})
    again = {point: [numbers.index(n) for n in of] for point, of in points.items()}
    return markers[:, numbers], tuple(names[n] for n in numbers), None, again


def _given(path: Path, names: Path | None, known: Sequence[str]) -> dict[str, list[str]]:
    """A user's names of joints. Raises UserError for one that the file does not have."""
    given = {} if names is None else read_names(names)
    for point, of in given.items():
        for name in of:
            if name not in known:
                expected = f"a name that {path.name} has: {', '.join(known[:60])}"
                raise UserError(names or path, point, expected, name, "correct it")
    return given


def _must_have(path: Path, points: Mapping[str, object], got: str) -> None:
    missing = [point for point in LIMBS if point not in points]
    if missing:
        remedy = (
            "name them with --names FILE.yaml, lines such as `left elbow: NAME` or"
            f" `left hip: [NAME, NAME]`; markers known by themselves: {_known_markers()}"
        )
        expected = f"names known for {', '.join(missing)}"
        raise UserError(path, "", expected, got, remedy)


def _known_markers() -> str:
    return ", ".join("+".join(ways[0]) for point, ways in MARKERS.items() if point in LIMBS)
