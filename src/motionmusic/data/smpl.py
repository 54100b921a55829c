"""SMPL poses → 24 joints, by forward kinematics on a neutral skeleton of our own.

The body models of SMPL are licensed and not used. Lengths are round numbers of a person of 170 cm;
they are nobody's, so motion and angles are the dancer's and limb lengths are not.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from motionmusic.files import Floats

PARENTS = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21)
# cm from the parent at rest, arms to the sides: x to the body's left, y up, z ahead
OFFSETS = np.array([
    (0, 0, 0), (7, -9, 0), (-7, -9, 0), (0, 11, -2), (4, -38, 0), (-4, -38, 0), (0, 13, 1),
    (-1, -40, -3), (1, -40, -3), (0, 6, 2), (3, -6, 12), (-3, -6, 12), (0, 21, -3), (8, 12, -2),
    (-8, 12, -2), (0, 9, 5), (11, 3, -1), (-11, 3, -1), (26, -1, -2), (-26, -1, -2), (25, 1, 0),
    (-25, 1, 0), (8, -1, -1), (-8, -1, -1),
], np.float64)  # fmt: skip


def smpl_joints(poses: Floats, path: Floats) -> Floats:
    """Joints of poses.

    Args:
        poses: (frames, 24, 3), each joint's turn from its parent as axis times angle in radians.
        path: (frames, 3), where the body is, in cm.

    Returns:
        (frames, 24, 3) in cm, y up, right-handed.
    """
    places = np.empty(poses.shape)
    turned: list[Rotation] = []
    for joint, parent in enumerate(PARENTS):
        turn = Rotation.from_rotvec(poses[:, joint])
        if parent < 0:
            places[:, joint] = path
            turned.append(turn)
        else:
            places[:, joint] = places[:, parent] + turned[parent].apply(OFFSETS[joint])
            turned.append(turned[parent] * turn)
    return places
