"""Accuracy by epoch of a task's motion encoders, followed while `dvc repro` trains them.

    python benchmarks/by_epoch.py keep TASK CELL…   # beside the training, until the cells are done
    python benchmarks/by_epoch.py draw TASK CELL…   # of two cells the sum of their logits, too

A cell is named as in data/TASK/cells, such as motion-joints-0 or cotrain-joints-fc-0. `keep` copies
the motion encoder out of the first fold's checkpoints, at least ``EVERY`` epochs apart, to
data/TASK/by_epoch. `draw` writes metrics/TASK/by_epoch.csv, by_epoch.json and plots/TASK/by_epoch.png.
The training itself is not changed, and nothing is chosen by it.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import Tensor

from motionmusic import errors, workspace
from motionmusic.errors import UserError
from motionmusic.files import write_bytes, write_json, write_text
from motionmusic.models import weights
from motionmusic.params import Train, group
from motionmusic.results import figures
from motionmusic.training.device import pick_device
from motionmusic.training.folds import read_folds
from motionmusic.training.loop import logits_of
from motionmusic.training.recipe import PAPER

EVERY = 25  # epochs
POLL_S = 5.0
NEAR = 0.01
SPLITS = {"train": ":", "test": "-"}
COLOURS = ("#6baed6", "#fdae6b", "#08306b")


def keep(task: str, cells: Sequence[str]) -> None:
    """Copy what there is of every cell, until all are done."""
    done = False
    while not done:
        done = all(workspace.cell(task, cell).is_dir() for cell in cells)
        for cell in cells:
            keep_new(task, cell)
        time.sleep(0 if done else POLL_S)


def keep_new(task: str, cell: str) -> None:
    """Copy the motion encoders of checkpoints that are far enough from the last copy."""
    kept = workspace.data(task, "by_epoch", cell)
    last = max(map(_epoch, kept.glob("*.safetensors")), default=-EVERY)
    found = workspace.data(task, "checkpoints", cell).glob("*/fold0-*-*.safetensors")
    for path in sorted(found, key=lambda path: path.name):
        epoch = int(path.stem.split("-")[1])
        if epoch < last + EVERY:
            continue
        with suppress(UserError):  # a newer one has taken its place
            state = weights.part(weights.load(path), "network0")
            # collaborative learning has other networks beside the motion encoder
            state = weights.part(state, "motion") or state
            weights.save(kept / f"{epoch:06d}.safetensors", state)
            last = epoch


def curves(task: str, cells: Sequence[str]) -> pd.DataFrame:
    """Columns input, epoch, then accuracy in each of ``SPLITS``; of two cells also ``fused``.

    To each epoch of the first cell the nearest of the second is added. Raises UserError.
    """
    by_cell = {cell.split("-")[1]: _logits(task, cell) for cell in cells}
    if len(by_cell) == 2:
        one, other = by_cell.values()
        by_cell["fused"] = {
            epoch: logits + other[min(other, key=lambda n: abs(n - epoch))]
            for epoch, logits in one.items()
        }
    ids = _seen(task)
    rows = []
    for kind, of_cell in by_cell.items():
        for epoch, logits in sorted(of_cell.items()):
            right = logits.argmax(1).numpy() == ids["label"]
            rows.append(
                {"input": kind, "epoch": epoch} | right.groupby(ids["split"]).mean().to_dict()
            )
    return pd.DataFrame(rows)


def told(found: pd.DataFrame) -> dict[str, dict[str, float | None]]:
    """By input, of the test segments: what the last two thirds of the epochs bring, and from when on.

    third, end: the mean share predicted right in the second half of the first third of the epochs
    (None without a point there) and in their last tenth; adds: their difference; plateau: the first
    epoch from which on the median of five points in a row stays within ``NEAR`` of ``end``.
    """
    result: dict[str, dict[str, float | None]] = {}
    for kind, curve in found.groupby("input", sort=False):
        epoch, right = curve["epoch"].to_numpy(), curve["test"].to_numpy()
        last = epoch.max()
        before = right[(epoch > last / 6) & (epoch <= last / 3)]
        third = float(before.mean()) if len(before) else None
        end = float(right[epoch > 0.9 * last].mean())
        median = pd.Series(right).rolling(5, center=True, min_periods=1).median().to_numpy()
        far = np.flatnonzero(np.abs(median - end) > NEAR)
        plateau = epoch[min(far.max(initial=-1) + 1, len(epoch) - 1)]
        result[str(kind)] = {
            "third": third, "end": end,
            "adds": None if third is None else end - third, "plateau": int(plateau),
        }  # fmt: skip
    return result


def _logits(task: str, cell: str) -> dict[int, Tensor]:
    """Epoch → logits (n, k) of what :func:`_seen` has."""
    paths = sorted(workspace.data(task, "by_epoch", cell).glob("*.safetensors"))
    if not paths:
        raise UserError(
            workspace.data(task, "by_epoch", cell), "", "kept motion encoders", "none",
            "run by_epoch.py keep while the cell trains",
        )  # fmt: skip
    fold = read_folds(task, cell.split("-")[1], PAPER, pick_device())[0]
    network = fold.encoder(group(Train, "train", task).width).to(fold.segments.motion.device)
    rows = torch.from_numpy(_seen(task).index.to_numpy(copy=True)).to(fold.segments.motion.device)
    found = {}
    for path in paths:
        weights.load_into(network, weights.load(path), path)
        found[_epoch(path)] = logits_of(network, fold.segments.motion, rows)
    return found


def _seen(task: str) -> pd.DataFrame:
    """The ids of the first fold's segments that are looked at; their index has their rows."""
    ids = workspace.folds(workspace.read_index(task))[0][1].reset_index(drop=True)
    return ids[ids["split"].isin(SPLITS)]


def _epoch(path: Path) -> int:
    return int(path.stem)


def picture(found: pd.DataFrame, task: str) -> bytes:
    """PNG: test segments predicted right, training segments dotted."""
    figure = Figure(figsize=(7.2, 4.2), dpi=150, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for (kind, curve), colour in zip(found.groupby("input", sort=False), COLOURS, strict=False):
        for split, line in SPLITS.items():
            label = f"{kind}, {split}"
            axes.plot(curve["epoch"], 100 * curve[split], line, color=colour, lw=1.4, label=label)
    axes.set(xlabel="epoch", ylabel="segments predicted right, %", xlim=0)
    axes.set_title(task, loc="left", fontsize=11)
    axes.legend(frameon=False, fontsize=9, loc="lower right")
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    return figures.png(figure)


def draw(task: str, cells: Sequence[str]) -> None:
    """The curves, what they tell, their picture."""
    found = curves(task, cells)
    write_json(workspace.metrics(task, "by_epoch.json"), told(found))
    table = found.to_csv(index=False, float_format="%.6g")
    write_text(workspace.metrics(task, "by_epoch.csv"), table)
    write_bytes(workspace.plots(task, "by_epoch.png"), picture(found, task))


def main(given: Sequence[str]) -> None:
    """by_epoch.py keep | draw TASK CELL…"""
    parser = argparse.ArgumentParser(description="Follow accuracy by epoch.")
    parser.add_argument("work", choices=("keep", "draw"))
    parser.add_argument("task")
    parser.add_argument("cells", nargs="+", metavar="CELL")
    asked = parser.parse_args(given)
    (keep if asked.work == "keep" else draw)(asked.task, asked.cells)


if __name__ == "__main__":
    errors.run(main)
