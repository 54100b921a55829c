"""A conductor or dancer in 13 keypoints as pictures, for :func:`motionmusic.render.film.film`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np
from matplotlib.colors import to_hex, to_rgb
from numpy.typing import NDArray

from motionmusic.features.keypoints import FRAMES, KEYPOINTS
from motionmusic.render.body import ACTIVE, Floats, Painter, Pose, Stroke
from motionmusic.render.film import HEIGHT, WIDTH, Picture
from motionmusic.render.page import animated, axes_at, blank
from motionmusic.terminal import shown

_ABOVE, _BELOW, _EDGE = 80, 70, 30  # pixels around the conductor
_NAMES = 60  # pixels for the names of several figures
_LIMB = 0.028  # width, in the motion's units: shoulders are 0.2 wide
_HEAD_WIDTH = 0.13
_AT = {name: number for number, name in enumerate(KEYPOINTS)}
_CORNERS = [_AT[name] for name in ("left shoulder", "right shoulder", "right hip", "left hip")]


def pictures(motion: NDArray[np.float32], title: str, foot: str) -> Iterator[Picture]:
    """As :func:`side_by_side`, of one motion without a name."""
    return side_by_side({"": motion}, title, foot)


def side_by_side(
    motions: Mapping[str, NDArray[np.float32]], title: str, foot: str
) -> Iterator[Picture]:
    """Every frame as (720, 1280, 4); the array is overwritten by the next one.

    The view is one for the whole motion and shows all of it; hips are in line.

    Args:
        motions: name (two lines at most, above the figure) → (frames, 13, 2), all equally long, x to
            the right and y down.
        title: above all.
        foot: below.
    """
    above = _ABOVE + (_NAMES if any(motions) else 0)
    figure = blank(WIDTH, HEIGHT)
    axes = axes_at(figure, 0, 0, WIDTH, HEIGHT)
    axes.axis("off")
    step = (WIDTH - _EDGE) / len(motions)
    middles = [_EDGE / 2 + (number + 0.5) * step for number in range(len(motions))]
    texts = [(WIDTH / 2, HEIGHT - 25, _cut(shown(title), 70), 20), (WIDTH / 2, 55, shown(foot), 12)]
    for x, name in zip(middles, motions, strict=True):
        lines = "\n".join(_cut(shown(line), 30) for line in name.splitlines())
        texts.append((x, HEIGHT - _ABOVE, lines, 17))
    for x, y, text, points in texts:
        axes.text(x, y, text, ha="center", va="top", fontsize=points)
    painters = [Painter(axes, animated=True) for _ in motions]
    room = np.array([step - _EDGE, HEIGHT - above - _BELOW])
    figures, scale = _placed(list(motions.values()), middles, room)

    def paint(frame: int) -> None:
        for places, painter in zip(figures, painters, strict=True):
            painter.paint(_pose(places, scale, frame))

    yield from animated(figure, painters, len(figures[0]), paint)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _placed(
    motions: Sequence[NDArray[np.float32]], middles: Sequence[float], room: Floats
) -> tuple[list[Floats], float]:
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


def _pose(places: Floats, scale: float, frame: int) -> Pose:
    """The wrists' trails, body, head with nose and eyes, arms."""
    now, limb = places[frame], _LIMB * scale
    strokes = []
    for side in ("left", "right"):
        # of the last second, as in the authors' videos: from white to the wrist's colour
        trail = places[max(0, frame - FRAMES) : frame + 1, _AT[f"{side} wrist"]]
        for number, ends in enumerate(pairwise(trail)):
            fresh = 0.6 * (number + 1) / len(trail)
            colour = to_hex(tuple(1 - fresh * (1 - np.array(to_rgb(ACTIVE[side])))))
            strokes.append(Stroke(np.array(ends), limb / 3, colour))

    def line(*names: str) -> Floats:
        return np.asarray(now[[_AT[name] for name in names]])

    shoulders, hips = line("left shoulder", "right shoulder"), line("left hip", "right hip")
    head = line("left ear", "right ear").mean(axis=0)
    middle = [shoulders, hips, np.array([shoulders.mean(axis=0), head])]
    strokes += [Stroke(ends, limb, "middle") for ends in middle]
    round_head = 0.9 * _HEAD_WIDTH * scale
    strokes.append(Stroke(np.array([head, head]), round_head, "head", "middle", round_head / 9))
    for spot, width in (("left eye", 0.012), ("right eye", 0.012), ("nose", 0.018)):
        strokes.append(Stroke(line(spot, spot), width * scale, "middle"))
    for side in ("left", "right"):
        for a, b in (("shoulder", "elbow"), ("elbow", "wrist")):
            arm = line(f"{side} {a}", f"{side} {b}")
            strokes.append(Stroke(arm, limb, side, "paper", 0.012 * scale))
    return Pose(strokes, now[_CORNERS], np.zeros((0, 2, 2)))
