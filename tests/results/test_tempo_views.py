"""Songs to see and to hear: the picture of onsets, clicks on the beats."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import soundfile

from motionmusic.features.song_tempo import SAMPLE_RATE
from motionmusic.results.tempo_views import clicked, tempo_picture


def test_a_panel_for_every_song() -> None:
    songs = pd.DataFrame({"piece": ["C_1", "W_2", "T_3"], "flags": ["", np.nan, "tempo wanders"]})
    folded = [np.random.default_rng(n).random((4, 48)) for n in range(3)]
    figure = tempo_picture(songs.assign(song_bpm=[90.0, 87.5, 120.0]), folded)
    panels = [axis for axis in figure.axes if axis.images]
    assert [axis.get_title() for axis in panels] == ["C_1  90.0", "W_2  87.5", "T_3  120.0"]
    assert [axis.title.get_color() for axis in panels] == ["black", "black", "#b2182b"]
    for axis, values in zip(panels, folded, strict=True):
        (image,) = axis.images
        np.testing.assert_array_equal(image.get_array(), values)
        # two beats, from half a beat before the first on
        assert list(image.get_extent()[:2]) == [-0.5, 1.5]


def test_clicks_fall_on_the_beats(tmp_path: Path) -> None:
    file = tmp_path / "song.wav"
    quiet = 1e-3 * np.random.default_rng(0).normal(size=5 * SAMPLE_RATE)
    quiet[-1000] = 0.9
    soundfile.write(file, quiet, SAMPLE_RATE)
    sound, rate = clicked(file, start_s=1.9, beat_hz=2.0, first_beat_s=-0.2, seconds=3.1)
    assert len(sound) == round(3.1 * rate)
    for beat in (0.3, 0.8, 1.3, 1.8, 2.3, 2.8):
        place = round(beat * rate)
        before, after = (np.square(sound[a:b]).mean() for a, b in
                         ((place - 1000, place - 50), (place, place + 950)))  # fmt: skip
        assert after > 100 * before
