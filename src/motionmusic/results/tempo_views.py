"""To see and to hear whether a song's tempo is right: onsets folded on its beats, and clicks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from motionmusic.features.audio import read_audio
from motionmusic.features.motion import Floats
from motionmusic.files import Float32
from motionmusic.lettering import Figure
from motionmusic.numba_cache import librosa
from motionmusic.results.figures import heading
from motionmusic.terminal import shown

_COLUMNS = 10


def tempo_picture(songs: pd.DataFrame, folded: Sequence[Floats]) -> Figure:
    """One small panel a song.

    Args:
        songs: piece, song_bpm, flags of song_tempi.csv.
        folded: of each, :func:`features.song_tempo.folded_onsets`.
    """
    rows = -(-len(songs) // _COLUMNS)
    figure = Figure(figsize=(12, 0.9 + 1.35 * rows), dpi=110, layout="constrained")
    panels = figure.subplots(rows, _COLUMNS, squeeze=False).ravel()
    for panel in panels:
        panel.set_axis_off()
    for panel, song, values in zip(panels, songs.to_dict("records"), folded, strict=False):
        panel.set_axis_on()
        panel.imshow(
            values, aspect="auto", origin="lower", cmap="Greys", vmax=np.quantile(values, 0.98),
            extent=(-0.5, 1.5, 0, len(values)), interpolation="nearest",
        )  # fmt: skip
        flagged = bool(song["flags"]) and song["flags"] == song["flags"]
        panel.set_title(
            shown(f"{song['piece']}  {song['song_bpm']:.1f}"),
            fontsize=8,
            color="#b2182b" if flagged else "black",
        )
        panel.set_xticks([0, 1])
        panel.set_yticks([])
        panel.tick_params(labelsize=7, length=2)
    heading(figure, "Onsets of every song, two beats wide, the song's time going up")
    figure.supxlabel(
        "Beats. A dark upright line at 0 and 1 means that tempo and phase are right for the whole"
        " song; a slanting line, a wrong tempo. Above each: piece, beats a minute; red: flagged.",
        fontsize=9,
    )
    return figure


def clicked(
    file: Path, *, start_s: float, beat_hz: float, first_beat_s: float, seconds: float = 60.0
) -> tuple[Float32, int]:
    """A minute of a song with a click on every beat, and its rate.

    Args:
        file: the song.
        start_s: where the minute starts in it.
        beat_hz, first_beat_s: its beats, in seconds from ``start_s`` on.
        seconds: at most.

    Raises:
        UserError: the sound is missing or broken.
    """
    rate = 22_050
    song = read_audio(file, rate, start_s=start_s, duration_s=seconds)
    beats = first_beat_s + np.arange(int(seconds * beat_hz) + 2) / beat_hz
    inside = beats[(beats >= 0) & (beats < len(song) / rate)]
    clicks = librosa.clicks(times=inside, sr=rate, length=len(song))
    return np.asarray(0.5 * song / np.abs(song).max() + 0.4 * clicks, np.float32), rate
