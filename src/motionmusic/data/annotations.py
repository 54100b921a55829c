"""A task for others' networks: segments, labels and splits as pyskl reads them.

pyskl's annotation file (tools/data/README.md of kennymckormick/pyskl) is a pickle of a dictionary:
``split`` maps the name of a split to identifiers, ``annotations`` is a list with, for each sample,
``frame_dir`` (its identifier), ``total_frames``, ``label`` and ``keypoint`` (persons, frames, joints,
coordinates). Each fold has splits of its own: fold0_train, fold0_val, fold0_test and so on.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from motionmusic.files import Float32

_SPLITS = {"train": "train", "validation": "val", "test": "test"}


def for_pyskl(folds: Sequence[tuple[int, pd.DataFrame]], joints: Float32) -> dict[str, Any]:
    """pyskl's dictionary of a task; a segment that a fold drops is in none of its splits.

    Args:
        folds: (fold, piece, excerpt, segment, label, split of every segment), rows in the order of
            ``joints``.
        joints: (n, 3, frames, v), x, y (up), z, scaled as params.yaml says.
    """
    ids = folds[0][1]
    names = ids["piece"] + "/" + ids["excerpt"].astype(str) + "/" + ids["segment"].astype(str)
    split = {
        f"fold{fold}_{short}": names[(rows["split"] == name).to_numpy()].tolist()
        for fold, rows in folds
        for name, short in _SPLITS.items()
    }
    keypoints = joints.transpose(0, 2, 3, 1)[:, None]  # (n, 1 person, frames, v, 3)
    samples = [
        {
            "frame_dir": name,
            "total_frames": keypoints.shape[2],
            "label": int(label),
            "keypoint": one,
        }
        for name, label, one in zip(names, ids["label"], keypoints, strict=True)
    ]
    return {"split": split, "annotations": samples}


def pickled(found: dict[str, Any]) -> bytes:
    """The bytes of a file for pyskl, which any NumPy from 1.16 on reads."""
    buffer = io.BytesIO()
    pickler = pickle.Pickler(buffer, protocol=4)
    pickler.dispatch_table = {np.ndarray: _array}
    pickler.dump(found)
    return buffer.getvalue()


def _array(array: NDArray[Any]) -> tuple[type, tuple[Any, ...]]:
    """As numpy.ndarray itself: NumPy 2 would name modules that NumPy 1 lacks."""
    return np.ndarray, (array.shape, array.dtype.str, bytearray(array.tobytes()))
