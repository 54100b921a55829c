"""What the training stages share: their segments in, their records out."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from motionmusic import workspace
from motionmusic.features.skeletons import LAYOUTS, paper_graph
from motionmusic.files import write_json, write_text
from motionmusic.models.motion_encoder import MotionEncoder
from motionmusic.params import DATASET, Bones, Joints, Train, group
from motionmusic.predictions import make_predictions, write_predictions
from motionmusic.training import weights
from motionmusic.training.augment import Augmentation, Body, body, neighbours
from motionmusic.training.checkpoint import Store, code_digest, content_key, remove
from motionmusic.training.device import (
    Precision,
    describe,
    keep_memory,
    peak_memory_mib,
    pick_device,
    pick_precision,
)
from motionmusic.training.guard import die_with_parent, hold
from motionmusic.training.loop import Run, Schedule, logits_of
from motionmusic.training.phases import Segments
from motionmusic.training.provenance import provenance, sha256_of
from motionmusic.training.recipe import RECIPES, Recipe
from motionmusic.training.weights import State

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
    precision: Precision = field(init=False)
    started: float = field(default_factory=time.monotonic)
    runs: list[Run] = field(default_factory=list)
    trained: int = 0  # segments, over all epochs
    tested: list[pd.DataFrame] = field(default_factory=list)
    inputs: list[Path] = field(default_factory=list)
    lock: TextIO = field(init=False)

    def __post_init__(self) -> None:
        """One process at a time may train a cell, and none outlives the DVC that started it."""
        if "DVC_STAGE" in os.environ:
            die_with_parent()
        keep_memory()
        self.lock = hold(self.kept / "lock", self.name)
        self.precision = pick_precision(self.settings.precision, self.device)

    @property
    def kept(self) -> Path:
        """Where checkpoints are until the cell is done; not among the outputs, which DVC removes."""
        return workspace.data(self.dataset, "checkpoints", self.name)

    @property
    def recipe(self) -> Recipe:
        """What is done beside the optimiser's steps."""
        return RECIPES[self.settings.recipe]

    def machine(self) -> dict[str, Any]:
        """What decides the bytes beside parameters, data and code."""
        return describe(self.device) | {"precision": self.precision}

    def store(self, fold: int) -> Store:
        """The checkpoints of one fold: only those of the same parameters, data, code and machine."""
        key = content_key(
            {
                "params": self.used(),
                "inputs": sha256_of(self.inputs),
                "code": code_digest(),
                "machine": self.machine(),
            }
        )
        return Store(self.kept / key, f"fold{fold}")

    def folds(self) -> list[tuple[int, pd.DataFrame, Segments]]:
        """(fold, ids, segments on the device); motion has no channels where the cell has no input."""
        index = workspace.read_index(self.dataset)
        names = ["music"] if self.input is None else [self.input, "music"]
        self.inputs += [workspace.data(self.dataset, "segments", f"{n}.npy") for n in names]
        self.inputs.append(workspace.data(self.dataset, "segments", "index.parquet"))
        arrays = {n: self.on_device(workspace.read_segments(self.dataset, n)) for n in names}
        music = arrays["music"]
        motion = arrays.get(str(self.input), music.new_empty(len(music), 0, music.shape[3], 0))
        return [
            (fold, ids, self._segments(ids, motion, music)) for fold, ids in workspace.folds(index)
        ]

    def on_device(self, array: Any) -> Tensor:
        """A NumPy array as a tensor where the cell trains."""
        return torch.from_numpy(array).to(self.device)

    def _segments(self, ids: pd.DataFrame, motion: Tensor, music: Tensor) -> Segments:
        rows = {
            split: self.on_device(np.flatnonzero((ids["split"] == split).to_numpy()))
            for split in ("train", "validation")
        }
        labels = self.on_device(ids["label"].to_numpy(np.int64, copy=True))
        augmentation = None
        if self.recipe.augments:
            excerpts = ids.groupby(["piece", "excerpt"]).ngroup().to_numpy()
            ends = neighbours(rows["train"], excerpts, music.shape[3])
            augmentation = Augmentation(self.recipe, self._body(), ends)
        return Segments(motion, music, labels, rows["train"], rows["validation"], augmentation)

    def _body(self) -> Body | None:
        if self.input is None:
            return None
        layout = group(DATASET, "datasets", self.dataset).layout
        scale = group(Joints, "joints", self.dataset).scale
        paper = group(Bones, "bones", self.dataset).paper
        return body(self.input, layout, scale, paper_bones=paper).to(self.device)

    def schedule(self, epochs: int) -> Schedule:
        """The schedule of one phase."""
        settings = self.settings
        return Schedule(
            settings.batch, epochs, settings.learning_rate, settings.schedule, self.precision,
            self.recipe,
        )  # fmt: skip

    def motion_encoder(self, segments: Segments) -> MotionEncoder:
        """A new motion encoder for the data set's classes, on the CPU."""
        about = group(DATASET, "datasets", self.dataset)
        graph = torch.from_numpy(paper_graph(LAYOUTS[about.layout]))
        channels = segments.motion.shape[1]
        return MotionEncoder(channels, graph, len(about.labels), self.settings.width)

    def used(self) -> dict[str, Any]:
        """The settings that this cell uses."""
        return {key: getattr(self.settings, key) for key in self.keys}

    def model(self, name: str, fold: int, what: str = "") -> Path:
        """Where a fold's weights are."""
        suffix = f".{what}" if what else ""
        return workspace.data(self.dataset, "models", name, f"fold{fold}{suffix}.safetensors")

    def keep(self, fold: int, segments: Segments, run: Run, states: Mapping[str, State]) -> None:
        """Write a fold's weights, each state into its own file, and remember how it went."""
        facts = {"cell": self.name, "fold": str(fold), "dataset": self.dataset,
                 "params": str(self.used()), "torch": torch.__version__}  # fmt: skip
        for what, state in states.items():
            weights.save(self.model(self.name, fold, what), state, facts)
        self.runs.append(run)
        batch = self.settings.batch
        self.trained += len(run.history) * (len(segments.train) // batch * batch)

    def test(self, ids: pd.DataFrame, network: MotionEncoder, motion: Tensor) -> None:
        """Keep the logits of one fold's validation and test segments."""
        rows = np.flatnonzero(ids["split"].isin(["validation", "test"]).to_numpy())
        logits = logits_of(network, motion, self.on_device(rows))
        kept = ids.iloc[rows][IDS].reset_index(drop=True)
        self.tested.append(make_predictions(self.dataset, kept, logits.numpy()))

    def finish(self, predictions: str | None) -> None:
        """Write predictions, history and the run's record."""
        if predictions is not None:
            path = workspace.data(self.dataset, "predictions", f"{predictions}.parquet")
            write_predictions(path, pd.concat(self.tested, ignore_index=True))
        curve = workspace.history_frame([run.history for run in self.runs])
        write_text(
            workspace.plots(self.dataset, "history", f"{self.name}.csv"), curve.to_csv(index=False)
        )
        training = sum(run.seconds for run in self.runs)
        record = provenance(
            params=self.used(), inputs=self.inputs, machine=self.machine(),
            seconds=time.monotonic() - self.started,
        ) | {
            "training_seconds": round(training, 1),  # also of interrupted runs
            "segments_per_second": round(self.trained / training, 1),
            "peak_memory_mib": peak_memory_mib(self.device),
        }  # fmt: skip
        write_json(workspace.metrics(self.dataset, "runs", f"{self.name}.json"), record)
        remove(self.kept)
