"""Videos of a dance with music, and stills of its key poses; equal arguments give equal bytes."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from av import VideoFrame
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.textpath import text_to_path
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d
from scipy.signal import find_peaks

from motionmusic.errors import UserError
from motionmusic.features.motion import rows_at
from motionmusic.features.skeletons import LAYOUTS, LayoutName
from motionmusic.files import Float32
from motionmusic.lettering import Figure
from motionmusic.render.body import ACTIVE, DIMMED, DPI, HEAD_RADIUS, Body, Floats, Painter, body
from motionmusic.render.film import HEIGHT, SOUND_HZ, WIDTH, Picture, film
from motionmusic.terminal import progress, shown

# Pixels; texts are legible when the video is shown 480 high.
_EDGE, _GAP = 20, 12
_TITLE, _PANEL_TITLE, _DETAIL, _LEGEND = 30, 24, 21, 19  # heights of letters
_LEADING = 1.3
_TEXT, _DIMMED_TEXT = "#1A1A1A", "#767676"


class Panel(NamedTuple):
    """Music for a dance: text above and below the dance, samples at 48 kHz."""

    title: str
    detail: str
    sound: Float32


def video(
    path: Path,
    joints: Floats,
    layout: LayoutName,
    rate_hz: float,
    panels: Sequence[Panel],
    title: str = "",
) -> None:
    """Write a dance with several pieces of music as MP4, one pass each, in a panel each.

    In a pass only its own panel moves, in colour. Motion of 25 Hz is shown frame by frame, of 60 Hz
    every second frame at 30 fps, of any other rate at 25 fps, interpolated linearly. Sounds are cut,
    or padded with silence, to the dance.

    Args:
        path: of the file; its folder is made, an earlier file is replaced.
        joints: (frames, v, 3) positions in the room, in any one unit, the second axis up.
        layout: of the v joints.
        rate_hz: of the motion.
        panels: from the left.
        title: above everything.

    Raises:
        UserError: fewer than two frames.
        OSError: the file cannot be written. Nothing is left of it then.
    """
    _check(path, joints)
    fps = 30 if rate_hz == 60 else 25
    dance = _at_rate(joints, rate_hz / fps)
    starts = [round(n * len(dance) / fps * SOUND_HZ) for n in range(len(panels) + 1)]
    sound = np.zeros(starts[-1], np.float32)
    for panel, (start, end) in zip(panels, pairwise(starts), strict=True):
        here = panel.sound[: end - start]
        sound[start : start + len(here)] = here
    pictures = _pictures(dance, layout, panels, title)
    film(path, progress(pictures, "draw", len(panels) * len(dance), "frame"), sound, fps)


def beside(
    path: Path,
    seen: Iterable[Picture],
    joints: Floats,
    layout: LayoutName,
    rate_hz: float,
    sound: Float32,
) -> None:
    """Write a video's pictures with the drawn dancer to the right of each, as MP4.

    Args:
        path: of the file; an earlier one is replaced.
        seen: (height, width, 3) RGB of every frame of ``joints``.
        joints, layout: as of :func:`video`.
        rate_hz: of pictures and joints.
        sound: (samples,) at 48 kHz, cut or padded with silence.

    Errors are those of :func:`video`.
    """
    _check(path, joints)
    width, bottom = 480, int(1.5 * _LEGEND) + _EDGE
    figure = blank(width, HEIGHT)
    _draw_legend(figure)
    axes = axes_at(figure, _EDGE, bottom, width - 2 * _EDGE, HEIGHT - bottom - _EDGE)
    dancer = body(joints, layout, width - 2 * _EDGE, HEIGHT - bottom - _EDGE)
    dancer.draw_floor(axes)
    painter = Painter(axes, animated=True)
    drawn = animated(figure, [painter], len(joints), lambda n: painter.paint(dancer.poses[n]))

    def pairs() -> Iterator[Picture]:
        for picture, other in zip(seen, drawn, strict=False):
            across = 2 * round(HEIGHT * picture.shape[1] / picture.shape[0] / 2)
            frame = VideoFrame.from_ndarray(picture, format="rgb24")
            scaled = frame.reformat(across, HEIGHT, "rgba").to_ndarray()
            yield np.concatenate([scaled, other], axis=1)

    fps = Fraction(rate_hz).limit_denominator(1001)
    film(path, progress(pairs(), "draw", len(joints), "frame"), sound, fps)


def key_poses(joints: Floats, layout: LayoutName, rate_hz: float, title: str) -> Figure:
    """A strip of eight poses (of a short dance fewer) in which the dancer stands most still.

    The poses have one scale, one camera and one height of the floor; each is moved sideways to the
    middle of its place. Arguments and errors are those of :func:`video`.
    """
    _check("key poses", joints)
    chosen = key_frames(joints, rate_hz, 8)
    poses = np.asarray(joints, np.float64)[chosen]
    hips = poses[:, list(LAYOUTS[layout].hips)].mean(axis=1)
    poses -= hips[:, None, :] * (1, 0, 1)
    width, most = 190, 330
    dancer = body(poses, layout, width, most)
    ys = np.array([[stroke.ends for stroke in pose.strokes] for pose in dancer.poses])[..., 1]
    margin = 2 * HEAD_RADIUS * dancer.size
    low = ys.min() - margin
    height = ys.max() + margin - low
    total = len(chosen) * width
    lines = _wrapped(title, total - 2 * _EDGE, _TITLE, 3)
    bottom = _EDGE / 2 + 1.5 * _LEGEND + 1.8 * _DETAIL
    above = bottom + height + _EDGE / 2 + _TITLE * _LEADING * len(lines)
    figure = blank(total, above + _EDGE / 2, 2 * DPI)
    _write(figure, total / 2, above, lines, _TITLE)
    for number, frame in enumerate(chosen):
        axes = axes_at(figure, number * width, bottom, width, height)
        axes.set(ylim=(low, low + height))
        axes.axis("off")
        dancer.draw_floor(axes)
        Painter(axes).paint(dancer.poses[number])
        below = bottom - 0.4 * _DETAIL
        _write(figure, (number + 0.5) * width, below, [f"{frame / rate_hz:.1f} s"], _DETAIL)
    _draw_legend(figure)
    return figure


def key_frames(joints: Floats, rate_hz: float, count: int) -> NDArray[np.int64]:
    """At most ``count`` frames in which the dancer stands most still, ascending.

    The clip is cut into as many equal parts. Of each it is the local minimum of the joints' mean
    speed (over 0.2 s) that is lowest, the part's middle where there is none.
    """
    frames = len(joints)
    speed = np.linalg.norm(np.gradient(np.asarray(joints, np.float64), axis=0), axis=2).mean(axis=1)
    smooth = uniform_filter1d(speed, max(1, round(rate_hz / 5)))
    still = find_peaks(-smooth)[0]
    edges = np.linspace(0, frames, min(count, frames) + 1).astype(int)
    chosen: list[int] = []
    for first, end in pairwise(edges):
        # half a part after the last one, so that no pose is shown twice
        since = max(first, chosen[-1] + (end - first) // 2) if chosen else first
        here = still[(still >= since) & (still < end)]
        chosen.append(here[smooth[here].argmin()] if len(here) else (first + end) // 2)
    return np.array(chosen, np.int64)


def _check(file: Path | str, joints: Floats) -> None:
    if len(joints) < 2:
        expected, remedy = "a dance of at least two frames", "take a longer dance"
        raise UserError(file, "", expected, f"{len(joints)}", remedy)


def _at_rate(joints: Floats, step: float) -> Floats:
    """Every ``step``-th frame, interpolated linearly."""
    return rows_at(joints, np.arange(int((len(joints) - 1) / step + 1e-9) + 1) * step)


def blank(width: float, height: float, dpi: int = DPI) -> Figure:
    """A white figure of so many of the video's pixels, whatever it is printed at."""
    figure = Figure(figsize=(width / DPI, height / DPI), dpi=dpi, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def axes_at(figure: Figure, x: float, y: float, width: float, height: float) -> Axes:
    """Axes whose units are pixels; x, y is their lower left corner."""
    w, h = figure.get_size_inches() * DPI
    axes = figure.add_axes((x / w, y / h, width / w, height / h))
    axes.set(xlim=(0, width), ylim=(0, height), xticks=[], yticks=[])
    return axes


def animated(
    figure: Figure, painters: Sequence[Painter], frames: int, paint: Callable[[int], None]
) -> Iterator[Picture]:
    """Every frame as (height, width, 4); the array is overwritten by the next one.

    What stands still in the figure is drawn once; ``paint`` gives every painter its pose of a frame.
    """
    canvas: Any = figure.canvas
    canvas.draw()
    ground = canvas.copy_from_bbox(figure.bbox)
    for frame in range(frames):
        canvas.restore_region(ground)
        paint(frame)
        for painter in painters:
            painter.draw()
        yield np.asarray(canvas.buffer_rgba())


def _pictures(
    dance: Floats, layout: LayoutName, panels: Sequence[Panel], title: str
) -> Iterator[Picture]:
    figure = blank(WIDTH, HEIGHT)
    step = (WIDTH - 2 * _EDGE + _GAP) / len(panels)
    width = int(step - _GAP)  # whole pixels, so that edges are sharp
    heading = _wrapped(title, WIDTH - 2 * _EDGE, _TITLE, 2)
    titles = [_wrapped(panel.title, width, _PANEL_TITLE, 2) for panel in panels]
    details = [_wrapped(panel.detail, width, _DETAIL, 3) for panel in panels]
    above = HEIGHT - _EDGE - _TITLE * _LEADING * len(heading)
    top = int(above - _PANEL_TITLE * _LEADING * max(map(len, titles)) - 2)
    bottom = int(_EDGE + 1.5 * _LEGEND + _DETAIL * _LEADING * max(map(len, details)))
    _write(figure, WIDTH / 2, HEIGHT - 0.7 * _EDGE, heading, _TITLE)
    _draw_legend(figure)
    dancer = body(dance, layout, width, top - bottom)
    painters, texts = [], []
    for number in range(len(panels)):
        x = _EDGE + int(number * step)
        axes, middle = axes_at(figure, x, bottom, width, top - bottom), x + width / 2
        above_it = _write(figure, middle, above, titles[number], _PANEL_TITLE)
        below_it = _write(figure, middle, bottom - _EDGE / 3, details[number], _DETAIL)
        texts.append((above_it, below_it))
        dancer.draw_floor(axes)
        painters.append(Painter(axes, animated=True))
    for active in range(len(panels)):
        for number, painter in enumerate(painters):
            _dim(painter.axes, texts[number], number == active)
        yield from animated(figure, painters, len(dance), partial(_paint, dancer, painters, active))


def _paint(dancer: Body, painters: Sequence[Painter], active: int, frame: int) -> None:
    """The active panel moves, while the others hold their last pose, or their first."""
    for number, painter in enumerate(painters):
        here = frame if number == active else -1 if number < active else 0
        painter.paint(dancer.poses[here], ACTIVE if number == active else DIMMED)


def _dim(axes: Axes, texts: Sequence[Text], active: bool) -> None:
    """Show by the panel's ground, frame and texts whether it is active."""
    axes.set_facecolor((ACTIVE if active else DIMMED)["paper"])
    axes.spines[:].set_color("#4A4A4A" if active else "#DADADA")
    axes.spines[:].set_linewidth(2 if active else 1)
    for text in texts:
        text.set_color(_TEXT if active else _DIMMED_TEXT)


def _wrapped(text: str, width: float, size: float, most: int) -> list[str]:
    """Lines no wider than width, at most so many; what is too much ends with an ellipsis."""
    text, font = shown(text), FontProperties(size=size)

    def fits(line: str) -> bool:
        return bool(text_to_path.get_text_width_height_descent(line, font, False)[0] <= width)

    for letters in range(int(4 * width / size), 1, -1):
        lines = textwrap.wrap(text, letters, max_lines=most, placeholder="…")
        if all(map(fits, lines)):
            break
    return lines


def _write(figure: Figure, x: float, top: float, lines: Sequence[str], size: float) -> Text:
    """Lines centred at x, from top downwards."""
    w, h = figure.get_size_inches() * DPI
    return figure.text(
        x / w, top / h, "\n".join(lines), ha="center", va="top", fontsize=size * 72 / DPI,
        linespacing=_LEADING, color=_TEXT,
    )  # fmt: skip


def _draw_legend(figure: Figure) -> None:
    """Which colour is which side, at the foot."""
    lines = [
        Line2D([], [], color=ACTIVE[side], linewidth=5, solid_capstyle="round")
        for side in ("left", "right")
    ]
    figure.legend(
        lines, ["dancer’s left", "dancer’s right"], ncols=2, loc="lower center", frameon=False,
        fontsize=_LEGEND * 72 / DPI, labelcolor=_TEXT, handlelength=1.5, borderaxespad=0.1,
    )  # fmt: skip
