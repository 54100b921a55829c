"""Logistic regression, random trees and boosting on facing statistics, log-probabilities averaged.

Regression and trees also learn from the mirror images. Chosen among several dozen candidates on validation,
and not on it alone: an earlier choice had the distances of joints among its statistics, and failed
by capture session because they name the session (docs/benchmark.md).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from motionmusic.features.facing import facing_statistics, mirror
from motionmusic.features.skeletons import Layout
from motionmusic.scoring.baselines import boosting_logits, log_probabilities
from motionmusic.scoring.entries.task import Segments


def fit_predict(
    train: Segments, validation: Segments, test: Segments, classes: int, layout: Layout, seed: int
) -> NDArray[np.float32]:
    """Logits of the test segments; validation and music are not used."""
    seen, tested = facing_statistics(train.joints), facing_statistics(test.joints)
    both = np.concatenate([seen, facing_statistics(mirror(train.joints))])
    labels = np.tile(train.labels, 2)
    # held tighter than the baseline's: there are five times as many statistics
    regression = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000))
    trees = ExtraTreesClassifier(n_estimators=200, random_state=seed)
    with threadpool_limits(limits=1):
        parts = [
            log_probabilities(regression, both, labels, tested, classes),
            log_probabilities(trees, both, labels, tested, classes),
            boosting_logits(seen, train.labels, tested, classes, seed),
        ]
    return np.asarray(np.mean(parts, axis=0), np.float32)
