"""At which offset a dance and a music fit best: by M2S-Net's votes, by beats.

Offsets are whole motion frames of 1/30 s, from −2 s to 2 s. At offset o the motion at time t is set
against the music at (start + t + o), so that a best offset above 0 means that the music has to be
read later than assumed.

Every curve has a highest point, that of a network at chance too, so a best offset alone means
nothing. :func:`rival` is what it should be compared with.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import nn

from motionmusic.features.beats import Definition, beat_alignment
from motionmusic.models.conductor import encoded
from motionmusic.models.conductor_encoders import CODE, MEL_PER_FRAME
from motionmusic.models.generator import FRAMES
from motionmusic.models.m2s_net import SyncNetwork

Floats = NDArray[np.float64]

LARGEST_S = 2.0
APART_S = 0.25
"""Peaks that are not further apart than this are one."""
AGREE_S = 0.1

_LARGEST = round(LARGEST_S * FRAMES)
OFFSETS = np.arange(-_LARGEST, _LARGEST + 1)
"""Frames that the music is read later, (121,), 0 in the middle."""
OFFSETS_S = OFFSETS / FRAMES
"""The same in seconds."""


@torch.inference_mode()
def vote_curve(
    network: SyncNetwork, mel: NDArray[np.float32], motion: NDArray[np.float32], start_frame: int
) -> Floats:
    """The mean vote that motion and music belong together, at every offset.

    Only the music that some offset needs is encoded, and once.

    Args:
        network: in eval mode.
        mel: (t, 128) at 90 Hz of all the music that there is, t at least 4.
        motion: (f, 13, 2) at 30 Hz; at offset 0 its frame 0 belongs to mel frame 3 · start_frame.
        start_frame: motion frames of music before the dance, 0 or more.

    Returns:
        (121,) float64 in 0…1, each the mean over the motion frames for which music is there; NaN
        where that is less than half of them.
    """
    frames, heard = len(motion), -(-len(mel) // MEL_PER_FRAME)
    start = max(0, start_frame - _LARGEST)
    stop = min(heard, start_frame + frames + _LARGEST)
    curve = np.full(len(OFFSETS), np.nan)
    if start >= stop:
        return curve
    # as much more at both ends as reaches into the part
    reach = network.music_encoder.REACH
    first = max(0, start - reach)
    part = torch.from_numpy(mel[first * MEL_PER_FRAME : (stop + reach) * MEL_PER_FRAME])
    music = encoded(network.music_encoder, part[None])[0, start - first : stop - first]
    dance = encoded(network.motion_encoder, torch.from_numpy(motion)[None])[0]

    # the first layer is linear in both sides, which are told apart only after their sum
    layer = network.fuse_layer[0]
    assert isinstance(layer, nn.Conv1d)
    music = music @ layer.weight[:, :CODE, 0].T
    dance = dance @ layer.weight[:, CODE:, 0].T
    if layer.bias is not None:
        dance = dance + layer.bias
    for number, offset in enumerate(OFFSETS):
        behind = start_frame + int(offset) - start  # where frame 0 of the dance is in ``music``
        a, b = max(0, -behind), min(frames, len(music) - behind)
        if a < b and 2 * (b - a) >= frames:
            both = (dance[a:b] + music[a + behind : b + behind]).T[None]
            votes = torch.sigmoid(network.fuse_layer[1:](both))
            curve[number] = float(votes.double().mean())
    return curve


def alignment_curve(
    motion_s: ArrayLike, music_s: ArrayLike, duration_s: float, definition: Definition
) -> Floats:
    """:func:`motionmusic.features.beats.beat_alignment` at every offset.

    Args:
        motion_s: (m,) seconds from motion frame 0.
        music_s: (n,) seconds from the music that belongs to motion frame 0 at offset 0; also before
            0 and after the end. At each offset those that fall into the dance count.
        duration_s: of the dance.
        definition: whose.

    Returns:
        (121,) float64 in 0…1; NaN for Bailando's where no beat of the music falls into the dance.
    """
    music = np.asarray(music_s, np.float64)
    curve = np.empty(len(OFFSETS))
    for number, offset_s in enumerate(OFFSETS_S):
        shifted = music - offset_s
        inside = shifted[(shifted >= 0) & (shifted < duration_s)]
        curve[number] = beat_alignment(motion_s, inside, definition)
    return curve


def best(curve: ArrayLike) -> float:
    """The offset of the highest value in s; of equal ones that nearest to 0.

    Args:
        curve: (121,), NaN where there is nothing to compare.

    Returns:
        NaN for a curve of NaN, and for a flat one, where no offset is better than another.
    """
    values = np.asarray(curve, np.float64)
    known = values[~np.isnan(values)]
    return float("nan") if np.all(known == known[:1]) else _highest(values)


def rival(curve: ArrayLike) -> float:
    """The best offset of those more than 0.25 s away from the best one: the next peak.

    Where its value is nearly that of the best, nothing tells which of the two is right; music with
    a steady beat has a peak for every beat.

    Args:
        curve: (121,) as for :func:`best`.

    Returns:
        Seconds; NaN where :func:`best` is NaN, or nothing is known that far away.
    """
    peak = best(curve)
    far = np.where(np.abs(OFFSETS_S - peak) > APART_S, np.asarray(curve, np.float64), np.nan)
    return _highest(far)


def value_at(curve: ArrayLike, offset_s: float) -> float:
    """The value of a curve (121,) at one of its offsets; NaN at NaN."""
    if np.isnan(offset_s):
        return float("nan")
    return float(np.asarray(curve)[round(offset_s * FRAMES) + _LARGEST])


def agree(offsets_s: Iterable[float]) -> bool:
    """Whether best offsets lie within 0.1 s of one another; not where one is NaN."""
    frames = np.array(list(offsets_s)) * FRAMES
    return bool(np.ptp(frames) <= AGREE_S * FRAMES + 1e-6)


def _highest(values: Floats) -> float:
    if np.isnan(values).all():
        return float("nan")
    highest = OFFSETS_S[values == np.nanmax(values)]
    return float(highest[np.argmin(np.abs(highest))])
