"""Whether on_beat and AIST++ retargeted, both in time with their music, help each other."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from motionmusic import errors, workspace
from motionmusic.data.aist_retargeted import find_pieces, read_dance
from motionmusic.data.musictodance import find_pieces as find_dances
from motionmusic.data.musictodance import read_dance as read_on_beat
from motionmusic.files import new_folder, write_json
from motionmusic.params import Evaluate, group
from motionmusic.results.table import write_tables
from motionmusic.results.two_corpora_table import two_corpora_table
from motionmusic.scoring.two_corpora import TimedDance, both_ways, by_piece, common_joints

SPLIT = "aist_retargeted.by_dancer_and_choreography"


def main(given: Sequence[str]) -> None:
    """two_corpora.py."""
    workspace.arguments(given)
    settings = group(Evaluate, "evaluate")
    raw = workspace.data("aist_retargeted", "raw")
    pieces = workspace.read_pieces("aist_retargeted")
    known = pieces.set_index("piece")[["dancer", "music_bpm"]].to_dict("index")
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
    splits = []
    for _, ids in workspace.folds(workspace.read_index(SPLIT)):
        learned, tested = (
            sorted(set(ids.loc[ids["split"].isin(of), "piece"]))
            for of in (("train", "validation"), ("test",))
        )
        splits.append((learned, tested))
    found = both_ways(
        retargeted, splits, on_beat, by_piece(list(on_beat)), settings.seed, settings.resamples
    )
    write_json(workspace.metrics("aist_retargeted", "two_corpora.json"), found)
    with new_folder(workspace.metrics("aist_retargeted", "two_corpora")) as folder:
        write_tables(folder, "two_corpora", [two_corpora_table(found)])


if __name__ == "__main__":
    errors.run(main)
