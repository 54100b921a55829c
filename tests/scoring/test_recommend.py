"""Starts, ranks and the paper's draw, on scores small enough to do by hand."""

from __future__ import annotations

from collections import Counter
from itertools import permutations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import recommend as stage
import yaml
from small_task import DATA, EXCERPT, NAMES, TASK

from motionmusic.errors import UserError
from motionmusic.methods import METHODS
from motionmusic.scoring.recommend import best_moment, best_start, draw, recommendations, top_tracks


@pytest.mark.parametrize(
    ("scores", "start"),
    [
        # window 1 alone is better than either, but what follows it is not
        ([[0, 1, 0.6, 0, 0], [0, 0, 0, 0.6, 0]], 2),
        # from window 2 on, one window of music would be left for two of the dance
        ([[0, 0, 1], [0, 0, 0]], 0),
        ([[0, 0, 1]], 2),
        ([[0, 9], [0, 0], [0, 0]], 0),  # a track shorter than the dance
        (np.ones((2, 6)), 0),
    ],
)
def test_where_the_music_starts(scores: list[list[float]], start: int) -> None:
    assert best_start(np.array(scores, np.float32)) == start


def test_equal_tracks_are_taken_in_order_and_excluded_ones_are_no_candidates() -> None:
    assert top_tracks(np.array([1.0, 3.0, 3.0, 2.0, 3.0]), 4) == [1, 2, 4, 3]
    scores = np.array([1.0, 3.0, 2.0])
    assert [top_tracks(scores, n, {1}) for n in (2, 5)] == [[2, 0]] * 2
    assert top_tracks(scores, 5, {0, 1, 2}) == []


CATEGORIES = ["Waltz", "Rumba", None, "Waltz", "Waltz", "Waltz"]


def test_every_ordered_choice_is_equally_likely() -> None:
    rng = np.random.default_rng(0)
    assert all(sorted(draw(CATEGORIES, "Waltz", 3, rng, {3})) == [0, 4, 5] for _ in range(50))
    n = 6000
    counts = Counter(tuple(draw(CATEGORIES, "Waltz", 2, rng)) for _ in range(n))
    choices = list(permutations([0, 3, 4, 5], 2))
    assert set(counts) == set(choices)
    # chi-squared with 11 degrees of freedom is above 31.3 once in a thousand
    expected = n / len(choices)
    assert sum((counts[each] - expected) ** 2 / expected for each in choices) < 31.3


def test_categories_that_cannot_be_drawn_from() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(UserError, match="none with a label"):
        draw([None, None], "Waltz", 1, rng)
    with pytest.raises(UserError, match=r"Rumba: expected at least 3 .* got 1"):
        draw(CATEGORIES, "Rumba", 3, rng)
    with pytest.raises(UserError, match="got 3"):
        draw(CATEGORIES, "Waltz", 4, rng, {0})


PIECES = pd.DataFrame(
    {
        "label": [0, 0, 1, 1],
        "music_file": ["a.wav", "a.wav", "b.wav", "c.wav"],
        "music_start_s": [1.0, 2.0, 3.0, 4.0],
        "music_bpm": [100.0, 101.0, 110.0, 120.0],
    },
    index=["A_1", "A_2", "B_1", "B_2"],
)


def recommended(method: str, *, own_track: bool = False, top: int = 1) -> pd.DataFrame:
    """For a dance to a.wav: track b.wav fits best at its second excerpt, then a.wav, then c.wav."""
    scores = {"A_1": (5, 5), "A_2": (6, 6), "B_1": (1, 19), "B_2": (0, 2)}
    matches = pd.DataFrame(
        [("A_1", 3, piece, number, float(score))
         for piece, of in scores.items() for number, score in enumerate(of)],
        columns=["piece", "excerpt", "candidate", "candidate_excerpt", "score"],
    )  # fmt: skip
    return recommendations(
        matches, method, 0, PIECES, ["Waltz", "Rumba"], 9.0, top=top, own_track=own_track
    )


def test_a_track_is_recommended_from_the_excerpt_that_fits_best() -> None:
    rows = recommended("contrastive", top=3)
    assert rows["track"].tolist() == ["b.wav", "c.wav"]  # not the dance's own
    first = rows.iloc[0]
    assert (first["score"], first["track_start_s"]) == (10, 3 + 9)
    assert (first["category"], first["bpm"]) == ("Waltz", 100)
    assert (first["track_category"], first["track_bpm"]) == ("Rumba", 110)
    assert rows["rank"].tolist() == [1, 2]
    rows = recommended("contrastive", own_track=True, top=3)
    assert rows["track"].tolist() == ["b.wav", "a.wav", "c.wav"]
    assert rows.iloc[1][["track_piece", "track_start_s"]].tolist() == ["A_2", 2]


def test_the_papers_draw_starts_a_track_at_its_beginning() -> None:
    rows = recommended("category", top=2)
    assert sorted(rows["track"]) == ["b.wav", "c.wav"]
    assert sorted(rows["track_start_s"]) == [3, 4]
    with pytest.raises(UserError, match="Rumba"):
        recommended("category", top=3)


@pytest.mark.usefixtures("small")
def test_the_stage_takes_each_methods_and_seeds_own_scores() -> None:
    """Every method and seed likes another track after the dance's own, and of it the second excerpt."""
    params = yaml.safe_load(Path("params.yaml").read_text("utf-8"))
    params["seeds"], params["matching"]["top"] = [0, 1], 1
    Path("params.yaml").write_text(yaml.safe_dump(params))
    # the numbers of tracks, other than the dance's own
    liked = {(method, seed): 1 + (3 * n + seed) % 11 for n, method in enumerate(METHODS)
             for seed in (0, 1)}  # fmt: skip
    (DATA / "matches").mkdir()
    for (method, seed), track in liked.items():
        rows = [("P_00", 1, name, excerpt, 9.0 * (n == 0) + (n == track) * (1 + excerpt))
                for n, name in enumerate(NAMES) for excerpt in (0, 1)]  # fmt: skip
        columns = ["piece", "excerpt", "candidate", "candidate_excerpt", "score"]
        frame = pd.DataFrame(rows, columns=columns).assign(fold=0)
        frame.to_parquet(DATA / f"matches/{method}-{seed}.parquet")
    tempo = pd.DataFrame({"piece": NAMES, "music_file": "", "music_bpm": range(100, 112)})
    tempo.assign(motion_bpm=60.0).to_csv(DATA / "tempo.csv", index=False)
    stage.main([TASK])
    found = pd.read_csv(DATA / "recommendations.csv")
    assert len(found) == len(liked)
    for row in found.to_dict("records"):
        assert (row["category"], row["bpm"], row["rank"]) == ("Cha-cha", 100, 1)
        if row["method"] != "category":
            number = liked[row["method"], row["seed"]]
            assert (row["track_piece"], row["track"]) == (NAMES[number], f"{NAMES[number]}.wav")
            assert row["track_bpm"] == 100 + number
            assert row["track_category"] == ("Cha-cha", "Rumba", "Tango", "Waltz")[number % 4]
            # the second excerpt begins where the first ends, in the track's own seconds
            assert row["track_start_s"] == pytest.approx(0.5 + 0.1 * number + EXCERPT / 25)


def test_the_best_moment_is_the_highest_correlation_of_all() -> None:
    random = np.random.default_rng(0)
    music = random.random((400, 3)) + np.linspace(0, 9, 400)[:, None]  # what drifts is no match
    motion = music[120:270] * 2 + 5 + 0.1 * random.random((150, 3))
    agreement, first = best_moment(motion.astype(np.float32), music.astype(np.float32))
    assert first == 120
    each = []
    for start in range(251):
        a, b = (x - x.mean(0) for x in (motion, music[start : start + 150]))
        each.append((a * b).sum() / np.linalg.norm(a) / np.linalg.norm(b))
    assert np.argmax(each) == 120
    assert agreement == pytest.approx(each[120], abs=1e-5)
    # a dance longer than its music
    assert best_moment(music, music[:100])[1] == 0
    assert best_moment(music, np.ones((100, 3)))[0] == pytest.approx(0, abs=1e-3)
