"""One table and one picture over data sets: what split, time base and collaborative learning are worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from motionmusic.params import Segment, Train
from motionmusic.results.figures import png
from motionmusic.results.tables import accuracy_text, document, grid, percent, points_text

NETWORKS = {"alone": "without CL", "longer": "without CL, as many epochs", "fc": "MCLEMCD-FC, CL"}
LEVELS = ("segment", "excerpt")


def overview(
    evaluations: Mapping[str, Mapping[str, Any]],
    segments: Mapping[str, Segment],
    trains: Mapping[str, Train],
    baselines: Sequence[str],
) -> list[dict[str, Any]]:
    """One row a data set, in the order given.

    Args:
        evaluations: data set → motionmusic.scoring.evaluation.evaluate.
        segments: data set → how it is cut and split.
        trains: data set → how its networks were trained.
        baselines: names of their rows in the evaluations.

    Returns:
        dataset, protocol, folds, width, epochs, seeds, n_segments, n_excerpts, n_pieces, chance;
        for segment and excerpt: alone, longer, fc and baseline, each {mean, low, high} (fused; the
        baseline with most segments right, its name in best_baseline), gain and gain_equal_epochs,
        each {difference, low, high} of fc. Fractions.
    """
    rows = []
    for dataset, scores in evaluations.items():
        cells = scores["cells"]
        means = {
            name: [cells[f"{name}/joints"][level]["mean"] for level in LEVELS] for name in baselines
        }
        best = max(baselines, key=lambda name: means[name])
        train = trains[dataset]
        row: dict[str, Any] = {
            "dataset": dataset,
            "protocol": segments[dataset].protocol,
            "folds": segments[dataset].folds,
            "width": train.width,
            "epochs": f"{train.epochs_alone} + {train.epochs_together}",
            "seeds": scores["n_seeds"],
            "n_segments": scores["n_segments"],
            "n_excerpts": scores["n_excerpts"],
            "n_pieces": scores["n_pieces"],
            "chance": scores["chance"]["uniform"],
            "best_baseline": best,
        }
        for level in LEVELS:
            shown = {name: cells[f"{name}/fused"][level] for name in NETWORKS}
            shown["baseline"] = cells[f"{best}/joints"][level]
            gains = scores["collaborative_gain"]
            row[level] = {
                name: {part: of[part] for part in ("mean", "low", "high")}
                for name, of in shown.items()
            } | {
                "gain": gains["alone"]["fused"]["fc"][level],
                "gain_equal_epochs": gains["longer"]["fused"]["fc"][level],
            }
        rows.append(row)
    return rows


def overview_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """One line a data set and level, fractions."""
    lines = []
    for row in rows:
        facts = {key: value for key, value in row.items() if key not in LEVELS}
        for level in LEVELS:
            values = {
                f"{name}_{part}": value
                for name, of in row[level].items()
                for part, value in of.items()
            }
            lines.append(facts | {"level": level} | values)
    return pd.DataFrame(lines).to_csv(index=False, float_format="%.6g", lineterminator="\n")


def overview_markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """The table per segment, with its caption."""
    body = []
    for row in rows:
        of = row["segment"]
        body.append(
            [
                f"{row['dataset']}: {row['protocol']}"
                + (f", {row['folds']} folds" if row["folds"] > 1 else ""),
                f"{row['n_segments']} / {row['n_excerpts']} / {row['n_pieces']}",
                f"{100 * row['chance']:.0f}",
                *(accuracy_text(percent(of[name])) for name in NETWORKS),
                f"{accuracy_text(percent(of['baseline']))} {row['best_baseline'].replace('_', ' ')}",
                points_text(percent(of["gain"])),
                points_text(percent(of["gain_equal_epochs"])),
            ]
        )
    head = ["data set: split", "test segments / excerpts / pieces", "chance", *NETWORKS.values(),
            "best baseline (joints)", "CL adds", "CL adds, equal epochs"]  # fmt: skip
    recipes = "; ".join(
        f"{row['dataset']}: width {row['width']}, {row['epochs']} epochs" for row in rows
    )
    seeds = {row["seeds"] for row in rows}
    counted = "one seed" if seeds == {1} else f"{', '.join(map(str, sorted(seeds)))} seeds"
    return document(
        "**Accuracy per test segment of 25 frames, joints and bones fused, in percent.** In brackets"
        " the 95 % interval, bootstrap over pieces; differences are paired, and one whose interval"
        f" holds zero is no difference. Every row is {counted}; {recipes} (without + with"
        " collaborative learning, CL; the paper: width 64, 1500 + 1500).",
        grid(head, body),
    )


def overview_figure(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """The same as PNG: a group of points with intervals for each data set; equal rows, equal bytes."""
    styles = [
        ("baseline", "best baseline", "0.45", "s"),
        ("alone", NETWORKS["alone"], "#9ecae1", "o"),
        ("longer", NETWORKS["longer"], "#4292c6", "o"),
        ("fc", NETWORKS["fc"], "#084594", "D"),
    ]
    height = 1.2 + 0.95 * len(rows)  # inches
    figure = Figure(figsize=(9.5, height), dpi=150, facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.30, 0.7 / height, 0.67, (height - 1.2) / height))
    for place, row in enumerate(rows):
        for number, (name, label, colour, marker) in enumerate(styles):
            of = row["segment"][name]
            y = place + 0.18 * (number - 1.5)
            axes.plot([100 * of["low"], 100 * of["high"]], [y, y], color=colour, linewidth=2)
            axes.plot(
                100 * of["mean"], y, marker, color=colour, markersize=6,
                label=label if place == 0 else None,
            )  # fmt: skip
            axes.annotate(
                f"{100 * of['mean']:.1f}", (100 * of["high"], y), xytext=(4, 0),
                textcoords="offset points", va="center", fontsize=8, color="0.25",
            )  # fmt: skip
        axes.plot([100 * row["chance"]] * 2, [place - 0.4, place + 0.4], color="0.7", linestyle=":")
    names = [
        f"{row['dataset']}\nprotocol {row['protocol']}, {row['n_segments']:,} segments"
        for row in rows
    ]
    axes.set_yticks(range(len(rows)), names, fontsize=9)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlim(20, 104)
    axes.set_xlabel("accuracy per test segment, %  (dotted: chance)", fontsize=9.5)
    axes.grid(axis="x", color="0.9")
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    figure.legend(
        loc="upper center", ncol=4, frameon=False, fontsize=9, bbox_to_anchor=(0.55, 0.995)
    )
    return png(figure)
