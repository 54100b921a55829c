"""The user's own dances, in MusicToDance's layout, taken into the pipeline as they are."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from motionmusic import errors, workspace
from motionmusic.data.musictodance import find_pieces, read_dance
from motionmusic.errors import UserError
from motionmusic.files import new_folder
from motionmusic.params import DATASET, OwnFolder, group


def main(given: Sequence[str]) -> None:
    """download_folder.py DATASET."""
    (dataset,) = workspace.arguments(given, "dataset")
    about = group(DATASET, "datasets", dataset)
    assert isinstance(about, OwnFolder)
    found = find_pieces(Path(about.folder))
    pieces = list(found) if about.pieces == "all" else about.pieces
    if unknown := sorted(set(pieces) - set(found)):
        raise UserError(
            "params.yaml", f"datasets.{dataset}.pieces", f"pieces in {about.folder}",
            ", ".join(unknown), "name pieces such as C_2 that lie there",
        )  # fmt: skip
    with new_folder(workspace.data(dataset, "raw")) as folder:
        for piece, where in ((piece, found[piece]) for piece in pieces):
            read_dance(piece, where)  # a broken dance stops here, not hours later
            try:
                shutil.copytree(where, folder / where.name)
            except shutil.Error as error:  # it lists every file; the first will do
                source, target, reason = error.args[0][0]
                raise UserError(
                    source, "", f"to be copied to {target}", reason,
                    "free space or mend the permissions, then run the same command again",
                ) from None  # fmt: skip


if __name__ == "__main__":
    errors.run(main)
