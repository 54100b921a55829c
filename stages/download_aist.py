"""AIST++ annotations and AIST dance music, from a folder or from the release, once accepted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from motionmusic import errors, workspace
from motionmusic.data.aist import gather
from motionmusic.params import DATASET, Aist, group


def main(given: Sequence[str]) -> None:
    """download_aist.py DATASET."""
    (dataset,) = workspace.arguments(given, "dataset")
    about = group(DATASET, "datasets", dataset)
    assert isinstance(about, Aist)
    gather(
        workspace.data(dataset, "raw"),
        folder=Path(about.folder) if about.folder else None,
        accept_terms=about.accept_terms,
        store=Path("data", "downloads"),
    )


if __name__ == "__main__":
    errors.run(main)
