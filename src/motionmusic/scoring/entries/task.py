"""What an entry of the leaderboard is given.

An entry is a module of this package with one function::

    def fit_predict(
        train: Segments, validation: Segments, test: Segments, classes: int, layout: Layout, seed: int
    ) -> NDArray[np.float32]:  # logits (n of test, classes)

The same arguments must give the same logits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from motionmusic.errors import UserError


@dataclass(frozen=True)
class Segments:
    """n segments of 25 frames.

    Attributes:
        joints: (n, 3, 25, v) float32, x, y (up), z; scaled as params.yaml says (joints.*).
        music: (n, 1, 96, 25) float32, scaled log-mel.
        labels: (n,) int64; −1 where they are hidden.
        pieces: (n,) names of the pieces, so that a model can validate by piece.
    """

    joints: NDArray[np.float32]
    music: NDArray[np.float32]
    labels: NDArray[np.int64]
    pieces: NDArray[Any]


def segments_of(
    ids: pd.DataFrame,
    joints: NDArray[np.float32],
    music: NDArray[np.float32],
    *splits: str,
    hidden: bool,
) -> Segments:
    """The segments of some splits of a fold, whose ids (n rows) are in the order of the arrays."""
    rows = ids["split"].isin(splits).to_numpy()
    labels = np.where(hidden, -1, ids["label"].to_numpy(np.int64))
    return Segments(joints[rows], music[rows], labels[rows], ids["piece"].to_numpy(str)[rows])


def entry(name: str) -> Callable[..., NDArray[np.float32]]:
    """The ``fit_predict`` of an entry. Raises UserError where there is no such module."""
    modules = {path.stem for path in Path(__file__).parent.glob("*.py")} - {"__init__", "task"}
    if name not in modules:
        expected = f"modules of scoring/entries ({', '.join(sorted(modules))})"
        remedy = "correct the name, or write scoring/entries/NAME.py (docs/benchmark.md)"
        raise UserError("params.yaml", "benchmark.entries", expected, name, remedy)
    module: Any = import_module(f"motionmusic.scoring.entries.{name}")
    fit_predict: Callable[..., NDArray[np.float32]] = module.fit_predict
    return fit_predict
