"""What collaborative learning adds over seeds, on several tasks (docs/training.md)."""

from __future__ import annotations

from collections.abc import Sequence

from motionmusic import errors, workspace
from motionmusic.files import new_folder, write_json
from motionmusic.params import Epochs, Evaluate, Train, group
from motionmusic.results.overview import collaborative_table
from motionmusic.results.table import write_tables
from motionmusic.scoring.accuracy import fuse
from motionmusic.scoring.collaborative import INPUTS, ROWS, collaborative
from motionmusic.scoring.evaluation import cell_files, facts, read_cells
from motionmusic.scoring.resampling import resampled


def main(given: Sequence[str]) -> None:
    """collaborative.py TASK …, in the order of the rows."""
    settings, seeds = group(Evaluate, "evaluate"), group(list[int], "collaborative")
    found = {}
    for task in given:
        about, index = workspace.about(task), workspace.read_index(task)
        units = resampled(
            about.protocol, index, workspace.read_task_units(task), about.excerpt_frames
        )
        files = cell_files(workspace.data(task, "cells"), seeds)
        names = [f"{row}/{kind}" for row in ROWS for kind in INPUTS]
        cells = read_cells({name: files[name] for name in names}, "test", units)
        fused = {
            f"{row}/fused": [
                fuse(pair)
                for pair in zip(*(cells[f"{row}/{kind}"] for kind in INPUTS), strict=True)
            ]
            for row in ROWS
        }
        found[task] = collaborative(fused, settings.seed, settings.resamples)
        found[task] |= {"seeds": seeds, "facts": facts(about, index, {})}
    table = collaborative_table(
        found,
        {task: group(Train, "train", task) for task in given},
        {task: group(Epochs, "cotrain", task) for task in given},
    )
    with new_folder(workspace.metrics("collaborative")) as folder:
        write_json(folder / "gains.json", found)
        write_tables(folder, "collaborative", [table])


if __name__ == "__main__":
    errors.run(main)
