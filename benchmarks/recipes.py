"""Follow validation and test accuracy while one motion encoder trains; draw such runs together.

    python benchmarks/recipes.py train TASK [--recipe R] [--epochs N] [--seed S] …
    python benchmarks/recipes.py draw

A recipe is ``paper``, ``quick`` or some of quick's parts, ``turn=3.14,mirror=0.5``. The task's
segments have to be there (`dvc repro pipeline/task/TASK/dvc.yaml:segment`). A run becomes one CSV
file and its record in benchmarks/results/recipes; one that is interrupted goes on where it was.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Sequence
from dataclasses import asdict, fields
from itertools import cycle
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import Tensor
from torch.nn import functional as F

from motionmusic import errors, workspace
from motionmusic.errors import UserError
from motionmusic.files import write_bytes, write_json, write_text
from motionmusic.models.motion_encoder import MotionEncoder
from motionmusic.results import figures
from motionmusic.training import phases
from motionmusic.training.cell import git_revision
from motionmusic.training.checkpoint import Store, code_digest, content_key
from motionmusic.training.device import describe, pick_device
from motionmusic.training.folds import Segments, read_folds
from motionmusic.training.loop import AfterEpoch, Chance, Schedule, logits_of, optimise
from motionmusic.training.recipe import RECIPES, Recipe

RESULTS = Path(__file__).parent / "results" / "recipes"
POINTS = 60  # of a curve
SPLITS = ("validation", "test")
# of a recipe's curves, by epochs and precision
COLOURS = {
    "paper": ("#fdae6b", "#d94801", "#7f2704", "#fdd0a2"),
    "quick": ("#2171b5", "#6baed6", "#08306b", "#c6dbef"),
}


class Followed(AfterEpoch):
    """Accuracy and cross-entropy of validation and test segments, now and then."""

    def __init__(self, network: MotionEncoder, segments: Segments, rows: dict[str, Tensor], n: int):
        self.network, self.segments, self.rows, self.epochs = network, segments, rows, n

    def after_epoch(self, epoch: int) -> dict[str, float]:
        """Both numbers of each split, in about ``POINTS`` of the epochs and the last."""
        if (epoch + 1) % max(1, self.epochs // POINTS) and epoch + 1 < self.epochs:
            return {}
        values = {}
        for split, rows in self.rows.items():
            logits = logits_of(self.network, self.segments.motion, rows)
            labels = self.segments.labels[rows].cpu()
            values[split] = float((logits.argmax(1) == labels).float().mean())
            values[f"{split}_loss"] = float(F.cross_entropy(logits, labels))
        return values


def recipe_of(text: str) -> Recipe:
    """``paper``, ``quick`` or ``name=value,…``. Raises UserError."""
    if text in RECIPES:
        return RECIPES[text]
    parts = [part.partition("=") for part in text.split(",")]
    try:
        return Recipe(**{name: float(value) for name, _, value in parts})
    except (ValueError, TypeError):
        names = ", ".join(field.name for field in fields(Recipe))
        raise UserError(
            "command line", "--recipe", f"{', '.join(RECIPES)} or NAME=NUMBER,… of {names}", text,
            "write for example turn=3.14,mirror=0.5",
        ) from None  # fmt: skip


def train(asked: argparse.Namespace) -> None:
    """One run on one fold: NAME.csv, its curve, and NAME.json, what it was."""
    recipe, device = recipe_of(asked.recipe), pick_device()
    of = (asked.recipe.replace(",", "+"), asked.epochs, asked.precision, asked.task, asked.input,
          asked.fold, asked.seed)  # fmt: skip
    name = "-".join(map(str, of))
    settings = {key: value for key, value in vars(asked).items() if key != "work"}
    folds = read_folds(asked.task, asked.input, recipe, device)
    if asked.fold >= len(folds):
        raise UserError("command line", "--fold", f"below {len(folds)}", str(asked.fold), "set 0")
    ids, segments = folds[asked.fold].ids, folds[asked.fold].segments
    rows = {
        split: torch.from_numpy(np.flatnonzero(ids["split"] == split)).to(device)
        for split in SPLITS
    }
    chance = Chance(asked.seed, ("curves", asked.task, asked.input, asked.fold))
    with phases.seeded(chance, "initial", device):
        network = folds[asked.fold].encoder(asked.width).to(device)
    how = Schedule(
        asked.batch, asked.epochs, asked.learning_rate, asked.schedule, asked.precision, recipe
    )
    kept = workspace.data(asked.task, "checkpoints", f"recipe-{name}")
    key = content_key(settings | {"code": code_digest(), "machine": describe(device)})
    with phases.seeded(chance, "dropout", device):
        run = optimise(
            [network],
            [phases.adam(network, asked.learning_rate, recipe.weight_decay)],
            phases.motion_losses(network, segments, recipe),
            segments.train,
            how,
            chance,
            Followed(network, segments, rows, asked.epochs),
            Store(kept / key, str(asked.fold)),
        )
    write_text(
        RESULTS / f"{name}.csv", pd.DataFrame(run.history).to_csv(index=False, float_format="%.6g")
    )
    last = {split: run.history[-1][split] for split in SPLITS}
    record = {
        "settings": settings | {"recipe": asdict(recipe)},
        "last": last,
        "segments": {"train": len(segments.train)} | {k: len(v) for k, v in rows.items()},
        "git": git_revision(),
        "machine": describe(device),
        "seconds": round(run.seconds, 1),
    }
    write_json(RESULTS / f"{name}.json", record)
    shutil.rmtree(kept, ignore_errors=True)
    print(name, last)


def read_runs() -> pd.DataFrame:
    """All runs' points: recipe, epochs, precision, task, input, fold, seed, epoch, numbers."""
    runs = []
    for path in sorted(RESULTS.glob("*.csv")):
        names = ("recipe", "epochs", "precision", "task", "input", "fold", "seed")
        of = dict(zip(names, path.stem.rsplit("-", len(names) - 1), strict=True))
        runs.append(pd.read_csv(path).assign(**of))
    if not runs:
        raise UserError(RESULTS, "", "runs", "none", "train some: recipes.py train TASK")
    return pd.concat(runs).astype({"epochs": int, "fold": int, "seed": int})


def summary(runs: pd.DataFrame) -> str:
    """The last epoch of all runs, mean and standard deviation over folds and seeds, as Markdown."""
    last = runs[runs["epoch"] == runs["epochs"]]
    lines = []
    for of, group in last.groupby(["task", "input", "recipe", "epochs", "precision"]):
        numbers = []
        for split in SPLITS:
            sd = f" ± {100 * group[split].std():.1f}" if len(group) > 1 else ""
            numbers.append(f"{100 * group[split].mean():.1f}{sd}")
        runs_of = ", ".join(f"fold {fold}: {len(rows)}" for fold, rows in group.groupby("fold"))
        lines.append([*map(str, of), runs_of, *numbers])
    head = ["task", "input", "recipe", "epochs", "precision", "runs", "validation %", "test %"]
    return f"{pd.DataFrame(lines, columns=head).to_markdown(index=False, disable_numparse=True)}\n"


def picture(runs: pd.DataFrame) -> bytes:
    """Test accuracy by epoch, paper and quick in one panel for each data set; PNG."""
    runs = runs[runs["recipe"].isin(RECIPES)].dropna(subset="test")
    panels = list(runs.groupby(["task", "input"]))
    figure = Figure(figsize=(5.2 * len(panels), 4.2), dpi=150, facecolor="white",
                    layout="constrained")  # fmt: skip
    FigureCanvasAgg(figure)
    for axes, (of, rows) in zip(
        figure.subplots(1, len(panels), sharey=True, squeeze=False)[0], panels, strict=True
    ):
        groups = rows.groupby(["recipe", "epochs", "precision"])
        left = {recipe: cycle(colours) for recipe, colours in COLOURS.items()}
        for kind, of_recipe in groups:
            colour = next(left[str(kind[0])])
            for _, curve in of_recipe.groupby(["fold", "seed"]):
                axes.plot(curve["epoch"], 100 * curve["test"], color=colour, lw=0.7, alpha=0.5)
            mean = of_recipe.groupby("epoch")["test"].mean()
            count = of_recipe.groupby(["fold", "seed"]).ngroups
            axes.plot(mean.index, 100 * mean, color=colour, lw=2,
                      label=f"{kind[0]}, {kind[1]} epochs, {kind[2]}: mean of {count}")  # fmt: skip
        axes.set_xscale("log")
        axes.set_xlabel("epoch")
        axes.set_title(" ".join(map(str, of)), loc="left", fontsize=11)
        axes.legend(frameon=False, fontsize=9, loc="upper left")
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].set_ylabel("test segments predicted right, %")
    return figures.png(figure)


def draw(_: argparse.Namespace) -> None:
    """summary.md and curves.png of all runs there are."""
    runs = read_runs()
    write_text(RESULTS / "summary.md", summary(runs))
    write_bytes(RESULTS / "curves.png", picture(runs))
    print(summary(runs))


def main(given: Sequence[str]) -> None:
    """recipes.py train TASK … | draw."""
    parser = argparse.ArgumentParser(description="Follow recipes while they train.")
    works = parser.add_subparsers(required=True)
    one = works.add_parser("train", help="one run")
    one.set_defaults(work=train)
    one.add_argument("task")
    one.add_argument("--input", default="joints", choices=("joints", "bones", "merged"))
    one.add_argument("--fold", type=int, default=0)
    one.add_argument("--seed", type=int, default=0)
    one.add_argument("--recipe", default="paper", help="paper, quick or turn=3.14,mirror=0.5 …")
    one.add_argument("--epochs", type=int, default=1500)
    one.add_argument("--batch", type=int, default=72)
    one.add_argument("--width", type=int, default=64)
    one.add_argument("--learning-rate", type=float, default=0.0005)
    one.add_argument("--schedule", default="constant", choices=("constant", "one_cycle"))
    one.add_argument("--precision", default="fp32", choices=("fp32", "bf16"))
    works.add_parser("draw", help="all runs in one picture and one table").set_defaults(work=draw)
    asked = parser.parse_args(given)
    asked.work(asked)


if __name__ == "__main__":
    errors.run(main)
