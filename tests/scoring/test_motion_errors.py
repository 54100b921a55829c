"""Measures of generated motion: golden values, and what mathematics says."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from motionmusic.scoring.motion_errors import (
    distances,
    rhythm_error,
    spread,
    strength_error,
)

Motion = NDArray[np.float32]


def logarithm(errors: list[float]) -> float:
    """The authors' RDE or SCE of several clips (V15), in which the golden values are."""
    return math.log1p(1e7 * float(np.mean(errors)))


def golden(amplitude: float, slowest_hz: float) -> Motion:
    """Motions of 900 frames."""
    t = np.arange(900)[:, None, None] / 30
    keypoint, coordinate = np.arange(13)[:, None], np.arange(2)
    phase = 2 * np.pi * (slowest_hz + 0.05 * keypoint) * t + coordinate
    return (0.5 + amplitude * np.sin(phase)).astype(np.float32)


A, B = golden(0.05, 0.8), golden(0.04, 1.0)
Z = np.full_like(A, 0.5)


@pytest.mark.parametrize(
    ("pairs", "rhythm", "strength"),
    [
        ([(A, B)], 1.552128, 0.129447),
        ([(A, Z)], 2.310037, 3.192718),
        ([(B, Z)], 1.550998, 3.052985),
        ([(A, B), (B, Z)], 1.551563, 2.412187),  # the mean comes before the logarithm
    ],
    ids=["A B", "A Z", "B Z", "batch of two"],
)
def test_golden_values(pairs: list[tuple[Motion, Motion]], rhythm: float, strength: float) -> None:
    got = logarithm([rhythm_error(*pair, described=False) for pair in pairs])
    assert got == pytest.approx(rhythm, abs=2e-6)
    got = logarithm([strength_error(*pair, described=False) for pair in pairs])
    assert got == pytest.approx(strength, abs=2e-6)


def test_golden_spread_and_strength_without_cancelling() -> None:
    assert spread(A) == pytest.approx(0.035374, abs=1e-6)
    assert spread(B) == pytest.approx(0.028299, abs=1e-6)
    assert spread(Z) == 0
    got = logarithm([strength_error(A, B, described=True)])
    assert got == pytest.approx(0.971531, abs=2e-6)


@pytest.mark.parametrize(("error", "least"), [(rhythm_error, 256), (strength_error, 60)])
def test_errors_are_symmetric_and_of_motions_of_one_shape(
    error: Callable[..., float], least: int
) -> None:
    for described in (False, True):
        assert error(A, A, described=described) == 0
        assert error(A, B, described=described) == error(B, A, described=described)
    error(A[:least], B[:least], described=False)
    for real, made in [
        (A[: least - 1], B[: least - 1]), (A, B[:-1]), (A[:, :12], B[:, :12]),
        (A[..., :1], B[..., :1]), (A[:, 0], B[:, 0]),
    ]:  # fmt: skip
        with pytest.raises(ValueError, match="13"):
            error(real, made, described=False)


def swinging(hz: float, amplitude: float = 0.1, frames: int = 256) -> Motion:
    """All coordinates in step; hz of k · 30 / 256 fill a window exactly."""
    wave = amplitude * np.sin(2 * np.pi * hz * np.arange(frames) / 30)
    return np.broadcast_to(wave[:, None, None], (frames, 13, 2)).astype(np.float32)


def test_the_described_rhythm_sums_what_the_coded_one_averages() -> None:
    """Within the coded band: 26 coordinates summed, squared, and 20 bins summed."""
    moving, still = swinging(15 * 30 / 256), np.zeros((256, 13, 2), np.float32)
    coded = rhythm_error(moving, still, described=False)
    assert rhythm_error(moving, still, described=True) == pytest.approx(26**2 * 20 * coded)
    # a Hann window spreads a sine over three bins, the neighbours a quarter as strong
    peak = 0.1**2 * 256 / 30 / 3  # amplitude² · seconds / 3, twice the one-sided quarter
    assert coded == pytest.approx((1 + 2 / 16) * peak**2 / 20, rel=1e-4)


def test_the_coded_rhythm_does_not_hear_what_is_faster_than_176_bpm() -> None:
    fast, slow = swinging(40 * 30 / 256), swinging(3 * 30 / 256)
    still = np.zeros_like(fast)
    assert rhythm_error(fast, still, described=False) < 1e-12
    peak = 0.1**2 * 256 / 30 / 3
    expected = 26**2 * (1 + 2 / 16) * peak**2
    assert rhythm_error(fast, still, described=True) == pytest.approx(expected, rel=1e-4)
    for described in (False, True):
        assert rhythm_error(slow, still, described=described) < 1e-12  # 0.35 Hz


def test_opposite_arms_cancel_in_the_coded_strength_alone() -> None:
    moving = np.zeros((120, 13, 2), np.float32)
    moving[:, 9, 0] = 0.01 * np.arange(120)
    moving[:, 10, 0] = -0.01 * np.arange(120)
    still = np.zeros_like(moving)
    assert strength_error(moving, still, described=False) < 1e-15
    # three windows; the first has one frame without a step
    mean = 0.02 / 26
    expected = ((59 / 60) ** 2 + 2) / 3 * mean**2
    assert strength_error(moving, still, described=True) == pytest.approx(expected, rel=1e-4)


def test_distances_are_of_keypoints_in_the_plane() -> None:
    motions = np.zeros((3, 5, 13, 2), np.float32)
    motions[1] += np.array([3, 4], np.float32)
    motions[2, :, 0] = [0, 13]  # one keypoint of thirteen
    got = distances(motions)
    np.testing.assert_allclose(got, got.T)
    np.testing.assert_allclose(np.diag(got), 0)
    assert got[0, 1] == pytest.approx(5)
    assert got[0, 2] == pytest.approx(1)
    assert got[1, 2] == pytest.approx((12 * 5 + math.hypot(3, 9)) / 13, rel=1e-6)
