"""The music of every piece → scaled log-mel (or MFCC), on all cores."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from tqdm import tqdm

from motionmusic import errors, workspace
from motionmusic.features.music import piece_features
from motionmusic.files import new_folder, write_array
from motionmusic.params import MUSIC, group


def main(given: Sequence[str]) -> None:
    """music.py CORPUS."""
    (corpus,) = workspace.arguments(given, "corpus")
    settings = group(MUSIC, "music", corpus)
    rows = workspace.read_pieces(corpus).to_dict("records")
    work = partial(piece_features, workspace.data(corpus, "raw"), settings)
    with (
        new_folder(workspace.data(corpus, "music")) as folder,
        ProcessPoolExecutor(min(len(rows), os.cpu_count() or 1)) as pool,
    ):
        done = pool.map(work, rows)
        bar = tqdm(zip(rows, done, strict=True), "music", len(rows), unit="piece", mininterval=5)
        for row, values in bar:
            write_array(folder / f"{row['piece']}.npy", values)


if __name__ == "__main__":
    errors.run(main)
