"""What test shares with train: names that a protocol promises to keep apart, and the motion itself.

Names are compared as sets. Motion is compared by the distance of segments, never by name: the root
mean square of the differences of all scaled coordinates, so in units of what the joints were
scaled to (params.yaml, joints.*.scale).
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from motionmusic.files import Float32
from motionmusic.params import Protocol
from motionmusic.results.figures import png

Floats = NDArray[np.float64]
Keys = Mapping[str, Sequence[frozenset[str]]]
"""Of every key (piece, unit, …) the values that each of the n segments has."""

PAIRS = (("train", "validation"), ("train", "test"), ("validation", "test"))
# by_capture validates on the training side's sessions, AIST++ on the songs of its test
_EXCEPTED = {
    ("by_capture", "capture"): ("train", "validation"),
    ("official", "music"): ("validation", "test"),
    ("official_clean", "music"): ("validation", "test"),
}
PROMISES: Mapping[Protocol, tuple[str, ...]] = {
    "paper": ("excerpt", "segment"),
    "published": ("excerpt", "segment"),
    "by_piece": ("piece", "excerpt", "segment"),
    "by_unit": ("unit", "segment"),
    "by_capture": ("capture", "unit", "segment"),
    "official": ("piece", "music", "excerpt", "segment"),
    "official_clean": ("piece", "music", "excerpt", "segment"),
}
"""The keys of which a protocol puts no value on two sides."""

NO_IDENTICAL: tuple[Protocol, ...] = ("by_piece", "by_unit", "by_capture")
"""The protocols under which no test segment may be a training segment under another name."""


def keys_of(piece: str, source: str) -> dict[str, str]:
    """What a piece's name tells of it: itself, and on AIST++ its dancer and its music."""
    keys = {"piece": piece}
    if source == "aist":
        _, _, _, keys["dancer"], keys["music"], _ = piece.split("_")
    return keys


def keys_of_segments(
    segments: pd.DataFrame, source: str, captures: Mapping[str, str]
) -> dict[str, list[frozenset[str]]]:
    """The values of every key that is known of the data set, segment by segment.

    Args:
        segments: piece, excerpt, segment, units (a set, empty where none is known).
        source: of the data set.
        captures: unit → capture session, or ``unknown``, which is no session.
    """
    keys: dict[str, list[frozenset[str]]] = {}
    for piece in segments["piece"]:
        for key, value in keys_of(piece, source).items():
            keys.setdefault(key, []).append(frozenset([value]))
    ids = list(zip(segments["piece"], segments["excerpt"], segments["segment"], strict=True))
    keys["excerpt"] = [frozenset([f"{piece}/{excerpt}"]) for piece, excerpt, _ in ids]
    keys["segment"] = [frozenset(["/".join(map(str, known))]) for known in ids]
    if captures:
        keys["unit"] = list(segments["units"])
        keys["capture"] = [
            frozenset(captures[unit] for unit in units) - {"unknown"} for units in segments["units"]
        ]
    return keys


def shared(splits: Sequence[str], keys: Keys, left: str, right: str) -> dict[str, dict[str, Any]]:
    """How much of ``right`` occurs in ``left`` too.

    Args:
        splits: of the n segments.
        keys: from :func:`keys_of_segments`.
        left: a split, train.
        right: another, test.

    Returns:
        by key: ``shared`` values ``of`` so many in ``right``, their ``share``, the share of the
        ``segments`` of ``right`` that have one of them, and up to five ``examples``.
    """
    found: dict[str, dict[str, Any]] = {}
    for key, values in keys.items():
        sides = {
            side: [some for split, some in zip(splits, values, strict=True) if split == side]
            for side in (left, right)
        }
        here = frozenset[str]().union(*sides[right])
        both = here & frozenset[str]().union(*sides[left])
        touched = sum(not some.isdisjoint(both) for some in sides[right])
        found[key] = {
            "shared": len(both),
            "of": len(here),
            "share": len(both) / max(len(here), 1),
            "segments": touched / max(len(sides[right]), 1),
            "examples": sorted(both)[:5],
        }
    return found


def is_promised(protocol: Protocol, key: str, pair: tuple[str, str]) -> bool:
    """Whether the protocol says that no value of the key is on both sides."""
    return key in PROMISES[protocol] and _EXCEPTED.get((protocol, key)) != pair


def nearest(queries: Float32, others: Float32) -> tuple[NDArray[np.int64], Floats]:
    """The nearest of the others for every query.

    Args:
        queries: (n, channels, frames, joints).
        others: (m, channels, frames, joints), m at least 1.

    Returns:
        index (n,) into the others, and distance (n,): root mean square per coordinate.
    """
    rows = [np.asarray(some, np.float64).reshape(len(some), -1) for some in (queries, others)]
    search = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(rows[1])
    index = search.kneighbors(rows[0], return_distance=False)[:, 0]
    # again from the differences: the search's own distances are inexact near 0
    return index, np.sqrt(np.mean((rows[0] - rows[1][index]) ** 2, axis=1))


def nearest_in_piece(motion: Float32, pieces: Sequence[str]) -> Floats:
    """Distance of every segment to the nearest other one of its piece, whatever their splits.

    Segments of a piece never overlap in time, so this is how much a dance repeats itself: the
    reference for what is near. (n,); NaN where a piece has one segment only.

    Args:
        motion: (n, channels, frames, joints), every segment once.
        pieces: of the n segments.
    """
    distances = np.full(len(motion), np.nan)
    names = np.asarray(pieces)
    for piece in dict.fromkeys(pieces):
        (rows,) = np.nonzero(names == piece)
        if len(rows) < 2:
            continue
        flat = motion[rows].reshape(len(rows), -1).astype(np.float64)
        # without queries every row is asked for another row than itself, even an equal one
        search = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(flat)
        index = search.kneighbors(return_distance=False)[:, 0]
        distances[rows] = np.sqrt(np.mean((flat - flat[index]) ** 2, axis=1))
    return distances


def summary(distances: Floats, near: float, identical: float) -> dict[str, float | int]:
    """Of n distances: the 5 % and 50 % quantiles, the share below ``near``, the count ``identical``."""
    known = distances[np.isfinite(distances)]
    low, median = np.quantile(known, [0.05, 0.5]) if len(known) else (np.nan, np.nan)
    return {
        "n": len(known),
        "quantile_5": float(low),
        "median": float(median),
        "near": float((known < near).mean()) if len(known) else float("nan"),
        "identical": int((known < identical).sum()),
    }


# Inches.
_WIDTH, _EDGE, _LINE, _PLOT = 7.2, 0.2, 0.19, 3.4


def leakage_figure(
    distances: Floats, reference: Floats, near: float, title: str, caption: str
) -> bytes:
    """The picture of :func:`draw_leakage` as PNG; equal arguments give equal bytes."""
    return png(draw_leakage(distances, reference, near, title, caption))


def draw_leakage(
    distances: Floats, reference: Floats, near: float, title: str, caption: str
) -> Figure:
    """Which share of test segments has a training segment within a distance.

    Args:
        distances: (n,) to the nearest training segment.
        reference: (n,) to the nearest other segment of the same piece; NaN where there is none.
        near: the distance from which on segments are not near, drawn as a line.
        title: above the picture.
        caption: below it.
    """
    title_lines = textwrap.wrap(title, int((_WIDTH - 2 * _EDGE) / 0.115))
    lines = textwrap.wrap(caption, int((_WIDTH - 2 * _EDGE) / 0.079))
    below = _EDGE + _LINE * len(lines) + 0.68
    above = _EDGE + 0.25 * len(title_lines) + 0.25
    height = below + _PLOT + above
    figure = Figure(figsize=(_WIDTH, height), dpi=150, facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_axes(
        (0.85 / _WIDTH, below / height, (_WIDTH - 0.85 - 0.35) / _WIDTH, _PLOT / height)
    )
    curves = (
        (distances, "#08519c", "-", "nearest training segment"),
        (reference[np.isfinite(reference)], "0.45", "--", "nearest other segment of its own piece"),
    )
    for values, colour, style, name in curves:
        # without any value only the legend's entry
        draw = axes.ecdf if len(values) else axes.plot
        draw(values, color=colour, linestyle=style, linewidth=1.8, label=name)
    axes.axvline(near, color="0.5", linewidth=1, linestyle=":")
    axes.text(near, 1.015, f"near: {near:g}", fontsize=9, color="0.4", ha="center", va="bottom",
              transform=axes.get_xaxis_transform())  # fmt: skip
    largest = max((float(values.max()) for values, *_ in curves if len(values)), default=near)
    axes.set_xlim(0, 1.03 * max(largest, 2 * near))
    axes.set_ylim(0, 1)
    axes.yaxis.set_major_formatter("{x:.0%}")
    axes.set_xlabel("distance (RMS per scaled coordinate)", fontsize=11)
    axes.set_ylabel("share of test segments within it", fontsize=11)
    axes.tick_params(labelsize=10, color="0.85")
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("0.85")
    axes.grid(color="0.93", linewidth=1)
    axes.set_axisbelow(True)
    axes.legend(loc="lower right", frameon=False, fontsize=10)
    figure.text(
        0.5, 1 - _EDGE / height, "\n".join(title_lines), ha="center", va="top", fontsize=13,
        linespacing=1.25,
    )  # fmt: skip
    figure.text(
        _EDGE / _WIDTH, (_EDGE + _LINE * len(lines)) / height, "\n".join(lines), ha="left",
        va="top", fontsize=9.5, linespacing=1.25,
    )  # fmt: skip
    return figure
