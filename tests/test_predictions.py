from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from motionmusic.errors import UserError
from motionmusic.predictions import (
    logit_columns,
    logits_of,
    make_predictions,
    read_predictions,
    write_predictions,
)

COLUMNS = ["dataset", "split", "piece", "excerpt", "segment", "label"]


def example() -> pd.DataFrame:
    rows = [("test", f"P_{p}", e, s, p % 3) for p in range(3) for e in range(2) for s in range(4)]
    ids = pd.DataFrame(rows, columns=COLUMNS[1:])
    logits = np.random.default_rng(0).normal(size=(len(ids), 3))
    return make_predictions("m2d", ids, logits)


def test_the_format(tmp_path: Path) -> None:
    frame = example()
    assert list(frame.columns) == [*COLUMNS, "logit_0", "logit_1", "logit_2"]
    assert [str(frame[name].dtype) for name in COLUMNS] == ["str"] * 3 + ["int64"] * 3
    assert {str(frame[name].dtype) for name in logit_columns(frame)} == {"float32"}
    # rows go by position, not by index
    shuffled = frame.set_index(np.arange(len(frame))[::-1])
    pd.testing.assert_frame_equal(make_predictions("m2d", shuffled, logits_of(frame)), frame)
    path = tmp_path / "new" / "p.parquet"
    write_predictions(path, frame.astype({"logit_0": "float64"}))
    pd.testing.assert_frame_equal(read_predictions(path), frame)
    assert [file.name for file in path.parent.iterdir()] == ["p.parquet"]


@pytest.mark.parametrize("shape", [(3,), (3, 2), (24, 2, 1)])
def test_make_rejects_logits_of_another_shape(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"logits must be \(24, k\)"):
        make_predictions("m2d", example(), np.zeros(shape))


def test_bytes_depend_on_the_rows_only(tmp_path: Path) -> None:
    frame = example()
    other = frame.copy()
    other.index = pd.Index([f"row {index}" for index in range(len(frame))], name="piece")
    other["note"] = 1.0
    other = other[["note", *reversed(frame.columns)]]
    other = other.astype({"piece": "object", "split": "category", "excerpt": "int32"})
    for name, one in (("a", frame), ("b", other), ("c", frame)):
        write_predictions(tmp_path / name, one)
    contents = {(tmp_path / name).read_bytes() for name in "abc"}
    assert len(contents) == 1
    assert pq.read_schema(tmp_path / "b").metadata is None


def test_reads_a_foreign_file_with_wider_types_and_more_columns(tmp_path: Path) -> None:
    frame = example().astype({"logit_0": "float64", "excerpt": "int16", "split": "category"})
    frame.assign(note="x").to_parquet(tmp_path / "p.parquet")
    pd.testing.assert_frame_equal(read_predictions(tmp_path / "p.parquet"), example())


@pytest.mark.parametrize(
    ("row", "name", "value", "said"),
    [
        (
            4,
            "segment",
            1,
            "split test, piece P_0, excerpt 1, segment 1: expected one row a segment",
        ),
        (7, "logit_1", np.nan, "piece P_0, excerpt 1, segment 3: expected finite logits"),
        (7, "logit_1", np.inf, "expected finite logits"),
        (7, "label", 3, "expected a label of 0 … 2, got 3"),
        (7, "label", -1, "expected a label of 0 … 2, got -1"),
        (7, "label", 1, "piece P_0: expected one label, got 2 labels"),
        (None, "", None, "expected at least one row"),
    ],
)
def test_a_broken_rule_is_told_when_reading_and_when_writing(
    tmp_path: Path, row: int | None, name: str, value: float, said: str
) -> None:
    frame = example()
    if row is None:
        frame = frame.iloc[:0]
    else:
        frame.loc[row, name] = value
    path = tmp_path / "p.parquet"
    frame.to_parquet(path)
    with pytest.raises(UserError) as caught:
        read_predictions(path)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)
    path.unlink()
    with pytest.raises(UserError):
        write_predictions(path, frame)
    assert not path.exists()


@pytest.mark.parametrize("name", [*COLUMNS, "logit_0", "logit_1"])
def test_missing_columns_empty_values_and_other_types_are_told(tmp_path: Path, name: str) -> None:
    path = tmp_path / "p.parquet"
    example().drop(columns=name).to_parquet(path)
    with pytest.raises(UserError, match=f"{name}: expected one column of that name"):
        read_predictions(path)
    table = pa.Table.from_pandas(example())
    values = [None, *table.column(name).to_pylist()[1:]]
    index = table.column_names.index(name)
    pq.write_table(table.set_column(index, name, pa.array(values)), path)
    said = "finite logits" if name.startswith("logit") else f"{name}: expected a value in every row"
    with pytest.raises(UserError, match=said):
        read_predictions(path)
    if name not in COLUMNS[:3]:
        example().assign(**{name: 0.5 if name == "label" else "first"}).to_parquet(path)
        with pytest.raises(UserError, match="expected text, whole numbers and float logits"):
            read_predictions(path)


def test_garbage_cut_and_missing_files_are_told(tmp_path: Path) -> None:
    path = tmp_path / "p.parquet"
    with pytest.raises(UserError, match="no such file"):
        read_predictions(path)
    write_predictions(path, example())
    whole = path.read_bytes()
    for content in (b"", b"garbage", whole[:-20], whole[40:], b"PAR1" * 40):
        path.write_bytes(content)
        with pytest.raises(UserError, match="a parquet file"):
            read_predictions(path)
