"""The file of predictions: one row a segment, with the logits that a model gave it.

Columns: ``dataset``, ``split``, ``piece`` (text), ``excerpt``, ``segment``, ``label`` (int64) and
``logit_0`` … ``logit_{k-1}`` (float32), k the number of classes. A segment is known by its id
(split, piece, excerpt, segment), never by the position of its row.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import ArrayLike, NDArray

from motionmusic.errors import UserError
from motionmusic.files import write_bytes

ID = ["split", "piece", "excerpt", "segment"]
_TEXT = ["dataset", "split", "piece"]
_WHOLE = ["excerpt", "segment", "label"]
_REMEDY = "run the stage that writes it again, or delete it and run `dvc repro`"


def make_predictions(dataset: str, ids: pd.DataFrame, logits: ArrayLike) -> pd.DataFrame:
    """A frame of predictions from the ids of segments and their logits, row by row.

    Args:
        dataset: name of the data set.
        ids: (n, …) with at least split, piece, excerpt, segment, label; its index is ignored.
        logits: (n, k).

    Raises:
        ValueError: the logits are not (n, k).
    """
    values = np.asarray(logits, dtype=np.float32)
    if values.ndim != 2 or len(values) != len(ids):
        raise ValueError(f"logits must be ({len(ids)}, k), got {values.shape}")
    frame = ids[[*ID, "label"]].reset_index(drop=True)
    frame.insert(0, "dataset", dataset)
    columns = pd.DataFrame(values, columns=_logit_names(values.shape[1]))
    return pd.concat([frame, columns], axis=1).astype(
        {**dict.fromkeys(_TEXT, "str"), **dict.fromkeys(_WHOLE, "int64")}
    )


def write_predictions(path: Path, frame: pd.DataFrame) -> None:
    """Write a frame of predictions atomically, rows in the order given.

    The same rows give the same bytes: index, dtypes' backends and other columns leave no trace.

    Raises:
        UserError: the frame breaks a rule of :func:`check`, for example a diverged model's NaN.
    """
    frame = frame.reset_index(drop=True)
    check(frame, path)
    names = [*_TEXT, *_WHOLE, *logit_columns(frame)]
    table = pa.Table.from_pandas(
        frame[names], schema=_schema(logit_columns(frame)), preserve_index=False
    )
    buffer = io.BytesIO()
    # Without its metadata the table says nothing of pandas, its version or the frame's index.
    pq.write_table(table.replace_schema_metadata(None), buffer, compression="zstd")
    write_bytes(path, buffer.getvalue())


def read_predictions(path: Path) -> pd.DataFrame:
    """Read a file of predictions; columns in the order of the format, others are dropped.

    Raises:
        UserError: no such file, not parquet, a column missing or of another type, an empty value,
            or a broken rule of :func:`check`.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise UserError(path, "", "a file of predictions", "no such file", _REMEDY) from None
    try:
        table = pq.read_table(io.BytesIO(content))
        columns = table.column_names  # broken bytes may be no text
    except (pa.ArrowException, OSError, ValueError) as error:
        raise UserError(path, "", "a parquet file", _first_line(error), _REMEDY) from None
    logits = [name for name in columns if name.startswith("logit_")]
    names = [*_TEXT, *_WHOLE, *_logit_names(max(1, len(logits)))]
    for name in names:
        if columns.count(name) != 1:
            found = f"the columns {', '.join(columns)}"
            raise UserError(path, name, "one column of that name", found, _REMEDY)
        # An empty logit becomes NaN, which the check tells with its row.
        if table.column(name).null_count and name not in logits:
            raise UserError(path, name, "a value in every row", "empty values", _REMEDY)
    try:
        frame: pd.DataFrame = table.select(names).cast(_schema(names[6:])).to_pandas()
    except (pa.ArrowException, ValueError) as error:
        raise UserError(
            path, "", "text, whole numbers and float logits", _first_line(error), _REMEDY
        ) from None
    check(frame, path)
    return frame


def check(frame: pd.DataFrame, file: str | Path) -> None:
    """Check the rules of the format: rows, unique ids, finite logits, labels, one label a piece.

    Raises:
        UserError: the first rule that is broken, with ``file`` as the file at fault.
    """
    missing = [name for name in [*_TEXT, *_WHOLE] if name not in frame]
    if missing:
        raise UserError(file, missing[0], "a column of that name", "none", _REMEDY)
    names = logit_columns(frame)
    if not names:
        raise UserError(file, "logit_0", "columns logit_0 … logit_{k-1}", "none", _REMEDY)
    if frame.empty:
        raise UserError(file, "", "at least one row", "none", _REMEDY)
    double = frame.duplicated(subset=ID).to_numpy()
    if double.any():
        raise UserError(
            file, id_text(frame, double), "one row a segment", f"{double.sum()} too many", _REMEDY
        )
    broken = np.logical_not(np.isfinite(logits_of(frame)).all(axis=1))
    if broken.any():
        raise UserError(
            file,
            id_text(frame, broken),
            "finite logits",
            f"NaN or infinity in {broken.sum()} rows",
            "if the training diverged, lower its learning rate; then run the stage again",
        )
    outside = ~frame["label"].between(0, len(names) - 1).to_numpy()
    if outside.any():
        got = frame["label"].to_numpy()[outside][0]
        raise UserError(
            file, id_text(frame, outside), f"a label of 0 … {len(names) - 1}", f"{got}", _REMEDY
        )
    labels = frame.groupby("piece")["label"].nunique()
    if (labels > 1).any():
        raise UserError(
            file, f"piece {labels.idxmax()}", "one label", f"{labels.max()} labels", _REMEDY
        )


def logit_columns(frame: pd.DataFrame) -> list[str]:
    """The names logit_0 … logit_{k-1} of the frame, in order, up to the first that is missing."""
    names: list[str] = []
    while f"logit_{len(names)}" in frame:
        names.append(f"logit_{len(names)}")
    return names


def logits_of(frame: pd.DataFrame) -> NDArray[np.float64]:
    """The logits, (n, k) float64, rows in the frame's order."""
    return frame[logit_columns(frame)].to_numpy(dtype=np.float64)


def id_text(frame: pd.DataFrame, chosen: NDArray[np.bool_]) -> str:
    """The id of the first row chosen by a mask (n,), to be read by a person."""
    row = frame.loc[chosen, ID].iloc[0]
    return ", ".join(f"{name} {row[name]}" for name in ID)


def _logit_names(k: int) -> list[str]:
    return [f"logit_{index}" for index in range(k)]


def _schema(logits: Sequence[str]) -> pa.Schema:
    return pa.schema(
        [(name, pa.string()) for name in _TEXT]
        + [(name, pa.int64()) for name in _WHOLE]
        + [(name, pa.float32()) for name in logits]
    )


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
