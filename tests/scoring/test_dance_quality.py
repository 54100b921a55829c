"""Measures of dances against planted truths, and against the published code's own steps."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from motionmusic.data.points import SMPL24
from motionmusic.scoring.dance_quality import (
    Timed,
    alignment,
    alignments,
    beats_of,
    distance,
    foot_contact,
    frechet,
    geometric_features,
    kinetic_features,
    of_halves,
)

Floats = NDArray[np.float64]


# Beat alignment


def published(joints: Floats, beats: Floats) -> tuple[float, float]:
    """Both scores in the sources' own way: loops over frames at 60 a second; beats in frames.

    The music's beats are half a frame later for the first and earlier for the second, as the sources
    give a step to its later and its earlier frame.
    """
    steps = [np.sqrt(((b - a) ** 2).sum(axis=1)) for a, b in pairwise(joints)]
    total = [0.0, *(float(step.sum()) for step in steps)]
    slow = [
        n for n in range(len(total))
        if all(
            total[n] < total[min(max(n + k, 0), len(total) - 1)]
            for k in range(-10, 11) if k
        )
    ]  # fmt: skip
    near = [min(abs(n - beat - 0.5) for beat in beats) for n in slow]
    first = sum(np.exp(-(d**2) / 18) for d in near) / len(near)
    mean = np.array([step.mean() for step in steps])
    weights = np.exp(-0.5 * (np.arange(-20, 21) / 5) ** 2)
    padded = np.concatenate([mean[:20][::-1], mean, mean[-20:][::-1]])
    smooth = np.convolve(padded, weights / weights.sum(), "valid")
    lows = [n for n in range(1, len(smooth) - 1) if smooth[n - 1] > smooth[n] < smooth[n + 1]]
    far = [min(abs(n - beat + 0.5) for n in lows) for beat in beats]
    return first, sum(np.exp(-(d**2) / 18) for d in far) / len(far)


@pytest.mark.parametrize("bpm", [80, 110])
def test_by_a_second_route(bpm: int) -> None:
    random = np.random.default_rng(bpm)
    joints = np.cumsum(random.normal(0, 1, (700, 17, 3)), axis=0)  # smoothed to half a second
    joints = np.apply_along_axis(np.convolve, 0, joints, np.hanning(30) / 15, "valid")
    beats = np.arange(0, len(joints) / 60, 60 / bpm)
    dance = Timed(beats_of(joints, 60), 60, len(joints) / 60, beats, len(joints) / 60, "a")
    found = alignment(dance, dance)
    first, second = published(joints, beats * 60)
    assert found["mint"] == pytest.approx(first, abs=1e-9)
    assert found["bailando"] == pytest.approx(second, abs=1e-4)  # whose Gaussian is cut a bit later
    # at 60 a second frames and seconds are one
    assert found["mint_frames"] == pytest.approx(found["mint"])
    assert found["bailando_frames"] == pytest.approx(found["bailando"])


def bobbing(bpm: float, rate_hz: float, seconds: float = 30) -> Floats:
    """A body of three joints that stands on each beat: steps of 1 − cos."""
    turn = 2 * np.pi * bpm / 60
    t = np.arange(round(seconds * rate_hz)) / rate_hz - 0.013
    return np.asarray((t - np.sin(turn * t) / turn)[:, None, None] * np.ones((1, 3, 3)))


def timed(bpm: float, rate_hz: float, song: str, seconds: float = 30) -> Timed:
    beats = np.arange(0.013, seconds, 60 / bpm)
    return Timed(
        beats_of(bobbing(bpm, rate_hz, seconds), rate_hz), rate_hz, seconds, beats, seconds, song
    )


def test_a_dance_on_the_beat_is_above_the_music_of_others() -> None:
    dances = [timed(bpm, 60, song) for bpm, song in ((100, "a"), (117, "b"), (91, "c"))]
    for row in alignments(dances, 0):
        for name in ("mint", "bailando"):
            assert row[name] > 0.95
            assert row[f"{name}_chance"] < 0.35
    # of one song no dance is another's chance
    assert np.isnan(alignments([timed(100, 60, "a"), timed(100, 60, "a")], 0)[0]["mint_chance"])


def test_three_frames_are_longer_where_there_are_fewer() -> None:
    """The trap: the same motion at 25 a second scores higher where the kernel is counted in frames."""
    late = {}
    for rate_hz in (60, 25):
        dance = timed(100, rate_hz, "a")
        late[rate_hz] = alignment(dance, dance._replace(music=dance.music + 0.08))
    assert late[25]["mint"] == pytest.approx(np.exp(-0.5 * (0.08 / 0.05) ** 2), abs=0.08)
    assert late[25]["mint_frames"] == pytest.approx(np.exp(-0.5 * (0.08 / 0.12) ** 2), abs=0.08)
    assert abs(late[60]["mint"] - late[25]["mint"]) < 0.15


def test_only_what_both_have_counts() -> None:
    dance = timed(100, 60, "a")
    half = dance._replace(music=dance.music[dance.music < 10], music_s=10.0)
    assert alignment(dance, half)["mint"] > 0.95
    assert alignment(timed(100, 60, "b", seconds=10), dance)["bailando"] > 0.9


# Feet


def slide(speeds: tuple[float, float], toe: float = 0.0, rate_hz: float = 30) -> float:
    """PFC of a body that goes to and fro while its feet slide at so many metres a second."""
    t = np.arange(200) / rate_hz
    still = np.zeros((200, 3))
    along = t[:, None] * np.array([100.0, 0, 0])
    points = {"pelvis": np.stack([0 * t, 90 + 0 * t, 10 * np.sin(5 * t)], axis=1)}
    for side, speed in zip(("left", "right"), speeds, strict=True):
        points[f"{side} ankle"] = still + speed * along
        points[f"{side} toe"] = still + (speed + toe) * along
    return foot_contact(points, rate_hz)


def test_planted_slides() -> None:
    pull = np.abs(np.diff(np.sin(5 * np.arange(200) / 30), n=2))
    # two feet at 0.6 and 0.9 m a second are 0.02 and 0.03 m in 1/30 s
    expected = 10_000 * 0.02 * 0.03 * (pull / pull.max()).mean()
    assert slide((0.6, 0.9)) == pytest.approx(expected, rel=1e-6)
    assert slide((0.6, 0.9), toe=1.0) == pytest.approx(expected, rel=1e-6)  # the slower of the two
    assert slide((0.6, 0.9), rate_hz=60) == pytest.approx(expected, rel=0.05)
    assert slide((0.0, 0.9)) == 0  # one foot that stands is enough


def test_falling_needs_no_foot_and_lifting_does() -> None:
    t = np.arange(60) / 30
    slow = {
        f"{s} {n}": t[:, None] * [30.0, 0, 0] for s in ("left", "right") for n in ("ankle", "toe")
    }
    for sign, right in ((-1, 0.0), (1, 10_000 * 0.01**2)):
        height = sign * np.square(t)[:, None] * [0, 100.0, 0]
        found = foot_contact(slow | {"pelvis": height}, 30)
        assert found == pytest.approx(right) if sign > 0 else np.isnan(found)
    assert np.isnan(
        foot_contact({name: p[:2] for name, p in (slow | {"pelvis": height}).items()}, 30)
    )


# Features and their distances


def body() -> Floats:
    """(90, 24, 3) in metres: nobody in particular, moving."""
    rng = np.random.default_rng(3)
    rest = rng.normal(size=(1, 24, 3)) * 0.4 + [0, 1, 0]
    return rest + 0.3 * np.sin(np.arange(90)[:, None, None] / rng.uniform(3, 9, (1, 24, 3)))


def test_kinetic_features_of_known_motion() -> None:
    t = np.arange(120)[:, None, None] / 60
    steady = t * np.array([[3.0, 0.5, 4.0]])[:, None] * np.ones((1, 2, 1))
    np.testing.assert_allclose(kinetic_features(steady), [25, 0.25, 0] * 2, atol=1e-9)
    falling = 0.5 * 9.81 * t**2 * np.array([0.0, -1.0, 0.0]) * np.ones((1, 1, 1))
    assert kinetic_features(falling)[2] == pytest.approx(9.81)
    # the sources' loop, for one joint
    joints = body()[:, :1]
    total = 0.0
    for i in range(1, 90):
        near = [joints[i + j, 0] - joints[i + j - 1, 0] for j in range(-2, 3) if 0 < i + j < 90]
        total += float((np.mean(near, axis=0)[[0, 2]] ** 2).sum()) * 3600
    assert kinetic_features(joints)[0] == pytest.approx(total / 89)


def test_geometric_features_of_known_poses() -> None:
    def features(**moved: tuple[float, float, float]) -> Floats:
        points = dict(zip(SMPL24, body().transpose(1, 0, 2), strict=True))
        points |= {
            name: np.zeros((90, 3)) + place
            for name, place in {
                "pelvis": (0, 1, 0), "neck": (0, 1.5, 0), "left ankle": (0.1, 0, 0),
                "right ankle": (-0.1, 0, 0), "left hip": (0.1, 0.9, 0), "right hip": (-0.1, 0.9, 0),
                "left knee": (0.1, 0.45, 0.02), "right knee": (-0.1, 0.45, 0.02),
                "right wrist": (-0.6, 1.4, 0), "left wrist": (0.6, 1.4, 0),
            }.items()
        }  # fmt: skip
        points |= {name.replace("_", " "): np.zeros((90, 3)) + p for name, p in moved.items()}
        lowest = min(p[:, 1].min() for p in points.values())
        for name in points:
            points[name] = points[name] + [0, 0 if "ankle" in name else max(0, -lowest), 0]
        return geometric_features(points)

    stands = features()
    assert (stands[19], stands[20], stands[28]) == (0, 0, 0)  # knees straight, trunk upright
    assert features(right_knee=(-0.1, 0.45, 0.5))[19] == 1  # bent by more than a right angle
    assert features(neck=(0, 1, 0.5))[28] == 1  # lies
    assert (stands[12], stands[16]) == (0, 0)
    assert features(right_ankle=(-0.1, 0.5, 0))[16] == 1  # above 1.2 upper arms, 31 cm
    points = dict(zip(SMPL24, body().transpose(1, 0, 2), strict=True))
    points["right wrist"] = np.arange(90)[:, None] * np.array([0.0055, 0, 0])
    assert geometric_features(points)[12] == 1  # 0.66 m a second of 120, over 2.5 upper arms
    points["right wrist"] = np.arange(90)[:, None] * np.array([0.0053, 0, 0])
    assert geometric_features(points)[12] == 0


def test_features_do_not_depend_on_the_place() -> None:
    there = body() + np.array([5.0, 1.0, -7.0])
    np.testing.assert_allclose(kinetic_features(there), kinetic_features(body()), rtol=1e-9)
    here, moved = (
        geometric_features(dict(zip(SMPL24, j.transpose(1, 0, 2), strict=True)))
        for j in (body(), there)
    )
    np.testing.assert_array_equal(here, moved)
    assert here.shape == (32,)
    assert 0.05 < here.mean() < 0.95


def test_distances_of_planted_gaussians() -> None:
    rng = np.random.default_rng(0)
    a = rng.normal(size=(20_000, 3))
    shifted = rng.normal(size=(20_000, 3)) + np.array([1, 2, 0])
    assert frechet(a, shifted) == pytest.approx(5, abs=0.1)  # 1² + 2²
    wide = rng.normal(size=(20_000, 3)) * [1, 1, 3]
    assert frechet(a, wide) == pytest.approx(4, abs=0.1)  # (3 − 1)²
    # turned by 45°, of deviations 1 and 3: √(A B) by hand
    turn = np.array([[1, -1, 0], [1, 1, 0], [0, 0, np.sqrt(2)]]) / np.sqrt(2)
    first, second = np.diag([1.0, 9.0, 1.0]), turn @ np.diag([1.0, 9.0, 1.0]) @ turn.T
    by_hand = 22 - 2 * np.sqrt(np.linalg.eigvals(first @ second).real).sum()
    tilted = rng.normal(size=(20_000, 3)) * [1, 3, 1]
    other = (rng.normal(size=(20_000, 3)) * [1, 3, 1]) @ turn.T
    assert frechet(tilted, other) == pytest.approx(by_hand, abs=0.2)
    assert frechet(a, a) == pytest.approx(0, abs=1e-9)


def test_features_are_standardised_by_the_reference() -> None:
    rng = np.random.default_rng(1)
    reference = rng.normal(size=(4000, 2)) * [1, 1000]
    made = rng.normal(size=(4000, 2)) * [1, 1000] + [2, 2000]
    assert distance(made, reference) == pytest.approx(8, abs=0.4)
    constant = np.c_[reference, np.ones(4000)]
    assert distance(np.c_[made, rng.normal(size=4000)], constant) == distance(made, reference)
    assert of_halves(reference, 0) < 0.05
    assert of_halves(reference[:100], 0) > of_halves(reference, 0)
    with pytest.raises(ValueError, match="got 4000 and 99"):
        distance(made, reference[:99])
