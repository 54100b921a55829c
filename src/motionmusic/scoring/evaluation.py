"""All cells of a task beside each other: the numbers behind Tables 3 to 6 and Figures 4, 5.

A cell is named ``row/input`` and is a list of frames of predictions, one a seed, each with the test
rows of all folds and the units of the bootstrap that they are in (``resampling``). Rows are ``alone``
(the motion encoder after phase 1, "without CL"), ``longer`` (the control that the paper lacks: alone
for as many epochs as with CL), the variants ``plain``, ``dropout``, ``fc`` after collaborative
learning, and baselines, whose input is ``joints``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from motionmusic import workspace
from motionmusic.files import read_json
from motionmusic.predictions import logits_of, read_predictions
from motionmusic.scoring.accuracy import (
    LEVELS,
    at_level,
    confusion,
    fuse,
    macro_f1,
    per_class,
    predicted,
    right_of,
    rows_of_split,
    same_segments,
    strata,
    with_units,
)
from motionmusic.scoring.baselines import BASELINES
from motionmusic.scoring.intervals import Interval, bootstrap, crossed, ratio

ROWS = ("alone", "longer", "plain", "dropout", "fc")
WITHOUT = ("alone", "longer")
"""Rows without collaborative learning; what it adds is the difference to each."""
INPUTS = workspace.INPUTS
EXPERIMENTS = ("joints", "bones", "fused", "merged")
"""The order of the paper's experiments 1 to 4."""
BEST = "fc/fused"
"""The cell of the paper's Figures 4 and 5."""
FIRST = ("alone", "longer", "fc")
"""Rows of which joints and bones are needed: for that cell and for what collaborative learning adds."""
Cells = Mapping[str, Sequence[pd.DataFrame]]


def cell_files(cells: Path, seeds: Sequence[int]) -> dict[str, list[Path]]:
    """Where trainings and baselines leave predictions in data/TASK/cells: ``files[cell][seed]``."""
    files = {}
    for row in ROWS:
        for kind in INPUTS:
            trained = {"alone": f"motion-{kind}", "longer": f"longer-{kind}"}
            name = trained.get(row, f"cotrain-{kind}-{row}")
            files[f"{row}/{kind}"] = [
                cells / f"{name}-{seed}" / "predictions.parquet" for seed in seeds
            ]
    return files | {
        f"{row}/joints": [cells / f"baseline-{seed}" / f"{row}.parquet" for seed in seeds]
        for row in BASELINES
    }


def not_ended(files: Mapping[str, Sequence[Path]]) -> list[str]:
    """The cells that have no predictions yet of a seed, and that the others can do without."""
    return [
        cell
        for cell, seeds in files.items()
        if is_network(cell)
        and not (cell.split("/")[0] in FIRST and cell.split("/")[1] in ("joints", "bones"))
        and not all(file.exists() for file in seeds)
    ]


def is_network(cell: str) -> bool:
    """Whether a cell is a network's, and no baseline's or entry's."""
    return cell.split("/")[0] in ROWS


def read_cells(
    files: Mapping[str, Sequence[Path]], split: str, units: pd.DataFrame | None = None
) -> dict[str, list[pd.DataFrame]]:
    """The rows of one split of every file, with the ``units`` of the bootstrap where they are given.

    Raises UserError where a file is missing, broken or without such rows.
    """

    def read(file: Path) -> pd.DataFrame:
        rows = rows_of_split(read_predictions(file), split, file)
        return rows if units is None else with_units(rows, units)

    return {cell: [read(file) for file in seeds] for cell, seeds in files.items()}


def complete_cells(
    cells: Cells, baselines: Sequence[str] = BASELINES
) -> dict[str, list[pd.DataFrame]]:
    """All cells in the order of the tables, with ``row/fused`` added, of joints and bones of one seed.

    Seeds are in the same order in every cell; rows of frames come back sorted by id. Raises UserError
    where frames are not of the same segments.
    """
    order = [f"{row}/{name}" for row in [*ROWS, *baselines] for name in EXPERIMENTS]
    given = [(cell, seed) for cell in order for seed, _ in enumerate(cells.get(cell, ()))]
    aligned = same_segments(
        [cells[cell][seed] for cell, seed in given],
        [f"{cell}, seed {seed + 1}" for cell, seed in given],
    )
    result: dict[str, list[pd.DataFrame]] = {}
    for (cell, _), frame in zip(given, aligned, strict=True):
        result.setdefault(cell, []).append(frame)
    for row in ROWS:
        if not {f"{row}/joints", f"{row}/bones"} <= set(result):
            continue
        pairs = zip(result[f"{row}/joints"], result[f"{row}/bones"], strict=True)
        result[f"{row}/fused"] = [fuse(pair) for pair in pairs]
    return {cell: result[cell] for cell in order if cell in result}


def evaluate(cells: Cells, classes: Sequence[str], seed: int, resamples: int) -> dict[str, Any]:
    """Every cell's scores, and what collaborative learning adds, with intervals over groups.

    ``cells`` are from :func:`complete_cells`, ``classes`` the names by label, k of them. Seeds that
    give the same logits are one run of a model without chance, and count once.

    Returns n_segments, n_excerpts, n_pieces, n_groups, n_seeds, classes, chance {uniform, largest_class};
    cells {row/input: {segment, excerpt: {value, low, high, sd, per_seed}, macro_f1: {value, sd,
    per_seed}, per_class, confusion}}; gain {alone, longer: {input: {row: {segment, excerpt: {value,
    low, high}}}}}, paired, of the rows that come after the one compared with. Fractions; intervals
    are of the counts averaged over seeds, those of gain over seeds too where there are several; sd
    is over seeds, confusion sums the seeds.
    """
    cells = {cell: different(frames) for cell, frames in cells.items()}
    first = next(iter(cells.values()))
    k, sizes, groups = len(classes), {}, {}
    for level in LEVELS:
        counts = right_of(at_level(first[0], level))
        sizes[level], groups[level] = counts["n"].to_numpy(), strata(counts)
    # (cell, level) → right by seed and group; groups are the same everywhere
    right = {
        (cell, level): right_by_group(of, level) for cell, of in cells.items() for level in LEVELS
    }

    def interval(counts: NDArray[np.float64], level: str) -> Interval:
        n = sizes[level]
        return bootstrap(ratio(counts.mean(axis=0), n), groups[level], seed, resamples)

    def scored(cell: str, level: str) -> dict[str, Any]:
        seeds = (right[cell, level].sum(axis=1) / sizes[level].sum()).tolist()
        found = replace(interval(right[cell, level], level), sd=_sd(seeds)).json()
        return found | {"per_seed": seeds}

    def gain(row: str, without: str, name: str, level: str) -> dict[str, float]:
        more = right[f"{row}/{name}", level] - right[f"{without}/{name}", level]
        if len(more) == 1:
            return interval(more, level).json()
        return crossed(more, sizes[level], groups[level], seed, resamples).json()

    shares = np.bincount(first[0]["label"], minlength=k) / len(first[0])
    return {
        "n_segments": int(sizes["segment"].sum()),
        "n_excerpts": int(sizes["excerpt"].sum()),
        "n_pieces": first[0]["piece"].nunique(),
        "n_groups": sum(groups["segment"]),
        "n_seeds": max(len(frames) for frames in cells.values()),
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
                    if {f"{row}/{name}", f"{without}/{name}"} <= set(cells)
                }
                for name in EXPERIMENTS
            }
            for without in WITHOUT
        },
    }


def different(frames: Sequence[pd.DataFrame]) -> Sequence[pd.DataFrame]:
    """The frames of all seeds, or the first alone where all have the same logits, row by row."""
    first = logits_of(frames[0])
    return frames[:1] if all(np.array_equal(first, logits_of(f)) for f in frames[1:]) else frames


def right_by_group(frames: Sequence[pd.DataFrame], level: str) -> NDArray[np.float64]:
    """How many segments or excerpts are right, (seeds, groups), groups sorted."""
    counts = [right_of(at_level(frame, level))["right"] for frame in frames]
    return np.stack([one.to_numpy(dtype=np.float64) for one in counts])


def validated(cells: Cells) -> dict[str, float]:
    """Of every cell the share of validation segments that are right, mean over seeds.

    ``cells`` as for :func:`evaluate`, but of the split validation.
    """
    return {
        cell: float(np.mean([(predicted(f) == f["label"]).mean() for f in frames]))
        for cell, frames in cells.items()
    }


def _sd(seeds: Sequence[float]) -> float:
    return float(np.std(seeds, ddof=1)) if len(seeds) > 1 else float("nan")


def _predicted(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The rows of all seeds with a column predicted."""
    return pd.concat([frame.assign(predicted=predicted(frame)) for frame in frames])


def _classes(frames: Sequence[pd.DataFrame], names: Sequence[str]) -> dict[str, Any]:
    """macro_f1, per_class and confusion of one cell, from the segments of all its seeds."""
    k, rows = len(names), _predicted(frames)
    seeds = [macro_f1(frame["label"], predicted(frame), k) for frame in frames]
    table = per_class(rows["label"], rows["predicted"], k)
    return {
        "macro_f1": {"value": float(np.mean(seeds)), "sd": _sd(seeds), "per_seed": seeds},
        # The number of rows is that of one seed, as n_segments is.
        "per_class": [
            {"name": name, **row, "n": row["n"] // len(frames)}
            for name, row in zip(names, table, strict=True)
        ],
        "confusion": confusion(rows["label"], rows["predicted"], k).tolist(),
    }


def facts(
    about: workspace.About, index: pd.DataFrame, shapes: Mapping[str, tuple[int, ...]]
) -> dict[str, Any]:
    """What tables say of a task beside its scores.

    ``index`` has one row a segment and fold, with columns fold and split; ``shapes`` are of the arrays
    joints, bones, merged: (n, channels, frames, joints). Returns parts of ``about``; tested (segments
    over all folds), shapes, segments {train, …: [least, most of a fold]}.
    """
    parts = ["train", "validation", "test"]
    counts = pd.crosstab(index["fold"], index["split"]).reindex(columns=parts, fill_value=0)
    kept = (
        "task", "corpus", "source", "labels", "protocol", "folds", "excerpt_frames", "excerpts", "pieces",
        "stand_ins",
    )  # fmt: skip
    return {name: getattr(about, name) for name in kept} | {
        "tested": int((index["split"] == "test").sum()),
        "shapes": {kind: list(shape) for kind, shape in shapes.items()},
        "segments": {part: [int(counts[part].min()), int(counts[part].max())] for part in parts},
    }


def best_baseline(evaluation: Mapping[str, Any]) -> str:
    """The baseline that names most *validation* segments right; of equals the first.

    The best of several on test would be too good, and what is compared with it would look too bad.
    """
    found = evaluation["validation"]
    return max(BASELINES, key=lambda name: float(found[f"{name}/joints"]))


def headline(evaluation: Mapping[str, Any]) -> dict[str, float]:
    """The few numbers of a task that `dvc metrics` compares: accuracies per segment, as fractions."""
    cells, gain = evaluation["cells"], evaluation["gain"]["longer"]["fused"]["fc"]["segment"]
    named = {
        "fused_fc": "fc/fused",
        "fused_alone": "alone/fused",
        "fused_longer": "longer/fused",
        "best_baseline": f"{best_baseline(evaluation)}/joints",
    }
    return {name: cells[cell]["segment"]["value"] for name, cell in named.items()} | {
        "cl_gain": gain["value"],
        "cl_gain_low": gain["low"],
        "cl_gain_high": gain["high"],
        "chance": evaluation["chance"]["uniform"],
        "n_segments": evaluation["n_segments"],
    }


def votes(cells: Cells) -> pd.DataFrame:
    """How many segments of each excerpt got which class, by cell, summed over seeds.

    Returns cell, piece, excerpt, label, predicted, segments; sorted within a cell.
    """
    by = ["piece", "excerpt", "label", "predicted"]
    parts = []
    for cell, frames in cells.items():
        counts = _predicted(frames).groupby(by, as_index=False).agg(segments=("segment", "size"))
        parts.append(counts.assign(cell=cell)[["cell", *by, "segments"]])
    return pd.concat(parts, ignore_index=True)


def confusion_rows(frames: Sequence[pd.DataFrame], classes: Sequence[str]) -> pd.DataFrame:
    """One row a segment and seed for `dvc plots`, whose confusion template counts them.

    Returns actual, predicted (names), actual_order, predicted_order (labels).
    """
    rows, names = _predicted(frames), np.array(classes)
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
    paths = sorted(cells.glob("*/history.csv"))
    frame = pd.concat(
        [pd.read_csv(path).assign(cell=path.parent.name) for path in paths], ignore_index=True
    )
    return frame[["cell", "epoch", *sorted(frame.columns.drop(["cell", "epoch"]))]]


def runs(folder: Path) -> pd.DataFrame:
    """The records of a task's trainings, metrics/TASK/runs: run, git, seconds, and the machine."""
    rows = []
    for path in sorted(folder.glob("*.json")):
        record = read_json(path, workspace.REMEDY)
        kept = {name: record[name] for name in ("git", "seconds")}
        rows.append({"run": path.stem} | kept | record["machine"])
    return pd.DataFrame(rows)
