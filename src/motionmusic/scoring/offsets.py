"""At which offset a dance and a music fit best: by a synchrony network, by beats.

Offsets are whole frames of 1/25 s, from −2 s to 2 s; above 0 the music has to be read later than
assumed. Every curve has a highest point, that of a network at chance too.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from motionmusic.features.beats import Definition, beat_alignment
from motionmusic.files import Floats
from motionmusic.models.synchrony import SynchronyNetwork

FRAMES = 25
LARGEST_S = 2.0

_LARGEST = round(LARGEST_S * FRAMES)
OFFSETS_S = np.arange(-_LARGEST, _LARGEST + 1) / FRAMES
"""Seconds that the music is read later, (101,), 0 in the middle."""


@torch.inference_mode()
def agreement_curve(
    network: SynchronyNetwork, music: Tensor, motion: Tensor, start: int, rate_hz: float
) -> Floats:
    """How well motion and music agree, at every offset.

    ``music`` (m, bands) and ``motion`` (f, v, 3) have one rate; at offset 0 motion frame 0 belongs to
    music frame ``start``, which is negative where the dance starts before the music. ``network`` is
    in eval mode. Returns (101,) float64 in −1…1, each over the motion frames that have music; NaN
    where fewer than half of them do.
    """
    curve = np.full(len(OFFSETS_S), np.nan)
    heard, seen = network.music_encoder(music[None]), network.motion_encoder(motion[None])
    frames = seen.shape[1]
    for number, offset_s in enumerate(OFFSETS_S):
        behind = start + round(float(offset_s) * rate_hz)  # music frame of the dance's frame 0
        a, b = max(0, -behind), min(frames, heard.shape[1] - behind)
        if a < b and 2 * (b - a) >= frames:
            curve[number] = float(network.agree(heard[:, a + behind : b + behind], seen[:, a:b]))
    return curve


def alignment_curve(
    motion_s: ArrayLike, music_s: ArrayLike, duration_s: float, definition: Definition
) -> Floats:
    """:func:`motionmusic.features.beats.beat_alignment` at every offset.

    ``motion_s`` (m,) are seconds from motion frame 0; ``music_s`` (n,) from the music that belongs to it
    at offset 0, also before 0 and after ``duration_s``, the dance's length. At each offset those that
    fall into the dance count. Returns (101,) float64 in 0…1; NaN for Bailando's where none does.
    """
    curve = np.empty(len(OFFSETS_S))
    for number, offset_s in enumerate(OFFSETS_S):
        shifted = np.asarray(music_s, np.float64) - offset_s
        inside = shifted[(shifted >= 0) & (shifted < duration_s)]
        curve[number] = beat_alignment(motion_s, inside, definition)
    return curve


def best(curve: Floats) -> float:
    """The offset in s of the highest value of a curve (101,); of equal ones that nearest to 0.

    NaN for a curve of NaN, and for a flat one, where no offset is better than another.
    """
    known = curve[~np.isnan(curve)]
    if np.all(known == known[:1]):
        return float("nan")
    highest = OFFSETS_S[curve == np.nanmax(curve)]
    return float(highest[np.argmin(np.abs(highest))])
