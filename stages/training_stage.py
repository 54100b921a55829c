"""What the three training stages share: their segments in, their records out."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import pandas as pd
import torch
import workspace
from torch import Tensor

from motionmusic.files import write_json, write_text
from motionmusic.params.training import Train
from motionmusic.predictions import make_predictions, write_predictions
from motionmusic.training.checkpoint import Store, code_digest, content_key, remove
from motionmusic.training.device import describe, pick_device
from motionmusic.training.guard import die_with_parent, hold
from motionmusic.training.loop import History, Schedule
from motionmusic.training.phases import Segments
from motionmusic.training.provenance import provenance, sha256_of

IDS = ["split", "piece", "excerpt", "segment", "label"]


@dataclass
class Cell:
    """One trained cell of a table: all its folds."""

    dataset: str
    name: str
    settings: Train
    keys: tuple[str, ...]  # of the settings that this cell uses; the others change nothing
    input: str | None
    device: torch.device = field(default_factory=pick_device)
    started: float = field(default_factory=time.monotonic)
    histories: list[History] = field(default_factory=list)
    tested: list[pd.DataFrame] = field(default_factory=list)
    inputs: list[Path] = field(default_factory=list)
    lock: TextIO = field(init=False)

    def __post_init__(self) -> None:
        """One process at a time may train a cell, and none outlives the DVC that started it."""
        if "DVC_STAGE" in os.environ:
            die_with_parent()
        self.lock = hold(self.kept / "lock", self.name)

    @property
    def kept(self) -> Path:
        """Where checkpoints are until the cell is done; not among the outputs, which DVC removes."""
        return workspace.data(self.dataset, "checkpoints", self.name)

    def store(self, fold: int) -> Store:
        """The checkpoints of one fold: only those of the same parameters, data, code and machine."""
        key = content_key(
            {
                "params": self.used(),
                "inputs": sha256_of(self.inputs),
                "code": code_digest(),
                "machine": describe(self.device),
            }
        )
        return Store(self.kept / key, f"fold{fold}")

    def folds(self) -> list[tuple[int, pd.DataFrame, Segments]]:
        """(fold, ids, segments on the device); motion is empty where the cell has no input."""
        index = workspace.read_index(self.dataset)
        names = ["music"] if self.input is None else [self.input, "music"]
        self.inputs += [workspace.data(self.dataset, "segments", f"{n}.npy") for n in names]
        self.inputs.append(workspace.data(self.dataset, "segments", "index.parquet"))
        arrays = {n: self._on_device(workspace.read_segments(self.dataset, n)) for n in names}
        motion = arrays.get(str(self.input), torch.empty(0, device=self.device))
        return [
            (fold, ids, self._segments(ids, motion, arrays["music"]))
            for fold, ids in workspace.folds(index)
        ]

    def _on_device(self, array: Any) -> Tensor:
        return torch.from_numpy(array).to(self.device)

    def _segments(self, ids: pd.DataFrame, motion: Tensor, music: Tensor) -> Segments:
        rows = {
            split: self._on_device(np.flatnonzero((ids["split"] == split).to_numpy()))
            for split in ("train", "validation")
        }
        labels = self._on_device(ids["label"].to_numpy(np.int64, copy=True))
        return Segments(motion, music, labels, rows["train"], rows["validation"])

    def schedule(self, epochs: int) -> Schedule:
        """The schedule of one phase."""
        settings = self.settings
        return Schedule(
            settings.batch, epochs, settings.learning_rate, settings.schedule, settings.precision
        )

    def used(self) -> dict[str, Any]:
        """The settings that this cell uses."""
        return {key: getattr(self.settings, key) for key in self.keys}

    def model(self, name: str, fold: int, what: str = "") -> Path:
        """Where a fold's weights are."""
        suffix = f".{what}" if what else ""
        return workspace.data(self.dataset, "models", name, f"fold{fold}{suffix}.safetensors")

    def stable_facts(self, fold: int) -> dict[str, str]:
        """What the weights file says of itself: only what is the same in every run."""
        return {"cell": self.name, "fold": str(fold), "dataset": self.dataset,
                "params": str(self.used()), "torch": torch.__version__}  # fmt: skip

    def test(self, ids: pd.DataFrame, logits: Tensor, rows: Tensor) -> None:
        """Keep the logits of one fold's validation and test segments."""
        kept = ids.iloc[rows.cpu().numpy()][IDS].reset_index(drop=True)
        self.tested.append(make_predictions(self.dataset, kept, logits.numpy()))

    def finish(self, predictions: str | None) -> None:
        """Write predictions, history and the run's record."""
        if predictions is not None:
            path = workspace.data(self.dataset, "predictions", f"{predictions}.parquet")
            write_predictions(path, pd.concat(self.tested, ignore_index=True))
        curve = workspace.history_frame(self.histories)
        write_text(
            workspace.plots(self.dataset, "history", f"{self.name}.csv"), curve.to_csv(index=False)
        )
        record = provenance(
            params=self.used(), inputs=self.inputs, machine=describe(self.device),
            seconds=time.monotonic() - self.started,
        )  # fmt: skip
        write_json(workspace.metrics(self.dataset, "runs", f"{self.name}.json"), record)
        remove(self.kept)


def rows_to_test(ids: pd.DataFrame, device: torch.device) -> Tensor:
    """Indices of the validation and test segments."""
    wanted = ids["split"].isin(["validation", "test"]).to_numpy()
    return torch.from_numpy(np.flatnonzero(wanted)).to(device)
