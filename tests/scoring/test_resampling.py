"""Votes and intervals by what a protocol keeps apart, on planted predictions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from motionmusic.predictions import make_predictions
from motionmusic.scoring.accuracy import (
    at_level,
    resampled_over,
    right_of,
    score,
    strata,
    with_units,
)
from motionmusic.scoring.resampling import resampled

SPANS = pd.DataFrame(
    [
        ("P", 0, 40, "C-1-1"), ("P", 40, 90, "C-2-1"), ("P", 90, 229, "C-1-2"),
        ("Q", 0, 229, "R-3-1"),
    ],
    columns=["piece", "start", "end", "unit"],
)  # fmt: skip


def index() -> pd.DataFrame:
    """Nine segments of two pieces; odd ones of P are tested in fold 1, the rest in fold 0."""
    ids = pd.DataFrame(
        [(piece, 0, segment, label) for label, piece in enumerate("PQ") for segment in range(9)],
        columns=["piece", "excerpt", "segment", "label"],
    )
    in_one = (ids["piece"] == "P") & (ids["segment"] % 2 == 1)
    folds = [
        ids.assign(fold=fold, split=np.where(in_one == fold, "test", "train")) for fold in (0, 1)
    ]
    return pd.concat(folds, ignore_index=True)


def frame(right: dict[str, list[int]]) -> pd.DataFrame:
    """Predictions of the tested segments; of each piece those numbered are wrong, rows shuffled."""
    rows = index()
    rows = rows[rows["split"] == "test"].sample(frac=1, random_state=0)
    wrong = [
        segment not in right[piece]
        for piece, segment in zip(rows["piece"], rows["segment"], strict=True)
    ]
    return make_predictions("x", rows, np.eye(2)[(rows["label"] + wrong) % 2])


def test_figures_are_those_of_the_middle_of_a_segment() -> None:
    units = resampled("by_figure", index(), SPANS, 229).sort_values(["piece", "segment"])
    # middles at 12.5, 37.5, 62.5, 87.5, 112.5: C-1 until 40, C-2 until 90, C-1 again
    expected = ["C-1"] * 2 + ["C-2"] * 2 + ["C-1"] * 5 + ["R-3"] * 9
    assert units["group"].tolist() == expected
    assert set(units["stratum"]) == {0}
    # ten frames earlier, the boundaries lie between a segment's first frame and its middle
    early = SPANS.assign(start=SPANS["start"] - 10, end=SPANS["end"] - 10)
    found = resampled("by_figure", index(), early, 229).sort_values(["piece", "segment"])
    assert found["group"].tolist()[:4] == ["C-1", "C-2", "C-2", "C-1"]
    later = SPANS.assign(start=SPANS["start"] + 10 * 229, end=SPANS["end"] + 10 * 229)
    moved = resampled("by_figure", index().assign(excerpt=10), later, 229)
    assert moved.sort_values(["piece", "segment"])["group"].tolist() == expected


@pytest.mark.parametrize(
    ("protocol", "strata_of", "groups", "words"),
    [
        ("by_piece", {0}, {"P", "Q"}, "pieces"),
        ("paper", {0}, {"P", "Q"}, "pieces"),
        ("by_figure", {0}, {"C-1", "C-2", "R-3"}, "figures"),
        ("by_body", {0, 1}, {"P", "Q"}, "pieces, body by body"),
        ("body_a", {0}, {"P", "Q"}, "pieces"),
    ],
)
def test_units_of_a_protocol(
    protocol: str, strata_of: set[int], groups: set[str], words: str
) -> None:
    units = resampled(protocol, index(), SPANS, 229)
    assert len(units) == 18
    assert set(units["stratum"]) == strata_of
    assert set(units["group"]) == groups
    assert resampled_over(protocol) == words
    if protocol == "by_body":  # P is danced by both, and is a piece of each
        assert units["stratum"].equals(units["fold"])


@pytest.mark.parametrize("protocol", ["random_segment", "by_track", "by_dancer", "by_choreography",
                                      "by_dancer_and_choreography"])  # fmt: skip
def test_of_retargeted_dances_dancers_are_resampled(protocol: str) -> None:
    names = {"P": "gBR_sBM_cAll_d04_mBR1_ch02", "Q": "gBR_sBM_cAll_d05_mBR1_ch02"}
    ids = index().assign(piece=index()["piece"].map(names))
    units = resampled(protocol, ids, SPANS[:0], 229)
    assert units["group"].tolist() == units["piece"].map(lambda name: name[13:16]).tolist()
    assert resampled_over(protocol) == "dancers"


def test_votes_are_of_one_fold_each() -> None:
    """P: of the five segments of fold 0 two are right, of the four of fold 1 all."""
    units = resampled("by_body", index(), SPANS, 229)
    scored = with_units(frame({"P": [0, 2, 1, 3, 5, 7], "Q": [0, 1, 2, 3, 4]}), units)
    votes = at_level(scored, "excerpt")
    assert votes[["piece", "fold", "predicted", "stratum"]].to_numpy().tolist() == [
        ["P", 0, 1, 0], ["P", 1, 0, 1], ["Q", 0, 1, 0],
    ]  # fmt: skip
    both = right_of(at_level(scored, "segment"))
    assert both.to_dict("index") == {
        (0, "P"): {"right": 2, "n": 5}, (0, "Q"): {"right": 5, "n": 9},
        (1, "P"): {"right": 4, "n": 4},
    }  # fmt: skip
    assert strata(both) == [2, 1]
    # without the units there is one vote an excerpt
    assert len(at_level(scored.drop(columns=["fold", "stratum", "group"]), "excerpt")) == 2


def test_an_excerpt_is_of_the_figure_that_most_of_its_segments_dance() -> None:
    units = resampled("by_figure", index(), SPANS, 229)
    scored = with_units(frame({"P": list(range(9)), "Q": []}), units)
    votes = at_level(scored, "excerpt")
    # fold 1 tests segments 1, 3, 5, 7 of P: one of them of C-2
    assert votes[["piece", "fold", "group"]].to_numpy().tolist() == [
        ["P", 0, "C-1"], ["P", 1, "C-1"], ["Q", 0, "R-3"],
    ]  # fmt: skip


def test_intervals_resample_groups() -> None:
    """All of one figure right, all of the others wrong: as wide as three figures make it."""
    scored = with_units(frame({"P": [2, 3], "Q": []}), resampled("by_figure", index(), SPANS, 229))
    found = score(scored, 0, resamples=500)["segment"]
    assert found["value"] == pytest.approx(2 / 18)
    assert found["low"] == 0
    assert found["high"] > 0.25  # where C-2 is drawn twice
    whole = score(scored.drop(columns=["fold", "stratum", "group"]), 0, resamples=500)["segment"]
    assert whole["high"] == pytest.approx(2 / 9)  # P twice
