"""What the stages of matching share: windows of segments in, a matcher and its scores out."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matching_files import write_matches
from torch import nn

from motionmusic import workspace
from motionmusic.files import Float32, new_folder, write_json
from motionmusic.models.matcher import About, save
from motionmusic.models.methods import Method
from motionmusic.params import DATASET, Bones, Joints, Music, Segment, group
from motionmusic.training.device import describe, pick_device
from motionmusic.training.provenance import git_revision, provenance

ID = ["piece", "excerpt"]


def windows(ids: pd.DataFrame, split: str | None = None) -> pd.DataFrame:
    """One row an excerpt (of a split, or of all): piece, excerpt, label, rows in time order."""
    rows = ids if split is None else ids[ids["split"] == split]
    groups = rows.assign(row=rows.index).groupby(ID, sort=False)
    return groups.agg(label=("label", "first"), rows=("row", list)).reset_index()


def tracks(dataset: str, windows: pd.DataFrame) -> pd.Series[Any]:
    """The track (its sound file) of every window."""
    pieces = workspace.read_pieces(dataset)
    return windows["piece"].map(dict(zip(pieces["piece"], pieces["music_file"], strict=True)))


def about(dataset: str, method: Method, seed: int, sizes: Mapping[str, int]) -> About:
    """What a matcher of this data set is."""
    data = group(DATASET, "datasets", dataset)
    segment = group(Segment, "segment", dataset)
    return About(
        method=method, dataset=dataset, seed=seed, layout=data.layout,
        motion_rate_hz=data.motion_rate_hz, labels=data.labels,
        joints=group(Joints, "joints", dataset), music=group(Music, "music", dataset),
        paper_bones=group(Bones, "bones", dataset).paper, excerpt_frames=segment.excerpt_frames,
        segment_frames=segment.segment_frames, sizes=dict(sizes), git=git_revision(),
    )  # fmt: skip


def scored(
    fold: int, queries: pd.DataFrame, gallery: pd.DataFrame, scores: Float32
) -> pd.DataFrame:
    """A fold's scores as rows: fold, piece, excerpt, candidate, candidate_excerpt, score."""
    left = queries[ID].loc[queries.index.repeat(len(gallery))].reset_index(drop=True)
    right = gallery[ID].rename(columns={"piece": "candidate", "excerpt": "candidate_excerpt"})
    right = pd.concat([right] * len(queries), ignore_index=True)
    frame = pd.concat([left, right], axis=1).assign(score=np.asarray(scores, np.float32).ravel())
    frame.insert(0, "fold", fold)
    return frame


def finish(
    about: About,
    folds: Mapping[int, nn.Module],
    matches: list[pd.DataFrame],
    params: Mapping[str, Any],
    inputs: Iterable[Path],
    started: float,
) -> None:
    """Write the matcher, its scores of all test excerpts and the run's record."""
    name = f"{about.method}-{about.seed}"
    with new_folder(workspace.data(about.dataset, "matchers", name)) as folder:
        save(folder, about, folds)
    write_matches(about.dataset, name, pd.concat(matches, ignore_index=True))
    record = provenance(
        params=params, inputs=inputs, machine=describe(pick_device()),
        seconds=time.monotonic() - started,
    )  # fmt: skip
    write_json(workspace.metrics(about.dataset, "runs", f"match-{name}.json"), record)
