"""MusicToDance from GitHub at its pinned commit, or from a mirror folder; every file verified."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import workspace

from motionmusic import errors
from motionmusic.errors import UserError
from motionmusic.files import new_folder
from motionmusic.params.data import DATASET, MusicToDance
from motionmusic.params.reader import group
from motionmusic.sources.fetch import fetch
from motionmusic.sources.manifest import manifest


def main(given: Sequence[str]) -> None:
    """download.py DATASET."""
    (dataset,) = workspace.arguments(given, "dataset")
    about = group(DATASET, "datasets", dataset)
    assert isinstance(about, MusicToDance)
    repository = manifest(about.source)
    folders = {Path(entry.path).parts[0].removeprefix("DANCE_") for entry in repository.entries}
    pieces = sorted(folders) if about.pieces == "all" else about.pieces
    if unknown := sorted(set(pieces) - folders):
        raise UserError(
            "params.yaml", f"datasets.{dataset}.pieces", f"pieces of {repository.name}",
            ", ".join(unknown), "name pieces such as C_2 that the manifest lists",
        )  # fmt: skip
    wanted = [
        entry
        for entry in repository.entries
        if Path(entry.path).parts[0].removeprefix("DANCE_") in set(pieces)
    ]
    mirror = os.environ.get("MOTIONMUSIC_MIRROR")
    # outside the stage's output, so that a download that broke off goes on where it stopped
    paths = fetch(
        repository, wanted, Path("data", "downloads"), mirror=Path(mirror) if mirror else None
    )
    with new_folder(workspace.data(dataset, "raw")) as folder:
        for entry, path in zip(wanted, paths, strict=True):
            target = folder / entry.path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)


if __name__ == "__main__":
    errors.run(main)
