"""What no network should lose to: plain classifiers on statistics of the movement."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

BASELINES = (
    "majority",
    "nearest_centroid",
    "logistic_regression",
    "random_forest",
    "gradient_boosting",
)
# No probability is taken as smaller, so that every logit is finite.
_SMALLEST = 1e-6
# The nearest centroid's logit of a class that was never seen: further than any squared distance.
_NEVER = -1e9


def kinematic_statistics(joints: NDArray[Any]) -> NDArray[np.float64]:
    """Statistics over time of each segment's movement, (n, 10 v) float64.

    ``joints`` (n, 3, t, v) are positions, t at least 3, in any unit; speeds are per frame. In this order:
    mean of each coordinate (3 v, coordinate by coordinate), its standard deviation (3 v), mean and
    standard deviation of each joint's speed (v, v), of its acceleration's magnitude (v, v).
    """
    # Block by block: in float64 the large data sets' segments and their differences fill gigabytes.
    blocks = np.array_split(joints, max(1, len(joints) // 2048))
    return np.concatenate([_statistics(block.astype(np.float64)) for block in blocks])


def _statistics(joints: NDArray[np.float64]) -> NDArray[np.float64]:
    velocity = np.diff(joints, axis=2)
    speed = np.linalg.norm(velocity, axis=1)
    acceleration = np.linalg.norm(np.diff(velocity, axis=2), axis=1)
    positions = joints.transpose(0, 2, 1, 3).reshape(len(joints), joints.shape[2], -1)
    parts = [
        part
        for series in (positions, speed, acceleration)
        for part in (series.mean(1), series.std(1))
    ]
    return np.concatenate(parts, axis=1)


def fit_predict(
    name: str,
    train_joints: NDArray[Any],
    train_labels: ArrayLike,
    test_joints: NDArray[Any],
    classes: int,
    seed: int,
    *,
    trees: int = 200,
    logistic_c: float = 0.1,
) -> NDArray[np.float32]:
    """Fit one of :data:`BASELINES` and give the logits of the test segments, (n, classes) float32.

    Logits are log-probabilities, no less than log 1e-6; of the nearest centroid, negative squared
    distances. A class that train does not have is never the largest. The same arguments give the
    same logits.

    Joints are (m, 3, t, v) and (n, 3, t, v), labels (m,) in 0 … classes - 1. ``seed`` is of the
    forest, which has so many ``trees``, and of the boosting; ``logistic_c`` is the inverse strength of
    the logistic regression's penalty. All of it runs on one core: these fits are small, and threads
    that wait for each other on a busy machine took the boosting minutes instead of seconds.
    """
    labels = np.asarray(train_labels, dtype=np.int64)
    if name == "majority":
        share = np.bincount(labels, minlength=classes) / len(labels)
        return _log(np.tile(share, (len(test_joints), 1)))
    train, test = kinematic_statistics(train_joints), kinematic_statistics(test_joints)
    with threadpool_limits(limits=1):
        if name == "nearest_centroid":
            v = train_joints.shape[3]
            speeds = slice(6 * v, 7 * v)  # the mean speeds
            return _nearest_centroid(train[:, speeds], labels, test[:, speeds], classes)
        models = {
            "logistic_regression": make_pipeline(
                StandardScaler(), LogisticRegression(C=logistic_c, max_iter=2000)
            ),
            "random_forest": RandomForestClassifier(trees, random_state=seed),
            "gradient_boosting": HistGradientBoostingClassifier(random_state=seed),
        }
        return log_probabilities(models[name], train, labels, test, classes)


def log_probabilities(
    model: Any, train: NDArray[Any], labels: NDArray[np.int64], test: NDArray[Any], classes: int
) -> NDArray[np.float32]:
    """Fit a scikit-learn classifier and give log-probabilities, (n, classes), no less than log 1e-6.

    Features are (m, f) and (n, f), labels (m,) in 0 … classes - 1; a class that is missing is never
    the largest.
    """
    seen = np.unique(labels)
    probabilities = np.zeros((len(test), classes))
    # With a single class there is nothing to learn, and some classifiers refuse it.
    probabilities[:, seen] = 1 if len(seen) == 1 else model.fit(train, labels).predict_proba(test)
    return _log(probabilities)


def boosting_logits(
    train: NDArray[Any], labels: NDArray[np.int64], test: NDArray[Any], classes: int, seed: int
) -> NDArray[np.float32]:
    """Gradient boosting on any features, on one core; arguments as :func:`log_probabilities`."""
    with threadpool_limits(limits=1):
        model = HistGradientBoostingClassifier(random_state=seed)
        return log_probabilities(model, train, labels, test, classes)


def _nearest_centroid(
    train: NDArray[np.float64], labels: NDArray[np.int64], test: NDArray[np.float64], classes: int
) -> NDArray[np.float32]:
    scaler = StandardScaler().fit(train)
    train, test = scaler.transform(train), scaler.transform(test)
    logits = np.full((len(test), classes), _NEVER)
    for label in np.unique(labels):
        logits[:, label] = -((test - train[labels == label].mean(axis=0)) ** 2).sum(axis=1)
    return logits.astype(np.float32)


def _log(probabilities: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.log(np.clip(probabilities, _SMALLEST, 1)).astype(np.float32)
