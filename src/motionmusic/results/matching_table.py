"""How well each method matches music to the dances of the test split: tables and picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from motionmusic.results.figures import Panel, forest
from motionmusic.results.names import MATCHERS, NEGATIVES, counted, made_of
from motionmusic.results.table import Column, Table, table
from motionmusic.scoring.agreement import FINDERS, OFFSET_CHANCE, TOLERANCE_S
from motionmusic.scoring.matches import COMPARED, REFERENCES

Found = Mapping[str, Any]
"""What motionmusic.scoring.matches.evaluate gave."""
_COLUMNS = {
    "hit_1": Column("category hit@1", "percent"),
    "hit_3": Column("category hit@3", "percent"),
    "recall_10": Column("own track R@10", "percent"),
    "median_rank": Column("own track, median rank"),
    "among_10": Column("own excerpt R@10", "percent"),
    "tempo": Column("tempo off, bpm"),
    "alignment_bailando": Column("beat alignment, Bailando", digits=3),
}
_MORE = {
    "recall_1": Column("own track R@1", "percent"),
    "recall_5": Column("own track R@5", "percent"),
    "recall_10_by_popularity": Column("own track R@10, weighted", "percent"),
    "among_1": Column("own excerpt R@1", "percent"),
    "among_25": Column("own excerpt R@25", "percent"),
    "among_25_by_popularity": Column("own excerpt R@25, weighted", "percent"),
    "alignment_mint": Column("beat alignment, mint", digits=3),
}
_FINDERS = {"network": "synchrony network", "mint": "beats, mint", "bailando": "beats, Bailando"}
VOTERS = {"network": "synchrony network", "judge": "judge, on what it learnt"}
_PANELS = ("hit_1", "recall_10", "among_10", "alignment_bailando")
_SERIES = {"a method": ("#1f5fa8", "o"), "a reference, no method": ("0.55", "o")}


def matching_tables(
    found: Found, votes: Found, offsets: Found, facts: Mapping[str, Any]
) -> list[Table]:
    """The methods, the differences to the paper's, the other measures, what synchrony tells apart.

    Args:
        found: of all methods.
        votes: of the synchrony network (:func:`scoring.agreement.agreement`).
        offsets: planted ones that were found (:func:`scoring.agreement.recovered`).
        facts: task, protocol, folds, pieces, excerpts and stand_ins.
    """
    seen = (
        f"{counted(found['queries'], 'test excerpt')} of {counted(found['pieces'], 'piece')};"
        f" protocol {facts['protocol']}, {counted(found['folds'], 'fold')};"
        f" {counted(found['tracks'], 'track')}"
        f"{'' if found['own_track'] else ', the own one left out of hits'};"
        f" {counted(found['seeds'], 'seed')}; [95 % interval over pieces]."
    )
    rows = found["rows"]
    tables = [
        table(
            f"Music for a dance on {facts['task']}{more}",
            ["", *columns.values()],
            [[MATCHERS[row], *(of[name] for name in columns)] for row, of in rows.items()],
            caption=caption,
            note=note,
        )
        for more, columns, caption, note in (
            (
                "",
                _COLUMNS,
                f"{seen} {_verdict(found)} {made_of(facts)}".strip(),
                "The paper's method and the last row are told every track's category; the others hear"
                " the music. Own excerpt: the music of the same seconds among"
                f" {found['negatives'] + 1} excerpts. The dances' own music has a beat alignment of"
                f" {found['own'].text(digits=3)}. Measures: docs/matching.md.",
            ),
            (
                ": other measures",
                _MORE,
                seen,
                "Weighted: rare tracks count as much as frequent ones.",
            ),
        )
    ]
    differences = table(
        "The method − the paper's, paired over pieces",
        ["", *(Column(_COLUMNS[name].head, "points") for name in COMPARED)],
        [
            [MATCHERS[row], *(of[name] for name in COMPARED)]
            for row, of in found["differences"].items()
        ],
        caption="In points, [95 % interval].",
    )
    planted = table(
        f"Planted offsets found within {TOLERANCE_S} s, in percent",
        [*(Column(_FINDERS[way], "percent") for way in FINDERS), "chance"],
        [[*(offsets[way] for way in FINDERS), f"{100 * OFFSET_CHANCE:.1f}"]],
        caption=f"{offsets['planted']} in {counted(offsets['pieces'], 'dance')}; chance: an offset"
        " within ±2 s, drawn at random.",
        labels=0,
        sortable=False,
    )
    return [tables[0], differences, tables[1], votes_table(votes), planted]


def matching_figure(found: Found, title: str) -> Figure:
    """Category hits and the own track's recall of every method, with intervals and chance."""
    methods, references = _SERIES
    panels = []
    for name in _PANELS:
        column = _COLUMNS[name]
        share = column.unit == "percent"
        rows = {
            MATCHERS[row]: {references if row in REFERENCES else methods: of[name]}
            for row, of in found["rows"].items()
            if row != "chance"
        }
        chance = found["rows"]["chance"][name].value
        limits = (0, 103 if share else None)
        panels.append(Panel(column.head, rows, percent=share, chance=chance, limits=limits))
    return forest(panels, _SERIES, title, "95 % intervals over pieces; dashed: chance")


def _verdict(found: Found) -> str:
    """Which methods hit the category as often as the paper's."""
    of = {row: numbers["hit_1"] for row, numbers in found["differences"].items()}
    ahead = [MATCHERS[row] for row, number in of.items() if number.low > 0]
    open_ = [MATCHERS[row] for row, number in of.items() if number.holds_zero]
    if not ahead and not open_:
        return "At hit@1 the paper's method is ahead of all others."
    texts = [f"ahead of the paper's method: {', '.join(ahead)}"] if ahead else []
    texts += [f"not distinguishable from it: {', '.join(open_)}"] if open_ else []
    return f"At hit@1, {'; '.join(texts)}."


def votes_table(votes: Found) -> Table:
    """How often the true pair gets the higher vote (:func:`scoring.agreement.agreement`)."""
    voters = [voter for voter in VOTERS if voter in votes]
    judged = " The judge was trained on these very pieces." if "judge" in voters else ""
    return table(
        "Do music and motion belong together?",
        ["the other pair is", *(Column(VOTERS[voter], "percent") for voter in voters), "chance"],
        [[text, *(votes[voter][name] for voter in voters), "50.0"]
         for name, text in NEGATIVES.items()],
        caption="How often, in percent, the true pair gets the higher vote of the two;"
        f" {counted(votes['clips'], 'excerpt')} of {counted(votes['pieces'], 'piece')}.{judged}",
    )  # fmt: skip
