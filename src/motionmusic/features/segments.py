"""Excerpts of a piece and segments of an excerpt (docs/method.md)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from motionmusic.files import Float32
from motionmusic.params import Choose, Segment

SEGMENT_FRAMES = 25  # a second of motion on MusicToDance


def excerpts_to_segments(
    motion: NDArray[Any],
    music: NDArray[Any],
    labels: NDArray[Any],
) -> tuple[Float32, Float32, NDArray[np.int64]]:
    """Cut excerpts into consecutive segments; the tail is dropped, the order is kept.

    Args:
        motion: (n, c, t, v).
        music: (n, t, bands).
        labels: (n,).

    Returns:
        motion (m, c, 25, v) float32, music (m, 1, bands, 25) float32, labels (m,), with
        m = n · (t // 25), excerpt by excerpt in time order. Raises ValueError where n or t differ.
    """
    n, channels, frames, joints = motion.shape
    if music.shape[:2] != (n, frames) or labels.shape != (n,):
        raise ValueError(
            f"motion {motion.shape}, music {music.shape} and labels {labels.shape} do not belong"
        )
    count = frames // SEGMENT_FRAMES
    used = count * SEGMENT_FRAMES
    cut = motion[:, :, :used].reshape(n, channels, count, SEGMENT_FRAMES, joints)
    sound = music[:, :used].reshape(n, count, SEGMENT_FRAMES, music.shape[2])
    return (
        cut.transpose(0, 2, 1, 3, 4)
        .reshape(-1, channels, SEGMENT_FRAMES, joints)
        .astype(np.float32),
        sound.transpose(0, 1, 3, 2)
        .reshape(n * count, 1, music.shape[2], SEGMENT_FRAMES)
        .astype(np.float32),
        np.repeat(labels, count).astype(np.int64),
    )


def choose_excerpts(
    available: Mapping[str, int], wanted: int | None, choose: Choose
) -> list[tuple[str, int]]:
    """Which excerpts of one class are kept.

    Args:
        available: piece → number of whole excerpts in it, in the order of the pieces.
        wanted: how many to keep; None keeps all.
        choose: ``first`` takes them in order, as the authors do; ``even`` deals them over the
            pieces (round robin) and takes the middles of as many equal parts of a piece.

    Returns:
        (piece, excerpt) in piece order, time order within a piece; fewer than ``wanted`` where
        there are not so many.
    """
    everything = [(piece, k) for piece, count in available.items() for k in range(count)]
    if wanted is None or wanted >= len(everything):
        return everything
    if choose != "even":
        return everything[:wanted]
    share = dict.fromkeys(available, 0)
    while sum(share.values()) < wanted:
        for piece, count in available.items():
            if share[piece] < count and sum(share.values()) < wanted:
                share[piece] += 1
    chosen = []
    for piece, kept in share.items():
        # the middles of equal parts: many dances open alike, so a single excerpt is not the first
        chosen += [(piece, (2 * i + 1) * available[piece] // (2 * kept)) for i in range(kept)]
    return chosen


def kept_excerpts(
    pieces: pd.DataFrame, frames: Mapping[str, int], settings: Segment
) -> tuple[pd.DataFrame, int | None]:
    """The excerpts of a task: of each class equally many, where not all are kept.

    Args:
        pieces: piece, label, in the order of the pieces.
        frames: piece → frames that have motion and music.
        settings: the task's group ``segment``.

    Returns:
        (piece, excerpt, label) in class order, and how many there are of each class: as many as
        ``settings.excerpts``, fewer of all where one class has fewer; None where all are kept.
    """
    at_most = 1 if settings.choose == "one" else None
    available: dict[int, dict[str, int]] = {}
    for label, rows in pieces.groupby("label", sort=True):
        counts = {piece: frames[piece] // settings.excerpt_frames for piece in rows["piece"]}
        available[int(str(label))] = {p: min(n, at_most or n) for p, n in counts.items()}
    wanted = None
    if settings.excerpts != "all":
        wanted = min(settings.excerpts, *(sum(counts.values()) for counts in available.values()))
    kept = [
        {"piece": piece, "excerpt": excerpt, "label": label}
        for label, counts in available.items()
        for piece, excerpt in choose_excerpts(counts, wanted, settings.choose)
    ]
    return pd.DataFrame(kept), wanted


def every_segment(excerpts: pd.DataFrame, per_excerpt: int) -> pd.DataFrame:
    """Each row ``per_excerpt`` times, with its number in ``segment``; the order is kept."""
    rows = excerpts.loc[excerpts.index.repeat(per_excerpt)].reset_index(drop=True)
    return rows.assign(segment=np.tile(np.arange(per_excerpt), len(excerpts)))


def units_of_segments(
    segments: pd.DataFrame, spans: pd.DataFrame, excerpt_frames: int
) -> pd.Series[Any]:
    """The movement units that each segment touches with at least one frame.

    Where two units meet, the publishers bent the last and first ten frames towards each other
    (docs/data.md); a segment that only has such frames does not count as touching the other.

    Args:
        segments: piece, excerpt, segment; the n rows.
        spans: piece, start, end (exclusive), unit; frames of the whole piece.
        excerpt_frames: length of an excerpt.

    Returns:
        n frozensets of units' names, empty where no unit is known; the index of ``segments``.
    """
    of_piece = {
        piece: list(zip(rows["start"], rows["end"], rows["unit"], strict=True))
        for piece, rows in spans.groupby("piece")
    }
    starts = segments["excerpt"] * excerpt_frames + segments["segment"] * SEGMENT_FRAMES
    touched = [
        frozenset(
            unit
            for start, end, unit in of_piece.get(piece, [])
            if start < first + SEGMENT_FRAMES and first < end
        )
        for piece, first in zip(segments["piece"], starts, strict=True)
    ]
    return pd.Series(touched, segments.index, dtype=object)
