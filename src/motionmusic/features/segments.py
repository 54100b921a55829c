"""Excerpts of a piece and segments of an excerpt (spec/mclemcd.md 2.4, 2.8)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from motionmusic.files import Float32
from motionmusic.params import Choose

SEGMENT_FRAMES = 25


def excerpts_to_segments(
    motion: NDArray[Any],
    music: NDArray[Any],
    labels: NDArray[Any],
    segment_frames: int = SEGMENT_FRAMES,
) -> tuple[Float32, Float32, NDArray[np.int64]]:
    """Cut excerpts into consecutive segments; the tail is dropped, the order is kept.

    Args:
        motion: (n, c, t, v).
        music: (n, t, bands).
        labels: (n,).
        segment_frames: length of a segment, 25 in the paper.

    Returns:
        motion (m, c, 25, v) float32, music (m, 1, bands, 25) float32, labels (m,), with
        m = n · (t // 25), excerpt by excerpt in time order. Raises ValueError where n or t differ.
    """
    n, channels, frames, joints = motion.shape
    if music.shape[:2] != (n, frames) or labels.shape != (n,):
        raise ValueError(
            f"motion {motion.shape}, music {music.shape} and labels {labels.shape} do not belong"
        )
    count = frames // segment_frames
    used = count * segment_frames
    cut = motion[:, :, :used].reshape(n, channels, count, segment_frames, joints)
    sound = music[:, :used].reshape(n, count, segment_frames, music.shape[2])
    return (
        cut.transpose(0, 2, 1, 3, 4)
        .reshape(-1, channels, segment_frames, joints)
        .astype(np.float32),
        sound.transpose(0, 1, 3, 2)
        .reshape(n * count, 1, music.shape[2], segment_frames)
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
            pieces (round robin) and takes the middles of as many equal parts of a piece as it has to give.

    Returns:
        (piece, excerpt) in piece order, time order within a piece. Fewer than ``wanted`` where
        there are not so many; the caller decides what that means.
    """
    everything = [(piece, k) for piece, count in available.items() for k in range(count)]
    if wanted is None or wanted >= len(everything):
        return everything
    if choose == "first":
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


def every_segment(excerpts: pd.DataFrame, per_excerpt: int) -> pd.DataFrame:
    """Each row ``per_excerpt`` times, with its number in ``segment``; the order is kept."""
    rows = excerpts.loc[excerpts.index.repeat(per_excerpt)].reset_index(drop=True)
    return rows.assign(segment=np.tile(np.arange(per_excerpt), len(excerpts)))


def units_of_segments(
    segments: pd.DataFrame, spans: pd.DataFrame, excerpt_frames: int, segment_frames: int
) -> pd.Series[Any]:
    """The movement units that each segment touches with at least one frame.

    Where two units meet, the publishers bent the last and first ten frames towards each other
    (spec/data.md 6.5); a segment that only has such frames does not count as touching the other.

    Args:
        segments: piece, excerpt, segment; the n rows.
        spans: piece, start, end (exclusive), unit; frames of the whole piece.
        excerpt_frames: length of an excerpt.
        segment_frames: length of a segment.

    Returns:
        n frozensets of units' names, empty where no unit is known; the index of ``segments``.
    """
    of_piece = {
        piece: list(zip(rows["start"], rows["end"], rows["unit"], strict=True))
        for piece, rows in spans.groupby("piece")
    }
    starts = segments["excerpt"] * excerpt_frames + segments["segment"] * segment_frames
    touched = [
        frozenset(
            unit
            for start, end, unit in of_piece.get(piece, [])
            if start < first + segment_frames and first < end
        )
        for piece, first in zip(segments["piece"], starts, strict=True)
    ]
    return pd.Series(touched, segments.index, dtype=object)
