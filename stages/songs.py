"""Tempo and beats of every song of MusicToDance, and a picture to judge them by."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor

import pandas as pd
from tqdm import tqdm

from motionmusic import errors, workspace
from motionmusic.data.choreonet import read_choreographies
from motionmusic.data.musictodance import find_pieces
from motionmusic.data.on_beat import expected_tempi, song_row
from motionmusic.files import write_text
from motionmusic.results.figures import save_picture
from motionmusic.results.tempo_views import tempo_picture


def main(given: Sequence[str]) -> None:
    """songs.py CORPUS."""
    (corpus,) = workspace.arguments(given, "corpus")
    published = workspace.data(corpus, "published")
    choreographies = read_choreographies(published / "choreonet")
    expected = expected_tempi(choreographies)
    pieces = list(find_pieces(published))
    with ProcessPoolExecutor(min(len(pieces), os.cpu_count() or 1)) as pool:
        work = [
            pool.submit(song_row, published, choreographies[piece], expected[piece])
            for piece in pieces
        ]
        done = [each.result() for each in tqdm(work, "songs", unit="song", mininterval=5)]
    table = pd.DataFrame([row for row, _ in done])
    text = table.to_csv(index=False, float_format="%.6g")
    write_text(workspace.metrics(corpus, "song_tempi.csv"), text)
    picture = tempo_picture(table, [folded for _, folded in done])
    save_picture(workspace.plots(corpus, "song_tempi"), picture)


if __name__ == "__main__":
    errors.run(main)
