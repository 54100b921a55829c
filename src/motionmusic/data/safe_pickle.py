"""Pickles of numpy arrays, read without calling anything that a pickle names.

A pickle may name any function to be called with any arguments. The few names that pickled arrays
and numbers of numpy use stand here for classes and functions of this module; others are refused.
"""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motionmusic.errors import UserError
from motionmusic.files import must_be_file


def read_pickle(file: Path, expected: str, remedy: str) -> Any:
    """What a pickle holds: containers, text, Python's numbers and numpy arrays of numbers.

    Raises UserError, which says what was ``expected``: no such file, no whole pickle, or one that
    asks for anything else to be called, which is never called.
    """
    must_be_file(file, expected, remedy)
    try:
        with file.open("rb") as stream:
            return _plain(_Reader(stream).load())
    except OSError:
        raise
    except Exception as error:  # broken pickles raise almost anything
        got = str(error) or type(error).__name__
        raise UserError(file, "", expected, got, remedy) from None


class _Dtype:
    """Stands for numpy.dtype; admits numbers alone."""

    def __init__(self, name: object = None, *_flags: object) -> None:
        if not isinstance(name, str) or not re.fullmatch("[fiu][1248]|b1", name):
            raise pickle.UnpicklingError(f"an array of type {name!r} (it was not built)")
        self.dtype = np.dtype(name)

    def __setstate__(self, state: Any) -> None:
        self.dtype = self.dtype.newbyteorder(state[1])


class _Array:
    """Stands for numpy.ndarray and for the function that makes an empty one."""

    values: NDArray[Any]

    def __init__(self, *_arguments: object) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        _version, shape, kind, by_columns, content = state
        self.values = _from_buffer(content, kind, shape, "F" if by_columns else "C")


def _from_buffer(content: bytes, kind: _Dtype, shape: tuple[int, ...], order: str) -> NDArray[Any]:
    if not isinstance(content, (bytes, bytearray)) or not isinstance(kind, _Dtype):
        raise pickle.UnpicklingError("an array that is not of numbers")
    flat = np.frombuffer(bytes(content), kind.dtype)
    return flat.reshape(shape, order="F" if order == "F" else "C")


def _number(kind: _Dtype, content: bytes) -> Any:
    return _from_buffer(content, kind, (), "C").item()


_ADMITTED: dict[str, Callable[..., Any]] = {
    "numpy.dtype": _Dtype,
    "numpy.ndarray": _Array,
    "numpy._core.multiarray._reconstruct": _Array,
    "numpy._core.multiarray.scalar": _number,
    "numpy._core.numeric._frombuffer": _from_buffer,  # in pickles of protocol 5
}


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        # what numpy 2 calls numpy._core was numpy.core, and old files say so
        full = f"{module}.{name}".replace("numpy.core.", "numpy._core.")
        if full not in _ADMITTED:
            raise pickle.UnpicklingError(f"a pickle that calls {full} (it was not run)")
        return _ADMITTED[full]


def _plain(value: Any) -> Any:
    """The same with real arrays in place of their stand-ins."""
    if isinstance(value, _Array):
        return value.values
    if isinstance(value, dict):
        return {_plain(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_plain(item) for item in value)
    return value
