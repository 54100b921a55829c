"""Pieces → excerpts → segments of 25 frames, and who is in train, validation and test."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from motionmusic import errors, workspace
from motionmusic.data import splits as protocols
from motionmusic.errors import UserError
from motionmusic.features.segments import (
    choose_excerpts,
    every_segment,
    excerpts_to_segments,
    units_of_segments,
)
from motionmusic.files import Float32, new_folder, read_array, write_array, write_bytes
from motionmusic.params import DATASET, Segment, group


def choose(
    dataset: str, pieces: pd.DataFrame, frames: dict[str, int], settings: Segment
) -> pd.DataFrame:
    """The kept excerpts, in class order: piece, excerpt, label."""
    names = list(group(DATASET, "datasets", dataset).labels.values())
    rows = []
    for label, group_ in pieces.groupby("label", sort=True):
        available = {piece: frames[piece] // settings.excerpt_frames for piece in group_["piece"]}
        if settings.excerpts_per_piece == "first":
            available = {piece: min(count, 1) for piece, count in available.items()}
        wanted = None if settings.excerpts_per_class == "all" else settings.excerpts_per_class
        chosen = choose_excerpts(available, wanted, settings.choose)
        if wanted is not None and len(chosen) < wanted:
            raise UserError(
                "params.yaml", f"segment.{dataset}.excerpts_per_class",
                f"at most the {len(chosen)} excerpts that {names[int(str(label))]} has", str(wanted),
                "set fewer (or all), or add dances of that class",
            )  # fmt: skip
        rows += [{"piece": piece, "excerpt": k, "label": label} for piece, k in chosen]
    return pd.DataFrame(rows)


def split(
    dataset: str, pieces: pd.DataFrame, excerpts: pd.DataFrame, settings: Segment
) -> pd.DataFrame:
    """The protocol's rows, once per fold every segment: fold, split, piece, excerpt, segment, label."""
    names = dict(enumerate(group(DATASET, "datasets", dataset).labels.values()))
    per_excerpt = settings.excerpt_frames // settings.segment_frames
    if settings.protocol in ("by_unit", "by_capture"):
        spans = workspace.read_units(dataset)
        segments = every_segment(excerpts, per_excerpt)
        segments["units"] = units_of_segments(
            segments, spans, settings.excerpt_frames, settings.segment_frames
        )
        if settings.protocol == "by_unit":
            return protocols.by_unit(segments, settings.folds, settings.split_seed, names)
        captures = dict(zip(spans["unit"], spans["capture"], strict=True))
        return protocols.by_capture(segments, captures, settings.split_seed, names)
    if settings.protocol == "paper":
        rows = protocols.paper(excerpts)
    elif settings.protocol == "published":
        rows = protocols.published(excerpts)
    elif settings.protocol == "by_piece":
        rows = protocols.by_piece(excerpts, settings.folds, settings.split_seed, names)
    else:
        official = dict(zip(pieces["piece"], pieces["official_split"], strict=True))
        if settings.protocol == "official_clean":
            official |= dict.fromkeys(pieces.loc[pieces["broken_tracking"], "piece"], "unused")
        rows = protocols.official(excerpts, official)
    return every_segment(rows.reset_index(drop=True), per_excerpt)


def main(given: Sequence[str]) -> None:
    """segment.py DATASET."""
    (dataset,) = workspace.arguments(given, "dataset")
    settings = group(Segment, "segment", dataset)
    pieces = workspace.read_pieces(dataset)
    kinds = {
        kind: {p: read_array(workspace.data(dataset, kind, f"{p}.npy")) for p in pieces["piece"]}
        for kind in (*workspace.INPUTS, "music")
    }
    frames = {p: min(len(arrays[p]) for arrays in kinds.values()) for p in pieces["piece"]}
    for piece, count in frames.items():
        if count < settings.excerpt_frames:
            raise UserError(
                workspace.data(dataset, "raw"), piece,
                f"at least one excerpt of {settings.excerpt_frames} frames with sound",
                f"{count} frames", f"take the piece out, or set segment.{dataset}.excerpt_frames",
            )  # fmt: skip
    try:
        rows = split(dataset, pieces, choose(dataset, pieces, frames, settings), settings)
    except UserError as error:  # protocols do not know the data set's name
        raise replace(error, where=error.where.replace("*", dataset)) from None

    # the arrays hold every segment once, in the order of the folds, which is one order for all
    first = rows[(rows["fold"] == 0) & (rows["segment"] == 0)]
    excerpts = list(zip(first["piece"], first["excerpt"], strict=True))
    labels = first["label"].to_numpy()

    def cut(kind: str) -> Float32:
        length = settings.excerpt_frames
        return np.stack([kinds[kind][p][k * length : (k + 1) * length] for p, k in excerpts])

    music = cut("music")
    with new_folder(workspace.data(dataset, "segments")) as folder:
        for kind in workspace.INPUTS:
            motion, sound, _ = excerpts_to_segments(
                cut(kind).transpose(0, 3, 1, 2), music, labels, settings.segment_frames
            )
            write_array(folder / f"{kind}.npy", motion)
        write_array(folder / "music.npy", sound)
        columns = ["split", "fold", "piece", "excerpt", "segment", "label"]
        buffer = io.BytesIO()
        rows[columns].to_parquet(buffer, index=False)
        write_bytes(folder / "index.parquet", buffer.getvalue())


if __name__ == "__main__":
    errors.run(main)
