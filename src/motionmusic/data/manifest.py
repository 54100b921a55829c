"""Lists of the files that a public repository holds at one commit, each with its git blob id."""

from __future__ import annotations

import csv
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from motionmusic.errors import UserError

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
    # its captures, without 20.c3d (most of the waltz), which no mirror at hand has
    "captures": ("abcyzj", "ChoreoNet", "eeb2aaf1b334b5599fe22e369f61f0731bbef068"),
    # of these two the 190 dances that are AIST++'s, and the features of its 60 tracks
    "motionmind": (
        "rohitacharyams",
        "MotionMind",
        "ab5d0efc904d856f65c69de7f4e4eabd22e6ec49",
    ),
    "aist_features": (
        "hellto",
        "dance2music-diffusion",
        "78cc08b87ca9bb5770b61f1634ec909965d33aa7",
    ),
    "musicmotion": ("wenjgong", "musicmotion", "a68849131c260e4a79a48d2dac78b6e516301a9b"),
}
"""Owner, name and commit of each source that has a manifest in this package."""


@dataclass(frozen=True)
class Entry:
    """A file of a repository: path with forward slashes, git blob id, bytes (0 where unknown)."""

    path: str
    blob: str
    size: int


@dataclass(frozen=True)
class Manifest:
    """The files of one repository at one commit."""

    owner: str
    name: str
    commit: str
    entries: tuple[Entry, ...]


def manifest(source: str) -> Manifest:
    """The manifest that this package holds for ``source``.

    Raises UserError for another name, and where its file is missing, empty or broken.
    """
    if source not in REPOSITORIES:
        known = f"one of {', '.join(REPOSITORIES)}"
        raise UserError("manifest", "", known, source, "correct the name")
    path = Path(__file__).parent / "manifests" / f"{source}.tsv"
    remedy = "install the package again, or `git checkout` the file"
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = csv.DictReader(file, delimiter="\t")
            entries = tuple(Entry(row["path"], row["blob"], int(row["size"] or 0)) for row in rows)
    except FileNotFoundError:
        raise UserError(path, "", "a list of files", "no such file", remedy) from None
    except (KeyError, ValueError, TypeError, csv.Error) as error:
        expected = "a table with the columns path, blob, size"
        raise UserError(path, "", expected, f"another: {error}", remedy) from None
    if not entries:
        raise UserError(path, "", "a list of files", "an empty one", remedy)
    return Manifest(*REPOSITORIES[source], entries)


def blob_id(file: Path) -> str:
    """The git blob id of a file, read piece by piece. Raises OSError where it cannot be read."""
    with file.open("rb") as content:
        # git's object ids are SHA-1 by definition; here it guards against damage, not malice
        digest = hashlib.sha1(usedforsecurity=False)
        digest.update(b"blob %d\0" % os.fstat(content.fileno()).st_size)
        while piece := content.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()
