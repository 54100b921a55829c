"""What stands beside motion made for music: real motion that was not danced to it, and no motion.

A clip is a test excerpt, at 30 frames a second: the dance itself half a beat off and at another
moment, another dance, the dance of the most similar music, and a mean pose.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from motionmusic.scoring.motion_errors import KEYPOINTS, RATE_HZ
from motionmusic.streams import stream

Floats = NDArray[np.float64]
Motion = NDArray[np.float32]
Perceive = Callable[[int, Motion], NDArray[np.floating[Any]]]
"""The judge of a fold: (n, frames, 13, 2) → (n, frames, 64)."""
Cut = tuple[Motion, int] | None
"""A motion and the frame that a clip begins at, or nothing that fits."""
IDS = ["fold", "piece", "excerpt"]

_AWAY = 10 * RATE_HZ  # frames between a clip and another moment
_NO_BEATS_S = 0.25  # half a beat where the music has none: at 120 a minute


@dataclass(frozen=True)
class Dances:
    """The dances of a data set."""

    keypoints: Mapping[str, Motion]  # of each piece, (f, 13, 2) at 30 Hz
    pieces: pd.DataFrame  # piece (index), label, music_file
    music: Mapping[str, Floats]  # seconds of the beats of each piece's music, ascending
    training: Mapping[int, Sequence[str]]  # of each fold, the pieces trained on


@dataclass(frozen=True)
class Made:
    """What one seed's networks made and know."""

    motion: Mapping[str, Motion]  # the generator's for each piece's music, (f, 13, 2)
    neighbours: pd.DataFrame  # fold, piece, excerpt, neighbour, neighbour_start (frame)
    perceive: Perceive  # the judges' motion encoders


def half_a_beat(music_s: Floats) -> int:
    """Frames of half the median interval of the beats; 0.25 s where there are less than two."""
    half_s = float(np.median(np.diff(music_s))) / 2 if len(music_s) > 1 else _NO_BEATS_S
    return max(1, round(half_s * RATE_HZ))


def systems(
    clips: pd.DataFrame, frames: int, dances: Dances, made: Sequence[Made], seed: int
) -> dict[str, list[Motion]]:
    """The motions of every row of the table, (n, frames, 13, 2): one a seed, or one for all.

    A motion that there is no room for is NaN: of another moment in a piece that is too short. ``clips``:
    fold, piece, excerpt, start; ``made``: one a seed; ``seed``: of another moment and another piece.
    Raises ValueError where a motion ends before its clip does, or a clip has no neighbour.
    """
    poses = {
        fold: np.concatenate([dances.keypoints[piece] for piece in pieces]).mean(
            axis=0, dtype=np.float64
        )
        for fold, pieces in dances.training.items()
    }
    still = np.stack([poses[fold] for fold in clips["fold"]])[:, None].astype(np.float32)

    def stacked(cut: Callable[[Any], Cut]) -> Motion:
        motions = [_cut(clip, frames, cut(clip)) for clip in clips.to_dict("records")]
        return np.stack(motions)

    def own(motions: Mapping[str, Motion]) -> Motion:
        return stacked(lambda clip: (motions[clip["piece"]], clip["start"]))

    return {
        "generator": [own(of.motion) for of in made],
        "shifted": [stacked(lambda clip: _shifted(clip, frames, dances))],
        "moment": [stacked(lambda clip: _moment(clip, frames, dances, seed))],
        "another": [stacked(lambda clip: _another(clip, clips, frames, dances, seed))],
        "neighbour": [stacked(_neighbours(dances, of.neighbours)) for of in made],
        "mean_pose": [np.repeat(still, frames, axis=1)],
        "itself": [own(dances.keypoints)],
    }


def _cut(clip: Mapping[Any, Any], frames: int, found: Cut) -> Motion:
    if found is None:
        return np.full((frames, KEYPOINTS, 2), np.nan, np.float32)
    motion, start = found
    if not 0 <= start <= len(motion) - frames:
        raise ValueError(
            f"piece {clip['piece']}, excerpt {clip['excerpt']}: frames {start} to"
            f" {start + frames} of a motion of {len(motion)}"
        )
    return motion[start : start + frames]


def _shifted(clip: Mapping[str, Any], frames: int, dances: Dances) -> Cut:
    """Later where it fits, else earlier."""
    motion, half = dances.keypoints[clip["piece"]], half_a_beat(dances.music[clip["piece"]])
    for start in (clip["start"] + half, clip["start"] - half):
        if 0 <= start <= len(motion) - frames:
            return motion, start
    return None


def _moment(clip: Mapping[str, Any], frames: int, dances: Dances, seed: int) -> Cut:
    motion = dances.keypoints[clip["piece"]]
    starts = np.arange(len(motion) - frames + 1)
    far = starts[np.abs(starts - clip["start"]) >= _AWAY]
    random = stream(seed, "conducting", "moment", clip["piece"], clip["excerpt"])
    return (motion, int(random.choice(far))) if len(far) else None


def _another(
    clip: Mapping[str, Any], clips: pd.DataFrame, frames: int, dances: Dances, seed: int
) -> Cut:
    """Of the pieces tested in the same fold, of the same class where there is one."""
    tested = dances.pieces.loc[np.unique(clips.loc[clips["fold"] == clip["fold"], "piece"])]
    own = dances.pieces.loc[clip["piece"]]
    others = tested[tested["music_file"] != own["music_file"]]
    alike = others[others["label"] == own["label"]]
    names = list((alike if len(alike) else others).index)
    if not names:
        return None
    random = stream(seed, "conducting", "another", clip["piece"], clip["excerpt"])
    motion = dances.keypoints[names[random.integers(len(names))]]
    return motion, int(random.integers(len(motion) - frames + 1))


def _neighbours(dances: Dances, found: pd.DataFrame) -> Callable[[Any], Cut]:
    known = found.set_index(IDS)[["neighbour", "neighbour_start"]].T.to_dict("list")

    def neighbour(clip: Mapping[str, Any]) -> Cut:
        key = clip["fold"], clip["piece"], clip["excerpt"]
        if key not in known:
            raise ValueError(f"piece {key[1]}, excerpt {key[2]}: no neighbour")
        name, start = known[key]
        return dances.keypoints[name], int(start)

    return neighbour
