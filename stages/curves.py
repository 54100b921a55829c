"""The training curves of all cells in one file, for one plot."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from motionmusic import errors, workspace
from motionmusic.files import write_text
from motionmusic.params import group


def main(given: Sequence[str]) -> None:
    """curves.py DATASET."""
    (dataset,) = workspace.arguments(given, "dataset")
    seeds = {str(seed) for seed in group(list[int], "seeds")}
    curves = [
        pd.read_csv(path).assign(cell=path.stem)
        for path in sorted(workspace.plots(dataset, "history").glob("*.csv"))
        if path.stem.rsplit("-", 1)[1] in seeds
    ]
    # the music autoencoder alone classifies nothing
    rows = pd.concat(curves).dropna(subset="accuracy")
    table = rows[["cell", "epoch", "accuracy"]]
    write_text(workspace.plots(dataset, "curves.csv"), table.to_csv(index=False))


if __name__ == "__main__":
    errors.run(main)
