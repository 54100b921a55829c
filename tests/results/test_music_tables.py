"""Matching, motion from music, ratings: tables that say what was counted, and their pictures."""

from __future__ import annotations

import importlib
import itertools
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from closure import ROOT

from motionmusic.errors import UserError
from motionmusic.results.figures import png
from motionmusic.results.music_tables import (
    dance_figure,
    dance_tables,
    matching_figure,
    matching_tables,
    synchrony_tables,
)
from motionmusic.results.names import DANCERS, MATCHERS
from motionmusic.results.ratings_table import PAPER_TABLES
from motionmusic.results.table import read_tables
from motionmusic.scoring.agreement import FINDERS, NEGATIVES
from motionmusic.scoring.generated import ERRORS, MEASURES, REFERENCES
from motionmusic.scoring.intervals import Interval
from motionmusic.scoring.matches import COMPARED, METRICS
from motionmusic.scoring.matches import REFERENCES as MATCH_REFERENCES
from motionmusic.scoring.paper import printed_ratings
from motionmusic.scoring.rating_files import QUESTIONS

FACTS: dict[str, Any] = {
    "task": "demo", "protocol": "by_piece", "pieces": 51, "excerpts": 30,
    "stand_ins": {"motion": 0, "sound": 4},
}  # fmt: skip
LEVEL = Interval(0.5, 0.4, 0.6)


def matched(hit: Interval = LEVEL) -> dict[str, Any]:
    count = itertools.count(1)
    methods = [row for row in MATCHERS if row not in (*MATCH_REFERENCES, "category")]
    return {
        "queries": 7, "pieces": 4, "tracks": 4, "folds": 2, "negatives": 3, "own_track": False,
        "seeds": 1, "own": Interval(0.158, 0.142, 0.176),
        "rows": {row: {name: Interval(next(count) / 1000) for name in METRICS} for row in MATCHERS},
        # what is said of hit@1 is of nothing else: at the others it is the other way round
        "differences": {
            row: dict.fromkeys(COMPARED, Interval(-hit.value, -hit.high, -hit.low)) | {"hit_1": hit}
            for row in methods
        },
    }  # fmt: skip


VOTES: dict[str, Any] = {"clips": 7, "pieces": 5} | {
    voter: {name: Interval(low + n / 100, 0.1, 0.95) for n, name in enumerate(NEGATIVES)}
    for low, voter in ((0.5, "network"), (0.7, "judge"))
}
OFFSETS: dict[str, Any] = {
    "planted": 17, "pieces": 17, "chance_up_to_beats": 0.4,
} | {f"{finder}{how}": Interval(n / 10 + more, 0, 1) for n, finder in enumerate(FINDERS)
     for more, how in ((0, ""), (0.05, "_up_to_beats"))}  # fmt: skip


def test_votes_stand_under_who_gave_them() -> None:
    votes = dance_tables(danced(), VOTES, FACTS)[-1]
    for row, name in zip(votes.rows, NEGATIVES, strict=True):
        assert row.cells[1:3] == (VOTES["network"][name], VOTES["judge"][name])
    assert [column.head for column in votes.columns[1:3]] == [
        "synchrony network", "judge, on what it learnt",
    ]  # fmt: skip


def test_the_methods_have_every_measure_once() -> None:
    found = matched()
    first, differences, more = matching_tables(found, FACTS)
    assert [row.cells[0] for row in first.rows] == list(MATCHERS.values())
    shown = [of for one in (first, more) for of in one.rows[1].cells[1:]]
    assert sorted(of.value for of in shown if isinstance(of, Interval)) == sorted(
        of.value for of in found["rows"]["tempo"].values()
    )
    assert "7 test excerpts of 4 pieces; protocol by_piece, 2 folds; 4 tracks" in first.caption
    assert "4 of 51 pieces have re-encoded sound" in first.caption
    assert "not distinguishable from" not in first.caption
    assert "among 4 excerpts" in first.note
    assert "0.158 [0.142, 0.176]" in first.note
    assert len(differences.rows) == 8


def test_what_synchrony_finds() -> None:
    alone = {name: of for name, of in VOTES.items() if name != "judge"}
    of_whole = matched() | {"rows": {"whole": matched()["rows"]["whole"]}}
    tables = synchrony_tables(alone, OFFSETS, of_whole, FACTS)
    votes, planted, whole = tables
    assert [column.head for column in votes.columns[1:]] == ["synchrony network", "chance"]
    assert [row.cells[-1] for row in planted.rows] == ["5.0", "40.0"]
    for row, how in zip(planted.rows, ("", "_up_to_beats"), strict=True):
        assert row.cells[1:4] == tuple(OFFSETS[f"{finder}{how}"] for finder in FINDERS)
    (row,), of = whole.rows, of_whole["rows"]["whole"]
    assert row.cells[0] == "synchrony over the whole dance"
    assert row.cells[1:] == tuple(
        of[n] for n in ("recall_1", "recall_10", "median_rank", "same_tempo")
    )
    assert "7 dances, 4 tracks; protocol by_piece, 2 folds" in whole.caption
    assert "nan" not in "".join(one.markdown() for one in tables)


@pytest.mark.parametrize(
    ("hit", "said"),
    [
        (Interval(-0.1, -0.2, -0.05), "At hit@1 the paper's method is ahead of all others."),
        (Interval(-0.1, -0.2, 0.05), "At hit@1, not distinguishable from the paper's method: "),
        (Interval(0.1, 0.05, 0.2), "At hit@1, ahead of the paper's method: "),
    ],
)
def test_what_follows_for_the_papers_method(hit: Interval, said: str) -> None:
    assert said in matching_tables(matched(hit), FACTS)[0].caption


def danced(difference: Interval = LEVEL, frames: int = 270) -> dict[str, Any]:
    count = itertools.count(1)
    rows = {row: {name: Interval(next(count)) for name in MEASURES} for row in DANCERS}
    return {
        "clips": 7, "pieces": 5, "folds": 2, "frames": frames, "seeds": 1, "rows": rows,
        "counted": dict.fromkeys(DANCERS, 7) | {"moment": 3},
        "differences": {row: dict.fromkeys(ERRORS, difference) for row in REFERENCES},
    }  # fmt: skip


def test_systems_have_their_numbers_and_what_is_left_out_is_told() -> None:
    found = danced(frames=212)
    errors, differences, others, votes = dance_tables(found, VOTES, FACTS)
    assert [row.cells[0] for row in errors.rows] == [n for n in DANCERS.values()][:-1]
    for one in (errors, others):
        for row, key in zip(one.rows, DANCERS, strict=False):
            assert set(row.cells[1:]) <= set(found["rows"][key].values())
    by_head = dict(zip((c.head for c in errors.columns), errors.rows[0].cells, strict=True))
    for name, head in (("rde", "rhythm (RDE"), ("sce", "strength (SCE")):
        for how in ("coded", "described"):
            of = next(iter(found["rows"].values()))
            assert by_head[f"{head}, as {how})"] == of[f"{name}_{how}"]
    assert [row.cells[0] for row in differences.rows] == [DANCERS[row] for row in REFERENCES]
    assert "7 test excerpts of 5 pieces, 7.1 s each" in errors.caption
    assert "beats none of the others in all errors and loses in at least one to" in errors.caption
    assert "Real motion, another moment: 3 excerpts" in errors.note
    assert "RDE needs 256 frames: –." in errors.note
    assert "judge" in votes.caption
    mixed = danced(Interval(-1, -2, -0.5))
    for of in mixed["differences"].values():
        of["mpe"] = LEVEL
    assert "beats none of the others in all errors" in dance_tables(mixed, VOTES, FACTS)[0].caption
    better = dance_tables(danced(Interval(-1, -2, -0.5)), VOTES, FACTS)[0].caption
    assert (
        f"The generator beats {', '.join(DANCERS[row] for row in REFERENCES)} in all errors."
        in better
    )


@pytest.mark.parametrize(
    "number", [LEVEL, Interval(math.nextafter(0.3, 0), 0.3, 0.3), Interval(0.3), Interval(math.nan)]
)
def test_pictures_are_drawn_where_an_interval_has_no_width_or_is_not_there(
    number: Interval,
) -> None:
    found, made = matched(), danced()
    for row in [*found["rows"].values(), *made["rows"].values()]:
        row.update(dict.fromkeys(row, number))
    figure = matching_figure(found, "Music for a dance")
    assert len(figure.axes) == 4
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == list(MATCHERS.values())[1:]
    assert png(figure) == png(matching_figure(found, "Music for a dance"))
    figure = dance_figure(made, VOTES, "Motion from music")
    assert len(figure.axes) == 4
    assert len(figure.axes[3].get_yticklabels()) == 2 * len(NEGATIVES)
    assert png(figure).startswith(b"\x89PNG")


def shown(axis: Any) -> list[Any]:
    """Value and colour of every row of a panel, from above, and of its chance."""
    points = [line for line in axis.lines if line.get_marker() in ("o", "s")]
    points.sort(key=lambda line: float(line.get_ydata()[0]))
    return [(float(line.get_xdata()[0]), line.get_color()) for line in points]


def test_pictures_have_each_panels_own_numbers() -> None:
    found, made = matched(), danced()
    axes: list[Any] = matching_figure(found, "").axes
    for axis, name in zip(
        axes, ("hit_1", "recall_10", "among_10", "alignment_bailando"), strict=True
    ):
        factor = 1 if name == "alignment_bailando" else 100
        expected = [
            (pytest.approx(factor * of[name].value), "0.5" if row in MATCH_REFERENCES else "#1f5fa8")
            for row, of in found["rows"].items() if row != "chance"
        ]  # fmt: skip
        assert shown(axis) == expected
        dashed = [line.get_xdata() for line in axis.lines if line.get_linestyle() == "--"]
        chance = factor * found["rows"]["chance"][name].value
        np.testing.assert_allclose(dashed, [[chance, chance]] * len(expected))
    *errors, votes = dance_figure(made, VOTES, "").axes
    for axis, name in zip(errors, ("mpe", "rde_described", "sce_described"), strict=True):
        assert shown(axis) == [
            (of[name].value, "#1f5fa8" if row == "generator" else "0.5")
            for row, of in made["rows"].items() if row != "itself"
        ]  # fmt: skip
    assert shown(votes) == [
        (pytest.approx(100 * of.value), colour)
        for voter, colour in (("network", "#1f5fa8"), ("judge", "0.5"))
        for of in VOTES[voter].values()
    ]


# Ratings


def test_the_printed_cells_stand_beside_ours(tmp_path: Path, monkeypatch: Any) -> None:
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    stage = importlib.import_module("ratings")
    stage.main([])
    names = {f"{table}.{kind}" for table in PAPER_TABLES for kind in ("csv", "json", "md")}
    assert {path.name for path in Path("metrics/ratings").iterdir()} == names
    with pytest.raises(UserError, match="command line"):
        stage.main(["table7"])
    for name, dataset in PAPER_TABLES.items():
        its = printed_ratings(dataset).to_dict("records")
        first, second = read_tables(Path(f"metrics/ratings/{name}.json"))
        ((_, _, subjects, units, *_),) = (row.cells for row in second.rows)
        assert (subjects, units) == ("9", "4" if name == "table7" else "10")
        for row, values in zip(first.rows, its, strict=True):
            assert row.cells[1:3] == (values["category"], values["group"].replace("_", " "))
            texts = ["–" if values[q] is None else f"{values[q]:.2f}" for q in QUESTIONS]
            assert list(row.beside["paper"][3:6]) == texts
            for cell, q in zip(row.cells[3:6], QUESTIONS, strict=True):
                if values[q] is not None:  # all but two follow from the rows, those nearly
                    assert cell.value == pytest.approx(float(values[q]), abs=0.02)  # type: ignore[union-attr]
        # who prefers the recommended music far more or less often than the others of the major
        assert first.rows[2].cells[6] == ("9: 0.67" if name == "table7" else "")
    assert "117 of the 119 printed cells follow exactly." in first.caption
    assert (
        "BR, average, Q1: printed 0.75, from the rows 0.76 (follows from the printed majors)."
        in (first.note)
    )
    assert (
        "By the rule at 0.4, 115 cells are exact. It also leaves out: WA, subject 3." in first.note
    )
