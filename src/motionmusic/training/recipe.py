"""How a training is kept from learning its segments by heart: nothing in the paper, much in quick."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi


@dataclass(frozen=True)
class Recipe:
    """What is done beside the optimiser's steps; with 0 a part of it does nothing."""

    weight_decay: float = 0.0  # decoupled from Adam, of weights with two or more axes
    smoothing: float = 0.0  # share of the label that is spread over all classes
    shift: float = 0.0  # frames that a segment's middle moves at most, into training neighbours
    tempo: float = 0.0  # share by which motion and music are faster or slower at most
    mirror: float = 0.0  # probability of a mirror image, left and right exchanged
    turn: float = 0.0  # radians about the vertical at most
    noise: float = 0.0  # standard deviation of every coordinate of every joint

    @property
    def augments(self) -> bool:
        """Whether segments are changed at all."""
        return any((self.shift, self.tempo, self.mirror, self.turn, self.noise))


PAPER = Recipe()
QUICK = Recipe(
    weight_decay=0.05, smoothing=0.1, shift=12.5, tempo=0.1, mirror=0.5, turn=pi, noise=0.005
)
RECIPES = {"paper": PAPER, "quick": QUICK}
