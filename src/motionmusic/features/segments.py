"""Excerpts of a piece and segments of an excerpt (docs/method.md)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from motionmusic.errors import UserError
from motionmusic.files import Float32
from motionmusic.params import Choose, Segment

SEGMENT_FRAMES = 25  # a second of motion on MusicToDance


def frames_of(
    merged: Mapping[str, Float32], music: Mapping[str, Float32], least: int, raw: Path
) -> dict[str, int]:
    """Frames of every piece that have motion and music. Raises UserError where one has too few."""
    frames = {piece: min(len(motion), len(music[piece])) for piece, motion in merged.items()}
    for piece, count in frames.items():
        if count < least:
            expected = f"at least one excerpt of {least} frames with sound"
            remedy = "take the piece out, or set segment.*.excerpt_frames"
            raise UserError(raw, piece, expected, f"{count} frames", remedy)
    return frames


def cut(
    rows: pd.DataFrame,
    merged: Mapping[str, Float32],
    music: Mapping[str, Float32],
    excerpt_frames: int,
) -> dict[str, Float32]:
    """Every segment once, in the order of the rows of fold 0, which is the order of every fold.

    Of merged motion (frames, v, 6) and music (frames, bands) by piece, float32: joints and bones
    (n, 3, 25, v), merged (n, 6, 25, v), music (n, 1, bands, 25).
    """
    first = rows[(rows["fold"] == 0) & (rows["segment"] == 0)]
    excerpts = list(zip(first["piece"], first["excerpt"], strict=True))

    def stacked(arrays: Mapping[str, Float32]) -> Float32:
        length = excerpt_frames
        return np.stack([arrays[p][k * length : (k + 1) * length] for p, k in excerpts])

    motion, sound = excerpts_to_segments(stacked(merged).transpose(0, 3, 1, 2), stacked(music))
    return {"joints": motion[:, :3], "bones": motion[:, 3:], "merged": motion, "music": sound}


def excerpts_to_segments(motion: NDArray[Any], music: NDArray[Any]) -> tuple[Float32, Float32]:
    """Cut excerpts into consecutive segments; the tail is dropped, the order is kept.

    Of motion (n, c, t, v) and music (n, t, bands): (m, c, 25, v) and (m, 1, bands, 25) float32, with
    m = n · (t // 25), excerpt by excerpt in time order.
    """
    n, channels, frames, joints = motion.shape
    count, bands = frames // SEGMENT_FRAMES, music.shape[2]
    used = count * SEGMENT_FRAMES
    moves = motion[:, :, :used].reshape(n, channels, count, SEGMENT_FRAMES, joints)
    moves = moves.transpose(0, 2, 1, 3, 4).reshape(-1, channels, SEGMENT_FRAMES, joints)
    sound = music[:, :used].reshape(n * count, SEGMENT_FRAMES, bands).transpose(0, 2, 1)
    return moves.astype(np.float32), sound[:, None].astype(np.float32)


def choose_excerpts(
    available: Mapping[str, int], wanted: int | None, choose: Choose
) -> list[tuple[str, int]]:
    """(piece, excerpt) of one class that are kept, at most ``wanted`` (None: all), in order.

    Of the number of whole excerpts in every piece: ``first`` takes them in order, as the authors do;
    ``even`` deals them over the pieces (round robin) and takes the middles of as many equal parts
    of a piece.
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

    Of pieces (piece, label, in order) and the frames of each that have motion and music: (piece,
    excerpt, label) in class order, and how many there are of each class: at most
    ``settings.excerpts``; None where all are kept.
    """
    available: dict[int, dict[str, int]] = {}
    for label, rows in pieces.groupby("label", sort=True):
        counts = {piece: frames[piece] // settings.excerpt_frames for piece in rows["piece"]}
        if settings.choose == "one":
            counts = {piece: min(count, 1) for piece, count in counts.items()}
        available[int(str(label))] = counts
    totals = [sum(counts.values()) for counts in available.values()]
    wanted = None if settings.excerpts == "all" else min(settings.excerpts, *totals)
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
    """The set of movement units that each segment touches, empty where none is known.

    Where two units meet, the publishers bent the last and first ten frames towards each other
    (docs/data.md); a segment that only has such frames does not count as touching the other.
    Of segments (piece, excerpt, segment) and spans (piece, start, end (exclusive), unit), in frames
    of the whole piece.
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
