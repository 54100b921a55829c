"""Pieces → excerpts → segments of 25 frames, and who is in train, validation and test."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict

from motionmusic import errors, workspace
from motionmusic.data.pieces import about_task
from motionmusic.data.splits import split, taking_part
from motionmusic.features import segments
from motionmusic.files import (
    new_folder,
    read_array,
    write_array,
    write_json,
    write_parquet,
    write_text,
)
from motionmusic.params import CORPUS, MUSIC, Bones, Joints, Segment, group


def main(given: Sequence[str]) -> None:
    """segment.py TASK CORPUS."""
    task, corpus = workspace.arguments(given, "task", "corpus")
    source, settings = group(CORPUS, "corpora", corpus), group(Segment, "segment", task)
    units = workspace.read_units(corpus)
    every = workspace.read_pieces(corpus)
    pieces, labels = taking_part(settings.protocol, every, units, source.labels)
    units = units[units["piece"].isin(pieces["piece"])]
    merged, music = (
        {p: read_array(workspace.data(corpus, kind, f"{p}.npy")) for p in pieces["piece"]}
        for kind in ("merged", "music")
    )
    raw, length = workspace.data(corpus, "raw"), settings.excerpt_frames
    frames = segments.frames_of(merged, music, length, raw)
    kept, of_each = segments.kept_excerpts(pieces, frames, settings)
    if of_each is not None and of_each != settings.excerpts:
        text = f"{task}: {of_each} excerpts of each class, not {settings.excerpts}: one has no more"
        print(text, file=sys.stderr)
    names = dict(enumerate(labels.values()))
    rows = split(task, settings, kept, pieces, units, names)
    made = (group(Joints, "joints", corpus), group(Bones, "bones", corpus))
    sound = group(MUSIC, "music", corpus)
    about = about_task(task, corpus, source, settings, of_each, pieces, labels, *made, sound)
    with new_folder(workspace.data(task, "segments")) as folder:
        for name, array in segments.cut(rows, merged, music, length).items():
            write_array(folder / f"{name}.npy", array)
        index = rows[["split", "fold", "piece", "excerpt", "segment", "label"]]
        write_parquet(folder / "index.parquet", index)
        write_text(folder / "units.csv", units.to_csv(index=False))
        write_json(folder / "about.json", asdict(about))


if __name__ == "__main__":
    errors.run(main)
