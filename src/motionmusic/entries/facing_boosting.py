"""Gradient boosting, as among the baselines, on facing statistics."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from motionmusic.baselines import log_probabilities
from motionmusic.entries.task import Segments
from motionmusic.features.facing import facing_statistics
from motionmusic.skeletons import Layout


def fit_predict(
    train: Segments, validation: Segments, test: Segments, classes: int, layout: Layout, seed: int
) -> NDArray[np.float32]:
    """Logits of the test segments; validation and music are not used."""
    seen, tested = facing_statistics(train.joints), facing_statistics(test.joints)
    model = HistGradientBoostingClassifier(random_state=seed)
    with threadpool_limits(limits=1):
        return log_probabilities(model, seen, train.labels, tested, classes)
