"""How often a dance's own track comes first, as tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from motionmusic.results.names import RETARGETED
from motionmusic.results.table import Cell, Column, Table, table
from motionmusic.scoring.intervals import Interval

_ROWS = {
    "chance": "chance", "known": "told the dance type", "genre": "genre", "tempo": "tempo",
    "timing": "timing", "all": "all of them",
}  # fmt: skip
_TITLES = {
    "by_piece": "The dance's own track, on_beat, new pieces",
    "by_figure": "The dance's own track, on_beat, new figures",
    "street": "The dance's own track, AIST++ retargeted, new dancers",
}
_NOTES = {
    "by_piece": "A piece has exactly its song's tempo by construction (docs/on_beat.md), so timing"
    " finds the tempo to a part of a percent. Its genre counts nothing: it is unlike street dances.",
    "by_figure": "Tempo by a model of AIST++ retargeted alone; frames that see another figure, or"
    " none, are left out.",
    "street": "Genre by models of other dancers and choreographies, tempo by those of the other half"
    f" of the dancers. A genre has six tempi, one a track. {RETARGETED}",
}
_METRICS = {
    "recall_1": Column("first", "percent"), "recall_5": Column("of 5", "percent"),
    "recall_10": Column("of 10", "percent"), "median_rank": Column("median rank"),
    "same_tempo_1": Column("first of the same tempo", "percent"),
}  # fmt: skip


def own_track_tables(found: Mapping[str, Any]) -> list[Table]:
    """One table a test."""
    tables = []
    for test, title in _TITLES.items():
        of = found[test]
        rows: list[list[Cell]] = [
            [text, *(Interval.read(of[row][metric]) for metric in _METRICS)]
            for row, text in _ROWS.items()
            if row in of
        ]
        caption = (
            f"{of['dances']} dances, {of['tracks']} tracks, {of['of_own_tempo']:.1f} of the own"
            " track's tempo within 4 %, half and double counted. [95 % interval over"
            f" {'dancers' if test == 'street' else 'pieces'}]; weights are learned on other dances."
        )
        tables.append(
            table(title, ["order by", *_METRICS.values()], rows, caption=caption, note=_NOTES[test])
        )
    return tables
