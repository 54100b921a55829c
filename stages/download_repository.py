"""A public repository's files at its pinned commit, or from a mirror folder; every file verified."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from motionmusic import errors, workspace
from motionmusic.data.fetch import fetch
from motionmusic.data.manifest import Entry, Manifest, manifest
from motionmusic.files import new_folder


def take(repository: Manifest, wanted: Sequence[Entry], to: Path) -> None:
    """Bring the wanted files of a repository into the folder ``to``, all or none."""
    mirror = os.environ.get("MOTIONMUSIC_MIRROR")
    # outside the stage's output, so that a download that broke off goes on where it stopped
    paths = fetch(
        repository, wanted, Path("data", "downloads"), mirror=Path(mirror) if mirror else None
    )
    with new_folder(to) as folder:
        for entry, path in zip(wanted, paths, strict=True):
            target = folder / entry.path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)


def main(given: Sequence[str]) -> None:
    """download_repository.py REPOSITORY: every file of its manifest."""
    (name,) = workspace.arguments(given, "repository")
    repository = manifest(name)
    take(repository, repository.entries, workspace.data(name, "raw"))


if __name__ == "__main__":
    errors.run(main)
