"""What held bones cost: the guard that damaged AIST++ retargeted, put on dances that are whole.

A bone keeps its direction as long as it would turn by more than 0.25 rad in a step of 1/30 s, and
takes the true one again when that comes near. Lengths stay. Classifiers then see the same segments
whole and damaged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from motionmusic.data.own import motion_segments
from motionmusic.features.motion import Floats, normalise_joints, rows_at
from motionmusic.features.segments import SEGMENT_FRAMES
from motionmusic.scoring.baselines import fit_predict
from motionmusic.scoring.intervals import mean_interval

LIMIT = 0.25  # rad a step
STEP_HZ, RATE_HZ = 30.0, 25.0
MODELS = ("logistic_regression", "random_forest")
# what was learned from and what is asked
CONDITIONS = {
    "whole": ("whole", "whole"),
    "damaged": ("damaged", "damaged"),
    "learned whole, asked damaged": ("whole", "damaged"),
}


def guarded(joints: Floats, parents: Sequence[int]) -> tuple[Floats, NDArray[np.bool_]]:
    """Dances (frames, v, 3) at 30 a second with their bones held, and where (frames, v).

    A joint's bone is that from its parent; the root, its own parent, is never held.
    """
    bones = joints - joints[:, list(parents)]
    lengths = np.linalg.norm(bones, axis=2)
    directions = bones / np.maximum(lengths, 1e-9)[..., None]
    shown, held = directions.copy(), np.zeros(lengths.shape, bool)
    for frame in range(1, len(joints)):
        cosine = (shown[frame - 1] * directions[frame]).sum(axis=1).clip(-1, 1)
        held[frame] = (np.arccos(cosine) > LIMIT) & (lengths[frame] > 1e-9)
        shown[frame, held[frame]] = shown[frame - 1, held[frame]]
    placed = joints.copy()
    for joint in _outwards(parents):
        placed[:, joint] = placed[:, parents[joint]] + shown[:, joint] * lengths[:, joint, None]
    return placed, held


def _outwards(parents: Sequence[int]) -> list[int]:
    """Joints but the root, each after its parent."""

    def depth(joint: int) -> int:
        return 0 if parents[joint] == joint else 1 + depth(parents[joint])

    return sorted((joint for joint, of in enumerate(parents) if of != joint), key=depth)


def damaged(joints: Floats, parents: Sequence[int]) -> tuple[Floats, NDArray[np.bool_]]:
    """A dance at 25 frames a second, (frames, v, 3), guarded at 30, and where bones are held."""
    count = int((len(joints) - 1) * STEP_HZ / RATE_HZ) + 1
    shown, held = guarded(rows_at(joints, np.arange(count) * RATE_HZ / STEP_HZ), parents)
    back = np.minimum(np.arange(len(joints)) * STEP_HZ / RATE_HZ, count - 1)
    return rows_at(shown, back), held[np.round(back).astype(int)]


def cost(
    dances: Mapping[str, Floats],
    labels: Mapping[str, int],
    parents: Sequence[int],
    folds: Sequence[tuple[Sequence[str], Sequence[str]]],
    every: int,
    seed: int,
    resamples: int,
) -> dict[str, Any]:
    """Accuracy of segments whole and damaged, new pieces.

    Args:
        dances: by piece (frames, v, 3) relative to the body's centre, at 25 a second.
        labels: of each.
        parents: of the joints.
        folds: (learned from, tested).
        every: of the segments of a dance one of so many.
        seed, resamples: of the forest and of the bootstrap over pieces.

    Returns:
        held: by type the share of frames in which any bone is; models: name → condition → Interval
        as JSON, cost (damaged − whole, paired) and cost_unprepared; only_held (what a forest knows
        of the type from which bones are held); n.
    """
    cut: dict[str, list[NDArray[Any]]] = {"whole": [], "damaged": [], "held": []}
    pieces: list[str] = []
    by_type: dict[int, list[float]] = {}
    for piece, joints in dances.items():
        shown, held = damaged(joints, parents)
        by_type.setdefault(labels[piece], []).append(float(held.any(axis=1).mean()))
        for kind, motion in (("whole", joints), ("damaged", shown)):
            scaled = normalise_joints(motion, None, centering="none", scale="per_piece")
            cut[kind].append(motion_segments(scaled, SEGMENT_FRAMES)[::every])
        flags = np.repeat(held[..., None], 3, axis=2).astype(np.float32)
        of = motion_segments(flags, SEGMENT_FRAMES)[::every]
        cut["held"].append(of)
        pieces += [piece] * len(of)
    arrays = {kind: np.concatenate(parts) for kind, parts in cut.items()}
    who = pd.Series(pieces)
    truth, classes = who.map(labels).to_numpy(np.int64), len(set(labels.values()))

    def right(model: str, seen: str, asked: str) -> Floats:
        hits = np.zeros(len(who))
        for learned, tested in folds:
            train, test = (who.isin(of).to_numpy() for of in (learned, tested))
            logits = fit_predict(
                model, arrays[seen][train], truth[train], arrays[asked][test], classes, seed
            )
            hits[test] = logits.argmax(axis=1) == truth[test]
        return hits

    def interval(values: Floats) -> dict[str, float]:
        return mean_interval(values, who, seed, resamples).json()

    models = {}
    for model in MODELS:
        hits = {name: right(model, *pair) for name, pair in CONDITIONS.items()}
        whole = hits["whole"]
        models[model] = {name: interval(values) for name, values in hits.items()} | {
            "cost": interval(hits["damaged"] - whole),
            "cost_unprepared": interval(hits["learned whole, asked damaged"] - whole),
        }
    return {
        "held": {label: float(np.mean(shares)) for label, shares in sorted(by_type.items())},
        "models": models,
        "only_held": interval(right("random_forest", "held", "held")),
        "n": len(who),
        "pieces": int(who.nunique()),
    }
