"""Splits of AIST++ retargeted: who is new to whom, on the real names."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
from task_facts import ABOUT

from motionmusic.data.aist_retargeted import choreography_of
from motionmusic.data.genre_splits import DROPPED
from motionmusic.data.leakage import PAIRS, is_promised, names_of_segments, shared
from motionmusic.data.manifest import manifest
from motionmusic.data.splits import split
from motionmusic.errors import UserError
from motionmusic.params import Segment

GENRES = ["gBR", "gPO", "gLO", "gMH", "gLH", "gHO", "gWA", "gKR", "gJS", "gJB"]
FOLDS = {
    "random_segment": 5, "by_track": 2, "by_dancer": 2, "by_choreography": 3,
    "by_dancer_and_choreography": 6,
}  # fmt: skip


def pieces() -> pd.DataFrame:
    names = sorted(
        Path(e.path).name.removesuffix(".t2.json") for e in manifest("motionmind").entries
    )
    fields = [name.split("_") for name in names]
    columns = {"piece": names, "label": [GENRES.index(of[0]) for of in fields]}
    columns |= {"dancer": [of[3] for of in fields], "track": [of[4] for of in fields]}
    return pd.DataFrame(columns | {"choreography": [choreography_of(name) for name in names]})


def rows(protocol: str, seed: int = 0) -> pd.DataFrame:
    settings = Segment(
        excerpt_frames=175, excerpts="all", choose="one", protocol=protocol,  # type: ignore[arg-type]
        folds=FOLDS[protocol], seed=seed,
    )  # fmt: skip
    table = pieces()
    excerpts = table[["piece", "label"]].assign(excerpt=0).sort_values("label", kind="stable")
    nothing = pd.DataFrame({"piece": [], "start": [], "end": [], "unit": [], "capture": []})
    return split("t", settings, excerpts, table, nothing, dict(enumerate(GENRES)))


@pytest.mark.parametrize("protocol", FOLDS)
def test_a_protocol_keeps_its_promise_and_tests_everything_once(protocol: str) -> None:
    found = rows(protocol)
    tested = found[found["split"] == "test"]
    assert len(tested) == 1330
    for split_of in ("test", "validation"):  # which predictions have once a segment
        assert not found[found["split"] == split_of].duplicated(["piece", "segment"]).any()
    for _, fold in found.groupby("fold"):
        names = names_of_segments(fold.assign(units=""), "aist_retargeted", {})
        for left, right in PAIRS:
            for key, both in shared(fold["split"], names, left, right).items():
                if is_promised(protocol, key, (left, right)):
                    assert both["shared"] == 0, (left, right, key)
        assert {"train", "validation", "test"} <= set(fold["split"])
    assert found.equals(rows(protocol))
    assert found["split"].equals(rows(protocol, 1)["split"]) is False


def test_new_dancers_and_choreographies_are_both_new() -> None:
    found = rows("by_dancer_and_choreography")
    table = pieces().set_index("piece")
    for _, fold in found.groupby("fold"):
        seen, tested, dropped = (
            table.loc[fold.loc[fold["split"].isin(of), "piece"]]
            for of in (["train", "validation"], ["test"], [DROPPED])
        )
        for key in ("dancer", "choreography"):
            assert not set(seen[key]) & set(tested[key])
        # what is left out shares one of the two with the tested and the other with what is seen
        assert len(dropped)
        validated = table.loc[fold.loc[fold["split"] == "validation", "piece"]]
        assert set(validated["dancer"]) <= set(seen["dancer"])
    # no break to learn from where d04 and d05's only other choreography is tested
    first = found[found["split"] == "train"].groupby("fold")["label"].agg(set)
    assert sum(0 not in labels for labels in first) <= 2


def test_a_fifth_of_a_genres_training_choreographies_validates() -> None:
    """Or all that the next fold tests, if these are fewer."""
    found = rows("by_choreography").merge(pieces()[["piece", "choreography"]])
    choreographies = found.groupby(["split", "label", "fold"])["choreography"]
    count = Counter(choreographies.nunique().to_dict())
    for label in range(10):
        for fold in range(3):
            validated = count["validation", label, fold]
            number = count["train", label, fold] + validated
            fifth = max(1, round(number / 5)) if number > 2 else 0
            assert validated == min(fifth, count["test", label, (fold + 1) % 3])


def test_the_sides_of_dancers_are_as_large() -> None:
    found = rows("by_dancer")
    counts = found[found["split"] == "test"].groupby("fold")["piece"].nunique()
    assert counts.tolist() == [95, 95]
    assert (
        found[found["split"] == "test"].groupby(["fold", "label"]).size().unstack().min().min() > 0
    )


def test_another_corpus_is_refused() -> None:
    settings = Segment(
        excerpt_frames=175, excerpts="all", choose="one", protocol="by_dancer", folds=2, seed=0
    )
    table = pieces().drop(columns="dancer")
    excerpts = table[["piece", "label"]].assign(excerpt=0)
    with pytest.raises(UserError, match="no dancer") as caught:
        split("own", settings, excerpts, table, pd.DataFrame(), {})
    assert caught.value.where == "segment.own.protocol"
    assert ABOUT["protocol"] == "by_piece"  # which it may take
