"""Training curves as lines of a small drawing, which the page draws in its own colours."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from motionmusic.results.tables import NAMES

INPUTS = ("joints", "bones", "merged")
# column of the histories → (what it is, whether its axis is logarithmic)
QUANTITIES = {
    "accuracy": ("Accuracy on the training segments seen, in percent", False),
    "motion_loss": ("Classification loss of the motion encoder, logarithmic", True),
    "pair_loss": ("Pair loss between motion and music codes, logarithmic", True),
    "reconstruction_loss": ("Reconstruction loss of the music autoencoder, logarithmic", True),
}
# name of a line → what it is; the name is its class in the style sheet
LINES = {
    "motion": "without CL",
    "longer": "without CL, as many epochs",
    "music-plain": "music alone",
    "music-dropout": "music alone, with dropout",
    **{name: f"{title}, CL" for name, title in NAMES.items()},
}
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
# of the drawing, in its own units
WIDTH, HEIGHT = 320.0, 190.0
LEFT, RIGHT, TOP, BOTTOM = 38.0, 8.0, 8.0, 34.0


@dataclass(frozen=True)
class Line:
    """A curve: its name in :data:`LINES`, its points as SVG has them, its last value as text."""

    name: str
    points: str
    last: str


@dataclass(frozen=True)
class Panel:
    """One quantity of one input; ticks are (place in the drawing, text)."""

    input: str
    lines: tuple[Line, ...]
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    epochs_alone: float
    """Where phase 2 starts, in the drawing."""


def panels(histories: Mapping[str, pd.DataFrame], quantity: str) -> list[Panel]:
    """One panel an input, all on the same axes; epochs with CL follow those without.

    Args:
        histories: run (such as cotrain-joints-fc-0) → columns epoch, from 1, and quantities.
        quantity: of :data:`QUANTITIES`.

    Returns:
        Panels; none where no history has the quantity.
    """
    alone = max(
        (float(h["epoch"].max()) for run, h in histories.items() if _phase(run) == 1), default=0.0
    )
    found: dict[str, list[tuple[str, list[float], list[float]]]] = {
        kind: [
            (name, (h["epoch"] + (alone if _phase(run) == 2 else 0)).tolist(), h[quantity].tolist())
            for name in LINES
            for run, h in sorted(histories.items())
            if quantity in h and name == _line(run) and _input(run) in (kind, "")
        ]
        for kind in INPUTS
    }
    every = [line for lines in found.values() for line in lines]
    if not every:
        return []
    logarithmic = QUANTITIES[quantity][1]
    values = [value for _, _, ys in every for value in ys if value > 0 or not logarithmic]
    last_epoch = max(epoch for _, xs, _ in every for epoch in xs)
    ticks = _decades(min(values), max(values)) if logarithmic else [0, 0.25, 0.5, 0.75, 1.0]

    def x(epoch: float) -> float:
        share = (epoch - 1) / max(last_epoch - 1, 1)
        return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)

    def y(value: float) -> float:
        low, high = ticks[0], ticks[-1]
        if logarithmic:
            low, high, value = math.log10(low), math.log10(high), math.log10(max(value, low))
        return round(HEIGHT - BOTTOM - (value - low) / (high - low) * (HEIGHT - TOP - BOTTOM), 1)

    def shown(value: float) -> str:
        return f"{value:.3g}" if logarithmic else f"{100 * value:.1f}"

    epochs = sorted({1.0, alone or 1.0, last_epoch})
    return [
        Panel(
            kind,
            tuple(
                Line(
                    name,
                    " ".join(f"{x(a)},{y(b)}" for a, b in zip(xs, ys, strict=True)),
                    shown(ys[-1]),
                )
                for name, xs, ys in lines
            ),
            tuple((x(epoch), f"{epoch:.0f}") for epoch in epochs),
            tuple((y(tick), _power(tick) if logarithmic else f"{100 * tick:g}") for tick in ticks),
            x(alone + 0.5),
        )
        for kind, lines in found.items()
        if lines
    ]


def _phase(run: str) -> int:
    return 1 if run.split("-")[0] in ("motion", "music") else 2


def _line(run: str) -> str:
    parts = run.split("-")
    if parts[0] == "music":
        return f"music-{parts[1]}"
    return parts[2] if parts[0] == "cotrain" else parts[0]


def _input(run: str) -> str:
    """Of the motion; none where music is alone."""
    parts = run.split("-")
    return "" if parts[0] == "music" else parts[1]


def _decades(low: float, high: float) -> Sequence[float]:
    """Powers of ten from at or below low to at or above high, two at least."""
    first = math.floor(math.log10(low))
    last = max(math.ceil(math.log10(high)), first + 1)
    return [10.0**power for power in range(first, last + 1)]


def _power(tick: float) -> str:
    """A power of ten, short enough for the margin."""
    power = round(math.log10(tick))
    return f"{tick:g}" if abs(power) < 3 else f"10{str(power).translate(_SUPERSCRIPT)}"
