"""Planted leaks are found: in names, in motion under other names, in the stage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from motionmusic.data import leakage
from motionmusic.data.leakage import (
    NO_IDENTICAL,
    PAIRS,
    PROMISES,
    Audit,
    audit,
    is_promised,
    names_of_segments,
    nearest,
    nearest_in_piece,
    shared,
    summary,
)
from motionmusic.errors import UserError
from motionmusic.features.segments import every_segment
from motionmusic.params import Leakage
from motionmusic.workspace import About

JOINTS = 23


def segments(*rows: tuple[str, int, int, str, str]) -> pd.DataFrame:
    """Rows piece, excerpt, segment, split, units (a letter each)."""
    columns = ["piece", "excerpt", "segment", "split", "units"]
    frame = pd.DataFrame(rows, columns=columns)
    return frame.assign(units=frame["units"].map(frozenset))


def test_shared_names_are_counted() -> None:
    rows = segments(
        ("p", 0, 0, "train", "ab"), ("p", 1, 0, "test", "b"), ("q", 0, 0, "test", "cd"),
        ("q", 0, 1, "test", "d"), ("r", 0, 0, "validation", "d"), ("s", 0, 0, "dropped", "c"),
    )  # fmt: skip
    captures = {"a": "one", "b": "one", "c": "two", "d": "unknown"}
    names = names_of_segments(rows, "folder", captures)
    found = shared(rows["split"], names, "train", "test")
    assert list(found) == ["piece", "excerpt", "segment", "unit", "figure", "capture", "body"]
    assert found["piece"] == {
        "shared": 1, "of": 2, "share": 1 / 2, "segments": 1 / 3, "examples": ["p"],
    }  # fmt: skip
    assert found["excerpt"]["shared"] == found["segment"]["shared"] == 0
    assert (found["unit"]["examples"], found["unit"]["of"]) == (["b"], 3)
    assert (found["capture"]["examples"], found["capture"]["of"]) == (["one"], 2)
    # unknown is no session that two could share
    other = shared(rows["split"], names, "validation", "test")
    assert other["unit"]["examples"] == ["d"]
    assert other["capture"]["shared"] == 0


def test_names_of_aist() -> None:
    name = "gBR_sBM_cAll_d04_mBR0_ch01"
    rows = segments((name, 0, 0, "test", ""), (name.replace("01", "02"), 0, 0, "train", ""))
    names = names_of_segments(rows, "aist", {})
    assert names.iloc[0].to_dict() == {
        "piece": name, "dancer": "d04", "music": "mBR0", "excerpt": f"{name}/0",
        "segment": f"{name}/0/0",
    }  # fmt: skip
    found = shared(rows["split"], names, "train", "test")
    assert [key for key, some in found.items() if some["shared"]] == ["dancer", "music"]


@pytest.mark.parametrize(
    ("protocol", "key", "pairs"),
    [
        ("by_piece", "piece", PAIRS), ("by_figure", "piece", ()), ("paper", "piece", ()),
        ("by_figure", "figure", PAIRS), ("by_body", "capture", PAIRS[1:]),
        ("by_body", "body", PAIRS[1:]), ("by_body", "figure", ()), ("body_a", "unit", PAIRS),
        ("body_a", "body", PAIRS[1:]), ("official", "music", PAIRS[:2]),
        ("official_clean", "dancer", ()), ("random_segment", "piece", ()),
        ("by_track", "music", PAIRS[1:]), ("by_dancer", "dancer", PAIRS[1:]),
        ("by_dancer", "choreography", ()), ("by_choreography", "choreography", PAIRS),
        ("by_choreography", "dancer", ()), ("by_dancer_and_choreography", "dancer", PAIRS[1:]),
        ("by_dancer_and_choreography", "choreography", PAIRS),
    ],
)  # fmt: skip
def test_what_protocols_promise(protocol: str, key: str, pairs: tuple[tuple[str, str]]) -> None:
    assert tuple(pair for pair in PAIRS if is_promised(protocol, key, pair)) == tuple(pairs)


def moves(n: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).uniform(0, 1, (n, 3, 25, 4)).astype(np.float32)


def test_nearest_finds_copies_under_other_names() -> None:
    train, test = moves(9), moves(4, 1)
    test[0] = train[7]  # the same
    test[1] = train[3] + np.float32(0.01)  # noisy by 0.01 in every coordinate
    test[2, :, :-1], test[2, :, -1] = train[5, :, 1:], train[5, :, -1]  # a frame earlier
    index, distance = nearest(test, train)
    assert index[:2].tolist() == [7, 3]
    assert distance[0] == 0
    assert distance[1] == pytest.approx(0.01, rel=1e-4)
    # by hand, as a slow loop
    for row in range(4):
        rms = [np.sqrt(np.mean((test[row] - other).astype(float) ** 2)) for other in train]
        assert distance[row] == pytest.approx(min(rms), rel=1e-4, abs=1e-9)
    assert summary(distance, 0.05, 1e-6) == {
        "n": 4, "quantile_5": np.quantile(distance, 0.05), "median": np.median(distance),
        "near": 0.5, "identical": 1,
    }  # fmt: skip


def test_reference_is_another_segment_of_the_same_piece() -> None:
    motion = moves(6)
    motion[2] = motion[0] + np.float32(0.02)
    motion[4] = motion[3]  # of another piece
    got = nearest_in_piece(motion, ["a", "a", "a", "a", "b", "c"])
    assert got[[0, 2]] == pytest.approx([0.02, 0.02], rel=1e-3)
    assert got[3] > 0.1
    assert np.isnan(got[4:]).all()
    motion[1] = motion[0]
    assert nearest_in_piece(motion, ["a"] * 6)[:2].tolist() == [0, 0]
    assert summary(got, 0.05, 1e-6)["n"] == 4
    assert summary(np.array([]), 0.05, 1e-6)["n"] == 0


# The audit

PIECES = [("C_1", 0), ("C_2", 0), ("C_3", 0), ("R_1", 1), ("R_2", 1), ("R_3", 1)]
SETTINGS = Leakage(near=0.05, identical=1e-6)


class Task:
    """Segments of six pieces in three folds by piece; every piece dances its own unit."""

    def __init__(self) -> None:
        rows = [(piece, 0, 50, f"unit of {piece}", "a session") for piece, _ in PIECES]
        self.spans = pd.DataFrame(rows, columns=["piece", "start", "end", "unit", "capture"])
        excerpts = pd.DataFrame([{"piece": p, "excerpt": 0, "label": label} for p, label in PIECES])
        self.folds = []
        for fold in range(3):
            names = [
                ("test", "validation", "train")[(k - fold) % 3] for _ in "CR" for k in range(3)
            ]
            self.folds.append((fold, every_segment(excerpts.assign(split=names), 2)))
        shape = (12, 3, 25, JOINTS)
        self.joints = np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)

    def audit(self, protocol: str = "by_piece") -> Audit:
        about = About(
            task="own", corpus="own", source="folder", layout="musictodance", motion_rate_hz=25,
            labels={"C": "Cha-cha", "R": "Rumba"}, center="once", scale="per_piece",
            paper_bones=False, music={}, protocol=protocol, folds=3, excerpt_frames=50,
            excerpts=None, pieces=6, stand_ins={},
        )  # fmt: skip
        return audit(about, self.folds, self.spans, self.joints, SETTINGS, Path("segments"))

    def refused(self, protocol: str, *needed: str) -> None:
        with pytest.raises(UserError) as caught:
            self.audit(protocol)
        for text in needed:
            assert text in str(caught.value)


def test_a_clean_split() -> None:
    found = Task().audit()
    got = found.report
    assert (got["segments"], got["tested"], got["dropped_over_folds"]) == (12, 12, 0)
    assert got["nearest_in_train"]["near"] == got["nearest_in_train"]["identical"] == 0
    assert got["nearest_in_own_piece"] == summary(found.reference, 0.05, 1e-6)
    assert got["one_nearest_neighbour"]["chance"] == 0.5
    assert got["tested_with_shared"] == {
        "piece": 0, "excerpt": 0, "segment": 0, "unit": 0, "figure": 0, "capture": 1, "body": 0,
    }  # fmt: skip
    assert [fold["segments"] for fold in got["folds"]] == [
        {"test": 4, "validation": 4, "train": 4}
    ] * 3
    assert found.distances.shape == found.reference.shape == (12,)


def test_what_is_not_promised_is_reported() -> None:
    """A noisy copy of a segment is near; by_piece says nothing of units."""
    task = Task()
    task.joints[0] = task.joints[10] + np.float32(0.01)  # R_3 trains when C_1 is tested
    task.spans["unit"] = task.spans["unit"].replace("unit of R_3", "unit of C_1")
    got = task.audit().report
    first = got["closest"][0]
    assert (first["fold"], first["test"], first["train"]) == (0, "C_1/0/0", "R_3/0/0")
    spread = got["spread"]
    assert first["distance"] == pytest.approx(0.01 / spread, rel=1e-3)
    assert got["nearest_in_train"]["near"] > 0
    assert got["folds"][0]["shared"]["train_test"]["unit"]["examples"] == ["unit of C_1"]
    right = []
    for _, ids in task.folds:
        train, test = (np.flatnonzero(ids["split"] == side) for side in ("train", "test"))
        for row in test:
            away = [np.square(task.joints[row] - task.joints[other]).mean() for other in train]
            own, nearest_own = ids["label"][row], ids["label"][train[np.argmin(away)]]
            right.append(own == nearest_own)
    assert 0 < np.mean(right) < 1
    assert got["one_nearest_neighbour"]["accuracy"] == pytest.approx(np.mean(right))
    task.refused("by_figure", "no unit in both, as protocol by_figure promises", "1: unit of C_1")


def test_takes_of_a_figure_and_sessions_of_a_body_are_one() -> None:
    """Units and sessions differ, what they are of does not."""
    task = Task()
    task.spans["unit"] = ["C-1-1", "C-2-1", "C-1-2", "R-1-1", "R-2-1", "R-3-1"]
    assert task.audit().report["tested_with_shared"]["figure"] == pytest.approx(1 / 6)
    task.refused("by_figure", "no figure in both, as protocol by_figure promises", "1: C-1")
    task.spans["capture"] = ["14", "15", "ll_qq_1", "16", "17", "mm_hez_1"]
    task.refused("by_body", "fold 0, validation and test", "no body in both", "1: A")


def test_distances_are_in_one_scale() -> None:
    """The same dances in another unit, and from another origin, are as near."""
    task = Task()
    centred = task.joints - task.joints.mean(axis=0)
    here, spread = task.audit(), float(np.sqrt((centred**2).mean()))
    assert here.report["spread"] == pytest.approx(spread, rel=1e-5)
    _, rms = nearest(task.joints[[0]], task.joints[[4, 5, 10, 11]])  # C_3 and R_3 train in fold 0
    assert here.distances[0] == pytest.approx(rms[0] / spread, rel=1e-4)
    task.joints = task.joints * np.float32(200) + np.float32(7)
    there = task.audit()
    assert there.distances == pytest.approx(here.distances, rel=1e-3)
    assert there.reference == pytest.approx(here.reference, rel=1e-3)
    assert there.report["spread"] == pytest.approx(200 * here.report["spread"], rel=1e-3)


def test_broken_promises_are_refused() -> None:
    task = Task()
    task.refused("by_body", "fold 0, train and test", "no capture in both", "1: a session")
    _, ids = task.folds[1]
    ids.loc[(ids["piece"] == "R_2") & (ids["segment"] == 1), "split"] = "train"
    task.refused("by_piece", "fold 1, train and test", "no piece in both", "1: R_2")
    task.refused("paper", "no excerpt in both, as protocol paper promises", "R_2/0")
    task = Task()
    task.spans = task.spans[:0]
    task.folds[0][1].loc[0, "piece"] = "R_3"  # tested, and R_3/0/0 trains
    task.refused("by_figure", "fold 0, train and test", "no segment in both", "R_3/0/0")


def test_identical_motion_under_another_name() -> None:
    task = Task()
    task.joints[0] = task.joints[10]
    task.refused("by_piece", "fold 0", "no test segment with the motion", "C_1/0/0 is R_3/0/0")
    assert task.audit("paper").report["nearest_in_train"]["identical"] == 1


def test_without_a_test_split() -> None:
    """A few sequences of AIST++ may have none."""
    task = Task()
    for _, ids in task.folds:
        ids["split"] = "train"
    got = task.audit().report
    assert got["tested"] == 0
    assert np.isnan(got["one_nearest_neighbour"]["accuracy"])


def test_copies_are_looked_for_wherever_a_split_keeps_dances_or_clips_apart() -> None:
    mixed = {"paper", "published", "official", "official_clean", "random_segment"}
    assert set(NO_IDENTICAL) == set(PROMISES) - mixed


def test_what_test_shares_is_what_train_has_too_over_all_folds() -> None:
    def fold(tested: int, share: float) -> dict[str, Any]:
        pairs = {"train_test": share, "train_validation": 0.9, "validation_test": 0.8}
        shares = {pair: {"unit": {"segments": of}} for pair, of in pairs.items()}
        return {"segments": {"test": tested, "train": 50}, "shared": shares}

    found = leakage._tested_with_shared([fold(30, 0.5), fold(10, 0.1)])
    assert found == {"unit": pytest.approx((30 * 0.5 + 10 * 0.1) / 40)}
