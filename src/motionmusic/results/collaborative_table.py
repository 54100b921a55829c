"""The table of what collaborative learning adds, over seeds, with what follows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from motionmusic.params import Epochs, Train
from motionmusic.results.names import NETWORKS, counted, made_of
from motionmusic.results.table import Cell, Column, Table, table
from motionmusic.scoring.accuracy import resampled_over
from motionmusic.scoring.intervals import Interval


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
