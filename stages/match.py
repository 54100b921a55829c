"""Match music to dances by one method, every fold: a matcher, and the scores of all test excerpts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import pandas as pd

from motionmusic import errors, workspace
from motionmusic.files import new_folder, write_parquet
from motionmusic.methods import Method
from motionmusic.models.matcher import Matcher, about_of, load, save
from motionmusic.params import Deconfounded, Match, Train, group
from motionmusic.scoring.accuracy import vote
from motionmusic.training import matching
from motionmusic.training.device import keep_memory, pick_device


def main(given: Sequence[str]) -> None:
    """match.py TASK METHOD SEED."""
    task, method, seed = workspace.arguments(given, "task", "method", "seed")
    keep_memory()
    device = pick_device()
    match, deccm = group(Match, "match"), group(Deconfounded, "deconfounded")
    index = workspace.read_index(task)
    width = group(Train, "train", task).width
    sizes = {"width": width, "size": match.size, "backdoor": int(deccm.backdoor)}
    about = about_of(workspace.about(task), cast(Method, method), int(seed), index, sizes)
    segments = {kind: workspace.read_segments(task, kind) for kind in ("joints", "music")}
    joints, bones = (
        workspace.cell(task, f"cotrain-{kind}-fc-{seed}") for kind in ("joints", "bones")
    )
    pieces = workspace.read_pieces(workspace.about(task).corpus).set_index("piece")
    networks, matches = {}, []
    for fold, ids in workspace.folds(index):
        file = f"fold{fold}.safetensors"
        if method == "synchrony":
            matcher = load(workspace.data(task, "synchrony", seed), fold)
        elif method == "category":
            matcher = Matcher(about, matching.category(about, joints / file, bones / file))
        else:
            tracks = pieces["music_file"][ids["piece"]]
            matcher = Matcher(about, matching.codes(
                about, joints / file, ids, segments, tracks, (match, deccm), device
            ))  # fmt: skip
        matches.append(matching.scored(matcher, ids, segments, vote))
        networks[fold] = matcher.network
    with new_folder(workspace.data(task, "matchers", f"{method}-{seed}")) as folder:
        save(folder, about, networks)
    path = workspace.data(task, "matches", f"{method}-{seed}.parquet")
    write_parquet(path, pd.concat(matches, ignore_index=True))


if __name__ == "__main__":
    errors.run(main)
