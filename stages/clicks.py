"""Ten songs with a click on every beat, to hear whether their tempo is right."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import soundfile

from motionmusic import errors, workspace
from motionmusic.data.musictodance import find_pieces, read_dance
from motionmusic.files import new_folder
from motionmusic.results.tempo_views import clicked

SONGS = 10


def main(given: Sequence[str]) -> None:
    """clicks.py CORPUS."""
    (corpus,) = workspace.arguments(given, "corpus")
    songs = workspace.read_songs(corpus)
    found = find_pieces(workspace.data(corpus, "published"))
    chosen = np.unique(np.linspace(0, len(songs) - 1, SONGS).round().astype(int))
    with new_folder(workspace.data(corpus, "clicks")) as folder:
        for song in songs.iloc[chosen].to_dict("records"):
            dance = read_dance(str(song["piece"]), found[str(song["piece"])])
            sound, rate = clicked(
                dance.music_file,
                start_s=dance.music_start_s,
                beat_hz=song["song_bpm"] / 60,
                first_beat_s=song["first_beat_s"],
            )
            soundfile.write(folder / f"{song['piece']}.flac", sound, rate)


if __name__ == "__main__":
    errors.run(main)
