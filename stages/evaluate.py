"""Every prediction of a task → accuracies, votes, intervals, confusion, curves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from motionmusic import errors, workspace
from motionmusic.files import write_json, write_parquet, write_text
from motionmusic.params import Evaluate, group
from motionmusic.scoring import evaluation
from motionmusic.scoring.resampling import resampled


def main(given: Sequence[str]) -> None:
    """evaluate.py TASK."""
    (task,) = workspace.arguments(given, "task")
    settings, about = group(Evaluate, "evaluate"), workspace.about(task)
    classes, folder = list(about.labels.values()), workspace.data(task, "cells")
    files = evaluation.cell_files(folder, group(list[int], "seeds"))
    if left_out := evaluation.not_ended(files):
        files = {cell: of for cell, of in files.items() if cell not in left_out}
    index = workspace.read_index(task)
    spans = workspace.read_task_units(task)
    units = resampled(about.protocol, index, spans, about.excerpt_frames)
    cells = evaluation.complete_cells(evaluation.read_cells(files, "test", units))
    validation = evaluation.complete_cells(evaluation.read_cells(files, "validation"))
    shapes = {
        kind: np.load(workspace.data(task, "segments", f"{kind}.npy"), mmap_mode="r").shape
        for kind in workspace.INPUTS
    }
    found = evaluation.evaluate(cells, classes, settings.seed, settings.resamples)
    found["validation"] = evaluation.validated(validation)
    found["facts"] = evaluation.facts(about, index, shapes)
    if left_out:
        found["not_ended"] = left_out
    tables = {
        workspace.metrics(task, "runs.csv"): evaluation.runs(workspace.metrics(task, "runs")),
        workspace.plots(task, "confusion.csv"): evaluation.confusion_rows(
            cells[evaluation.BEST], classes
        ),
        workspace.plots(task, "curves.csv"): evaluation.curves(folder),
    }
    write_json(workspace.metrics(task, "evaluation.json"), found)
    write_json(workspace.metrics(task, "scores.json"), evaluation.headline(found))
    write_parquet(workspace.data(task, "votes.parquet"), evaluation.votes(cells))
    for path, table in tables.items():
        write_text(path, table.to_csv(index=False, lineterminator="\n"))


if __name__ == "__main__":
    errors.run(main)
