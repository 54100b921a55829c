"""How good the genre model that comes with the package is: tables, and the card that comes with it."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

from motionmusic.results.names import RETARGETED
from motionmusic.results.table import Cell, Column, Table, table
from motionmusic.scoring.intervals import Interval

ATTRIBUTION = (
    "Motion: AIST++ Dance Motion Dataset, © Google LLC, CC BY 4.0"
    ' (https://creativecommons.org/licenses/by/4.0/), R. Li, S. Yang, D. A. Ross, A. Kanazawa, "AI'
    ' Choreographer", ICCV 2021, after the AIST Dance Video Database (S. Tsuchida, S. Fukayama, M.'
    " Hamasaki, M. Goto, ISMIR 2019). Changed: retargeted to a VRM skeleton by MotionMind"
    " (github.com/rohitacharyams/MotionMind, commit ab5d0ef), which removed the path over the floor"
    " and holds fast rotations; here brought to 30 Hz, to one neutral skeleton and to statistics that"
    " this model was learned from."
)
_NAMES = {
    "model": "this model",
    "trembling": "this model, joints that tremble",
    "nearest_centroid": "nearest centroid",
    "logistic_regression": "logistic regression",
    "random_forest": "random forest",
}


def genre_tables(found: Mapping[str, Any]) -> list[Table]:
    """Accuracy, calibration and what it says it does not know."""
    return [_accuracy(found["accuracy"]), _calibration(found["calibration"]), _unlike(found)]


def _accuracy(found: Mapping[str, Any]) -> Table:
    rows: list[list[Cell]] = [
        [_NAMES[name], Interval.read(of["balanced"]), Interval.read(of["accuracy"]), f"{of['n']}"]
        for name, of in found["models"].items()
    ]
    rows.append(["chance", Interval(1 / len(found["recall"])), None, None])
    recall = ", ".join(f"{name} {100 * share:.0f}" for name, share in found["recall"].items())
    ahead = Interval.read(found["ahead"]).text("points")
    return table(
        "Genre of a dance whose dancer and choreography are new",
        ["", Column("balanced accuracy", "percent"), Column("accuracy", "percent"), "dances"],
        rows,
        caption=f"The first seven seconds of each dance; learned from the training part of six folds;"
        f" [95 % interval over {found['dancers']} dancers]. {RETARGETED}",
        note=f"Ahead of the best baseline on validation ({_NAMES[found['best']]}) in accuracy:"
        f" {ahead}. Right of each genre, in percent: {recall}.",
        sortable=False,
    )


def _calibration(found: Mapping[str, Any]) -> Table:
    rows: list[list[Cell]] = [
        [
            f"{100 * of['from']:.0f} to {100 * of['from'] + 10:.0f} %",
            Interval(of["stated"]),
            Interval(of["right"]),
            f"{of['dances']}",
        ]
        for of in found["bins"]
    ]
    rows.append(["all", Interval(found["stated"]), Interval(found["right"]), f"{found['dances']}"])
    return table(
        "Is the probability of the first genre how often it is right?",
        ["stated", Column("on average", "percent"), Column("right", "percent"), "dances"],
        rows,
        caption="Whole dances, each by a model that knows neither its dancer nor its choreography, at the"
        " temperature of all other dancers.",
        note=f"Expected calibration error {100 * found['error']:.1f} %, a dance, ten bins of equal"
        f" width; probabilities that are exactly right would have {100 * found['perfect']:.1f} on as"
        f" many dances (95th percentile {100 * found['perfect_95']:.1f}); without the temperature"
        f" {100 * found['uncalibrated']:.1f}.",
        sortable=False,
    )


def _unlike(found: Mapping[str, Any]) -> Table:
    of = found["unlike"]
    rows: list[list[Cell]] = [
        ["undamaged dances, new", Interval(of["undamaged"]["refused"]), None, f"{of['undamaged']['dances']}"],
        [
            "the same with joints that tremble", Interval(of["trembling"]["refused"]), None,
            f"{of['undamaged']['dances']}",
        ],
        ["all dances, new", Interval(of["held_out"]["refused"]), None, f"{of['held_out']['dances']}"],
        [
            "on_beat: ballroom", Interval(of["other"]["refused"]),
            Interval.read(of["other"]["auroc"]), f"{of['other']['dances']}",
        ],
        [
            "the other way: learned from on_beat", None, Interval.read(of["reverse"]["auroc"]),
            f"{of['reverse']['dances']}",
        ],
    ]  # fmt: skip
    return table(
        "What the model says it does not know",
        ["dances", Column("refused", "percent"), Column("AUROC", digits=3), "n"],
        rows,
        caption="New: by a model that knows neither the dancer nor the choreography. AUROC: how often"
        " a dance of the other corpus is further away than a new dance of the model's own;"
        " [95 % interval over dancers and pieces].",
        note="Undamaged: no bone that matters is held in three quarters of the windows; the limit is"
        " such that one of twenty-five of these is refused. The other way, new are pieces of on_beat, which"
        " share movement units, so it is easier. Trembling: noise of 2 cm that lasts a tenth of a second.",
        sortable=False,
    )


def card(found: Mapping[str, Any]) -> str:
    """For whom the model is, how good it is, what it was made of and under which terms."""
    accuracy, calibration, unlike = (found[n] for n in ("accuracy", "calibration", "unlike"))
    recall = accuracy["recall"]
    of = {name: Interval.read(its["balanced"]) for name, its in accuracy["models"].items()}
    balanced = of.pop("model").text("percent")
    trembling = of.pop("trembling").text("percent")
    plain = ", ".join(
        f"{_NAMES[name]} {its.text('percent')}"
        + " (best on validation)" * (name == accuracy["best"])
        for name, its in of.items()
    )
    known = sorted(recall, key=lambda name: -recall[name])
    auroc = Interval.read(unlike["other"]["auroc"]).text(digits=2)
    own, other = (100 * unlike[name]["refused"] for name in ("undamaged", "other"))
    lines = [
        f"For: one dancer, ten street and jazz genres: {', '.join(recall)}. Three seconds or more, in"
        " any layout, at any rate.",
        "Not for: other dances, floor work (none was in its training), several people. Then it should"
        f' say "unlike the dances this model knows", and does not always: it refuses {other:.0f} % of'
        f" ballroom dances (AUROC {auroc}) and {own:.0f} % of new dances of its own kind; a walk that"
        " is not even may pass.",
        f"How good: balanced accuracy {balanced} % of dances of seven seconds whose dancer and"
        " choreography are new; chance is"
        f" {100 / len(recall):.0f}; plain baselines: {plain}."
        f" Best at {', '.join(known[:3])}; worst at {', '.join(known[-3:])}.",
        f"Probabilities: calibration error {100 * calibration['error']:.1f} % on new dancers; exactly"
        f" right ones would have {100 * calibration['perfect']:.1f} on as many dances.",
        f"From video: unmeasured. Where joints tremble by 2 cm, balanced accuracy is {trembling} % and"
        f" {100 * unlike['trembling']['refused']:.0f} % of its own kind are refused.",
        "Made of: the directions of eight bones (trunk, neck, hips, shoulders, upper arms, thighs) in"
        f" {calibration['dances']} dances of AIST++ retargeted, {accuracy['dancers']} dancers. No limb"
        " length, forearm or shank. A logistic regression on windows of two seconds.",
        f"Terms: CC BY 4.0, as its data. {ATTRIBUTION}",
    ]
    filled = [
        textwrap.fill(line, 88, subsequent_indent="  ", break_on_hyphens=False) for line in lines
    ]
    return "\n".join(["GENRE OF A DANCE (genre_model.npz)", "", *filled]) + "\n"
