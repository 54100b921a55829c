from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.signal import argrelextrema

from motionmusic.features.beats import (
    Definition,
    alignment_by_chance,
    beat_alignment,
    kinetic_energy,
    motion_beats,
    motion_tempo,
    music_beats,
    tempo_difference,
)
from motionmusic.features.piece_beats import piece_beats
from motionmusic.numba_cache import librosa

Floats = NDArray[np.float64]
OFFSET = 0.013  # s: a beat right on a frame has two equally slow neighbours and is no minimum
BOTH: tuple[Definition, ...] = ("mint", "bailando")
times = st.lists(st.floats(0, 60), max_size=30)


def danced(seconds: float, rate_hz: float, period_s: float, joints: int = 4) -> Floats:
    """Steps along a line: the speed is 1 − cos, so 0 at OFFSET and every period from there."""
    t = np.arange(round(seconds * rate_hz) + 1) / rate_hz - OFFSET
    turn = 2 * np.pi / period_s
    path = t - np.sin(turn * t) / turn
    lengths = np.arange(1, joints + 1)
    return np.asarray(path[:, None, None] * lengths[None, :, None] * np.array([0.6, 0.0, 0.8]))


def clicks(bpm: float, seconds: float, sample_rate: int = 22_050) -> tuple[Any, Floats]:
    at = np.arange(0.25, seconds - 0.25, 60 / bpm)
    sound = librosa.clicks(times=at, sr=sample_rate, length=int(seconds * sample_rate))
    return sound.astype(np.float32), at


# Beats of the motion


@pytest.mark.parametrize("definition", BOTH)
@pytest.mark.parametrize("rate_hz", [25.0, 30.0, 60.0, 120.0])
def test_beats_are_where_the_body_stands_at_any_rate(
    definition: Definition, rate_hz: float
) -> None:
    found = motion_beats(danced(10, rate_hz, 0.8), rate_hz, definition)
    # what is slow at the very ends has no neighbour on one side
    inner = found[(found > 0.2) & (found < 9.8)]
    np.testing.assert_allclose(inner, OFFSET + 0.8 * np.arange(1, 13), atol=0.5 / rate_hz + 1e-9)


@pytest.mark.parametrize(("rate_hz", "order", "sigma"), [(60.0, 10, 5), (24.0, 4, 2)])
def test_the_frames_are_those_of_the_sources(rate_hz: float, order: int, sigma: int) -> None:
    """Their 10 and 5 frames at 60 Hz last as long as 4 and 2 at 24 Hz."""
    joints = np.cumsum(np.random.default_rng(0).normal(size=(600, 5, 3)), axis=0)
    lengths = np.linalg.norm(np.diff(joints, axis=0), axis=2)
    # mint gives a step to its later frame, Bailando to its earlier one
    (mint,) = argrelextrema(np.r_[0, lengths.sum(axis=1)], np.less, order=order)
    (bailando,) = argrelextrema(gaussian_filter1d(lengths.mean(axis=1), sigma), np.less)
    assert len(mint) > 10
    assert len(bailando) > 10
    np.testing.assert_allclose(motion_beats(joints, rate_hz, "mint") * rate_hz + 0.5, mint)
    np.testing.assert_allclose(motion_beats(joints, rate_hz, "bailando") * rate_hz - 0.5, bailando)


def test_joints_that_are_no_numbers_are_refused() -> None:
    joints = np.zeros((50, 2, 3))
    joints[7, 1, 2] = np.nan
    with pytest.raises(ValueError, match="finite"):
        motion_beats(joints, 25, "mint")
    with pytest.raises(ValueError, match=r"\(50, 6\)"):
        motion_beats(np.zeros((50, 6)), 25, "mint")
    with pytest.raises(ValueError, match="rate"):
        motion_beats(np.zeros((50, 2, 3)), 0, "mint")


def test_kinetic_energy() -> None:
    t = np.arange(10)[:, None, None] / 25
    # joints at 3 and 5 units a second along one direction: (9 + 25) / 2
    steady = t * np.array([3.0, 5.0])[None, :, None] * np.array([0.0, 1.0, 0.0])
    np.testing.assert_allclose(kinetic_energy(steady, 25), np.full(10, 17.0))
    np.testing.assert_allclose(kinetic_energy(steady * 2, 25), np.full(10, 68.0))
    jump = np.zeros((4, 1, 3))
    jump[2:] = 1.0  # one step of √3 between frames 1 and 2, shared by both
    np.testing.assert_allclose(kinetic_energy(jump, 1), [0, 1.5, 1.5, 0])
    assert kinetic_energy(jump[:1], 25).tolist() == [0]
    assert kinetic_energy(jump[:0], 25).shape == (0,)


# Alignment

GRID = np.arange(0.25, 100, 0.5)


def test_alignment_without_beats_and_with_a_wider_kernel() -> None:
    for definition in BOTH:
        assert beat_alignment([], GRID, definition) == 0
        assert beat_alignment(GRID, GRID + 0.25, definition, 0.25) == pytest.approx(np.exp(-0.5))
    assert beat_alignment(GRID, [], "mint") == 0
    assert np.isnan(beat_alignment(GRID, [], "bailando"))


@given(times, times)
def test_one_definition_is_the_other_with_the_roles_changed(a: list[float], b: list[float]) -> None:
    if a:  # with nothing to take the mean over they differ
        mint = beat_alignment(a, b, "mint")
        assert mint == beat_alignment(b, a, "bailando")
        assert 0 <= mint <= 1
        nearest = [min((abs(x - y) for y in b), default=np.inf) for x in a]
        direct = np.mean([np.exp(-(d**2) / (2 * 0.05**2)) for d in nearest])
        assert mint == pytest.approx(direct)


@pytest.mark.parametrize("definition", BOTH)
@pytest.mark.parametrize("duration_s", [100.0, 100.5, 73.0])
def test_chance_is_the_mean_over_all_phases(definition: Definition, duration_s: float) -> None:
    """Also where 200 or 201 equal steps would be whole beats."""
    music = GRID[duration_s > GRID]
    mean, sd = alignment_by_chance(music, music, duration_s, definition)
    # the kernel's mean over distances of −0.25…0.25 s, uniformly
    phases = (np.arange(100_000) + 0.5) / 100_000 * 0.25
    expected = np.exp(-(phases**2) / (2 * 0.05**2)).mean()
    assert mean == pytest.approx(expected, abs=0.01)
    assert 0.2 < sd < 0.4  # a grid against itself is anything from 0 to 1


# Tempo


def test_a_click_track_is_recovered_and_silence_has_no_beat() -> None:
    audio, at = clicks(90, 20)
    found, tempo = music_beats(audio, 22_050)
    assert tempo == pytest.approx(90, rel=0.02)
    assert beat_alignment(found, at, "mint") > 0.9
    for samples in (0, 22_050):
        found, tempo = music_beats(np.zeros(samples, np.float32), 22_050)
        assert found.shape == (0,)
        assert np.isnan(tempo)


@pytest.mark.parametrize("rate_hz", [25.0, 60.0])
@pytest.mark.parametrize("bpm", [80, 128])
def test_the_tempo_of_steps(bpm: int, rate_hz: float) -> None:
    tempo = motion_tempo(danced(30, rate_hz, 60 / bpm), rate_hz)
    assert tempo == pytest.approx(bpm, rel=0.02)  # of its octaves the nearest to 120


def test_motion_that_does_not_change_has_no_tempo_and_no_beat() -> None:
    still = np.ones((200, 3, 3))
    steady = np.arange(200)[:, None, None] * np.full((1, 3, 3), 0.1)
    for joints in (still, steady, still[:2], still[:0]):
        assert np.isnan(motion_tempo(joints, 25))
    for definition in BOTH:
        for joints in (still, still[:2], still[:0]):
            assert motion_beats(joints, 25, definition).shape == (0,)


def test_tempo_difference_folds_octaves() -> None:
    assert tempo_difference(120, 60) == 0
    assert tempo_difference(60, 120) == 0
    assert tempo_difference(120, 64) == 8
    assert tempo_difference(60, 128) == 4
    assert tempo_difference(120, 30) == 60  # two octaves are another tempo
    assert tempo_difference(30, 120) == 30
    table = tempo_difference(np.array([[120.0], [90.0]]), np.array([60.0, 100.0, np.nan]))
    np.testing.assert_array_equal(table, [[0, 20, np.nan], [30, 10, np.nan]])


# A piece


def test_a_piece(tmp_path: Path) -> None:
    audio, at = clicks(120, 14)
    slower, _ = clicks(100, 12)  # before the dance
    soundfile.write(tmp_path / "R_1.wav", np.r_[slower, audio], 22_050)
    np.save(tmp_path / "R_1.npy", danced(10, 25, 0.5).astype(np.float32))
    row = {"piece": "R_1", "frames": 251, "motion_rate_hz": 25.0, "music_file": "R_1.wav"}
    beats, tempo = piece_beats(tmp_path, tmp_path, row | {"music_start_s": 14.2})
    assert list(beats.columns) == ["piece", "kind", "time_s"]
    assert beats["time_s"].dtype == np.float64
    assert beats.equals(beats.sort_values(["piece", "kind", "time_s"], ignore_index=True))
    own = beats.groupby("kind")["time_s"].apply(np.array)
    assert set(own.index) == {"music", "motion_mint", "motion_bailando"}
    # seconds from the first frame of the motion, not of the sound file
    assert beat_alignment(own["music"], at - 2.2, "mint") > 0.9
    assert own["music"].max() <= 10
    assert beat_alignment(own["motion_mint"], 0.5 * np.arange(21), "mint") > 0.8
    assert list(tempo) == ["piece", "music_file", "music_bpm", "motion_bpm"]
    assert tempo["music_bpm"] == pytest.approx(120, rel=0.02)
    assert tempo_difference(120, float(str(tempo["motion_bpm"]))) < 2.4
