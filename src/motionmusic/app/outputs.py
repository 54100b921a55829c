"""Where a command may write: never over an input, and over what exists only when it is asked to."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from motionmusic.errors import UserError

CACHE_VARIABLE = "MOTIONMUSIC_CACHE"
_READ_JSON = ("skeletons.json", "config.json", "matcher.json")
BYTES_A_SECOND = 400_000  # of a video; a dance of one dancer takes a quarter of it


def check_output(
    path: Path, option: str, inputs: Iterable[Path | None], force: bool, suffixes: tuple[str, ...]
) -> None:
    """See that a file may be written. Raises UserError.

    Args:
        path: of the file; those beside it with the other ``suffixes`` are checked as well.
        option: that names it.
        inputs: files that are read, and folders any of whose files may be.
        force: replace what is there.
        suffixes: of the file, and of those that get its name.
    """
    if path.suffix.lower() != suffixes[0]:
        remedy = f"call it {path.with_suffix(suffixes[0]).name}" if path.name else "name a file"
        if option == "OUT.mp4":  # where other commands have the music
            remedy += "; other music is named with --music FILE"
        raise UserError(
            "command line", option, f"a name ending in {suffixes[0]}", f"{path}", remedy
        )
    check_folder(path.parent, option)
    read = list(inputs)
    for each in (path, *(path.with_suffix(suffix) for suffix in suffixes[1:])):
        _check_place(each, option, read, force)


def check_folder(folder: Path, option: str) -> None:
    """See that a file can be made in a folder. Raises UserError."""
    if not folder.is_dir():
        got = "a file" if folder.exists() else "no such folder"
        remedy = f"make the folder first, or name another place with {option}"
        raise UserError(folder, "", "a folder to write in", got, remedy)
    if not os.access(folder, os.W_OK | os.X_OK):
        remedy = f"mend its permissions, or name another place with {option}"
        raise UserError(
            folder, "", "a folder that you may write in", "one that you may not", remedy
        )


def _check_place(path: Path, option: str, inputs: list[Path | None], force: bool) -> None:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISREG(found.st_mode):
        expected = "a free name, or a regular file's"
        raise UserError(path, option, expected, kind(found.st_mode), "name another file")
    if any((each.st_dev, each.st_ino) == (found.st_dev, found.st_ino) for each in _states(inputs)):
        got = "a file that this command reads"
        raise UserError(path, option, "a file of its own", got, "name another file")
    if not force:
        remedy = "name another file, or replace it with --force"
        raise UserError(path, option, "a free name", "a file that exists", remedy)


def kind(mode: int) -> str:
    """What a file of this mode is, for a message."""
    kinds = {
        stat.S_IFDIR: "a folder", stat.S_IFLNK: "a link", stat.S_IFIFO: "a pipe",
        stat.S_IFSOCK: "a socket", stat.S_IFREG: "a file",
    }  # fmt: skip
    return kinds.get(stat.S_IFMT(mode), "a device")


def _states(inputs: Iterable[Path | None]) -> Iterator[os.stat_result]:
    """Of every input, through links; of a folder, or its skeletons.json, of what may be read below.

    No command reads pictures or tables of a folder, nor JSON but that of dances and models.
    """
    entered = set()
    for each in inputs:
        if each is None or not each.exists():
            continue
        if each.name == "skeletons.json":  # what lies beside it is read as well
            each = each.parent
        if not each.is_dir():
            yield each.stat()
            continue
        for name, folders, files in os.walk(each, followlinks=True):
            here = Path(name).stat()
            if (here.st_dev, here.st_ino) in entered:
                folders.clear()
                continue
            entered.add((here.st_dev, here.st_ino))
            for file in files:
                path = Path(name, file)
                if (
                    path.suffix.lower() in (".png", ".csv", ".json")
                    and file.lower() not in _READ_JSON
                ):
                    continue
                if path.exists():  # no dangling link
                    yield path.stat()


def check_room(path: Path, seconds: float) -> None:
    """See that a video of this length finds room on its disk. Raises UserError."""
    _check_free(path, seconds * BYTES_A_SECOND, f"{seconds:.0f} s of video")


def check_room_for_copy(path: Path, video: Path) -> None:
    """See that a video's copied pictures find room on the disk. Raises UserError."""
    _check_free(path, video.stat().st_size, f"the pictures of {video.name}")


def _check_free(path: Path, needed: float, what: str) -> None:
    free = shutil.disk_usage(path.parent).free
    if needed > free:
        expected = f"{needed / 1e6:.0f} MB of free space for {what}"
        remedy = "free space, or write it to another disk"
        raise UserError(path, "", expected, f"{free / 1e6:.0f} MB", remedy)


def check_input(path: Path, option: str, what: str) -> None:
    """See that a file can be read and is a regular one; it is not opened. Raises UserError."""
    try:
        mode = path.stat().st_mode
    except PermissionError:
        got, remedy = "a folder that you may not enter", "mend its permissions"
        raise UserError(path, option, what, got, remedy) from None
    except OSError as error:
        got = (
            "no such file" if isinstance(error, FileNotFoundError) else error.strerror or f"{error}"
        )
        raise UserError(path, option, what, got, "correct the name") from None
    if not stat.S_ISREG(mode):
        raise UserError(path, option, what, kind(mode), "name a regular file")
    if not os.access(path, os.R_OK):
        remedy = "mend its permissions"
        raise UserError(path, option, what, "a file that you may not read", remedy)


def check_input_folder(path: Path, option: str, what: str) -> None:
    """See that a folder is there and can be entered. Raises UserError."""
    if not path.is_dir():
        got = "a file" if path.exists() else "no such folder"
        raise UserError(path, option, what, got, "name an existing folder")
    if not os.access(path, os.R_OK | os.X_OK):
        got, remedy = "a folder that you may not enter", "mend its permissions"
        raise UserError(path, option, what, got, remedy)


def cache_folder() -> Path:
    """Where codes and weights are kept: $MOTIONMUSIC_CACHE, or else the user's own cache folder."""
    import platformdirs

    given = os.environ.get(CACHE_VARIABLE)
    return at_home(Path(given)) if given else platformdirs.user_cache_path("motionmusic")


def at_home(path: Path) -> Path:
    """With ~ as the user's home; as it is where nobody has that name."""
    try:
        return path.expanduser()
    except RuntimeError:
        return path


def check_cache() -> Path:
    """The cache's folder, made and tried. Raises UserError where it cannot be written."""
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as trial:
            trial.write(bytes(1 << 16))
    except OSError as error:
        raise _no_cache(folder, error) from None
    return folder


@contextmanager
def using_cache() -> Iterator[Path]:
    """The cache's folder, made and tried; errors in the block name the variable that moves it.

    Raises UserError where it cannot be written, or is full.
    """
    from joblib.memory import CacheWarning

    folder = check_cache()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", CacheWarning)  # of what joblib could not keep
            yield folder
    except (OSError, CacheWarning) as error:
        raise _no_cache(folder, error) from None


def _no_cache(folder: Path, error: Exception) -> UserError:
    got = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    remedy = f"name a folder that can be written with {CACHE_VARIABLE}=FOLDER, or free space"
    return UserError(folder, "", "a cache that can be written", got, remedy)
