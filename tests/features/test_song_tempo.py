"""Tempo and phase of songs whose beats are known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from motionmusic.features.song_tempo import (
    SAMPLE_RATE,
    SongTempo,
    folded_onsets,
    onset_envelope,
    song_tempo,
)

Floats = NDArray[np.float64]


def song(beats_s: Floats, loud: Floats | float = 0.5, seconds: float = 60) -> Floats:
    """Short bursts of noise on a quiet floor."""
    random = np.random.default_rng(0)
    audio = random.normal(0, 1e-3, int(seconds * SAMPLE_RATE))
    decay = np.exp(-np.arange(2000) / 150)
    for start, level in zip(beats_s, np.broadcast_to(loud, len(beats_s)), strict=True):
        place = round(start * SAMPLE_RATE)
        part = audio[place : place + 2000]
        part += level * (decay * random.normal(0, 1, 2000))[: len(part)]
    return audio


@pytest.mark.parametrize(("bpm", "first"), [(87.0, 0.3), (124.98, 0.05)])
def test_planted_tempo_and_phase(bpm: float, first: float) -> None:
    found = song_tempo(song(np.arange(first, 60, 60 / bpm)), expected_bpm=0.9 * bpm)
    assert found.bpm == pytest.approx(bpm, abs=0.05)
    assert found.first_beat_s == pytest.approx(first, abs=0.01)
    assert found.flags == ""


def test_the_first_beat_is_the_nearest_to_the_start() -> None:
    assert song_tempo(song(np.arange(0.45, 60, 0.5)), 120).first_beat_s == pytest.approx(
        -0.05, abs=0.01
    )


@pytest.mark.parametrize(("expected", "bpm"), [(110, 120), (65, 60)])
def test_double_or_half_is_decided_by_what_is_expected(expected: float, bpm: float) -> None:
    beats = np.arange(0.2, 60, 0.5)
    loud = np.where(np.arange(len(beats)) % 2 == 0, 0.6, 0.3)
    found = song_tempo(song(beats, loud), expected)
    assert found.bpm == pytest.approx(bpm, abs=0.05)
    assert found.flags == ""  # the tracker may be an octave away
    assert abs(found.first_beat_s - 0.2) < 0.015


def test_a_song_that_changes_tempo_is_flagged() -> None:
    beats = np.r_[np.arange(0.2, 30, 0.5), np.arange(30, 60, 0.52)]
    assert "tempo wanders" in song_tempo(song(beats), 120).flags


@pytest.mark.parametrize(
    ("tracked", "flags"),
    [(120, ""), (61, ""), (240, ""), (90, "tracker disagrees"), (np.nan, "tracker disagrees")],
)
def test_a_tracker_that_hears_another_tempo_is_flagged(tracked: float, flags: str) -> None:
    assert SongTempo(2.0, 0.0, 0.3, tracked, wander=0.01).flags == flags


def test_sound_without_an_onset_has_no_tempo() -> None:
    with pytest.raises(ValueError, match="without an onset"):
        song_tempo(np.zeros(10 * SAMPLE_RATE), 120)


def test_folded_onsets_stand_upright_where_the_tempo_is_right() -> None:
    audio = song(np.arange(0.2, 60, 0.5))
    folded = folded_onsets(onset_envelope(audio), song_tempo(audio, 120), bins=10)
    columns = folded.mean(axis=0)
    assert folded.shape[1] == 20
    # beats 0 and 1, columns from half a beat before the first on
    assert set(np.argsort(columns)[-4:]) <= {4, 5, 14, 15}
    assert columns[[4, 5, 14, 15]].sum() > 0.7 * columns.sum()
