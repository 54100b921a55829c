"""Excerpts of a piece and segments of an excerpt (spec/mclemcd.md 2.4, 2.8)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motionmusic.files import Float32
from motionmusic.params.data import Choose

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
            pieces (round robin) and spreads a piece's share evenly over its length.

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
        spread = np.linspace(0, available[piece] - 1, kept).round()
        chosen += [(piece, int(k)) for k in spread]
    return chosen
