"""A look at the data: music above motion on one time axis, with the beats of both."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from motionmusic import workspace
from motionmusic.features.beats import (
    Definition,
    alignment_by_chance,
    beat_alignment,
    kinetic_energy,
)
from motionmusic.files import Float32, read_array
from motionmusic.lettering import Figure
from motionmusic.terminal import shown

Floats = NDArray[np.float64]

_MUSIC, _MOTION, _ENERGY = "#d94801", "#08306b", "#6baed6"
_SHOWN_S, _START_S = 9.0, 10.0
_DEFINITION: Definition = "mint"
_CAPTION = (
    "The first piece of every type, by name. Log-mel: dark where a band is louder than its mean."
    " Speed: of the joints, root mean square, on one scale. Beats of the motion and their alignment,"
    " over the whole piece, as google-research/mint has them; by chance: the mean over 200 circular"
    " shifts of the music. Below chance: the body is slowest between the beats."
)


@dataclass(frozen=True)
class Look:
    """What is drawn of one piece; all times are in seconds from motion frame 0."""

    piece: str
    class_name: str
    log_mel: Float32  # (frames, bands), row t at t / rate_hz; it may end before the motion does
    energy: Floats  # (frames,), kinetic energy of the motion
    music_beats: Floats  # (n,), of the whole piece
    motion_beats: Floats
    rate_hz: float
    start_s: float  # of the part shown
    duration_s: float
    alignment: float  # of the beats of the whole piece
    chance: float

    @property
    def end_s(self) -> float:
        """Of the part shown."""
        return self.start_s + self.duration_s

    @property
    def frames(self) -> slice:
        """Those shown."""
        first, last = np.floor(self.start_s * self.rate_hz), np.ceil(self.end_s * self.rate_hz)
        return slice(int(first), int(last) + 1)


def look_at(corpus: str, row: Mapping[Hashable, Any], class_name: str, beats: pd.DataFrame) -> Look:
    """One piece, a ``row`` of pieces.csv; for the alignment counts what has both music and motion."""
    piece, rate_hz = str(row["piece"]), float(row["motion_rate_hz"])
    log_mel, joints = (
        read_array(workspace.data(corpus, kind, f"{piece}.npy")) for kind in ("music", "joints")
    )
    together_s = min(len(log_mel), len(joints)) / rate_hz
    own = beats[(beats["piece"] == piece) & (beats["time_s"] < together_s)]
    music, motion = (
        own.loc[own["kind"] == kind, "time_s"].to_numpy(np.float64)
        for kind in ("music", f"motion_{_DEFINITION}")
    )
    return Look(
        piece=piece,
        class_name=class_name,
        log_mel=log_mel,
        energy=kinetic_energy(joints, rate_hz),
        music_beats=music,
        motion_beats=motion,
        rate_hz=rate_hz,
        start_s=_START_S if together_s >= _START_S + _SHOWN_S else 0.0,
        duration_s=min(_SHOWN_S, together_s),
        alignment=beat_alignment(motion, music, _DEFINITION),
        chance=alignment_by_chance(motion, music, together_s, _DEFINITION)[0],
    )


def data_picture(pieces: Sequence[Look], title: str) -> Figure:
    """Per piece, from top to bottom, the log-mel above the kinetic energy, with the beats of both.

    The axis of speed is one for all, up to the largest speed shown, so that a dance played too fast
    stands out.
    """
    figure = Figure(figsize=(9.6, 2.3 * len(pieces) + 1.4), dpi=150, layout="constrained")
    largest = max(float(_speed(look)[look.frames].max(initial=0)) for look in pieces) or 1.0
    axes = figure.subplots(2 * len(pieces), 1)
    for look, music, motion in zip(pieces, axes[::2], axes[1::2], strict=True):
        name = shown(f"{look.class_name}  ({look.piece})")
        music.set_title(name, loc="left", fontsize=10, weight="bold")
        music.set_title(_summary(look), loc="right", fontsize=9.5, color="0.25")
        _draw_music(music, look)
        _draw_motion(motion, look, largest)
    axes[-1].set_xlabel("seconds of the dance", fontsize=10)
    handles = [
        Line2D([], [], color=_MUSIC, label="beat of the music"),
        Line2D([], [], color=_MOTION, linestyle="", marker="v",
               label="beat of the motion (slowest moment)"),
        Line2D([], [], color=_ENERGY, label="speed"),
    ]  # fmt: skip
    figure.legend(handles=handles, loc="outside upper right", ncols=3, frameon=False, fontsize=9.5)
    figure.suptitle(shown(title), fontsize=11, weight="bold", x=0.01, ha="left")
    figure.supxlabel(_CAPTION, fontsize=9, wrap=True)
    return figure


def _summary(look: Look) -> str:
    music, motion = (
        ((look.start_s <= beats) & (beats < look.end_s)).sum() / look.duration_s
        for beats in (look.music_beats, look.motion_beats)
    )
    return (
        f"beats/s: music {music:.1f}, motion {motion:.1f}     "
        f"alignment {look.alignment:.2f} (chance {look.chance:.2f})"
    )


def _draw_music(axes: Axes, look: Look) -> None:
    bands = look.log_mel.shape[1]
    shown = look.log_mel[look.frames]
    if shown.size:
        # low bands are louder than high ones, which would hide what changes in time
        values = shown - shown.mean(axis=0)
        # a moment of silence would leave the rest without contrast
        lightest, darkest = np.percentile(values, (5, 99))
        first, half = look.frames.start / look.rate_hz, 0.5 / look.rate_hz
        axes.imshow(
            values.T, origin="lower", aspect="auto", cmap="Greys", interpolation="nearest",
            vmin=lightest, vmax=max(darkest, lightest + 1e-6),
            extent=(first - half, first + len(shown) / look.rate_hz - half, 0, bands),
        )  # fmt: skip
    axes.set_ylim(0, bands)
    axes.set_yticks([])
    axes.set_ylabel("log-mel", fontsize=9.5)
    axes.tick_params(labelbottom=False, length=0)
    _finish(axes, look)


def _draw_motion(axes: Axes, look: Look, largest: float) -> None:
    times = np.arange(len(look.energy)) / look.rate_hz
    speed = _speed(look)
    axes.fill_between(times, speed, color=_ENERGY, alpha=0.35, linewidth=0)
    axes.plot(times, speed, color=_ENERGY, linewidth=1.3)
    axes.plot(
        look.motion_beats, np.interp(look.motion_beats, times, speed), linestyle="",
        marker="v", markersize=5.5, color=_MOTION, markeredgecolor="white", markeredgewidth=0.6,
        zorder=4,
    )  # fmt: skip
    axes.set_ylim(0, 1.1 * largest)
    axes.yaxis.set_major_locator(MaxNLocator(2))
    axes.set_ylabel("speed", fontsize=9.5)
    axes.tick_params(labelsize=9, color="0.85")
    _finish(axes, look)


def _speed(look: Look) -> Floats:
    return np.sqrt(np.maximum(look.energy, 0))


def _finish(axes: Axes, look: Look) -> None:
    """What both panels have: the beats of the music, the time axis and light borders."""
    for beat in look.music_beats:
        axes.axvline(beat, color=_MUSIC, linewidth=1.2)
    axes.set_xlim(look.start_s, look.end_s)
    axes.set_xticks(np.arange(np.ceil(look.start_s), look.end_s + 1e-9))
    axes.spines[:].set_color("0.85")
