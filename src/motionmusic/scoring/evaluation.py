"""All cells of a task beside each other: the numbers behind Tables 3 to 6 and Figures 4, 5.

A cell is named ``row/input``. Rows are ``alone`` (the motion encoder after phase 1, "without CL"),
``longer`` (the control that the paper lacks: alone for as many epochs as with CL), and the variants
``plain``, ``dropout``, ``fc`` after collaborative learning; inputs are ``joints``, ``bones``,
``merged``, and ``fused``, which is made here from joints and bones of the same seed. Baselines are
rows of their own with the input ``joints``. A cell is a list of frames of predictions, one a seed,
each with the test rows of all folds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from motionmusic.errors import UserError
from motionmusic.files import read_json
from motionmusic.predictions import logit_columns, read_predictions
from motionmusic.scoring.accuracy import (
    LEVELS,
    at_level,
    confusion,
    fuse,
    macro_f1,
    per_class,
    per_piece,
    predicted,
    rows_of_split,
    same_segments,
)
from motionmusic.scoring.baselines import BASELINES
from motionmusic.scoring.intervals import Interval, bootstrap, ratio
from motionmusic.workspace import About

ROWS = ("alone", "longer", "plain", "dropout", "fc")
WITHOUT = ("alone", "longer")
"""Rows without collaborative learning; what it adds is the difference to each."""
INPUTS = ("joints", "bones", "merged")
EXPERIMENTS = ("joints", "bones", "fused", "merged")
"""The order of the paper's experiments 1 to 4."""
BEST = "fc/fused"
"""The cell of the paper's Figures 4 and 5."""
Cells = Mapping[str, Sequence[pd.DataFrame]]

_REMEDY = "run `dvc repro` for the stage that writes its predictions"


def cell_files(cells: Path, seeds: Sequence[int]) -> dict[str, list[Path]]:
    """Where trainings and baselines leave predictions: ``files[cell][seed]``.

    Args:
        cells: data/TASK/cells.
        seeds: of params.yaml.
    """

    def name(row: str, kind: str) -> str:
        trained = {"alone": f"motion-{kind}", "longer": f"longer-{kind}"}
        return trained.get(row, f"cotrain-{kind}-{row}")

    files = {
        f"{row}/{kind}": [
            cells / f"{name(row, kind)}-{seed}" / "predictions.parquet" for seed in seeds
        ]
        for row in ROWS
        for kind in INPUTS
    }
    return files | {
        f"{row}/joints": [cells / f"baseline-{seed}" / f"{row}.parquet" for seed in seeds]
        for row in BASELINES
    }


def read_cells(files: Mapping[str, Sequence[Path]]) -> dict[str, list[pd.DataFrame]]:
    """The test rows of every file. Raises UserError where one is missing, broken or without them."""
    return {
        cell: [rows_of_split(read_predictions(file), "test", file) for file in seeds]
        for cell, seeds in files.items()
    }


def complete_cells(
    cells: Cells, baselines: Sequence[str] = BASELINES
) -> dict[str, list[pd.DataFrame]]:
    """All cells in the order of the tables, with ``row/fused`` added; rows of frames sorted by id.

    Args:
        cells: ``row/input`` → one frame a seed; seeds in the same order in every cell of a network.
        baselines: that must be there, as ``baseline/joints``.

    Raises:
        UserError: a cell or a seed is missing, or two frames are not of the same test segments.
    """
    networks = [f"{row}/{name}" for row in ROWS for name in INPUTS]
    wanted = [*networks, *(f"{name}/joints" for name in baselines)]
    for cell in wanted:
        if not cells.get(cell):
            raise UserError(cell, "", "its predictions", "none", _REMEDY)
    for cell in networks:
        seeds, expected = len(cells[cell]), len(cells[networks[0]])
        if seeds != expected:
            raise UserError(cell, "seeds", f"{expected} as for {networks[0]}", f"{seeds}", _REMEDY)
    named = [
        (cell, f"{cell}, seed {index + 1}", frame)
        for cell in wanted
        for index, frame in enumerate(cells[cell])
    ]
    result: dict[str, list[pd.DataFrame]] = {}
    aligned = same_segments([frame for _, _, frame in named], [name for _, name, _ in named])
    for (cell, _, _), frame in zip(named, aligned, strict=True):
        result.setdefault(cell, []).append(frame)
    for row in ROWS:
        pairs = zip(result[f"{row}/joints"], result[f"{row}/bones"], strict=True)
        result[f"{row}/fused"] = [fuse(pair) for pair in pairs]
    order = [f"{row}/{name}" for row in [*ROWS, *baselines] for name in EXPERIMENTS]
    return {cell: result[cell] for cell in order if cell in result}


def evaluate(cells: Cells, classes: Sequence[str], seed: int, resamples: int) -> dict[str, Any]:
    """Every cell's scores, and what collaborative learning adds, with intervals over pieces.

    Args:
        cells: from :func:`complete_cells`.
        classes: names of the classes by label, k of them.
        seed: of the intervals; all use the same resampled pieces.
        resamples: of each interval.

    Returns:
        n_segments, n_excerpts, n_pieces, n_seeds, classes, chance {uniform, largest_class};
        cells {row/input: {segment, excerpt: {value, low, high, sd, per_seed}, macro_f1: {value, sd,
        per_seed}, per_class, confusion}}; gain {alone, longer: {input: {row: {segment, excerpt:
        {value, low, high}}}}}, paired, of the rows that come after the one compared with. Fractions;
        low and high are the 95 % interval over pieces of the counts averaged over seeds; sd is over
        seeds; confusion sums the seeds, per_class is made from that sum.

    Raises:
        UserError: another number of classes.
    """
    first_cell, first = next((cell, frames[0]) for cell, frames in cells.items())
    k = len(logit_columns(first))
    if k != len(classes):
        raise UserError(first_cell, "logits", f"{len(classes)} classes", f"{k}", _REMEDY)
    sizes = {level: per_piece(at_level(first, level))["n"].to_numpy() for level in LEVELS}
    # (cell, level) → right by seed and piece; pieces are the same everywhere
    right = {
        (cell, level): right_by_piece(of, level) for cell, of in cells.items() for level in LEVELS
    }

    def interval(counts: NDArray[np.float64], level: str) -> Interval:
        n = sizes[level]
        return bootstrap(ratio(counts.mean(axis=0), n), len(n), seed, resamples)

    def scored(cell: str, level: str) -> dict[str, Any]:
        seeds = (right[cell, level].sum(axis=1) / sizes[level].sum()).tolist()
        return replace(interval(right[cell, level], level), sd=_sd(seeds)).json() | {
            "per_seed": seeds
        }

    def gain(row: str, without: str, name: str, level: str) -> dict[str, float]:
        more = right[f"{row}/{name}", level] - right[f"{without}/{name}", level]
        return interval(more, level).json()

    shares = np.bincount(first["label"], minlength=k) / len(first)
    return {
        "n_segments": int(sizes["segment"].sum()),
        "n_excerpts": int(sizes["excerpt"].sum()),
        "n_pieces": len(sizes["segment"]),
        "n_seeds": len(cells[first_cell]),
        "classes": list(classes),
        "chance": {"uniform": 1 / k, "largest_class": float(shares.max())},
        "cells": {
            cell: {level: scored(cell, level) for level in LEVELS} | _classes(frames, classes)
            for cell, frames in cells.items()
        },
        "gain": {
            without: {
                name: {
                    row: {level: gain(row, without, name, level) for level in LEVELS}
                    for row in ROWS[ROWS.index(without) + 1 :]
                }
                for name in EXPERIMENTS
            }
            for without in WITHOUT
        },
    }


def right_by_piece(frames: Sequence[pd.DataFrame], level: str) -> NDArray[np.float64]:
    """How many segments or excerpts are right, (seeds, pieces), pieces sorted."""
    counts = [per_piece(at_level(frame, level))["right"] for frame in frames]
    return np.stack([one.to_numpy(dtype=np.float64) for one in counts])


def _sd(seeds: Sequence[float]) -> float:
    return float(np.std(seeds, ddof=1)) if len(seeds) > 1 else float("nan")


def _classes(frames: Sequence[pd.DataFrame], names: Sequence[str]) -> dict[str, Any]:
    """macro_f1, per_class and confusion of one cell, from the segments of all its seeds."""
    k = len(names)
    labels = [frame["label"].to_numpy() for frame in frames]
    guesses = [predicted(frame) for frame in frames]
    seeds = [macro_f1(*pair, k) for pair in zip(labels, guesses, strict=True)]
    all_labels, all_guesses = np.concatenate(labels), np.concatenate(guesses)
    table = per_class(all_labels, all_guesses, k)
    return {
        "macro_f1": {"value": float(np.mean(seeds)), "sd": _sd(seeds), "per_seed": seeds},
        # The number of rows is that of one seed, as n_segments is.
        "per_class": [
            {"name": name, **row, "n": row["n"] // len(frames)}
            for name, row in zip(names, table, strict=True)
        ],
        "confusion": confusion(all_labels, all_guesses, k).tolist(),
    }


def facts(
    about: About, index: pd.DataFrame, shapes: Mapping[str, tuple[int, ...]]
) -> dict[str, Any]:
    """What tables say of a task beside its scores.

    Args:
        about: of the task.
        index: one row a segment and fold, with columns fold and split.
        shapes: of the arrays joints, bones, merged: (n, channels, frames, joints).

    Returns:
        task, corpus, source, labels, protocol, folds, excerpt_frames, excerpts, pieces, stand_ins;
        tested (segments over all folds), shapes, segments {train, …: [least, most of a fold]}.
    """
    counts = pd.crosstab(index["fold"], index["split"])
    parts = ("train", "validation", "test")
    kept = (
        "task", "corpus", "source", "labels", "protocol", "folds", "excerpt_frames", "excerpts", "pieces",
        "stand_ins",
    )  # fmt: skip
    return {name: getattr(about, name) for name in kept} | {
        "tested": int((index["split"] == "test").sum()),
        "shapes": {kind: list(shape) for kind, shape in shapes.items()},
        "segments": {
            part: [int(counts[part].min()), int(counts[part].max())] if part in counts else [0, 0]
            for part in parts
        },
    }


def best_baseline(evaluation: Mapping[str, Any], baselines: Sequence[str] = BASELINES) -> str:
    """The baseline with most segments right, then most excerpts."""

    def order(name: str) -> tuple[float, ...]:
        scores = evaluation["cells"][f"{name}/joints"]
        return tuple(scores[level]["value"] for level in LEVELS)

    return max(baselines, key=order)


def headline(evaluation: Mapping[str, Any]) -> dict[str, float]:
    """The few numbers of a task that `dvc metrics` compares: accuracies per segment, as fractions."""
    cells, gain = evaluation["cells"], evaluation["gain"]["longer"]["fused"]["fc"]["segment"]
    baseline = cells[f"{best_baseline(evaluation)}/joints"]
    return {
        "fused_fc": cells["fc/fused"]["segment"]["value"],
        "fused_alone": cells["alone/fused"]["segment"]["value"],
        "fused_longer": cells["longer/fused"]["segment"]["value"],
        "best_baseline": baseline["segment"]["value"],
        "cl_gain": gain["value"],
        "cl_gain_low": gain["low"],
        "cl_gain_high": gain["high"],
        "chance": evaluation["chance"]["uniform"],
        "n_segments": evaluation["n_segments"],
    }


def votes(cells: Cells) -> pd.DataFrame:
    """How many segments of each excerpt got which class, by cell, summed over seeds.

    Returns:
        cell, piece, excerpt, label, predicted, segments; sorted within a cell.
    """
    parts = []
    for cell, frames in cells.items():
        rows = pd.concat([frame.assign(predicted=predicted(frame)) for frame in frames])
        by = ["piece", "excerpt", "label", "predicted"]
        counts = rows.groupby(by, as_index=False).agg(segments=("segment", "size"))
        parts.append(counts.assign(cell=cell)[["cell", *by, "segments"]])
    return pd.concat(parts, ignore_index=True)


def confusion_rows(frames: Sequence[pd.DataFrame], classes: Sequence[str]) -> pd.DataFrame:
    """One row a segment and seed for `dvc plots`, whose confusion template counts them.

    Returns:
        Columns actual, predicted (names), actual_order, predicted_order (labels).
    """
    rows = pd.concat([frame.assign(predicted=predicted(frame)) for frame in frames])
    names = np.array(classes)
    return pd.DataFrame(
        {
            "actual": names[rows["label"]],
            "predicted": names[rows["predicted"]],
            "actual_order": rows["label"].to_numpy(),
            "predicted_order": rows["predicted"].to_numpy(),
        }
    )


def curves(cells: Path) -> pd.DataFrame:
    """Every training's history.csv in one frame: cell, epoch, accuracy and the losses that it has."""
    parts = [
        pd.read_csv(path).assign(cell=path.parent.name)
        for path in sorted(cells.glob("*/history.csv"))
    ]
    frame = pd.concat(parts, ignore_index=True)
    return frame[["cell", "epoch", *sorted(frame.columns.drop(["cell", "epoch"]))]]


def runs(folder: Path) -> pd.DataFrame:
    """The records of a task's trainings, metrics/TASK/runs: run, git, seconds, and the machine."""
    rows = []
    for path in sorted(folder.glob("*.json")):
        record = read_json(path, _REMEDY)
        kept = {name: record[name] for name in ("git", "seconds")}
        rows.append({"run": path.stem} | kept | record["machine"])
    return pd.DataFrame(rows)
