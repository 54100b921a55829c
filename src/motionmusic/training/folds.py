"""The segments of a task, fold by fold, as the paper's networks train on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from motionmusic import workspace
from motionmusic.features.skeletons import LAYOUTS, paper_graph
from motionmusic.files import write_text
from motionmusic.models.motion_encoder import MotionEncoder
from motionmusic.predictions import make_predictions
from motionmusic.training.augment import Augmentation, body, neighbours
from motionmusic.training.loop import History, logits_of
from motionmusic.training.recipe import Recipe

IDS = ["split", "piece", "excerpt", "segment", "label"]


@dataclass(frozen=True)
class Segments:
    """The segments of one task and fold, on the device.

    Attributes:
        motion: (n, c, 25, v) float32; no channels where only music is trained.
        music: (n, 1, 96, 25) float32.
        labels: (n,) int64.
        train, validation: indices of the rows in each.
        augmentation: of the training segments, where the recipe has one.
    """

    motion: Tensor
    music: Tensor
    labels: Tensor
    train: Tensor
    validation: Tensor
    augmentation: Augmentation | None = None

    def batch(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Motion and music of training rows, as they are or augmented."""
        if self.augmentation is None:
            return self.motion[rows], self.music[rows]
        return self.augmentation(self.motion, self.music, rows)


@dataclass(frozen=True)
class Fold:
    """One fold: its number, the ids of all segments in the order of the arrays, the segments."""

    number: int
    ids: pd.DataFrame
    segments: Segments

    def predictions(self, task: str, network: nn.Module) -> pd.DataFrame:
        """The logits of a motion encoder for validation and test segments."""
        rows = np.flatnonzero(self.ids["split"].isin(["validation", "test"]).to_numpy())
        motion = self.segments.motion
        logits = logits_of(network, motion, torch.from_numpy(rows).to(motion.device))
        ids = self.ids.iloc[rows][IDS].reset_index(drop=True)
        return make_predictions(task, ids, logits.numpy())


def segment_files(task: str, *kinds: str) -> list[Path]:
    """The files of the arrays ``kinds`` and of the segments' ids."""
    names = [*(f"{kind}.npy" for kind in kinds), "index.parquet"]
    return [workspace.data(task, "segments", name) for name in names]


def read_folds(task: str, kind: str | None, recipe: Recipe, device: torch.device) -> list[Fold]:
    """Every fold, on the device.

    Args:
        task: its segments are read.
        kind: joints, bones or merged; None for music alone.
        recipe: says whether training segments are augmented.
        device: where to train.
    """
    music = torch.from_numpy(workspace.read_segments(task, "music")).to(device)
    motion, image = music.new_empty(len(music), 0, music.shape[3], 0), None
    if kind is not None:
        motion = torch.from_numpy(workspace.read_segments(task, kind)).to(device)
        about = workspace.about(task)
        image = body(kind, about.layout, about.scale, paper_bones=about.paper_bones).to(device)
    folds = []
    for number, ids in workspace.folds(workspace.read_index(task)):
        train, validation = (
            torch.from_numpy(np.flatnonzero(ids["split"] == split)).to(device)
            for split in ("train", "validation")
        )
        augmentation = None
        if recipe.augments:
            excerpts = ids.groupby(["piece", "excerpt"]).ngroup().to_numpy()
            ends = neighbours(train, excerpts, music.shape[3])
            augmentation = Augmentation(recipe, image, ends)
        labels = torch.tensor(ids["label"].to_numpy(np.int64), device=device)
        segments = Segments(motion, music, labels, train, validation, augmentation)
        folds.append(Fold(number, ids, segments))
    return folds


def motion_encoder(task: str, segments: Segments, width: int) -> MotionEncoder:
    """A new motion encoder for the task's classes, on the CPU."""
    about = workspace.about(task)
    graph = torch.from_numpy(paper_graph(LAYOUTS[about.layout]))
    return MotionEncoder(segments.motion.shape[1], graph, len(about.labels), width)


def write_history(path: Path, histories: Sequence[History]) -> None:
    """Per-epoch numbers as CSV, averaged over folds."""
    stacked = pd.concat([pd.DataFrame(history) for history in histories])
    mean = stacked.groupby("epoch", as_index=False).mean()
    mean["epoch"] = mean["epoch"].astype(int)
    write_text(path, mean.to_csv(index=False, float_format="%.6g"))
