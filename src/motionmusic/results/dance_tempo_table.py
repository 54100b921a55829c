"""How often the tempo of a dance is found, as a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from motionmusic.results.names import RETARGETED
from motionmusic.results.table import Cell, Column, Table, table
from motionmusic.scoring.intervals import Interval

_TESTED = {
    "aist_retargeted": "AIST++ retargeted, new dancers",
    "on_beat": "on_beat, new pieces",
}
_MODELS = {
    "both": "learned from both corpora",
    "aist_retargeted": "learned from AIST++ retargeted alone",
    "plain": "autocorrelation of slowing down, nothing learned",
    "constant": "the best constant",
}


def dance_tempo_table(found: Mapping[str, Any]) -> Table:
    """One row a tested corpus and a model or rival."""
    rows: list[list[Cell]] = []
    sure = []
    for tested, of in found.items():
        for model, its in of.items():
            numbers = [Interval.read(its[name]) for name in ("right", "octave")]
            rows.append([_TESTED[tested], _MODELS[model], *numbers, f"{its['n']}"])
        for model in ("both", "aist_retargeted"):
            parts = [of[model][how] for how in ("sure", "unsure")]
            sure.append(
                f"{_TESTED[tested]}, {_MODELS[model]}: "
                + ", ".join(
                    f"{part['n']} where it was {100 * part['said']:.0f} % sure on average,"
                    f" {100 * part['right']:.0f} % right"
                    for part in parts
                    if part["n"]
                )
            )
    return table(
        "The tempo of a dance, from motion alone",
        ["tested on", "how", Column("within 4 %", "percent"),
         Column("or half or double", "percent"), "dances"],
        rows,
        caption="[95 % interval over dancers of AIST++ retargeted, over pieces of on_beat]. New"
        f" dancers are those with odd numbers; features were chosen on the even ones. {RETARGETED}",
        note=f"How sure: {'; '.join(sure)}. On_beat's pieces share movement units: new pieces are"
        " new orders of known clips (docs/on_beat.md).",
        labels=2,
        sortable=False,
    )  # fmt: skip
