"""From scores to recommended tracks: the start, the best, the paper's draw.

Ties and exclusion, everywhere: of equal scores the earlier track, or the earlier start, wins;
excluded tracks are left out before anything is counted or drawn.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motionmusic.errors import UserError

Floats = NDArray[np.floating[Any]]


def best_start(scores: Floats) -> int:
    """The window of a track from which its music should start.

    Of the starts at which as many of the dance's windows as possible fit into the track, the one
    with the highest mean of scores[i, start + i]; so the music does not end before the dance where
    it need not.

    Args:
        scores: (q, w), windows of the dance against those of the track, both in time order.

    Raises:
        ValueError: no window.
    """
    if scores.ndim != 2 or scores.size == 0:
        raise ValueError(f"expected scores (q, w) of at least one window, got {scores.shape}")
    q, w = scores.shape
    starts = range(max(1, w - q + 1))
    fitting = np.arange(min(q, w))
    means = [scores[fitting, start + fitting].mean(dtype=np.float64) for start in starts]
    return int(np.argmax(means))


def top_tracks(scores: Floats, top: int, exclude: Collection[int] = ()) -> list[int]:
    """The numbers of the ``top`` tracks of highest score, the best first; fewer where there are fewer."""
    order = np.argsort(-scores, kind="stable")
    return [int(track) for track in order if int(track) not in exclude][:top]


def draw(
    category_of_tracks: Sequence[str | None],
    predicted: str,
    top: int,
    rng: np.random.Generator,
    exclude: Collection[int] = (),
) -> list[int]:
    """The paper's recommendation: ``top`` distinct tracks of the predicted category (spec section 6).

    Every track of the category is equally likely; nothing but the category is looked at. The
    authors' draw has no seed, and the dance's own music may come up in it unless it is excluded.

    Raises:
        UserError: no track is labelled, or the category has fewer than ``top``.
    """
    remedy = "put tracks into folders named after the classes (such as Waltz), or choose another --method"
    if not any(category_of_tracks):
        raise UserError(
            "catalogue", "", "tracks of a known category", "none that is labelled", remedy
        )
    candidates = [
        number
        for number, category in enumerate(category_of_tracks)
        if category == predicted and number not in exclude
    ]
    if len(candidates) < top:
        raise UserError(
            "catalogue", predicted, f"at least {top} tracks of this category to draw from",
            f"{len(candidates)}", f"ask for fewer with --top, {remedy}",
        )  # fmt: skip
    return [int(number) for number in rng.choice(candidates, top, replace=False)]
