"""A dance as strokes: joints → a body seen by one camera → lines on a panel's pixels, or for a page.

The camera stands still: it looks slightly down on the whole clip, from where the dancer faces on
average, with a mild perspective.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from numpy.typing import NDArray

from motionmusic.features.skeletons import LAYOUTS, LayoutName

Floats = NDArray[np.floating[Any]]

DPI = 100  # of a video's picture: its pixels are 1/100 inch, also in print
# Blue and orange of Okabe and Ito, told apart with every kind of colour vision.
ACTIVE = {
    "left": "#0072B2", "right": "#E07B00", "middle": "#3A3A3A", "head": "#F6F3EC",
    "torso": "#C9C9C9", "shadow": "#D0D0CB", "paper": "#FFFFFF",
}  # fmt: skip
DIMMED = {
    "left": "#B4BAC0", "right": "#C4BEB8", "middle": "#A6A6A6", "head": "#F4F4F4",
    "torso": "#DCDCDC", "shadow": "#E2E2DE", "paper": "#F7F7F7",
}  # fmt: skip

# MusicToDance's axes are left-handed (docs/data.md): x is to the right of who looks along +z.
_TOWARDS_VIEWER: dict[LayoutName, int] = {"musictodance": -1, "aist": 1, "aist_proximal": 1}
# The left and the right side of the head, and how many joints, the first ones, belong to the head.
_HEADS: dict[LayoutName, tuple[int, int, int]] = {
    "musictodance": (0, 1, 2),
    "aist": (3, 4, 5),
    "aist_proximal": (3, 4, 5),
}

# In units of the body, which is from shoulders to ankles, about 130 cm.
HEAD_RADIUS = 0.085
_LIMB, _EDGE, _SPACING, _SHADOW = 0.045, 0.02, 0.4, 0.09
_ELEVATION = np.radians(11)
_DISTANCE = 4.0
_SMALL = 1e-9
_INNER = np.array([[0.2], [0.8]])
_DOT = np.array([[0, 0], [0.1, 0]])  # Agg draws no line of no length, as discs would be


class Stroke(NamedTuple):
    """A line with round ends, in pixels; a disc where both ends are one point."""

    ends: Floats  # (2, 2), x and y of both
    width: float
    colour: str  # a name of ACTIVE or any of matplotlib's
    edge: str = ""  # the colour around it
    edge_width: float = 0.0  # of both sides together


class Pose(NamedTuple):
    """A body in one frame: strokes from back to front, the torso's corners, its shadow's lines."""

    strokes: list[Stroke]
    torso: Floats  # (n, 2)
    shadow: Floats  # (n, 2, 2): every limb as the floor shows it under a lamp high above
    shadow_width: float = 0.0


class Painter:
    """A body on axes whose units are pixels, painted anew at every frame."""

    def __init__(self, axes: Axes, animated: bool = False):
        self.axes = axes
        self._shadow = LineCollection([], capstyle="round")
        self._torso, self._lines = PolyCollection([]), LineCollection([], capstyle="round")
        self._artists = (self._shadow, self._torso, self._lines)
        for order, artist in enumerate(self._artists):
            # snapping to whole pixels would take the discs away
            artist.set(zorder=2 + order, snap=False, animated=animated)
            axes.add_collection(artist, autolim=False)

    def paint(self, pose: Pose, colours: Mapping[str, str] = ACTIVE) -> None:
        """Take a new pose; ``draw`` shows it."""
        lines: list[tuple[Floats, float, str]] = []
        for ends, width, colour, edge, edge_width in pose.strokes:
            if edge:
                # it parts a limb from what is behind it, but not from its neighbours at its ends
                inner = ends[0] + _INNER * (ends[1] - ends[0])
                lines.append((inner, width + edge_width, edge))
            lines.append((ends, width, colour))
        self._lines.set_segments([ends + _DOT for ends, _, _ in lines])
        self._lines.set_linewidth([width * 72 / DPI for _, width, _ in lines])
        self._lines.set_color([colours.get(colour, colour) for *_, colour in lines])
        self._torso.set(verts=[pose.torso], facecolor=colours["torso"])
        self._shadow.set_segments(list(pose.shadow + _DOT))
        self._shadow.set(color=colours["shadow"], linewidth=pose.shadow_width * 72 / DPI)

    def draw(self) -> None:
        """Draw the pose on the canvas now."""
        for artist in self._artists:
            self.axes.draw_artist(artist)


class Body(NamedTuple):
    """A dance as it is drawn, in a panel's pixels."""

    poses: list[Pose]  # of every frame
    grid: Floats  # (n, 2, 2), lines on the floor
    floor: Floats  # (4, 2), its corners
    size: float  # from shoulders to ankles

    def draw_floor(self, axes: Axes) -> None:
        """Draw what does not move."""
        floor = PolyCollection([self.floor], facecolor="#F1F1EE", zorder=0)
        grid = LineCollection(list(self.grid), colors="#D8D8D3", linewidths=0.8, zorder=1)
        axes.add_collection(floor, autolim=False)
        axes.add_collection(grid, autolim=False)


def body(joints: Floats, layout: LayoutName, width: float, height: float) -> Body:
    """The dance seen so that all of it fits into a panel of so many pixels.

    ``joints`` are (frames, v, 3), positions in the room in any unit, the second axis up.
    """
    points, size = body_points(joints, layout)
    names = LAYOUTS[layout].joints
    low, high = points.min(axis=(0, 1)), points.max(axis=(0, 1))
    points -= np.array([(low[0] + high[0]) / 2, floor_of(points), (low[2] + high[2]) / 2])
    half = (high - low) / 2
    distance = _DISTANCE * max(float(np.linalg.norm(half)), size)

    def seen(places: Floats) -> Floats:
        """x, y as the camera sees them and the depth towards it."""
        x, y, z = places[..., 0], places[..., 1] - half[1], places[..., 2]
        c, s = np.cos(_ELEVATION), np.sin(_ELEVATION)
        depth = s * y + c * z
        near = distance / (distance - depth)
        return np.stack([x * near, (c * y - s * z) * near, depth], axis=-1)

    flat = seen(points)
    margin = 1.6 * HEAD_RADIUS * size
    least, most = flat[..., :2].min(axis=(0, 1)) - margin, flat[..., :2].max(axis=(0, 1)) + margin
    scale = float(min(width / (most[0] - least[0]), height / (most[1] - least[1])))
    shift = np.array([width, height]) / 2 - scale * (least + most) / 2

    def pixels(places: Floats) -> Floats:
        return np.asarray(seen(places)[..., :2] * scale + shift)

    drawn, flat_size = bones(layout), size * scale
    ends = np.array([bone[:2] for bone in drawn])
    order = flat[:, ends, 2].mean(axis=2).argsort(axis=1, kind="stable")  # far ones first
    lines = pixels(points)[:, ends]
    corners = ("left shoulder", "right shoulder", "right hip", "left hip")
    torso = pixels(points[:, [names.index(name) for name in corners]])
    shadows = pixels(points * (1, 0, 1))[:, ends]
    poses = []
    for frame, numbers in enumerate(order):
        strokes = []
        for n in numbers:
            _, _, wide, colour, edge = drawn[n]
            strokes.append(
                Stroke(lines[frame, n], wide * flat_size, colour, edge, _EDGE * flat_size)
            )
        poses.append(Pose(strokes, torso[frame], shadows[frame], _SHADOW * flat_size))

    spacing = _SPACING * size
    # wider than the dance, and nearer still, so that the floor does not end before the panel does
    reach = (np.ceil(half / spacing) + 3) * spacing
    xs = np.arange(-reach[0], reach[0] + spacing / 2, spacing)
    zs = np.arange(-reach[2] + 2 * spacing, reach[2] + spacing / 2, spacing)
    grid = [[[x, 0, zs[0]], [x, 0, zs[-1]]] for x in xs]
    grid += [[[xs[0], 0, z], [xs[-1], 0, z]] for z in zs]
    floor = [[x, 0, z] for x, z in zip(xs[[0, -1, -1, 0]], zs[[0, 0, -1, -1]], strict=True)]
    return Body(poses, pixels(np.array(grid)), pixels(np.array(floor)), flat_size)


def floor_of(points: Floats) -> float:
    """The height of the floor: one foot stands on it nearly always, and a few frames are broken."""
    return float(np.quantile(points[..., 1].min(axis=1), 0.2))


def body_points(joints: Floats, layout: LayoutName) -> tuple[Floats, float]:
    """Joints, neck, pelvis, throat, head, nose as (frames, v + 5, 3), and the body's size.

    Right-handed, z towards the viewer, turned so that the dancer faces them on average.
    """
    index = LAYOUTS[layout].joints.index
    turned = np.asarray(joints, np.float64) * (1, 1, _TOWARDS_VIEWER[layout])
    left, right = LAYOUTS[layout].hips
    axis = _unit((turned[:, left] - turned[:, right]) * (1, 0, 1))
    # forwards is left × up = (-axis z, axis x) in x and z
    yaw = np.arctan2(-axis[:, 2].mean(), axis[:, 0].mean())
    c, s = np.cos(yaw), np.sin(yaw)
    turned = turned @ np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])

    neck = turned[:, [index("left shoulder"), index("right shoulder")]].mean(axis=1)
    pelvis = turned[:, [left, right]].mean(axis=1)
    legs = [
        np.linalg.norm(turned[:, index(f"{side} {a}")] - turned[:, index(f"{side} {b}")], axis=1)
        for side in ("left", "right")
        for a, b in (("hip", "knee"), ("knee", "ankle"))
    ]
    size = max(float(np.median(np.linalg.norm(neck - pelvis, axis=1) + sum(legs) / 2)), _SMALL)
    one, other, _ = _HEADS[layout]
    head = (turned[:, one] + turned[:, other]) / 2
    ahead = _unit(np.cross(turned[:, one] - turned[:, other], head - neck))
    nose = head + HEAD_RADIUS * size * ahead
    throat = head - HEAD_RADIUS * size * _unit(head - neck)
    extra = np.stack([neck, pelvis, throat, head, nose], axis=1)
    return np.concatenate([turned, extra], axis=1), size


def _unit(vectors: Floats) -> Floats:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, _SMALL))


def bones(layout: LayoutName) -> list[tuple[int, int, float, str, str]]:
    """From point, to point, width in units of the body, colour, colour of the edge around it."""
    joints, parents = LAYOUTS[layout].joints, LAYOUTS[layout].parents
    index, v = joints.index, len(joints)
    neck, pelvis, throat, head, nose = range(v, v + 5)
    torso = {index(f"{side} {name}") for side in ("left", "right") for name in ("shoulder", "hip")}
    spine = [neck, *([index("trunk")] if "trunk" in joints else []), pelvis]
    shoulders = index("left shoulder"), index("right shoulder")
    # the torso's joints hang on different parents in each layout, so it is drawn alike in both
    middle = [shoulders, LAYOUTS[layout].hips, *pairwise(spine), (neck, throat)]
    found = [(a, b, _LIMB, "middle", "") for a, b in middle]
    for joint in range(_HEADS[layout][2], v):
        if joint not in torso and parents[joint] != joint and joint not in spine:
            side = joints[joint].split()[0]
            found.append((parents[joint], joint, _LIMB, side, "paper"))
    round_head = head, head, 2 * HEAD_RADIUS, "head", "middle"
    return [*found, round_head, (nose, nose, 0.45 * HEAD_RADIUS, "middle", "")]


_SHOWN_HZ = 12.5  # at least; the page draws a smooth way between two frames
_UNIT = 1000  # steps of a number to the height from shoulders to ankles


def drawn_body(layout: LayoutName) -> dict[str, Any]:
    """What is drawn of the points of :func:`drawn_dance`.

    Returns:
        bones [[point, point, width, colour, colour around it]], torso (its corners), pelvis, unit.
    """
    joints = LAYOUTS[layout].joints
    corners = ("left shoulder", "right shoulder", "right hip", "left hip")
    return {
        "bones": bones(layout),
        "torso": [joints.index(name) for name in corners],
        "pelvis": len(joints) + 1,
        "unit": _UNIT,
    }


def drawn_dance(joints: Floats, layout: LayoutName, rate_hz: float) -> dict[str, Any]:
    """Joints (frames, v, 3) in the room, turned so that the dancer faces the viewer on average.

    Returns:
        rate (Hz), seconds (of all frames), points: base64 of little-endian int16 (frames, points,
        3), right-handed, y up from the floor, z to the viewer, in ``unit`` a body.
    """
    step = max(1, round(rate_hz / _SHOWN_HZ))
    points, size = body_points(joints, layout)
    points = points[::step] / size
    low, high = points.min(axis=(0, 1)), points.max(axis=(0, 1))
    points -= np.array([(low[0] + high[0]) / 2, floor_of(points), (low[2] + high[2]) / 2])
    steps = np.clip(np.round(points * _UNIT), -32768, 32767).astype("<i2")
    return {
        "rate": rate_hz / step,
        "seconds": len(joints) / rate_hz,
        "points": base64.b64encode(steps.tobytes()).decode("ascii"),
    }
