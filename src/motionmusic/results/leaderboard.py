"""Every model of a data set in one list, best first, against the best baseline (docs/benchmark.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from motionmusic.results.tables import NAMES, accuracy_text, document, grid, percent, points_text
from motionmusic.scoring.accuracy import LEVELS, at_level, paired_difference, per_piece

_NETWORKS = {"alone": "MCLEMCD without CL", "longer": "MCLEMCD without CL, as many epochs"} | {
    row: f"{name} with CL" for row, name in NAMES.items()
}


def leaderboard(
    evaluation: Mapping[str, Any],
    cells: Mapping[str, Sequence[pd.DataFrame]],
    baselines: Sequence[str],
    entries: Sequence[str],
    seed: int,
    resamples: int,
) -> list[dict[str, Any]]:
    """One row a model, by accuracy per segment, then per excerpt.

    Args:
        evaluation: motionmusic.scoring.evaluation.evaluate of the cells, entries among its baselines.
        cells: motionmusic.scoring.evaluation.complete_cells: ``row/input`` → one frame a seed.
        baselines: their rows.
        entries: the rows of the entries.
        seed: of the intervals.
        resamples: of each interval.

    Returns:
        rank, model, kind (network, baseline, entry), input, seeds; for segment and excerpt: mean,
        sd, low, high, and difference, difference_low, difference_high to the best baseline (most
        segments, then most excerpts right), paired, 95 % over pieces; macro_f1. Fractions.
    """
    best = max(baselines, key=lambda name: _order(evaluation["cells"][f"{name}/joints"]))

    def right(cell: str, level: str) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """How many are right in each piece, on average over the seeds, and of how many."""
        seeds = [per_piece(at_level(frame, level)) for frame in cells[cell]]
        mean = np.mean([one["right"].to_numpy(np.float64) for one in seeds], axis=0)
        return np.asarray(mean), seeds[0]["n"].to_numpy(np.int64)

    rows = []
    for cell, scores in evaluation["cells"].items():
        row, kind = cell.split("/")
        own = row not in _NETWORKS
        line: dict[str, Any] = {
            "model": row.replace("_", " ") if own else _NETWORKS[row],
            "kind": "entry" if row in entries else "baseline" if own else "network",
            "input": "–" if row in entries else kind,
            "seeds": len(scores["segment"]["per_seed"]),
        }
        for level in LEVELS[:2]:
            ours, n = right(cell, level)
            difference, low, high = paired_difference(
                ours, right(f"{best}/joints", level)[0], n, seed, resamples=resamples
            )
            line[level] = {part: scores[level][part] for part in ("mean", "sd", "low", "high")} | {
                "difference": difference, "difference_low": low, "difference_high": high
            }  # fmt: skip
        rows.append(line | {"macro_f1": scores["macro_f1"]["mean"]})
    rows.sort(key=_order, reverse=True)
    return [{"rank": rank} | line for rank, line in enumerate(rows, start=1)]


def _order(scores: Mapping[str, Any]) -> tuple[float, float]:
    return scores["segment"]["mean"], scores["excerpt"]["mean"]


def leaderboard_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """One line a model, fractions; the columns of the two levels have their names in front."""
    flat = [
        {
            key if not isinstance(value, dict) else f"{key}_{part}": inner
            for key, value in row.items()
            for part, inner in (value.items() if isinstance(value, dict) else [("", value)])
        }
        for row in rows
    ]
    return pd.DataFrame(flat).to_csv(index=False, float_format="%.6g", lineterminator="\n")


def leaderboard_markdown(
    dataset: str, protocol: str, evaluation: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]
) -> str:
    """The list with its caption."""
    best = next(row["model"] for row in rows if row["kind"] == "baseline")
    chance = evaluation["chance"]
    caption = (
        f"**Leaderboard of {dataset}.** Accuracy in percent, per segment of 25 frames and per excerpt"
        f" by vote; in brackets the 95 % interval, bootstrap over {evaluation['n_pieces']} pieces."
        f" {evaluation['n_segments']} test segments, {evaluation['n_excerpts']} excerpts,"
        f" {len(evaluation['classes'])} classes; chance {100 * chance['uniform']:.1f} % (guessing"
        f" evenly), {100 * chance['largest_class']:.1f} % (always the largest class). Protocol"
        f" {protocol}, {evaluation['n_folds']} folds. Last column: segments, paired, against the best"
        f" baseline ({best}); an interval that holds zero is no difference."
    )
    body = []
    for row in rows:
        segment, excerpt = row["segment"], row["excerpt"]
        to_best = {
            part: segment[name]
            for part, name in (
                ("difference", "difference"), ("low", "difference_low"), ("high", "difference_high"),
            )
        }  # fmt: skip
        own = row["model"] == best and row["kind"] == "baseline"
        body.append(
            [f"{row['rank']}", row["model"], row["kind"], row["input"], f"{row['seeds']}",
             accuracy_text(percent(segment)), accuracy_text(percent(excerpt)),
             "–" if own else points_text(percent(to_best))]
        )  # fmt: skip
    head = ["", "model", "kind", "input", "seeds", "segments", "excerpts", "− best baseline"]
    return document(caption, grid(head, body))
