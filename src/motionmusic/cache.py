"""Whether the objects of a DVC cache are what their names say.

DVC names an object by the MD5 of its content, then trusts the name: a disk that turns a bit, or a
copy that was cut short, goes unnoticed through `dvc status`, `dvc checkout` and `dvc push`. Here
every object is read. A remote that is a folder has the same layout and is checked the same way.

On the command line: ``python -m motionmusic.cache [FOLDER]``; without FOLDER, .dvc/cache.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from motionmusic.errors import UserError, run

_NAME = re.compile(r"([0-9a-f]{2})/([0-9a-f]{30})(\.dir)?")


def objects(folder: Path) -> Iterator[tuple[Path, str]]:
    """(file, MD5 that its name promises) of every object, in order of names.

    What DVC left of an interrupted copy (``.NAME.tmp``) is no object. Raises UserError where
    ``folder`` is no cache of DVC 3.
    """
    root = folder / "files" / "md5"
    if not root.is_dir():
        raise UserError(
            folder, "", "a cache or folder remote of DVC, with files/md5/ in it", "none",
            "name the folder of the cache (.dvc/cache) or of the remote (`dvc remote list`)",
        )  # fmt: skip
    for path in sorted(root.glob("*/*")):
        name = _NAME.fullmatch(path.relative_to(root).as_posix())
        if name:
            yield path, name[1] + name[2]


def is_whole(path: Path, md5: str) -> bool:
    """Whether the file's content has this MD5. Raises OSError where it cannot be read."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest() == md5


def main(arguments: Sequence[str]) -> None:
    """Check every object of a cache. Raises UserError naming all that are corrupt."""
    if len(arguments) > 1:
        raise UserError(
            "motionmusic.cache", "arguments", "one folder or none", " ".join(arguments),
            "python -m motionmusic.cache FOLDER",
        )  # fmt: skip
    folder = Path(*arguments) if arguments else Path(".dvc/cache")
    count, corrupt = 0, []
    for path, md5 in objects(folder):
        count += 1
        if not is_whole(path, md5):
            corrupt.append(str(path))
    if corrupt:
        raise UserError(
            folder, "", "objects whose content has the MD5 in their names",
            f"{len(corrupt)} of {count} corrupt:\n  " + "\n  ".join(corrupt),
            "delete them, then bring them back: docs/share.md, 'A corrupt object'",
        )  # fmt: skip
    print(f"{count} objects, all whole")


if __name__ == "__main__":
    run(main)
