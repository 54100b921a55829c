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
from motionmusic.models.weights import State
from motionmusic.predictions import make_predictions, write_predictions
from motionmusic.training.augment import Augmentation, body, neighbours
from motionmusic.training.cell import Cell
from motionmusic.training.loop import History, logits_of
from motionmusic.training.recipe import Recipe

IDS = ["split", "piece", "excerpt", "segment", "label"]


@dataclass(frozen=True)
class Segments:
    """The segments of one task and fold, on the device."""

    motion: Tensor  # (n, c, 25, v) float32; no channels where only music is trained
    music: Tensor  # (n, 1, 96, 25) float32
    labels: Tensor  # (n,) int64
    train: Tensor  # rows
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

    task: str
    number: int
    ids: pd.DataFrame
    segments: Segments

    def tested(self, cell: Cell, network: nn.Module, state: State, of: nn.Module) -> pd.DataFrame:
        """Save the state to test and load it; the logits of the motion encoder ``of`` the network.

        They are for validation and test segments.
        """
        cell.save(f"fold{self.number}", state)
        network.load_state_dict(state)
        rows = np.flatnonzero(self.ids["split"].isin(["validation", "test"]))
        motion = self.segments.motion
        logits = logits_of(of, motion, torch.from_numpy(rows).to(motion.device))
        ids = self.ids.iloc[rows][IDS].reset_index(drop=True)
        return make_predictions(self.task, ids, logits.numpy())

    def encoder(self, width: int) -> MotionEncoder:
        """A new motion encoder for the task's classes, on the CPU."""
        about = workspace.about(self.task)
        graph = torch.from_numpy(paper_graph(LAYOUTS[about.layout]))
        return MotionEncoder(self.segments.motion.shape[1], graph, len(about.labels), width)


def segment_files(task: str, *kinds: str) -> list[Path]:
    """The files of the arrays ``kinds`` and of the segments' ids."""
    names = [*(f"{kind}.npy" for kind in kinds), "index.parquet"]
    return [workspace.data(task, "segments", name) for name in names]


def read_folds(task: str, kind: str | None, recipe: Recipe, device: torch.device) -> list[Fold]:
    """Every fold of a task, on the device; ``kind`` is joints, bones or merged, None for music alone.

    Training segments are augmented as the recipe says.
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
        folds.append(Fold(task, number, ids, segments))
    return folds


def write_results(
    folder: Path, histories: Sequence[History], predictions: Sequence[pd.DataFrame] = ()
) -> None:
    """history.csv, per-epoch numbers averaged over folds, and predictions.parquet of all folds."""
    if predictions:
        write_predictions(folder / "predictions.parquet", pd.concat(predictions))
    stacked = pd.concat([pd.DataFrame(history) for history in histories])
    mean = stacked.groupby("epoch", as_index=False).mean()
    mean["epoch"] = mean["epoch"].astype(int)
    write_text(folder / "history.csv", mean.to_csv(index=False, float_format="%.6g"))
