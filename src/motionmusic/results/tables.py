"""Tables 1 to 6: settings and accuracies, each as a dict, as CSV and as Markdown.

A table is one dict (it becomes the JSON file) that the two other renderings are made from.
Percentages are percent here, as printed; the evaluation's fractions end in this module.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from motionmusic.files import rounded
from motionmusic.params import Segment, Train

# The paper's experiments, in its order: 1 to 4 on MusicToDance, 5 to 8 on AIST++ (spec 1.1).
INPUTS = {
    "joints": "joint positions",
    "bones": "limbs (bones)",
    "fused": "late fusion of joints and bones",
    "merged": "early fusion: joints and bones on the channel axis",
}
# (variant, collaborative learning, the evaluation's row) as the paper's tables print them, and the
# control that they lack: without CL for as many epochs as with it (O7).
ROWS = (
    ("plain", "no", "alone"),
    ("dropout", "no", "alone"),
    ("plain", "longer", "longer"),
    ("plain", "yes", "plain"),
    ("dropout", "yes", "dropout"),
    ("fc", "yes", "fc"),
)
NAMES = {"plain": "MCLEMCD", "dropout": "MCLEMCD-Dropout", "fc": "MCLEMCD-FC"}
# The paper's data sets, the first ones whole; elsewhere its accuracies say nothing.
PAPER_DATASETS = ("m2d", "aist", "paper_time", "paper_time_published")
WHOLE = ("m2d", "aist")
# The splits whose printed accuracies and whose files the authors have published, and the number of
# test segments and excerpts by which one knows to which split a file belongs (spec 8).
PRINTED_PROTOCOLS = ("paper", "official")
FILE_SIZES = {"paper": (414, 46), "published": (432, 48), "official": (340, 20)}
AIST_TABLES = ("table2", "table4", "table6")
_COLUMNS = ["row", "cl", "input", "mean", "sd", "low", "high", "paper", "files", "n", "seeds"]
_WIDTH = 100
_FOOTNOTE = (
    "¹ Dropout acts only in the music network, which cannot reach the motion encoder before"
    " collaborative learning: without CL, MCLEMCD and MCLEMCD-Dropout are the same network."
)
_CONTROL = "² The control that the paper lacks: as many epochs as with CL, all of them without it."
_BASELINES = "The baselines (last rows) see the joints only."
_TWO_RUNS = "The paper's two values (MCLEMCD / MCLEMCD-Dropout) are two runs of one recipe."

_PAPER_SETTINGS: dict[str, dict[str, str]] = {
    "table1": {
        "n": "414",
        "joints": "23",
        "segments": "405 / 405 / 414",
        "split": "all excerpts shuffled once, 45 / 45 / 46",
        "epochs": "1500 + 1500",
        "tested": "the 1401st of 1500 in each phase (code)",
        "batch": "72",
    },
    "table2": {
        "n": "340",
        "joints": "17",
        "segments": "16660 / 340 / 340",
        "split": "the data set's, 980 / 20 / 20",
        "epochs": "500 + 500 (code)",
        "tested": "the 401st of 500 in each phase (code)",
        "batch": "128 (code; 72 in the paper)",
    },
}
_SELECT = {
    "last_hundred": "of each phase the last that 100 divides, counted from 0 (the authors')",
    "last": "of each phase the last",
    "best_validation": "of each phase the best on validation",
}


def comparable(dataset: str, segment: Segment) -> bool:
    """Whether the paper's printed accuracies are of this kind of data and of this split."""
    return dataset in PAPER_DATASETS and segment.protocol in PRINTED_PROTOCOLS


def with_files(dataset: str, segment: Segment) -> bool:
    """Whether the authors' published predictions are of this kind of data and of this split."""
    return dataset in PAPER_DATASETS and segment.protocol in FILE_SIZES


def settings_table(
    name: str,
    dataset: str,
    segment: Segment,
    train: Train,
    seeds: Sequence[int],
    shapes: Mapping[str, tuple[int, ...]],
    index: pd.DataFrame,
) -> dict[str, Any]:
    """Table 1 or 2: what the four experiments are made of, ours beside the paper's.

    Args:
        name: table1 (MusicToDance and alike) or table2 (AIST++).
        dataset: its name in params.yaml.
        segment: how the data set is cut and split.
        train: how its networks are trained.
        seeds: of the runs.
        shapes: of the arrays joints, bones, merged: (n, channels, frames, joints).
        index: one row a segment and fold, with columns fold and split.

    Returns:
        table, dataset, title, note, experiments [{experiment, input, name, ours, paper}] (the test
        arrays' shapes), settings [{setting, ours, paper}].
    """
    paper = _PAPER_SETTINGS[name]
    first = 5 if name in AIST_TABLES else 1
    tested = int((index["split"] == "test").sum())
    experiments = []
    for number, (key, text) in enumerate(INPUTS.items(), start=first):
        both = key == "fused"
        channels = 6 if key == "merged" else 3
        shape = shapes["joints" if both else key]
        experiments.append(
            {
                "experiment": number,
                "input": key,
                "name": text,
                "ours": ("2 × " if both else "") + "×".join(map(str, (tested, *shape[1:]))),
                "paper": f"{paper['n']}×{channels}×25×{paper['joints']}",
            }
        )
    epochs = f"{train.epochs_alone} + {train.epochs_together}"
    rows = [
        ("segments: train / validation / test", _parts(index), paper["segments"]),
        ("split", _split(segment), paper["split"]),
        ("frames of an excerpt, of a segment",
         f"{segment.excerpt_frames}, {segment.segment_frames}",
         "425, 25" if name in AIST_TABLES else "229, 25"),
        ("epochs without CL + with CL", epochs, paper["epochs"]),
        ("epoch tested", _SELECT[train.select], paper["tested"]),
        ("batch", f"{train.batch}", paper["batch"]),
        ("optimiser", "Adam", "Adam"),
        ("learning rate", f"{train.learning_rate:g}", "0.0005"),
        ("learning rate's schedule", train.schedule.replace("_", " "), "constant"),
        ("width of the first motion layer", f"{train.width}", "64"),
        ("seeds", ", ".join(map(str, seeds)), "one run, seed unknown"),
    ]  # fmt: skip
    note = "(code): not in the paper, but in the authors' code or files."
    if dataset not in WHOLE:
        note += f" {dataset} is not the paper's data set."
    return {
        "table": name,
        "dataset": dataset,
        "title": f"{_title(name)}. {dataset}: settings of experiments {first} to {first + 3}",
        "note": note,
        "experiments": experiments,
        "settings": [{"setting": s, "ours": ours, "paper": its} for s, ours, its in rows],
    }


def settings_csv(table: Mapping[str, Any]) -> str:
    """Columns setting, ours, paper: the test arrays of the experiments, then the settings."""
    arrays = [
        {"setting": f"test array, experiment {row['experiment']} ({row['input']})"} | row
        for row in table["experiments"]
    ]
    frame = pd.DataFrame([*arrays, *table["settings"]])
    return frame[["setting", "ours", "paper"]].to_csv(index=False, lineterminator="\n")


def settings_markdown(table: Mapping[str, Any]) -> str:
    """The table with its caption, aligned."""
    arrays = [
        [f"{row['experiment']}", row["name"], row["ours"], row["paper"]]
        for row in table["experiments"]
    ]
    rows = [[row["setting"], row["ours"], row["paper"]] for row in table["settings"]]
    return document(
        f"**{table['title']}.**",
        grid(["experiment", "motion input", "test array", "the paper's"], arrays),
        grid(["setting", "here", "the paper's"], rows),
        table["note"],
    )


def accuracy_table(
    name: str,
    dataset: str,
    evaluation: Mapping[str, Any],
    unit: str,
    segment: Segment,
    train: Train,
    paper: pd.DataFrame | None = None,
    files: Sequence[Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """Tables 3 and 4 (unit segment) or 5 and 6 (unit excerpt), with the baselines.

    Args:
        name: table3 … table6.
        dataset: its name in params.yaml.
        evaluation: what motionmusic.scoring.evaluation.evaluate gave.
        unit: segment or excerpt.
        segment: how the data set is cut and split.
        train: how its networks were trained.
        paper: motionmusic.results.paper.printed(name) where the paper's values can be compared, else None.
        files: motionmusic.scoring.authors.cells() where the authors' predictions can, else None.

    Returns:
        table, dataset, unit, title, caption (all of it in one text), settings, counts, chance,
        cells [{row, cl, input, mean, sd, low, high, paper, files, n, seeds, per_seed}] in percent
        (paper: as printed; files: the authors' predictions scored here), gain and
        gain_equal_epochs {difference, low, high, holds_zero} in points. Without CL, plain and
        dropout are the same network: both rows are there, with equal numbers and the paper's two
        values. Baselines have the empty cl and no paper value. What is not defined is None.
    """
    n = evaluation[f"n_{unit}s"]
    printed = {} if paper is None else {
        (row["row"], row["cl"], row["input"]): float(row["percent"])
        for row in paper.to_dict("records")
    }  # fmt: skip
    scored = {} if files is None else _scored(files, name, segment, unit)
    networks = {key for _, _, key in ROWS}
    baselines = list(dict.fromkeys(cell.split("/")[0] for cell in evaluation["cells"]))
    keys = [*ROWS, *((row, "", row) for row in baselines if row not in networks)]
    cells = []
    for row, cl, key in keys:
        for kind in INPUTS:
            if f"{key}/{kind}" not in evaluation["cells"]:
                continue
            scores = evaluation["cells"][f"{key}/{kind}"][unit]
            cells.append(
                {"row": row, "cl": cl, "input": kind}
                | percent(scores, "mean", "sd", "low", "high")
                | {
                    "paper": printed.get((row, cl, kind)),
                    "files": scored.get((row, cl, kind)),
                    "n": n,
                    "seeds": len(scores["per_seed"]),
                    "per_seed": [_percent(value) for value in scores["per_seed"]],
                }
            )
    of = (
        "test segment of 25 frames"
        if unit == "segment"
        else "test excerpt, by vote of its segments"
    )
    table: dict[str, Any] = {
        "table": name,
        "dataset": dataset,
        "unit": unit,
        "title": f"{_title(name)}. {dataset}: accuracy per "
        + of.replace("25", f"{segment.segment_frames}")
        + ", in percent",
        "settings": {"protocol": segment.protocol, "folds": segment.folds, **train.model_dump()},
        "counts": {
            part: evaluation[part] for part in ("n_segments", "n_excerpts", "n_pieces", "n_seeds")
        },
        "chance": percent(evaluation["chance"]),
        "cells": cells,
        "gain": _gained(evaluation, "alone", unit),
        "gain_equal_epochs": _gained(evaluation, "longer", unit),
        "paper_shown": paper is not None,
        "files_shown": files is not None,
    }
    table["caption"] = _caption(table)
    result: dict[str, Any] = rounded(table)
    return result


def _scored(
    files: Sequence[Mapping[str, Any]], name: str, segment: Segment, unit: str
) -> dict[tuple[str, str, str], float]:
    """(row, cl, input) → percent of the authors' predictions that are of this split."""
    size = FILE_SIZES[segment.protocol][0 if unit == "segment" else 1]
    result = {}
    for cell in files:
        ours = [source for source in cell["sources"] if source["n"] == size]
        if cell["table"] == name and ours:
            # where several files claim a cell, the one that gives the printed value
            best = next((source for source in ours if source["reproduces"]), ours[0])
            result[cell["row"], cell["cl"], cell["input"]] = 100 * best["right"] / best["n"]
    return result


def _gained(evaluation: Mapping[str, Any], without: str, unit: str) -> dict[str, Any]:
    """What MCLEMCD-FC, fused, has more than without CL, in points."""
    gain = evaluation["collaborative_gain"][without]["fused"]["fc"][unit]
    gain = percent(gain, "difference", "low", "high")
    low, high = gain["low"], gain["high"]
    return gain | {"holds_zero": None if low is None or high is None else bool(low <= 0 <= high)}


def accuracy_csv(table: Mapping[str, Any]) -> str:
    """One line a cell: row, cl, input, mean, sd, low, high, paper, files (percent), n, seeds."""
    frame = pd.DataFrame(table["cells"])[_COLUMNS]
    return frame.to_csv(index=False, lineterminator="\n")


def accuracy_markdown(table: Mapping[str, Any]) -> str:
    """The table as the paper prints it, with caption, baselines and what CL gains, aligned."""
    cells = {(cell["row"], cell["cl"], cell["input"]): cell for cell in table["cells"]}
    baselines = list(dict.fromkeys(cell["row"] for cell in table["cells"] if not cell["cl"]))
    # The two rows without CL are one network and stand once, with the paper's two values.
    rows: list[tuple[list[str], str]] = [(["plain", "dropout"], "no")]
    rows += [([row], cl) for row, cl, _ in ROWS if cl != "no"]
    ours = [[_ours(cells.get((names[0], cl, kind))) for kind in INPUTS] for names, cl in rows]
    beside = [
        [[_its(source, [cells.get((name, cl, kind)) for name in names]) for kind in INPUTS]
         for names, cl in rows]
        for source in ("paper", "files") if table[f"{source}_shown"]
    ]  # fmt: skip
    first = 5 if table["table"] in AIST_TABLES else 1
    experiments = [f"exp. {number}: {kind}" for number, kind in enumerate(INPUTS, start=first)]
    plain = [[_ours(cells.get((name, "", kind))) for kind in INPUTS] for name in baselines]
    spoken = [name.replace("_", " ") for name in baselines]
    if table["unit"] == "segment":
        lines = []
        for place, (names, cl) in enumerate(rows):
            label = "MCLEMCD, -Dropout ¹" if len(names) > 1 else NAMES[names[0]]
            longer = cl == "longer"
            lines.append([f"{label} ²" if longer else label, "no" if longer else cl, *ours[place]])
            if not longer:
                lines += [["", "", *values[place]] for values in beside]
        lines += [[label, "–", *values] for label, values in zip(spoken, plain, strict=True)]
        grids = [grid(["", "CL", *experiments], lines)]
    else:
        head = ["", "no CL: both ¹"]
        head += [
            "no CL, longer ²"
            if cl == "longer"
            else f"CL: {NAMES[names[0]].replace('MCLEMCD-', '-')}"
            for names, cl in rows[1:]
        ]
        lines = []
        for place, experiment in enumerate(experiments):
            lines.append([experiment, *(values[place] for values in ours)])
            lines += [["", *(row[place] for row in values)] for values in beside]
        grids = [grid(head, lines)]
        if baselines:
            joints = list(INPUTS).index("joints")
            below = [[label, values[joints]] for label, values in zip(spoken, plain, strict=True)]
            grids.append(grid(["baseline", "joints"], below))
    footnote = f"{_FOOTNOTE} {_TWO_RUNS}" if table["paper_shown"] else _FOOTNOTE
    return document(
        f"**{table['title']}.** {table['caption']}", *grids, f"{footnote} {_CONTROL}", _gain(table)
    )


def _caption(table: Mapping[str, Any]) -> str:
    counts, settings, chance = table["counts"], table["settings"], table["chance"]
    seeds, folds = counts["n_seeds"], settings["folds"]
    mean = "One seed" if seeds == 1 else f"Mean ± standard deviation over {seeds} seeds"
    return (
        f"{mean}; in brackets the 95 % interval, bootstrap over pieces."
        f" {counts['n_segments']} test segments, {counts['n_excerpts']} excerpts,"
        f" {counts['n_pieces']} pieces; chance {chance['uniform']:.1f} % (guessing evenly),"
        f" {chance['largest_class']:.1f} % (always the largest class)."
        f" Protocol {settings['protocol']}, {folds} {'fold' if folds == 1 else 'folds'}."
        f" Networks of width {settings['width']}, {settings['epochs_alone']} epochs without"
        f" collaborative learning (CL) + {settings['epochs_together']} with; epoch tested:"
        f" {_SELECT[settings['select']]}. {_BASELINES} {_comparable(table)}"
    )


def _comparable(table: Mapping[str, Any]) -> str:
    if not table["paper_shown"] and not table["files_shown"]:
        return (
            "The paper's values were measured on other data or another split and are not"
            " comparable, so they are left out."
        )
    paper = _PAPER_SETTINGS["table2" if table["table"] in AIST_TABLES else "table1"]
    epochs = paper["epochs"].removesuffix(" (code)")
    texts = [
        f"Below each row, the paper's value from its {_title(table['table'])}: one run of"
        f" {epochs} epochs, width 64, no interval given."
        if table["paper_shown"]
        else "The printed values are of another split and left out."
    ]
    if table["files_shown"]:
        texts.append(
            '"files": the authors\' published predictions of this split, scored here; – where they'
            " have published none."
        )
    if table["dataset"] not in WHOLE:
        texts.append(
            "The data are the paper's in part only (docs/data.md) and the schedule is short: these"
            " rows stand beside the paper's, they do not replicate them."
        )
    return " ".join(texts)


def _gain(table: Mapping[str, Any]) -> str:
    longer = table["settings"]["epochs_together"]
    return (
        "What collaborative learning adds (fused; MCLEMCD-FC with CL − without CL, paired):"
        f" {_verdict(table['gain'])} The network with CL has also trained {longer} epochs longer;"
        f" against as many epochs without CL ² it adds {_verdict(table['gain_equal_epochs'])}"
    )


def _verdict(gain: Mapping[str, Any]) -> str:
    points = f"{signed(gain['difference'])} points"
    if gain["holds_zero"] is None:
        return f"{points}, without an interval (it needs two pieces)."
    verdict = "holds zero: no effect is shown" if gain["holds_zero"] else "does not hold zero"
    return f"{points} [{signed(gain['low'])}, {signed(gain['high'])}]; the interval {verdict}."


def accuracy_text(scores: Mapping[str, Any]) -> str:
    """mean ± sd [low, high], in percent; a spread or an interval that is not there is left out."""
    sd, low = scores.get("sd"), scores["low"]
    spread = "" if sd is None else f" ± {sd:.1f}"
    interval = "" if low is None else f" [{low:.1f}, {scores['high']:.1f}]"
    return f"{scores['mean']:.1f}{spread}{interval}"


def points_text(gain: Mapping[str, Any]) -> str:
    """difference [low, high], in points and with their signs; without an interval where none is."""
    interval = "" if gain["low"] is None else f" [{signed(gain['low'])}, {signed(gain['high'])}]"
    return f"{signed(gain['difference'])}{interval}"


def _ours(cell: Mapping[str, Any] | None) -> str:
    return "–" if cell is None else accuracy_text(cell)


def _its(source: str, cells: Sequence[Mapping[str, Any] | None]) -> str:
    """The paper's values, or those of the authors' files, of one cell or of the two without CL."""
    values = [None if cell is None else cell[source] for cell in cells]
    if all(value is None for value in values):
        return "–"
    return f"{source} " + " / ".join("–" if v is None else f"{v:.2f}" for v in values)


def percent(shares: Mapping[str, float | None], *parts: str) -> dict[str, float | None]:
    """Shares as percent, all of them or the named parts; what is not defined is None."""
    return {part: _percent(shares[part]) for part in parts or shares}


def _percent(share: float | None) -> float | None:
    return None if share is None or math.isnan(share) else 100 * share


def signed(points: float) -> str:
    """A difference with its sign and one decimal."""
    text = f"{points:+.1f}".replace("-", "−")
    return "0.0" if text in ("+0.0", "−0.0") else text


def _title(name: str) -> str:
    return name.replace("table", "Table ")


def _split(segment: Segment) -> str:
    folds = "" if segment.folds == 1 else f", {segment.folds} folds"
    return f"protocol {segment.protocol}{folds}"


def _parts(index: pd.DataFrame) -> str:
    """Numbers of segments; over several folds the least and the most of each part."""
    counts = pd.crosstab(index["fold"], index["split"])
    texts = []
    for part in ("train", "validation", "test"):
        column = counts[part] if part in counts else pd.Series([0])
        low, high = int(column.min()), int(column.max())
        texts.append(f"{low}" if low == high else f"{low}–{high}")
    return " / ".join(texts) + (" in each fold" if len(counts) > 1 else "")


def grid(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table whose columns are aligned in a terminal, too."""
    widths = [max(3, *(len(row[place]) for row in [head, *rows])) for place in range(len(head))]
    lines = [head, ["-" * width for width in widths], *rows]
    return "\n".join(
        "| "
        + " | ".join(text.ljust(width) for text, width in zip(line, widths, strict=True))
        + " |"
        for line in lines
    )


def document(*parts: str) -> str:
    """Paragraphs, wrapped, and grids, as they are."""
    texts = [part if part.startswith("|") else textwrap.fill(part, _WIDTH) for part in parts]
    return "\n\n".join(texts) + "\n"
