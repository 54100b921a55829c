"""Tables of AIST++ retargeted and on_beat: every number is another one, and has its own place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import count
from typing import Any

import numpy as np
import pytest

from motionmusic.results.genre_table import genre_tables
from motionmusic.results.ladder_table import (
    PROTOCOLS,
    damage_table,
    ladder_picture,
    ladder_tables,
)
from motionmusic.results.table import Table
from motionmusic.results.tempo_tables import (
    dance_tempo_table,
    own_track_tables,
    two_corpora_table,
)
from motionmusic.results.timing_table import timing_tables
from motionmusic.scoring.baselines import BASELINES
from motionmusic.scoring.damage import CONDITIONS
from motionmusic.scoring.intervals import Interval
from motionmusic.scoring.ladder import PROBES


@pytest.fixture
def numbers() -> Iterator[float]:
    """0.001, 0.002 and so on."""
    return (n / 1000 for n in count(1))


def drawn(numbers: Iterator[float], *names: str) -> dict[str, Any]:
    """An interval as JSON by name, each of another value."""
    return {name: {"value": next(numbers), "low": 0.0, "high": 1.0} for name in names}


def rows(table: Table, first: int, *places: int) -> list[list[float]]:
    """The values of some columns, from row ``first`` on."""
    return [
        [cell.value for place in places if isinstance(cell := row.cells[place], Interval)]
        for row in table.rows[first:]
    ]


def test_the_ladder(numbers: Iterator[float]) -> None:
    models = [*BASELINES, "logistic_regression_13", "mine", *PROBES]
    measures, levels = ("accuracy", "balanced"), ("segment", "excerpt")

    def of_model() -> dict[str, Any]:
        return {
            part: {level: drawn(numbers, *measures) | {"n": n} for level in levels}
            for part, n in (("all", 1330), ("clean", 700))
        }

    protocols: dict[str, Any] = {
        name: {
            "best": BASELINES[n],
            "models": {model: of_model() for model in models},
            "ahead": {"mine": drawn(numbers, *levels)},
        }
        for n, name in enumerate(PROTOCOLS)
    }
    *tables, last = ladder_tables({"protocols": protocols})
    told = [(part, level, measure) for part in ("all", "clean") for level in levels
            for measure in measures if (part, level) != ("clean", "excerpt")]  # fmt: skip
    assert len(tables) == len(told)
    for table, (part, level, measure) in zip(tables, told, strict=True):
        assert rows(table, 0, 2, 3, 4, 5, 6) == [
            [protocols[name]["models"][model][part][level][measure]["value"] for name in PROTOCOLS]
            for model in models
        ]
        unit = "segments of" if level == "segment" else "excerpts of seven seconds, one each, of"
        assert table.caption.startswith(f"{'1,330' if part == 'all' else '700'} {unit} 190 dances")
    for row, (name, of) in zip(last.rows, protocols.items(), strict=True):
        assert row.cells[:3] == (PROTOCOLS[name], "mine", of["best"].replace("_", " "))
        values = [cell.value for cell in row.cells[3:] if isinstance(cell, Interval)]
        assert values == [of["ahead"]["mine"][level]["value"] for level in levels]
    # whole dances, balanced, whose intervals are from 0 to 1
    axis: Any = ladder_picture({"protocols": protocols}).axes[0]
    drawn_lines = [
        np.asarray(line.get_ydata(), float) for line in axis.lines if len(line.get_xdata()) == 5
    ]
    expected = [
        [
            100 * of["models"][model]["all"]["excerpt"]["balanced"]["value"]
            for of in protocols.values()
        ]
        for model in ("logistic_regression", "gradient_boosting", "mine", *PROBES)
    ]
    np.testing.assert_allclose([y for y in drawn_lines if 1e-6 < y[0] < 99], expected)
    beside = dict(text.get_text().rsplit("  ", 1) for text in axis.texts)
    names = ("logistic regression", "gradient boosting", "mine", *PROBES.values())
    ends = {name: f"{values[-1]:.0f} %" for name, values in zip(names, expected, strict=True)}
    assert beside == ends | {"chance": "10 %"}
    for collection in axis.collections:
        np.testing.assert_allclose(np.array(collection.get_segments())[..., 1], [[0, 100]] * 5)


def test_the_damage(numbers: Iterator[float]) -> None:
    keys = [*CONDITIONS, "cost", "cost_unprepared"]
    models = {name: drawn(numbers, *keys) for name in ("logistic_regression", "random_forest")}
    found = {"models": models, "only_held": drawn(numbers, "x")["x"], "n": 9, "pieces": 3,
             "held": {"0": 0.1, "1": 0.7}}  # fmt: skip
    table = damage_table(found, "c", {0: "slow", 1: "fast"})
    assert rows(table, 0, 1, 2, 3, 4, 5) == [
        *([of[key]["value"] for key in keys] for of in models.values()),
        [found["only_held"]["value"]],
    ]
    held = table.rows[2].cells[2]
    assert isinstance(held, Interval)
    assert held.json() == Interval(found["only_held"]["value"], 0, 1).json()
    assert "slow 10 %, fast 70 %" in table.caption


def test_the_tempo_of_dances(numbers: Iterator[float]) -> None:
    names = ("both", "aist_retargeted", "plain", "constant")
    sure = {
        how: {"n": k, "said": 0.01 * k, "right": 0.02 * k}
        for k, how in ((3, "sure"), (4, "unsure"))
    }
    found = {
        corpus: {
            name: drawn(numbers, "right", "octave") | sure | {"n": n}
            for n, name in enumerate(names)
        }
        for corpus in ("aist_retargeted", "on_beat")
    }
    table = dance_tempo_table(found)
    assert rows(table, 0, 2, 3) == [
        [of[name][kind]["value"] for kind in ("right", "octave")]
        for of in found.values() for name in names
    ]  # fmt: skip
    assert (
        "3 where it was 3 % sure on average, 6 % right, 4 where it was 4 % sure on average, 8 % right"
        in table.note
    )


def test_two_corpora(numbers: Iterator[float]) -> None:
    kinds = ("found", "above_chance", "wins")
    found = {
        corpus: {kind: drawn(numbers, *kinds) | {"chance": next(numbers), "n": 7}
                 for kind in ("itself", "other", "both")}
        for corpus in ("aist_retargeted", "on_beat")
    }  # fmt: skip
    assert rows(two_corpora_table(found), 0, 2, 3, 4, 5) == [
        [*(of[kind]["value"] for kind in kinds), of["chance"]]
        for corpus in found.values() for of in corpus.values()
    ]  # fmt: skip


def test_the_own_track(numbers: Iterator[float]) -> None:
    metrics = ("recall_1", "recall_5", "recall_10", "median_rank", "same_tempo_1")
    names = ("chance", "known", "genre", "tempo", "timing", "both", "all")
    found: dict[str, Any] = {
        test: {name: drawn(numbers, *metrics) for name in names}
        | {"dances": 5, "tracks": 6, "of_own_tempo": 1.5}
        for test in ("street", "by_piece", "by_figure")
    }
    for test, table in zip(
        ("by_piece", "by_figure", "street"), own_track_tables(found), strict=True
    ):
        assert ("AIST++" in table.title) == (test == "street")
        assert table.caption.startswith("5 dances, 6 tracks, 1.5 of the own track's tempo")
        assert f"over {'dancers' if test == 'street' else 'pieces'}]" in table.caption
        assert rows(table, 0, 1, 2, 3, 4, 5) == [
            [found[test][name][metric]["value"] for metric in metrics] for name in names
        ]


def test_the_genre_model(numbers: Iterator[float]) -> None:
    models = {name: drawn(numbers, "balanced", "accuracy") | {"n": n} for n, name in
              enumerate(("model", "trembling", "nearest_centroid", "logistic_regression"))}  # fmt: skip
    recall = {"Break": 0.5, "Pop": 0.25}
    bins = [{"from": k / 10, "dances": k, "stated": next(numbers), "right": next(numbers)}
            for k in (3, 8)]  # fmt: skip
    share: dict[str, Any] = {name: {"refused": next(numbers), "dances": n} for n, name in
             enumerate(("undamaged", "trembling", "held_out", "other"))}  # fmt: skip
    share["other"]["auroc"] = drawn(numbers, "x")["x"]
    reverse: dict[str, Any] = {"auroc": drawn(numbers, "x")["x"], "dances": 9}
    found = {
        "accuracy": {"models": models, "recall": recall, "best": "nearest_centroid", "dancers": 4,
                     "ahead": {"value": 0.25}},
        "calibration": {"bins": bins, "stated": next(numbers), "right": next(numbers), "dances": 11,
                        "error": 0.01, "perfect": 0.02, "perfect_95": 0.03, "uncalibrated": 0.04},
        "unlike": share | {"reverse": reverse},
    }  # fmt: skip
    accuracy, calibration, unlike = genre_tables(found)
    assert rows(accuracy, 0, 1, 2) == [
        *([of[kind]["value"] for kind in ("balanced", "accuracy")] for of in models.values()), [0.5]
    ]  # fmt: skip
    assert rows(calibration, 0, 1, 2) == [
        [of["stated"], of["right"]] for of in (*bins, found["calibration"])
    ]
    assert "nearest centroid) in accuracy: +25.0" in accuracy.note
    shares = re.findall(r"\d\.\d", calibration.note)  # own, exact, exact's 95th percentile, without
    assert shares == ["1.0", "2.0", "3.0", "4.0"]
    assert rows(unlike, 0, 1, 2) == [
        [share["undamaged"]["refused"]],
        [share["trembling"]["refused"]],
        [share["held_out"]["refused"]],
        [share["other"]["refused"], share["other"]["auroc"]["value"]],
        [reverse["auroc"]["value"]],
    ]


def test_whether_motion_is_in_time(numbers: Iterator[float]) -> None:
    labels, tests = ("C", "W"), ("by_piece", "by_figure")

    def version(whole: int) -> dict[str, Any]:
        def model() -> dict[str, Any]:
            return {
                test: of
                | {
                    "by_type": {label: next(numbers) for label in labels},
                    "n": 2 * len(test),
                    "figures": 9,
                }
                for test, of in drawn(numbers, *tests).items()
            }

        return {
            "part_of_a_beat_off_phase": model(), "part_of_a_beat_off_onset": model(),
            "whole_pieces": {"found": whole, "n": 51},
            "feet": {label: {"share": 0.1 * n + 0.1, "agreement": 0.1 * n + 0.5}
                     for n, label in enumerate(labels)},
            "alignment_above_chance": {
                definition: {beats: drawn(numbers, *labels) for beats in ("song", "tracker")}
                for definition in ("bailando", "mint")
            },
        }  # fmt: skip

    found = {"pieces": 51, "versions": {name: version(n) for n, name in
                                        enumerate(("published", "exact", "on_beat"))}}  # fmt: skip
    versions = list(found["versions"].values())  # type: ignore[attr-defined]
    in_time, by_type, beats = timing_tables(found)
    assert rows(in_time, 0, 1, 2, 3)[:4] == [
        [of[f"part_of_a_beat_off_{model}"][test]["value"] for of in versions]
        for model in ("phase", "onset") for test in tests
    ]  # fmt: skip
    assert in_time.rows[4].cells[1:] == ("0 of 51", "1 of 51", "2 of 51")
    assert "By piece: 16 excerpts of 9.2 s" in in_time.note
    assert "inside of 18 units of 9 figures" in in_time.note
    for row, (of, test) in zip(
        by_type.rows, [(of, test) for of in versions for test in tests], strict=True
    ):
        shares = of["part_of_a_beat_off_phase"][test]["by_type"]
        assert [f"{cell}".split()[0] for cell in row.cells[2:]] == [
            f"{100 * shares[label]:.0f}" for label in labels
        ]
    assert f"{by_type.rows[0].cells[3]}".endswith("(0.20, 0.60)")
    assert rows(beats, 0, 3, 4, 5) == [
        [of["alignment_above_chance"][definition][kind][label]["value"] for of in versions]
        for definition in ("bailando", "mint") for kind in ("song", "tracker") for label in labels
    ]  # fmt: skip
