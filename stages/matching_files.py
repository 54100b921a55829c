"""The files of matching: scores of excerpts against excerpts, beats and tempi."""

from __future__ import annotations

import io
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from motionmusic import workspace
from motionmusic.errors import UserError
from motionmusic.files import write_bytes

_REMEDY = "run `dvc repro` for the stage that writes it"


def write_matches(dataset: str, name: str, matches: pd.DataFrame) -> None:
    """Scores of a method, METHOD-SEED: fold, piece, excerpt, candidate, candidate_excerpt, score."""
    table = pa.Table.from_pandas(matches, preserve_index=False).replace_schema_metadata(None)
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    write_bytes(workspace.data(dataset, "matches", f"{name}.parquet"), buffer.getvalue())


def read_matches(dataset: str, name: str) -> pd.DataFrame:
    """What :func:`write_matches` wrote."""
    return _read(dataset, "matches", f"{name}.parquet")


def read_beats(dataset: str) -> pd.DataFrame:
    """Beats: piece, kind (music, motion_mint, motion_bailando), time_s from motion frame 0."""
    return _read(dataset, "beats.parquet")


def read_tempo(dataset: str) -> pd.DataFrame:
    """Tempi: piece, music_file, music_bpm, motion_bpm; NaN where there is none."""
    return pd.read_csv(_path(dataset, "tempo.csv"), dtype={"piece": str})


def read_synchrony_tests(dataset: str, seed: int) -> pd.DataFrame:
    """How often the true pair won, excerpt by excerpt: piece, excerpt, fold, easy, …, shift_…"""
    return pd.read_csv(
        _path(dataset, "matches", f"synchrony_tests-{seed}.csv"), dtype={"piece": str}
    )


def _read(dataset: str, *parts: str) -> pd.DataFrame:
    path = _path(dataset, *parts)
    try:
        return pd.read_parquet(path)
    except (pa.ArrowException, OSError) as error:
        raise UserError(path, "", "a parquet file", str(error).splitlines()[0], _REMEDY) from None


def _path(dataset: str, *parts: str) -> Path:
    path = workspace.data(dataset, *parts)
    if not path.exists():
        raise UserError(path, "", "what an earlier stage writes", "nothing", _REMEDY)
    return path
