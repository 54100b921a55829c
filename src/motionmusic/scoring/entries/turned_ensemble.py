"""Regression, trees and two kernel machines, most of them on bodies turned to one heading; the
dance decides.

Regression sees the baselines' statistics as they are; the others see those of the body turned so
that hips and shoulders lie along x, trees and one kernel machine with speeds by their logarithm. All
learn from mirror images as well, and their log-probabilities are summed. **A segment is told by its
dance**: its logits are the mean over the segments of the same piece that are asked about, whose
labels nobody knows. So per segment it has an advantage that no baseline has; per dance it has none.

Chosen among sums of up to four of eleven such parts on validation of new dancers and choreographies
of AIST++ retargeted, dealt three times (docs/ten_genres.md tells of an earlier choice).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import log_softmax
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from motionmusic.features.skeletons import Layout
from motionmusic.files import Floats
from motionmusic.scoring.baselines import kinematic_statistics
from motionmusic.scoring.entries.task import Segments

_STILL = 1e-3  # added to speeds before their logarithm
_SMALLEST = 1e-6  # of probabilities, and of a class that train does not have


def fit_predict(
    train: Segments, validation: Segments, test: Segments, classes: int, layout: Layout, seed: int
) -> NDArray[np.float32]:
    """Logits of the test segments; validation and music are not used."""
    total = np.zeros((len(test.joints), classes))
    seen = np.unique(train.labels)
    for statistics, model in _parts(layout, seed):
        known, asked = (
            [statistics(joints) for joints in (of.joints, _mirrored(of.joints, layout))]
            for of in (train, test)
        )
        scores = np.full(total.shape, np.log(_SMALLEST))
        if len(seen) == 1:
            scores[:, seen] = 0
        else:
            with threadpool_limits(limits=1):
                model.fit(np.concatenate(known), np.tile(train.labels, 2))
                scores[:, seen] = _scores(model, asked)
        total += scores
    dance = pd.DataFrame(total).groupby(test.pieces).transform("mean")
    return dance.to_numpy(np.float32)


def _parts(layout: Layout, seed: int) -> list[tuple[Callable[[NDArray[Any]], Floats], Any]]:
    def turned(joints: NDArray[Any]) -> Floats:
        return kinematic_statistics(_turned(joints, layout))

    def logarithms(joints: NDArray[Any]) -> Floats:
        values, v = turned(joints), joints.shape[3]
        return np.concatenate([values[:, : 3 * v], np.log(_STILL + values[:, 3 * v :])], axis=1)

    regression = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=400))
    trees = ExtraTreesClassifier(200, min_samples_leaf=2, max_features=0.1, random_state=seed)
    kernels = [make_pipeline(StandardScaler(), SVC(C=3)) for _ in range(2)]
    return [
        (kinematic_statistics, regression),
        (logarithms, trees),
        (turned, kernels[0]),
        (logarithms, kernels[1]),
    ]


def _scores(model: Any, asked: Sequence[Floats]) -> Floats:
    """Log-probabilities of the classes seen, of segments and their mirror images together."""
    if hasattr(model, "predict_proba"):
        both = np.mean([model.predict_proba(values) for values in asked], axis=0)
        return np.asarray(np.log(np.clip(both, _SMALLEST, 1)))
    decided = np.mean([model.decision_function(values) for values in asked], axis=0)
    if decided.ndim == 1:
        decided = np.stack([-decided, decided], axis=1)
    return np.asarray(log_softmax(decided, axis=1))


def _turned(joints: NDArray[Any], layout: Layout) -> NDArray[np.float32]:
    """Segments (n, 3, t, v) about the vertical: hips and shoulders, on average, along x."""
    shoulders = tuple(layout.joints.index(f"{side} shoulder") for side in ("left", "right"))
    across = sum(joints[..., left] - joints[..., right] for left, right in (shoulders, layout.hips))
    along = across.mean(axis=2)
    angle = np.arctan2(along[:, 2], along[:, 0])[:, None, None]
    x, y, z = (joints[:, axis] for axis in range(3))
    turned = (np.cos(angle) * x + np.sin(angle) * z, y, np.cos(angle) * z - np.sin(angle) * x)
    return np.stack(turned, axis=1).astype(np.float32)


def _mirrored(joints: NDArray[Any], layout: Layout) -> NDArray[np.float32]:
    order = np.arange(joints.shape[3])
    for left, right in layout.mirror_pairs:
        order[[left, right]] = right, left
    return np.asarray(joints[..., order] * np.array([-1, 1, 1])[:, None, None], np.float32)
