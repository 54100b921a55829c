"""How a training is kept from learning its segments by heart: nothing in the paper, much in quick."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi


@dataclass(frozen=True)
class Recipe:
    """What is done beside the optimiser's steps; with 0 a part of it does nothing.

    Attributes:
        weight_decay: decoupled from Adam, of weights with two or more axes.
        smoothing: share of the label that is spread over all classes.
        shift: frames that a segment's middle moves at most, into neighbours that train as well.
        tempo: share by which a segment is played faster or slower at most, its music likewise.
        mirror: probability of a mirror image, left and right exchanged.
        turn: radians that a dance is turned about the vertical at most.
        noise: standard deviation of every joint's every coordinate, in the array's unit.
    """

    weight_decay: float = 0.0
    smoothing: float = 0.0
    shift: float = 0.0
    tempo: float = 0.0
    mirror: float = 0.0
    turn: float = 0.0
    noise: float = 0.0

    @property
    def augments(self) -> bool:
        """Whether segments are changed at all."""
        return any((self.shift, self.tempo, self.mirror, self.turn, self.noise))


PAPER = Recipe()
QUICK = Recipe(
    weight_decay=0.05, smoothing=0.1, shift=12.5, tempo=0.1, mirror=0.5, turn=pi,
    noise=0.005,
)  # fmt: skip
RECIPES = {"paper": PAPER, "quick": QUICK}
