"""Stored features of a track: 60 a second to 25, columns scaled, zeros up to the networks' rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from motionmusic.errors import UserError
from motionmusic.features.music import piece_features, stored_features
from motionmusic.features.piece_beats import piece_beats
from motionmusic.params import StoredMusic


def track(folder: Path, frames: int = 600) -> Path:
    t = np.arange(frames) / 60
    columns = np.zeros((frames, 35), np.float32)
    columns[:, 0] = 5 * np.sin(2 * np.pi * t) - 100
    columns[:, 1] = t
    columns[120, 34] = 1
    (folder / "music").mkdir()
    np.save(folder / "music" / "mBR1.npy", columns)
    return folder / "music" / "mBR1.npy"


def test_a_track_keeps_its_time_and_its_columns(tmp_path: Path) -> None:
    found = stored_features(track(tmp_path))
    assert found.shape == (250, 96)
    assert found.dtype == np.float32
    assert not found[:, 35:].any()
    assert not found[:, 2:34].any()  # constant
    assert (found.min(), found.max()) == (0, 1)
    # frame i is at i / 25 s: a ramp stays one, but for its ends, which have half a window
    steps = np.diff(found[1:-1, 1].astype(float))
    assert steps == pytest.approx(np.full(247, steps.mean()), abs=2e-4)
    wave = np.sin(2 * np.pi * np.arange(250) / 25)
    assert np.corrcoef(found[:, 0], wave)[0, 1] > 0.999
    assert found[:, 34].argmax() == 50  # 120 / 60 s


def test_a_piece_gets_as_many_frames_as_it_has(tmp_path: Path) -> None:
    track(tmp_path)
    row = {"piece": "p", "frames": 180, "music_file": "music/mBR1.npy"}
    assert piece_features(tmp_path, StoredMusic(feature="stored"), row).shape == (180, 96)


@pytest.mark.parametrize("spoil", ["columns", "nan", "integers", "none"])
def test_what_is_no_track_is_an_error(tmp_path: Path, spoil: str) -> None:
    file = track(tmp_path)
    good = np.load(file)
    good[3, 3] = np.nan if spoil == "nan" else 0
    bad = {"columns": good[:, :34], "integers": good.astype(int), "none": good[:0]}
    np.save(file, bad.get(spoil, good))
    with pytest.raises(UserError, match=r"finite numbers \(frames, 35\)"):
        stored_features(file)


def test_beats_are_those_of_the_known_tempo(tmp_path: Path) -> None:
    (tmp_path / "joints").mkdir()
    joints = np.random.default_rng(0).normal(size=(101, 17, 3)).astype(np.float32)
    np.save(tmp_path / "joints" / "p.npy", joints)
    row = {
        "piece": "p", "frames": 101, "motion_rate_hz": 25.0, "music_file": "music/mBR1.npy",
        "music_start_s": 0.5, "music_bpm": 90.0,
    }  # fmt: skip
    beats, tempo = piece_beats(tmp_path, tmp_path / "joints", row)
    music = beats.loc[beats["kind"] == "music", "time_s"].to_numpy()
    assert music == pytest.approx(np.arange(1, 7) * 60 / 90 - 0.5)
    assert tempo["music_bpm"] == 90
    assert pd.Series(tempo)["piece"] == "p"
