"""Whole dances with their music as the voting networks take them, and windows cut out of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from motionmusic import workspace
from motionmusic.errors import UserError
from motionmusic.features.audio import read_audio
from motionmusic.features.keypoints import FRAMES
from motionmusic.features.mel import MEL_PER_FRAME, SAMPLE_RATE, mel_from
from motionmusic.files import read_array

Windows = NDArray[np.int64]


class Dance(NamedTuple):
    """One piece, motion and music from the same moment on."""

    name: str
    motion: Tensor  # (f, joints, coordinates)
    music: Tensor  # (k f, bands), k music frames a motion frame
    beats: NDArray[np.float64]  # (f,) the music's beats up to each frame, with fractions
    rate_hz: float  # motion frames a second


def read_joint_dances(corpus: str, names: Iterable[str], rate_hz: float) -> dict[str, Dance]:
    """Joints (f, v, 3) and log-mel (f, bands) of these pieces."""
    beats = _music_beats(corpus)
    found = {}
    for name in names:
        motion, music = (
            read_array(workspace.data(corpus, kind, f"{name}.npy")) for kind in ("joints", "music")
        )
        frames = min(len(motion), len(music))
        of_music = beats_at_frames(beats[name], frames, rate_hz)
        found[name] = Dance(
            name, _tensor(motion[:frames]), _tensor(music[:frames]), of_music, rate_hz
        )
    return found


def read_keypoint_dances(corpus: str, names: Iterable[str]) -> dict[str, Dance]:
    """Keypoints (f, 13, 2) at 30 Hz and mel spectrograms (3 f, 128) of these pieces."""
    rows, beats = workspace.read_pieces(corpus).set_index("piece"), _music_beats(corpus)
    found = {}
    for name in names:
        motion = read_array(workspace.data(corpus, "keypoints", f"{name}.npy"))
        sound = workspace.data(corpus, "raw") / str(rows["music_file"][name])
        mel, start = mel_from(read_audio(sound, SAMPLE_RATE), float(rows["music_start_s"][name]))
        mel = mel[MEL_PER_FRAME * start :]
        frames = min(len(motion), len(mel) // MEL_PER_FRAME)
        music = _tensor(mel[: MEL_PER_FRAME * frames])
        of_music = beats_at_frames(beats[name], frames, FRAMES)
        found[name] = Dance(name, _tensor(motion[:frames]), music, of_music, FRAMES)
    return found


def dance_files(corpus: str, names: Iterable[str], *kinds: str) -> list[Path]:
    """The files that dances are read from, with the corpus's tables."""
    files = [(kind, f"{name}.npy") for name in names for kind in kinds]
    return [workspace.data(corpus, *file) for file in [("beats.parquet",), ("pieces.csv",), *files]]


def _music_beats(corpus: str) -> dict[str, NDArray[np.float64]]:
    """Seconds of the music's beats from each piece's first motion frame on."""
    table = workspace.read_beats(corpus)
    table = table[table["kind"] == "music"]
    times = {str(piece): np.sort(rows["time_s"]) for piece, rows in table.groupby("piece")}
    pieces = workspace.read_pieces(corpus)["piece"]
    return {piece: np.asarray(times.get(piece, np.zeros(0)), np.float64) for piece in pieces}


def beats_at_frames(
    beats_s: NDArray[np.float64], frames: int, rate_hz: float
) -> NDArray[np.float64]:
    """How many beats have passed at each frame, (frames,), going on evenly at both ends.

    ``beats_s`` ascend; with fewer than two of them, there are 120 a minute from frame 0 on.
    """
    times = np.arange(frames) / rate_hz
    if len(beats_s) < 2:
        return times * 2
    grid = continued(beats_s, 0, float(times[-1]))
    before = np.searchsorted(grid, beats_s[0])
    return np.asarray(np.interp(times, grid, np.arange(len(grid)) - float(before)))


def continued(beats_s: NDArray[np.float64], first_s: float, last_s: float) -> NDArray[np.float64]:
    """At least two beats, going on at their median interval to ``first_s`` and ``last_s`` and beyond."""
    step = float(np.median(np.diff(beats_s)))
    before = int(max(0, beats_s[0] - first_s) / step) + 1
    after = int(max(0, last_s - beats_s[-1]) / step) + 1
    earlier = beats_s[0] - step * np.arange(before, 0, -1)
    later = beats_s[-1] + step * np.arange(1, after + 1)
    return np.concatenate([earlier, beats_s, later])


def _tensor(array: NDArray[np.floating]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, np.float32))


def sides(ids: pd.DataFrame) -> dict[str, list[str]]:
    """The pieces of each split of one fold, in order; none for a split without any."""
    none: dict[str, list[str]] = {"train": [], "validation": [], "test": []}
    return none | {str(split): sorted(set(rows["piece"])) for split, rows in ids.groupby("split")}


def tested(ids: pd.DataFrame) -> list[tuple[str, int]]:
    """Piece and number of each test excerpt of one fold, in order."""
    rows = ids[ids["split"] == "test"]
    return sorted(set(zip(rows["piece"], rows["excerpt"].tolist(), strict=True)))


def check_split(ids: pd.DataFrame, task: str) -> None:
    """Raises UserError where a fold's split has less than two pieces, or a piece is on two sides."""
    names = sides(ids)
    count = {split: len(pieces) for split, pieces in names.items()}
    if min(count.values()) < 2 or sum(count.values()) > ids["piece"].nunique():
        raise UserError(
            "params.yaml",
            f"segment.{task}.protocol",
            "a split by piece, with two pieces in train, validation and test",
            f"{count} of {ids['piece'].nunique()} pieces in fold {ids['fold'].iloc[0]}",
            "choose a task that is split by piece and has enough of them",
        )


def windows(dances: Sequence[Dance], frames: int) -> Windows:
    """Consecutive windows: (n, 2), dance and first frame. Raises UserError for a shorter dance."""
    short = [dance for dance in dances if len(dance.motion) < frames]
    if short:
        expected = f"dances of at least {frames / short[0].rate_hz:.1f} s"
        got = f"{', '.join(dance.name for dance in short[:3])} shorter than that"
        raise UserError("segments", "", expected, got, "leave them out of the corpus")
    rows = [
        (number, start)
        for number, dance in enumerate(dances)
        for start in range(0, len(dance.motion) - frames + 1, frames)
    ]
    return np.array(rows, np.int64).reshape(-1, 2)


def cut_motion(dances: Sequence[Dance], rows: Windows, frames: int) -> Tensor:
    """(n, frames, joints, coordinates) of windows (n, 2), dance and first frame."""
    return torch.stack([dances[d].motion[start : start + frames] for d, start in rows])


def cut_music(dances: Sequence[Dance], rows: Windows, frames: int) -> Tensor:
    """(n, k · frames, bands) of windows (n, 2), dance and first motion frame."""
    k = len(dances[0].music) // len(dances[0].motion)
    return torch.stack([dances[d].music[k * start : k * (start + frames)] for d, start in rows])
