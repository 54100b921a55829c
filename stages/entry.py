"""One entry of the leaderboard, a module of scoring/entries, on the segments and folds of the networks."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from tqdm import tqdm

from motionmusic import errors, workspace
from motionmusic.features.skeletons import LAYOUTS
from motionmusic.predictions import make_predictions, write_predictions
from motionmusic.scoring.entries.task import entry, segments_of


def main(given: Sequence[str]) -> None:
    """entry.py TASK ENTRY SEED."""
    task, name, seed = workspace.arguments(given, "task", "entry", "seed")
    fit_predict, about = entry(name), workspace.about(task)
    joints, music = (workspace.read_segments(task, kind) for kind in ("joints", "music"))
    parts = []
    for _, ids in tqdm(workspace.folds(workspace.read_index(task)), desc=name, mininterval=5):
        train, validation, test = (
            segments_of(ids, joints, music, *splits, hidden=hidden)
            for splits, hidden in (
                (("train",), False), (("validation",), False), (("validation", "test"), True)
            )
        )  # fmt: skip
        layout = LAYOUTS[about.layout]
        logits = fit_predict(train, validation, test, len(about.labels), layout, int(seed))
        tested = ids[ids["split"].isin(["validation", "test"])].reset_index(drop=True)
        parts.append(make_predictions(task, tested, logits))
    path = workspace.data(task, "entries", f"{name}-{seed}.parquet")
    write_predictions(path, pd.concat(parts, ignore_index=True))


if __name__ == "__main__":
    errors.run(main)
