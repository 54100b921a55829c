"""Videos of dances with their music, and stills of their key poses.

A video is MP4 with H.264 and AAC that any browser plays. Frame t is shown at t / fps and sample s
is heard at s / sample rate, both from 0. AAC puts 1,024 samples before the sound, which the file's
edit list takes away again; without B-frames the pictures need no edit list, so that a player that
knows none is 1,024 samples late with the sound (21 ms at 48 kHz) and no more.

The camera does not move: it looks slightly down on the whole clip, from the side that the dancer
faces on average, with a mild perspective. Equal arguments give equal bytes on one machine.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from math import gcd
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.container import OutputContainer
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.textpath import text_to_path
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d
from scipy.signal import find_peaks, resample_poly

from motionmusic.errors import UserError
from motionmusic.features.skeletons import LAYOUTS, LayoutName
from motionmusic.files import Float32

Floats = NDArray[np.floating[Any]]

# Pixels of the video; texts are legible when it is shown 480 high.
WIDTH, HEIGHT = 1280, 720
_DPI, _PRINT_DPI = 100, 200
_EDGE, _GAP = 20, 12
_TITLE, _PANEL_TITLE, _DETAIL, _LEGEND = 30, 24, 21, 19  # heights of letters
_LEADING = 1.3

# Blue and orange of Okabe and Ito, told apart with every kind of colour vision.
_ACTIVE = {
    "left": "#0072B2", "right": "#E07B00", "middle": "#3A3A3A", "head": "#F6F3EC",
    "torso": "#C9C9C9", "shadow": "#D0D0CB", "paper": "#FFFFFF",
}  # fmt: skip
_DIMMED = {
    "left": "#B4BAC0", "right": "#C4BEB8", "middle": "#A6A6A6", "head": "#F4F4F4",
    "torso": "#DCDCDC", "shadow": "#E2E2DE", "paper": "#F7F7F7",
}  # fmt: skip
_TEXT, _DIMMED_TEXT = "#1A1A1A", "#767676"

# MusicToDance's axes are left-handed (spec/data.md 3): x is to the right of who looks along +z.
_TOWARDS_VIEWER: dict[LayoutName, int] = {"musictodance": -1, "aist": 1}
_HEADS: dict[LayoutName, tuple[int, int]] = {"musictodance": (0, 1), "aist": (3, 4)}
"""The left and the right side of the head."""
_HEAD_JOINTS: dict[LayoutName, int] = {"musictodance": 2, "aist": 5}
"""How many joints, the first ones, are of the head, which is drawn as a disc with a nose."""

# In units of the body, which is from shoulders to ankles, about 130 cm.
_HEAD_RADIUS, _LIMB, _HALO, _SPACING = 0.085, 0.045, 0.02, 0.4
_INNER = np.array([[0.2], [0.8]])
_ELEVATION = np.radians(11)
_DISTANCE = 4.0
_SMALL = 1e-9

_SHOWN_HZ = 25
_AAC_RATES = (44100, 48000)


@dataclass(frozen=True)
class Panel:
    """One dance in a video.

    Attributes:
        joints: (frames, v, 3) positions in the room, in any one unit, the second axis up.
        layout: of the v joints.
        title: above the dance.
        detail: below it.
        active: (frames,) bool, when the dance goes on; None for always. While it is False the
            panel is dimmed and holds the pose of the last active frame, at first that of frame 0.
    """

    joints: Floats
    layout: LayoutName
    title: str
    detail: str = ""
    active: NDArray[np.bool_] | None = None


@dataclass(frozen=True)
class Candidate:
    """Music proposed for a dance: name, what is known of it, samples as in :func:`video`."""

    label: str
    detail: str
    sound: Float32


def video(
    path: Path,
    panels: Sequence[Panel],
    sound: Float32,
    sample_rate: int,
    rate_hz: float,
    title: str = "",
) -> None:
    """Write dances, side by side, with one sound as MP4; an earlier file is replaced.

    Motion of 25 Hz is shown frame by frame, of 60 Hz every second frame at 30 fps, of any other
    rate at 25 fps, interpolated linearly.

    Args:
        path: of the file; its folder is made.
        panels: at least one, all of equally many frames.
        sound: (samples,) or (samples, channels), one or two channels, -1…1; padded with silence or
            cut to the motion's length.
        sample_rate: of the sound; rates other than 44,100 and 48,000 are resampled to the latter.
        rate_hz: of the motion.
        title: above everything.

    Raises:
        UserError: no panel; fewer than two frames; joints that are not finite, of another shape
            than the layout's or the other panels'; another shape of active or sound, or a sound
            that is not finite.
        OSError: the file cannot be written. Nothing is left of it then.
    """
    if not panels:
        raise _mistake(path, "panels", "at least one", "none")
    for number, panel in enumerate(panels):
        where = f"panels[{number}]"
        _check_joints(path, f"{where}.joints", panel.joints, panel.layout)
        frames = len(panels[0].joints)
        if len(panel.joints) != frames:
            got = f"{len(panel.joints)} frames"
            raise _mistake(path, f"{where}.joints", f"{frames} frames as in panels[0]", got)
        if panel.active is not None and panel.active.shape != (frames,):
            got = f"shape {panel.active.shape}"
            raise _mistake(path, f"{where}.active", f"shape ({frames},)", got)
    _check_sound(path, "sound", sound)
    shown = [_at_shown_rate(panel, rate_hz) for panel in panels]
    fps = _fps(rate_hz)
    length = round(len(shown[0].joints) / fps * sample_rate)
    film(path, _pictures(shown, title), _fitted(sound, length), sample_rate, fps)


def side_by_side(
    path: Path,
    joints: Floats,
    layout: LayoutName,
    rate_hz: float,
    candidates: Sequence[Candidate],
    sample_rate: int,
    title: str = "",
) -> None:
    """Write a video of one dance with several pieces of music, one pass each, one panel each.

    In a pass only its candidate's panel moves, in colour; the others stand still and are dimmed.

    Args:
        path: of the file.
        joints: (frames, v, 3) as in :class:`Panel`.
        layout: of the joints.
        rate_hz: of the joints.
        candidates: in the order of the passes and, from the left, of the panels.
        sample_rate: of every candidate's sound.
        title: above everything.

    Raises:
        UserError, OSError: as :func:`video`.
    """
    if not candidates:
        raise _mistake(path, "candidates", "at least one", "none")
    _check_joints(path, "joints", joints, layout)
    for number, candidate in enumerate(candidates):
        _check_sound(path, f"candidates[{number}].sound", candidate.sound)
    dance = _at_shown_rate(Panel(joints, layout, ""), rate_hz).joints
    fps, passes = _fps(rate_hz), len(candidates)
    panels = [
        Panel(
            np.tile(dance, (passes, 1, 1)),
            layout,
            candidate.label,
            candidate.detail,
            np.arange(passes * len(dance)) // len(dance) == number,
        )
        for number, candidate in enumerate(candidates)
    ]
    starts = [round(n * len(dance) / fps * sample_rate) for n in range(passes + 1)]
    channels = max(_columns(candidate.sound).shape[1] for candidate in candidates)
    parts = [
        np.broadcast_to(_fitted(candidate.sound, end - start), (end - start, channels))
        for candidate, start, end in zip(candidates, starts[:-1], starts[1:], strict=True)
    ]
    film(path, _pictures(panels, title), np.concatenate(parts), sample_rate, fps)


def key_poses(
    joints: Floats, layout: LayoutName, rate_hz: float, count: int = 8, title: str = ""
) -> Figure:
    """A strip of the poses in which the dancer stands most still, for print; figures.png saves it.

    The poses have one scale, one camera and one height of the floor; each is moved sideways to the
    middle of its place. Seconds of the clip are below.

    Args:
        joints: (frames, v, 3) as in :class:`Panel`.
        layout: of the joints.
        rate_hz: of the joints.
        count: of poses; fewer where there are fewer frames.
        title: above the strip.

    Raises:
        UserError: fewer than two frames; joints that are not finite or not the layout's.
    """
    _check_joints("joints", "", joints, layout)
    chosen = key_frames(joints, rate_hz, count)
    poses = np.asarray(joints, np.float64)[chosen]
    hips = poses[:, list(LAYOUTS[layout].hips)].mean(axis=1)
    poses -= hips[:, None, :] * (1, 0, 1)
    width, most = 190, 330
    clip = _clip(poses, layout, width, most)
    margin = 2 * _HEAD_RADIUS * clip.body
    low = clip.strokes[..., 1].min() - margin
    height = clip.strokes[..., 1].max() + margin - low
    total = len(chosen) * width
    lines = _wrapped(title, total - 2 * _EDGE, _TITLE, 3)
    bottom = _EDGE / 2 + 1.5 * _LEGEND + 1.8 * _DETAIL
    above = bottom + height + _EDGE / 2 + _TITLE * _LEADING * len(lines)
    figure = _figure(total, above + _EDGE / 2, _PRINT_DPI)
    _text(figure, total / 2, above, lines, _TITLE, _TEXT)
    for number, frame in enumerate(chosen):
        axes = _axes(figure, number * width, bottom, width, height)
        axes.set(ylim=(low, low + height))
        axes.axis("off")
        _draw_floor(axes, clip)
        _set_pose(_dancer(axes, clip), number, active=True)
        below = bottom - 0.4 * _DETAIL
        _text(figure, (number + 0.5) * width, below, [f"{frame / rate_hz:.1f} s"], _DETAIL, _TEXT)
    _draw_legend(figure, total)
    return figure


def key_frames(joints: Floats, rate_hz: float, count: int) -> NDArray[np.int64]:
    """Frames in which the dancer stands most still, spread over the clip, ascending.

    The clip is cut into ``count`` equal parts. Of each it is the local minimum of the joints' mean
    speed (over 0.2 s) that is lowest, the part's middle where there is none.

    Args:
        joints: (frames, v, 3), at least two frames.
        rate_hz: of the joints.
        count: of frames wanted, at most all.
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


# Checks


def _mistake(file: Path | str, where: str, expected: str, got: str) -> UserError:
    return UserError(file, where, expected, got, "mend what is handed to the renderer")


def _check_joints(file: Path | str, where: str, joints: Floats, layout: LayoutName) -> None:
    v = len(LAYOUTS[layout].joints)
    if joints.ndim != 3 or joints.shape[1:] != (v, 3):
        raise _mistake(file, where, f"shape (frames, {v}, 3) of {layout}", f"{joints.shape}")
    if len(joints) < 2:
        raise _mistake(file, where, "at least two frames", f"{len(joints)}")
    broken = np.argwhere(~np.isfinite(joints).all(axis=2))
    if len(broken):
        frame, joint = broken[0]
        place = f"frame {frame}, {LAYOUTS[layout].joints[joint]} (joint {joint})"
        got = f"{joints[frame, joint].tolist()} ({len(broken)} such joints in all)"
        raise _mistake(
            file, f"{where}, {place}" if where else place, "three finite numbers x, y, z", got
        )


def _check_sound(file: Path, where: str, sound: Float32) -> None:
    if sound.ndim not in (1, 2) or (sound.ndim == 2 and sound.shape[1] not in (1, 2)):
        expected = "shape (samples,), (samples, 1) or (samples, 2)"
        raise _mistake(file, where, expected, f"{sound.shape}")
    if not np.isfinite(sound).all():
        raise _mistake(file, where, "finite samples", "NaN or infinity")


# Time


def _fps(rate_hz: float) -> int:
    return 30 if rate_hz == 60 else _SHOWN_HZ


def _at_shown_rate(panel: Panel, rate_hz: float) -> Panel:
    """The panel at :func:`_fps`; active is that of the frame at or before the moment."""
    frames = len(panel.joints)
    step = rate_hz / _fps(rate_hz)
    moments = np.arange(int((frames - 1) / step + _SMALL) + 1) * step
    before = np.minimum((moments + _SMALL).astype(int), frames - 1)
    after = np.minimum(before + 1, frames - 1)
    share = (moments - before)[:, None, None]
    joints = panel.joints[before] * (1 - share) + panel.joints[after] * share
    active = None if panel.active is None else panel.active[before]
    return replace(panel, joints=joints, active=active)


def _columns(sound: Float32) -> Float32:
    return sound if sound.ndim == 2 else sound[:, None]


def _fitted(sound: Float32, length: int) -> Float32:
    """(length, channels), cut or padded with silence."""
    columns = _columns(sound)[:length]
    return np.pad(columns, ((0, length - len(columns)), (0, 0)))


# The file


def film(
    path: Path,
    pictures: Iterable[NDArray[np.uint8]],
    sound: Float32,
    sample_rate: int,
    fps: int,
) -> None:
    """Write any pictures with sound as MP4, whole or not at all; an earlier file is replaced.

    Args:
        path: of the file; its folder is made.
        pictures: (HEIGHT, WIDTH, 4) each; none is kept, so that an iterator may reuse its array.
        sound: (samples, 1 or 2), -1…1, as long as the pictures.
        sample_rate: of the sound; rates other than 44,100 and 48,000 are resampled to the latter.
        fps: of the pictures.

    Raises:
        OSError: the file cannot be written. Nothing is left of it then.
    """
    if sample_rate not in _AAC_RATES:
        common = gcd(_AAC_RATES[1], sample_rate)
        # symmetric filters, so that nothing is moved in time
        sound = resample_poly(sound, _AAC_RATES[1] // common, sample_rate // common, axis=0)
        sample_rate = _AAC_RATES[1]
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as folder:
        part = Path(folder) / "video.mp4"
        with av.open(part, "w", format="mp4", options={"movflags": "+faststart"}) as file:
            _mux(file, pictures, sound, sample_rate, fps)
        part.replace(path)


def _mux(
    file: OutputContainer,
    pictures: Iterable[NDArray[np.uint8]],
    sound: Float32,
    sample_rate: int,
    fps: int,
) -> None:
    layout = "mono" if sound.shape[1] == 1 else "stereo"
    planes = np.ascontiguousarray(np.clip(sound, -1, 1).T, np.float32)
    # no B-frames, see the module's text; a key frame every two seconds to jump to
    options = {"preset": "veryfast", "crf": "18", "bf": "0", "g": str(2 * fps)}
    seen = file.add_stream("libx264", rate=fps, options=options)
    seen.width, seen.height, seen.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    context = seen.codec_context
    context.colorspace = Colorspace.ITU709
    context.color_primaries = ColorPrimaries.BT709
    context.color_trc = ColorTrc.BT709
    context.color_range = ColorRange.MPEG
    heard = file.add_stream("aac", rate=sample_rate, layout=layout)
    heard.bit_rate = 96_000 * (1 + sound.shape[1])
    for number, picture in enumerate(pictures):
        frame = av.VideoFrame.from_ndarray(picture, format="rgba").reformat(
            format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
        )
        frame.pts, frame.time_base = number, Fraction(1, fps)
        file.mux(seen.encode(frame))
        # sound goes along, as the file keeps what is seen and heard at a time together
        first, end = (round(n / fps * sample_rate) for n in (number, number + 1))
        samples = av.AudioFrame.from_ndarray(planes[:, first:end], format="fltp", layout=layout)
        samples.sample_rate, samples.pts = sample_rate, first
        samples.time_base = Fraction(1, sample_rate)
        file.mux(heard.encode(samples))
    file.mux(seen.encode())
    file.mux(heard.encode())


# Geometry: joints → points of a body in right-handed axes → strokes on the panel's pixels


@dataclass(frozen=True)
class _Clip:
    """A dance as it is drawn, in a panel's pixels.

    Attributes:
        strokes: (frames, s, 2, 2), lines from and to x, y, far ones first in each frame.
        order: (frames, s), which of :func:`_bones` each stroke is.
        torso: (frames, 4, 2), corners.
        shadow: (frames, 24, 2), corners, on the floor below the hips.
        floor: (lines, 2, 2), its grid.
        stage: (4, 2), its edge.
        body: from shoulders to ankles.
        layout: of the joints.
    """

    strokes: Floats
    order: NDArray[np.int64]
    torso: Floats
    shadow: Floats
    floor: Floats
    stage: Floats
    body: float
    layout: LayoutName


def _points(joints: Floats, layout: LayoutName) -> tuple[Floats, float]:
    """Joints, neck, pelvis, throat, head, nose as (frames, v + 5, 3), and the body's size.

    Right-handed, z towards the viewer, turned so that the dancer faces them on average.
    """
    index = LAYOUTS[layout].joints.index
    turned = np.asarray(joints, np.float64) * (1, 1, _TOWARDS_VIEWER[layout])
    left, right = LAYOUTS[layout].hips
    axis = turned[:, left] - turned[:, right]
    # forwards is left × up = (-axis z, axis x) in x and z
    lengths = np.maximum(np.hypot(axis[:, 0], axis[:, 2]), _SMALL)
    ahead_x, ahead_z = (-axis[:, 2] / lengths).mean(), (axis[:, 0] / lengths).mean()
    yaw = np.arctan2(ahead_x, ahead_z)
    c, s = np.cos(yaw), np.sin(yaw)
    x, z = turned[..., 0].copy(), turned[..., 2].copy()
    turned[..., 0], turned[..., 2] = c * x - s * z, s * x + c * z

    neck = turned[:, [index("left shoulder"), index("right shoulder")]].mean(axis=1)
    pelvis = turned[:, [left, right]].mean(axis=1)
    legs = [
        np.linalg.norm(turned[:, index(f"{side} {a}")] - turned[:, index(f"{side} {b}")], axis=1)
        for side in ("left", "right")
        for a, b in (("hip", "knee"), ("knee", "ankle"))
    ]
    body = float(np.median(np.linalg.norm(neck - pelvis, axis=1) + sum(legs) / 2))
    body = max(body, _SMALL)
    one, other = _HEADS[layout]
    head = (turned[:, one] + turned[:, other]) / 2
    ahead = np.cross(turned[:, one] - turned[:, other], head - neck)
    ahead /= np.maximum(np.linalg.norm(ahead, axis=1, keepdims=True), _SMALL)
    nose = head + _HEAD_RADIUS * body * ahead
    up = head - neck
    up /= np.maximum(np.linalg.norm(up, axis=1, keepdims=True), _SMALL)
    throat = head - _HEAD_RADIUS * body * up
    extra = np.stack([neck, pelvis, throat, head, nose], axis=1)
    return np.concatenate([turned, extra], axis=1), body


def _bones(layout: LayoutName) -> list[tuple[int, int, float, str, str]]:
    """From point, to point, width in units of the body, colour, colour of the edge around it.

    Limbs go to the joints' parents. The torso's joints hang on different parents in each layout
    and on the nose in one, so that spine, shoulders and hips are drawn alike in both.
    """
    joints, parents = LAYOUTS[layout].joints, LAYOUTS[layout].parents
    index, v = joints.index, len(joints)
    neck, pelvis, throat, head, nose = range(v, v + 5)
    torso = {index(f"{side} {name}") for side in ("left", "right") for name in ("shoulder", "hip")}
    spine = [neck, *([index("trunk")] if "trunk" in joints else []), pelvis]
    middle = [
        (index("left shoulder"), index("right shoulder")),
        LAYOUTS[layout].hips,
        *pairwise(spine),
        (neck, throat),
    ]
    bones = [(a, b, _LIMB, "middle", "") for a, b in middle]
    for joint in range(_HEAD_JOINTS[layout], v):
        if joint not in torso and parents[joint] != joint and joint not in spine:
            side = joints[joint].split()[0]
            bones.append((parents[joint], joint, _LIMB, side, "paper"))
    bones.append((head, head, 2 * _HEAD_RADIUS, "head", "middle"))
    bones.append((nose, nose, 0.45 * _HEAD_RADIUS, "middle", ""))
    return bones


def _clip(joints: Floats, layout: LayoutName, width: float, height: float) -> _Clip:
    """The dance seen by one camera so that all of it fits into the panel."""
    points, body = _points(joints, layout)
    index = LAYOUTS[layout].joints.index
    low, high = points.min(axis=(0, 1)), points.max(axis=(0, 1))
    middle = (low + high) / 2
    middle[1] = low[1]
    points -= middle
    half = (high - low) / 2
    distance = _DISTANCE * max(float(np.linalg.norm(half)), body)

    def seen(places: Floats) -> Floats:
        """x, y as the camera sees them and the depth towards it."""
        x, y, z = places[..., 0], places[..., 1] - half[1], places[..., 2]
        c, s = np.cos(_ELEVATION), np.sin(_ELEVATION)
        depth = s * y + c * z
        near = distance / (distance - depth)
        return np.stack([x * near, (c * y - s * z) * near, depth], axis=-1)

    flat = seen(points)
    edge = 1.6 * _HEAD_RADIUS * body
    least, most = flat[..., :2].min(axis=(0, 1)) - edge, flat[..., :2].max(axis=(0, 1)) + edge
    scale = float(min(width / (most[0] - least[0]), height / (most[1] - least[1])))
    shift = np.array([width, height]) / 2 - scale * (least + most) / 2

    def pixels(places: Floats) -> Floats:
        return np.asarray(seen(places)[..., :2] * scale + shift)

    bones = _bones(layout)
    ends = np.array([bone[:2] for bone in bones])
    order = flat[:, ends, 2].mean(axis=2).argsort(axis=1, kind="stable")
    strokes = np.take_along_axis(pixels(points)[:, ends], order[..., None, None], axis=1)
    strokes[..., 1, 0] += 0.1  # Agg draws no line of no length, as the discs would be
    corners = [
        index("left shoulder"), index("right shoulder"), index("right hip"), index("left hip")
    ]  # fmt: skip
    angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    circle = 0.22 * body * np.stack([np.cos(angle), 0 * angle, np.sin(angle)], axis=1)
    below = points[:, None, len(LAYOUTS[layout].joints) + 1] * (1, 0, 1)

    spacing = _SPACING * body
    # wider than the dance, and nearer still, so that the floor does not end before the panel does
    reach = (np.ceil(half / spacing) + 3) * spacing
    xs = np.arange(-reach[0], reach[0] + spacing / 2, spacing)
    zs = np.arange(-reach[2] + 2 * spacing, reach[2] + spacing / 2, spacing)
    lines = [[[x, 0, zs[0]], [x, 0, zs[-1]]] for x in xs]
    lines += [[[xs[0], 0, z], [xs[-1], 0, z]] for z in zs]
    stage = [
        [x, 0, z] for x, z in ((xs[0], zs[0]), (xs[-1], zs[0]), (xs[-1], zs[-1]), (xs[0], zs[-1]))
    ]
    return _Clip(
        strokes=strokes,
        order=order,
        torso=pixels(points[:, corners]),
        shadow=pixels(below + circle),
        floor=pixels(np.array(lines)),
        stage=pixels(np.array(stage)),
        body=body * scale,
        layout=layout,
    )


# Pictures


@dataclass(frozen=True)
class _Dancer:
    """The artists that change from frame to frame."""

    clip: _Clip
    shadow: PolyCollection
    torso: PolyCollection
    limbs: LineCollection

    @property
    def artists(self) -> tuple[PolyCollection, PolyCollection, LineCollection]:
        return self.shadow, self.torso, self.limbs


def _dancer(axes: Axes, clip: _Clip) -> _Dancer:
    dancer = _Dancer(
        clip, PolyCollection([]), PolyCollection([]), LineCollection([], capstyle="round")
    )
    for order, artist in enumerate(dancer.artists):
        artist.set_zorder(2 + order)
        artist.set_snap(False)  # to whole pixels, which would take the discs away
        axes.add_collection(artist, autolim=False)
    return dancer


def _set_pose(dancer: _Dancer, frame: int, active: bool) -> None:
    clip = dancer.clip
    colours = _ACTIVE if active else _DIMMED
    bones = _bones(clip.layout)
    strokes, widths, paints = [], [], []
    for number, stroke in zip(clip.order[frame], clip.strokes[frame], strict=True):
        _, _, width, colour, edge = bones[number]
        # The edge parts a limb from what is behind it, but not from its neighbours at its ends.
        if edge:
            strokes.append(stroke[0] + _INNER * (stroke[1] - stroke[0]))
            widths.append(width + _HALO)
            paints.append(colours[edge])
        strokes.append(stroke)
        widths.append(width)
        paints.append(colours[colour])
    dancer.limbs.set_segments(strokes)
    dancer.limbs.set_linewidth([width * clip.body * 72 / _DPI for width in widths])
    dancer.limbs.set_color(paints)
    dancer.torso.set_verts([clip.torso[frame]])
    dancer.torso.set_facecolor(colours["torso"])
    dancer.shadow.set_verts([clip.shadow[frame]])
    dancer.shadow.set_facecolor(colours["shadow"])


def _figure(width: float, height: float, dpi: int) -> Figure:
    """A white figure of so many of the video's pixels, whatever it is printed at."""
    figure = Figure(figsize=(width / _DPI, height / _DPI), dpi=dpi, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def _axes(figure: Figure, x: float, y: float, width: float, height: float) -> Axes:
    """Axes whose units are pixels, from the lower left corner."""
    w, h = figure.get_size_inches() * _DPI
    axes = figure.add_axes((x / w, y / h, width / w, height / h))
    axes.set(xlim=(0, width), ylim=(0, height), xticks=[], yticks=[])
    return axes


def _draw_floor(axes: Axes, clip: _Clip) -> None:
    axes.add_collection(PolyCollection([clip.stage], facecolor="#F1F1EE", zorder=0), autolim=False)
    grid = LineCollection(list(clip.floor), colors="#D8D8D3", linewidths=0.8, zorder=1)
    axes.add_collection(grid, autolim=False)


def _wrapped(text: str, width: float, size: float, most: int) -> list[str]:
    """Lines no wider than width, at most so many; what is too much ends with an ellipsis."""
    lines: list[str] = []
    rest = text.split()
    while rest and len(lines) < most:
        n = 1
        while n < len(rest) and _length(" ".join(rest[: n + 1]), size) <= width:
            n += 1
        lines.append(" ".join(rest[:n]))
        rest = rest[n:]
    if lines and (rest or _length(lines[-1], size) > width):
        last = lines[-1]
        while last and _length(f"{last}…", size) > width:
            last = last[:-1]
        lines[-1] = f"{last.rstrip()}…"
    return lines


def _length(text: str, size: float) -> float:
    font = FontProperties(size=size)
    return float(text_to_path.get_text_width_height_descent(text, font, ismath=False)[0])


def _text(
    figure: Figure, x: float, top: float, lines: Sequence[str], size: float, colour: str
) -> Text:
    """Lines centred at x, from top downwards."""
    w, h = figure.get_size_inches() * _DPI
    return figure.text(
        x / w, top / h, "\n".join(lines), ha="center", va="top", fontsize=size * 72 / _DPI,
        linespacing=_LEADING, color=colour, parse_math=False,
    )  # fmt: skip


def _draw_legend(figure: Figure, width: float) -> None:
    """Which colour is which side, at the foot."""
    names = {"left": "dancer’s left", "right": "dancer’s right"}
    places = [_length(name, _LEGEND) for name in names.values()]
    x = (width - sum(places) - 110) / 2
    w, h = figure.get_size_inches() * _DPI
    y = _EDGE / 2 + _LEGEND / 2
    for (side, name), place in zip(names.items(), places, strict=True):
        line = Line2D(
            np.array([x, x + 24]) / w, [y / h, y / h], color=_ACTIVE[side], linewidth=5,
            solid_capstyle="round", transform=figure.transFigure,
        )  # fmt: skip
        figure.add_artist(line)
        figure.text(
            (x + 36) / w, y / h, name, va="center", fontsize=_LEGEND * 72 / _DPI, color=_TEXT
        )
        x += place + 74


@dataclass(frozen=True)
class _Drawn:
    """A panel on the figure: what tells whether it is active, its dancer, the pose of each frame."""

    axes: Axes
    texts: tuple[Text, ...]
    dancer: _Dancer
    poses: NDArray[np.int64]


def _pictures(panels: Sequence[Panel], title: str) -> Iterator[NDArray[np.uint8]]:
    """Every frame as (height, width, 4); the array is overwritten by the next one."""
    figure = _figure(WIDTH, HEIGHT, _DPI)
    drawn = _draw_panels(figure, panels, title)
    canvas: Any = figure.canvas
    artists = [artist for each in drawn for artist in each.dancer.artists]
    for artist in artists:
        artist.set_animated(True)
    backgrounds: dict[tuple[bool, ...], Any] = {}
    for frame in range(len(panels[0].joints)):
        active = tuple(p.active is None or bool(p.active[frame]) for p in panels)
        if active not in backgrounds:
            for each, on in zip(drawn, active, strict=True):
                _dim(each, on)
            canvas.draw()
            backgrounds[active] = canvas.copy_from_bbox(figure.bbox)
        canvas.restore_region(backgrounds[active])
        for each, on in zip(drawn, active, strict=True):
            _set_pose(each.dancer, each.poses[frame], on)
            for artist in each.dancer.artists:
                each.axes.draw_artist(artist)
        yield np.asarray(canvas.buffer_rgba())


def _draw_panels(figure: Figure, panels: Sequence[Panel], title: str) -> list[_Drawn]:
    step = (WIDTH - 2 * _EDGE + _GAP) / len(panels)
    width = int(step - _GAP)  # whole pixels, as the edges are sharp then
    heading = _wrapped(title, WIDTH - 2 * _EDGE, _TITLE, 2)
    titles = [_wrapped(panel.title, width, _PANEL_TITLE, 2) for panel in panels]
    details = [_wrapped(panel.detail, width, _DETAIL, 3) for panel in panels]
    _text(figure, WIDTH / 2, HEIGHT - 0.7 * _EDGE, heading, _TITLE, _TEXT)
    above = HEIGHT - _EDGE - _TITLE * _LEADING * len(heading)
    top = int(above - _PANEL_TITLE * _LEADING * max(map(len, titles)) - 2)
    foot = _EDGE / 2 + 1.5 * _LEGEND
    bottom = int(foot + _EDGE / 2 + _DETAIL * _LEADING * max(map(len, details)))
    _draw_legend(figure, WIDTH)
    drawn = []
    for number, panel in enumerate(panels):
        x = _EDGE + int(number * step)
        axes = _axes(figure, x, bottom, width, top - bottom)
        # an inactive panel holds its last active pose; before there is one, the first of all
        frames = np.arange(len(panel.joints))
        poses = frames if panel.active is None else np.where(panel.active, frames, 0)
        poses = np.maximum.accumulate(poses)
        clip = _clip(panel.joints, panel.layout, width, top - bottom)
        _draw_floor(axes, clip)
        texts = (
            _text(figure, x + width / 2, above, titles[number], _PANEL_TITLE, _TEXT),
            _text(figure, x + width / 2, bottom - _EDGE / 3, details[number], _DETAIL, _TEXT),
        )
        drawn.append(_Drawn(axes, texts, _dancer(axes, clip), poses))
    return drawn


def _dim(drawn: _Drawn, active: bool) -> None:
    """Show by the panel's ground, frame and texts whether it is active."""
    drawn.axes.set_facecolor(_ACTIVE["paper"] if active else _DIMMED["paper"])
    drawn.axes.spines[:].set_color("#4A4A4A" if active else "#DADADA")
    drawn.axes.spines[:].set_linewidth(2 if active else 1)
    for text in drawn.texts:
        text.set_color(_TEXT if active else _DIMMED_TEXT)
