"""What collaborative learning adds to one task over seeds (docs/training.md)."""

from __future__ import annotations

from collections.abc import Sequence

from motionmusic import errors, workspace
from motionmusic.files import write_json
from motionmusic.params import Evaluate, group
from motionmusic.scoring.accuracy import fuse
from motionmusic.scoring.collaborative import INPUTS, ROWS, collaborative
from motionmusic.scoring.evaluation import cell_files, facts, read_cells
from motionmusic.scoring.resampling import resampled


def main(given: Sequence[str]) -> None:
    """gains.py TASK."""
    (task,) = workspace.arguments(given, "task")
    settings, seeds = group(Evaluate, "evaluate"), group(list[int], "collaborative")
    about, index = workspace.about(task), workspace.read_index(task)
    units = resampled(about.protocol, index, workspace.read_task_units(task), about.excerpt_frames)
    files = cell_files(workspace.data(task, "cells"), seeds)
    names = [f"{row}/{kind}" for row in ROWS for kind in INPUTS]
    cells = read_cells({name: files[name] for name in names}, "test", units)
    fused = {
        f"{row}/fused": [
            fuse(pair) for pair in zip(*(cells[f"{row}/{kind}"] for kind in INPUTS), strict=True)
        ]
        for row in ROWS
    }
    found = collaborative(fused, settings.seed, settings.resamples)
    found |= {"seeds": seeds, "facts": facts(about, index, {})}
    write_json(workspace.metrics(task, "collaborative.json"), found)


if __name__ == "__main__":
    errors.run(main)
