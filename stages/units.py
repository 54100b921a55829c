"""Which movement unit every piece dances when; nothing where no choreography is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields

import pandas as pd

from motionmusic import errors, workspace
from motionmusic.data.choreonet import Span, read_captures, read_choreographies, unit_spans
from motionmusic.errors import UserError
from motionmusic.files import write_text
from motionmusic.params import DATASET, AnyDataset, MusicToDance, OwnFolder, group


def choreographed(about: AnyDataset) -> bool:
    """Whether the data set's pieces are MusicToDance's, so that ChoreoNet knows their units."""
    if isinstance(about, OwnFolder):
        return about.choreography == "musictodance"
    return isinstance(about, MusicToDance)


def find_spans(dataset: str) -> list[Span]:
    """Of every piece of the data set."""
    raw = workspace.data("choreonet", "raw")
    choreographies, captures = read_choreographies(raw), read_captures(raw)
    pieces = workspace.read_pieces(dataset)
    spans: list[Span] = []
    for piece, frames in zip(pieces["piece"], pieces["frames"], strict=True):
        if piece not in choreographies:
            raise UserError(
                workspace.data(dataset, "raw"), piece, "a piece that ChoreoNet has a choreography of",
                "none", f"take it out of datasets.{dataset}.pieces, or set choreography: none",
            )  # fmt: skip
        spans += unit_spans(choreographies[piece], int(frames), captures)
    return spans


def main(given: Sequence[str]) -> None:
    """units.py DATASET."""
    (dataset,) = workspace.arguments(given, "dataset")
    about = group(DATASET, "datasets", dataset)
    spans = find_spans(dataset) if choreographed(about) else []
    columns = [field.name for field in fields(Span)]
    table = pd.DataFrame([asdict(span) for span in spans], columns=columns)
    write_text(workspace.data(dataset, "units.csv"), table.to_csv(index=False))


if __name__ == "__main__":
    errors.run(main)
