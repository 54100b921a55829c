"""One training, from its lock to its record: the same for every stage that trains."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from motionmusic import workspace
from motionmusic.files import new_folder, write_json
from motionmusic.models import weights
from motionmusic.models.weights import State
from motionmusic.training.checkpoint import Store, code_digest, content_key, remove
from motionmusic.training.device import (
    Precision,
    describe,
    keep_memory,
    pick_device,
    pick_precision,
)
from motionmusic.training.guard import die_with_parent, hold
from motionmusic.training.provenance import git_revision, sha256_of


@dataclass(frozen=True)
class Cell:
    """A training that runs.

    Attributes:
        device, precision: where and how it computes.
        folder: what is written here gets its final place when the block ends well.
        checkpoints: where it goes on after an interruption, until it is done.
    """

    device: torch.device
    precision: Precision
    folder: Path
    checkpoints: Path

    def store(self, name: str) -> Store:
        """The checkpoints of a part of it: those of the same parameters, data, code and machine."""
        return Store(self.checkpoints, name)

    def save(self, name: str, state: State) -> None:
        """Write weights, NAME.safetensors."""
        weights.save(self.folder / f"{name}.safetensors", state)


@contextmanager
def training(
    task: str,
    name: str,
    params: Mapping[str, Any],
    inputs: Sequence[Path],
    *,
    precision: Literal["fp32", "bf16", "auto"] = "fp32",
    out: Path | None = None,
    runs: str = "runs",
) -> Iterator[Cell]:
    """Train in a ``with`` block: one process at a time, and none that outlives its DVC.

    What it writes depends on parameters, inputs, code and machine; commit and time stand in
    metrics/TASK/RUNS/NAME.json only.

    Args:
        task: whose data.
        name: of the cell.
        params: all that decide what it computes.
        inputs: the files that do.
        precision: as params.yaml says it: fp32, bf16 or auto.
        out: its folder, where it is not data/TASK/cells/NAME.
        runs: folder of the record.

    Raises:
        UserError: another process trains this cell, or device or precision are not available.
    """
    started = time.monotonic()
    if "DVC_STAGE" in os.environ:
        die_with_parent()
    keep_memory()
    # not among the outputs, which DVC removes before it runs a stage
    kept = workspace.data(task, "checkpoints", name)
    out = workspace.cell(task, name) if out is None else out
    with hold(kept / "lock", name):
        for left in out.parent.glob(f".{out.name}.*"):  # by a training that was killed
            shutil.rmtree(left)
        device = pick_device()
        picked = pick_precision(precision, device)
        machine = describe(device) | {"precision": picked}
        key = content_key(
            {
                "params": dict(params),
                "inputs": sha256_of(inputs),
                "code": code_digest(),
                "machine": machine,
            }
        )
        with new_folder(out) as folder:
            yield Cell(device, picked, folder, kept / key)
        seconds = round(time.monotonic() - started, 1)
        record = {"git": git_revision(), "machine": machine, "seconds": seconds}
        write_json(workspace.metrics(task, runs, f"{name}.json"), record)
        remove(kept)
