"""Whether music and motion are told apart: votes for true pairs, planted offsets that are found."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from motionmusic import workspace
from motionmusic.errors import UserError
from motionmusic.scoring.intervals import mean_interval

NEGATIVES = ("easy", "hard", "super_hard")
_VOTERS = {"network": "", "judge": "judge_"}  # who votes → how its columns begin
FINDERS = ("network", "mint", "bailando")
TOLERANCE_S = 0.1
OFFSET_CHANCE = 5 / 101
"""Of a guess among the offsets of a curve (motionmusic.scoring.planted)."""

VOTES = ["fold", "piece", "excerpt", *NEGATIVES]
JUDGED = [*VOTES, *(f"judge_{name}" for name in NEGATIVES)]
OFFSETS = ["fold", "piece", "planted_s", "beat_s", *(f"{way}_s" for way in FINDERS)]

WHOLE = ["fold", "piece", "candidate", "score"]
FILES = {"votes.csv": VOTES, "offsets.csv": OFFSETS, "whole.csv": WHOLE}
"""What the stage synchrony writes of each seed, and the columns."""


def read(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """A table of the stage dance or synchrony. Raises UserError where it or a column is missing."""
    if not path.exists():
        raise UserError(path, "", "what an earlier stage writes", "nothing", workspace.REMEDY)
    frame = pd.read_csv(path, dtype={"piece": str, "neighbour": str, "candidate": str})
    missing = [column for column in columns if column not in frame]
    if missing:
        raise UserError(path, missing[0], "a column", "none of this name", workspace.REMEDY)
    return frame[list(columns)]


def agreement(votes: Sequence[pd.DataFrame], seed: int, resamples: int) -> dict[str, Any]:
    """How often the true pair of music and motion gets the higher vote.

    ``votes``, one a seed: piece, excerpt, and shares of draws: easy, hard, super_hard, and judge_easy, …
    where a judge voted too. Returns clips, pieces, network and judge {negative: Interval}.
    """
    mean = pd.concat(votes).groupby(["piece", "excerpt"], as_index=False).mean()
    return {"clips": len(mean), "pieces": int(mean["piece"].nunique())} | {
        voter: {
            name: mean_interval(mean[f"{prefix}{name}"], mean["piece"], seed, resamples)
            for name in NEGATIVES
        }
        for voter, prefix in _VOTERS.items()
        if f"{prefix}{NEGATIVES[0]}" in mean
    }


def recovered(offsets: Sequence[pd.DataFrame], seed: int, resamples: int) -> dict[str, Any]:
    """How often a planted offset is found within 0.1 s, and how often up to whole beats.

    ``offsets``, one a seed: piece, planted_s, beat_s, network_s, mint_s, bailando_s; NaN is not found.
    Returns planted (of one seed), pieces, chance_up_to_beats, and for each of ``FINDERS`` its
    Interval, and FINDER_up_to_beats.
    """
    rows = pd.concat(offsets, ignore_index=True)
    found: dict[str, Any] = {
        "planted": len(offsets[0]),
        "pieces": int(rows["piece"].nunique()),
        "chance_up_to_beats": float((2 * TOLERANCE_S / rows["beat_s"]).clip(upper=1).mean()),
    }
    for way in FINDERS:
        off = rows[f"{way}_s"] - rows["planted_s"]
        beats = off / rows["beat_s"]
        away = {way: off, f"{way}_up_to_beats": (beats - beats.round()) * rows["beat_s"]}
        for name, of in away.items():
            right = (of.abs() <= TOLERANCE_S + 1e-6).astype(float)
            found[name] = mean_interval(right, rows["piece"], seed, resamples)
    return found
