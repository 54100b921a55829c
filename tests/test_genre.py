"""The genre of a user's dance: the same whatever the file, and a word where the model knows nothing."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from motionmusic.app.genre import MODEL, UNLIKE, guess, model
from motionmusic.data.own import OwnDance
from motionmusic.data.points import (
    JOINT_NAMES,
    FileLayout,
    joints_of,
    points_of,
    whole,
)
from motionmusic.errors import UserError
from motionmusic.files import Floats, read_json
from motionmusic.results.genre_table import card
from motionmusic.scoring.genre_features import Seen, directions, mirrored, repeats, seen
from motionmusic.scoring.genre_model import GenreModel, softmax, temperature_of
from motionmusic.scoring.genre_trials import calibration_error, left_out, shaken

METRICS = Path(__file__).parents[1] / "metrics" / "aist_retargeted" / "genre_model.json"


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


def through(layout: FileLayout) -> OwnDance:
    """The dance as a file of this layout has it."""
    return dance(points_of(joints_of(whole(swinging(25.0)).points, layout), layout))


@pytest.mark.parametrize(
    "other",
    [
        dance(turned(swinging(25.0), 2.0)),
        dance(swinging(25.0, limbs=0.7)),
        *(through(layout) for layout in JOINT_NAMES),
    ],
    ids=["turned, shifted, scaled", "shorter limbs", *JOINT_NAMES],
)
def test_the_same_motion_is_seen_the_same(other: OwnDance) -> None:
    here, there = seen(dance(swinging(25.0))), seen(other)
    np.testing.assert_allclose(there.windows, here.windows, atol=1e-6)
    assert there.repeats == pytest.approx(here.repeats)


@pytest.mark.parametrize("rate_hz", [30.0, 60.0, 120.0])
def test_another_frame_rate_changes_little(rate_hz: float) -> None:
    here, there = guess(dance(swinging(25.0))), guess(dance(swinging(rate_hz), rate_hz))
    assert sum(here.probabilities.values()) == pytest.approx(1)
    for name, share in here.probabilities.items():
        assert there.probabilities[name] == pytest.approx(share, abs=0.05)


def test_a_mirrored_body_has_mirrored_bones() -> None:
    points = swinging(25.0)
    sides = {"left": "right", "right": "left"}
    image = {}
    for name, of in points.items():
        side, *rest = name.split()
        image[" ".join([sides.get(side, side), *rest])] = of * (-1, 1, 1)
    np.testing.assert_allclose(
        directions(image, 25.0), mirrored(directions(points, 25.0)), atol=1e-9
    )


def test_standing_still_is_unlike_any_dance() -> None:
    points = {name: np.repeat(of[:1], 200, axis=0) for name, of in swinging(25.0).items()}
    found = guess(dance(points))
    assert not found.known
    assert UNLIKE in found.text


def test_what_only_repeats_itself_is_unlike_any_dance_whatever_its_pose() -> None:
    bones = seen(dance(swinging(25.0)))
    assert bones.repeats > 0.99
    assert model().likeness(Seen(bones.windows, 0.99)) == 0
    random = np.random.default_rng(0)
    noise = {name: random.normal(size=(200, 3)) for name in swinging(25.0)}
    assert repeats(directions(noise, 25.0)) < 0.5


def test_a_dance_shorter_than_two_windows_is_said_to_be_too_short() -> None:
    found = guess(dance(swinging(25.0, seconds=2.9)))
    assert not found.known
    assert "too short" in found.text


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 broken", MODEL.read_bytes()[:-2000]])
def test_a_broken_model_is_one_clear_error(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "genre_model.npz"
    file.write_bytes(content)
    with pytest.raises(UserError, match="a whole genre model"):
        GenreModel.read(file)


def test_arrays_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    whole_model = GenreModel.read(MODEL)
    replace(whole_model, bias=whole_model.bias[:-1]).save(tmp_path / "short.npz")
    with pytest.raises(UserError, match="bias is float32 of shape"):
        GenreModel.read(tmp_path / "short.npz")


def test_the_model_that_comes_with_the_package_is_the_stages() -> None:
    found = read_json(METRICS, "run `dvc repro` of the stage genre_model")
    assert hashlib.sha256(MODEL.read_bytes()).hexdigest() == found["sha256"]
    assert MODEL.with_suffix(".md").read_text("utf-8") == card(found)
    assert MODEL.stat().st_size < 3_000_000
    made = METRICS.parents[2] / "data" / "aist_retargeted" / "genre_model.npz"
    if not made.exists():
        pytest.skip("the stage genre_model has not run here: no data of AIST++ retargeted")
    assert made.read_bytes() == MODEL.read_bytes()


def test_a_saved_model_says_the_same(tmp_path: Path) -> None:
    model().save(tmp_path / "again.npz")
    # array by array: Pythons differ in how they write the archive around them
    with np.load(tmp_path / "again.npz") as again, np.load(MODEL) as kept:
        assert again.files == kept.files
        assert all(again[name].tobytes() == kept[name].tobytes() for name in kept.files)


def test_the_temperature_that_was_planted_is_found() -> None:
    random = np.random.default_rng(0)
    logits = random.normal(size=(4000, 3)) * 2
    shares = softmax(logits / 2.0)
    labels = np.array([random.choice(3, p=row) for row in shares])
    assert temperature_of(logits, labels) == pytest.approx(2.0, rel=0.1)


def test_the_calibration_error_by_hand() -> None:
    stated = np.array([0.65, 0.65, 0.95, 1.0])
    right = np.array([True, False, True, True])  # |1 - 1.3| and |2 - 1.95| over four
    assert calibration_error(stated, right) == pytest.approx((0.3 + 0.05) / 4)


def test_who_is_asked_shares_neither_dancer_nor_choreography() -> None:
    pieces = pd.DataFrame(
        [("a", "d1", "c1"), ("b", "d1", "c2"), ("c", "d2", "c1"), ("d", "d2", "c3")],
        columns=["piece", "dancer", "choreography"],
    )
    parts = {tuple(asked): learned for learned, asked in left_out(pieces)}
    assert parts == {("a",): ["d"], ("b",): ["c", "d"], ("c",): ["b"], ("d",): ["a", "b"]}


@pytest.mark.parametrize(("frames", "alike"), [(0.0, 0.0), (2.0, 0.94)])
def test_joints_tremble_as_much_and_as_slowly_as_is_asked(frames: float, alike: float) -> None:
    noise = shaken(np.zeros((400, 17, 3)), 2.0, frames, np.random.default_rng(0))
    assert noise.std() == pytest.approx(2.0)
    # of a Gaussian filter of s frames, neighbours correlate by exp(-1 / 4 s²)
    assert np.corrcoef(noise[1:].ravel(), noise[:-1].ravel())[0, 1] == pytest.approx(
        alike, abs=0.02
    )
