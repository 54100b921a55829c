"""Beats and tempo of every piece, of its music and of its motion, on all cores."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import pandas as pd
from tqdm import tqdm

from motionmusic import errors, workspace
from motionmusic.features.piece_beats import piece_beats
from motionmusic.files import write_parquet, write_text


def main(given: Sequence[str]) -> None:
    """beats.py CORPUS."""
    (corpus,) = workspace.arguments(given, "corpus")
    rows = workspace.read_pieces(corpus).sort_values("piece").to_dict("records")
    work = partial(piece_beats, workspace.data(corpus, "raw"), workspace.data(corpus, "joints"))
    with ProcessPoolExecutor(min(len(rows), os.cpu_count() or 1)) as pool:
        found = pool.map(work, rows)
        done = list(tqdm(found, total=len(rows), desc="beats", unit="piece", mininterval=5))
    times = pd.concat([times for times, _ in done], ignore_index=True)
    write_parquet(workspace.data(corpus, "beats.parquet"), times)
    tempo = pd.DataFrame([tempo for _, tempo in done])
    write_text(workspace.data(corpus, "tempo.csv"), tempo.to_csv(index=False))


if __name__ == "__main__":
    errors.run(main)
