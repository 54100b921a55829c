"""A look at the data: music above motion on one time axis, with the beats of both."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from motionmusic.files import Float32

Floats = NDArray[np.float64]

# Inches, placed by hand as in figures.py.
_WIDTH, _EDGE, _LINE = 9.6, 0.2, 0.19
_LEFT, _RIGHT = 0.85, 0.3
_HEAD, _MUSIC, _GAP, _MOTION, _FOOT = 0.32, 0.75, 0.05, 0.75, 0.42
_LEGEND = 0.4
_MUSIC_COLOUR, _MOTION_COLOUR, _ENERGY_COLOUR = "#d94801", "#08306b", "#6baed6"


@dataclass(frozen=True)
class Look:
    """What is drawn of one piece; all times are in seconds from motion frame 0.

    Attributes:
        piece: its name.
        class_name: its dance type.
        log_mel: (frames, bands), row t at t / rate_hz; it may end before the motion does.
        energy: (frames,) kinetic energy of the motion.
        music_beats: (n,) of the whole piece.
        motion_beats: (m,) of the whole piece.
        rate_hz: frames a second.
        start_s: where the part shown starts.
        duration_s: how long it is.
        alignment: beat alignment of the whole piece.
        chance: the same by chance.
    """

    piece: str
    class_name: str
    log_mel: Float32
    energy: Floats
    music_beats: Floats
    motion_beats: Floats
    rate_hz: float
    start_s: float
    duration_s: float
    alignment: float
    chance: float


def data_picture(pieces: Sequence[Look], title: str, caption: str) -> Figure:
    """Per piece the log-mel above the kinetic energy, with the beats of both.

    Log-mel is drawn less each band's mean over the part shown, dark where it is louder.

    The axis of energy is the same for all pieces, and goes up to the largest energy shown, so that
    a dance played too fast stands out; it is a square root, so that calm dances are seen as well.

    Args:
        pieces: at least one, drawn from top to bottom.
        title: above the picture.
        caption: below it.

    Raises:
        ValueError: no piece.
    """
    if not pieces:
        raise ValueError("expected at least one piece to look at")
    title_lines = textwrap.wrap(title, int((_WIDTH - 2 * _EDGE) / 0.115))
    columns = int((_WIDTH - 2 * _EDGE) / 0.079)
    lines = textwrap.wrap(caption, columns, break_on_hyphens=False)
    above = _EDGE + 0.25 * len(title_lines) + _LEGEND
    below = _EDGE + _LINE * len(lines) + 0.1
    row = _HEAD + _MUSIC + _GAP + _MOTION + _FOOT
    height = above + len(pieces) * row + below
    figure = Figure(figsize=(_WIDTH, height), dpi=150, facecolor="white")
    FigureCanvasAgg(figure)
    left, width = _LEFT / _WIDTH, (_WIDTH - _LEFT - _RIGHT) / _WIDTH
    largest = max(float(look.energy[_frames_shown(look)].max(initial=0)) for look in pieces)
    for number, look in enumerate(pieces):
        top = height - above - number * row
        figure.text(
            left, (top - _HEAD + 0.07) / height, f"{look.class_name}  ({look.piece})",
            ha="left", va="bottom", fontsize=10, weight="bold",
        )  # fmt: skip
        figure.text(
            left + width, (top - _HEAD + 0.07) / height, _summary(look), ha="right", va="bottom",
            fontsize=9.5, color="0.25",
        )  # fmt: skip
        bottom = top - _HEAD - _MUSIC
        music = figure.add_axes((left, bottom / height, width, _MUSIC / height))
        bottom -= _GAP + _MOTION
        motion = figure.add_axes((left, bottom / height, width, _MOTION / height))
        _draw_music(music, look)
        _draw_motion(motion, look, largest)
        if number == len(pieces) - 1:
            motion.set_xlabel("seconds of the dance", fontsize=10)
    figure.text(
        0.5, 1 - _EDGE / height, "\n".join(title_lines), ha="center", va="top", fontsize=13,
        linespacing=1.25,
    )  # fmt: skip
    figure.legend(
        handles=[
            Line2D([], [], color=_MUSIC_COLOUR, linewidth=1.4, label="beat of the music"),
            Line2D([], [], color=_MOTION_COLOUR, linestyle="", marker="v", markersize=6,
                   label="beat of the motion (slowest moment)"),
            Line2D([], [], color=_ENERGY_COLOUR, linewidth=1.8, label="kinetic energy"),
        ],
        loc="upper center", bbox_to_anchor=(0.5, 1 - (above - _LEGEND + 0.1) / height), ncols=3,
        frameon=False, fontsize=9.5, borderpad=0, borderaxespad=0,
    )  # fmt: skip
    figure.text(
        _EDGE / _WIDTH, (_EDGE + _LINE * len(lines)) / height, "\n".join(lines), ha="left",
        va="top", fontsize=9.5, linespacing=1.25,
    )  # fmt: skip
    return figure


def _summary(look: Look) -> str:
    end = look.start_s + look.duration_s
    music, motion = (
        ((look.start_s <= beats) & (beats < end)).sum() / look.duration_s
        for beats in (look.music_beats, look.motion_beats)
    )
    return (
        f"beats/s: music {music:.1f}, motion {motion:.1f}     "
        f"alignment {look.alignment:.2f} (chance {look.chance:.2f})"
    )


def _frames_shown(look: Look) -> slice:
    first = int(np.floor(look.start_s * look.rate_hz))
    return slice(first, int(np.ceil((look.start_s + look.duration_s) * look.rate_hz)) + 1)


def _draw_music(axes: Axes, look: Look) -> None:
    bands = look.log_mel.shape[1]
    half = 0.5 / look.rate_hz
    shown = look.log_mel[_frames_shown(look)]
    if shown.size:
        # low bands are louder than high ones, which would hide what changes in time
        values = shown - shown.mean(axis=0)
        # a moment of silence would leave the rest without contrast
        lightest, darkest = np.percentile(values, (5, 99))
        first = _frames_shown(look).start / look.rate_hz
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
    axes.fill_between(times, look.energy, color=_ENERGY_COLOUR, alpha=0.35, linewidth=0)
    axes.plot(times, look.energy, color=_ENERGY_COLOUR, linewidth=1.3)
    axes.plot(
        look.motion_beats, np.interp(look.motion_beats, times, look.energy), linestyle="",
        marker="v", markersize=5.5, color=_MOTION_COLOUR, markeredgecolor="white",
        markeredgewidth=0.6, zorder=4,
    )  # fmt: skip
    axes.set_yscale("function", functions=(_root, np.square))
    highest = largest if largest > 0 else 1.0
    axes.set_ylim(0, 1.1 * highest)
    axes.set_yticks([0, highest / 4, highest], ["0", f"{highest / 4:.2g}", f"{highest:.2g}"])
    axes.set_ylabel("energy", fontsize=9.5)
    axes.tick_params(labelsize=9, color="0.85")
    _finish(axes, look)


def _root(values: Floats) -> Floats:
    return np.sqrt(np.maximum(values, 0))


def _finish(axes: Axes, look: Look) -> None:
    """What both panels have: the beats of the music, the time axis and light borders."""
    for beat in look.music_beats:
        axes.axvline(beat, color=_MUSIC_COLOUR, linewidth=1.2)
    axes.set_xlim(look.start_s, look.start_s + look.duration_s)
    axes.set_xticks(np.arange(np.ceil(look.start_s), look.start_s + look.duration_s + 1e-9))
    axes.spines[:].set_color("0.85")
