"""Whether two corpora that are in time help each other, as a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from motionmusic.results.names import RETARGETED
from motionmusic.results.table import Cell, Column, Table, table
from motionmusic.scoring.intervals import Interval

_TESTED = {
    "aist_retargeted": "AIST++ retargeted, new dancers and choreographies",
    "on_beat": "on_beat, new pieces",
}
_TRAINED = {"itself": "itself", "other": "the other corpus", "both": "both"}


def two_corpora_table(found: Mapping[str, Any]) -> Table:
    """One row a tested corpus and what was learned from."""
    rows: list[list[Cell]] = []
    for tested, of in found.items():
        for trained, its in of.items():
            rows.append(
                [
                    _TESTED[tested],
                    _TRAINED[trained],
                    *(Interval.read(its[name]) for name in ("found", "above_chance", "wins")),
                    Interval(its["chance"]),
                    f"{its['n']:,}",
                ]
            )
    return table(
        "In time? Planted offsets of the music, modulo a beat, found from motion alone",
        ["tested on", "learned from", Column("within 0.1 s", "percent"),
         Column("above chance", "points"), Column("true phase against part of a beat off", "percent"),
         Column("chance", "percent"), "stretches"],
        rows,
        caption="Stretches of 16 beats; [95 % interval over dancers of AIST++ retargeted, over pieces"
        " of on_beat]. The tempo is known. Against part of a beat off chance is 50."
        f" {RETARGETED}",
        note="On_beat's pieces share movement units, each of which begins on a beat: new pieces are"
        " new orders of known clips (docs/on_beat.md).",
        labels=2,
        sortable=False,
    )  # fmt: skip
