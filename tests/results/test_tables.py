"""Tables 1 to 6, overview and leaderboard: every cell where it belongs, and what is said of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from motionmusic.params import Epochs, Train
from motionmusic.predictions import make_predictions
from motionmusic.results import tables
from motionmusic.results.figures import png
from motionmusic.results.leaderboard import leaderboard
from motionmusic.results.overview import overview_figure, overview_tables
from motionmusic.results.table import Table
from motionmusic.scoring.baselines import BASELINES
from motionmusic.scoring.evaluation import EXPERIMENTS, INPUTS, ROWS, complete_cells, evaluate
from motionmusic.scoring.intervals import Interval
from motionmusic.scoring.paper import printed

TRAIN = Train(
    width=64, batch=72, learning_rate=0.0005, schedule="constant", precision="fp32", recipe="paper",
    epochs=1500, select="last_hundred",
)  # fmt: skip
CELLS = [f"{row}/{kind}" for row in ROWS for kind in EXPERIMENTS]
CELLS += [f"{row}/joints" for row in BASELINES]


def found(source: str = "musictodance", seeds: int = 3, **facts: Any) -> dict[str, Any]:
    """Every cell's accuracy is another one, so that a misplaced cell is seen."""
    aist = source == "aist"

    def scores(number: int, level: str) -> dict[str, Any]:
        value = 0.4 + 0.011 * number + (0.2 if level == "excerpt" else 0)
        interval = Interval(value, value - 0.05, value + 0.03, 0.008 if seeds > 1 else float("nan"))
        return interval.json() | {"per_seed": [value] * seeds}

    gains = {"alone": {"value": 0.044, "low": 0.01, "high": 0.08},
             "longer": {"value": 0.031, "low": -0.02, "high": 0.07}}  # fmt: skip
    labels = {f"g{name}": name for name in ("Wa", "Cha", "Rum", "Tan")}
    return {
        "classes": list(labels.values()), "n_segments": 414, "n_excerpts": 46, "n_pieces": 22,
        "n_seeds": seeds, "chance": {"uniform": 0.25, "largest_class": 117 / 414},
        "cells": {
            cell: {level: scores(number, level) for level in ("segment", "excerpt")}
            | {
                "confusion": (np.diag([1, 2, 3, 4]) + number * np.eye(4, k=1, dtype=int)).tolist(),
                "macro_f1": {"value": 0.3 + 0.007 * number},
            }
            for number, cell in enumerate(CELLS)
        },
        "validation": {f"{row}/joints": 0.5 + 0.01 * n for n, row in enumerate(BASELINES)},
        "gain": {
            without: {"fused": {"fc": {"segment": gain, "excerpt": gain | {"high": 0.09}}}}
            for without, gain in gains.items()
        },
        "facts": {
            "task": "m2d.paper", "source": source, "labels": labels, "folds": 1,
            "protocol": "official" if aist else "paper", "excerpt_frames": 229, "excerpts": None,
            "pieces": 51, "stand_ins": {"motion": 0, "sound": 0}, "tested": 414,
            "shapes": {kind: [1224, 6 if kind == "merged" else 3, 25, 23] for kind in INPUTS},
            "segments": {"train": [405, 405], "validation": [0, 3], "test": [414, 414]},
        } | facts,
    }  # fmt: skip


def table(level: str = "segment", **kind: Any) -> Table:
    return tables.accuracy_table(found(**kind), level, TRAIN, 1400)


def flat(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize(
    ("name", "source", "level"),
    [("table3", "musictodance", "segment"), ("table5", "musictodance", "excerpt"),
     ("table4", "aist", "segment"), ("table6", "aist", "excerpt")],
)  # fmt: skip
def test_every_cell_once_and_every_printed_value_below_its_own(
    name: str, source: str, level: str
) -> None:
    one, scores = table(level, source=source), found(source)["cells"]
    assert one.title.startswith(name.replace("table", "Table "))
    assert (f"per test {level}" in one.title, "by vote" in one.title) == (True, level == "excerpt")
    first = 5 if source == "aist" else 1
    assert [c.head for c in one.columns[2:]] == [
        f"exp. {first + n}: {kind}" for n, kind in enumerate(EXPERIMENTS)
    ]
    shown = {}
    keys = {"alone": ("plain", "dropout")} | {row: (row,) for row in ("plain", "dropout", "fc")}
    for row, key in zip(one.rows, [*ROWS, *BASELINES], strict=True):
        for kind, cell in zip(EXPERIMENTS, row.cells[2:], strict=True):
            if cell is None:
                assert f"{key}/{kind}" not in scores
                continue
            assert cell == Interval.read(scores[f"{key}/{kind}"][level])
        for kind, text in zip(EXPERIMENTS, row.beside.get("paper", [""] * 6)[2:], strict=True):
            for its, value in zip(keys.get(key, ()), text.split(" / "), strict=False):
                shown[its, "no" if key == "alone" else "yes", kind] = value
    assert shown == {
        (row["row"], row["cl"], row["input"]): f"{row['percent']:.2f}"
        for row in printed(name).to_dict("records")
    }


def test_the_authors_files_stand_beside_the_printed_values() -> None:
    def beside(one: Table, kind: str) -> dict[str, str]:
        return {str(row.cells[0]): row.beside[kind][3] for row in one.rows if kind in row.beside}

    both = table()
    assert beside(both, "paper")["MCLEMCD, -Dropout ¹"] == "92.27 / 93.48"
    assert beside(both, "files")["MCLEMCD, -Dropout ¹"] == "– / 93.48"
    assert beside(table("excerpt"), "files")["MCLEMCD-FC"] == "100.00"
    # of the split published there are files, but no printed values
    published = table(protocol="published", task="m2d.published")
    assert all("paper" not in row.beside for row in published.rows)
    assert beside(published, "files")["MCLEMCD, -Dropout ¹"] == "71.30 / –"
    for other in (table(protocol="by_piece"), table(source="synthetic")):
        assert not any(row.beside for row in other.rows)
        assert "are left out" in other.note


def test_retargeted_dances_are_named_so_and_never_compared() -> None:
    for level, name in (("segment", "Table 4"), ("excerpt", "Table 6")):
        one = table(level, source="aist_retargeted", protocol="by_dancer", task="aist_retargeted.x")
        assert one.title.startswith(f"{name}, AIST++ retargeted. aist_retargeted.x")
        assert all(f"{row.cells[0]}" != "MCLEMCD-FC" or row.beside["paper"][3] for row in one.rows)
        text = flat(one.markdown())
        for fact in ("Google LLC", "Not comparable", "retargeted by MotionMind", "over dancers",
                     "another split", "up to the autoencoder's 96"):  # fmt: skip
            assert fact in text, fact
    names = tables.paper_names("aist_retargeted")
    assert names == tuple(f"{n}_retargeted" for n in tables.paper_names("aist"))


def test_the_caption_says_what_a_reader_must_know() -> None:
    text = flat(table().markdown())
    for fact in (
        "m2d.paper", "414 test segments, 46 excerpts, 22 pieces", "protocol paper, 1 fold",
        "3 seeds", "chance 25.0 (largest class 28.3)", "width 64",
        "1500 epochs without + 1400 with", "At equal epochs CL adds +3.1 [−2.0, +7.0] points",
        "no effect is shown", "reaches the motion encoder only by",
        "On joints no network beats the best baseline: MCLEMCD-FC with CL",
    ):  # fmt: skip
        assert fact in text, fact
    assert "composed" not in text
    one = flat(table(seeds=1).markdown())
    assert "one seed" in one
    assert "±" not in one


def test_cells_that_have_not_ended_are_named_and_empty() -> None:
    made = found() | {"not_ended": ["plain/joints", "fc/merged"]}
    for name in ("plain/joints", "plain/fused", "fc/merged"):
        del made["cells"][name]
    one = tables.accuracy_table(made, "segment", TRAIN, 1400)
    assert [cell is None for cell in one.rows[2].cells[2:]] == [True, False, True, False]
    said = "Left out, as their training has not ended: MCLEMCD with CL, joints; MCLEMCD-FC with CL, merged."
    assert said in flat(one.markdown())
    assert "has not ended" not in table().markdown()


def test_stand_ins_are_counted_in_every_caption() -> None:
    made = found(stand_ins={"motion": 7, "sound": 3}, excerpts=30)
    said = (
        "7 of 51 pieces have composed motion and 3 of 51 pieces have re-encoded sound"
        " (docs/data.md); 30 excerpts a class are left."
    )
    texts = [
        tables.accuracy_table(made, "segment", TRAIN, 1400).caption,
        tables.settings_tables(made, TRAIN, 1400, [0])[0].caption,
        overview_tables({"m2d.paper": made}, {"m2d.paper": TRAIN}, {"m2d.paper": Epochs(epochs=9)})[
            0
        ].caption,
    ]
    assert all(said in text for text in texts)
    assert "replicate nothing" in tables.accuracy_table(made, "segment", TRAIN, 1400).note


@pytest.mark.parametrize(
    ("low", "high", "longer", "said"),
    [
        (-0.02, 0.07, 0.6, "no effect is shown."),
        (0.01, 0.07, 0.6, "the interval lies above zero."),
        (0.01, 0.07, 0.3, "the interval lies above zero; 3.1 of these points come from the control, which got"
         " worse by training on (42.2 → 30.0)."),
        (0.01, 0.07, 0.41, "1.2 of these points come from the control, which got worse by training"
         " on (42.2 → 41.0)."),
    ],
)  # fmt: skip
def test_what_follows_from_the_gain(low: float, high: float, longer: float, said: str) -> None:
    made = found()
    made["gain"]["longer"]["fused"]["fc"]["segment"] = {"value": 0.031, "low": low, "high": high}
    made["cells"]["longer/fused"]["segment"]["value"] = longer
    assert tables.gained(made, "segment").endswith(said)


def test_a_network_that_beats_the_baselines_needs_no_sentence() -> None:
    made = found()
    made["cells"]["plain/joints"]["segment"]["value"] = 0.99
    assert tables.beaten(made, "segment") == ""
    assert tables.beaten(made, "excerpt") != ""


def test_settings_beside_the_papers() -> None:
    arrays, settings = tables.settings_tables(found(), TRAIN, 1400, [0, 1])
    for row in arrays.rows:
        assert str(row.cells[2]).removeprefix("2 × ") == row.cells[3]
    rows = {row.cells[0]: row.cells[1:] for row in settings.rows}
    assert rows["segments: train / validation / test"] == ("405 / 0–3 / 414", "405 / 405 / 414")
    assert rows["epochs without CL + with CL"] == ("1500 + 1400", "1500 + 1500")
    assert rows["seeds"][0] == "0, 1"
    last = TRAIN.model_copy(update={"select": "last"})
    arrays, settings = tables.settings_tables(found("aist"), last, 500, [0])
    assert [row.cells[0] for row in arrays.rows] == ["5", "6", "7", "8"]
    assert ("epoch tested", "of each phase the last") in {row.cells[:2] for row in settings.rows}


@pytest.mark.parametrize("source", ["musictodance", "aist"])
def test_the_confusion_matrix_has_the_papers_order_of_classes(source: str) -> None:
    figure = tables.confusion_picture(found(source))
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names == (
        ["Cha", "Rum", "Tan", "Wa"] if source == "aist" else ["Wa", "Cha", "Rum", "Tan"]
    )
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert texts[0].startswith("2\n" if source == "aist" else "1\n")
    # of the paper's best cell; above the diagonal, which is the next class predicted
    assert texts[1].startswith(f"{CELLS.index('fc/fused')}\n")
    said = flat(figure.get_supxlabel())
    assert ("65.3 % (222 of 340)" if source == "aist" else "98.1 % (406 of 414)") in said
    other = tables.confusion_picture(found("synthetic"))
    assert "The paper's" not in other.get_supxlabel()


# Overview and leaderboard


def test_the_overview_has_each_number_of_its_cell() -> None:
    both = {"m2d.paper": found(), "mine": found("synthetic", folds=5, protocol="by_figure")}
    trains, later = dict.fromkeys(both, TRAIN), dict.fromkeys(both, Epochs(epochs=9))
    segments, excerpts = overview_tables(both, trains, later)
    for one, level in ((segments, "segment"), (excerpts, "excerpt")):
        cells = one.rows[1].cells
        assert cells[:2] == ("mine: by_figure, 5 folds", "414 / 46 / 22")
        best = BASELINES[-1]  # the highest number
        for place, cell in enumerate(["alone/fused", "longer/fused", "fc/fused", f"{best}/joints"]):
            assert repr(cells[3 + place]) == repr(Interval.read(both["mine"]["cells"][cell][level]))
        gain = both["mine"]["gain"]
        assert repr(cells[7:]) == repr(
            (
                best.replace("_", " "),
                *(Interval.read(gain[row]["fused"]["fc"][level]) for row in ("alone", "longer")),
            )
        )
    assert "width 64, 1500 + 9 epochs, 3 seeds" in segments.note
    figure = overview_figure(both)
    for axis, level in zip(figure.axes, ("segment", "excerpt"), strict=True):
        cells = both["mine"]["cells"]
        shown: list[Any] = [float(np.asarray(line.get_xdata())[0]) for line in axis.lines]
        for cell in ("alone/fused", "longer/fused", "fc/fused", f"{BASELINES[-1]}/joints"):
            assert shown.count(pytest.approx(100 * cells[cell][level]["value"])) == len(both), cell
        assert shown.count(25) == len(both)  # chance
    assert png(figure) == png(overview_figure(both))


def frame_of(right_of_ten: int, seed: int = 0) -> pd.DataFrame:
    """Six pieces of one excerpt with ten segments, of which so many are right in every piece."""
    ids = pd.DataFrame(
        [("test", f"P_{p}", 0, s, p % 3) for p in range(6) for s in range(10)],
        columns=["split", "piece", "excerpt", "segment", "label"],
    )
    said = np.where(ids["segment"] < right_of_ten - seed, ids["label"], (ids["label"] + 1) % 3)
    return make_predictions("x", ids, np.eye(3)[said])


def test_the_leaderboard_is_sorted_and_paired_with_the_best_baseline() -> None:
    frames = {f"{row}/{kind}": [frame_of(6)] for row in ROWS for kind in INPUTS}
    frames |= {f"{row}/joints": [frame_of(3 + n)] for n, row in enumerate(BASELINES)}
    frames |= {"mine/joints": [frame_of(9), frame_of(9, seed=2)]}
    cells = complete_cells(frames, (*BASELINES, "mine"))
    # on validation the first baseline is best, on test the last
    validation = dict.fromkeys(cells, 0.3) | {f"{BASELINES[0]}/joints": 0.5}
    scores = evaluate(cells, ["a", "b", "c"], 0, 100)
    scores |= {"facts": found()["facts"], "validation": validation}
    board = leaderboard(scores, cells, ["mine"], 0, 100)
    assert [row.cells[0] for row in board.rows] == [f"{n + 1}" for n in range(len(cells))]
    values = [row.cells[6].value for row in board.rows if isinstance(row.cells[6], Interval)]
    assert values == sorted(values, reverse=True)
    top, second = (row.cells for row in board.rows[:2])
    # 9 and 7 of ten on average, against 3 of ten in every piece: no spread at all
    assert top[1:5] == ("mine", "entry", "–", "2")
    assert top[8].text("points") == "+50.0 [+50.0, +50.0]"  # type: ignore[union-attr]
    # by their votes all excerpts of it are right, of the baseline none
    assert top[9].text("points") == "+100.0 [+100.0, +100.0]"  # type: ignore[union-attr]
    assert second[1:4] == (BASELINES[-1].replace("_", " "), "baseline", "joints")
    assert second[8].text("points") == "+40.0 [+40.0, +40.0]"  # type: ignore[union-attr]
    (best,) = (row.cells for row in board.rows if row.cells[8] is None)
    assert (best[1], repr(best[5])) == (BASELINES[0].replace("_", " "), repr(Interval(0.5)))
    for row in board.rows:
        cell = next(
            name for name in cells
            if repr(row.cells[6]) == repr(Interval.read(scores["cells"][name]["segment"]))
            and repr(row.cells[7]) == repr(Interval.read(scores["cells"][name]["excerpt"]))
        )  # fmt: skip
        f1 = row.cells[-1]
        assert isinstance(f1, Interval)
        assert f1.value == pytest.approx(scores["cells"][cell]["macro_f1"]["value"])
    assert "network" in {row.cells[2] for row in board.rows}
    assert "¹" not in board.note
    assert "Not trained" not in board.caption


@pytest.mark.parametrize("protocol", ["by_body", "body_a"])
def test_entries_on_pieces_that_were_looked_at_are_marked(protocol: str) -> None:
    """Not the probe, which proposes nothing; and networks that were not trained are named."""
    entries = ("limb_lengths", "mine")
    frames = {f"{row}/joints": [frame_of(3 + n)] for n, row in enumerate((*BASELINES, *entries))}
    cells = complete_cells(frames, (*BASELINES, *entries))
    facts = found()["facts"] | {"protocol": protocol}
    scores = evaluate(cells, ["a", "b", "c"], 0, 100)
    scores |= {"facts": facts, "validation": dict.fromkeys(cells, 0.5)}
    board = leaderboard(scores, cells, entries, 0, 100)
    kinds = {row.cells[1]: row.cells[2] for row in board.rows}
    assert (kinds["mine"], kinds["limb lengths"]) == ("entry ¹", "probe")
    assert board.note.startswith("¹ Chosen after a look")
    assert (
        "Not trained here: without CL, without CL, as many epochs, MCLEMCD with CL" in board.caption
    )
