"""Where the stages find and leave their files: the one place that knows the folders."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from motionmusic.errors import UserError
from motionmusic.files import read_array

INPUTS = ("joints", "bones", "merged")


def data(dataset: str, *parts: str) -> Path:
    """data/DATASET/…, what DVC keeps."""
    return Path("data", dataset, *parts)


def metrics(dataset: str, *parts: str) -> Path:
    """metrics/DATASET/…, what git keeps."""
    return Path("metrics", dataset, *parts)


def plots(dataset: str, *parts: str) -> Path:
    """plots/DATASET/…, what git keeps."""
    return Path("plots", dataset, *parts)


def _must_exist(path: Path) -> None:
    if not path.exists():
        raise UserError(path, "", "what an earlier stage writes", "nothing", "run `dvc repro`")


def arguments(given: Iterable[str], *names: str) -> list[str]:
    """The script's arguments, one per name. Raises UserError where there are more or fewer."""
    values = list(given)
    if len(values) != len(names):
        raise UserError(
            "command line", "", " ".join(names).upper(), " ".join(values) or "nothing",
            "call it as dvc.yaml does",
        )  # fmt: skip
    return values


def read_pieces(dataset: str) -> pd.DataFrame:
    """pieces.csv: piece, label (the class's number), frames, motion_rate_hz, music_file, …"""
    path = data(dataset, "pieces.csv")
    _must_exist(path)
    return pd.read_csv(path, dtype={"piece": str})


def read_units(dataset: str) -> pd.DataFrame:
    """units.csv: piece, start, end (exclusive), unit, capture; no row where no unit is known."""
    path = data(dataset, "units.csv")
    _must_exist(path)
    return pd.read_csv(path, dtype={"piece": str, "unit": str, "capture": str})


def read_index(dataset: str) -> pd.DataFrame:
    """The segments' ids, once per fold: split, fold, piece, excerpt, segment, label."""
    path = data(dataset, "segments", "index.parquet")
    _must_exist(path)
    return pd.read_parquet(path)


def read_segments(dataset: str, name: str) -> NDArray[np.float32]:
    """One array of data/DATASET/segments: joints, bones, merged or music."""
    return read_array(data(dataset, "segments", f"{name}.npy"))


def piece_arrays(dataset: str, kind: str) -> dict[str, Path]:
    """The files of data/DATASET/KIND by piece."""
    folder = data(dataset, kind)
    _must_exist(folder)
    return {path.stem: path for path in sorted(folder.glob("*.npy"))}


def folds(index: pd.DataFrame) -> list[tuple[int, pd.DataFrame]]:
    """(fold, its rows in the order of the arrays)."""
    return [
        (int(str(fold)), rows.reset_index(drop=True))
        for fold, rows in index.groupby("fold", sort=True)
    ]


def history_frame(histories: list[list[dict[str, Any]]]) -> pd.DataFrame:
    """Per-epoch numbers, averaged over folds."""
    stacked = pd.concat([pd.DataFrame(history) for history in histories])
    mean = stacked.groupby("epoch", as_index=False).mean()
    mean["epoch"] = mean["epoch"].astype(int)
    return mean.map(lambda value: float(f"{value:.6g}"))
