"""Baselines on the joints, on exactly the segments and splits of the networks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from tqdm import tqdm

from motionmusic import errors, workspace
from motionmusic.files import new_folder
from motionmusic.params import Baseline, group
from motionmusic.predictions import make_predictions, write_predictions
from motionmusic.scoring.baselines import BASELINES, fit_predict


def main(given: Sequence[str]) -> None:
    """baseline.py TASK SEED."""
    task, seed = workspace.arguments(given, "task", "seed")
    settings = group(Baseline, "baseline")
    classes = len(workspace.about(task).labels)
    joints = workspace.read_segments(task, "joints")
    folds = workspace.folds(workspace.read_index(task))
    with new_folder(workspace.cell(task, f"baseline-{seed}")) as folder:
        for name in tqdm(BASELINES, desc="baselines", mininterval=5):
            parts = []
            for _, ids in folds:
                train = (ids["split"] == "train").to_numpy()
                tested = ids["split"].isin(["validation", "test"]).to_numpy()
                logits = fit_predict(
                    name, joints[train], ids.loc[train, "label"].to_numpy(np.int64),
                    joints[tested], classes, int(seed), trees=settings.trees,
                    logistic_c=settings.logistic_c,
                )  # fmt: skip
                parts.append(make_predictions(task, ids[tested].reset_index(drop=True), logits))
            write_predictions(folder / f"{name}.parquet", pd.concat(parts, ignore_index=True))


if __name__ == "__main__":
    errors.run(main)
