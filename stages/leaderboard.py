"""Networks, baselines and entries of a task in one list, against the best baseline."""

from __future__ import annotations

from collections.abc import Sequence

from motionmusic import errors, workspace
from motionmusic.params import Benchmark, Evaluate, group
from motionmusic.results.leaderboard import leaderboard
from motionmusic.results.table import save_tables
from motionmusic.scoring.baselines import BASELINES
from motionmusic.scoring.evaluation import (
    cell_files,
    complete_cells,
    evaluate,
    is_network,
    read_cells,
    validated,
)
from motionmusic.scoring.resampling import resampled


def main(given: Sequence[str]) -> None:
    """leaderboard.py TASK."""
    (task,) = workspace.arguments(given, "task")
    settings, benchmark = group(Evaluate, "evaluate"), group(Benchmark, "benchmark")
    about = workspace.about(task)
    files = cell_files(workspace.data(task, "cells"), group(list[int], "seeds"))
    entries = workspace.data(task, "entries")
    files |= {
        f"{entry}/joints": [entries / f"{entry}-{seed}.parquet" for seed in benchmark.seeds]
        for entry in benchmark.entries
    }
    # without trained networks the others can be compared all the same
    files = {cell: of for cell, of in files.items() if not is_network(cell) or of[0].exists()}
    index, spans = workspace.read_index(task), workspace.read_task_units(task)
    units = resampled(about.protocol, index, spans, about.excerpt_frames)
    models = (*BASELINES, *benchmark.entries)
    cells = complete_cells(read_cells(files, "test", units), models)
    validation = validated(complete_cells(read_cells(files, "validation"), models))
    found = evaluate(cells, list(about.labels.values()), settings.seed, settings.resamples)
    found |= {"facts": vars(about), "validation": validation}
    table = leaderboard(found, cells, benchmark.entries, settings.seed, settings.resamples)
    save_tables(workspace.metrics(task, "leaderboard"), [table])


if __name__ == "__main__":
    errors.run(main)
