"""AIST++ retargeted: the ladder of its splits, and what its held bones cost, as tables and a picture."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

import numpy as np

from motionmusic.lettering import Figure
from motionmusic.results.figures import CHANCE, heading, plain
from motionmusic.results.names import RETARGETED, model
from motionmusic.results.table import Cell, Column, Table, table
from motionmusic.scoring.baselines import BASELINES
from motionmusic.scoring.damage import CONDITIONS, MODELS
from motionmusic.scoring.intervals import Interval
from motionmusic.scoring.ladder import LEVELS, PROBES, TRUSTED

PROTOCOLS = {
    "random_segment": "random segment (leaks)",
    "by_track": "new track",
    "by_dancer": "new dancer",
    "by_choreography": "new choreography",
    "by_dancer_and_choreography": "new dancer, new choreography",
}
Found = Mapping[str, Any]
"""ladder.json."""
# told apart with every kind of colour vision, and by their shapes in grey
_COLOURS = ("#0072B2", "#08306b", "#D55E00", "#8A4FA3", "#00795A")
_MARKERS = ("o", "s", "D", "^", "v", "X", "P")


def ladder_tables(found: Found) -> list[Table]:
    """Accuracy of segments and of dances, balanced accuracy, clean segments alone; differences."""
    made = []
    for part, what in (("all", "all segments"), ("clean", "clean segments only")):
        for level, unit in LEVELS.items():
            for measure, named in (("accuracy", "accuracy"), ("balanced", "balanced accuracy")):
                if part == "clean" and level == "excerpt":
                    continue
                made.append(_table(found, part, what, level, unit, measure, named))
    return [*made, _differences(found)]


def _table(
    found: Found, part: str, what: str, level: str, unit: str, measure: str, named: str
) -> Table:
    protocols = found["protocols"]

    def cells(name: str) -> list[Cell]:
        return [
            Interval.read(of["models"][name][part][level][measure]) for of in protocols.values()
        ]

    counts = {of["models"]["majority"][part][level]["n"] for of in protocols.values()}
    first = next(iter(protocols.values()))["models"]
    rows = [[_called(name), _kind(name), *cells(name)] for name in first]
    kinds = "segments" if level == "segment" else "excerpts of seven seconds, one each,"
    return table(
        f"AIST++ retargeted: {named} per {unit}, {what}, in percent",
        ["", "kind", *(Column(PROTOCOLS[name], "percent", 0) for name in protocols)],
        rows,
        caption=f"{_span(counts)} {kinds} of 190 dances, ten genres, chance of balanced accuracy 10;"
        " [95 % interval over 28 dancers]. Models learn from the training part. Clean: no bone"
        " that the 13 joints without wrists and ankles hang on is held for more than a fifth of the"
        f" second. {RETARGETED}",
        labels=2,
    )


def _differences(found: Found) -> Table:
    rows: list[list[Cell]] = []
    for name, of in found["protocols"].items():
        for entry, its in of["ahead"].items():
            cells = [Interval.read(its[level]) for level in LEVELS]
            rows.append([PROTOCOLS[name], _called(entry), _called(of["best"]), *cells])
    return table(
        "AIST++ retargeted: entries against the best simple baseline, in points",
        ["split", "entry", "against (chosen on validation)",
         Column("per segment", "points"), Column("per dance", "points")],
        rows,
        caption="Paired, [95 % interval over dancers]; one whose interval holds zero is no"
        f" difference. {RETARGETED}",
        labels=3,
    )  # fmt: skip


def ladder_picture(found: Found) -> Figure:
    """A line a model, whole dances, from the split that leaks to the one that does not."""
    protocols = found["protocols"]
    first = next(iter(protocols.values()))["models"]
    shown = [n for n in first if n in ("logistic_regression", "gradient_boosting")]
    shown += [n for n in first if _kind(n) == "entry"]
    shown += [n for n in first if _kind(n) == "probe"]
    figure = Figure(figsize=(11, 6.2), dpi=150, layout="constrained")
    axis = figure.subplots()
    ends = []
    for number, name in enumerate(shown):
        probe = _kind(name) == "probe"
        colour = "0.55" if probe else _COLOURS[number % len(_COLOURS)]
        values = [
            Interval.read(of["models"][name]["all"]["excerpt"]["balanced"])
            for of in protocols.values()
        ]
        y = [100 * each.value for each in values]
        # side by side, so that intervals do not lie on one another
        x = np.arange(len(y)) + 0.05 * (number - (len(shown) - 1) / 2)
        spans = [
            [100 * (v.value - v.low) for v in values],
            [100 * (v.high - v.value) for v in values],
        ]
        axis.errorbar(
            x, y, yerr=np.maximum(0, np.nan_to_num(spans)), color=colour, capsize=2, markersize=7,
            marker=_MARKERS[number % len(_MARKERS)], markeredgecolor="white", elinewidth=1,
            linewidth=1 if probe else 2.2, linestyle=":" if probe else "-",
        )  # fmt: skip
        ends.append((y[-1], _called(name), colour))
    last = len(protocols) - 1
    axis.plot([-0.4, last + 0.3], [10, 10], "--", color=CHANCE)
    ends.append((10.0, "chance", CHANCE))
    place = -np.inf
    for y_, name, colour in sorted(ends):  # names beside the lines' ends, none on another
        place = max(y_, place + 4.2)
        axis.annotate(
            f"{name}  {y_:.0f} %", (last + 0.3, y_), (last + 0.42, place), va="center", fontsize=10,
            color="0.3" if colour == "0.55" else colour, annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": "0.8", "shrinkA": 2, "shrinkB": 0, "relpos": (0, 0.5)},
        )  # fmt: skip
    names = [PROTOCOLS[name].replace(", ", ",\n").replace(" (", "\n(") for name in protocols]
    axis.set_xticks(range(len(names)), names, fontsize=10.5)
    axis.set(xlim=(-0.4, last + 0.3), ylim=(0, 100))
    axis.set_ylabel("right dances, mean over ten genres, in percent", fontsize=10)
    plain(axis, "y")
    heading(
        figure,
        "Ten genres: what is left when nothing leaks (AIST++ retargeted)",
    )
    note = (
        "190 dances by vote of seven segments each. Lines: 95 % intervals over 28 dancers. Dotted: models"
        f" that see no movement, only what is said of the file.\n{textwrap.fill(RETARGETED, 150)}"
    )
    figure.supxlabel(note, fontsize=9, x=0.01, ha="left")
    return figure


def _called(name: str) -> str:
    named = {**PROBES, TRUSTED: "logistic regression, without wrists and ankles"}
    return named.get(name) or model(name)


def _kind(name: str) -> str:
    return "baseline" if name in (*BASELINES, TRUSTED) else "probe" if name in PROBES else "entry"


def _span(counts: set[int]) -> str:
    low, high = min(counts), max(counts)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def damage_table(found: Mapping[str, Any], corpus: str, names: Mapping[int, str]) -> Table:
    """One row a classifier, and one of what the held bones tell alone."""
    keys = [*CONDITIONS, "cost", "cost_unprepared"]
    rows: list[list[Cell]] = [
        [model(name), *(Interval.read(found["models"][name][key]) for key in keys)]
        for name in MODELS
    ]
    rows.append(["only which bones are held", None, Interval.read(found["only_held"]), *[None] * 3])
    held = ", ".join(f"{names[int(k)]} {100 * share:.0f} %" for k, share in found["held"].items())
    return table(
        f"{corpus}: held bones put on whole dances, accuracy per segment in percent",
        ["", *(Column(name, "percent") for name in CONDITIONS),
         Column("damaged − whole", "points"), Column("unprepared − whole", "points")],
        rows,
        caption=f"{found['n']:,} segments of {found['pieces']} pieces, new pieces; [95 % interval over"
        " pieces], differences paired. A bone is held while its direction would turn by more than"
        f" 0.25 rad in 1/30 s. Frames with a held bone: {held}.",
    )  # fmt: skip
