"""Who is in train, validation and test."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motionmusic.data import splits
from motionmusic.errors import UserError
from motionmusic.features.segments import every_segment, units_of_segments
from motionmusic.params import Segment

# the authors' 46 test excerpts of 136 and their labels, typed anew
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
    """The authors' 136 excerpts, in class order."""
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


def test_paper_is_the_split_of_the_authors_files() -> None:
    excerpts = m2d()
    assert len(excerpts) == 136
    rows = splits.paper(excerpts)
    test = rows[rows["split"] == "test"]
    assert positions(test, excerpts) == TEST_POSITIONS
    assert test["label"].tolist() == TEST_LABELS
    order = positions(rows, excerpts)
    assert order[:10] == [26, 8, 54, 113, 43, 84, 22, 50, 45, 24]
    assert sorted(order) == list(range(136))
    assert rows["split"].tolist() == ["train"] * 45 + ["validation"] * 45 + ["test"] * 46
    assert pd.crosstab(rows["split"], rows["label"]).to_numpy().tolist() == [
        [10, 11, 12, 13], [13, 11, 12, 9], [11, 12, 10, 12],
    ]  # fmt: skip
    assert set(rows["fold"]) == {0}


def test_published_is_thirds_of_each_class_in_name_order() -> None:
    excerpts = m2d()
    rows = splits.published(excerpts)
    assert positions(rows, excerpts) == list(range(136))
    assert rows["split"].tolist() == ((["train"] * 11 + ["validation"] * 11 + ["test"] * 12) * 4)
    assert set(rows["fold"]) == {0}
    # one test excerpt shares a piece with training, a tango; none is adjacent
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


@settings(deadline=None, max_examples=15)
@given(collection=collections(), seed=st.integers(0, 100))
def test_by_piece_never_divides_a_piece(collection: tuple[pd.DataFrame, int], seed: int) -> None:
    excerpts, folds = collection
    rows = splits.by_piece(excerpts, folds, seed, NAMES)
    assert sorted(set(rows["fold"])) == list(range(folds))
    of_pieces = rows.drop_duplicates(["fold", "split", "piece"])
    for _, fold in rows.groupby("fold"):
        assert positions(fold, excerpts) == list(range(len(excerpts)))
        assert fold.groupby("piece")["split"].nunique().max() == 1
        assert (fold.groupby("split")["label"].nunique() == excerpts["label"].nunique()).all()
        assert set(fold["split"]) == set(splits.SPLITS)
    for split in ("test", "validation"):
        pieces = of_pieces.loc[of_pieces["split"] == split, "piece"]
        assert sorted(pieces) == sorted(excerpts["piece"].unique())
    # the classes are spread: their numbers of test pieces differ by at most one between folds
    test = rows[rows["split"] == "test"].drop_duplicates("piece")
    sizes = pd.crosstab(test["label"], test["fold"])
    assert (sizes.max(axis=1) - sizes.min(axis=1)).max() <= 1
    pd.testing.assert_frame_equal(rows, splits.by_piece(excerpts, folds, seed, NAMES))


def test_too_few_pieces_name_the_class() -> None:
    rows = [{"piece": f"C_{i}", "excerpt": 0, "label": 0} for i in range(4)]
    rows += [{"piece": f"T_{i}", "excerpt": k, "label": 2} for i in range(3) for k in range(9)]
    with pytest.raises(UserError, match=r"\(Tango has 3\), got 4 folds") as caught:
        splits.by_piece(pd.DataFrame(rows), 4, 0, NAMES)
    assert "Cha-cha" not in str(caught.value)


def segment(**changes: Any) -> Segment:
    values = {"excerpt_frames": 50, "excerpts": "all", "choose": "first", "protocol": "by_piece"}
    return Segment.model_validate(values | {"folds": 3, "seed": 0} | changes)


def test_split_by_protocol() -> None:
    """Every segment once a fold, as the protocol's own function has it."""
    pieces = [f"{code}_{n}" for code in "CR" for n in range(3)]
    excerpts = pd.DataFrame({"piece": pieces, "excerpt": 0, "label": [0, 0, 0, 1, 1, 1]})
    official = ["train", "validation", "test"] * 2
    table = pd.DataFrame(
        {"piece": pieces, "official_split": official, "broken_tracking": [False, True] * 3}
    )
    spans = pd.DataFrame({"piece": pieces, "start": 0, "end": 99, "unit": pieces, "capture": "a"})
    for protocol, folds, n in (
        ("paper", 1, 6), ("published", 1, 6), ("by_piece", 3, 6), ("by_unit", 3, 6),
        ("official", 1, 6), ("official_clean", 1, 3),
    ):  # fmt: skip
        settings = segment(protocol=protocol, folds=folds)
        rows = splits.split("t", settings, excerpts, table, spans, NAMES)
        assert {"fold", "split", "piece", "excerpt", "segment", "label"} <= set(rows.columns)
        assert len(rows) == folds * n * 2
        assert rows.groupby("fold").size().tolist() == [2 * n] * folds
        if protocol.startswith("official"):
            assert set(rows["piece"]) == set(
                table["piece"][[True] * 6 if n == 6 else [True, False] * 3]
            )
            of = dict(zip(pieces, official, strict=True))
            assert [of[piece] for piece in rows["piece"]] == rows["split"].tolist()
    settings = segment(protocol="by_capture", folds=2)
    with pytest.raises(UserError) as caught:  # a capture of one session; the task is named
        splits.split("m2d.task", settings, excerpts, table, spans, NAMES)
    assert caught.value.where == "segment.m2d.task.protocol"


@pytest.mark.parametrize("protocol", [splits.paper, splits.published])
def test_too_few_for_thirds(protocol: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    rows = [{"piece": f"C_{i}", "excerpt": 0, "label": 0} for i in range(2)]
    with pytest.raises(UserError, match="at least 3 excerpts"):
        protocol(pd.DataFrame(rows))


def test_segments_of_excerpts_and_their_units() -> None:
    excerpts = pd.DataFrame([{"piece": "b", "excerpt": 1}, {"piece": "a", "excerpt": 0}])
    segments = every_segment(excerpts, 2)
    assert segments.to_numpy().tolist() == [["b", 1, 0], ["b", 1, 1], ["a", 0, 0], ["a", 0, 1]]
    spans = pd.DataFrame(
        [("b", 0, 55, "x"), ("b", 55, 79, "y"), ("b", 79, 80, "z"), ("b", 80, 495, "x"),
         ("c", 0, 99, "w")],
        columns=["piece", "start", "end", "unit"],
    )  # fmt: skip
    # segments of 25 frames in excerpts of 55: frames 55 to 79 and 80 to 104 of b
    units = units_of_segments(segments, spans, 55).tolist()
    assert units == [{"y", "z"}, {"x"}, set(), set()]


def danced(*pieces: tuple[int, Sequence[str]]) -> pd.DataFrame:
    """Segments of (label, units), one after the other."""
    rows = [
        {"piece": f"p{number}", "excerpt": 0, "segment": 0, "label": label, "units": frozenset(units)}
        for number, (label, units) in enumerate(pieces)
    ]  # fmt: skip
    return pd.DataFrame(rows)


@st.composite
def dances(draw: st.DrawFn) -> tuple[pd.DataFrame, int]:
    """Segments of one or two units each, every unit alone in at least one of them."""
    folds = draw(st.integers(3, 5))
    rows: list[tuple[int, list[str]]] = []
    for label in range(draw(st.integers(1, 3))):
        units = [f"{label}-{i}" for i in range(draw(st.integers(folds, folds + 8)))]
        rows += [(label, [unit]) for unit in units]
        pairs = st.lists(st.sampled_from(units), min_size=1, max_size=3, unique=True)
        rows += [(label, pair) for pair in draw(st.lists(pairs, max_size=20))]
    return danced(*draw(st.permutations(rows))), folds


@settings(deadline=None, max_examples=15)
@given(danced=dances(), seed=st.integers(0, 100))
def test_by_unit_never_divides_a_unit(danced: tuple[pd.DataFrame, int], seed: int) -> None:
    segments, folds = danced
    rows = splits.by_unit(segments, folds, seed, NAMES)
    for _, fold in rows.groupby("fold"):
        assert fold["piece"].tolist() == segments["piece"].tolist()
        units = {
            split: set().union(*segments["units"][(fold["split"] == split).to_numpy()])
            for split in ("train", "validation", "test")
        }
        assert not units["train"] & units["validation"]
        assert not units["train"] & units["test"]
        assert not units["validation"] & units["test"]
        # what is dropped could be on no side
        for dropped in segments["units"][(fold["split"] == "dropped").to_numpy()]:
            assert not any(dropped <= some for some in units.values())
    for split in ("test", "validation"):
        some = rows[rows["split"] == split]
        assert not some.duplicated("piece").any()
        alone = segments.loc[segments["units"].map(len) == 1, "piece"]
        assert set(alone) <= set(some["piece"])
    pd.testing.assert_frame_equal(rows, splits.by_unit(segments, folds, seed, NAMES))


def test_by_unit_deals_segments_evenly() -> None:
    """A unit with as many segments as all others has a part of its own; the others are alike."""
    rows = [(0, ["big"])] * 40 + [(0, [f"small{i}"]) for i in range(20) for _ in range(2)]
    got = splits.by_unit(danced(*rows), 5, 0, NAMES)
    tested = sorted(Counter(got.loc[got["split"] == "test", "fold"]).values())
    assert tested == [10, 10, 10, 10, 40]
    assert not got.equals(splits.by_unit(danced(*rows), 5, 1, NAMES))


def test_by_unit_needs_units() -> None:
    with pytest.raises(UserError, match="Rumba has 2") as caught:
        splits.by_unit(danced((0, "a"), (0, "b"), (0, "c"), (1, "d"), (1, "e")), 3, 0, NAMES)
    assert caught.value.got == "3 folds"
    # Rumba's units never come alone
    mixed = danced((0, "a"), (0, "b"), (0, "c"), (1, "de"), (1, "ef"), (1, "fd"))
    with pytest.raises(UserError, match="none of Rumba in train of fold 0"):
        splits.by_unit(mixed, 3, 0, NAMES)
    with pytest.raises(UserError, match="Cha-cha has 0"):
        splits.by_unit(danced((0, "")), 3, 0, NAMES)


def sessions() -> tuple[pd.DataFrame, dict[str, str]]:
    """Two classes of eight units in the main session and six in two others, and a few mixtures."""
    rows: list[tuple[int, list[str]]] = []
    captures = {"?": "unknown"}
    for label in range(2):
        units = [f"{label}{letter}" for letter in "abcdefghijklmn"]
        for number, unit in enumerate(units):
            captures[unit] = f"main{label}" if number < 8 else f"other{label}{number % 2}"
        rows += [(label, [unit]) for unit in units for _ in range(3)]
        rows += [(label, [units[7], units[8]]), (label, [units[0], "?"]), (label, ["?"])]
    return danced(*rows), captures


def test_by_capture_tests_other_sessions() -> None:
    segments, captures = sessions()
    rows = splits.by_capture(segments, captures, 0, NAMES)
    assert sorted(set(rows["fold"])) == [0, 1]
    for number, fold in rows.groupby("fold"):
        assert fold["piece"].tolist() == segments["piece"].tolist()
        units = {
            split: set().union(*segments["units"][(fold["split"] == split).to_numpy()])
            for split in ("train", "validation", "test")
        }
        found = {split: {captures[unit] for unit in units[split]} for split in units}
        main = {"main0", "main1"}
        others = {"other00", "other01", "other10", "other11"}
        assert found["test"] == (others if number == 0 else main)
        assert found["train"] | found["validation"] == (main if number == 0 else others)
        assert not units["train"] & units["validation"]
        assert (fold["split"] == "dropped").sum() == 6
    for split in ("test", "validation"):
        assert not rows[rows["split"] == split].duplicated("piece").any()
    assert not rows.equals(splits.by_capture(segments, captures, 1, NAMES))


def test_by_capture_needs_two_sessions() -> None:
    segments, captures = sessions()
    for unit in captures:
        if captures[unit].startswith("other1"):
            captures[unit] = "main1"
    with pytest.raises(UserError, match="14 and 0 of Rumba") as caught:
        splits.by_capture(segments, captures, 0, NAMES)
    assert "take Rumba out" in caught.value.remedy
