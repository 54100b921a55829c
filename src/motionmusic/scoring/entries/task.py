"""What an entry of the leaderboard is given.

An entry is a module of this package with one function::

    def fit_predict(
        train: Segments, validation: Segments, test: Segments, classes: int, layout: Layout, seed: int
    ) -> NDArray[np.float32]:  # logits (n of test, classes)

The same arguments must give the same logits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Segments:
    """n segments of 25 frames.

    Attributes:
        joints: (n, 3, 25, v) float32, x, y (up), z; scaled as params.yaml says (joints.*).
        music: (n, 1, 96, 25) float32, scaled log-mel.
        labels: (n,) int64; −1 where they are not to be known.
        pieces: (n,) names of the pieces, so that a model can validate by piece.
    """

    joints: NDArray[np.float32]
    music: NDArray[np.float32]
    labels: NDArray[np.int64]
    pieces: NDArray[Any]
