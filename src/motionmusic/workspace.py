"""Where the stages find and leave their files: the one place that knows the folders.

A corpus is dances with their music from one place; a task is a corpus, a split and a budget
(docs/architecture.md). A dot in a task's name is a folder: ``m2d.paper`` lies in ``m2d/paper``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import TypeAdapter

from motionmusic.errors import UserError
from motionmusic.files import read_array, read_json
from motionmusic.params import Center, Scale

INPUTS = ("joints", "bones", "merged")
REMEDY = "run `dvc repro`"


def data(name: str, *parts: str) -> Path:
    """data/NAME/… of a corpus or a task, what DVC keeps."""
    return Path("data", *name.split("."), *parts)


def metrics(name: str, *parts: str) -> Path:
    """metrics/NAME/…, what git keeps."""
    return Path("metrics", *name.split("."), *parts)


def plots(name: str, *parts: str) -> Path:
    """plots/NAME/…, what git keeps."""
    return Path("plots", *name.split("."), *parts)


def report(task: str, kind: str) -> Path:
    """report/TASK/KIND: the page, short or full."""
    return Path("report", *task.split("."), kind)


def cell(task: str, name: str, *parts: str) -> Path:
    """data/TASK/cells/NAME/…: what one training leaves."""
    return data(task, "cells", name, *parts)


def arguments(given: Iterable[str], *names: str) -> list[str]:
    """The script's arguments, one per name. Raises UserError where there are more or fewer."""
    values = list(given)
    if len(values) != len(names):
        expected, got = " ".join(names).upper(), " ".join(values) or "nothing"
        raise UserError("command line", "", expected, got, "call it as dvc.yaml does")
    return values


@dataclass(frozen=True)
class About:
    """What the stages of a task need to know of its corpus and split (about.json).

    Attributes:
        labels: the dance types of the task, code: name, in the order of their numbers.
        center, scale, paper_bones, music: how features were made (params.yaml).
        excerpts: of each class that were kept; null where all were.
        pieces: in the corpus; stand_ins counts those whose motion or sound is a stand-in.
    """

    task: str
    corpus: str
    source: str
    layout: Literal["musictodance", "aist", "aist_proximal"]
    motion_rate_hz: float
    labels: dict[str, str]
    center: Center
    scale: Scale
    paper_bones: bool
    music: dict[str, Any]
    protocol: str
    folds: int
    excerpt_frames: int
    excerpts: int | None
    pieces: int
    stand_ins: dict[str, int]


def about(task: str) -> About:
    """data/TASK/segments/about.json. Raises UserError where it is missing or broken."""
    path = data(task, "segments", "about.json")
    value = read_json(path, REMEDY)
    try:
        return TypeAdapter(About).validate_python(value)
    except ValueError as error:
        raise UserError(path, "", "what the stage segment writes", str(error), REMEDY) from None


def read_pieces(corpus: str) -> pd.DataFrame:
    """pieces.csv: piece, label (the class's number), frames, motion_rate_hz, music_file, …"""
    return _table(data(corpus, "pieces.csv"), piece=str)


def read_units(corpus: str) -> pd.DataFrame:
    """units.csv: piece, start, end (exclusive), unit, capture; no row where no unit is known."""
    return _table(data(corpus, "units.csv"), piece=str, unit=str, capture=str)


def read_task_units(task: str) -> pd.DataFrame:
    """:func:`read_units` of a task's corpus, as its segments keep it."""
    return _table(data(task, "segments", "units.csv"), piece=str, unit=str, capture=str)


def read_beats(corpus: str) -> pd.DataFrame:
    """beats.parquet: piece, kind (music, motion_mint, motion_bailando), time_s from motion frame 0."""
    return _table(data(corpus, "beats.parquet"))


def read_tempo(corpus: str) -> pd.DataFrame:
    """tempo.csv: piece, music_file, music_bpm, motion_bpm; NaN where there is none."""
    return _table(data(corpus, "tempo.csv"), piece=str)


def read_songs(corpus: str) -> pd.DataFrame:
    """song_tempi.csv: piece, song_bpm, first_beat_s, sound_s, … (``data.on_beat.song_row``)."""
    return _table(metrics(corpus, "song_tempi.csv"), piece=str)


def read_matches(task: str, name: str) -> pd.DataFrame:
    """data/TASK/matches/METHOD-SEED.parquet: fold, piece, excerpt, candidate, candidate_excerpt, score."""
    return _table(data(task, "matches", f"{name}.parquet"))


def read_recommendations(task: str) -> pd.DataFrame:
    """data/TASK/recommendations.csv: method, seed, piece, excerpt, rank, track, …"""
    return _table(data(task, "recommendations.csv"), piece=str, track_piece=str)


def read_neighbours(dance: Path) -> pd.DataFrame:
    """neighbours.csv of the stage dance: fold, piece, excerpt, neighbour, neighbour_start (frame)."""
    return _table(dance / "neighbours.csv", piece=str, neighbour=str)


def _table(path: Path, **columns: type) -> pd.DataFrame:
    _must_exist(path)
    if path.suffix == ".csv":
        return pd.read_csv(path, dtype=columns)
    try:
        return pd.read_parquet(path)
    except (ValueError, OSError) as error:  # pyarrow's own errors are ValueErrors
        raise UserError(path, "", "a parquet file", str(error).splitlines()[0], REMEDY) from None


def read_index(task: str) -> pd.DataFrame:
    """The segments' ids, once per fold: split, fold, piece, excerpt, segment, label."""
    return _table(data(task, "segments", "index.parquet"))


def read_segments(task: str, name: str) -> NDArray[np.float32]:
    """One array of data/TASK/segments: joints, bones, merged or music."""
    return read_array(data(task, "segments", f"{name}.npy"))


def piece_arrays(corpus: str, kind: str) -> dict[str, Path]:
    """The files of data/CORPUS/KIND by piece."""
    folder = data(corpus, kind)
    _must_exist(folder)
    return {path.stem: path for path in sorted(folder.glob("*.npy"))}


def folds(index: pd.DataFrame) -> list[tuple[int, pd.DataFrame]]:
    """(fold, its rows in the order of the arrays)."""
    groups = index.groupby("fold", sort=True)
    return [(int(str(fold)), rows.reset_index(drop=True)) for fold, rows in groups]


def _must_exist(path: Path) -> None:
    if not path.exists():
        raise UserError(path, "", "what an earlier stage writes", "nothing", REMEDY)
