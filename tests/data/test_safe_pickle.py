"""Pickles that hold arrays are read; pickles that would run something are not run."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from motionmusic.data.safe_pickle import read_pickle
from motionmusic.errors import UserError

ARRAY = np.arange(24.0).reshape(2, 3, 4)


def refused(file: Path, content: bytes) -> str:
    file.write_bytes(content)
    with pytest.raises(UserError) as caught:
        read_pickle(file, "arrays", "mend it")
    assert (caught.value.file, caught.value.expected, caught.value.remedy) == (
        file, "arrays", "mend it",
    )  # fmt: skip
    assert caught.value.got
    return caught.value.got


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("dtype", ["f8", "f4", ">f4", "i8", "u1", "b1"])
def test_arrays_of_numbers(tmp_path: Path, protocol: int, dtype: str) -> None:
    given: dict[str, Any] = {
        "c": ARRAY.astype(dtype), "fortran": np.asfortranarray(ARRAY.astype(dtype)),
        "nested": [(ARRAY[0].astype(dtype), "text", 1.5)], "number": np.float64(1.5),
        "empty": np.zeros((0, 3), dtype),
    }  # fmt: skip
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(given, protocol=protocol))
    if protocol < 3:  # whose bytes are text that a function decodes
        assert "_codecs.encode" in refused(tmp_path / "a.pkl", pickle.dumps(given, protocol))
        return
    got = read_pickle(tmp_path / "a.pkl", "arrays", "mend it")
    assert got["number"] == 1.5
    for key in ("c", "fortran", "empty"):
        assert got[key].dtype == np.dtype(dtype)
        np.testing.assert_array_equal(got[key], given[key])
    np.testing.assert_array_equal(got["nested"][0][0], given["nested"][0][0])
    assert got["nested"][0][1:] == ("text", 1.5)


class Runs:
    """Pickles as a call of os.system."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, (f"touch {self.mark}",)


def test_a_malicious_pickle_is_not_run(tmp_path: Path) -> None:
    mark = tmp_path / "was_run"
    content = pickle.dumps({"a": ARRAY, "x": Runs(mark)})
    assert refused(tmp_path / "a.pkl", content).endswith("posix.system (it was not run)")
    assert not mark.exists()
    pickle.loads(content)  # it would have run
    assert mark.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"cbuiltins\neval\n(V1\ntR.",
        b"cnumpy\nndarray.tofile\n.",
        b"cnumpy\nload\n(V/etc/passwd\ntR.",
        b"cnumpy.core.multiarray\nfromfile\n(V/etc/passwd\ntR.",
        b"\x80\x04\x8c\x05numpy\x8c\x0endarray.tofile\x93.",
        b"\x82\x01.",
        b"Pabc\n.",
        pickle.dumps(ARRAY.astype(object)),
        pickle.dumps(np.array(["text"])),
        *(b"", b"hello", b"\x80\x04", b"<html>", bytes(99), b"\xff"),
        *(pickle.dumps({"a": ARRAY})[:length] for length in (3, 60, -2)),
    ],
)
def test_other_calls_other_types_and_what_is_no_pickle(tmp_path: Path, content: bytes) -> None:
    refused(tmp_path / "a.pkl", content)


def test_no_file_and_bytes_that_do_not_fit_the_shape(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        read_pickle(tmp_path / "a.pkl", "arrays", "mend it")
    whole = pickle.dumps(np.zeros(7, np.uint8), protocol=4)
    assert whole.count(b"K\x07\x85") == 1  # the shape (7,)
    refused(tmp_path / "a.pkl", whole.replace(b"K\x07\x85", b"K\x09\x85"))
