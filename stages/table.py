"""Tables 3 and 5, or 4 and 6: accuracies per segment and per excerpt, beside the paper's."""

from __future__ import annotations

from collections.abc import Sequence

from motionmusic import errors, workspace
from motionmusic.files import read_json, write_json, write_text
from motionmusic.params import Segment, Train, group
from motionmusic.results import tables
from motionmusic.results.paper import printed


def main(given: Sequence[str]) -> None:
    """table.py DATASET SEGMENT_TABLE EXCERPT_TABLE."""
    dataset, *names = workspace.arguments(given, "dataset", "segment_table", "excerpt_table")
    segment = group(Segment, "segment", dataset)
    train = group(Train, "train", dataset)
    evaluation = read_json(
        workspace.metrics(dataset, "evaluation.json"), "run `dvc repro` for the stage evaluate"
    )
    for name, unit in zip(names, ("segment", "excerpt"), strict=True):
        paper = printed(name) if tables.comparable(dataset, segment) else None
        files = read_json(
            workspace.metrics("authors", "cells.json"), "run `dvc repro` for the stage authors"
        ) if tables.with_files(dataset, segment) else None  # fmt: skip
        table = tables.accuracy_table(name, dataset, evaluation, unit, segment, train, paper, files)
        write_json(workspace.metrics(dataset, f"{name}.json"), table)
        write_text(workspace.metrics(dataset, f"{name}.csv"), tables.accuracy_csv(table))
        write_text(workspace.metrics(dataset, f"{name}.md"), tables.accuracy_markdown(table))


if __name__ == "__main__":
    errors.run(main)
