"""The genre of a user's dance: the same whatever the file, and a word where the model knows nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from motionmusic.app.genre import MODEL, UNLIKE, guess
from motionmusic.data.own import OwnDance
from motionmusic.data.points import joints_of, whole
from motionmusic.errors import UserError
from motionmusic.files import Floats
from motionmusic.scoring.genre_model import GenreModel


def swinging(rate_hz: float, seconds: float = 8.0, limbs: float = 1.0) -> dict[str, Floats]:
    """Points of a body that steps, swings its arms and turns a little."""
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    zero = np.zeros_like(t)

    def at(x: Any, y: Any, z: Any) -> Floats:
        return np.stack([x + zero, y + zero, z + zero], axis=1)

    points: dict[str, Floats] = {}
    sway = 8 * np.sin(2 * np.pi * 0.5 * t)
    for side, sign in (("left", 1.0), ("right", -1.0)):
        lift = np.sin(2 * np.pi * 1.0 * t + (0 if sign > 0 else np.pi))
        hip = at(sign * 10 + sway, 90, 0)
        shoulder = at(sign * 17 + 1.5 * sway, 138, 3 * np.sin(2 * np.pi * t))
        arm = np.stack([sign * (0.4 + 0.2 * lift), -0.8 + 0.3 * lift, 0.4 * lift], axis=1)
        thigh = np.stack([0.1 * sign + zero, -0.95 + zero, 0.3 * lift], axis=1)
        points |= {f"{side} hip": hip, f"{side} shoulder": shoulder}
        points[f"{side} elbow"] = shoulder + 28 * limbs * arm / np.linalg.norm(arm, axis=1)[:, None]
        points[f"{side} wrist"] = points[f"{side} elbow"] + at(0, -25 * limbs, 3)
        points[f"{side} knee"] = hip + 42 * limbs * thigh / np.linalg.norm(thigh, axis=1)[:, None]
        points[f"{side} ankle"] = points[f"{side} knee"] + at(0, -41 * limbs, 0)
    points["head"] = at(1.8 * sway, 160, 0)
    return points


def dance(points: dict[str, Floats], rate_hz: float = 25.0) -> OwnDance:
    body = whole(points)
    joints = joints_of(body.points, "musictodance")
    return OwnDance(joints, None, "musictodance", rate_hz, "dance", None, 0.0, body=body)


def turned(points: dict[str, Floats], angle: float) -> dict[str, Floats]:
    c, s = np.cos(angle), np.sin(angle)
    turn = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
    return {name: 1.7 * of @ turn.T + np.array([300.0, -20.0, 50.0]) for name, of in points.items()}


@pytest.mark.parametrize(
    "other",
    [
        dance(turned(swinging(25.0), 2.0)),
        dance(swinging(25.0, limbs=0.7)),
        OwnDance(
            joints_of(whole(swinging(25.0)).points, "aist"), None, "aist", 25.0, "coco", None, 0.0
        ),
    ],
    ids=["turned, shifted, scaled", "shorter limbs", "other layout"],
)
def test_the_same_motion_has_the_same_genre(other: OwnDance) -> None:
    here, there = guess(dance(swinging(25.0))), guess(other)
    assert sum(here.probabilities.values()) == pytest.approx(1)
    for name, share in here.probabilities.items():
        assert there.probabilities[name] == pytest.approx(share, abs=0.02)
    assert there.known == here.known


@pytest.mark.parametrize("rate_hz", [30.0, 60.0, 120.0])
def test_another_frame_rate_changes_little(rate_hz: float) -> None:
    here, there = guess(dance(swinging(25.0))), guess(dance(swinging(rate_hz), rate_hz))
    for name, share in here.probabilities.items():
        assert there.probabilities[name] == pytest.approx(share, abs=0.05)


def test_standing_still_is_unlike_any_dance() -> None:
    points = {name: np.repeat(of[:1], 200, axis=0) for name, of in swinging(25.0).items()}
    found = guess(dance(points))
    assert not found.known
    assert UNLIKE in found.text


def test_a_dance_shorter_than_a_window_is_said_to_be_too_short() -> None:
    found = guess(dance(swinging(25.0, seconds=1.0)))
    assert not found.known
    assert "too short" in found.text


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 broken", MODEL.read_bytes()[:-2000]])
def test_a_broken_model_is_one_clear_error(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "genre_model.npz"
    file.write_bytes(content)
    with pytest.raises(UserError, match="a whole genre model"):
        GenreModel.read(file)
