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
from motionmusic.data.choreonet import body_of
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


@settings(max_examples=15)
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
        ("paper", 1, 6), ("published", 1, 6), ("by_piece", 3, 6), ("by_figure", 3, 6),
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
    with pytest.raises(UserError, match="ignore_list") as caught:  # no list is no empty one
        splits.split(
            "m2d.task", segment(protocol="official_clean", folds=1), excerpts,
            table.assign(broken_tracking=None), spans, NAMES,
        )  # fmt: skip
    assert caught.value.where == "segment.m2d.task.protocol"
    settings = segment(protocol="by_body", folds=2)
    with pytest.raises(UserError) as caught:  # of no known body; the task is named
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
    """Segments of one or two takes each, every take alone in at least one; two takes a figure."""
    folds = draw(st.integers(3, 5))
    rows: list[tuple[int, list[str]]] = []
    for label in range(draw(st.integers(1, 3))):
        figures = draw(st.integers(folds, folds + 8))
        units = [f"{label}-{i}-{take}" for i in range(figures) for take in (1, 2)]
        rows += [(label, [unit]) for unit in units]
        pairs = st.lists(st.sampled_from(units), min_size=1, max_size=3, unique=True)
        rows += [(label, pair) for pair in draw(st.lists(pairs, max_size=20))]
    return danced(*draw(st.permutations(rows))), folds


def sides(fold: pd.DataFrame, names: pd.Series[Any]) -> dict[str, set[str]]:
    """By split: every name of its segments; ``names`` has a set for each row."""
    return {
        split: set().union(*names[(fold["split"] == split).to_numpy()]) for split in splits.SPLITS
    }


def figures_of(segments: pd.DataFrame) -> pd.Series[Any]:
    return segments["units"].map(lambda units: {unit.rpartition("-")[0] for unit in units})


@settings(max_examples=15)
@given(danced=dances(), seed=st.integers(0, 100))
def test_by_figure_never_divides_a_figure(danced: tuple[pd.DataFrame, int], seed: int) -> None:
    segments, folds = danced
    rows, figures = splits.by_figure(segments, folds, seed, NAMES), figures_of(segments)
    for _, fold in rows.groupby("fold"):
        assert fold["piece"].tolist() == segments["piece"].tolist()
        found = sides(fold, figures)
        assert not found["train"] & found["validation"]
        assert not found["train"] & found["test"]
        assert not found["validation"] & found["test"]
        # what is dropped could be on no side
        for dropped in figures[(fold["split"] == "dropped").to_numpy()]:
            assert not any(dropped <= some for some in found.values())
    for split in ("test", "validation"):
        some = rows[rows["split"] == split]
        assert not some.duplicated("piece").any()
        alone = segments.loc[figures.map(len) == 1, "piece"]
        assert set(alone) <= set(some["piece"])
    pd.testing.assert_frame_equal(rows, splits.by_figure(segments, folds, seed, NAMES))


def test_by_figure_deals_segments_evenly() -> None:
    """A figure with as many segments as all others has a part of its own; the others are alike."""
    rows = [(0, ["F-big-1"])] * 40 + [(0, [f"F-{i}-1"]) for i in range(20) for _ in range(2)]
    got = splits.by_figure(danced(*rows), 5, 0, NAMES)
    tested = sorted(Counter(got.loc[got["split"] == "test", "fold"]).values())
    assert tested == [10, 10, 10, 10, 40]
    assert not got.equals(splits.by_figure(danced(*rows), 5, 1, NAMES))


def test_by_figure_needs_figures() -> None:
    takes = [(1, ["R-1-1"]), (1, ["R-1-2"]), (1, ["R-2-1"])]  # of two figures
    with pytest.raises(UserError, match="Rumba has 2") as caught:
        splits.by_figure(danced((0, "a"), (0, "b"), (0, "c"), *takes), 3, 0, NAMES)
    assert caught.value.got == "3 folds"
    # Rumba's figures never come alone
    mixed = danced((0, "a"), (0, "b"), (0, "c"), (1, "de"), (1, "ef"), (1, "fd"))
    with pytest.raises(UserError, match="none of Rumba in train of fold 0"):
        splits.by_figure(mixed, 3, 0, NAMES)
    with pytest.raises(UserError, match="Cha-cha has 0"):
        splits.by_figure(danced((0, "")), 3, 0, NAMES)


def bodies(*, of_waltz: int = 0) -> tuple[pd.DataFrame, dict[str, str]]:
    """Cha-cha and rumba danced by both bodies, waltz by A and a few figures of it by B.

    Of cha-cha and rumba eight figures in two takes from A, six from B of which two are A's too, and
    a few segments that touch both sides or START.
    """
    rows: list[tuple[int, list[str]]] = []
    of = {"START": "unknown"}
    for label in (0, 1, 3):
        a = [f"{label}-{figure}-{take}" for figure in range(8) for take in (1, 2)]
        b = [f"{label}-{figure}-9" for figure in range(6, 12)]
        b = b if label < 3 else b[:of_waltz]
        of |= dict.fromkeys(a, "A") | dict.fromkeys(b, "B")
        rows += [(label, [unit]) for unit in [*a, *b] for _ in range(3)]
        rows += [(label, [a[0], "START"]), (label, ["START"])]
        rows += [(label, [a[0], b[0]])] if b else []
    return danced(*rows), of


def spans(segments: pd.DataFrame, of: dict[str, str]) -> pd.DataFrame:
    """One span a segment, in a capture of its unit's body."""
    session = {"A": "15", "B": "ll_qq_02_2", "unknown": "unknown"}
    rows = segments[["piece", "units"]].explode("units").rename(columns={"units": "unit"})
    return rows.assign(capture=rows["unit"].map(of).map(session), start=0, end=25)


def test_by_body_trains_on_one_body_and_tests_on_the_other() -> None:
    segments, of = bodies()
    segments = segments[segments["label"] < 3].reset_index(drop=True)
    rows = splits.by_body(segments, of, 0, NAMES)
    assert sorted(set(rows["fold"])) == [0, 1]
    for number, fold in rows.groupby("fold"):
        assert fold["piece"].tolist() == segments["piece"].tolist()
        units, figures = sides(fold, segments["units"]), sides(fold, figures_of(segments))
        found = {split: {of[unit] for unit in units[split]} for split in units}
        trains, tests = ("A", "B") if number == 0 else ("B", "A")
        assert found == {"train": {trains}, "validation": {trains}, "test": {tests}}
        assert not figures["train"] & figures["validation"]  # takes are dealt together
        assert (fold["split"] == "dropped").sum() == 6
        counts = fold.groupby(["label", "split"]).size()
        assert counts[0, "test"] == counts[1, "test"] == 3 * (6 if number == 0 else 16)
    for split in ("test", "validation"):
        assert not rows[rows["split"] == split].duplicated("piece").any()
    assert not rows.equals(splits.by_body(segments, of, 1, NAMES))


def test_body_a_learns_all_types_and_tests_those_of_both_bodies() -> None:
    segments, of = bodies(of_waltz=4)
    rows = splits.body_a(segments, of, 0, NAMES)
    assert set(rows["fold"]) == {0}
    units = sides(rows, segments["units"])
    found = {split: {of[unit] for unit in units[split]} for split in units}
    assert found == {"train": {"A"}, "validation": {"A"}, "test": {"B"}}
    for split, labels in (("train", {0, 1, 3}), ("validation", {0, 1, 3}), ("test", {0, 1})):
        assert set(rows.loc[rows["split"] == split, "label"]) == labels
    with pytest.raises(UserError, match="for body_a at least 5 figures of some class"):
        splits.body_a(segments, dict.fromkeys(of, "A"), 0, NAMES)


def test_by_body_needs_two_bodies() -> None:
    segments, of = bodies(of_waltz=4)
    with pytest.raises(UserError, match="too few of Waltz") as caught:
        splits.by_body(segments, of, 0, NAMES)
    assert "take Waltz out" in caught.value.remedy


def test_types_that_both_bodies_danced_take_part() -> None:
    """Waltz has four figures of B, one too few; the types that are left are numbered anew."""
    segments, of = bodies(of_waltz=4)
    pieces = segments[["piece", "label"]].assign(label=segments["label"].replace({1: 2, 3: 1}))
    labels = {"C": "Cha-cha", "W": "Waltz", "R": "Rumba"}
    kept, names = splits.taking_part("by_body", pieces, spans(segments, of), labels)
    assert names == {"C": "Cha-cha", "R": "Rumba"}
    assert kept["piece"].tolist() == segments.loc[segments["label"] < 3, "piece"].tolist()
    assert kept["label"].tolist() == segments.loc[segments["label"] < 3, "label"].tolist()
    for protocol in ("body_a", "by_piece"):
        same, all_names = splits.taking_part(protocol, pieces, spans(segments, of), labels)
        assert same is pieces
        assert all_names == labels
    with pytest.raises(UserError, match="two types with at least 5 figures"):
        splits.taking_part("by_body", pieces, spans(segments, dict.fromkeys(of, "A")), labels)


@pytest.mark.parametrize(
    ("capture", "body"),
    [("14", "A"), ("20", "A"), ("ll_qq_4_1", "B"), ("ll_lb_11_5", "B"), ("mm_hez_02_1", "B"),
     ("1", "unknown"), ("200", "unknown"), ("mm_tg_01_1", "unknown"), ("unknown", "unknown")],
)  # fmt: skip
def test_bodies_of_captures(capture: str, body: str) -> None:
    assert body_of(capture) == body
