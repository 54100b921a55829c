"""What is behind the cells of a confusion matrix: excerpts, and their motion to be looked at."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from motionmusic.errors import UserError
from motionmusic.scoring.accuracy import predicted

LEVELS = 255  # of a coordinate of the motion that is shown


def tested(predictions: pd.DataFrame) -> pd.DataFrame:
    """The excerpts of a cell's predictions: piece, excerpt, label, segments (how many); sorted."""
    grouped = predictions.groupby(["piece", "excerpt"], as_index=False)
    frame = grouped.agg(label=("label", "first"), segments=("segment", "size"))
    return frame.sort_values(["piece", "excerpt"], ignore_index=True)


def behind(
    cells: Mapping[str, Sequence[pd.DataFrame]], excerpts: pd.DataFrame
) -> dict[str, list[list[int]]]:
    """Cell → [[excerpt, its row in ``excerpts``; predicted class; segments, summed over seeds], …]."""
    place = {
        key: i for i, key in enumerate(zip(excerpts["piece"], excerpts["excerpt"], strict=True))
    }
    result = {}
    for cell, seeds in cells.items():
        rows = pd.concat([f[["piece", "excerpt"]].assign(said=predicted(f)) for f in seeds])
        counts = rows.value_counts(["piece", "excerpt", "said"], sort=False).reset_index()
        result[cell] = [
            [place[row["piece"], row["excerpt"]], int(row["said"]), int(row["count"])]
            for row in counts.to_dict("records")
        ]
    return result


def check(
    found: Mapping[str, list[list[int]]], excerpts: pd.DataFrame, evaluation: Mapping[str, Any]
) -> None:
    """Raises UserError where the evaluation counted other predictions than these."""
    labels = excerpts["label"].to_numpy()
    for cell, rows in found.items():
        expected = np.array(evaluation["cells"][cell]["confusion"])
        counts = np.zeros_like(expected)
        for excerpt, said, count in rows:
            counts[labels[excerpt], said] += count
        if not np.array_equal(counts, expected):
            raise UserError(
                "evaluation.json", f"{cell}, confusion", "the counts of the predictions",
                f"{int(np.abs(counts - expected).sum())} others",
                "run `dvc repro` for the stage evaluate: one of the two is older",
            )  # fmt: skip


def drawn_motion(joints: NDArray[np.float64], start: int, frames: int, step: int) -> str:
    """An excerpt's motion along x and y: every ``step``-th frame, without its path along x.

    Args:
        joints: (frames of the piece, v, 3) in any unit, y upwards.
        start: its first frame.
        frames: how many.
        step: 1 shows all.

    Returns:
        Base64 of bytes (frames / step, rounded up; v; 2): x to the right, y downwards, 0 to 255 in
        one scale.
    """
    points = joints[start : start + frames : step, :, :2].copy()
    points[..., 0] -= points[..., 0].mean(axis=1, keepdims=True)  # else a path makes it small
    points[..., 1] *= -1
    low, high = points.min(axis=(0, 1)), points.max(axis=(0, 1))
    size = max(float((high - low).max()), 1e-9)
    offset = (size - (high - low)) / 2  # the shorter side is in the middle
    scaled: NDArray[np.uint8] = np.round((points - low + offset) / size * LEVELS).astype(np.uint8)
    return base64.b64encode(scaled.tobytes()).decode("ascii")
