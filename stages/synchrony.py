"""Learn, without labels, whether music and movement are in time; how often the networks tell."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from motionmusic import errors, workspace
from motionmusic.files import write_text
from motionmusic.models.matcher import about_of, save
from motionmusic.params import Epochs, group
from motionmusic.scoring.planted import planted
from motionmusic.training import in_time
from motionmusic.training.cell import training
from motionmusic.training.dances import check_split, dance_files, read_joint_dances
from motionmusic.training.folds import segment_files


def main(given: Sequence[str]) -> None:
    """synchrony.py TASK SEED."""
    task, seed = workspace.arguments(given, "task", "seed")
    settings, of = group(Epochs, "synchrony", task), workspace.about(task)
    index = workspace.read_index(task)
    about = about_of(of, "synchrony", int(seed), index, {})
    pieces = sorted(set(index["piece"]))
    inputs = [*segment_files(task), *dance_files(of.corpus, pieces, "joints", "music")]
    networks, votes, offsets, wholes = {}, [], [], []
    with training(
        task, f"synchrony-{seed}", settings.model_dump(), inputs,
        out=workspace.data(task, "synchrony", seed), runs="music_runs",
    ) as cell:  # fmt: skip
        dances = read_joint_dances(of.corpus, pieces, of.motion_rate_hz)
        for fold, ids in workspace.folds(index):
            check_split(ids, task)
            network = in_time.train_fold(
                ids, dances, about, settings.epochs, cell.store(f"fold{fold}"), cell.device
            )
            votes.append(in_time.votes(network, ids, dances, about))
            offsets.append(planted(network, ids, of, about))
            wholes.append(in_time.whole(network, ids, dances))
            networks[fold] = network
        save(cell.folder, about, networks)
        for name, rows in (("votes", votes), ("offsets", offsets), ("whole", wholes)):
            text = pd.concat(rows).to_csv(index=False, float_format="%.6g")
            write_text(cell.folder / f"{name}.csv", text)


if __name__ == "__main__":
    errors.run(main)
