"""Whether motion is in time, on motion whose time is known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from bobbing import BEAT_HZ, piece, taught

from motionmusic.data.choreonet import figure_of
from motionmusic.errors import UserError
from motionmusic.features.motion import Floats
from motionmusic.features.skeletons import MUSICTODANCE
from motionmusic.render.sync_picture import sync_picture
from motionmusic.scoring import timing as module
from motionmusic.scoring.beat_phase import (
    BALLROOM,
    STREET,
    BeatPhase,
    Limits,
    judge,
    motion_features,
    tempo_kept,
)
from motionmusic.scoring.intervals import mean_interval
from motionmusic.scoring.own_track_dances import by_new_figures
from motionmusic.scoring.timing import answers, learn, timing


def test_motion_on_the_beat_is_found_to_be_in_time() -> None:
    found = timing([piece(n) for n in range(12)], seed=0, resamples=200)
    for key in ("part_of_a_beat_off_phase", "part_of_a_beat_off_onset"):
        for by in ("by_piece", "by_figure"):
            assert found[key][by]["value"] > 0.95, (key, by)
            assert found[key][by]["low"] <= found[key][by]["value"] <= found[key][by]["high"]
    assert found["whole_pieces"] | {"not_found": []} == {
        "found": 12, "n": 12, "chance": 0.3, "not_found": [],
    }  # fmt: skip
    assert found["part_of_a_beat_off_phase"]["by_figure"]["figures"] == 20
    assert found["feet"]["C"]["agreement"] > 0.95


def test_a_constant_lag_is_in_time_too_but_another_one_in_each_piece_is_not() -> None:
    late = timing([piece(n, away=0.3) for n in range(12)], seed=0, resamples=50)
    assert late["part_of_a_beat_off_phase"]["by_piece"]["value"] > 0.95
    stray = timing([piece(n, away=n * 0.618) for n in range(12)], seed=0, resamples=50)
    assert stray["part_of_a_beat_off_phase"]["by_piece"]["value"] < 0.7
    assert stray["whole_pieces"]["found"] < 8
    assert stray["feet"]["C"]["agreement"] < 0.6


@pytest.mark.parametrize("by", ["piece", "figure"])
def test_what_is_tested_is_not_trained_on(by: module.By, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of the fold, and windows that reach into it, are poison: no weight changes."""
    rows = module._rows([piece(n) for n in range(10)], module.HALF[by])
    folds = module._folds(rows, by)
    clean = module._ridge(rows, folds, 1, module.HALF[by])
    poisoned = []
    for row, of in zip(rows, folds, strict=True):
        windows, targets = row.windows.copy(), row.targets.copy()
        reach = np.convolve(of == 1, np.ones(2 * module.HALF[by] + 1), "same") > 0.5
        windows[reach], targets[reach] = 1e3, -1e3
        poisoned.append(replace(row, windows=windows, targets=targets))
    np.testing.assert_array_equal(module._ridge(poisoned, folds, 1, module.HALF[by]), clean)


def test_takes_of_a_figure_and_windows_of_a_unit_stay_together() -> None:
    assert figure_of("T-3-1") == figure_of("T-3-7") == "T-3"
    rows = module._rows([piece(n) for n in range(10)], module.HALF["figure"])
    folds = module._folds(rows, "figure")
    of_figure: dict[str, set[int]] = {}
    for row, of in zip(rows, folds, strict=True):
        for unit, start_s, end_s in row.of.units:
            part = of[round(25 * start_s) : round(25 * end_s)]
            of_figure.setdefault(figure_of(unit), set()).update(part.tolist())
        for _, frames in module._windows(row, np.ones(len(of), bool), "figure"):
            # a window of ±7 frames at its ends sees nothing of the next unit
            assert (frames.start - 7) % 100 == 0
            assert (frames.stop + 7) % 100 == 0
    assert all(len(folds_of) == 1 for folds_of in of_figure.values())


def test_alignment_is_with_the_songs_beats_and_with_the_trackers() -> None:
    """Bodies that turn round 0.1 s after their first frame, as the song's beats; the tracker errs."""
    pieces = []
    for n in range(4):
        made = piece(n, away=0.45)
        beats_s = made.tracked_s + 0.1
        pieces.append(replace(made, first_beat_s=beats_s[0], tracked_s=beats_s + 0.125))
    found = module._alignment(pieces, 0, 50)
    for of in found.values():
        for label in "CR":
            assert of["song"][label]["value"] > 0.1
            assert of["tracker"][label]["value"] < -0.1


def test_a_mirror_image_moves_alike() -> None:
    joints = piece(1).joints
    mirrored = joints * [-1, 1, 1]
    for left, right in MUSICTODANCE.mirror_pairs:
        mirrored[:, [left, right]] = mirrored[:, [right, left]]
    np.testing.assert_allclose(motion_features(mirrored), motion_features(joints))


def test_the_model_says_yes_no_and_how_late(tmp_path: Path) -> None:
    pieces = [piece(n, units=6) for n in range(10)]
    model = taught(pieces)
    assert sorted(name for of in model.unseen for name in of) == sorted(p.piece for p in pieces)
    said = answers(model, pieces, None, seed=0)
    assert said["true"] == {"yes": 10}
    assert said["off"] == {"no": 10}
    assert said["other_tempo"]["yes"] == 0
    assert said["offset_found"] == said["n"] == 10
    for late_s, count in ((0.08, 4), (0.12, 0)):  # 0.16 and 0.24 of a beat
        late = [replace(one, first_frame_s=one.first_frame_s + late_s) for one in pieces[:4]]
        assert answers(model, late, None, seed=0)["offset_found"] == count
    # music whose beats come too late has to be read as much later, and the other way round
    predicted = model.predict(pieces[0].joints, pieces[0].piece)
    for late_s in (-0.15, 0.0, 0.2):
        verdict = judge(predicted, 0.2, BEAT_HZ, 0.2 + late_s, BALLROOM)
        assert verdict.late_s == pytest.approx(late_s, abs=0.02)
        assert verdict.dance_bpm == pytest.approx(60 * BEAT_HZ, abs=1)
        axes = sync_picture(predicted, BEAT_HZ, late_s, verdict, "", "").axes
        curves = (np.array(axis.lines[0].get_data()) for axis in axes)
        (tempi, of_tempo), (offsets, of_offset) = curves
        assert tempi[np.argmax(of_tempo)] == pytest.approx(60 * BEAT_HZ, abs=1)
        near = np.abs(offsets) <= 0.5 / BEAT_HZ
        assert offsets[near][of_offset[near].argmax()] == pytest.approx(late_s, abs=0.02)
    still = model.predict(np.random.default_rng(0).normal(size=(600, 23, 3)))
    assert judge(still, 0.2, BEAT_HZ, 0.2, BALLROOM).answer == "cannot tell"
    model.save(tmp_path / "in_time.npz")
    again = BeatPhase.read(tmp_path / "in_time.npz")
    assert (again.unseen, again.limits) == (model.unseen, model.limits)
    np.testing.assert_allclose(again.weights, model.weights, rtol=1e-6, atol=1e-8)


def test_nothing_of_a_piece_decides_the_weights_that_judge_it() -> None:
    pieces = [piece(n, units=4) for n in range(10)]
    model = taught(pieces)
    for number in (0, 7):
        noise = np.random.default_rng(9)
        poisoned = replace(
            pieces[number], joints=noise.normal(size=pieces[number].joints.shape),
            onsets=noise.random(len(pieces[number].onsets)), first_beat_s=0.37, beat_hz=1.7,
        )  # fmt: skip
        again = taught([*pieces[:number], poisoned, *pieces[number + 1 :]])
        assert again.unseen == model.unseen
        (fold,) = [f for f, names in enumerate(model.unseen) if poisoned.piece in names]
        same = [np.array_equal(*pair) for pair in zip(again.weights, model.weights, strict=True)]
        assert same == [f == fold for f in range(len(same))]
        # and the piece is asked with these
        joints = pieces[number].joints
        one = BeatPhase(model.weights[[fold]], (model.unseen[fold],), model.limits)
        np.testing.assert_allclose(
            model.predict(joints, poisoned.piece), one.predict(joints, poisoned.piece)
        )


def test_every_dance_is_asked_about_by_its_own_name() -> None:
    asked: list[tuple[str | None, bytes]] = []

    class Spy(BeatPhase):
        def predict(self, joints: Floats, piece: str | None = None) -> Floats:
            asked.append((piece, joints.tobytes()))
            return super().predict(joints, piece)

    pieces = [piece(n, units=3) for n in range(5)]
    model = taught(pieces)
    answers(Spy(model.weights, model.unseen, model.limits), pieces, None, seed=0)
    assert asked == [(one.piece, one.joints.tobytes()) for one in pieces]


def test_a_model_without_the_songs_sound_is_the_same() -> None:
    pieces = [replace(piece(n, units=4), onsets=np.zeros(0)) for n in range(4)]
    heard = [replace(one, onsets=np.random.default_rng(0).random(3000)) for one in pieces]
    splits = [(["C_0", "R_1"], ["C_2", "R_3"])]
    model = learn(pieces, splits, STREET)
    np.testing.assert_array_equal(model.weights, learn(heard, splits, STREET).weights)
    assert (model.unseen, model.limits) == ((("C_2", "R_3"),), STREET)
    # and those that are not learned from decide nothing
    poisoned = [replace(one, beat_hz=1.3) if one.piece in "C_2 R_3" else one for one in pieces]
    np.testing.assert_array_equal(model.weights, learn(poisoned, splits, STREET).weights)


def test_limits_decide_what_is_said() -> None:
    model = taught(pieces := [piece(n, units=6) for n in range(10)])
    predicted = model.predict(pieces[0].joints, pieces[0].piece)
    said = judge(predicted, 0.2, BEAT_HZ, 0.2 + 0.2 / BEAT_HZ, Limits(1.25, 0.15))
    assert said.answer == "no"
    assert judge(predicted, 0.2, BEAT_HZ, 0.2 + 0.2 / BEAT_HZ, Limits(1.25, 0.25)).answer == "yes"
    clear = said.fit / said.rival
    for times, answer in ((0.99, "yes"), (1.01, "cannot tell")):
        limits = Limits(times * clear, 0.15)
        assert judge(predicted, 0.2, BEAT_HZ, 0.2, limits).answer == answer
    # another tempo, looked for among all, has to be 1.2 times as clear
    assert tempo_kept(predicted, Limits(clear / 1.22, 0.15)) == pytest.approx(120, abs=1)
    assert np.isnan(tempo_kept(predicted, Limits(clear / 1.18, 0.15)))


@pytest.mark.parametrize("by", ["piece", "figure"])
def test_intervals_resample_what_was_dealt_into_folds(by: module.By) -> None:
    random = np.random.default_rng(0)
    found = pd.DataFrame({"piece": np.arange(60) % 3, "figure": np.arange(60) % 20, "label": "C"})
    found["phase"] = random.uniform(0, 1, 3)[found["piece"]]
    got = module._share(found, "phase", by, 0, 100)
    expected = mean_interval(found["phase"], found[by], 0, 100)
    assert (got["low"], got["high"]) == (expected.low, expected.high)
    assert got[f"{by}s"] == found[by].nunique()


def test_a_piece_is_judged_by_weights_that_do_not_know_it() -> None:
    weights = np.random.default_rng(0).normal(size=(2, 1150, 4))
    model = BeatPhase(weights, (("C_1",), ("W_2",)), STREET)
    joints = np.random.default_rng(1).normal(size=(60, 23, 3))
    first, second, other = (model.predict(joints, name) for name in ("C_1", "W_2", "X_9"))
    np.testing.assert_allclose((first + second) / 2, other)
    assert not np.allclose(first, second)


@pytest.mark.parametrize("content", [None, b"", b"no weights"])
def test_broken_weights(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "in_time.npz").write_bytes(content)
    with pytest.raises(UserError, match=r"in_time\.npz"):
        BeatPhase.read(tmp_path / "in_time.npz")


@pytest.mark.parametrize(
    "change",
    [
        {"weights": np.zeros((1, 1150, 3))}, {"weights": np.full((1, 1150, 4), np.nan)},
        {"weights": np.zeros((2, 1150, 4))}, {"weights": np.zeros((1, 1150, 4), np.int64)},
        {"unseen": np.zeros(1)}, {"limits": np.array([1.5])}, {"limits": np.array([0.5, 0.2])},
        {"limits": np.array([1.5, 0.0])}, {"limits": np.array([np.nan, np.nan])},
    ],
)  # fmt: skip
def test_weights_of_another_shape_are_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    whole: dict[str, Any] = {
        "weights": np.zeros((1, 1150, 4)), "unseen": np.array(["C_1"]),
        "limits": np.array([1.5, 0.25]),
    }  # fmt: skip
    np.savez(tmp_path / "in_time.npz", **whole)
    assert BeatPhase.read(tmp_path / "in_time.npz").limits == STREET
    np.savez(tmp_path / "in_time.npz", **{**whole, **change})
    with pytest.raises(UserError, match=r"in_time\.npz"):
        BeatPhase.read(tmp_path / "in_time.npz")


def test_what_is_said_of_a_figure_is_by_weights_that_do_not_know_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Noise can be learned by heart and not foretold: of new figures nothing is known."""
    monkeypatch.setattr(module, "_RIDGE", 1.0)
    random, pieces = np.random.default_rng(0), []
    for n in range(4):
        made = piece(n)
        pieces.append(replace(made, joints=random.normal(size=made.joints.shape).cumsum(axis=0)))
    found = by_new_figures(pieces)
    phase = 2 * np.pi * BEAT_HZ * np.arange(1000) / 25
    for wave, place in ((np.cos, 0), (np.sin, 1)):
        said = np.concatenate([of[:, place] for of in found])
        seen = said != 0
        assert seen.sum() > 3000
        true = np.tile(wave(phase), 4)
        assert abs(np.corrcoef(said[seen], true[seen])[0, 1]) < 0.15
