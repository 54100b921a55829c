"""The ladder of splits of AIST++ retargeted as tables and a picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from motionmusic.lettering import Figure
from motionmusic.results.figures import Panel, forest
from motionmusic.results.names import RETARGETED, model
from motionmusic.results.table import Cell, Column, Table, table
from motionmusic.scoring.baselines import BASELINES
from motionmusic.scoring.intervals import Interval
from motionmusic.scoring.ladder import LEVELS, PROBES

PROTOCOLS = {
    "random_segment": "random segment (leaks)",
    "by_track": "new track",
    "by_dancer": "new dancer",
    "by_choreography": "new choreography",
    "by_dancer_and_choreography": "new dancer, new choreography",
}
Found = Mapping[str, Any]
"""ladder.json."""


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
    return table(
        f"AIST++ retargeted: {named} per {unit}, {what}, in percent",
        ["", "kind", *(Column(PROTOCOLS[name], "percent", 0) for name in protocols)],
        rows,
        caption=f"{_span(counts)} of 190 dances, ten genres, chance of balanced accuracy 10;"
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
         *(Column(f"per {level}", "points") for level in LEVELS)],
        rows,
        caption="Paired, [95 % interval over dancers]; one whose interval holds zero is no"
        f" difference. {RETARGETED}",
        labels=3,
    )  # fmt: skip


def ladder_picture(found: Found) -> Figure:
    """The ladder: two baselines, the entries, the probes, from random segment downwards."""
    protocols = found["protocols"]
    first = next(iter(protocols.values()))["models"]
    shown = [n for n in first if n in ("majority", "logistic_regression", "random_forest")]
    shown += [n for n in first if _kind(n) != "baseline"]
    colours = ["0.7", "#4292c6", "#08306b", "#b35806", "#e08214", "#fdb863", "#8073ac"]
    series = {
        _called(name): (colour, "o" if _kind(name) == "baseline" else "s")
        for name, colour in zip(shown, colours, strict=False)
    }
    panels = [
        Panel(
            f"{title} per segment",
            {
                PROTOCOLS[name]: {
                    _called(m): Interval.read(of["models"][m]["all"]["segment"][measure])
                    for m in shown
                }
                for name, of in protocols.items()
            },
            percent=True,
            chance=0.1 if measure == "balanced" else None,
            limits=(0, 100),
        )
        for measure, title in (("accuracy", "accuracy"), ("balanced", "balanced accuracy"))
    ]
    note = "95 % intervals over 28 dancers; dashed: chance"
    return forest(panels, series, "AIST++ retargeted: what a split is worth", note)


def _called(name: str) -> str:
    return PROBES.get(name) or model(name)


def _kind(name: str) -> str:
    return "baseline" if name in BASELINES else "probe" if name in PROBES else "entry"


def _span(counts: set[int]) -> str:
    low, high = min(counts), max(counts)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"
