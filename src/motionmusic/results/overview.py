"""Tasks side by side: what split, time base and collaborative learning are worth, over seeds too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from motionmusic.lettering import Figure
from motionmusic.params import Epochs, Train
from motionmusic.results.figures import Panel, forest
from motionmusic.results.names import NETWORKS, counted, made_of, model, task_name
from motionmusic.results.table import Cell, Column, Table, table
from motionmusic.scoring.accuracy import LEVELS, resampled_over
from motionmusic.scoring.evaluation import best_baseline
from motionmusic.scoring.intervals import Interval

Found = Mapping[str, Mapping[str, Any]]
"""Task → its evaluation.json."""
_SHOWN = {name: NETWORKS[name] for name in ("alone", "longer", "fc")}
_BASELINE = "best baseline on validation (joints)"
_SERIES = {
    _BASELINE: ("0.45", "s"),
    _SHOWN["alone"]: ("#9ecae1", "o"),
    _SHOWN["longer"]: ("#4292c6", "o"),
    _SHOWN["fc"]: ("#08306b", "o"),
}


def overview_tables(
    found: Found, trains: Mapping[str, Train], cotrains: Mapping[str, Epochs]
) -> list[Table]:
    """One row a task, in the order given; a table of segments and one of excerpts."""
    columns: list[Column | str] = [
        "task",
        "segments / excerpts / pieces",
        Column("chance", "percent", 0),
        *(Column(name, "percent") for name in [*_SHOWN.values(), _BASELINE]),
        "which",
        Column("CL adds", "points"),
        Column("CL adds, equal epochs", "points"),
    ]
    stand_ins = {task: made_of(of["facts"]) for task, of in found.items()}
    told = " ".join(f"{task}: {text}" for task, text in stand_ins.items() if text)
    recipes = "; ".join(
        f"{task}: width {trains[task].width}, {trains[task].epochs} + {cotrains[task].epochs} epochs,"
        f" {counted(of['n_seeds'], 'seed')}"
        for task, of in found.items()
    )

    def row(task: str, of: Mapping[str, Any], level: str) -> list[Cell]:
        facts = of["facts"]
        gains = [of["gain"][without]["fused"]["fc"][level] for without in ("alone", "longer")]
        return [
            f"{task}: {facts['protocol']}, {counted(facts['folds'], 'fold')}",
            f"{of['n_segments']} / {of['n_excerpts']} / {of['n_pieces']}",
            Interval(of["chance"]["uniform"]),
            *_cells(of, level).values(),
            model(best_baseline(of)),
            *(Interval.read(gain) for gain in gains),
        ]

    return [
        table(
            f"Accuracy per test {level}, joints and bones fused, in percent",
            columns,
            [row(task, of, level) for task, of in found.items()],
            caption="[95 % interval over pieces, by_figure over figures]; differences are paired, and"
            f" one whose interval holds zero is no difference. {told}".strip(),
            note=f"{recipes} (the paper: width 64, 1500 + 1500, one seed).",
        )
        for level in LEVELS
    ]


def overview_figure(found: Found) -> Figure:
    """The same as points with intervals, per segment and per excerpt."""
    panels = [
        Panel(
            f"accuracy per test {level}",
            {_two_lines(task): _cells(of, level) for task, of in found.items()},
            percent=True,
            chance={_two_lines(task): of["chance"]["uniform"] for task, of in found.items()},
            limits=(0, 102),
        )
        for level in LEVELS
    ]
    note = "95 % intervals over what was resampled (pieces, figures or bodies); dashed: chance"
    return forest(panels, _SERIES, "Dance types told from motion, from split to split", note)


def _cells(of: Mapping[str, Any], level: str) -> dict[str, Interval]:
    """The three networks, fused, and the best baseline, in the order of the table."""
    cells = {text: f"{row}/fused" for row, text in _SHOWN.items()}
    cells[_BASELINE] = f"{best_baseline(of)}/joints"
    return {text: Interval.read(of["cells"][cell][level]) for text, cell in cells.items()}


def _two_lines(task: str) -> str:
    return task_name(task).replace(": ", ":\n")


def collaborative_table(
    found: Mapping[str, Mapping[str, Any]],
    trains: Mapping[str, Train],
    cotrains: Mapping[str, Epochs],
) -> Table:
    """One row a task, of scoring.collaborative and facts."""
    rows: list[list[Cell]] = []
    for task, of in found.items():
        longer = of["gains"]["longer"]
        rows.append(
            [
                task,
                f"{of['n_seeds']}",
                f"{of['n_segments']} / {of['n_groups']} {resampled_over(of['facts']['protocol'])}",
                *(Interval.read(of["rows"][row]) for row in ("alone", "longer", "fc")),
                Interval.read(longer),
                Interval.read(longer["over_seeds"]),
                Interval(longer["visible"]),
                Interval.read(of["gains"]["control"]),
                verdict(of["gains"]),
            ]
        )
    recipes = "; ".join(
        f"{task}: width {trains[task].width}, {trains[task].epochs} + {cotrains[task].epochs} epochs"
        for task in found
    )
    told = " ".join(
        f"{task}: {made_of(of['facts'])}" for task, of in found.items() if made_of(of["facts"])
    )
    return table(
        "What collaborative learning (CL) adds: fused MCLEMCD-FC, accuracy per test segment",
        ["task", "seeds", "segments / resampled",
         Column(NETWORKS["alone"], "percent"), Column(NETWORKS["longer"], "percent"),
         Column(NETWORKS["fc"], "percent"), Column("CL − as many epochs without", "points"),
         Column("the same over seeds alone (Student)", "points"),
         Column("could have been seen", "points"), Column("control by training on", "points"), "so"],
        rows,
        caption="Means over seeds ± standard deviation [95 % interval over seeds × what is"
        " resampled]. Could have been seen: a difference of that size is found in four of five such"
        f" experiments. {told}".strip(),
        note=f"{recipes} ({counted(1, 'cell')}, stated beforehand: docs/training.md).",
    )  # fmt: skip


def verdict(gains: Mapping[str, Any]) -> str:
    """What the cell says, in a few words."""
    gain, control = (Interval.read(gains[name]) for name in ("longer", "control"))
    seeds = Interval.read(gains["longer"]["over_seeds"])
    if gain.holds_zero or seeds.holds_zero:
        return "no effect is shown"
    if gain.value < 0:
        return "CL is worse"
    worse = control.value < 0 and not control.holds_zero
    return "CL is better than a control that got worse by training on" if worse else "CL is better"
