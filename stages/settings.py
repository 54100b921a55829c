"""Table 1 or 2: the settings of the experiments, beside the paper's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from motionmusic import errors, workspace
from motionmusic.errors import UserError
from motionmusic.files import write_json, write_text
from motionmusic.params import Segment, Train, group
from motionmusic.results import tables


def shape_of(dataset: str, kind: str) -> tuple[int, ...]:
    """The shape of an array of segments, from its header alone."""
    path = workspace.data(dataset, "segments", f"{kind}.npy")
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (FileNotFoundError, ValueError, EOFError) as error:
        remedy = "run `dvc repro` for the stage segment"
        got = "no such file" if isinstance(error, FileNotFoundError) else str(error)
        raise UserError(path, "", "an array file", got, remedy) from None
    return tuple(array.shape)


def main(given: Sequence[str]) -> None:
    """settings.py DATASET TABLE."""
    dataset, name = workspace.arguments(given, "dataset", "table")
    table = tables.settings_table(
        name,
        dataset,
        group(Segment, "segment", dataset),
        group(Train, "train", dataset),
        group(list[int], "seeds"),
        {kind: shape_of(dataset, kind) for kind in workspace.INPUTS},
        workspace.read_index(dataset),
    )
    write_json(workspace.metrics(dataset, f"{name}.json"), table)
    write_text(workspace.metrics(dataset, f"{name}.csv"), tables.settings_csv(table))
    write_text(workspace.metrics(dataset, f"{name}.md"), tables.settings_markdown(table))


if __name__ == "__main__":
    errors.run(main)
