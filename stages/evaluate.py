"""Every prediction of a data set → accuracies, votes, intervals, confusion."""

from __future__ import annotations

from collections.abc import Sequence

from motionmusic import errors, workspace
from motionmusic.files import write_json, write_text
from motionmusic.params import DATASET, Evaluate, Segment, group
from motionmusic.scoring.evaluation import (
    cell_files,
    complete_cells,
    confusion_rows,
    evaluate,
    read_cells,
    summary,
)


def main(given: Sequence[str]) -> None:
    """evaluate.py DATASET."""
    (dataset,) = workspace.arguments(given, "dataset")
    settings = group(Evaluate, "evaluate")
    seeds = group(list[int], "seeds")
    folds = group(Segment, "segment", dataset).folds
    about = group(DATASET, "datasets", dataset)
    classes = list(about.labels.values())
    read = read_cells(cell_files(workspace.data(dataset, "predictions"), seeds))
    result = evaluate(read, classes, settings.seed, folds=folds, resamples=settings.resamples)
    write_json(workspace.metrics(dataset, "evaluation.json"), result)
    write_json(workspace.metrics(dataset, "scores.json"), summary(result))
    best = complete_cells(read)["fc/fused"]  # the cell of the paper's Figures 4 and 5
    # the paper's Figure 5 has AIST++'s classes in the order of their codes
    order = [about.labels[code] for code in sorted(about.labels)]
    rows = confusion_rows(best, classes, order if about.source == "aist" else classes)
    write_text(workspace.plots(dataset, "confusion.csv"), rows.to_csv(index=False))


if __name__ == "__main__":
    errors.run(main)
