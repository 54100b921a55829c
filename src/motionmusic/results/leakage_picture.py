"""What test shares with train: the picture of the leak audit, and its tables for the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motionmusic.lettering import Figure
from motionmusic.results.figures import heading, plain
from motionmusic.results.names import KEYS, counted
from motionmusic.results.table import Table, table

Floats = NDArray[np.float64]


def leakage_picture(
    distances: Floats, reference: Floats, near: float, task: str, protocol: str
) -> Figure:
    """Which share of test segments has a training segment within a distance.

    Args:
        distances: (n,) to the nearest training segment.
        reference: (n,) to the nearest other segment of the same piece; NaN where there is none.
        near: the distance from which on segments are not near, drawn as a line.
        task, protocol: of the segments.
    """
    figure = Figure(figsize=(6.4, 4.0), dpi=150, layout="constrained")
    axes = figure.subplots()
    curves = (
        (distances, "#08519c", "-", "nearest training segment"),
        (reference[np.isfinite(reference)], "0.45", "--", "nearest other segment of its own piece"),
    )
    for values, colour, style, name in curves:
        # without any value only the legend's entry
        draw = axes.ecdf if len(values) else axes.plot
        draw(values, color=colour, linestyle=style, linewidth=1.8, label=name)
    axes.axvline(near, color="0.5", linewidth=1, linestyle=":", label=f"near: closer than {near:g}")
    largest = np.max(np.concatenate([values for values, *_ in curves]), initial=2 * near)
    axes.set_xlim(0, 1.03 * largest)
    axes.set_ylim(0, 1)
    axes.yaxis.set_major_formatter("{x:.0%}")
    axes.set_xlabel("distance of the motion (RMS, as a share of the task's spread)", fontsize=10)
    axes.set_ylabel("test segments within it", fontsize=10)
    plain(axes, "y")
    axes.legend(loc="lower right", frameon=False, fontsize=10)
    heading(figure, f"{task}, protocol {protocol}, {counted(len(distances), 'test segment')}")
    return figure


def leakage_tables(found: Mapping[str, Any]) -> list[Table]:
    """Names shared, distances by motion, and the closest pairs, of leakage.json."""
    nearest = found["one_nearest_neighbour"]
    shared = [
        [KEYS.get(key, key), "yes" if key in found["promised_apart"] else "no", _percent(share)]
        for key, share in found["tested_with_shared"].items()
    ]
    distances = [
        [words, f"{of['n']}", _digits(of["quantile_5"]), _digits(of["median"]),
         _percent(of["near"]), f"{of['identical']}"]
        for words, of in (
            ("in train", found["nearest_in_train"]),
            ("in its own piece, whatever the split", found["nearest_in_own_piece"]),
        )
    ]  # fmt: skip
    closest = [
        [f"{row['fold']}", row["test"], row["train"], _digits(row["distance"])]
        for row in found["closest"]
    ]
    return [
        table(
            "What test shares with train, by name",
            ["key", "kept apart by the protocol", "test segments with a value that train has, %"],
            shared,
            caption=f"{counted(found['tested'], 'test segment')} over all folds, protocol"
            f" {found['protocol']}; {counted(found['dropped_over_folds'], 'segment')} between two"
            " sides dropped. A broken promise stops the pipeline.",
        ),
        table(
            "The nearest other segment of a test segment, by motion",
            ["nearest", "n", "5 % quantile", "median", "near, %", "identical"],
            distances,
            caption=f"Root mean square, as a share of the task's spread; near: below {found['near_below']:g}."
            f" Copying the class of the nearest training segment is right in"
            f" {_percent(nearest['accuracy'])} % (chance {_percent(nearest['chance'])} %).",
        ),
        table(
            "The closest pairs of test and train",
            ["fold", "test", "train", "distance"],
            closest,
            caption="Piece / excerpt / segment.",
        ),
    ]


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f}"


def _digits(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"
