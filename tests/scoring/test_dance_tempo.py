"""The tempo of dances whose tempo is known."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from motionmusic.errors import UserError
from motionmusic.features.motion import Floats
from motionmusic.files import read_json
from motionmusic.scoring import tempo_of_dances
from motionmusic.scoring.dance_tempo import (
    TEMPI,
    DanceTempo,
    TempoModel,
    evidence,
    given,
)
from motionmusic.scoring.tempo_of_dances import measured
from motionmusic.scoring.two_corpora import TimedDance

METRICS = Path(__file__).parents[2] / "metrics/aist_retargeted"
SHIPPED = Path(__file__).parents[2] / "src/motionmusic/pretrained/dance_tempo.npz"


def swaying(bpm: float, seconds: float = 10, tremble: float = 0, seed: int = 0) -> Floats:
    """Joints that rest on every beat and repeat their path every four."""
    random = np.random.default_rng(seed)
    beats = np.arange(round(25 * seconds)) / 25 * bpm / 60
    places = random.normal(0, 20, (4, 13, 3))
    before, share = np.floor(beats).astype(int), 1 - np.cos(np.pi * (beats % 1))
    a, b = places[before % 4], places[(before + 1) % 4]
    joints = a + (b - a) * share[:, None, None] / 2
    return np.asarray(joints + random.normal(0, tremble, joints.shape))


def test_the_model_that_comes_with_the_package_is_the_stages() -> None:
    found = read_json(METRICS / "dance_tempo.json", "run `dvc repro` of the stage dance_tempo")
    assert sha256(SHIPPED.read_bytes()).hexdigest() == found["sha256"]


@pytest.mark.parametrize("bpm", [70, 84, 97, 116, 128])
def test_the_model_of_the_package_finds_the_tempo_of_plain_swaying(bpm: float) -> None:
    model = TempoModel.read(SHIPPED)
    for size in (1.0, 0.01):  # in any unit
        seen = evidence(size * swaying(bpm, tremble=1, seed=round(bpm)))
        assert model(seen).share(bpm, (1, 2, 0.5)) > 0.5


def test_noise_has_no_tempo_that_is_sure_and_standing_still_breaks_nothing() -> None:
    model = TempoModel.read(SHIPPED)
    noise = model(evidence(np.random.default_rng(0).normal(size=(250, 13, 3))))
    assert noise.share(noise.bpm) < 0.7
    still = model(evidence(np.ones((100, 13, 3))))
    assert np.isfinite(still.probabilities).all()
    assert still.probabilities.sum() == pytest.approx(1)


def test_shares_are_within_four_percent_and_count_octaves_once() -> None:
    flat = DanceTempo(np.full(len(TEMPI), 1 / len(TEMPI)))
    assert flat.share(100) == pytest.approx(np.mean(abs(TEMPI / 100 - 1) <= 0.04))
    assert flat.share(100, (1, 1)) == flat.share(100)
    assert flat.share(100, (1, 2, 0.5)) > flat.share(100, (1, 2)) > flat.share(100)
    told = given(116)
    assert told.bpm == pytest.approx(116, rel=0.005)
    assert told.share(116) > 0.99
    assert told.share(58) < 0.01 < 0.99 < told.share(58, (1, 2))


def test_new_dancers_are_found_and_a_model_of_other_music_is_not_right() -> None:
    retargeted, on_beat = {}, {}
    for n in range(48):
        bpm = 80 + 10 * (n // 2 % 6)
        street = TimedDance(f"g_{n}", f"d{n:02d}", swaying(bpm, tremble=1, seed=n), bpm / 60)
        piece = TimedDance(f"{'CRTW'[n % 4]}_{n}", "", swaying(bpm, seed=99 + n), bpm / 60)
        retargeted[street.name], on_beat[piece.name] = street, piece
    found, model = measured(retargeted, on_beat, seed=0, resamples=50)
    assert found["aist_retargeted"]["both"]["n"] == 24
    assert found["aist_retargeted"]["both"]["right"]["value"] > 0.9
    assert found["on_beat"]["both"]["right"]["value"] > 0.9
    assert found["aist_retargeted"]["constant"]["right"]["value"] == pytest.approx(1 / 6)
    assert model(evidence(swaying(104, seed=7))).share(104) > 0.5


def test_weights_are_read_back_and_broken_ones_are_an_error(tmp_path: Path) -> None:
    seen = [evidence(swaying(bpm, seed=bpm)) for bpm in (80, 100, 120)]
    model = TempoModel.learn(seen, [80, 100, 120])
    (model + model).save(tmp_path / "a.npz")
    again = TempoModel.read(tmp_path / "a.npz")
    np.testing.assert_allclose(again.weights, model.weights, rtol=1e-6)
    (tmp_path / "a.npz").write_bytes(b"no")
    with pytest.raises(UserError, match="weights of the dance's tempo"):
        TempoModel.read(tmp_path / "a.npz")


class Told:
    """A model that knows whom it learned from, and says the tempo that a dance was planted with."""

    def __init__(self, names: set[str], asked: list[tuple[set[str], float]]) -> None:
        self.names, self.asked = names, asked

    def __add__(self, other: Told) -> Told:
        return Told(self.names | other.names, self.asked)

    def __call__(self, seen: float) -> DanceTempo:
        self.asked.append((self.names, seen))
        return given(seen)


def test_who_is_new_and_what_is_said_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dancer d01 moves at the music's tempo of 120, d03 at half of it; those learned from have 100."""
    asked: list[tuple[set[str], float]] = []
    monkeypatch.setattr(tempo_of_dances, "evidence", lambda joints: float(joints[0, 0, 0]))
    monkeypatch.setattr(
        tempo_of_dances, "learned", lambda seen, of: Told({one.name for one in of}, asked)
    )
    monkeypatch.setattr(tempo_of_dances, "motion_tempo", lambda joints, rate: 120.0)

    def dance(name: str, unit: str, music: float, said: float) -> TimedDance:
        return TimedDance(name, unit, np.full((9, 13, 3), said), music / 60)

    of_dancers = {"d01": (120, 120), "d03": (120, 60), "d02": (100, 100), "d04": (100, 100)}
    street = {
        name: dance(name, unit, *tempi)
        for unit, tempi in of_dancers.items() for name in (f"g_{unit}_{n}" for n in range(8))
    }  # fmt: skip
    ballroom = {name: dance(name, name, 87, 87 + n) for n, name in enumerate(("C_1", "C_2", "W_1"))}
    found, model = measured(street, ballroom, 0, 500)
    tested: Any = [(names, said) for names, said in asked]
    odd = {name for name in street if "d01" in name or "d03" in name}
    for names, _ in tested[:32]:  # two models for each of sixteen dances
        assert not names & odd
        assert names >= set(street) - odd
    for names, said in tested[32:]:
        (piece,) = (name for name, of in ballroom.items() if of.joints[0, 0, 0] == said)
        assert piece not in names
        assert names >= set(street)
    both = found["aist_retargeted"]["both"]
    # a dancer's dances go right or wrong together
    assert both["right"] == {"value": 0.5, "low": 0, "high": 1}
    assert both["octave"] == {"value": 1, "low": 1, "high": 1}
    # as sure of what is wrong as of what is right
    assert (both["sure"]["n"], both["unsure"]["n"]) == (16, 0)
    assert both["sure"]["right"] == 0.5
    # the constant is that of those who are learned from
    assert found["aist_retargeted"]["constant"]["right"]["value"] == 0
    assert found["aist_retargeted"]["plain"]["right"]["value"] == 1
    made: Any = model
    assert made.names == set(street)
