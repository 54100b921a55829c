"""Gradient boosting, as among the baselines, on facing statistics."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from motionmusic.features.facing import facing_statistics
from motionmusic.features.skeletons import Layout
from motionmusic.scoring.baselines import boosting_logits
from motionmusic.scoring.entries.task import Segments


def fit_predict(
    train: Segments, validation: Segments, test: Segments, classes: int, layout: Layout, seed: int
) -> NDArray[np.float32]:
    """Logits of the test segments; validation and music are not used."""
    seen, tested = facing_statistics(train.joints), facing_statistics(test.joints)
    return boosting_logits(seen, train.labels, tested, classes, seed)
