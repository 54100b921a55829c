"""The file of predictions: one row a segment, with the logits that a model gave it.

Columns: ``dataset``, ``split``, ``piece`` (text), ``excerpt``, ``segment``, ``label`` (int64) and
``logit_0`` … ``logit_{k-1}`` (float32), k the number of classes. A segment is known by its id
(split, piece, excerpt, segment), never by the position of its row.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import ArrayLike, NDArray

from motionmusic.errors import UserError
from motionmusic.files import must_be_file, write_bytes

ID = ["split", "piece", "excerpt", "segment"]
_FIXED = ["dataset", "split", "piece", "excerpt", "segment", "label"]
_REMEDY = "run the stage that writes it again, or delete it and run `dvc repro`"


def make_predictions(dataset: str, ids: pd.DataFrame, logits: ArrayLike) -> pd.DataFrame:
    """A frame of predictions from the ids of segments and their logits, row by row.

    ``ids`` (n, …) have at least split, piece, excerpt, segment, label; their index is ignored. Raises
    ValueError where the logits are not (n, k).
    """
    values = np.asarray(logits, dtype=np.float32)
    if values.ndim != 2 or len(values) != len(ids):
        raise ValueError(f"logits must be ({len(ids)}, k), got {values.shape}")
    columns = pd.DataFrame(values, columns=_logit_names(values.shape[1]))
    frame = ids[[*ID, "label"]].reset_index(drop=True).assign(dataset=dataset)
    types = dict.fromkeys(_FIXED[:3], "str") | dict.fromkeys(_FIXED[3:], "int64")
    return pd.concat([frame[_FIXED], columns], axis=1).astype(types)


def write_predictions(path: Path, frame: pd.DataFrame) -> None:
    """Write a frame of predictions atomically, rows in the order given.

    The same rows give the same bytes: index, dtypes' backends and other columns leave no trace.
    Raises UserError where a rule of the format is broken, for example by a diverged model's NaN.
    """
    frame = frame.reset_index(drop=True)
    _check(frame, path)
    schema = _schema(len(logit_columns(frame)))
    table = pa.Table.from_pandas(frame[schema.names], schema=schema, preserve_index=False)
    buffer = io.BytesIO()
    # Without its metadata the table says nothing of pandas, its version or the frame's index.
    pq.write_table(table.replace_schema_metadata(None), buffer, compression="zstd")
    write_bytes(path, buffer.getvalue())


def read_predictions(path: Path) -> pd.DataFrame:
    """Read a file of predictions; columns in the order of the format, others are dropped.

    Raises UserError: no such file, not parquet, a column missing or of another type, an empty value, no
    row, two rows of one id, a logit that is not finite, a label out of range, or a piece of two labels.
    """
    must_be_file(path, "a file of predictions", _REMEDY)
    content = path.read_bytes()
    expected = "a parquet file"
    try:
        table = pq.read_table(io.BytesIO(content))
        columns = table.column_names  # broken bytes may be no text
        schema = _schema(max(1, sum(name.startswith("logit_") for name in columns)))
        for name in schema.names:
            if columns.count(name) != 1:
                found = f"the columns {', '.join(columns)}"
                raise UserError(path, name, "one column of that name", found, _REMEDY)
            # An empty logit becomes NaN, which the check tells with its row.
            if table.column(name).null_count and name in _FIXED:
                raise UserError(path, name, "a value in every row", "empty values", _REMEDY)
        expected = "text, whole numbers and float logits"
        frame: pd.DataFrame = table.select(schema.names).cast(schema).to_pandas()
    except (pa.ArrowException, OSError, ValueError) as error:
        got = (str(error) or type(error).__name__).splitlines()[0]
        raise UserError(path, "", expected, got, _REMEDY) from None
    _check(frame, path)
    return frame


def _check(frame: pd.DataFrame, file: Path) -> None:
    """The first rule of the format that is broken is an error."""

    def refuse(where: str, expected: str, got: str, remedy: str = _REMEDY) -> None:
        raise UserError(file, where, expected, got, remedy)

    if frame.empty:
        refuse("", "at least one row", "none")
    double = frame.duplicated(subset=ID).to_numpy()
    if double.any():
        refuse(id_text(frame, double), "one row a segment", f"{double.sum()} too many")
    broken = np.logical_not(np.isfinite(logits_of(frame)).all(axis=1))
    if broken.any():
        got = f"NaN or infinity in {broken.sum()} rows"
        remedy = "if the training diverged, lower its learning rate; then run the stage again"
        refuse(id_text(frame, broken), "finite logits", got, remedy)
    largest = len(logit_columns(frame)) - 1
    outside = ~frame["label"].between(0, largest).to_numpy()
    if outside.any():
        got = f"{frame['label'].to_numpy()[outside][0]}"
        refuse(id_text(frame, outside), f"a label of 0 … {largest}", got)
    labels = frame.groupby("piece")["label"].nunique()
    if (labels > 1).any():
        refuse(f"piece {labels.idxmax()}", "one label", f"{labels.max()} labels")


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


def _schema(k: int) -> pa.Schema:
    return pa.schema(
        [(name, pa.string()) for name in _FIXED[:3]]
        + [(name, pa.int64()) for name in _FIXED[3:]]
        + [(name, pa.float32()) for name in _logit_names(k)]
    )
