"""Music matched to dances, and motion made for music: their tables and pictures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from motionmusic.lettering import Figure
from motionmusic.results.figures import Panel, forest
from motionmusic.results.names import DANCERS, MATCHERS, NEGATIVES, counted, made_of
from motionmusic.results.table import Cell, Column, Table, table
from motionmusic.scoring.agreement import FINDERS, OFFSET_CHANCE, TOLERANCE_S
from motionmusic.scoring.generated import GENERATOR, ITSELF
from motionmusic.scoring.intervals import Interval
from motionmusic.scoring.matches import COMPARED, REFERENCES, SAME_TEMPO
from motionmusic.scoring.motion_errors import RATE_HZ, SHORTEST_RHYTHM

Found = Mapping[str, Any]
_COLUMNS = {
    "hit_1": Column("category hit@1", "percent"),
    "hit_3": Column("category hit@3", "percent"),
    "recall_10": Column("own track R@10", "percent"),
    "median_rank": Column("own track, median rank"),
    "same_tempo": Column("own track first of one tempo", "percent"),
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
_ERRORS = {
    "mpe": "poses (MPE)",
    "rde_coded": "rhythm (RDE, as coded)",
    "rde_described": "rhythm (RDE, as described)",
    "sce_coded": "strength (SCE, as coded)",
    "sce_described": "strength (SCE, as described)",
}
_DRAWN = {
    "mpe": "error of the poses\n(MPE)",
    "rde_described": "error of the rhythm\n(RDE, as described)",
    "sce_described": "error of the strength\n(SCE, as described)",
}
_OTHERS = {
    "sdp": Column("SDP, %"),
    "mint": Column("beat alignment, mint", digits=3),
    "mint_chance": Column("mint, by chance", digits=3),
    "bailando": Column("beat alignment, Bailando", digits=3),
    "bailando_chance": Column("Bailando, by chance", digits=3),
    "diversity": Column("diversity", digits=3),
}
_FINDERS = {"network": "synchrony network", "mint": "beats, mint", "bailando": "beats, Bailando"}
_VOTERS = {"network": "synchrony network", "judge": "judge, on what it learnt"}
_NAMES = MATCHERS | DANCERS
_SHOWN = {
    "hit_1": "the first track is of\nthe dance's type",
    "recall_10": "its own track is among\nthe first ten",
    "among_10": "its own seconds of music are\namong the first ten",
    "alignment_bailando": "beats of dance and first\ntrack agree (Bailando, 0 to 1)",
}
_METHODS = {"a method": ("#1f5fa8", "o"), "no method, to compare with": ("0.5", "s")}
_SYSTEMS = {
    "made or found by a network": ("#1f5fa8", "o"),
    "made by no network; the judge": ("0.5", "s"),
}


def matching_tables(found: Found, facts: Mapping[str, Any]) -> list[Table]:
    """The methods, the differences to the paper's, the other measures.

    Args:
        found: scoring.matches.evaluate.
        facts: of the task.
    """
    seen = (
        f"{counted(found['queries'], 'test excerpt')} of {counted(found['pieces'], 'piece')};"
        f" protocol {facts['protocol']}, {counted(found['folds'], 'fold')};"
        f" {counted(found['tracks'], 'track')}"
        f"{'' if found['own_track'] else ', the own one is no hit'};"
        f" {counted(found['seeds'], 'seed')}; [95 % interval over pieces]."
    )
    title, rows = f"Music for a dance on {facts['task']}", found["rows"]
    note = (
        "The paper's method sees joints and bones, the others joints. It and the last row are told"
        " every track's category, the row before them the tempo of the dance's own music; the others"
        " hear the music. Own track first of one tempo: among the tracks whose tempo is within"
        f" {100 * SAME_TEMPO:g} % of it. Own excerpt: the music of the same seconds among"
        f" {found['negatives'] + 1} excerpts. The dances' own music has a beat alignment of"
        f" {found['own'].text(digits=3)}. Measures: docs/matching.md."
    )
    compared = {name: Column(_COLUMNS[name].head, "points") for name in COMPARED}
    weighted = "Weighted: rare tracks count as much as frequent ones."
    return [
        _measured(title, _COLUMNS, rows, _joined([seen, _hits(found), made_of(facts)]), note),
        _measured(
            "The method − the paper's, paired over pieces",
            compared,
            found["differences"],
            "In points, [95 % interval].",
        ),
        _measured(f"{title}: other measures", _MORE, rows, seen, weighted),
    ]


def synchrony_tables(
    votes: Found, offsets: Found, whole: Found, facts: Mapping[str, Any]
) -> list[Table]:
    """What the network tells apart, the offsets that it finds, whose music it finds for whole dances.

    Args:
        votes: scoring.agreement.agreement.
        offsets: scoring.agreement.recovered: planted ones that were found.
        whole: scoring.matches.evaluate of whole dances.
        facts: of the task.
    """
    seen = (
        f"protocol {facts['protocol']}, {counted(whole['folds'], 'fold')};"
        f" {counted(whole['seeds'], 'seed')}; [95 % interval over pieces]."
    )
    planted = table(
        f"Planted offsets found within {TOLERANCE_S} s, in percent",
        ["", *(Column(_FINDERS[way], "percent") for way in FINDERS), "chance"],
        [
            ["exactly", *(offsets[way] for way in FINDERS), f"{100 * OFFSET_CHANCE:.1f}"],
            ["up to whole beats", *(offsets[f"{way}_up_to_beats"] for way in FINDERS),
             f"{100 * offsets['chance_up_to_beats']:.1f}"],
        ],
        caption=f"{offsets['planted']} in {counted(offsets['pieces'], 'dance')}; chance: an offset"
        " within ±2 s, drawn at random.",
        sortable=False,
    )  # fmt: skip
    columns = {name: _COLUMNS[name] for name in ("recall_10", "median_rank", "same_tempo")}
    return [
        votes_table(votes),
        planted,
        _measured(
            "Whole dances: their own music among all",
            {"recall_1": _MORE["recall_1"], **columns},
            whole["rows"],
            f"{counted(whole['queries'], 'dance')}, {counted(whole['tracks'], 'track')}; {seen}",
            "Every music is heard from where its dance starts, up to a second earlier or later,"
            " wherever it fits best. True tempo and true category are told those of the dance's own"
            f" music. Of one tempo: within {100 * SAME_TEMPO:g} %.",
        ),
    ]


def matching_figure(found: Found, title: str) -> Figure:
    """Category hits and the own track's recall of every method, with intervals and chance."""
    methods, references = _METHODS
    rows, panels = dict(found["rows"]), []
    chances = rows.pop("chance")
    for name, title_ in _SHOWN.items():
        percent = _COLUMNS[name].unit == "percent"
        values = {
            MATCHERS[row]: {references if row in REFERENCES else methods: of[name]}
            for row, of in rows.items()
        }
        limits = (0, 103 if percent else None)
        panels.append(Panel(title_, values, percent, chances[name].value, limits))
    return forest(panels, _METHODS, title, "95 % intervals over pieces; dashed: chance")


def dance_tables(found: Found, votes: Found, facts: Mapping[str, Any]) -> list[Table]:
    """Errors, differences to the generator, what the motions are like, who tells true pairs.

    Args:
        found: scoring.generated.evaluate.
        votes: scoring.agreement.agreement, of the synchrony network and the judge.
        facts: of the task.
    """
    seen = (
        f"{counted(found['clips'], 'test excerpt')} of {counted(found['pieces'], 'piece')},"
        f" {found['frames'] / RATE_HZ:.1f} s each; protocol {facts['protocol']},"
        f" {counted(found['folds'], 'fold')}; {counted(found['seeds'], 'seed')};"
        " [95 % interval over pieces]."
    )
    left_out = [
        f"{DANCERS[row].capitalize()}: {count} excerpts, the others have none."
        for row, count in found["counted"].items()
        if count < found["clips"]
    ]
    if found["frames"] < SHORTEST_RHYTHM:
        left_out.append(f"RDE needs {SHORTEST_RHYTHM} frames: –.")
    errors, changes = (
        {name: Column(text, unit, 3) for name, text in _ERRORS.items()} for unit in ("", "signed")
    )
    rows = found["rows"]
    return [
        _measured(
            f"Motion from music on {facts['task']}: how far from the dance",
            errors,
            {row: of for row, of in rows.items() if row != ITSELF},
            _joined([seen, _beats(found), made_of(facts)]),
            _joined(["0 is the dance itself. Measures: docs/dance.md.", *left_out]),
        ),
        _measured(
            "The generator − the other, paired over pieces",
            changes,
            found["differences"],
            "Below 0 the generator is nearer to the dance. A static pose can score better than a real"
            " dance, so only a generator that beats both has used the music.",
            head="generator minus",
        ),
        _measured(
            "What the motions are like",
            _OTHERS,
            rows,
            "SDP: spread of the poses over time in percent of the dance's. By chance: with the same"
            " music turned to other moments.",
        ),
        votes_table(votes),
    ]


def dance_figure(found: Found, votes: Found, title: str) -> Figure:
    """Three errors of every system and who tells true pairs, all with intervals."""
    ours, others = _SYSTEMS
    panels = []
    for name, text in _DRAWN.items():
        rows = {
            DANCERS[row]: {ours if row == GENERATOR else others: of[name]}
            for row, of in found["rows"].items()
            if row != ITSELF
        }
        panels.append(Panel(text, rows, limits=(0, None)))
    pairs: dict[str, dict[str, Interval]] = {}
    for voter, series, prefix in (("network", ours, ""), ("judge", others, "judge: ")):
        for name, number in votes.get(voter, {}).items():
            pairs[f"{prefix}{NEGATIVES[name]}"] = {series: number}
    panels.append(
        Panel("the true pair of music and\nmotion is preferred", pairs, True, 0.5, (0, 103))
    )
    return forest(
        panels, _SYSTEMS, title, "95 % intervals over pieces; errors: 0 is the dance itself"
    )


def votes_table(votes: Found) -> Table:
    """How often the true pair gets the higher vote."""
    voters = [voter for voter in _VOTERS if voter in votes]
    judged = " The judge was trained on these very pieces." if "judge" in voters else ""
    return table(
        "Do music and motion belong together?",
        ["the other pair is", *(Column(_VOTERS[voter], "percent") for voter in voters), "chance"],
        [[text, *(votes[voter][name] for voter in voters), "50.0"]
         for name, text in NEGATIVES.items()],
        caption="How often, in percent, the true pair gets the higher vote of the two;"
        f" {counted(votes['clips'], 'excerpt')} of {counted(votes['pieces'], 'piece')}.{judged}",
    )  # fmt: skip


def _measured(
    title: str,
    columns: Mapping[str, Column],
    rows: Mapping[str, Mapping[str, Interval]],
    caption: str,
    note: str = "",
    head: str = "",
) -> Table:
    """One row a method or system, one column a measure."""
    cells: list[list[Cell]] = [
        [_NAMES[row], *(of[name] for name in columns)] for row, of in rows.items()
    ]
    return table(title, [head, *columns.values()], cells, caption=caption, note=note)


def _joined(texts: Iterable[str]) -> str:
    return " ".join(filter(None, texts))


def _hits(found: Found) -> str:
    """Which methods hit the category as often as the paper's."""
    of = {row: numbers["hit_1"] for row, numbers in found["differences"].items()}
    ahead = [MATCHERS[row] for row, number in of.items() if number.low > 0]
    open_ = [MATCHERS[row] for row, number in of.items() if number.holds_zero]
    if not ahead and not open_:
        return "At hit@1 the paper's method is ahead of all others."
    texts = [f"ahead of the paper's method: {', '.join(ahead)}"] if ahead else []
    it = "it" if ahead else "the paper's method"
    texts += [f"not distinguishable from {it}: {', '.join(open_)}"] if open_ else []
    return f"At hit@1, {'; '.join(texts)}."


def _beats(found: Found) -> str:
    """What the generator beats in every error, and what beats it in some."""
    of = {DANCERS[row]: numbers.values() for row, numbers in found["differences"].items()}
    beaten = [
        name
        for name, errors in of.items()
        if all(error.value < 0 and not error.holds_zero for error in errors)
    ]
    lost = [name for name, errors in of.items() if any(error.low > 0 for error in errors)]
    text = f"The generator beats {', '.join(beaten) or 'none of the others'} in all errors"
    return f"{text} and loses in at least one to {', '.join(lost)}." if lost else f"{text}."
