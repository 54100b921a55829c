"""Joints, bones and merged features of a whole piece (paper section 3.1; docs/method.md)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from motionmusic.features.skeletons import LAYOUTS, LayoutName
from motionmusic.files import Float32
from motionmusic.params import Center, Scale

Floats = NDArray[np.floating[Any]]


def normalise_joints(
    skeletons: Floats,
    center: Floats | None,
    *,
    centering: Center = "twice",
    scale: Scale = "per_coordinate_piece",
) -> Float32:
    """Centred and scaled joints of one piece.

    Args:
        skeletons: (frames, joints, 3), already relative to ``center`` as published.
        center: (frames, 3), the body's path; None where the source has none (AIST++).
        centering: ``twice`` subtracts the path once more, as the authors' code does (O29);
            ``once`` leaves the joints as published; ``none`` adds the path back.
        scale: ``per_coordinate_piece`` maps each of the joints·3 columns to 0…1 over the piece (O9);
            ``per_piece`` divides by the largest absolute value of the piece, so that lengths and
            angles are kept and 0 stays the body's centre.

    Returns (frames, joints, 3) float32; a constant column becomes 0.
    """
    joints = np.asarray(skeletons, np.float64)
    if center is not None and centering == "twice":
        joints = joints - np.asarray(center)[:, None, :]
    elif center is not None and centering == "none":
        joints = joints + np.asarray(center)[:, None, :]
    if scale == "per_coordinate_piece":
        return min_max(joints.reshape(len(joints), -1)).reshape(joints.shape)
    size = np.abs(joints).max()
    return np.asarray(joints / (size if size > 0 else 1.0), np.float32)


def min_max(columns: Floats) -> Float32:
    """Each column of (frames, columns) mapped to 0…1; a constant column becomes 0."""
    low = columns.min(axis=0)
    span = columns.max(axis=0) - low
    return np.asarray((columns - low) / np.where(span > 0, span, 1.0), np.float32)


def bones(joints: Floats, layout: LayoutName, paper: bool = True) -> Float32:
    """Limb vectors (frames, v, 3) float32 of scaled joints (frames, v, 3).

    ``paper``: the authors' slots, pair i at slot i, the rest stay joints (O8). Otherwise the bone
    from its parent at every joint and 0 at the root.
    """
    skeleton = LAYOUTS[layout]
    source = np.asarray(joints, np.float32)
    if not paper:
        return source - source[:, list(skeleton.parents)]
    out = source.copy()
    first, second = np.array(skeleton.paper_pairs).T
    out[:, : len(first)] = source[:, first] - source[:, second]
    return out


def merge(joints: Floats, limbs: Floats) -> Float32:
    """Early fusion: (frames, v, 3) twice → (frames, v, 6), joints first."""
    return np.concatenate([joints, limbs], axis=2).astype(np.float32)


def rows_at(values: Floats, places: Floats) -> Floats:
    """Rows at fractional places from 0 to the last row, interpolated linearly."""
    before = places.astype(int)
    after = np.minimum(before + 1, len(values) - 1)
    share = (places - before).reshape(-1, *[1] * (values.ndim - 1))
    return np.asarray(values[before] * (1 - share) + values[after] * share)
