"""One entry of the leaderboard, a module of motionmusic.scoring.entries: segments and folds as networks."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from motionmusic import errors, workspace
from motionmusic.errors import UserError
from motionmusic.features.skeletons import LAYOUTS
from motionmusic.params import DATASET, group
from motionmusic.predictions import make_predictions, write_predictions
from motionmusic.scoring import entries
from motionmusic.scoring.entries.task import Segments


def main(given: Sequence[str]) -> None:
    """entry.py DATASET ENTRY SEED."""
    dataset, name, seed = workspace.arguments(given, "dataset", "entry", "seed")
    modules = {path.stem for path in Path(entries.__path__[0]).glob("*.py")} - {"__init__", "task"}
    if name not in modules:
        raise UserError(
            "params.yaml", "entries", f"modules of scoring.entries ({', '.join(sorted(modules))})",
            name, "mend the name, or write src/motionmusic/scoring/entries/NAME.py (docs/benchmark.md)",
        )  # fmt: skip
    fit_predict = import_module(f"motionmusic.scoring.entries.{name}").fit_predict
    about = group(DATASET, "datasets", dataset)
    joints, music = (workspace.read_segments(dataset, kind) for kind in ("joints", "music"))
    parts = []
    for _, ids in tqdm(workspace.folds(workspace.read_index(dataset)), desc=name, mininterval=5):
        labels = ids["label"].to_numpy(np.int64)
        hidden = ids["split"].isin(["validation", "test"]).to_numpy()

        pieces = ids["piece"].to_numpy(str)
        train, validation = (
            Segments(joints[rows], music[rows], labels[rows], pieces[rows])
            for rows in ((ids["split"] == split).to_numpy() for split in ("train", "validation"))
        )
        unknown = np.full(int(hidden.sum()), -1)
        test = Segments(joints[hidden], music[hidden], unknown, pieces[hidden])
        logits = fit_predict(
            train, validation, test, len(about.labels), LAYOUTS[about.layout], int(seed)
        )
        parts.append(make_predictions(dataset, ids[hidden].reset_index(drop=True), logits))
    path = workspace.data(dataset, "entries", f"{name}-{seed}.parquet")
    write_predictions(path, pd.concat(parts, ignore_index=True))


if __name__ == "__main__":
    errors.run(main)
