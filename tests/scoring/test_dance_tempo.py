"""The tempo of dances whose tempo is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from motionmusic.errors import UserError
from motionmusic.features.motion import Floats
from motionmusic.scoring.dance_tempo import (
    TEMPI,
    DanceTempo,
    TempoModel,
    TempoModels,
    evidence,
    given,
)
from motionmusic.scoring.tempo_of_dances import measured
from motionmusic.scoring.two_corpora import TimedDance

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


@pytest.mark.parametrize("bpm", [70, 84, 97, 116, 128])
def test_the_model_of_the_package_finds_the_tempo_of_plain_swaying(bpm: float) -> None:
    models = TempoModels.read(SHIPPED)
    for size in (1.0, 0.01):  # in any unit
        seen = evidence(size * swaying(bpm, tremble=1, seed=round(bpm)))
        assert models.street(seen).share(bpm, (1, 2, 0.5)) > 0.5


def test_noise_has_no_tempo_that_is_sure_and_standing_still_breaks_nothing() -> None:
    models = TempoModels.read(SHIPPED)
    noise = models.street(evidence(np.random.default_rng(0).normal(size=(250, 13, 3))))
    assert noise.share(noise.bpm) < 0.7
    still = models.other(evidence(np.ones((100, 13, 3))))
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
    found, models = measured(retargeted, on_beat, seed=0, resamples=50)
    assert found["aist_retargeted"]["both"]["n"] == 24
    assert found["aist_retargeted"]["both"]["right"]["value"] > 0.9
    assert found["on_beat"]["both"]["right"]["value"] > 0.9
    assert found["aist_retargeted"]["constant"]["right"]["value"] == pytest.approx(1 / 6)
    assert models.street(evidence(swaying(104, seed=7))).share(104) > 0.5
    wrong = {
        name: TimedDance(name, of.unit, of.joints, of.beat_hz * (1 + (n % 2) * 0.3))
        for n, (name, of) in enumerate(retargeted.items())
    }  # odd dancers, who are only tested, to music of another tempo
    found, _ = measured(wrong, on_beat, seed=0, resamples=50)
    assert found["aist_retargeted"]["both"]["right"]["value"] < 0.2


def test_weights_are_read_back_and_broken_ones_are_an_error(tmp_path: Path) -> None:
    seen = [evidence(swaying(bpm, seed=bpm)) for bpm in (80, 100, 120)]
    model = TempoModel.learn(seen, [80, 100, 120])
    TempoModels(model, model + model).save(tmp_path / "a.npz")
    again = TempoModels.read(tmp_path / "a.npz")
    np.testing.assert_allclose(again.other.weights, model.weights, rtol=1e-6)
    (tmp_path / "a.npz").write_bytes(b"no")
    with pytest.raises(UserError, match="weights of the dance's tempo"):
        TempoModels.read(tmp_path / "a.npz")
