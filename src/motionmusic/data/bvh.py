"""BVH files: a skeleton and its rotations → where every joint is.

Read as people's files are: any order of rotations, positions on any joint, several roots, names with
blanks and colons, tabs, CRLF, exponents. Positions of a joint take the place of its offset, as
Blender and Mixamo have it, unless they are about zero; then they are added to it.
"""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.spatial.transform import Rotation

from motionmusic.errors import UserError
from motionmusic.files import Floats

_REMEDY = "export the motion as BVH again"
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_PIECE = re.compile(
    rf"\s*(?:(?P<open>\{{)|(?P<close>\}})"
    rf"|(?:ROOT|JOINT)[ \t]+(?P<name>[^\n{{}}]+)"
    rf"|(?P<end>End[ \t]*Site)[^\n{{}}]*"
    rf"|OFFSET[ \t]+(?P<offset>{_NUMBER}[ \t]+{_NUMBER}[ \t]+{_NUMBER})"
    r"|CHANNELS[ \t]+(?P<channels>\d+(?:[ \t]+[XYZ](?:position|rotation))*))",
    re.IGNORECASE,
)
_DEEPEST = 500
_RATES = (24, 25, 30, 48, 50, 60, 72, 90, 100, 120, 240)


class Joint(NamedTuple):
    """A joint: its name (an end site's: that of its joint and ` end`), its parent or -1."""

    name: str
    parent: int
    offset: tuple[float, float, float]
    channels: tuple[str, ...]  # such as xposition, zrotation


class Bvh(NamedTuple):
    """What a file holds."""

    joints: tuple[Joint, ...]  # parents before children
    positions: Floats  # (frames, joints, 3), in the file's own units and axes
    rate_hz: float  # 0 where the file gives no time
    notes: tuple[str, ...]  # what is unusual about it


def read_bvh(file: Path) -> Bvh:
    """Every joint's place in every frame. Raises UserError for what is no whole BVH file."""
    content = file.read_bytes()
    coding = "utf-16" if content.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8"
    text = content.decode(coding, "replace").lstrip("\ufeff")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    split = re.search(r"(?mi)^[ \t]*MOTION\b", text)
    if split is None:
        raise UserError(file, "", "a line MOTION after the skeleton", "none", _REMEDY)
    joints = _skeleton(file, text[: split.start()])
    frames, rate_hz, numbers = _motion(file, text[split.end() :])
    width = sum(len(joint.channels) for joint in joints)
    if not width:
        raise UserError(file, "CHANNELS", "at least one channel", "none", _REMEDY)
    rows = len(numbers) // width
    notes = []
    if len(numbers) % width and rows >= frames:
        got = f"{len(numbers)} numbers for {width} channels"
        raise UserError(file, "MOTION", f"{frames} frames", got, _REMEDY)
    if not rows:
        raise UserError(file, "MOTION", "at least one whole frame", "none", _REMEDY)
    if rows != frames:
        notes.append(f"its header says {frames} frames, it has {rows}")
    values = numbers[: rows * width].reshape(rows, width)
    if _starts_at_rest(joints, values):
        values = values[1:]
        notes.append("frame 0 is the skeleton's rest pose and left out")
    return Bvh(joints, _places(joints, values), rate_hz, tuple(notes))


def _skeleton(file: Path, head: str) -> tuple[Joint, ...]:
    joints: list[Joint] = []
    path: list[int] = []  # open joints
    place = re.match(r"\s*HIERARCHY", head, re.IGNORECASE)
    at = place.end() if place else 0
    waiting = False  # a joint is named and not yet opened

    def wrong(expected: str, got: str) -> UserError:
        blank = len(head[at:]) - len(head[at:].lstrip())
        line = head.count("\n", 0, at + blank) + 1
        return UserError(file, f"line {line}", expected, got, _REMEDY)

    head = head.rstrip()
    while at < len(head):
        piece = _PIECE.match(head, at)
        if piece is None:
            raise wrong("a part of a skeleton", repr(head[at:].lstrip()[:40].split("\n")[0]))
        if piece["name"] is not None or piece["end"] is not None:
            parent = path[-1] if path else -1
            name = (piece["name"] or "").strip() or f"{joints[parent].name} end"
            joints.append(Joint(name, parent, (0.0, 0.0, 0.0), ()))
            waiting = True
        elif piece["open"]:
            if not waiting or len(path) > _DEEPEST:
                raise wrong("a joint before {", "none")
            path.append(len(joints) - 1)
            waiting = False
        elif piece["close"]:
            if not path:
                raise wrong("a { for every }", "one } too many")
            path.pop()
        elif not path:
            raise wrong("a joint before its OFFSET and CHANNELS", "none")
        elif piece["offset"] is not None:
            x, y, z = map(float, piece["offset"].split())
            joints[path[-1]] = joints[path[-1]]._replace(offset=(x, y, z))
        else:
            count, *names = piece["channels"].lower().split()
            if int(count) != len(names):
                raise wrong(f"{count} channels", f"{len(names)}")
            joints[path[-1]] = joints[path[-1]]._replace(channels=tuple(names))
        at = piece.end()
    if path or not joints:
        raise wrong("a } for every {" if joints else "a ROOT", "the end of the skeleton")
    return tuple(joints)


def _motion(file: Path, motion: str) -> tuple[int, float, Floats]:
    """Frames and rate as the header has them, and all numbers after it."""
    header = re.match(
        rf"\s*Frames:?\s*(\d+)\s*Frame[ \t]*Time:?\s*({_NUMBER})\s", f"{motion}\n", re.IGNORECASE
    )
    if header is None:
        got = repr(motion.strip()[:40])
        raise UserError(file, "MOTION", "Frames: and Frame Time:", got, _REMEDY)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # numpy warns of text behind the last number
            numbers = np.fromstring(motion[header.end() :].strip(), np.float64, sep=" ")
    except (ValueError, DeprecationWarning):
        raise UserError(file, "MOTION", "numbers", "other text among them", _REMEDY) from None
    return int(header[1]), _rate(header[2]), numbers


def _rate(frame_time: str) -> float:
    """Frames a second: the rate that people use whose time is written so; 0.033 is 30 a second."""
    seconds = float(frame_time)
    if not seconds > 1e-6:
        return 0.0
    digits = len(frame_time.lower().split("e")[0].partition(".")[2])
    for rate in (*_RATES, round(1 / seconds)):
        if rate and abs(1 / rate - seconds) < min(10.0**-digits, 0.02 / rate):
            return float(rate)
    return 1 / seconds


def _starts_at_rest(joints: tuple[Joint, ...], values: Floats) -> bool:
    """Whether the first frame alone has no rotation at all."""
    names = [name for joint in joints for name in joint.channels]
    turns = values[:, [name.endswith("rotation") for name in names]]
    return len(values) > 1 and turns.shape[1] > 3 and not turns[0].any() and bool(turns[1].any())


def _places(joints: tuple[Joint, ...], values: Floats) -> Floats:
    """Forward kinematics, (frames, joints, 3)."""
    frames = len(values)
    places = np.zeros((frames, len(joints), 3))
    turned: list[Rotation | None] = []
    first = 0
    for number, joint in enumerate(joints):
        own = values[:, first : first + len(joint.channels)]
        first += len(joint.channels)
        offset = np.tile(joint.offset, (frames, 1))
        moved = [name for name in joint.channels if name.endswith("position")]
        if moved:
            given = np.zeros((frames, 3))
            for name in moved:
                given[:, "xyz".index(name[0])] = own[:, joint.channels.index(name)]
            small = np.median(np.abs(given).max(axis=1)) < 0.1 * np.abs(joint.offset).max()
            offset = offset + given if small else given
        turn: Rotation | None = None
        for name in joint.channels:
            if name.endswith("rotation"):
                angle = own[:, [joint.channels.index(name)]]
                step = Rotation.from_euler(name[0], np.nan_to_num(angle), degrees=True)
                turn = step if turn is None else turn * step
        before = None if joint.parent < 0 else turned[joint.parent]
        if joint.parent >= 0:
            carried = offset if before is None else before.apply(offset)
            places[:, number] = places[:, joint.parent] + carried
        else:
            places[:, number] = offset
        turned.append(turn if before is None else before if turn is None else before * turn)
    return places
