"""The picture of the leak audit: how near test segments are to training segments."""

from __future__ import annotations

import io

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def leakage_picture(
    distances: Floats, reference: Floats, near: float, task: str, protocol: str
) -> bytes:
    """Which share of test segments has a training segment within a distance, as PNG.

    Args:
        distances: (n,) to the nearest training segment.
        reference: (n,) to the nearest other segment of the same piece; NaN where there is none.
        near: the distance from which on segments are not near, drawn as a line.
        task: for the title.
        protocol: for the title.
    """
    shares = [
        100 * float((some < near).mean()) if len(some) else 0.0 for some in (distances, reference)
    ]
    figure = Figure(figsize=(7.2, 5), dpi=150, layout="constrained")
    axes = figure.subplots()
    for values, colour, style, name in (
        (distances, "#08519c", "-", "nearest training segment"),
        (reference[np.isfinite(reference)], "0.45", "--", "nearest other segment of its own piece"),
    ):
        draw = axes.ecdf if len(values) else axes.plot  # without any value only the legend's entry
        draw(values, color=colour, linestyle=style, linewidth=1.8, label=name)
    axes.axvline(near, color="0.5", linewidth=1, linestyle=":")
    known = np.concatenate([distances, reference])
    largest = float(np.nanmax(known)) if np.isfinite(known).any() else near
    axes.set_xlim(0, 1.03 * max(largest, 2 * near))
    axes.set_ylim(0, 1)
    axes.yaxis.set_major_formatter("{x:.0%}")
    axes.set_xlabel(f"distance (RMS per scaled coordinate); dotted: near, {near:g}")
    axes.set_ylabel("share of test segments within it")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="0.93", linewidth=1)
    axes.legend(loc="lower right", frameon=False)
    figure.suptitle(f"{task}, protocol {protocol}, n = {len(distances):,}")
    figure.supxlabel(
        f"{shares[0]:.1f} % of the test segments have a training segment nearer than {near:g};"
        f" {shares[1]:.1f} % have another segment of their own piece that near, whatever its split.",
        fontsize=9,
        wrap=True,
    )
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
