"""A track's tempo without its beats is the beat tracker's."""

from __future__ import annotations

import numpy as np
import pytest
from sounds import Samples, song

from motionmusic.app.track_tempo import tracked_bpm
from motionmusic.features.beats import music_beats

RATE = 12_800


@pytest.mark.parametrize(
    ("bpm", "seconds"), [(73, 40), (96, 20.3), (120, 9), (128, 1.5), (151, 30)]
)
def test_as_the_beat_tracker(bpm: float, seconds: float) -> None:
    sound = song(seconds, seed=round(bpm), bpm=bpm, rate=RATE)
    assert tracked_bpm(sound, RATE) == music_beats(sound, RATE)[1]
    # of noise no tempo is clear, so that small differences would show
    noise = np.random.default_rng(round(bpm)).normal(size=len(sound)).astype(np.float32)
    assert tracked_bpm(noise, RATE) == music_beats(noise, RATE)[1]


def test_another_rate_and_a_rest_in_the_middle() -> None:
    sound = song(20, bpm=110)
    sound[5 * 44_100 : 12 * 44_100] = 0
    assert tracked_bpm(sound, 44_100) == music_beats(sound, 44_100)[1]


@pytest.mark.parametrize("sound", [np.zeros(RATE * 4), np.zeros(0), np.full(40, 0.1)])
def test_without_an_onset(sound: Samples) -> None:
    sound = sound.astype(np.float32)
    assert np.isnan(tracked_bpm(sound, RATE))
    if len(sound) != 40:  # fewer samples than librosa's window, of which it warns
        assert np.isnan(music_beats(sound, RATE)[1])
