"""Pictures: values with their intervals, a confusion matrix, PNG."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from motionmusic.files import write_bytes
from motionmusic.lettering import Figure
from motionmusic.scoring.intervals import Interval
from motionmusic.terminal import shown

CHANCE = "#b3401a"


@dataclass(frozen=True)
class Panel:
    """One axis of :func:`forest`: row → series → value; chance of all rows, or by row."""

    title: str
    rows: Mapping[str, Mapping[str, Interval]]
    percent: bool = False
    chance: float | Mapping[str, float] | None = None
    limits: tuple[float | None, float | None] = (None, None)


def forest(
    panels: Sequence[Panel], series: Mapping[str, tuple[str, str]], title: str, note: str
) -> Figure:
    """Values as points with their 95 % intervals, three or four panels in a line, dashed: chance.

    Args:
        panels: from left to right.
        series: name → colour and marker; of one row they stand below one another.
        title: above the picture.
        note: below it.
    """
    across = min(len(panels), 4 if len(panels) % 3 else 3)
    down = -(-len(panels) // across)
    height = max(0.2 * sum(map(len, of.rows.values())) + 0.12 * len(of.rows) for of in panels)
    size = (max(9.6, 3.4 * across), down * (height + 0.9) + 1.1)
    figure = Figure(figsize=size, dpi=150, layout="constrained")
    axes = figure.subplots(down, across, squeeze=False, gridspec_kw={"wspace": 0.08})
    for place, (axis, panel) in enumerate(zip(axes.flat, panels, strict=False)):
        _draw(axis, panel, series)
        column = [list(of.rows) for of in panels[place % across :: across]]
        named = place % across and all(rows == list(panels[0].rows) for rows in column)
        axis.tick_params(labelleft=not named)
    for axis in axes.flat[len(panels) :]:
        axis.set_axis_off()
    heading(figure, title)
    pairs = (zip(*axis.get_legend_handles_labels(), strict=True) for axis in axes.flat)
    handles = {name: handle for axis in pairs for handle, name in axis}
    names = [name for name in series if name in handles]
    figure.legend(
        [handles[name] for name in names], list(map(shown, names)), title=shown(note),
        loc="outside lower center",
        ncols=len(names), frameon=False, fontsize=9, title_fontsize=9,
    )  # fmt: skip
    return figure


def _draw(axis: Any, panel: Panel, series: Mapping[str, tuple[str, str]]) -> None:
    factor = 100 if panel.percent else 1
    for place, (row, values) in enumerate(panel.rows.items()):
        for number, (name, of) in enumerate(values.items()):
            y = place + 0.7 * ((number + 0.5) / len(values) - 0.5)
            colour, marker = series[name]
            value = factor * of.value
            # where all pieces are equal, their mean and the bounds differ by rounding
            span = np.maximum(0, [[value - factor * of.low], [factor * of.high - value]])
            axis.errorbar(
                value,
                y,
                xerr=np.nan_to_num(span),
                fmt=marker,
                color=colour,
                capsize=2,
                markersize=5.5,
                markeredgecolor="white",
                markeredgewidth=0.6,
                label=name,
            )
        chance = panel.chance.get(row) if isinstance(panel.chance, Mapping) else panel.chance
        if chance is not None:
            axis.plot(2 * [factor * chance], [place - 0.5, place + 0.5], "--", color=CHANCE)
    axis.set_title(shown(panel.title, "\n"), fontsize=10)
    names = [shown(row, "\n") for row in panel.rows]
    axis.set_yticks(range(len(names)), names, fontsize=9)
    axis.set_ylim(len(panel.rows) - 0.5, -0.5)
    axis.set_xlim(*panel.limits)
    # from one tick to another, so that the last value has a number beyond it
    low, high = axis.get_xlim()
    steps = MaxNLocator(5, steps=[1, 2, 2.5, 5, 10])
    ticks = steps.tick_values(low, min(high, 100) if panel.percent else high)
    axis.set_xticks(ticks[ticks >= low])
    axis.set_xlim(low, max(high, ticks[-1]) if panel.percent else ticks[-1])
    axis.set_xlabel("percent" if panel.percent else "", fontsize=9)
    axis.tick_params("x", labelsize=9)
    plain(axis, "x")


def plain(axis: Any, grid: str) -> None:
    """What every axis looks like: one line, a grid across ``grid``."""
    axis.grid(axis=grid, color="0.9")
    axis.set_axisbelow(True)
    axis.tick_params(which="both", length=0)
    axis.spines[["top", "right", "left"]].set_visible(False)


def heading(figure: Figure, title: str) -> None:
    """The title of a picture."""
    figure.suptitle(shown(title), fontsize=11, weight="bold", x=0.01, ha="left")


def confusion_figure(counts: ArrayLike, names: Sequence[str], title: str, caption: str) -> Figure:
    """A confusion matrix with counts and shares of the row; the colour is the share, in one hue.

    Args:
        counts: (k, k) integers, rows the true class, columns the predicted one.
        names: of the k classes.
        title: above the matrix.
        caption: below it, after the number of predictions and their accuracy.
    """
    matrix, names = np.asarray(counts), list(map(shown, names))
    k = len(names)
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    total, right = int(matrix.sum()), int(np.trace(matrix))
    side = max(6.4, 2.6 + k * (1.05 if k <= 5 else 0.7))
    figure = Figure(figsize=(side, side - 0.8), dpi=150, layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(matrix):
        share = shares[row, column]
        text = f"{count:,}\n{100 * share:.1f} %" if count else "0"
        colour = "0.6" if not count else "white" if share > 0.55 else "black"
        size = 11 if k <= 5 else 8
        axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=size)
    axes.set_xticks(range(k), names)
    if k > 5 or max(map(len, names)) > 14:
        axes.tick_params("x", labelrotation=45, labelrotation_mode="xtick")
    axes.set_yticks(range(k), names)
    axes.set_xlabel("predicted class", fontsize=11)
    axes.set_ylabel("true class", fontsize=11)
    axes.tick_params(length=0)
    bar = figure.colorbar(image, ticks=[0, 0.5, 1], format="{x:.0%}", shrink=0.7)
    bar.set_label("share of row", fontsize=9)
    figure.suptitle(
        **_wrapped(title, round(11 * side)), fontsize=11, weight="bold", x=0.01, ha="left"
    )
    scored = f"{total:,} predictions, {right:,} right: {100 * right / max(total, 1):.1f} %."
    figure.supxlabel(**_wrapped(f"{scored} {caption}", round(14 * side)), fontsize=9)
    return figure


def _wrapped(text: str, letters: int) -> dict[str, Any]:
    """A text that is wrapped by its width; by its letters where matplotlib would read it as maths."""
    if "$" in text:  # whatever it is told
        return {"t": textwrap.fill(shown(text), letters)}
    return {"t": shown(text), "wrap": True}


def save_picture(path: Path, figure: Figure) -> None:
    """Write PATH.png and, for print, PATH.pdf."""
    write_bytes(path.with_name(f"{path.name}.png"), png(figure))
    write_bytes(path.with_name(f"{path.name}.pdf"), pdf(figure))


def png(figure: Figure) -> bytes:
    """A figure as PNG; equal figures give equal bytes."""
    buffer = io.BytesIO()
    # without the version of matplotlib, which is the only metadata
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def pdf(figure: Figure) -> bytes:
    """A figure as PDF, for print; equal figures give equal bytes."""
    buffer = io.BytesIO()
    none = dict.fromkeys(("Creator", "Producer", "CreationDate"))
    with mpl.rc_context({"pdf.fonttype": 42}):
        figure.savefig(buffer, format="pdf", metadata=none)
    return buffer.getvalue()
