"""A dance for the page that draws it itself: where every point is, and what joins the points."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np

from motionmusic.features.skeletons import LAYOUTS, LayoutName
from motionmusic.render.body import Floats, body_points, bones, floor_of

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
