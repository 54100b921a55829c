"""What the stages that render share: which recommendations, what a clip is called, its sound."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from motionmusic import workspace
from motionmusic.errors import UserError
from motionmusic.features.audio import read_audio
from motionmusic.files import Float32

METHODS = ("category", "contrastive")  # the paper's, and the best that is learned
SAMPLE_RATE = 48_000


def read_recommendations(dataset: str) -> pd.DataFrame:
    """What the rendered methods recommend, of the lowest seed."""
    path = workspace.data(dataset, "recommendations.csv")
    if not path.exists():
        raise UserError(path, "", "recommendations", "no such file", "run `dvc repro`")
    found = pd.read_csv(path, dtype={"piece": str, "track_piece": str})
    chosen: pd.DataFrame = found[
        (found["seed"] == found["seed"].min()) & found["method"].isin(METHODS)
    ]
    return chosen


def clip_name(category: str, piece: str, excerpt: int) -> str:
    """The name of an excerpt's files, CATEGORY_PIECE_EXCERPT."""
    return f"{re.sub(r'[^A-Za-z0-9]+', '_', category)}_{piece}_{excerpt}"


def sound(file: Path, start_s: float, seconds: float) -> Float32:
    """A part of a track, at most so long."""
    return read_audio(file, SAMPLE_RATE, start_s=start_s, duration_s=seconds)
