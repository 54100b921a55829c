"""Motion made for music: values by hand, intervals by brute force."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from motionmusic.features.beats import alignment_by_chance, beat_alignment, motion_beats
from motionmusic.scoring import motion_errors as measures
from motionmusic.scoring.generated import (
    ERRORS,
    MEASURES,
    REFERENCES,
    Dances,
    Made,
    Perceive,
    evaluate,
    systems,
)
from motionmusic.scoring.intervals import Interval

Motion = NDArray[np.float32]
FRAMES, RESAMPLES = 270, 300
FOLD = {"A": 0, "B": 0, "C": 0, "D": 1, "E": 1}
IDS = ["fold", "piece", "excerpt"]


def dance(number: int) -> Motion:
    """Keypoints that swing, each at its own pace; 24 s."""
    rng = np.random.default_rng(number)
    t = np.arange(720)[:, None, None] / 30
    pace, phase = rng.uniform(0.5, 2.5, (13, 2)), rng.uniform(0, 6, (13, 2))
    width = rng.uniform(0.02, 0.08, (13, 2))
    return (0.5 + width * np.sin(2 * np.pi * pace * t + phase)).astype(np.float32)


MOTIONS = {piece: dance(number) for number, piece in enumerate(FOLD)}
DANCES = Dances(
    MOTIONS,
    pd.DataFrame({"label": 0, "music_file": [f"{piece}.ogg" for piece in FOLD]}, index=list(FOLD)),
    {piece: np.asarray(np.arange(40) * 0.7, np.float64) for piece in FOLD},
    {0: ["D", "E"], 1: ["A", "B", "C"]},
)
CLIPS = pd.DataFrame(
    [{"fold": fold, "piece": piece, "excerpt": excerpt, "start": excerpt * FRAMES}
     for piece, fold in FOLD.items() for excerpt in range(1 + (piece < "C"))]
)  # fmt: skip


def see(fold: int, motions: Motion) -> Motion:
    """A judge that sees x once and y twice as large."""
    twice = np.tile(np.array([1, 2], np.float32), 13)
    return np.asarray(motions.reshape(len(motions), motions.shape[1], 26) * twice, np.float32)


def made(motion: dict[str, Motion], judge: Perceive = see) -> Made:
    neighbours = CLIPS[IDS].assign(
        neighbour=[DANCES.training[fold][0] for fold in CLIPS["fold"]], neighbour_start=7
    )
    return Made(motion, neighbours, judge)


def measured(*of: Made, clips: pd.DataFrame = CLIPS, frames: int = FRAMES) -> dict[str, Any]:
    return evaluate(clips, frames, DANCES, of, 3, RESAMPLES)


def lively(share: float) -> dict[str, Motion]:
    """The dances, with so much of their movement."""
    return {piece: motion.mean(0) + share * (motion - motion.mean(0))
            for piece, motion in MOTIONS.items()}  # fmt: skip


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    return measured(made(lively(0.5)))


def cut(row: str, of: Made) -> Motion:
    return systems(CLIPS, FRAMES, DANCES, [of], 3)[row][0]


def test_the_dance_itself_has_no_error_and_what_was_counted(found: dict[str, Any]) -> None:
    itself = found["rows"]["itself"]
    assert all(itself[name].json() == Interval(0, 0, 0).json() for name in ERRORS)
    assert (itself["sdp"].low, itself["sdp"].value) == pytest.approx((100, 100))
    assert {key: found[key] for key in ("clips", "pieces", "folds", "frames", "seeds")} == {
        "clips": 7, "pieces": 5, "folds": 2, "frames": FRAMES, "seeds": 1,
    }  # fmt: skip
    assert set(found["rows"]) == {*REFERENCES, "generator", "itself"}
    assert all(list(row) == list(MEASURES) for row in found["rows"].values())
    assert list(found["differences"]) == list(REFERENCES)
    # all clips are 10 s from either end, but the first ones of no piece reach beyond
    assert found["counted"]["generator"] == found["counted"]["shifted"] == 7


def test_half_the_movement(found: dict[str, Any]) -> None:
    """Its spread is half, and its errors are those of its clips, mean first."""
    generator = found["rows"]["generator"]
    # the spread about a clip's own mean is half as well
    for part in (generator["sdp"].value, generator["sdp"].low, generator["sdp"].high):
        assert part == pytest.approx(50, rel=1e-4)
    pairs = list(
        zip(cut("itself", made(MOTIONS)), cut("generator", made(lively(0.5))), strict=True)
    )
    for form in ("coded", "described"):
        rhythm = [measures.rhythm_error(*pair, described=form == "described") for pair in pairs]
        strength = [measures.strength_error(*pair, described=form == "described") for pair in pairs]
        assert generator[f"rde_{form}"].value == pytest.approx(math.log(1e7 * np.mean(rhythm) + 1))
        expected = math.log(1e7 * np.mean(strength) + 1)
        assert generator[f"sce_{form}"].value == pytest.approx(expected)
    apart = np.abs([real - other for real, other in pairs]).mean(axis=(0, 1, 2))
    assert generator["mpe"].value == pytest.approx((apart[0] + 2 * apart[1]) / 2, rel=1e-5)


def test_intervals_are_those_of_pieces_drawn_with_all_their_clips(found: dict[str, Any]) -> None:
    pairs = zip(cut("itself", made(MOTIONS)), cut("generator", made(lively(0.5))), strict=True)
    errors = np.array([measures.rhythm_error(*pair, described=False) for pair in pairs])
    groups = [np.flatnonzero(CLIPS["piece"] == piece) for piece in FOLD]
    draws = np.random.default_rng(3).integers(len(groups), size=(RESAMPLES, len(groups)))
    drawn = [
        math.log(1e7 * errors[np.concatenate([groups[n] for n in d])].mean() + 1) for d in draws
    ]
    number = found["rows"]["generator"]["rde_coded"]
    assert [number.low, number.high] == pytest.approx(np.quantile(drawn, [0.025, 0.975]))
    assert number.low < number.value < number.high


def test_alignment_and_its_chance_are_of_the_clip(found: dict[str, Any]) -> None:
    values, chances = [], []
    for motion, start in zip(cut("shifted", made(MOTIONS)), CLIPS["start"], strict=True):
        beats = np.arange(40) * 0.7 - start / 30
        beats = beats[(beats >= 0) & (beats < FRAMES / 30)]
        body = motion_beats(np.pad(motion, ((0, 0), (0, 0), (0, 1))), 30, "bailando")
        values.append(beat_alignment(body, beats, "bailando"))
        chances.append(alignment_by_chance(body, beats, FRAMES / 30, "bailando", 200)[0])
    shifted = found["rows"]["shifted"]
    assert shifted["bailando"].value == pytest.approx(np.mean(values))
    # other numbers of turns give nearly the same chance
    assert shifted["bailando_chance"].value == pytest.approx(np.mean(chances), abs=0.01)
    still = found["rows"]["mean_pose"]
    assert still["mint"].value == still["bailando"].value == still["sdp"].value == 0


def test_diversity_is_between_pieces(found: dict[str, Any]) -> None:
    motions = cut("itself", made(MOTIONS))
    apart = [
        np.linalg.norm(motions[i] - motions[j], axis=-1).mean()
        for i in range(7) for j in range(i) if CLIPS["piece"][i] != CLIPS["piece"][j]
    ]  # fmt: skip
    assert len(apart) == 21 - 2
    itself = found["rows"]["itself"]["diversity"]
    assert itself.value == pytest.approx(np.mean(apart), rel=1e-5)
    assert itself.low < itself.value < itself.high
    # the two folds' mean poses are all that differs
    poses = [np.concatenate([MOTIONS[p] for p in DANCES.training[f]]).mean(0) for f in (0, 1)]
    between = np.linalg.norm(poses[0] - poses[1], axis=-1).mean()
    pairs = 5 * 2  # clips of fold 0 with those of fold 1, of 19
    still = found["rows"]["mean_pose"]["diversity"].value
    assert still == pytest.approx(between * pairs / 19, rel=1e-3)


def test_a_perfect_generator_beats_everything() -> None:
    found = measured(made(MOTIONS))
    for row in REFERENCES:
        assert all(number.high < 0 for number in found["differences"][row].values())
        for name in ERRORS:  # it has none of its own, so the difference is the other's error
            other = found["rows"][row][name]
            difference = found["differences"][row][name]
            assert (difference.value, difference.low, difference.high) == pytest.approx(
                (-other.value, -other.high, -other.low)
            )


def test_seeds_are_averaged_clip_by_clip_before_the_logarithm() -> None:
    one, other = made(lively(0.5)), made(lively(0.2), lambda fold, motions: 3 * see(fold, motions))
    found, first, second = measured(one, other), measured(one), measured(other)
    assert found["seeds"] == 2
    for row in ("generator", "another"):
        values = [run["rows"][row]["mpe"].value for run in (first, second)]
        assert found["rows"][row]["mpe"].value == pytest.approx(np.mean(values))
    errors = [math.expm1(run["rows"]["generator"]["rde_coded"].value) for run in (first, second)]
    value = found["rows"]["generator"]["rde_coded"].value
    assert value == pytest.approx(math.log(np.mean(errors) + 1))
    assert found["rows"]["generator"]["sdp"].value == pytest.approx(35, rel=1e-4)
    # what is no network's is the same for both
    for name in ("rde_coded", "sce_described", "diversity", "mint"):
        assert found["rows"]["another"][name].json() == first["rows"]["another"][name].json()


def test_a_clip_is_judged_by_the_judge_of_its_fold() -> None:
    """The judge of fold 1 sees nothing, so its two pieces have no error."""
    found = measured(made(lively(0.5), lambda fold, motions: see(fold, motions) * (fold == 0)))
    whole = measured(made(lively(0.5)), clips=CLIPS[CLIPS["fold"] == 0].reset_index(drop=True))
    value = found["rows"]["generator"]["mpe"].value
    assert value == pytest.approx(whole["rows"]["generator"]["mpe"].value * 5 / 7)


def test_clips_without_a_motion_are_left_out() -> None:
    """The first piece has room for another moment; without it, a difference is of the others."""
    found = measured(made(lively(0.5)))
    starts = CLIPS["start"].to_numpy()
    room = np.maximum(starts, 720 - FRAMES - starts) >= 300
    assert found["counted"]["moment"] == room.sum() < 7
    only = measured(made(lively(0.5)), clips=CLIPS[room].reset_index(drop=True))
    for name in ERRORS:
        difference = found["differences"]["moment"][name].value
        assert difference == pytest.approx(only["differences"]["moment"][name].value)
        moment = found["rows"]["moment"][name].value
        assert moment == pytest.approx(only["rows"]["moment"][name].value)


def test_one_piece_has_values_and_no_intervals() -> None:
    found = measured(made(lively(0.5)), clips=CLIPS[:2])
    assert found["rows"]["generator"]["mpe"].value > 0
    assert math.isnan(found["rows"]["generator"]["mpe"].low)
    # there is neither another piece to dance nor one to differ from
    assert found["counted"]["another"] == 0
    assert math.isnan(found["rows"]["another"]["mpe"].value)
    assert math.isnan(found["rows"]["generator"]["diversity"].value)


def test_excerpts_that_are_too_short_for_a_spectrum() -> None:
    """AIST++: 212 frames; strength is measured, rhythm is not."""
    for row in measured(made(lively(0.5)), frames=212)["rows"].values():
        assert math.isnan(row["rde_coded"].value)
        assert math.isnan(row["rde_described"].value)
        assert math.isfinite(row["sce_coded"].value)
