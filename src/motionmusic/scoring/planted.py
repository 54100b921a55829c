"""At which offset a dance and a music fit best, by a synchrony network and by beats; planted offsets.

Offsets are whole frames of 1/25 s, from −2 s to 2 s; above 0 the music has to be read later than
assumed. Every curve has a highest point, that of a network at chance too.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from motionmusic import workspace
from motionmusic.features.audio import read_audio
from motionmusic.features.beats import (
    SAMPLE_RATE,
    Definition,
    beat_alignment,
    motion_beats,
    music_beats,
)
from motionmusic.features.music import music_features
from motionmusic.files import Float32, Floats, read_array
from motionmusic.models.matcher import About
from motionmusic.models.synchrony import SynchronyNetwork
from motionmusic.params import Music
from motionmusic.scoring.agreement import FINDERS
from motionmusic.streams import stream
from motionmusic.training.dances import continued, sides

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


PLANTED_S = 1.5  # planted offsets lie within it to both sides, well inside the curve
_DEFINITIONS: tuple[Definition, ...] = ("mint", "bailando")


def curves(
    network: SynchronyNetwork,
    joints: Float32,
    rate_hz: float,
    music: Path,
    start_s: float,
    how: Music,
) -> tuple[dict[str, NDArray[np.float64]], float]:
    """What the network says, and beat alignment by its two definitions, over offsets: (101,) each.

    And the median seconds between the music's beats, NaN where it has none. The curves have the
    names of ``FINDERS``; ``joints`` (frames, v, 3) are scaled as the network's. The dance
    starts at ``start_s`` of the sound file ``music``; before 0, it starts before the music. Raises
    UserError where the music cannot be read, or is silent.
    """
    seconds = len(joints) / rate_hz
    # what some offset needs, from a whole number of frames before the dance on; of an album, so
    # much is tracked for its tempo
    before = math.floor(min(LARGEST_S, start_s) * rate_hz + 1e-6)
    first_s = max(0.0, start_s - before / rate_hz)  # a whole number of frames, but for rounding
    span_s = before / rate_hz + seconds + LARGEST_S
    samples = read_audio(
        music, how.sample_rate, start_s=first_s, duration_s=span_s, resampler=how.resampler
    )
    heard = music_features(samples, how.sample_rate, feature=how.feature, scale=how.scale)
    agreement = agreement_curve(
        network, torch.from_numpy(heard), torch.from_numpy(joints), before, rate_hz
    )
    beats = read_audio(music, SAMPLE_RATE, start_s=first_s, duration_s=span_s)
    music_s = music_beats(beats, SAMPLE_RATE)[0] + first_s - start_s
    beat_s = float("nan")
    if len(music_s) > 1:
        beat_s = float(np.median(np.diff(music_s)))
        # beats that end with the file would tell where it ends
        music_s = continued(music_s, -LARGEST_S, seconds + LARGEST_S)
    by_beats = {
        name: alignment_curve(motion_beats(joints, rate_hz, name), music_s, seconds, name)
        for name in _DEFINITIONS
    }
    return {"network": agreement} | by_beats, beat_s


def planted(
    network: SynchronyNetwork, ids: pd.DataFrame, task: workspace.About, about: About
) -> pd.DataFrame:
    """What network and beats say of an offset that the music of each test piece is given.

    ``network`` is of one fold, in eval mode; ``ids`` are the fold's rows: fold, split, piece; ``about``
    says how its inputs are made, and its seed draws the offsets. Returns fold, piece, planted_s,
    beat_s, network_s, mint_s, bailando_s; NaN where no offset is best.
    """
    pieces = workspace.read_pieces(task.corpus).set_index("piece")
    allowed = OFFSETS_S[np.abs(OFFSETS_S) <= PLANTED_S]
    fold, rows = int(ids["fold"].iloc[0]), []
    for name in sides(ids)["test"]:
        offset_s = float(stream(about.seed, "synchrony", "planted", name).choice(allowed))
        joints = read_array(workspace.data(task.corpus, "joints", f"{name}.npy"))
        sound = workspace.data(task.corpus, "raw") / str(pieces["music_file"][name])
        start_s = float(pieces["music_start_s"][name])
        # the music is taken from so much earlier than where it belongs, and has to be read later
        found, beat_s = curves(
            network, joints, about.motion_rate_hz, sound, start_s - offset_s, about.music
        )
        rows.append(
            {"fold": fold, "piece": name, "planted_s": offset_s, "beat_s": beat_s}
            | {f"{finder}_s": best(found[finder]) for finder in FINDERS}
        )
    return pd.DataFrame(rows)
