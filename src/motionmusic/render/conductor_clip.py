"""A conductor or dancer in 13 keypoints as pictures, for :func:`motionmusic.render.clip.film`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from numpy.typing import NDArray

from motionmusic.models.conductor_encoders import KEYPOINTS
from motionmusic.models.generator import FRAMES
from motionmusic.render.clip import HEIGHT, WIDTH

# Blue and orange of Okabe and Ito, as in render.py.
_LEFT, _RIGHT, _MIDDLE, _TORSO, _HEAD = "#0072B2", "#E07B00", "#3A3A3A", "#C9C9C9", "#F6F3EC"
_DPI = 100
_ABOVE, _BELOW, _EDGE = 80, 70, 30  # pixels around the conductor
_NAMES = 60  # pixels for the names of several figures
_LONGEST_TITLE, _LONGEST_NAME = 70, 30  # letters
_LIMB = 0.028  # width, in the motion's units: shoulders are 0.2 wide
_HEAD_WIDTH = 0.13
_DOT = np.array((0.1, 0))  # Agg draws no line of no length, as the discs would be
_TRAIL = FRAMES  # frames that the wrists leave behind, as in the authors' videos

_AT = {name: number for number, name in enumerate(KEYPOINTS)}
_CORNERS = ("left shoulder", "right shoulder", "right hip", "left hip")
_ARMS = tuple(
    (_AT[f"{side} {a}"], _AT[f"{side} {b}"], colour)
    for side, colour in (("left", _LEFT), ("right", _RIGHT))
    for a, b in (("shoulder", "elbow"), ("elbow", "wrist"))
)


def pictures(motion: NDArray[np.float32], title: str, foot: str) -> Iterator[NDArray[np.uint8]]:
    """Every frame as (720, 1280, 4); the array is overwritten by the next one.

    The view is one for the whole motion and shows all of it.

    Args:
        motion: (frames, 13, 2), x to the right and y down.
        title: above the conductor.
        foot: below.
    """
    return _drawn([("", motion)], _ABOVE, title, foot)


def side_by_side(
    motions: Mapping[str, NDArray[np.float32]], title: str, foot: str
) -> Iterator[NDArray[np.uint8]]:
    """As :func:`pictures`, of several motions at once in one scale, hips in line.

    Args:
        motions: name (two lines at most, above the figure) → (frames, 13, 2); all equally long,
            from the left.
        title: above all.
        foot: below.
    """
    return _drawn(list(motions.items()), _ABOVE + _NAMES, title, foot)


def _drawn(
    motions: Sequence[tuple[str, NDArray[np.float32]]], above: int, title: str, foot: str
) -> Iterator[NDArray[np.uint8]]:
    figure = Figure(figsize=(WIDTH / _DPI, HEIGHT / _DPI), dpi=_DPI, facecolor="white")
    canvas: Any = FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, WIDTH), ylim=(0, HEIGHT))
    axes.axis("off")
    step = (WIDTH - _EDGE) / len(motions)
    middles = [_EDGE / 2 + (number + 0.5) * step for number in range(len(motions))]
    for y, text, size in (
        (HEIGHT - _ABOVE / 2, _cut(title, _LONGEST_TITLE), 20),
        (_BELOW / 2, foot, 12),
    ):
        axes.text(WIDTH / 2, y, text, ha="center", va="center", fontsize=size, parse_math=False)
    for x, (name, _) in zip(middles, motions, strict=True):
        text = "\n".join(_cut(line, _LONGEST_NAME) for line in name.splitlines())
        axes.text(x, HEIGHT - _ABOVE, text, ha="center", va="top", fontsize=17, parse_math=False)
    artists = []
    for _ in motions:
        torso = PolyCollection([], facecolor=_TORSO, animated=True)
        strokes = LineCollection([], capstyle="round", animated=True)
        for artist in (torso, strokes):
            artist.set_snap(False)  # to whole pixels, which would take the discs away
            axes.add_collection(artist, autolim=False)
        artists.append((torso, strokes))
    canvas.draw()
    ground = canvas.copy_from_bbox(figure.bbox)
    room = np.array([step - _EDGE, HEIGHT - above - _BELOW])
    figures, scale = _placed([motion for _, motion in motions], middles, room)
    for frame in range(len(figures[0])):
        canvas.restore_region(ground)
        for points, (torso, strokes) in zip(figures, artists, strict=True):
            torso.set_verts([points[frame, [_AT[name] for name in _CORNERS]]])
            _set_strokes(strokes, points, scale, frame)
            axes.draw_artist(torso)
            axes.draw_artist(strokes)
        yield np.asarray(canvas.buffer_rgba())


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _placed(
    motions: Sequence[NDArray[np.float32]], middles: Sequence[float], room: NDArray[np.float64]
) -> tuple[list[NDArray[np.float64]], float]:
    """Points in pixels, y up, and how many pixels a unit has; every motion has as much room."""
    low = np.min([motion.min(axis=(0, 1)) for motion in motions], axis=0) - _HEAD_WIDTH / 2
    high = np.max([motion.max(axis=(0, 1)) for motion in motions], axis=0) + _HEAD_WIDTH / 2
    scale = float((room / (high - low)).min())
    points = [
        (motion.astype(np.float64) - (low + high) / 2) * (scale, -scale)
        + (middle, _BELOW + room[1] / 2)
        for motion, middle in zip(motions, middles, strict=True)
    ]
    return points, scale


def _set_strokes(
    artist: LineCollection, points: NDArray[np.float64], scale: float, frame: int
) -> None:
    """All lines of a frame: the wrists' trails, body, arms, head with nose and eyes."""
    now = points[frame]
    lines: list[tuple[NDArray[np.float64], NDArray[np.float64], float, Any]] = []
    for wrist, colour in (("left wrist", _LEFT), ("right wrist", _RIGHT)):
        trail = points[max(0, frame - _TRAIL) : frame + 1, _AT[wrist]]
        # from white to the wrist's colour, the newest on top
        for number, (a, b) in enumerate(pairwise(trail)):
            fresh = 0.6 * (number + 1) / len(trail)
            lines.append((a, b, _LIMB / 3, 1 - fresh * (1 - np.array(to_rgb(colour)))))
    neck = now[[_AT["left shoulder"], _AT["right shoulder"]]].mean(axis=0)
    head = now[[_AT["left ear"], _AT["right ear"]]].mean(axis=0)
    for a, b in (("left shoulder", "right shoulder"), ("left hip", "right hip")):
        lines.append((now[_AT[a]], now[_AT[b]], _LIMB, _MIDDLE))
    lines.append((neck, head, _LIMB, _MIDDLE))
    lines.append((head, head, _HEAD_WIDTH, _MIDDLE))
    lines.append((head, head, 0.9 * _HEAD_WIDTH, _HEAD))
    for spot, width in (("left eye", 0.012), ("right eye", 0.012), ("nose", 0.018)):
        lines.append((now[_AT[spot]], now[_AT[spot]], width, _MIDDLE))
    for first, last, colour in _ARMS:
        a, b = now[first], now[last]
        # the edge parts an arm from what is behind it, but not from its neighbours at its ends
        lines.append((a + 0.2 * (b - a), a + 0.8 * (b - a), _LIMB + 0.012, "white"))
        lines.append((a, b, _LIMB, colour))
    artist.set_segments([np.array([a, b + _DOT]) for a, b, _, _ in lines])
    artist.set_linewidth([width * scale * 72 / _DPI for _, _, width, _ in lines])
    artist.set_color([colour for *_, colour in lines])
