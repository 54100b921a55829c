"""Offsets planted between dances and their own music, and whether networks and beats find them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from motionmusic import workspace
from motionmusic.features.audio import read_audio
from motionmusic.features.beats import SAMPLE_RATE, Definition, motion_beats, music_beats
from motionmusic.features.music import music_features
from motionmusic.files import Float32, read_array
from motionmusic.models.matcher import About
from motionmusic.models.synchrony import Voter
from motionmusic.params import Music
from motionmusic.scoring.agreement import FINDERS
from motionmusic.scoring.offsets import LARGEST_S, OFFSETS_S, alignment_curve, best, vote_curve
from motionmusic.streams import stream
from motionmusic.training.dances import continued, sides

PLANTED_S = 1.5  # planted offsets lie within it to both sides, well inside the curve
_DEFINITIONS: tuple[Definition, ...] = ("mint", "bailando")


def curves(
    networks: Sequence[Voter],
    joints: Float32,
    rate_hz: float,
    music: Path,
    start_s: float,
    how: Music,
) -> dict[str, NDArray[np.float64]]:
    """Votes, and beat alignment by its two definitions (mint, bailando), over offsets: (101,) each.

    Votes are averaged over ``networks``; ``joints`` (frames, v, 3) are scaled as theirs. The dance
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
    votes = [
        vote_curve(network, torch.from_numpy(heard), torch.from_numpy(joints), before, rate_hz)
        for network in networks
    ]
    beats = read_audio(music, SAMPLE_RATE, start_s=first_s, duration_s=span_s)
    music_s = music_beats(beats, SAMPLE_RATE)[0] + first_s - start_s
    if len(music_s) > 1:
        # beats that end with the file would tell where it ends
        music_s = continued(music_s, -LARGEST_S, seconds + LARGEST_S)
    return {"votes": np.mean(votes, axis=0)} | {
        name: alignment_curve(motion_beats(joints, rate_hz, name), music_s, seconds, name)
        for name in _DEFINITIONS
    }


def planted(network: Voter, ids: pd.DataFrame, task: workspace.About, about: About) -> pd.DataFrame:
    """What network and beats say of an offset that the music of each test piece is given.

    ``network`` is of one fold, in eval mode; ``ids`` are the fold's rows: fold, split, piece; ``about``
    says how its inputs are made, and its seed draws the offsets. Returns fold, piece, planted_s,
    network_s, mint_s, bailando_s; NaN where no offset is best.
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
        found = curves(
            [network], joints, about.motion_rate_hz, sound, start_s - offset_s, about.music
        )
        said = zip(FINDERS, ("votes", "mint", "bailando"), strict=True)
        rows.append(
            {"fold": fold, "piece": name, "planted_s": offset_s}
            | {f"{finder}_s": best(found[curve]) for finder, curve in said}
        )
    return pd.DataFrame(rows)
