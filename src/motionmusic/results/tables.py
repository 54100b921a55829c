"""Tables 1 to 6 and Figures 4 and 5 of a task, beside the paper's where they can be compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from motionmusic.features.segments import SEGMENT_FRAMES
from motionmusic.lettering import Figure
from motionmusic.params import Train
from motionmusic.results.figures import confusion_figure
from motionmusic.results.names import INPUTS, VARIANTS, cell, counted, made_of, model, task_name
from motionmusic.results.table import Column, Row, Table, table
from motionmusic.scoring.accuracy import LEVELS, resampled_over
from motionmusic.scoring.evaluation import BEST, EXPERIMENTS, ROWS, best_baseline
from motionmusic.scoring.intervals import Interval
from motionmusic.scoring.paper import printed, printed_confusion, published_predictions

Found = Mapping[str, Any]
"""evaluation.json: scores and facts of a task."""

# test segments and excerpts by which one knows to which split a file of the authors belongs
_FILE_SIZES = {"paper": (414, 46), "published": (432, 48), "official": (340, 20)}
_SETTINGS = {
    "musictodance": {
        "array": "414×{}×25×23",
        "segments": "405 / 405 / 414",
        "split": "all excerpts shuffled once, 45 / 45 / 46",
        "frames": "229, 25",
        "epochs": "1500 + 1500",
        "tested": "the 1401st of 1500 in each phase (code)",
        "batch": "72",
    },
    "aist": {
        "array": "340×{}×25×17",
        "segments": "16660 / 340 / 340",
        "split": "the data set's, 980 / 20 / 20",
        "frames": "425, 25",
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
_LABELS = {"alone": "MCLEMCD, -Dropout ¹", "longer": "MCLEMCD ²", **VARIANTS}
_NOTE = (
    "¹ One network: dropout acts only in the music network, which reaches the motion encoder only by"
    " collaborative learning (CL). ² The control that the paper lacks: as many epochs as with CL, all"
    " without it."
)


def paper_names(source: str) -> tuple[str, str, str, str]:
    """Of settings, of accuracies per segment and per excerpt, of the confusion matrix."""
    if source.startswith("aist"):
        end = "" if source == "aist" else "_retargeted"
        return f"table2{end}", f"table4{end}", f"table6{end}", f"figure5{end}"
    return "table1", "table3", "table5", "figure4"


def settings_tables(
    found: Found, train: Train, epochs_together: int, seeds: Sequence[int]
) -> list[Table]:
    """Table 1 or 2: what the four experiments are made of, ours beside the paper's."""
    facts = found["facts"]
    paper, first = _SETTINGS["aist" if _aist(facts) else "musictodance"], 5 if _aist(facts) else 1
    arrays = []
    for number, (kind, text) in enumerate(INPUTS.items(), start=first):
        shape = facts["shapes"]["joints" if kind == "fused" else kind]
        ours = "×".join(map(str, (facts["tested"], *shape[1:])))
        its = paper["array"].format(6 if kind == "merged" else 3)
        arrays.append([f"{number}", text, ("2 × " if kind == "fused" else "") + ours, its])
    parts = " / ".join(
        f"{low}" if low == high else f"{low}–{high}" for low, high in facts["segments"].values()
    )
    rows = [
        ("segments: train / validation / test",
         parts + " in each fold" * (facts["folds"] > 1), paper["segments"]),
        ("split", _protocol(facts), paper["split"]),
        ("frames of an excerpt, of a segment", f"{facts['excerpt_frames']}, {SEGMENT_FRAMES}",
         paper["frames"]),
        ("epochs without CL + with CL", f"{train.epochs} + {epochs_together}", paper["epochs"]),
        ("epoch tested", _SELECT[train.select], paper["tested"]),
        ("batch", f"{train.batch}", paper["batch"]),
        ("optimiser", "Adam", "Adam"),
        ("learning rate", f"{train.learning_rate:g}", "0.0005"),
        ("learning rate's schedule", train.schedule.replace("_", " "), "constant"),
        ("width of the first motion layer", f"{train.width}", "64"),
        ("seeds", ", ".join(map(str, seeds)), "one run, seed unknown"),
    ]  # fmt: skip
    what = f"{_title(paper_names(facts['source'])[0])}. {facts['task']}"
    return [
        table(
            f"{what}: test arrays of experiments {first} to {first + 3}",
            ["experiment", "motion input", "test array", "the paper's"],
            arrays,
            caption=made_of(facts),
            sortable=False,
        ),
        table(
            f"{what}: settings",
            ["setting", "here", "the paper's"],
            rows,
            note="(code): not in the paper, but in the authors' code or files.",
            sortable=False,
        ),
    ]


def accuracy_table(found: Found, level: str, train: Train, epochs_together: int) -> Table:
    """Tables 3 and 4 (segments) or 5 and 6 (excerpts), with the baselines.

    Where this task is the paper's, each row has the paper's values and those of the authors'
    published predictions below it. Without CL, plain and dropout are one network, whose row has both.
    """
    facts, scores = found["facts"], found["cells"]
    name = paper_names(facts["source"])[1 + LEVELS.index(level)]
    beside = _beside(name, facts, level)
    rows = []
    for row in dict.fromkeys([*ROWS, *(one.split("/")[0] for one in scores)]):
        label = _LABELS.get(row) or model(row)
        cl = "yes" if row in VARIANTS else "no" if row in ROWS else "–"
        of = [scores.get(f"{row}/{kind}") for kind in EXPERIMENTS]
        numbers = (None if one is None else Interval.read(one[level]) for one in of)
        besides = {
            kind: ("", "", *(its[row, one] for one in EXPERIMENTS))
            for kind, its in beside.items()
            if (row, EXPERIMENTS[0]) in its
        }
        rows.append(Row((label, cl, *numbers), besides))
    first = 5 if _aist(facts) else 1
    heads = [Column(f"exp. {n}: {kind}", "percent") for n, kind in enumerate(EXPERIMENTS, first)]
    unit = {
        "segment": f"accuracy per test segment of {SEGMENT_FRAMES} frames",
        "excerpt": "accuracy per test excerpt, by vote of its segments",
    }[level]
    caption = (
        f"{seen(found)}; width {train.width}, {train.epochs} epochs without + "
        f"{epochs_together} with collaborative learning (CL).",
        gained(found, level),
        beaten(found, level),
        unfinished(found),
        made_of(facts),
    )
    return Table(
        f"{_title(name)}. {facts['task']}: {unit}, in percent",
        (Column(""), Column("CL"), *heads),
        tuple(rows),
        caption=" ".join(filter(None, caption)),
        note=f"{_NOTE} Baselines see the joints only. {_comparison(name, facts, beside)}",
        labels=2,
    )


def seen(found: Found) -> str:
    """What numbers of a task are: counts, chance, protocol, seeds."""
    seeds = found["n_seeds"]
    uniform, largest = (f"{100 * found['chance'][of]:.1f}" for of in ("uniform", "largest_class"))
    return (
        f"{counted(found['n_segments'], 'test segment')}, {counted(found['n_excerpts'], 'excerpt')},"
        f" {counted(found['n_pieces'], 'piece')}; {_protocol(found['facts'])};"
        f" {'one seed' if seeds == 1 else f'mean ± standard deviation over {seeds} seeds'};"
        f" [95 % interval over {resampled_over(found['facts']['protocol'])}];"
        f" chance {uniform}"
        f"{'' if largest == uniform else f' (largest class {largest})'}"
    )


def gained(found: Found, level: str) -> str:
    """What collaborative learning adds to fused MCLEMCD-FC at equal epochs, and what follows."""
    gain = Interval.read(found["gain"]["longer"]["fused"]["fc"][level])
    alone, longer = (found["cells"][f"{row}/fused"][level]["value"] for row in ("alone", "longer"))
    if gain.holds_zero:
        effect = "no effect is shown"
    else:
        effect = f"the interval lies {'above' if gain.value > 0 else 'below'} zero"
    if gain.value > 0 and longer < alone:
        worse = Interval(min(gain.value, alone - longer)).text("percent")
        effect += (
            f"; {worse} of these points come from the control, which got worse by training on"
            f" ({100 * alone:.1f} → {100 * longer:.1f})"
        )
    over = ", over seeds too" if found["n_seeds"] > 1 else ""
    return (
        f"At equal epochs CL adds {gain.text('points')} points (fused MCLEMCD-FC{over}): {effect}."
    )


def beaten(found: Found, level: str) -> str:
    """A sentence where no network beats the best baseline on the baseline's own input; else empty."""

    def value(row: str) -> float:
        return float(found["cells"][f"{row}/joints"][level]["value"])

    ran = [row for row in ROWS if f"{row}/joints" in found["cells"]]
    name, best = best_baseline(found), max(ran, key=value)
    if value(best) > value(name):
        return ""
    return (
        f"On joints no network beats the best baseline: {model(best)} {100 * value(best):.1f},"
        f" {model(name)} {100 * value(name):.1f}."
    )


def unfinished(found: Found) -> str:
    """A sentence that names the trainings that have not ended; else empty."""
    names = "; ".join(map(cell, found.get("not_ended", ())))
    return f"Left out, as their training has not ended: {names}." if names else ""


def confusion_picture(found: Found) -> Figure:
    """Figure 4 or 5: the confusion matrix of the paper's best cell, fused MCLEMCD-FC."""
    facts = found["facts"]
    name = paper_names(facts["source"])[-1]
    # Figure 5 has the classes in the order of their codes, Figure 4 in the order of the labels
    codes = list(facts["labels"])
    order = sorted(codes) if name.startswith("figure5") else codes
    places = [codes.index(code) for code in order]
    counts = np.array(found["cells"][BEST]["confusion"])[np.ix_(places, places)]
    caption = f"Test segments; {_protocol(facts)}; {counted(found['n_seeds'], 'seed')}."
    if _comparable(facts):
        its, _ = printed_confusion(name)
        right, total = int(np.trace(its)), int(its.sum())
        caption += f" The paper's, one run: {100 * right / total:.1f} % ({right} of {total})."
        if name == "figure5":
            caption += " The class names printed there are wrong, except Break's (O21)."
    return confusion_figure(
        counts,
        [facts["labels"][code] for code in order],
        f"{cell(BEST)}; {task_name(facts['task'])}",
        f"{caption} {made_of(facts)}".strip(),
    )


def _aist(facts: Found) -> bool:
    return str(facts["source"]).startswith("aist")


def _comparable(facts: Found) -> bool:
    """Whether the paper's printed accuracies are of this kind of data and of this split."""
    return facts["source"] in _SETTINGS and facts["protocol"] in ("paper", "official")


def _beside(name: str, facts: Found, level: str) -> dict[str, dict[Any, str]]:
    """The paper's numbers and those of the authors' files → (the evaluation's row, input) → text."""
    texts, cells = {}, printed(name.removesuffix("_retargeted"))
    other = (
        facts["source"] == "aist_retargeted"
    )  # shown for their size, and said to be of other data
    if _comparable(facts) or other:
        texts["paper"] = [f"{percent:.2f}" for percent in cells["percent"]]
    protocol = "official" if other else facts["protocol"]
    if (facts["source"] in _SETTINGS or other) and protocol in _FILE_SIZES:
        size = _FILE_SIZES[protocol][LEVELS.index(level)]
        files = published_predictions("aist" if _aist(facts) else "m2d")
        files = files[files[f"n_{level}s"] == size].set_index(["row", "cl", "input"])
        right = files[f"{level}s_right"].groupby(level=[0, 1, 2]).agg(list).to_dict()
        texts["files"] = [
            _share(right.get((its["row"], its["cl"], its["input"]), []), its["count"], size)
            for its in cells.fillna({"count": -1}).to_dict("records")
        ]
    # without CL, plain and dropout are one network
    keys = [cells["row"].where(cells["cl"] == "yes", "alone"), cells["input"]]
    return {
        kind: pd.Series(its).groupby(keys).agg(" / ".join).replace("– / –", "–").to_dict()
        for kind, its in texts.items()
    }


def _share(right: Sequence[int], count: int, size: int) -> str:
    """Where several files claim a cell, the one that gives the printed count."""
    if not right:
        return "–"
    return f"{100 * (count if count in right else right[0]) / size:.2f}"


def _comparison(name: str, facts: Found, beside: Mapping[str, Any]) -> str:
    if not beside:
        return "The paper's values are of other data or another split, so they are left out."
    if facts["source"] == "aist_retargeted":
        return (
            f"paper, files: its {_title(name.removesuffix('_retargeted'))} and the authors' published"
            " predictions of AIST++, scored here: other motion, other dances, another split. **Not"
            " comparable.** Music: 35 stored features a frame and rows of zeros up to the"
            " autoencoder's 96."
        )
    texts = []
    if "paper" in beside:
        texts.append(
            f"paper: its {_title(name)}, one run (MCLEMCD / -Dropout: two runs of one recipe)."
        )
    if "files" in beside:
        texts.append("files: the authors' published predictions of this split, scored here.")
    if made_of(facts):
        texts.append("The data are the paper's in part only, so these rows replicate nothing.")
    return " ".join(texts)


def _protocol(facts: Found) -> str:
    return f"protocol {facts['protocol']}, {counted(facts['folds'], 'fold')}"


def _title(name: str) -> str:
    title = name.replace("table", "Table ").replace("figure", "Figure ")
    return title.replace("_retargeted", ", AIST++ retargeted")
