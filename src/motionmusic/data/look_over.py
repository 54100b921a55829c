"""A whole dance looked over: its faults, and its joints with what is lost or far filled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from motionmusic.data import faults
from motionmusic.data.dance import Dance
from motionmusic.data.faults import Fault
from motionmusic.data.points import JOINT_NAMES, FileLayout, Points, body_size, points_of
from motionmusic.files import Floats

MIRRORED = "left and right are mirrored, as feet and face point backwards"
EXCHANGE = "Exchange the sides of the joints, or change the sign of one axis"


class LookedOver(NamedTuple):
    """The dance with its gaps filled."""

    joints: Floats
    center: Floats | None
    faults: tuple[Fault, ...]


def look_over(
    joints: Floats, center: Floats | None, layout: FileLayout, rate_hz: float
) -> LookedOver:
    """Joints of a layout whose axes and units are fixed: nothing is turned or scaled.

    Args:
        joints: (frames, v, 3), relative to ``center`` (frames, 3) or, without one, in the room; in
            at least one frame all of them are known.
        center: the path that was subtracted.
        layout: of the joints, in cm, y up.
        rate_hz: frames a second.
    """
    names = JOINT_NAMES[layout]
    lost = faults.lost_joints(joints)
    size = body_size(points_of(joints[~lost.any(axis=1)], layout))
    far = faults.far_joints(joints, size, rate_hz, lost)
    if center is not None:
        far |= faults.far_joints(joints + center[:, None], size, rate_hz, lost | far)
    filled = faults.fill(joints, lost | far)
    gone = (lost | far).mean(axis=1) > 0.5
    path = None if center is None else faults.fill(center[:, None], gone[:, None])[:, 0]
    room = filled if path is None else filled + path[:, None]
    points = points_of(room, layout)
    axes = _axes(points, layout)
    found = faults.gap_faults(lost, far, names)
    found += faults.still_faults(filled, names, size, rate_hz)
    found += axes + faults.size_fault(size)
    found += faults.room_faults(room, points, rate_hz, floor=not axes)
    return LookedOver(filled, path, tuple(found))


def _axes(points: Points, layout: FileLayout) -> list[Fault]:
    axis = up(points, layout)
    if axis not in (None, "y"):
        text = f"is y up? This layout has it so, but heads are above feet along {axis}"
        return [Fault("axes", text)]
    return [Fault("mirrored", f"{MIRRORED}. {EXCHANGE}")] if faults.mirrored(points) else []


def up(points: Points, layout: FileLayout | None) -> str | None:
    """The axis of the file that is up, as the body has it; None where that is not clear."""
    found = faults.up_of(points)
    if found is None:
        return None
    axis, sign = found
    flipped = layout == "musictodance" and axis == 2  # whose z has another sign in points
    return ("-" if (sign < 0) != flipped else "") + "xyz"[axis]


def faults_of(dance: Dance, rate_hz: float) -> tuple[Fault, ...]:
    """Of a corpus's dance, which is not changed."""
    layout: FileLayout = "coco17" if dance.center is None else "musictodance"
    if faults.lost_joints(dance.skeletons).any(axis=1).all():
        return (Fault("lost", "in no frame are all joints known"),)
    found = look_over(dance.skeletons, dance.center, layout, rate_hz).faults
    if dance.music_end_s is not None:
        music_s = dance.music_end_s - dance.music_start_s
        found += tuple(faults.music_fault(len(dance.skeletons), rate_hz, music_s))
    return found


def in_lines(found: Mapping[str, Sequence[Fault]], rate_hz: float) -> list[str]:
    """The faults of pieces: a kind's a line where several have it, each in full where one has."""
    lines = []
    for kind in dict.fromkeys(fault.kind for of in found.values() for fault in of):
        having = {piece: fault for piece, of in found.items() for fault in of if fault.kind == kind}
        piece, fault = next(iter(having.items()))
        if len(having) == 1:
            lines.append(f"{kind}: {piece}: {fault.line(rate_hz)}")
        else:
            lines.append(
                f"{kind}: {len(having)} pieces, {', '.join(having)}; {piece}: {fault.line(rate_hz)}"
            )
    return lines
