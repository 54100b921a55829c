"""The genre model that comes with the package: ten genres of a dance, and whether it knows its like.

A logistic regression on statistics of windows (``genre_features``). A dance's probabilities come
from the mean of its windows' log-probabilities, made milder by one temperature. How far a dance is
from all that was trained on is a Mahalanobis distance, judged by the distances of dances held out.
Turning counts for the genre and not for the distance: fast turns were lost in AIST++ retargeted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motionmusic.data.arrays import archive
from motionmusic.errors import UserError
from motionmusic.files import Floats, read_named_arrays, write_bytes
from motionmusic.scoring.genre_features import TURNS, Seen

# inverse, of the regression's penalty; chosen on new dancers within the training parts
STRENGTH = 0.01
# of the covariance towards a ball; chosen so that ballroom is refused and genuine AIST++ is not
SHRINKAGE = 0.7
REFUSED = 0.04  # of undamaged dances that were held out: what is further away is unlike
REPEATS = 0.95  # no dance of 190 repeats itself so exactly, a walk does


@dataclass(frozen=True)
class GenreModel:
    """Everything that is stored, arrays alone.

    Attributes:
        genres: (k,) names.
        weights, bias: (f, k), (k,) of the regression.
        temperature: what a dance's logits are divided by.
        centre, whitening: (g,), (g, g) of the distance; g is f without what tells of turning.
        distances: (n,) of undamaged dances that were held out.
    """

    genres: NDArray[np.str_]
    weights: Floats
    bias: Floats
    temperature: Floats
    centre: Floats
    whitening: Floats
    distances: Floats

    def logits(self, windows: Floats) -> Floats:
        """(k,) of a dance by its windows (n, f)."""
        each = softmax(windows @ self.weights + self.bias)
        return np.asarray(np.log(each + 1e-12).mean(axis=0))

    def probabilities(self, windows: Floats) -> Floats:
        """(k,) of a dance, summing to 1."""
        return softmax(self.logits(windows) / self.temperature)

    def distance(self, windows: Floats) -> float:
        """How far a dance is from the training's windows: the mean of its windows' logarithms."""
        away = (windows[:, :-TURNS] - self.centre) @ self.whitening
        return float(np.log(np.linalg.norm(away, axis=1)).mean())

    def likeness(self, seen: Seen) -> float:
        """The share of held-out dances that were at least as far, 0…1; 0 of what only repeats itself."""
        if seen.repeats > REPEATS:
            return 0.0
        return float((self.distances >= self.distance(seen.windows)).mean())

    def save(self, file: Path) -> None:
        """Write it as .npz of plain arrays; equal models give equal bytes."""
        arrays: dict[str, NDArray[Any]] = {name: getattr(self, name) for name in _NAMES}
        small = {k: v.astype(np.float32) if v.dtype.kind == "f" else v for k, v in arrays.items()}
        write_bytes(file, archive(small))

    @staticmethod
    def read(file: Path) -> GenreModel:
        """What :meth:`save` wrote. Raises UserError where it is missing or broken."""
        remedy = "install the package again, or run `dvc repro` of the stage genre_model"
        arrays = read_named_arrays(file, _NAMES, "a whole genre model", remedy)
        try:
            _check(arrays)
        except ValueError as error:
            raise UserError(file, "", "a whole genre model", f"{error}", remedy) from None
        genres = arrays.pop("genres")
        return GenreModel(genres, **{name: of.astype(np.float64) for name, of in arrays.items()})


_NAMES = tuple(field.name for field in fields(GenreModel))


def _check(arrays: Mapping[str, NDArray[Any]]) -> None:
    """Raise ValueError where arrays do not fit each other."""
    f, k = len(arrays["weights"]), arrays["genres"].size
    shapes: dict[str, tuple[int, ...]] = {
        "genres": (k,), "weights": (f, k), "bias": (k,), "temperature": (), "centre": (f - TURNS,),
        "whitening": (f - TURNS, f - TURNS), "distances": arrays["distances"].shape[:1],
    }  # fmt: skip
    for name, value in arrays.items():
        kind = "U" if name == "genres" else "f"
        if value.shape != shapes[name] or value.dtype.kind != kind or not value.size:
            raise ValueError(f"{name} is {value.dtype} of shape {value.shape}")
        if kind == "f" and not np.isfinite(value).all():
            raise ValueError(f"{name} has values that are no numbers")


def softmax(logits: Floats) -> Floats:
    """Probabilities along the last axis."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def fit(
    windows: Floats, labels: NDArray[np.int64], clean: NDArray[np.bool_], genres: Sequence[str]
) -> GenreModel:
    """The model of windows (n, f), not yet calibrated: temperature 1, no distances.

    Every genre counts the same, whatever the number of its windows; one without any is never
    likely. Distances are learned from ``clean`` windows (n,) alone.
    """
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    mean, scale = windows.mean(axis=0), windows.std(axis=0) + 1e-9
    with threadpool_limits(limits=1):
        model = LogisticRegression(C=STRENGTH, max_iter=1000, class_weight="balanced")
        model.fit((windows - mean) / scale, labels)
        centre, whitening = _shape_of(windows[clean, :-TURNS])
    weights, bias = np.zeros((len(mean), len(genres))), np.full(len(genres), -1e3)
    weights[:, model.classes_] = model.coef_.T / scale[:, None]
    bias[model.classes_] = model.intercept_
    bias -= mean @ weights
    return GenreModel(np.array(genres), weights, bias, np.ones(()), centre, whitening, np.zeros(0))


def _shape_of(windows: Floats) -> tuple[Floats, Floats]:
    """Centre and whitening of windows (n, g), each column scaled, the covariance shrunk."""
    mean, scale = windows.mean(axis=0), windows.std(axis=0) + 1e-9
    scaled = (windows - mean) / scale
    covariance = (1 - SHRINKAGE) * scaled.T @ scaled / len(scaled) + SHRINKAGE * np.eye(len(mean))
    values, vectors = np.linalg.eigh(covariance)
    return mean, vectors / np.sqrt(values) / scale[:, None]


def temperature_of(logits: Floats, labels: NDArray[np.int64]) -> float:
    """The temperature under which labels are likeliest, of logits (n, k) of dances not trained on."""
    tried = np.exp(np.linspace(np.log(0.2), np.log(5.0), 161))
    rows = np.arange(len(labels))
    losses = [-np.log(softmax(logits / t)[rows, labels] + 1e-12).mean() for t in tried]
    return float(tried[int(np.argmin(losses))])
