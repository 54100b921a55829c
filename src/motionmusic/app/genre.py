"""The genre of a dance, by the model that comes with the package, or that it knows nothing like it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import NamedTuple

from motionmusic.data.own import OwnDance
from motionmusic.scoring.genre_features import seen
from motionmusic.scoring.genre_model import REFUSED, GenreModel

MODEL = Path(__file__).parents[1] / "pretrained" / "genre_model.npz"
UNLIKE = "unlike the dances this model knows"
SHORTEST_S = 3.0  # of a dance: two windows


class Guess(NamedTuple):
    """What the model says of a dance.

    Attributes:
        probabilities: of each genre, summing to 1; they mean something only where it is ``known``.
        known: whether the dance is like those that the model was trained on.
        likeness: the share of held-out dances of its own kind that were no more like them, 0…1.
        text: one line for people.
    """

    probabilities: dict[str, float]
    known: bool
    likeness: float
    text: str


@cache
def model() -> GenreModel:
    """The model that comes with the package. Raises UserError where its file is broken."""
    return GenreModel.read(MODEL)


def guess(dance: OwnDance) -> Guess:
    """The genre of a dance in any layout, at any rate, of any body. Raises UserError as :func:`model`."""
    genres = [str(name) for name in model().genres]
    if dance.seconds < SHORTEST_S:
        text = f"Genre: too short to tell, {dance.seconds:.1f} s; it takes {SHORTEST_S:g} s"
        return Guess(dict.fromkeys(genres, 1 / len(genres)), False, 0.0, text)
    of = seen(dance)
    found = dict(zip(genres, map(float, model().probabilities(of.windows)), strict=True))
    likeness = model().likeness(of)
    if likeness < REFUSED:
        return Guess(found, False, likeness, f"Genre: {UNLIKE} ({len(genres)} street genres)")
    first, second = sorted(found, key=lambda name: -found[name])[:2]
    shares = f"{first} {100 * found[first]:.0f} %, {second} {100 * found[second]:.0f} %"
    return Guess(found, True, likeness, f"Genre: {shares}, of {len(genres)} street genres")
