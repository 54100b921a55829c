"""Figures 4 and 5: a confusion matrix as a picture."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.textpath import TextPath
from numpy.typing import ArrayLike

# Inches. Everything is placed by hand, so that margins depend on the names and nothing is clipped.
_CELL = {"few": 1.05, "many": 0.68}
_EDGE, _BAR, _LEAST_WIDTH = 0.2, 1.05, 6.4
_LINE = 0.19  # of the caption
_DPI = 150


def confusion_figure(counts: ArrayLike, names: Sequence[str], title: str, caption: str) -> bytes:
    """A confusion matrix as PNG; equal arguments give equal bytes.

    Each cell has its count and its share of its row; the colour is the share, light to
    dark in one hue, so that no two colours have to be told apart. How many predictions there are
    and their accuracy are put before the caption.

    Args:
        counts: (k, k) integers, rows the true class, columns the predicted one.
        names: of the k classes, in the order of rows and columns.
        title: above the matrix.
        caption: below it.

    Raises:
        ValueError: counts are not (k, k) for k names.
    """
    return png(draw_confusion(counts, names, title, caption))


def png(figure: Figure) -> bytes:
    """A figure as PNG; equal figures give equal bytes."""
    buffer = io.BytesIO()
    # without the version of matplotlib, which is the only metadata
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def draw_confusion(counts: ArrayLike, names: Sequence[str], title: str, caption: str) -> Figure:
    """The figure of :func:`confusion_figure`, drawn with Agg and without pyplot's global state."""
    matrix = np.asarray(counts)
    k = len(names)
    if matrix.shape != (k, k):
        raise ValueError(f"expected counts ({k}, {k}) for {k} names, got {matrix.shape}")
    sums = matrix.sum(axis=1, keepdims=True)
    shares = matrix / np.maximum(sums, 1)
    total, right = int(matrix.sum()), int(np.trace(matrix))
    scored = f"{total:,} predictions, {right:,} right: {100 * right / max(total, 1):.2f} %."

    cell = _CELL["few"] if k <= 5 else _CELL["many"]
    label = max(TextPath((0, 0), name, size=10).get_extents().width / 72 for name in names)
    slanted = label > 0.9 * cell
    left = _EDGE + 0.5 + label
    # slanted at 45 degrees, a name goes as far down as to the left
    below = 0.1 + (0.71 * label + 0.15 if slanted else 0.2) + 0.4
    width = max(_LEAST_WIDTH, left + k * cell + _BAR + _EDGE)
    title_lines = textwrap.wrap(title, int((width - 2 * _EDGE) / 0.115))
    lines = textwrap.wrap(f"{scored} {caption}", int((width - 2 * _EDGE) / 0.079))
    top = _EDGE + 0.25 * len(title_lines) + 0.3
    bottom = _EDGE + _LINE * len(lines) + 0.1 + below
    height = top + k * cell + bottom
    left += max(0.0, (width - left - k * cell - _BAR - _EDGE) / 2)

    figure = Figure(figsize=(width, height), dpi=_DPI, facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_axes((left / width, bottom / height, k * cell / width, k * cell / height))
    image = axes.imshow(shares, cmap="Blues", norm=Normalize(0, 1))
    for row in range(k):
        for column in range(k):
            count, share = matrix[row, column], shares[row, column]
            axes.text(
                column, row, f"{count:,}\n{100 * share:.1f} %" if count else "0", ha="center",
                va="center", fontsize=11 if k <= 5 else 8,
                color="0.6" if not count else "white" if share > 0.55 else "black",
            )  # fmt: skip
    axes.set_xticks(
        range(k), names, rotation=45 if slanted else 0, ha="right" if slanted else "center",
        rotation_mode="anchor" if slanted else None,
    )  # fmt: skip
    axes.set_yticks(range(k), names)
    axes.tick_params(length=0, labelsize=10)
    axes.spines[:].set_color("0.85")
    axes.set_xticks(np.arange(k - 1) + 0.5, minor=True)
    axes.set_yticks(np.arange(k - 1) + 0.5, minor=True)
    axes.grid(which="minor", color="0.85", linewidth=1)
    axes.tick_params(which="minor", length=0)
    middle = bottom / height + k * cell / height / 2
    axis_x = (left + k * cell / 2) / width
    figure.text(
        axis_x, (bottom - below + 0.15) / height, "predicted class", ha="center", fontsize=11
    )
    figure.text(
        (left - label - 0.3) / width, middle, "true class", ha="center", va="center", rotation=90,
        fontsize=11,
    )  # fmt: skip
    bar = figure.add_axes(
        ((left + k * cell + 0.15) / width, bottom / height, 0.14 / width, k * cell / height)
    )
    figure.colorbar(image, cax=bar, ticks=[0, 0.5, 1], format="{x:.0%}").outline.set_visible(False)
    bar.tick_params(length=0, labelsize=9)
    bar.set_title("share of row", fontsize=9, loc="left", pad=9)
    figure.text(
        0.5, 1 - _EDGE / height, "\n".join(title_lines), ha="center", va="top", fontsize=13,
        linespacing=1.25,
    )  # fmt: skip
    figure.text(
        _EDGE / width, (_EDGE + _LINE * len(lines)) / height, "\n".join(lines), ha="left", va="top",
        fontsize=9.5, linespacing=1.25,
    )  # fmt: skip
    return figure
