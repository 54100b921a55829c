"""What the stage dance leaves of every seed: motions, neighbours, judges."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from motionmusic import workspace
from motionmusic.errors import UserError
from motionmusic.files import Float32, read_array, read_json
from motionmusic.models import conductor_weights
from motionmusic.scoring.agreement import read
from motionmusic.scoring.motion_errors import KEYPOINTS
from motionmusic.scoring.rivals import IDS, Dances, Made, Motion, Perceive, clips_of

_NEIGHBOURS = [*IDS, "neighbour", "neighbour_start"]
_PART = 32  # clips that a judge looks at together


def clips(
    votes: pd.DataFrame, about: workspace.About, made: Sequence[Made]
) -> tuple[pd.DataFrame, int]:
    """The tested excerpts at 30 Hz: fold, piece, excerpt, start; and their frames."""
    rows, frames = clips_of(votes[IDS], about.excerpt_frames, about.motion_rate_hz)
    # as the stage dance does where rounding, or the music's end, takes a clip beyond the motion
    ends = {piece: min(len(of.motion[piece]) for of in made) for piece in made[0].motion}
    return rows.assign(start=np.minimum(rows["start"], rows["piece"].map(ends) - frames)), frames


def dances(task: str, seed: int) -> Dances:
    """The real dances, their music's beats, and which were trained on."""
    corpus = workspace.about(task).corpus
    pieces = workspace.read_pieces(corpus).set_index("piece")
    beats = workspace.read_beats(corpus)
    beats = beats[beats["kind"] == "music"]
    path = workspace.data(task, "dance", f"{seed}", "dance.json")
    return Dances(
        _arrays(workspace.data(corpus, "keypoints"), pieces.index),
        pieces,
        {
            piece: np.sort(beats.loc[beats["piece"] == piece, "time_s"].to_numpy(np.float64))
            for piece in pieces.index
        },
        {int(n): of["train"] for n, of in read_json(path, workspace.REMEDY)["folds"].items()},
    )


def made_by(task: str, seed: int) -> Made:
    """What the generators of one seed made, and the judges of it."""
    folder = workspace.data(task, "dance", f"{seed}")
    pieces = read(folder / "votes.csv", IDS)["piece"].unique()
    motion = _arrays(folder / "motion", pieces)
    return Made(motion, read(folder / "neighbours.csv", _NEIGHBOURS), _judges(folder))


def _judges(folder: Path) -> Perceive:
    """What the judge of a fold sees in motions, (n, frames, 64); each is read once."""
    encoders: dict[int, torch.nn.Module] = {}

    @torch.inference_mode()
    def perceive(fold: int, motions: Motion) -> Float32:
        if fold not in encoders:
            path = folder / f"fold{fold}_judge.safetensors"
            encoders[fold] = conductor_weights.load_sync_network(
                conductor_weights.read(path), path
            ).motion_encoder
        starts = range(0, len(motions), _PART)
        parts = [torch.from_numpy(motions[start : start + _PART]) for start in starts]
        return np.concatenate([encoders[fold](part).numpy() for part in parts])

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
