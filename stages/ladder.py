"""AIST++ retargeted from random segments to new dancers and choreographies: tables and a picture."""

from __future__ import annotations

from collections.abc import Sequence

from tqdm import tqdm

from motionmusic import errors, workspace
from motionmusic.data.aist_retargeted import held_shares, held_table, read_clips
from motionmusic.files import write_json
from motionmusic.params import Baseline, Evaluate, group
from motionmusic.predictions import read_predictions
from motionmusic.results.figures import save_picture
from motionmusic.results.ladder_table import PROTOCOLS, ladder_picture, ladder_tables
from motionmusic.results.table import save_tables
from motionmusic.scoring.baselines import BASELINES
from motionmusic.scoring.ladder import Task, climb


def main(given: Sequence[str]) -> None:
    """ladder.py CORPUS ENTRY …"""
    corpus, *entries = given
    settings, evaluate = group(Baseline, "baseline"), group(Evaluate, "evaluate")
    seeds = group(list[int], "seeds")
    pieces = workspace.read_pieces(corpus)
    clips = read_clips(workspace.data(corpus, "raw"))
    held = {piece: held_shares(clip) for piece, clip in clips.items()}
    found = {}
    for protocol in tqdm(PROTOCOLS, desc="ladder", mininterval=5):
        task = f"{corpus}.{protocol}"
        cells = {
            name: read_predictions(workspace.cell(task, "baseline-0", f"{name}.parquet"))
            for name in BASELINES
        }
        of_entries = {
            entry: [
                read_predictions(workspace.data(task, "entries", f"{entry}-{seed}.parquet"))
                for seed in seeds
            ]
            for entry in entries
        }
        folds = workspace.folds(workspace.read_index(task))
        of_task = Task(folds, workspace.read_segments(task, "joints"), cells, of_entries)
        found[protocol] = climb(of_task, pieces, held, settings, evaluate)
    result = {"corpus": corpus, "protocols": found}
    save_tables(workspace.metrics(corpus, "ladder"), ladder_tables(result), result)
    write_json(workspace.metrics(corpus, "held.json"), held_table(clips))
    save_picture(workspace.plots(corpus, "ladder"), ladder_picture(result))


if __name__ == "__main__":
    errors.run(main)
