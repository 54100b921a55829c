"""Networks, baselines and entries of a data set in one list, against the best baseline."""

from __future__ import annotations

from collections.abc import Sequence

from motionmusic import errors, workspace
from motionmusic.files import write_json, write_text
from motionmusic.params import DATASET, Evaluate, Segment, group
from motionmusic.results.leaderboard import leaderboard, leaderboard_csv, leaderboard_markdown
from motionmusic.scoring.baselines import BASELINES
from motionmusic.scoring.evaluation import cell_files, complete_cells, evaluate, read_cells


def main(given: Sequence[str]) -> None:
    """leaderboard.py DATASET."""
    (dataset,) = workspace.arguments(given, "dataset")
    settings = group(Evaluate, "evaluate")
    seeds, entry_seeds = (group(list[int], name) for name in ("seeds", "entry_seeds"))
    entries = group(list[str], "entries")
    segment = group(Segment, "segment", dataset)
    classes = list(group(DATASET, "datasets", dataset).labels.values())
    files = cell_files(workspace.data(dataset, "predictions"), seeds)
    folder = workspace.data(dataset, "entries")
    files |= {
        f"{e}/joints": [[folder / f"{e}-{seed}.parquet"] for seed in entry_seeds] for e in entries
    }
    read = read_cells(files)
    rows = (*BASELINES, *entries)
    scores = evaluate(
        read, classes, settings.seed, baselines=rows, folds=segment.folds,
        resamples=settings.resamples,
    )  # fmt: skip
    complete = complete_cells(read, baselines=rows)
    board = leaderboard(scores, complete, BASELINES, entries, settings.seed, settings.resamples)
    write_json(workspace.metrics(dataset, "leaderboard.json"), board)
    write_text(workspace.metrics(dataset, "leaderboard.csv"), leaderboard_csv(board))
    text = leaderboard_markdown(dataset, segment.protocol, scores, board)
    write_text(workspace.metrics(dataset, "leaderboard.md"), text)


if __name__ == "__main__":
    errors.run(main)
