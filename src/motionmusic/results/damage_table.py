"""What held bones cost a classifier, as a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from motionmusic.results.names import model
from motionmusic.results.table import Cell, Column, Table, table
from motionmusic.scoring.damage import CONDITIONS, MODELS
from motionmusic.scoring.intervals import Interval


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
