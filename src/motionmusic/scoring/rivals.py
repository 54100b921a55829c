"""What stands beside motion made for music: real motion that was not danced to it, and no motion.

A clip is a test excerpt, at 30 frames a second. These motions know nothing of its music, or almost
nothing: the dance itself half a beat off and at another moment, another dance, the dance of the most
similar music, and a mean pose that does not move.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from motionmusic.features.keypoints import clip_of
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
    """The dances of a data set.

    Attributes:
        keypoints: of each piece, (f, 13, 2) at 30 Hz.
        pieces: piece (index), label, music_file.
        music: seconds of the beats of each piece's music, ascending.
        training: of each fold, the pieces trained on.
    """

    keypoints: Mapping[str, Motion]
    pieces: pd.DataFrame
    music: Mapping[str, Floats]
    training: Mapping[int, Sequence[str]]


@dataclass(frozen=True)
class Made:
    """What one seed's networks made and know.

    Attributes:
        motion: the generator's for each piece's music, (f, 13, 2).
        neighbours: fold, piece, excerpt, neighbour, neighbour_start (frame).
        perceive: the judges' motion encoders.
    """

    motion: Mapping[str, Motion]
    neighbours: pd.DataFrame
    perceive: Perceive


def clips_of(tested: pd.DataFrame, excerpt_frames: int, rate_hz: float) -> tuple[pd.DataFrame, int]:
    """Excerpts at 30 Hz: fold, piece, excerpt, start (frame), in this order; the frames of each.

    Args:
        tested: at least one excerpt: fold, piece, excerpt, and more.
        excerpt_frames: at ``rate_hz``.
        rate_hz: of the data set's motion.
    """
    clips = tested[IDS].sort_values(IDS).reset_index(drop=True)
    places = [clip_of(excerpt, excerpt_frames, rate_hz) for excerpt in clips["excerpt"]]
    return clips.assign(start=[start for start, _ in places]), places[0][1]


def half_a_beat(music_s: Floats) -> int:
    """Frames of half the median interval of the beats; 0.25 s where there are less than two."""
    half_s = float(np.median(np.diff(music_s))) / 2 if len(music_s) > 1 else _NO_BEATS_S
    return max(1, round(half_s * RATE_HZ))


def systems(
    clips: pd.DataFrame, frames: int, dances: Dances, made: Sequence[Made], seed: int
) -> dict[str, list[Motion]]:
    """The motions of every row of the table, (n, frames, 13, 2): one a seed, or one for all.

    A motion that there is no room for is NaN: of another moment in a piece that is too short.

    Args:
        clips: fold, piece, excerpt, start.
        frames: of a clip.
        dances: of the data set.
        made: one a seed.
        seed: of what is drawn: another moment, another piece.

    Raises:
        ValueError: a motion ends before its clip does, or a clip has no neighbour.
    """
    poses = {
        fold: np.concatenate([dances.keypoints[piece] for piece in pieces]).mean(
            axis=0, dtype=np.float64
        )
        for fold, pieces in dances.training.items()
    }
    still = np.stack([poses[fold] for fold in clips["fold"]])[:, None].astype(np.float32)
    return {
        "generator": [_cut_from(clips, frames, of.motion) for of in made],
        "shifted": [_stacked(clips, frames, lambda clip: _shifted(clip, frames, dances))],
        "moment": [_stacked(clips, frames, lambda clip: _moment(clip, frames, dances, seed))],
        "another": [
            _stacked(clips, frames, lambda clip: _another(clip, clips, frames, dances, seed))
        ],
        "neighbour": [_neighbours(clips, frames, dances, of.neighbours) for of in made],
        "mean_pose": [np.repeat(still, frames, axis=1)],
        "itself": [_cut_from(clips, frames, dances.keypoints)],
    }


def _stacked(clips: pd.DataFrame, frames: int, cut: Callable[[Any], Cut]) -> Motion:
    motions = np.full((len(clips), frames, KEYPOINTS, 2), np.nan, np.float32)
    for place, clip in enumerate(clips.to_dict("records")):
        found = cut(clip)
        if found is None:
            continue
        motion, start = found
        if not 0 <= start <= len(motion) - frames:
            raise ValueError(
                f"piece {clip['piece']}, excerpt {clip['excerpt']}: frames {start} to"
                f" {start + frames} of a motion of {len(motion)}"
            )
        motions[place] = motion[start : start + frames]
    return motions


def _cut_from(clips: pd.DataFrame, frames: int, motions: Mapping[str, Motion]) -> Motion:
    """The clips' own seconds of each piece's motion."""
    return _stacked(clips, frames, lambda clip: (motions[clip["piece"]], clip["start"]))


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


def _neighbours(clips: pd.DataFrame, frames: int, dances: Dances, found: pd.DataFrame) -> Motion:
    known = {
        (row["fold"], row["piece"], row["excerpt"]): (
            dances.keypoints[row["neighbour"]],
            int(row["neighbour_start"]),
        )
        for row in found.to_dict("records")
    }
    missing = [key for key in clips[IDS].itertuples(index=False, name=None) if key not in known]
    if missing:
        raise ValueError(f"piece {missing[0][1]}, excerpt {missing[0][2]}: no neighbour")
    return _stacked(clips, frames, lambda clip: known[clip["fold"], clip["piece"], clip["excerpt"]])
