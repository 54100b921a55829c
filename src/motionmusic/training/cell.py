"""One training, from its lock to its record: the same for every stage that trains."""

from __future__ import annotations

import ctypes
import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TextIO

import torch

from motionmusic import workspace
from motionmusic.errors import UserError
from motionmusic.files import new_folder, write_json
from motionmusic.models import weights
from motionmusic.models.weights import State
from motionmusic.training.checkpoint import Store, code_digest, content_key
from motionmusic.training.device import (
    Precision,
    describe,
    keep_memory,
    pick_device,
    pick_precision,
)

_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Cell:
    """A training that runs: where and how it computes.

    What is written to ``folder`` gets its final place when the block ends well; ``checkpoints``
    are where it goes on after an interruption, until it is done.
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

    ``params`` and the files ``inputs`` decide what it computes; ``out`` is its folder, where it is
    not data/TASK/cells/NAME. Raises UserError where another process trains this cell, or device or
    precision are not available.
    """
    started = time.monotonic()
    if "DVC_STAGE" in os.environ:
        _die_with_parent()
    keep_memory()
    # not among the outputs, which DVC removes before it runs a stage
    kept = workspace.data(task, "checkpoints", name)
    out = workspace.cell(task, name) if out is None else out
    with _hold(kept / "lock", name):
        for left in out.parent.glob(f".{out.name}.*"):  # by a training that was killed
            shutil.rmtree(left)
        device = pick_device()
        picked = pick_precision(precision, device)
        machine = describe(device) | {"precision": picked}
        facts = {"params": dict(params), "inputs": _sha256(inputs), "machine": machine}
        key = content_key(facts | {"code": code_digest()})
        with new_folder(out) as folder:
            yield Cell(device, picked, folder, kept / key)
        seconds = round(time.monotonic() - started, 1)
        record = {"git": git_revision(), "machine": machine, "seconds": seconds}
        write_json(workspace.metrics(task, runs, f"{name}.json"), record)
        shutil.rmtree(kept, ignore_errors=True)


def git_revision() -> str:
    """The commit that runs, with ``+`` where tracked files differ from it; ``none`` without git."""

    def git(*given: str) -> str:
        return subprocess.run(
            ["git", *given], capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        revision = git("rev-parse", "HEAD")
        changed = git("status", "--porcelain", "--untracked-files=no", "--", "src", "stages")
    except (OSError, subprocess.CalledProcessError):
        return "none"
    return revision + ("+" if changed else "")


def _sha256(paths: Iterable[Path]) -> dict[str, str]:
    try:
        return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}
    except FileNotFoundError as error:
        raise UserError(
            str(error.filename), "", "what an earlier stage writes", "nothing", "run `dvc repro`"
        ) from None


def _die_with_parent() -> None:
    """From now on this process is killed when its parent is, also by SIGKILL (Linux only).

    Else the training of a killed `dvc repro` would go on and write into the next run's outputs.
    """
    if sys.platform != "linux":
        return
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it was killed just before
        os.kill(os.getpid(), signal.SIGKILL)


def _hold(path: Path, name: str) -> TextIO:
    """Take the lock of a training, which ends with the process. Raises UserError: another has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.seek(0)
        raise UserError(
            path, name, "no other process that trains it", f"process {file.read().strip() or '?'}",
            "wait until it is done, or end it and run the same command again",
        ) from None  # fmt: skip
    file.truncate(0)
    file.write(f"{os.getpid()}\n")
    file.flush()
    return file
