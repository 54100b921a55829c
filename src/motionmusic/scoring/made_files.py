"""What the stage dance leaves of every seed: motions, neighbours, judges."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from motionmusic import workspace
from motionmusic.errors import UserError
from motionmusic.features.keypoints import clip_of
from motionmusic.files import Float32, read_array, read_json
from motionmusic.models import conductor_weights
from motionmusic.scoring.agreement import read
from motionmusic.scoring.generated import IDS, Dances, Made, Motion, Perceive
from motionmusic.scoring.motion_errors import KEYPOINTS

_PART = 32  # clips that a judge looks at together


def clips(
    votes: pd.DataFrame, about: workspace.About, made: Sequence[Made]
) -> tuple[pd.DataFrame, int]:
    """The tested excerpts at 30 Hz: fold, piece, excerpt, start (frame), sorted; and their frames."""
    rows = votes[IDS].sort_values(IDS, ignore_index=True)
    places = [clip_of(n, about.excerpt_frames, about.motion_rate_hz) for n in rows["excerpt"]]
    (_, frames), *_ = places
    # as the stage dance does where rounding, or the music's end, takes a clip beyond the motion
    ends = {piece: min(len(of.motion[piece]) for of in made) for piece in made[0].motion}
    starts = np.minimum([start for start, _ in places], rows["piece"].map(ends) - frames)
    return rows.assign(start=starts), frames


def dances(task: str, seed: int) -> Dances:
    """The real dances, their music's beats, and which were trained on."""
    corpus = workspace.about(task).corpus
    pieces = workspace.read_pieces(corpus).set_index("piece")
    beats = workspace.read_beats(corpus)
    music = beats[beats["kind"] == "music"]
    path = workspace.data(task, "dance", f"{seed}", "dance.json")
    return Dances(
        _arrays(workspace.data(corpus, "keypoints"), pieces.index),
        pieces,
        {
            piece: np.sort(music.loc[music["piece"] == piece, "time_s"].to_numpy(np.float64))
            for piece in pieces.index
        },
        {int(n): of["train"] for n, of in read_json(path, workspace.REMEDY)["folds"].items()},
    )


def made_by(task: str, seed: int) -> Made:
    """What the generators of one seed made, and the judges of it."""
    folder = workspace.data(task, "dance", f"{seed}")
    motion = _arrays(folder / "motion", read(folder / "votes.csv", IDS)["piece"].unique())
    return Made(motion, workspace.read_neighbours(folder), _judges(folder))


def _judges(folder: Path) -> Perceive:
    """What the judge of a fold sees in motions, (n, frames, 64); each is read once."""
    encoders: dict[int, torch.nn.Module] = {}

    @torch.inference_mode()
    def perceive(fold: int, motions: Motion) -> Float32:
        if fold not in encoders:
            path = folder / f"fold{fold}_judge.safetensors"
            network = conductor_weights.load_sync_network(conductor_weights.read(path), path)
            encoders[fold] = network.motion_encoder
        parts = [motions[start : start + _PART] for start in range(0, len(motions), _PART)]
        return np.concatenate([encoders[fold](torch.from_numpy(part)).numpy() for part in parts])

    return perceive


def _arrays(folder: Path, pieces: Iterable[str]) -> dict[str, Motion]:
    """The motions (f, 13, 2) of these pieces."""
    motions = {}
    for piece in pieces:
        path = folder / f"{piece}.npy"
        motion = read_array(path)
        if motion.ndim != 3 or motion.shape[1:] != (KEYPOINTS, 2):
            expected = f"(frames, {KEYPOINTS}, 2)"
            raise UserError(path, "", expected, f"{motion.shape}", workspace.REMEDY)
        motions[piece] = motion.astype(np.float32, copy=False)
    return motions
