"""Lists of the files that a public repository holds at one commit, each with its git blob id."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from motionmusic.errors import UserError

COLUMNS = ("path", "blob", "size")

REPOSITORIES = {
    "musictodance": (
        "Music-to-dance-motion-synthesis",
        "dataset",
        "a29c6fb01ea17751b7129000d3e45b1951d24a7f",
    ),
    "musictodance_retimed": (
        "mhy12345",
        "Music-to-Dance-Motion-Synthesis",
        "82ae0149f6ce7b476989f3ad8350eec0a3c1521d",
    ),
    # of these two only the files that are used: choreographies, the authors' predictions
    "choreonet": ("abcyzj", "ChoreoNet", "eeb2aaf1b334b5599fe22e369f61f0731bbef068"),
    "musicmotion": ("wenjgong", "musicmotion", "a68849131c260e4a79a48d2dac78b6e516301a9b"),
}
"""Owner, name and commit of each source that has a manifest in this package."""


@dataclass(frozen=True)
class Entry:
    """One file of a repository.

    Attributes:
        path: where it is in the repository, with forward slashes.
        blob: its git blob id, 40 hexadecimal digits.
        size: its length in bytes; None where nobody has noted it. Only the blob id decides.
    """

    path: str
    blob: str
    size: int | None


@dataclass(frozen=True)
class Manifest:
    """The files of one repository at one commit."""

    owner: str
    name: str
    commit: str
    entries: tuple[Entry, ...]


def manifest(source: str) -> Manifest:
    """The manifest that this package holds for ``source``. Raises UserError for another name."""
    if source not in REPOSITORIES:
        raise UserError(
            "manifest", "", f"one of {', '.join(REPOSITORIES)}", repr(source), "correct the name"
        )
    path = Path(__file__).parent / "manifests" / f"{source}.tsv"
    return Manifest(*REPOSITORIES[source], tuple(read_manifest(path)))


def read_manifest(path: Path) -> list[Entry]:
    """The entries of a tab-separated manifest with the columns path, blob and size.

    Raises:
        UserError: the file is missing or no such table, an id is malformed, a path is there
            twice or leads out of the repository's folder.
    """

    def wrong(where: str, expected: str, got: str) -> UserError:
        return UserError(path, where, expected, got, "restore the manifest that was committed")

    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise wrong("", "a manifest", "no such file") from None
    except UnicodeDecodeError as error:
        raise wrong("", "UTF-8 text", str(error)) from None
    if not lines or tuple(lines[0].split("\t")) != COLUMNS:
        got = repr(lines[0]) if lines else "an empty file"
        raise wrong("line 1", f"the columns {', '.join(COLUMNS)}, tabs between", got)

    entries: dict[str, Entry] = {}
    for number, line in enumerate(lines[1:], start=2):
        where, cells = f"line {number}", line.split("\t")
        if len(cells) != len(COLUMNS):
            raise wrong(where, f"{len(COLUMNS)} cells", f"{len(cells)}")
        name, blob, size = cells
        # A manifest decides where files are written, so a path must not be able to leave the store.
        if "\\" in name or "\0" in name or {"", ".", ".."} & set(name.split("/")):
            raise wrong(where, "a plain path below the repository's folder", repr(name))
        if name in entries:
            raise wrong(where, "each path once", f"{name!r} again")
        if not re.fullmatch("[0-9a-f]{40}", blob):
            raise wrong(where, "a git blob id (40 hexadecimal digits)", repr(blob))
        if not re.fullmatch("[0-9]*", size):
            raise wrong(where, "a size in bytes or nothing", repr(size))
        entries[name] = Entry(name, blob, int(size) if size else None)
    return list(entries.values())


def blob_id(file: Path) -> str:
    """The git blob id of a file, read piece by piece. Raises OSError where it cannot be read."""
    with file.open("rb") as content:
        # git's object ids are SHA-1 by definition; here it guards against damage, not malice
        digest = hashlib.sha1(usedforsecurity=False)
        digest.update(b"blob %d\0" % os.fstat(content.fileno()).st_size)
        while piece := content.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()
