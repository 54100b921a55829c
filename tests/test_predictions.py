from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from motionmusic.errors import UserError
from motionmusic.predictions import (
    check,
    logit_columns,
    logits_of,
    make_predictions,
    read_predictions,
    write_predictions,
)

COLUMNS = ["dataset", "split", "piece", "excerpt", "segment", "label"]


def example(pieces: int = 3, k: int = 3) -> pd.DataFrame:
    ids = pd.DataFrame(
        [
            ("test", f"P_{p}", e, s, p % k)
            for p in range(pieces)
            for e in range(2)
            for s in range(4)
        ],
        columns=["split", "piece", "excerpt", "segment", "label"],
    )
    logits = np.random.default_rng(0).normal(size=(len(ids), k))
    return make_predictions("m2d", ids, logits)


def test_make_has_the_columns_and_types_of_the_format() -> None:
    frame = example()
    assert list(frame.columns) == [*COLUMNS, "logit_0", "logit_1", "logit_2"]
    assert [str(frame[name].dtype) for name in COLUMNS] == ["str"] * 3 + ["int64"] * 3
    assert {str(frame[name].dtype) for name in logit_columns(frame)} == {"float32"}


def test_make_goes_by_position_not_by_index() -> None:
    frame = example()
    shuffled = frame.set_index(np.arange(len(frame))[::-1])
    again = make_predictions("m2d", shuffled, logits_of(frame))
    pd.testing.assert_frame_equal(again, frame)


@pytest.mark.parametrize("shape", [(3,), (3, 2), (24, 2, 1)])
def test_make_rejects_logits_of_another_shape(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"logits must be \(24, k\)"):
        make_predictions("m2d", example(), np.zeros(shape))


def test_reads_what_it_wrote(tmp_path: Path) -> None:
    path = tmp_path / "new" / "p.parquet"
    write_predictions(path, example())
    pd.testing.assert_frame_equal(read_predictions(path), example())
    assert [file.name for file in path.parent.iterdir()] == ["p.parquet"]


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


def test_float64_logits_are_written_as_float32(tmp_path: Path) -> None:
    frame = example().astype({"logit_0": "float64"})
    write_predictions(tmp_path / "p", frame)
    pd.testing.assert_frame_equal(read_predictions(tmp_path / "p"), example())


def test_reads_a_foreign_file_with_wider_types_and_more_columns(tmp_path: Path) -> None:
    frame = example().astype({"logit_0": "float64", "excerpt": "int16", "split": "category"})
    frame.assign(note="x").to_parquet(tmp_path / "p.parquet")
    pd.testing.assert_frame_equal(read_predictions(tmp_path / "p.parquet"), example())


def broken(change: str) -> pd.DataFrame:
    frame = example()
    if change == "twice":
        return pd.concat([frame, frame.iloc[[5]]], ignore_index=True)
    if change == "nan":
        frame.loc[7, "logit_1"] = np.nan
    elif change == "infinite":
        frame.loc[7, "logit_1"] = np.inf
    elif change == "too large":
        frame.loc[7, "label"] = 3
    elif change == "negative":
        frame.loc[7, "label"] = -1
    elif change == "two labels":
        frame.loc[7, "label"] = 1
    elif change == "empty":
        return frame.iloc[:0]
    return frame


FAULTS = {
    "twice": "split test, piece P_0, excerpt 1, segment 1: expected one row a segment",
    "nan": "split test, piece P_0, excerpt 1, segment 3: expected finite logits",
    "infinite": "expected finite logits",
    "too large": "expected a label of 0 … 2, got 3",
    "negative": "expected a label of 0 … 2, got -1",
    "two labels": "piece P_0: expected one label, got 2 labels",
    "empty": "expected at least one row",
}


@pytest.mark.parametrize("change", FAULTS)
def test_a_broken_rule_is_told_when_reading_and_when_writing(tmp_path: Path, change: str) -> None:
    path = tmp_path / "p.parquet"
    broken(change).to_parquet(path)
    with pytest.raises(UserError) as caught:
        read_predictions(path)
    assert FAULTS[change] in str(caught.value)
    assert str(path) in str(caught.value)
    path.unlink()
    with pytest.raises(UserError):
        write_predictions(path, broken(change))
    assert not path.exists()


@pytest.mark.parametrize("name", [*COLUMNS, "logit_0", "logit_1"])
def test_a_missing_column_is_named(tmp_path: Path, name: str) -> None:
    example().drop(columns=name).to_parquet(tmp_path / "p.parquet")
    with pytest.raises(UserError, match=f"{name}: expected one column of that name"):
        read_predictions(tmp_path / "p.parquet")


@pytest.mark.parametrize("name", ["piece", "label"])
def test_empty_values_are_told(tmp_path: Path, name: str) -> None:
    table = pa.Table.from_pandas(example())
    values = [None, *table.column(name).to_pylist()[1:]]
    index = table.column_names.index(name)
    pq.write_table(table.set_column(index, name, pa.array(values)), tmp_path / "p")
    with pytest.raises(UserError, match=f"{name}: expected a value in every row"):
        read_predictions(tmp_path / "p")


@pytest.mark.parametrize(
    ("name", "value"), [("excerpt", "first"), ("label", 0.5), ("logit_0", "x")]
)
def test_other_types_are_told(tmp_path: Path, name: str, value: str | float) -> None:
    frame = example()
    frame[name] = value
    frame.to_parquet(tmp_path / "p.parquet")
    with pytest.raises(UserError, match="expected text, whole numbers and float logits"):
        read_predictions(tmp_path / "p.parquet")


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


def test_check_names_a_missing_column() -> None:
    with pytest.raises(UserError, match="here: segment"):
        check(example().drop(columns="segment"), "here")
    with pytest.raises(UserError, match="logit_0"):
        check(example()[COLUMNS], "here")
