"""Reading and writing that is whole or not at all.

Every writer builds its file under a temporary name in the same folder and renames it at the end,
so a file that has its final name is complete.
"""

from __future__ import annotations

import errno
import io
import json
import math
import os
import shutil
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from motionmusic.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

Float32 = NDArray[np.float32]
Floats = NDArray[np.float64]
_NO_FILES = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a FIFO (named pipe)",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def must_be_file(path: Path, expected: str, remedy: str) -> None:
    """Ask what a path is before it is opened: a FIFO has no end, nor has a device.

    Raises UserError where it is no regular file, nor a link to one.
    """
    try:
        kind = stat.S_IFMT(path.stat().st_mode)
    except FileNotFoundError:
        got = "a link to a file that is not there" if path.is_symlink() else "no such file"
    except NotADirectoryError:
        got = "no such file"
    else:
        if kind == stat.S_IFREG:
            return
        got = _NO_FILES.get(kind, "no regular file")
    raise UserError(path, "", expected, got, remedy)


def write_bytes(path: Path, content: bytes) -> None:
    """Write ``content`` to ``path`` atomically, creating its folder; a regular file is replaced.

    Raises OSError, leaving nothing.
    """
    replaceable(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException as error:
        Path(name).unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename is None:
            error.filename = str(path)
        raise


def replaceable(path: Path) -> None:
    """See that a file may take this name. Raises OSError where it is a folder's, device's or pipe's."""
    if path.exists() and not path.is_file():
        raise FileExistsError(errno.EEXIST, "no regular file has this name", str(path))


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text atomically."""
    write_bytes(path, text.encode("utf-8"))


def write_array(path: Path, array: NDArray[Any]) -> None:
    """Write an array as .npy atomically."""
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    write_bytes(path, buffer.getvalue())


def write_parquet(path: Path, frame: pd.DataFrame) -> None:
    """Write a table as parquet atomically; its index is left out."""
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    write_bytes(path, buffer.getvalue())


def write_json(path: Path, value: Any) -> None:
    """Write JSON atomically: keys in the order given, floats to 6 significant digits, NaN as null."""
    write_text(path, json.dumps(rounded(value), indent=2, allow_nan=False) + "\n")


def rounded(value: Any) -> Any:
    """Plain Python values with floats to 6 significant digits and NaN as None."""
    if isinstance(value, dict):
        return {str(key): rounded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(item) for item in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return rounded(value.tolist())
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return value


def read_json(path: Path, remedy: str) -> Any:
    """Parsed JSON. Raises UserError where the file is missing, cut or no JSON."""
    must_be_file(path, "a JSON file", remedy)
    try:
        return json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise UserError(path, "", "JSON", str(error), remedy) from None


def read_array(path: Path) -> NDArray[Any]:
    """An array written by :func:`write_array`. Raises UserError where it is missing or broken."""
    must_be_file(path, "an array file", "run `dvc repro` for the stage that writes it")
    try:
        with path.open("rb") as file:
            array: NDArray[Any] = np.load(file, allow_pickle=False)
            return array
    except (ValueError, EOFError) as error:
        remedy = "delete it and run `dvc repro` again"
        raise UserError(path, "", "an array file", str(error), remedy) from None


def read_named_arrays(
    path: Path, names: Sequence[str], expected: str, remedy: str
) -> dict[str, NDArray[Any]]:
    """These arrays of a .npz. Raises UserError where the file, or one of them, is missing or broken."""
    must_be_file(path, expected, remedy)
    try:
        with np.load(path, allow_pickle=False) as found:
            return {name: found[name] for name in names}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise UserError(path, "", expected, f"{error}", remedy) from None


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A folder that takes the name ``path`` only when the block ends well; replaces an earlier one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        yield work
        work.chmod(0o755)
        old = work.with_name(f"{work.name}.old")
        if path.exists():
            path.replace(old)
        try:
            work.replace(path)
        except BaseException:
            if old.exists():
                old.replace(path)
            raise
        shutil.rmtree(old, ignore_errors=True)
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise
