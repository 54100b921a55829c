"""Who is in train, validation and test (spec/mclemcd.md 2.6, 2.7)."""

from __future__ import annotations

from collections import Counter

import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from motionmusic import protocols
from motionmusic.errors import UserError

# spec 2.6, typed anew
TEST_POSITIONS = [
    31, 95, 57, 111, 122, 32, 120, 14, 132, 19, 29, 49, 134, 99, 82, 64, 135, 79, 69, 80, 20, 131,
    72, 77, 25, 37, 81, 125, 46, 128, 39, 102, 65, 58, 12, 126, 88, 70, 87, 36, 21, 9, 103, 67,
    117, 47,
]  # fmt: skip
TEST_LABELS = [
    0, 2, 1, 3, 3, 0, 3, 0, 3, 0, 0, 1, 3, 2, 2, 1, 3, 2, 2, 2, 0, 3, 2, 2, 0, 1, 2, 3, 1, 3, 1, 3,
    1, 1, 0, 3, 2, 2, 2, 1, 0, 0, 3, 1, 3, 1,
]  # fmt: skip
NAMES = {0: "Cha-cha", 1: "Rumba", 2: "Tango", 3: "Waltz"}
M2D_PIECES = [
    ("C_1", 18, 0), ("C_2", 8, 0), ("C_3", 8, 0),
    ("R_1", 14, 1), ("R_10", 10, 1), ("R_2", 7, 1), ("R_3", 3, 1),
    ("T_1", 23, 2), ("T_2", 11, 2),
    *((f"W_{i}", 1, 3) for i in range(1, 35)),
]  # fmt: skip


def m2d() -> pd.DataFrame:
    """The 136 excerpts of spec 2.4, in class order."""
    rows = [
        {"piece": piece, "excerpt": k, "label": label}
        for piece, count, label in M2D_PIECES
        for k in range(count)
    ]
    return pd.DataFrame(rows)


def positions(part: pd.DataFrame, whole: pd.DataFrame) -> list[int]:
    where = {
        (p, k): i for i, (p, k) in enumerate(zip(whole["piece"], whole["excerpt"], strict=True))
    }
    return [where[pair] for pair in zip(part["piece"], part["excerpt"], strict=True)]


def counts(rows: pd.DataFrame, split: str) -> list[int]:
    labels = Counter(rows.loc[rows["split"] == split, "label"])
    return [labels[label] for label in range(4)]


def test_paper_is_the_split_of_the_authors_files() -> None:
    excerpts = m2d()
    assert len(excerpts) == 136
    rows = protocols.paper(excerpts)
    test = rows[rows["split"] == "test"]
    assert positions(test, excerpts) == TEST_POSITIONS
    assert test["label"].tolist() == TEST_LABELS
    order = positions(rows, excerpts)
    assert order[:10] == [26, 8, 54, 113, 43, 84, 22, 50, 45, 24]
    assert sorted(order) == list(range(136))
    assert rows["split"].tolist() == ["train"] * 45 + ["validation"] * 45 + ["test"] * 46
    assert counts(rows, "train") == [13, 11, 12, 9]
    assert counts(rows, "validation") == [11, 12, 10, 12]
    assert counts(rows, "test") == [10, 11, 12, 13]
    assert set(rows["fold"]) == {0}


def test_paper_leaks_as_the_specification_says() -> None:
    """31 of the 33 test excerpts that are no waltz share a piece with training; 19 are adjacent."""
    rows = protocols.paper(m2d())
    train = rows[rows["split"] == "train"]
    own = set(zip(train["piece"], train["excerpt"], strict=True))
    test = rows[(rows["split"] == "test") & (rows["label"] != 3)]
    pairs = list(zip(test["piece"], test["excerpt"], strict=True))
    assert len(pairs) == 33
    assert sum(piece in set(train["piece"]) for piece, _ in pairs) == 31
    assert sum((p, k - 1) in own or (p, k + 1) in own for p, k in pairs) == 19


def test_published_is_thirds_of_each_class_in_name_order() -> None:
    excerpts = m2d()
    rows = protocols.published(excerpts)
    assert positions(rows, excerpts) == list(range(136))
    assert rows["split"].tolist() == ((["train"] * 11 + ["validation"] * 11 + ["test"] * 12) * 4)
    assert Counter(rows["split"]) == {"train": 44, "validation": 44, "test": 48}
    assert set(rows["fold"]) == {0}
    # spec 2.6: one test excerpt shares a piece with training, a tango; none is adjacent
    train, test = (rows[rows["split"] == split] for split in ("train", "test"))
    shared = test[test["piece"].isin(set(train["piece"]))]
    assert shared["label"].tolist() == [2]


@st.composite
def collections(draw: st.DrawFn) -> tuple[pd.DataFrame, int]:
    """Excerpts of a few pieces a class, and a number of folds that fits."""
    folds = draw(st.integers(3, 6))
    rows = []
    for label in range(draw(st.integers(2, 4))):
        for piece in range(draw(st.integers(folds, folds + 6))):
            rows += [
                {"piece": f"{label}_{piece}", "excerpt": k, "label": label}
                for k in range(draw(st.integers(1, 3)))
            ]
    return pd.DataFrame(rows), folds


@settings(deadline=None, max_examples=40)
@given(collection=collections(), seed=st.integers(0, 100))
def test_by_piece_never_divides_a_piece(collection: tuple[pd.DataFrame, int], seed: int) -> None:
    excerpts, folds = collection
    rows = protocols.by_piece(excerpts, folds, seed, NAMES)
    assert sorted(set(rows["fold"])) == list(range(folds))
    tested: list[str] = []
    validated: list[str] = []
    for _, fold in rows.groupby("fold"):
        assert positions(fold, excerpts) == list(range(len(excerpts)))
        assert fold.groupby("piece")["split"].nunique().max() == 1
        for split in ("train", "validation", "test"):
            labels = set(fold.loc[fold["split"] == split, "label"])
            assert labels == set(excerpts["label"]), split
        tested += list(fold.loc[fold["split"] == "test", "piece"].unique())
        validated += list(fold.loc[fold["split"] == "validation", "piece"].unique())
    everyone = sorted(excerpts["piece"].unique())
    assert sorted(tested) == everyone
    assert sorted(validated) == everyone
    # the classes are spread: their numbers of test pieces differ by at most one between folds
    test = rows[rows["split"] == "test"].drop_duplicates("piece")
    for _, same in test.groupby("label"):
        sizes = [int((same["fold"] == fold).sum()) for fold in range(folds)]
        assert max(sizes) - min(sizes) <= 1
    pd.testing.assert_frame_equal(rows, protocols.by_piece(excerpts, folds, seed, NAMES))


def test_by_piece_depends_on_its_seed() -> None:
    rows = [{"piece": f"{i % 4}_{i}", "excerpt": 0, "label": i % 4} for i in range(80)]
    first, other = (protocols.by_piece(pd.DataFrame(rows), 5, seed, NAMES) for seed in (0, 1))
    assert not first.equals(other)


@settings(deadline=None, max_examples=20)
@given(few=st.integers(1, 5), folds=st.integers(3, 6))
def test_too_few_pieces_name_the_class(few: int, folds: int) -> None:
    assume(few < folds)
    rows = [{"piece": f"C_{i}", "excerpt": 0, "label": 0} for i in range(folds)]
    rows += [{"piece": f"T_{i}", "excerpt": k, "label": 2} for i in range(few) for k in range(9)]
    with pytest.raises(UserError) as caught:
        protocols.by_piece(pd.DataFrame(rows), folds, 0, NAMES)
    assert f"Tango has {few}" in caught.value.expected
    assert "Cha-cha" not in str(caught.value)
    assert caught.value.got == f"{folds} folds"


def test_official_leaves_unused_pieces_out() -> None:
    rows = [{"piece": p, "excerpt": k, "label": 0} for p in "abcd" for k in range(2)]
    split_of = {"a": "test", "b": "unused", "c": "train", "d": "validation"}
    got = protocols.official(pd.DataFrame(rows), split_of)
    assert got["piece"].tolist() == ["a", "a", "c", "c", "d", "d"]
    assert got["split"].tolist() == ["test"] * 2 + ["train"] * 2 + ["validation"] * 2
    assert set(got["fold"]) == {0}
