"""Tables of what motion tells of its music: the tempo, the beat in two corpora, the dance's own track."""

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


_TESTED_NEW = _TESTED | {"aist_retargeted": "AIST++ retargeted, new dancers and choreographies"}
_TRAINED = {"itself": "itself", "other": "the other corpus", "both": "both"}


def two_corpora_table(found: Mapping[str, Any]) -> Table:
    """One row a tested corpus and what was learned from."""
    rows: list[list[Cell]] = []
    for tested, of in found.items():
        for trained, its in of.items():
            rows.append(
                [
                    _TESTED_NEW[tested],
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


_ROWS = {
    "chance": "chance", "known": "told the dance type", "genre": "genre", "tempo": "tempo",
    "timing": "timing", "both": "genre and tempo", "all": "all of them",
    "ballroom": "timing, learned from on_beat",
}  # fmt: skip
_TITLES = {
    "by_piece": "The dance's own track, on_beat, new pieces",
    "by_figure": "The dance's own track, on_beat, new figures",
    "street": "The dance's own track, AIST++ retargeted, new dancers",
}
_NOTES = {
    "by_piece": "Tempo and timing by the models that come with the program, which know street dances"
    " alone; the last row by one of other pieces. Timing counts nothing where no beat is seen. A piece"
    " has exactly its song's tempo by construction (docs/on_beat.md), so it finds that to a part of a"
    " percent. The genre counts nothing.",
    "by_figure": "By models of other figures; frames that see another figure, or none, are left out,"
    " so timing counts whether or not a beat is seen.",
    "street": "Genre and timing by models of other dancers and choreographies, tempo by those of the"
    f" other half of the dancers. A genre has six tempi, one a track. {RETARGETED}",
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
