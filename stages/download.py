"""MusicToDance from GitHub at its pinned commit, or from a mirror folder; every file verified."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from download_repository import take

from motionmusic import errors, workspace
from motionmusic.data.manifest import manifest
from motionmusic.errors import UserError
from motionmusic.params import DATASET, MusicToDance, group


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
    take(repository, wanted, workspace.data(dataset, "raw"))


if __name__ == "__main__":
    errors.run(main)
