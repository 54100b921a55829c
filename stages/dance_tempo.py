"""The model that finds a dance's tempo, and how often it is right on dances that it does not know."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from motionmusic import errors, workspace
from motionmusic.data.aist_retargeted import find_pieces, read_dance
from motionmusic.data.musictodance import find_pieces as find_dances
from motionmusic.data.musictodance import read_dance as read_on_beat
from motionmusic.files import new_folder, write_json
from motionmusic.params import Evaluate, group
from motionmusic.results.dance_tempo_table import dance_tempo_table
from motionmusic.results.table import write_tables
from motionmusic.scoring.tempo_of_dances import measured
from motionmusic.scoring.two_corpora import TimedDance, common_joints


def main(given: Sequence[str]) -> None:
    """dance_tempo.py."""
    workspace.arguments(given)
    settings = group(Evaluate, "evaluate")
    raw = workspace.data("aist_retargeted", "raw")
    known = workspace.read_pieces("aist_retargeted").set_index("piece").to_dict("index")
    retargeted = {}
    for piece in find_pieces(raw):
        joints, of = common_joints(read_dance(piece, raw).skeletons, "aist"), known[piece]
        retargeted[piece] = TimedDance(piece, of["dancer"], joints, of["music_bpm"] / 60)
    songs = pd.read_csv(workspace.metrics("on_beat", "song_tempi.csv"))
    tempi = dict(zip(songs["piece"], songs["song_bpm"], strict=True))
    on_beat = {}
    for piece, folder in find_dances(workspace.data("on_beat", "raw")).items():
        joints = common_joints(read_on_beat(piece, folder).skeletons, "musictodance")
        on_beat[piece] = TimedDance(piece, piece, joints, tempi[piece] / 60)
    found, model = measured(retargeted, on_beat, settings.seed, settings.resamples)
    write_json(workspace.metrics("aist_retargeted", "dance_tempo.json"), found)
    with new_folder(workspace.metrics("aist_retargeted", "dance_tempo")) as folder:
        write_tables(folder, "dance_tempo", [dance_tempo_table(found)])
    model.save(workspace.data("aist_retargeted", "dance_tempo.npz"))


if __name__ == "__main__":
    errors.run(main)
