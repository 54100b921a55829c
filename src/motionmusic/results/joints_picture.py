"""The 23 joints of MusicToDance with their numbers, for docs/data.md.

``python -m motionmusic.results.joints_picture docs/joints.png`` draws it.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from motionmusic.data.points import joints_of, points_of, whole
from motionmusic.data.smpl import smpl_joints
from motionmusic.features.skeletons import MUSICTODANCE
from motionmusic.files import Floats, write_bytes
from motionmusic.lettering import Figure
from motionmusic.render.body import ACTIVE
from motionmusic.results.figures import png

# the limbs that keep their length (docs/data.md)
_LINKS = (
    (0, 1), (0, 3), (1, 12), (3, 12), (3, 4), (4, 5), (5, 6), (6, 22), (12, 13), (13, 21), (21, 14),
    (14, 15), (2, 3), (2, 12), (2, 7), (2, 16), (7, 16), (7, 8), (8, 9), (9, 10), (9, 11), (10, 11),
    (16, 17), (17, 18), (18, 19), (18, 20), (19, 20),
)  # fmt: skip
_ARMS = np.radians(35)


def standing() -> Floats:
    """(23, 3) in cm: somebody who stands, arms a little away from the body, towards the viewer."""
    poses = np.zeros((1, 24, 3))
    poses[0, 16, 2], poses[0, 17, 2] = -_ARMS, _ARMS
    poses[0, 16:18, 2] *= 1.4
    body = whole(points_of(smpl_joints(poses, np.zeros((1, 3))), "smpl24"))
    return np.asarray(joints_of(body.points, "musictodance")[0] * (1, 1, -1))


def joints_picture() -> Figure:
    """The body from the front and from its left, every joint with its number."""
    joints = standing()
    figure = Figure(figsize=(10, 6.2), dpi=110)
    for place, (across, title) in enumerate(((0, "from the front"), (2, "from its left")), 1):
        axes = figure.add_subplot(1, 2, place)
        flat = joints[:, [across, 1]]
        if across == 2:
            flat = flat * (-1, 1)  # it looks to the left
        for first, second in _LINKS:
            axes.plot(*flat[[first, second]].T, color="#C9C9C9", linewidth=3, zorder=1)
        for number, (place_of, name) in enumerate(zip(flat, MUSICTODANCE.joints, strict=True)):
            side = next((s for s in ("left", "right") if s in name.split()), "middle")
            if across == 2 and side == "right":
                continue  # behind the left one
            axes.plot(*place_of, "o", color=ACTIVE[side], markersize=15, zorder=2)
            axes.text(
                place_of[0], place_of[1], str(number), color="white", ha="center", va="center",
                fontsize=8, weight="bold", zorder=3,
            )  # fmt: skip
        axes.set(aspect="equal", xlim=(flat[:, 0].min() - 10, flat[:, 0].max() + 10))
        axes.set_title(title, fontsize=11)
        axes.axis("off")
    figure.tight_layout()
    return figure


if __name__ == "__main__":
    write_bytes(Path(sys.argv[1]), png(joints_picture()))
