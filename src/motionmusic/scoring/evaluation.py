"""All cells of a data set beside each other: the numbers behind Tables 3 to 6 and Figures 4, 5.

A cell is named ``row/input``. Rows are ``alone`` (the motion encoder after phase 1, "without CL"),
``longer`` (the control that the paper lacks: alone for as many epochs as with CL), and the variants
``plain``, ``dropout``, ``fc`` after collaborative learning; inputs are ``joints``,
``bones``, ``merged``, and ``fused``, which is made here from joints and bones of the same seed
(spec section 1.1). Baselines are rows of their own with the input ``joints``. A cell is a list of
frames of predictions, one a seed, each with the test rows of all folds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from motionmusic.errors import UserError
from motionmusic.predictions import logit_columns, read_predictions
from motionmusic.scoring.accuracy import (
    LEVELS,
    accuracy_interval,
    at_level,
    confusion,
    fuse,
    macro_f1,
    paired_difference,
    per_class,
    per_piece,
    predicted,
    rows_of_split,
    same_segments,
)
from motionmusic.scoring.baselines import BASELINES

ROWS = ("alone", "longer", "plain", "dropout", "fc")
# Without collaborative learning; what it adds is the difference to each.
_WITHOUT = ("alone", "longer")
INPUTS = ("joints", "bones", "merged")
# The order of the paper's experiments 1 to 4.
_EXPERIMENTS = ("joints", "bones", "fused", "merged")
_REMEDY = "run `dvc repro` for the stage that writes its predictions"


def cell_files(predictions: Path, seeds: Sequence[int]) -> dict[str, list[list[Path]]]:
    """Where the stages leave every network's and baseline's predictions: ``files[cell][seed][0]``."""
    cells = [(row, name) for row in ROWS for name in INPUTS]
    cells += [(name, "joints") for name in BASELINES]
    return {
        f"{row}/{name}": [[predictions / f"{row}-{name}-{seed}.parquet"] for seed in seeds]
        for row, name in cells
    }


def read_cells(
    files: Mapping[str, Sequence[Sequence[Path]]], split: str = "test"
) -> dict[str, list[pd.DataFrame]]:
    """Read the cells: ``files[cell][seed][fold]`` → ``cells[cell][seed]``, folds concatenated.

    Raises:
        UserError: naming the file, where one is missing, broken or without rows of the split.
    """
    return {
        cell: [
            pd.concat(
                [rows_of_split(read_predictions(file), split, file) for file in folds],
                ignore_index=True,
            )
            for folds in seeds
        ]
        for cell, seeds in files.items()
    }


def complete_cells(
    cells: Mapping[str, Sequence[pd.DataFrame]],
    rows: Sequence[str] = ROWS,
    inputs: Sequence[str] = INPUTS,
    baselines: Sequence[str] = BASELINES,
    alpha: float = 1.0,
) -> dict[str, list[pd.DataFrame]]:
    """All cells in the order of the tables, with ``row/fused`` added; rows of frames sorted by id.

    Args:
        cells: ``row/input`` → one frame a seed; seeds in the same order in every cell of a network.
        rows: of networks that must be there.
        inputs: that each of these rows must have; ``fused`` needs joints and bones.
        baselines: that must be there, as ``baseline/joints``.
        alpha: the weight of the bones' logits in the fusion.

    Raises:
        UserError: a cell or a seed is missing, or two frames are not of the same test segments.
    """
    networks = [f"{row}/{name}" for row in rows for name in inputs]
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
    if {"joints", "bones"} <= set(inputs):
        for row in rows:
            result[f"{row}/fused"] = [
                fuse([joints, bones], [1.0, alpha])
                for joints, bones in zip(
                    result[f"{row}/joints"], result[f"{row}/bones"], strict=True
                )
            ]
    order = [f"{row}/{name}" for row in [*rows, *baselines] for name in _EXPERIMENTS]
    return {cell: result[cell] for cell in order if cell in result}


def evaluate(
    cells: Mapping[str, Sequence[pd.DataFrame]],
    classes: Sequence[str],
    seed: int,
    *,
    rows: Sequence[str] = ROWS,
    inputs: Sequence[str] = INPUTS,
    baselines: Sequence[str] = BASELINES,
    alpha: float = 1.0,
    folds: int = 1,
    resamples: int = 2000,
) -> dict[str, Any]:
    """Every cell's scores, and what collaborative learning adds, with intervals over pieces.

    Args:
        cells: as for :func:`complete_cells`.
        classes: names of the classes by label, k of them.
        seed: of the intervals; all use the same resampled pieces.
        rows: as for :func:`complete_cells`.
        inputs: as for :func:`complete_cells`.
        baselines: as for :func:`complete_cells`.
        alpha: as for :func:`complete_cells`.
        folds: how many folds each frame was put together from, for the record.
        resamples: of each interval.

    Returns:
        n_segments, n_excerpts, n_pieces, n_seeds, n_folds, classes, chance {uniform,
        largest_class}; cells {row/input: {segment, excerpt, dance: {mean, sd, low, high, per_seed},
        macro_f1: {mean, sd, per_seed}, per_class, confusion}}; collaborative_gain
        {alone, longer: {input: {row: {segment, excerpt: {difference, low, high}}}}}, paired, of the
        rows that come after the one compared with. Fractions; low and high are the 95 %
        interval over pieces of the counts averaged over seeds; sd is over seeds, NaN with one seed;
        confusion sums the seeds, per_class is made from that sum.

    Raises:
        UserError: as :func:`complete_cells`, or another number of classes.
    """
    complete = complete_cells(cells, rows, inputs, baselines, alpha)
    first_cell, first = next((cell, frames[0]) for cell, frames in complete.items())
    k = len(logit_columns(first))
    if k != len(classes):
        raise UserError(first_cell, "logits", f"{len(classes)} classes", f"{k}", _REMEDY)
    # (cell, level) → right and n by piece, one frame a seed; pieces are the same everywhere.
    pieces = {
        (cell, level): [per_piece(at_level(frame, level)) for frame in frames]
        for cell, frames in complete.items()
        for level in LEVELS
    }
    counts = {level: pieces[first_cell, level][0]["n"] for level in LEVELS}
    right = {key: _mean_right(seeds) for key, seeds in pieces.items()}

    def gain(row: str, without: str, name: str, level: str) -> dict[str, float]:
        difference, low, high = paired_difference(
            right[f"{row}/{name}", level],
            right[f"{without}/{name}", level],
            counts[level],
            seed,
            resamples=resamples,
        )
        return {"difference": difference, "low": low, "high": high}

    result: dict[str, Any] = {}
    for cell, frames in complete.items():
        result[cell] = {}
        for level in LEVELS:
            seeds = [float(one["right"].sum() / one["n"].sum()) for one in pieces[cell, level]]
            low, high = accuracy_interval(
                right[cell, level], counts[level], seed, resamples=resamples
            )
            result[cell][level] = {**_spread(seeds), "low": low, "high": high, "per_seed": seeds}
        result[cell] |= _classes(frames, classes)
    shares = np.bincount(first["label"], minlength=k) / len(first)
    return {
        "n_segments": int(counts["segment"].sum()),
        "n_excerpts": int(counts["excerpt"].sum()),
        "n_pieces": len(counts["segment"]),
        "n_seeds": len(complete[first_cell]),
        "n_folds": folds,
        "classes": list(classes),
        "chance": {"uniform": 1 / k, "largest_class": float(shares.max())},
        "cells": result,
        "collaborative_gain": {
            without: {
                name: {
                    row: {
                        level: gain(row, without, name, level) for level in ("segment", "excerpt")
                    }
                    for row in rows[rows.index(without) + 1 :]
                }
                for name in _EXPERIMENTS
                if f"{without}/{name}" in complete
            }
            for without in _WITHOUT
            if without in rows
        },
    }


def _mean_right(seeds: Sequence[pd.DataFrame]) -> NDArray[np.float64]:
    """How many are right in each piece, (pieces,), on average over the seeds."""
    right = np.stack([one["right"].to_numpy(dtype=np.float64) for one in seeds])
    return np.asarray(right.mean(axis=0))


def _spread(seeds: Sequence[float]) -> dict[str, float]:
    sd = float(np.std(seeds, ddof=1)) if len(seeds) > 1 else float("nan")
    return {"mean": float(np.mean(seeds)), "sd": sd}


def _classes(frames: Sequence[pd.DataFrame], names: Sequence[str]) -> dict[str, Any]:
    """macro_f1, per_class and confusion of one cell, from the segments of all its seeds."""
    k = len(names)
    labels = [frame["label"].to_numpy() for frame in frames]
    guesses = [predicted(frame) for frame in frames]
    seeds = [macro_f1(*pair, k) for pair in zip(labels, guesses, strict=True)]
    all_labels, all_guesses = np.concatenate(labels), np.concatenate(guesses)
    table = per_class(all_labels, all_guesses, k)
    return {
        "macro_f1": {**_spread(seeds), "per_seed": seeds},
        # The number of rows is that of one seed, as n_segments is.
        "per_class": [
            {"name": name, **row, "n": row["n"] // len(frames)}
            for name, row in zip(names, table, strict=True)
        ],
        "confusion": confusion(all_labels, all_guesses, k).tolist(),
    }


def summary(evaluation: Mapping[str, Any]) -> dict[str, dict[str, dict[str, float]]]:
    """Small numbers for `dvc metrics`: row → input → mean accuracy per segment and per excerpt."""
    result: dict[str, dict[str, dict[str, float]]] = {}
    for cell, scores in evaluation["cells"].items():
        row, name = cell.split("/")
        result.setdefault(row, {})[name] = {
            level: scores[level]["mean"] for level in ("segment", "excerpt")
        }
    return result


def confusion_rows(
    frames: Sequence[pd.DataFrame], classes: Sequence[str], order: Sequence[str] | None = None
) -> pd.DataFrame:
    """One row a segment and seed for `dvc plots`, whose confusion template counts them.

    Args:
        frames: of one cell, for example ``complete_cells(cells)["fc/fused"]``.
        classes: names of the classes by label.
        order: the same names in the order of the axes (Figures 4, 5); by label if left out.

    Returns:
        Columns actual, predicted (names), actual_order, predicted_order (positions in ``order``).

    Raises:
        ValueError: ``order`` does not hold the same names.
    """
    order = classes if order is None else order
    if sorted(order) != sorted(classes):
        raise ValueError(
            f"expected the classes {list(classes)} in another order, got {list(order)}"
        )
    labels = np.concatenate([frame["label"].to_numpy() for frame in frames])
    guesses = np.concatenate([predicted(frame) for frame in frames])
    position = np.array([order.index(name) for name in classes])
    names = np.array(classes)
    return pd.DataFrame(
        {
            "actual": names[labels],
            "predicted": names[guesses],
            "actual_order": position[labels],
            "predicted_order": position[guesses],
        }
    )
