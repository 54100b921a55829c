"""The curves over offsets as a picture, one below the other."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from motionmusic.scoring.offsets import LARGEST_S, OFFSETS_S, Floats, best, value_at

# inches
_WIDTH, _EDGE, _LINE = 7.6, 0.2, 0.19
_LEFT, _RIGHT = 0.75, 0.3
_HEAD, _PANEL, _AXIS = 0.42, 1.05, 0.65
_CURVE_COLOUR, _BEST_COLOUR = "#08306b", "#d94801"


def offset_picture(curves: Mapping[str, Floats], title: str, caption: str) -> Figure:
    """Every curve in a panel with its own height, from zero on, over one axis of offsets.

    Args:
        curves: name, written above the panel → (101,) as in :mod:`motionmusic.scoring.offsets`.
        title: above all.
        caption: below all.
    """
    title_lines = textwrap.wrap(title, int((_WIDTH - 2 * _EDGE) / 0.115))
    lines = textwrap.wrap(caption, int((_WIDTH - 2 * _EDGE) / 0.079), break_on_hyphens=False)
    above = _EDGE + 0.25 * len(title_lines)
    height = above + len(curves) * (_HEAD + _PANEL) + _AXIS + _LINE * len(lines) + _EDGE
    figure = Figure(figsize=(_WIDTH, height), dpi=150, facecolor="white")
    FigureCanvasAgg(figure)
    for number, (name, curve) in enumerate(curves.items(), 1):
        bottom = height - above - number * (_HEAD + _PANEL)
        axes = figure.add_axes(
            (_LEFT / _WIDTH, bottom / height, (_WIDTH - _LEFT - _RIGHT) / _WIDTH, _PANEL / height)
        )
        _draw(axes, curve)
        y = (bottom + _PANEL + 0.07) / height
        figure.text(_LEFT / _WIDTH, y, name, va="bottom", fontsize=10, weight="bold")
        figure.text(
            1 - _RIGHT / _WIDTH, y, _summary(curve), ha="right", va="bottom", fontsize=9.5,
            color=_BEST_COLOUR,
        )  # fmt: skip
        axes.tick_params(labelbottom=number == len(curves))
    axes.set_xlabel("seconds that the music is read later than given", fontsize=10)
    figure.text(
        0.5, 1 - _EDGE / height, "\n".join(title_lines), ha="center", va="top", fontsize=13,
        linespacing=1.25, parse_math=False,
    )  # fmt: skip
    figure.text(
        _EDGE / _WIDTH, (_EDGE + _LINE * len(lines)) / height, "\n".join(lines), ha="left",
        va="top", fontsize=9.5, linespacing=1.25, parse_math=False,
    )  # fmt: skip
    return figure


def _summary(curve: Floats) -> str:
    offset_s = best(curve)
    if np.isnan(offset_s):
        return "no best offset"
    # a minus as on the axis
    return f"best {value_at(curve, offset_s):.3f} at {offset_s:+.2f} s".replace("-", "−")


def _draw(axes: Axes, curve: Floats) -> None:
    axes.axvline(0, color="0.6", linewidth=1, linestyle=(0, (4, 3)))
    offset_s = best(curve)
    if not np.isnan(offset_s):
        axes.axvline(offset_s, color=_BEST_COLOUR, linewidth=1.6)
    axes.plot(OFFSETS_S, curve, color=_CURVE_COLOUR, linewidth=1.4)
    highest = np.nanmax(curve, initial=0)
    axes.set_ylim(0, 1.1 * highest if highest > 0 else 1)
    axes.set_xlim(-LARGEST_S, LARGEST_S)
    axes.set_xticks(np.arange(-LARGEST_S, LARGEST_S + 0.25, 0.5))
    axes.locator_params(axis="y", nbins=4)
    axes.tick_params(labelsize=9, color="0.85")
    axes.spines[:].set_color("0.85")
