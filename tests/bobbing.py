"""Bodies that bob on the beat of clicks, for tests of what is in time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from motionmusic.scoring.beat_phase import BALLROOM, BeatPhase
from motionmusic.scoring.timing import TimedPiece, learn
from motionmusic.scoring.two_corpora import by_piece

BEAT_HZ = 2.0


def taught(pieces: Sequence[TimedPiece]) -> BeatPhase:
    """The model of the beat of these, each unseen by one of five folds."""
    return learn(pieces, by_piece([one.piece for one in pieces]), BALLROOM)


def piece(number: int, away: float = 0.0, units: int = 10) -> TimedPiece:
    """A body that bobs on the beat, ``away`` beats late; units of eight beats, two takes a figure."""
    random = np.random.default_rng(number)
    frames, first_s = units * 100, 0.2
    times = first_s + np.arange(frames) / 25
    beat = 2 * np.pi * BEAT_HZ * (times - first_s) - 2 * np.pi * away
    joints = random.normal(0, 1, (1, 23, 3)) + random.normal(0, 0.01, (frames, 23, 3))
    joints[..., 1] += (random.uniform(1, 3, 23) * np.sin(beat)[:, None]).reshape(frames, 23)
    at = np.arange(100 * (frames // 25 + 2)) / 100
    onsets = np.exp(10 * (np.cos(2 * np.pi * BEAT_HZ * (at - first_s)) - 1))
    onsets -= onsets.mean()
    named = tuple(
        (f"{'CR'[number % 2]}-{(number + i) % 10}-{i % 2 + 1}", 4.0 * i, 4.0 * (i + 1))
        for i in range(units)
    )
    tracked = first_s + np.arange(2 * frames // 25) / BEAT_HZ
    return TimedPiece(
        f"{'CR'[number % 2]}_{number}", "CR"[number % 2], joints, named, first_s, onsets,
        BEAT_HZ, first_s, tracked,
    )  # fmt: skip
