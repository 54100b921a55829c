"""Four tracks, seven excerpts: every number of the table can be counted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from motionmusic.errors import UserError
from motionmusic.scoring import matches as scored
from motionmusic.scoring.matches import METRICS, Facts, evaluate

Key = tuple[str, int]
# piece → label, tempo of the music, of the motion, excerpts
PIECES = {
    "A1": (0, 100, 111, 2), "A2": (0, 110, 100, 2), "B1": (1, 150, 151, 2), "B2": (1, 160, 149, 1),
}  # fmt: skip
GALLERY: list[Key] = [(piece, n) for piece, facts in PIECES.items() for n in range(facts[3])]
TESTED = {0: ("A1", "B1"), 1: ("A2", "B2")}
EXCERPT_S = 2.0
MUSIC_BEAT = {"A1": 0.5, "A2": 1.5, "B1": 0.5}  # seconds into each excerpt; B2's music has none


def facts(music_file: dict[str, str] | None = None) -> Facts:
    files = {piece: f"{piece}.ogg" for piece in PIECES} | (music_file or {})
    known = pd.DataFrame(
        [(*of[:3], files[piece]) for piece, of in PIECES.items()],
        index=list(PIECES), columns=["label", "music_bpm", "motion_bpm", "music_file"],
    )  # fmt: skip
    beats = [
        {"piece": piece, "kind": kind, "time_s": n * EXCERPT_S + at}
        for piece, n in GALLERY
        for kind, at in [
            ("motion_mint", 0.5), ("motion_bailando", 1.5), ("music", MUSIC_BEAT.get(piece)),
        ]
        if at is not None
    ]  # fmt: skip
    return Facts(known, known.astype({"music_bpm": float}), pd.DataFrame(beats), EXCERPT_S)


def matches(score: Callable[[Key, Key], float]) -> pd.DataFrame:
    """What a stage writes, the score being a function of query and candidate."""
    rows = [
        {"fold": fold, "piece": query[0], "excerpt": query[1], "candidate": candidate[0],
         "candidate_excerpt": candidate[1], "score": np.float32(score(query, candidate))}
        for fold, tested in TESTED.items()
        for query in GALLERY if query[0] in tested
        for candidate in GALLERY
    ]  # fmt: skip
    return pd.DataFrame(rows)


def perfect(query: Key, candidate: Key) -> float:
    return float(query == candidate)


def by_category(query: Key, candidate: Key) -> float:
    """The paper's method, which takes A2 for a dance of the other category."""
    predicted = 1 if query[0] == "A2" else PIECES[query[0]][0]
    return float(PIECES[candidate[0]][0] == predicted)


def measured(
    *frames: pd.DataFrame, own_track: bool = False, known: Facts | None = None
) -> dict[str, Any]:
    return evaluate(
        {"category": [matches(by_category)], "infonce": list(frames)}, known or facts(),
        negatives=100, own_track=own_track, seed=0, resamples=200,
    )  # fmt: skip


def values(found: dict[str, Any], row: str) -> dict[str, float]:
    return {name: number.value for name, number in found["rows"][row].items()}


def test_what_there_is_is_counted() -> None:
    found = measured(matches(perfect))
    assert (found["queries"], found["pieces"], found["folds"]) == (7, 4, 2)
    assert found["tracks"] == 4
    # a piece of two excerpts leaves five of other tracks
    assert found["negatives"] == 5
    assert found["seeds"] == 1
    assert list(found["rows"]) == ["chance", "tempo", "category", "infonce", "own_tempo", "known"]
    for row in found["rows"].values():
        assert list(row) == list(METRICS)


def test_chance_is_what_combinatorics_says() -> None:
    chance = values(measured(matches(perfect)), "chance")
    # of the three other tracks one is of the dance's category
    assert chance["hit_1"] == pytest.approx(1 / 3)
    assert chance["hit_3"] == pytest.approx(1)
    assert chance["recall_1"] == pytest.approx(1 / 4)
    assert chance["recall_5"] == chance["recall_10"] == 1
    assert chance["median_rank"] == 2.5
    assert chance["among_1"] == pytest.approx(1 / 6)
    assert chance["among_10"] == chance["among_25_by_popularity"] == 1
    # the mean of how far the three other tracks' tempi are off, at double and half tempo as well
    off = {"A1": (10, 25, 20), "A2": (10, 35, 30), "B1": (50, 40, 10), "B2": (40, 50, 10)}
    expected = sum(PIECES[piece][3] * sum(three) / 3 for piece, three in off.items()) / 7
    assert chance["tempo"] == pytest.approx(expected)


def test_a_perfect_method_is_perfect() -> None:
    found = values(measured(matches(perfect)), "infonce")
    for name in ("recall_1", "recall_5", "recall_10", "among_1", "among_10", "median_rank"):
        assert found[name] == 1
    assert found["recall_10_by_popularity"] == found["among_25_by_popularity"] == 1
    # without its own track it has nothing to choose by
    assert found["hit_1"] == pytest.approx(1 / 3)
    shown = values(measured(matches(perfect), own_track=True), "infonce")
    assert shown["hit_1"] == 1
    assert shown["tempo"] == 0
    assert shown["recall_1"] == 1


def test_the_category_told_or_predicted_finds_one_of_its_two_tracks() -> None:
    found = measured(matches(perfect))
    known, paper = values(found, "known"), values(found, "category")
    assert known["hit_1"] == known["hit_3"] == paper["hit_3"] == 1  # of three other tracks
    assert known["recall_1"] == pytest.approx(1 / 2)
    assert known["median_rank"] == paper["median_rank"] == 1.5
    # 10 bpm between the two tracks of either category
    assert known["tempo"] == pytest.approx(10)
    assert paper["hit_1"] == pytest.approx(5 / 7)
    assert paper["recall_1"] == pytest.approx(5 / 7 / 2)
    assert paper["recall_5"] == 1


def test_differences_to_the_papers_method_are_paired() -> None:
    """A method that gives its scores differs by nothing, however much it varies over pieces."""
    found = measured(matches(by_category))
    assert list(found["differences"]) == ["infonce"]
    own = found["rows"]["category"]["hit_1"]
    assert own.high - own.low > 0.3
    for difference in found["differences"]["infonce"].values():
        assert (difference.value, difference.low, difference.high) == (0, 0, 0)
    better = measured(matches(lambda query, candidate: by_category(("B1", 0), candidate)))
    right = better["rows"]["infonce"]["hit_1"].value
    assert right == pytest.approx(3 / 7)  # all take B1 or B2: right for B1 and B2 alone
    assert better["differences"]["infonce"]["hit_1"].value == pytest.approx(3 / 7 - 5 / 7)


def test_tempo_alone_takes_the_track_of_the_motions_tempo() -> None:
    """Motions step at 111, 100, 151 and 149 bpm: each nearest to another track than its own."""
    tempo = values(measured(matches(perfect)), "tempo")
    assert tempo["hit_1"] == pytest.approx(1)
    assert tempo["tempo"] == pytest.approx(10)
    # only B1's own track, 1 bpm off, is nearest
    assert tempo["recall_1"] == pytest.approx(2 / 7)
    assert tempo["recall_5"] == 1


def test_beats_are_those_of_the_excerpt_that_is_recommended() -> None:
    found = measured(matches(perfect))
    # own music: in time with Bailando's beats for A2; A1 and B1 are a second off; B2 has no beats
    assert found["own"].value == pytest.approx(2 / 6)
    chance = values(found, "chance")
    others = {"A1": (0, 1, 0), "A2": (1, 1, 0), "B1": (1, 0, 0), "B2": (1, 0, 1)}
    mint = sum(PIECES[piece][3] * sum(three) / 3 for piece, three in others.items()) / 7
    assert chance["alignment_mint"] == pytest.approx(mint)
    # without B2's music, which has no beats, two tracks are left, or three where it is excluded
    fewer = {"A1": 1 / 2, "A2": 0, "B1": 1 / 2, "B2": 1 / 3}
    bailando = sum(PIECES[piece][3] * value for piece, value in fewer.items()) / 7
    assert chance["alignment_bailando"] == pytest.approx(bailando)


def test_within_is_seconds_from_the_excerpts_start() -> None:
    beats = pd.DataFrame(
        {"piece": ["A1"] * 5 + ["A2"], "kind": ["music"] * 4 + ["motion_mint", "music"],
         "time_s": [0.5, 1.999, 2.0, 3.5, 2.1, 2.2]}
    )  # fmt: skip
    known = Facts(facts().pieces, facts().tempo, beats, EXCERPT_S)
    np.testing.assert_allclose(known.within("music", "A1", 0), [0.5, 1.999])
    np.testing.assert_allclose(known.within("music", "A1", 1), [0, 1.5])
    assert known.within("music", "A1", 2).size == 0


def test_a_rare_track_weighs_more() -> None:
    """Right for B2 alone, of one excerpt; all other tracks have two."""

    def score(query: Key, candidate: Key) -> float:
        return float(query == candidate) if query[0] == "B2" else -perfect(query, candidate)

    rows = measured(matches(score))["rows"]["infonce"]
    assert rows["recall_1"].value == pytest.approx(1 / 7)
    assert rows["among_1"].value == pytest.approx(1 / 7)
    assert rows["among_25_by_popularity"].value == 1
    frame = pd.DataFrame(
        {"piece": ["a", "b", "c", "d"], "popularity": [2, 2, 2, 1], "recall_10": [0.0, 0, 0, 1]}
    )
    weighted = scored._number(frame, "recall_10_by_popularity", 0, 10)
    assert weighted.value == pytest.approx(1 / (3 * 0.5 + 1))


def test_seeds_are_averaged_query_by_query() -> None:
    worst = matches(lambda query, candidate: -perfect(query, candidate))
    found = measured(matches(perfect), worst)
    assert found["seeds"] == 2
    assert found["queries"] == 7
    rows = values(found, "infonce")
    assert rows["recall_1"] == pytest.approx(1 / 2)
    assert rows["median_rank"] == pytest.approx(2.5)  # (1 + 4) / 2 for every query


def test_a_track_of_two_pieces_is_one_track() -> None:
    """A1 and A2 are danced to the same sound: no other track of their category is left."""
    known = facts({"A1": "a.ogg", "A2": "a.ogg"})
    found = measured(matches(perfect), known=known)
    assert found["tracks"] == 3
    assert found["negatives"] == 3  # of four excerpts that A1 and A2 share, three are others'
    rows = values(found, "known")
    assert rows["hit_1"] == pytest.approx(3 / 7)  # B1 and B2
    assert rows["recall_1"] == pytest.approx((4 * 1 + 3 * 0.5) / 7)


def test_methods_that_were_tested_on_other_excerpts_are_refused() -> None:
    whole = matches(perfect)
    for other in (whole[whole["piece"] != "B2"], whole.iloc[::-1].reset_index(drop=True)):
        with pytest.raises(UserError) as error:
            evaluate(
                {"category": [whole], "synchrony": [other]}, facts(), negatives=3, own_track=False,
                seed=0, resamples=10,
            )  # fmt: skip
        assert error.value.file == "synchrony"
        assert "category" in error.value.expected


def test_the_own_track_among_tracks_of_one_tempo() -> None:
    # 100.5 is within 1 % of 100 and of 200.5 at half its beats; the others are alone
    tempo = facts().tempo.assign(music_bpm=[100.0, 100.5, 150.0, 200.5])
    given = Facts(facts().pieces, tempo, facts().beats, EXCERPT_S)
    best = {"A1": "B2", "A2": "A2", "B1": "A1", "B2": "B2"}
    frame = matches(lambda query, candidate: float(best[query[0]] == candidate[0]))
    found = evaluate({"category": [frame]}, given, 3, True, 0, 100)
    rows = {name: of["same_tempo"].value for name, of in found["rows"].items()}
    # B1 has no rival; of the five other queries the two of A1 prefer another track
    assert rows["category"] == pytest.approx(3 / 5)
    assert rows["chance"] == pytest.approx(1 / 3)
    # of one category are A1 and A2, B2 is alone
    assert rows["known"] == pytest.approx((4 / 2 + 1) / 5)
    # told the tempo, its own track comes first, as no other has the very same one
    assert rows["own_tempo"] == 1


def test_rows_of_the_table_keep_each_score_with_its_pair() -> None:
    excerpts = matches(perfect).assign(score_of_joints=3.0)
    whole = pd.DataFrame(
        [(a, b, 10 * i + j) for i, a in enumerate(PIECES) for j, b in enumerate(PIECES)][::-1],
        columns=["piece", "candidate", "score"],
    )
    scores = {"category": [excerpts], "synchrony": [matches(perfect)]}
    rows = scored.rows_of(scores, [whole])
    assert list(rows) == ["category", "category_joints", "synchrony", "whole"]
    assert (rows["category_joints"][0]["score"] == 3).all()
    place = {piece: n for n, piece in enumerate(PIECES)}
    expected = 10 * excerpts["piece"].map(place) + excerpts["candidate"].map(place)
    assert rows["whole"][0]["score"].tolist() == expected.tolist()


def test_whole_dances_are_queries_of_their_own() -> None:
    fold = {piece: n for n, pieces in TESTED.items() for piece in pieces}
    whole = pd.DataFrame(
        [(fold[a], a, b, float(a == b)) for a in PIECES for b in PIECES],
        columns=["fold", "piece", "candidate", "score"],
    ).sort_values("fold", kind="stable")
    found = evaluate(scored.of_whole_dances([whole, whole]), facts(), 3, True, 0, 100)
    assert (found["queries"], found["tracks"], found["seeds"]) == (4, 4, 2)
    assert list(found["rows"]) == ["chance", "tempo", "whole", "own_tempo", "known"]
    assert found["rows"]["whole"]["recall_1"].value == 1
    assert found["rows"]["chance"]["recall_1"].value == 0.25
    assert found["differences"] == {}
