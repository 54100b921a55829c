from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from motionmusic.errors import UserError
from motionmusic.files import rounded
from motionmusic.predictions import logits_of, make_predictions, write_predictions
from motionmusic.scoring.__main__ import main
from motionmusic.scoring.accuracy import (
    LEVELS,
    at_level,
    confusion,
    fuse,
    macro_f1,
    per_class,
    predicted,
    score,
    vote,
)


def frame_of(excerpts: Sequence[tuple[str, int, int, Sequence[int]]], k: int = 4) -> pd.DataFrame:
    """Predictions from (piece, excerpt, label, predictions in time order)."""
    rows = [
        ("test", piece, excerpt, segment, label, guess)
        for piece, excerpt, label, guesses in excerpts
        for segment, guess in enumerate(guesses)
    ]
    ids = pd.DataFrame(rows, columns=["split", "piece", "excerpt", "segment", "label", "guess"])
    return make_predictions("m2d", ids, np.eye(k)[ids["guess"].to_numpy()])


def shuffled(frame: pd.DataFrame, seed: int = 1) -> pd.DataFrame:
    return frame.iloc[np.random.default_rng(seed).permutation(len(frame))]


# Votes


@pytest.mark.parametrize(
    ("guesses", "expected"),
    [
        ([0, 0, 0, 0, 0, 1, 1, 1, 1], 0),  # 5 to 4
        ([1, 1, 1, 1, 0, 0, 0, 0, 0], 0),  # 5 to 4, the other seen first
        ([2, 1, 1, 1, 1, 0, 0, 0, 0], 1),  # 4, 4, 1: a tie, 1 is seen before 0
        ([3, 0, 0, 0, 0, 1, 1, 1, 1], 0),  # 4, 4, 1: 3 is seen first, but is no part of the tie
        ([3, 2, 1, 3, 2, 1, 3, 2, 1], 3),  # 3, 3, 3
        ([2, 3, 1, 1, 3, 2, 3, 2, 1], 2),  # 3, 3, 3: the first seen, not the first complete
        ([3], 3),
    ],
)
def test_votes_by_hand(guesses: list[int], expected: int) -> None:
    assert vote(guesses) == expected
    votes = at_level(shuffled(frame_of([("P", 0, 0, guesses)])), "excerpt")
    assert votes["predicted"].tolist() == [expected]


def test_predictions_are_the_first_maximum_and_votes_in_time_order() -> None:
    frame = frame_of([("P", 0, 0, [0, 1])])
    frame[[f"logit_{n}" for n in range(4)]] = [[0, 2, 2, 1], [-3, -3, -2, -2]]
    assert predicted(frame).tolist() == [1, 2]
    # 10 comes after 9, and rows stand in any order
    frame = shuffled(frame_of([("P", 10, 0, [0, 0, 1, 1]), ("P", 9, 0, [1, 1, 0, 0])]))
    assert at_level(frame, "excerpt")["predicted"].tolist() == [1, 0]
    with pytest.raises(ValueError, match="one split at a time"):
        at_level(pd.concat([frame, frame.assign(split="train")]), "excerpt")


# Accuracy, confusion, f1


def test_order_of_rows_is_nothing_and_accuracy_is_a_fraction() -> None:
    frame = random_logits(5)
    result = score(frame, 0, resamples=20)
    assert repr(score(shuffled(frame), 0, resamples=20)) == repr(result)
    for level in LEVELS:
        rows = at_level(frame, level)
        assert result[level]["value"] == np.mean(rows["label"] == rows["predicted"])
        assert result[level]["value"] == result[level]["right"] / result[level]["n"]
    assert np.sum(result["confusion"]) == len(frame)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=30))
@settings(max_examples=30)
def test_confusion_by_hand_and_f1_of_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    labels, guesses = (list(side) for side in zip(*pairs, strict=True))
    matrix = confusion(labels, guesses, 4)
    for true, guess in np.ndindex(4, 4):
        assert matrix[true, guess] == pairs.count((true, guess))
    expected = metrics.f1_score(labels, guesses, average="macro", zero_division=0)
    assert macro_f1(labels, guesses, 4) == pytest.approx(expected, abs=1e-12)
    for row in per_class(labels, guesses, 4):
        y, right = row["label"], matrix[row["label"], row["label"]]
        assert row["n"] == matrix[y].sum()
        assert np.isnan(row["recall"]) or row["recall"] == right / matrix[y].sum()
        assert np.isnan(row["precision"]) or row["precision"] == right / matrix[:, y].sum()


# Fusion


def random_logits(seed: int) -> pd.DataFrame:
    frame = frame_of([(f"P_{p}", e, p % 4, [0] * 9) for p in range(5) for e in range(2)])
    logits = np.random.default_rng(seed).normal(size=(len(frame), 4))
    return make_predictions("m2d", frame, logits)


def test_fusion_joins_by_id() -> None:
    a, b = random_logits(1), random_logits(2)
    fused = fuse([shuffled(a, 3), shuffled(b, 4)], [1, 0.5])
    pd.testing.assert_frame_equal(fused[["piece", "segment"]], a[["piece", "segment"]])
    np.testing.assert_allclose(logits_of(fused), logits_of(a) + 0.5 * logits_of(b), rtol=1e-12)
    pd.testing.assert_frame_equal(fuse([a, b]), fuse([b, a]))
    assert (a.dtypes == random_logits(1).dtypes).all()  # the arguments are left as they were


def test_what_differs_is_named() -> None:
    a = random_logits(1)
    with pytest.raises(
        UserError, match=r"bones.*piece P_1, excerpt 1, segment 3 \(only in joints"
    ) as e:
        fuse([a, a.drop(index=30)], names=["joints", "bones"])
    assert "1 that are in one file only" in str(e.value)
    with pytest.raises(UserError, match=r"P_1, excerpt 1, segment 3 \(only in bones"):
        fuse([a.drop(index=30), a], names=["joints", "bones"])
    other = a.copy()
    other.loc[30, "segment"] = 9  # as many rows, one with another id
    with pytest.raises(UserError, match="2 that are in one file only"):
        fuse([a, other])
    relabelled = a.assign(label=a["label"].where(a["piece"] != "P_2", 0))
    for changed, said in (
        (shuffled(relabelled), "label of .*P_2, excerpt 0, segment 0: expected 2"),
        (a.assign(dataset="aist"), "dataset of"),
        (a.assign(logit_4=0.0), "expected 4 classes"),
    ):
        with pytest.raises(UserError, match=said):
            fuse([a, changed])


# Command line


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    joints, bones, other = (tmp_path / name for name in ("j.parquet", "b.parquet", "o.parquet"))
    rest = frame_of([("Z", 0, 0, [0] * 9)]).assign(split="train")
    write_predictions(joints, pd.concat([random_logits(1), rest]))
    write_predictions(bones, shuffled(random_logits(2)))
    main([str(joints), str(bones), "--alpha", "0.5"])
    expected = score(fuse([random_logits(1), random_logits(2)], [1, 0.5]), 0)
    assert json.loads(capsys.readouterr().out) == rounded(expected)
    write_predictions(other, random_logits(1).assign(split="validation"))
    for arguments, said in (
        ([other], "expected rows of test, got only validation"),
        ([tmp_path / "none.parquet"], "no such file"),
        ([other, "--alpha", "1"], "--alpha: expected 0 finite numbers"),
        ([other, other, "--alpha", "nan"], "--alpha"),
    ):
        with pytest.raises(UserError, match=said):
            main([str(argument) for argument in arguments])
    main([str(other), "--split", "validation"])
    assert json.loads(capsys.readouterr().out)["n_pieces"] == 5
    other.write_bytes(b"garbage")
    line = [sys.executable, "-m", "motionmusic.scoring", str(other)]
    result = subprocess.run(line, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert "o.parquet: expected a parquet file" in result.stderr
    assert "Traceback" not in result.stderr
