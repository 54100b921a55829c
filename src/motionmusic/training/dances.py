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
from motionmusic.training.negatives import beats_at_frames

Windows = NDArray[np.int64]


class Dance(NamedTuple):
    """One piece, motion and music from the same moment on.

    Attributes:
        name: of the piece.
        motion: (f, joints, coordinates) at ``rate_hz``.
        music: (k f, bands), k music frames a motion frame.
        beats: (f,) float64, the music's beats counted up to each frame, with fractions.
        rate_hz: motion frames a second.
    """

    name: str
    motion: Tensor
    music: Tensor
    beats: NDArray[np.float64]
    rate_hz: float


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
    tables = [workspace.data(corpus, name) for name in ("beats.parquet", "pieces.csv")]
    return tables + [
        workspace.data(corpus, kind, f"{name}.npy") for name in names for kind in kinds
    ]


def _music_beats(corpus: str) -> dict[str, NDArray[np.float64]]:
    """Seconds of the music's beats from each piece's first motion frame on."""
    table = workspace.read_beats(corpus)
    table = table[table["kind"] == "music"]
    times = {str(piece): np.sort(rows["time_s"]) for piece, rows in table.groupby("piece")}
    pieces = workspace.read_pieces(corpus)["piece"]
    return {piece: np.asarray(times.get(piece, np.zeros(0)), np.float64) for piece in pieces}


def _tensor(array: NDArray[np.floating]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, np.float32))


def sides(ids: pd.DataFrame) -> dict[str, list[str]]:
    """The pieces of each split of one fold, in order; none for a split without any."""
    none: dict[str, list[str]] = {"train": [], "validation": [], "test": []}
    return none | {str(split): sorted(set(rows["piece"])) for split, rows in ids.groupby("split")}


def check_split(ids: pd.DataFrame, task: str) -> None:
    """Negatives are of other pieces, so every split needs two, and no piece may be on two sides.

    Raises UserError where that does not hold for the rows of a fold.
    """
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
    """Consecutive windows of ``frames``: (n, 2), number of the dance and first frame.

    Raises UserError where a dance is shorter than one window.
    """
    short = [dance for dance in dances if len(dance.motion) < frames]
    if short:
        raise UserError(
            "segments",
            "",
            f"dances of at least {frames / short[0].rate_hz:.1f} s",
            f"{', '.join(dance.name for dance in short[:3])} shorter than that",
            "leave them out of the corpus",
        )
    rows = [
        (number, start)
        for number, dance in enumerate(dances)
        for start in range(0, len(dance.motion) - frames + 1, frames)
    ]
    return np.array(rows, np.int64).reshape(-1, 2)


def cut_codes(codes: Sequence[Tensor], rows: Windows, frames: int) -> Tensor:
    """(n, frames, 64) of windows (n, 2), dance and first frame, of each dance's codes (f, 64)."""
    return torch.stack([codes[d][start : start + frames] for d, start in rows])


def cut_motion(dances: Sequence[Dance], rows: Windows, frames: int) -> Tensor:
    """(n, frames, joints, coordinates) of windows (n, 2), dance and first frame."""
    return torch.stack([dances[d].motion[start : start + frames] for d, start in rows])


def cut_music(dances: Sequence[Dance], rows: Windows, frames: int) -> Tensor:
    """(n, k · frames, bands) of windows (n, 2), dance and first motion frame."""
    k = len(dances[0].music) // len(dances[0].motion)
    return torch.stack([dances[d].music[k * start : k * (start + frames)] for d, start in rows])
