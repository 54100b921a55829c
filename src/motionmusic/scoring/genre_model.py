"""The genre model that comes with the package: ten genres of a dance, and whether it knows its like.

A logistic regression on statistics of windows (scoring/genre_features.py); a dance's probabilities
come from the mean of its windows' log-probabilities, made milder by one temperature. How far a dance
is from all that it was trained on is a Mahalanobis distance, judged by the distances of dances that
were held out.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motionmusic.errors import UserError
from motionmusic.files import must_be_file

Floats = NDArray[np.float64]

STRENGTH = 0.03  # of the regression's penalty, inverse
SHRINKAGE = 0.3  # of the covariance towards a ball
REFUSED = 0.05  # of the dances that were held out: as unlike as these is unlike


@dataclass(frozen=True)
class GenreModel:
    """Everything that is stored, arrays alone.

    Attributes:
        genres: (k,) names.
        mean, scale: (f,) of the statistics of windows.
        weights, bias: (f, k), (k,) of the regression.
        temperature: what a dance's logits are divided by.
        whitening: (f, f): the distance is the length of what it makes of scaled statistics.
        distances: (n,) of held-out dances, sorted.
    """

    genres: NDArray[np.str_]
    mean: Floats
    scale: Floats
    weights: Floats
    bias: Floats
    temperature: Floats
    whitening: Floats
    distances: Floats

    def logits(self, statistics: Floats) -> Floats:
        """(k,) of a dance by its windows (n, f)."""
        scores = (statistics - self.mean) / self.scale @ self.weights + self.bias
        return np.asarray(np.log(softmax(scores) + 1e-12).mean(axis=0))

    def probabilities(self, statistics: Floats) -> Floats:
        """(k,) of a dance, summing to 1."""
        return softmax(self.logits(statistics) / self.temperature)

    def distance(self, statistics: Floats) -> float:
        """How far a dance is from the training's windows: the mean of its windows' logarithms."""
        away = (statistics - self.mean) / self.scale @ self.whitening
        return float(np.log(np.linalg.norm(away, axis=1)).mean())

    def likeness(self, statistics: Floats) -> float:
        """The share of held-out dances that were at least as far, 0…1."""
        return float((self.distances >= self.distance(statistics)).mean())

    def save(self, file: Path) -> None:
        """Write it as .npz of plain arrays; equal models give equal bytes."""
        arrays: dict[str, Any] = {name: getattr(self, name) for name in _NAMES}
        stored = {k: v.astype(np.float32) if v.dtype.kind == "f" else v for k, v in arrays.items()}
        file.parent.mkdir(parents=True, exist_ok=True)
        np.savez(file, **stored)

    @staticmethod
    def read(file: Path) -> GenreModel:
        """What :meth:`save` wrote. Raises UserError where it is missing or broken."""
        remedy = "install the package again, or run `dvc repro` of the stage genre_model"
        must_be_file(file, "a genre model", remedy)
        try:
            with np.load(file, allow_pickle=False) as found:
                arrays = {name: found[name] for name in _NAMES}
            _check(arrays)
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise UserError(file, "", "a whole genre model", f"{error}", remedy) from None
        return GenreModel(**{
            name: value if name == "genres" else value.astype(np.float64)
            for name, value in arrays.items()
        })  # fmt: skip


_NAMES = tuple(field.name for field in fields(GenreModel))


def _check(arrays: Mapping[str, NDArray[Any]]) -> None:
    """Raise ValueError where arrays do not fit each other."""
    f, k = len(arrays["mean"]), len(arrays["genres"])
    shapes: dict[str, tuple[int, ...]] = {
        "genres": (k,), "mean": (f,), "scale": (f,), "weights": (f, k), "bias": (k,),
        "temperature": (), "whitening": (f, f), "distances": arrays["distances"].shape[:1],
    }  # fmt: skip
    for name, shape in shapes.items():
        kind = "U" if name == "genres" else "f"
        value = arrays[name]
        if value.shape != shape or value.dtype.kind != kind or not value.size:
            raise ValueError(f"{name} is {value.dtype} of shape {value.shape}, not of {shape}")
        if kind == "f" and not np.isfinite(value).all():
            raise ValueError(f"{name} has values that are no numbers")


def softmax(logits: Floats) -> Floats:
    """Probabilities along the last axis."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def fit(dances: Sequence[Floats], labels: NDArray[np.int64], genres: Sequence[str]) -> GenreModel:
    """The model of dances by their windows (n, f), mirror images among them, not yet calibrated.

    Every genre counts the same, whatever the number of its dances; one without any is never
    likely. ``temperature`` is 1, ``distances`` are none.
    """
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    windows = np.concatenate(dances)
    of = np.repeat(labels, [len(dance) for dance in dances])
    mean, scale = windows.mean(axis=0), windows.std(axis=0) + 1e-9
    scaled = (windows - mean) / scale
    with threadpool_limits(limits=1):
        model = LogisticRegression(C=STRENGTH, max_iter=1000, class_weight="balanced")
        model.fit(scaled, of)
        covariance = scaled.T @ scaled / len(scaled)
        ball = np.eye(len(covariance)) * np.trace(covariance) / len(covariance)
        values, vectors = np.linalg.eigh((1 - SHRINKAGE) * covariance + SHRINKAGE * ball)
    weights, bias = np.zeros((len(mean), len(genres))), np.full(len(genres), -1e3)
    weights[:, model.classes_], bias[model.classes_] = model.coef_.T, model.intercept_
    whitening = vectors / np.sqrt(values)
    empty = np.zeros(0)
    return GenreModel(np.array(genres), mean, scale, weights, bias, np.array(1.0), whitening, empty)


def temperature_of(logits: Floats, labels: NDArray[np.int64]) -> float:
    """The temperature under which labels are likeliest, of logits (n, k) of dances not trained on."""
    tried = np.exp(np.linspace(np.log(0.2), np.log(5.0), 161))
    rows = np.arange(len(labels))
    losses = [-np.log(softmax(logits / t)[rows, labels] + 1e-12).mean() for t in tried]
    return float(tried[int(np.argmin(losses))])
