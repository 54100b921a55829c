"""Train M2S-Net and M2S-GAN on dances by piece, and let the generator dance to the others' music."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import pandas as pd

from motionmusic import errors, workspace
from motionmusic.features.keypoints import clip_of
from motionmusic.files import write_array, write_json, write_text
from motionmusic.models.conductor_weights import published_entries
from motionmusic.params import Dance, group
from motionmusic.training.cell import training
from motionmusic.training.dances import check_split, dance_files, read_keypoint_dances, sides
from motionmusic.training.dancing import train_fold
from motionmusic.training.folds import segment_files


def main(given: Sequence[str]) -> None:
    """dance.py TASK SEED."""
    task, seed = workspace.arguments(given, "task", "seed")
    settings, about = group(Dance, "dance", task), workspace.about(task)
    index = workspace.read_index(task)
    pieces = sorted(set(index["piece"]))
    sounds = workspace.read_pieces(about.corpus).set_index("piece")["music_file"]
    inputs = [
        *segment_files(task), *dance_files(about.corpus, pieces, "keypoints"),
        *(workspace.data(about.corpus, "raw", sounds[piece]) for piece in pieces),
    ]  # fmt: skip
    steps = settings.steps, settings.generator_steps
    clip = partial(clip_of, excerpt_frames=about.excerpt_frames, rate_hz=about.motion_rate_hz)
    tables: dict[str, list[pd.DataFrame]] = {"votes": [], "neighbours": []}
    known = {}
    with training(
        task, f"dance-{seed}", settings.model_dump(), inputs,
        out=workspace.data(task, "dance", seed), runs="music_runs",
    ) as cell:  # fmt: skip
        dances = read_keypoint_dances(about.corpus, pieces)
        for fold, ids in workspace.folds(index):
            check_split(ids, task)
            made = train_fold(ids, dances, clip, steps, int(seed), cell.store, cell.device)
            for name, network in made.networks.items():
                cell.save(f"fold{fold}_{name}", published_entries(network))
            for piece, motion in made.motion.items():
                write_array(cell.folder / "motion" / f"{piece}.npy", motion)
            tables["votes"].append(made.votes)
            tables["neighbours"].append(made.neighbours)
            known[fold] = sides(ids)
        for name, rows in tables.items():
            text = pd.concat(rows).to_csv(index=False, float_format="%.6g")
            write_text(cell.folder / f"{name}.csv", text)
        write_json(cell.folder / "dance.json", {"task": task, "seed": int(seed), "folds": known})


if __name__ == "__main__":
    errors.run(main)
