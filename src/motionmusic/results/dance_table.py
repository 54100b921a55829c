"""How near motion made for music is to the dance: tables and picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from motionmusic.results.figures import Panel, forest
from motionmusic.results.matching_table import VOTERS, votes_table
from motionmusic.results.names import DANCERS, NEGATIVES, counted, made_of
from motionmusic.results.table import Column, Table, table
from motionmusic.scoring.generated import ERRORS, GENERATOR, ITSELF
from motionmusic.scoring.intervals import Interval
from motionmusic.scoring.motion_errors import RATE_HZ, SHORTEST_RHYTHM

Found = Mapping[str, Any]
"""What motionmusic.scoring.generated.evaluate gave."""
_ERRORS = {
    "mpe": "MPE",
    "rde_coded": "RDE (coded)",
    "rde_described": "RDE (described)",
    "sce_coded": "SCE (coded)",
    "sce_described": "SCE (described)",
}
_OTHERS = {
    "sdp": Column("SDP, %"),
    "mint": Column("beat alignment, mint", digits=3),
    "mint_chance": Column("mint, by chance", digits=3),
    "bailando": Column("beat alignment, Bailando", digits=3),
    "bailando_chance": Column("Bailando, by chance", digits=3),
    "diversity": Column("diversity", digits=3),
}
_SERIES = {
    "made or found by a network": ("#1f5fa8", "o"),
    "made by no network; the judge": ("0.5", "o"),
}


def dance_tables(found: Found, votes: Found, facts: Mapping[str, Any]) -> list[Table]:
    """Errors, differences to the generator, what the motions are like, who tells true pairs.

    Args:
        found: of all systems.
        votes: of the synchrony network and the judge (:func:`scoring.agreement.agreement`).
        facts: task, protocol, pieces, excerpts and stand_ins.
    """
    seen = (
        f"{counted(found['clips'], 'test excerpt')} of {counted(found['pieces'], 'piece')},"
        f" {found['frames'] / RATE_HZ:.1f} s each; protocol {facts['protocol']},"
        f" {counted(found['folds'], 'fold')}; {counted(found['seeds'], 'seed')};"
        " [95 % interval over pieces]."
    )
    errors = [Column(text, digits=3) for text in _ERRORS.values()]
    changes = [Column(text, "signed", 3) for text in _ERRORS.values()]
    return [
        table(
            f"Motion from music on {facts['task']}: how far from the dance",
            ["", *errors],
            [
                [DANCERS[row], *(of[name] for name in ERRORS)]
                for row, of in found["rows"].items()
                if row != ITSELF
            ],
            caption=" ".join(filter(None, (seen, _verdict(found), made_of(facts)))),
            note=f"0 is the dance itself. Measures: docs/dance.md.{_left_out(found)}",
        ),
        table(
            "The generator − the other, paired over pieces",
            ["generator minus", *changes],
            [[DANCERS[row], *of.values()] for row, of in found["differences"].items()],
            caption="Below 0 the generator is nearer to the dance. A static pose can score better than"
            " a real dance, so only a generator that beats both has used the music.",
        ),
        table(
            "What the motions are like",
            ["", *_OTHERS.values()],
            [[DANCERS[row], *(of[name] for name in _OTHERS)] for row, of in found["rows"].items()],
            caption="SDP: spread of the poses over time in percent of the dance's. By chance: with the"
            " same music turned to other moments.",
        ),
        votes_table(votes),
    ]


def dance_figure(found: Found, votes: Found, title: str) -> Figure:
    """The five errors of every system and who tells true pairs, all with intervals."""
    ours, others = _SERIES
    panels = []
    for name, text in _ERRORS.items():
        rows = {
            DANCERS[row]: {ours if row == GENERATOR else others: of[name]}
            for row, of in found["rows"].items()
            if row != ITSELF
        }
        panels.append(Panel(text, rows, limits=(0, None)))
    pairs: dict[str, dict[str, Interval]] = {
        f"{'judge: ' * (voter == 'judge')}{NEGATIVES[name]}": {
            others if voter == "judge" else ours: number
        }
        for voter in VOTERS
        if voter in votes
        for name, number in votes[voter].items()
    }
    panels.append(Panel("true pair preferred", pairs, percent=True, chance=0.5, limits=(0, 103)))
    return forest(
        panels, _SERIES, title, "95 % intervals over pieces; errors: 0 is the dance itself"
    )


def _verdict(found: Found) -> str:
    """What the generator beats in every error, and whether a mean pose is among it."""
    beaten, lost = [], []
    for row, of in found["differences"].items():
        known = [number for number in of.values() if not number.holds_zero]
        if known and all(number.value < 0 for number in of.values()) and len(known) == len(of):
            beaten.append(DANCERS[row])
        if any(number.low > 0 for number in of.values()):
            lost.append(DANCERS[row])
    texts = [
        f"beats {', '.join(beaten)} in all errors"
        if beaten
        else "beats none of the others in all errors"
    ]
    if lost:
        texts.append(f"loses in at least one to {', '.join(lost)}")
    return f"The generator {' and '.join(texts)}."


def _left_out(found: Found) -> str:
    texts = [
        f" {DANCERS[row].capitalize()}: {count} excerpts, the others have none."
        for row, count in found["counted"].items()
        if count < found["clips"]
    ]
    if found["frames"] < SHORTEST_RHYTHM:
        texts.append(f" RDE needs {SHORTEST_RHYTHM} frames: –.")
    return "".join(texts)
