from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest
from matplotlib.text import Text
from numpy.typing import NDArray

from motionmusic.errors import UserError
from motionmusic.features.skeletons import LAYOUTS, LayoutName
from motionmusic.render import page
from motionmusic.render.body import ACTIVE, body
from motionmusic.render.page import Panel, key_frames, key_poses, video

RATE = 48000
Floats = NDArray[np.floating[Any]]
Float32 = NDArray[np.float32]
Picture = NDArray[np.uint8]

# Height and distance from the middle, in centimetres, of what both layouts' names are made of.
PLACES = {
    "head": (168, 6), "nose": (166, 0), "eye": (170, 3), "ear": (168, 8), "trunk": (120, 0),
    "shoulder": (145, 20), "elbow": (120, 28), "forearm": (105, 32), "wrist": (95, 35),
    "hand": (88, 36), "hip": (100, 12), "knee": (53, 13), "ankle": (12, 14), "heel": (4, 14),
    "toe": (4, 16),
}  # fmt: skip


def person(layout: LayoutName, frames: int) -> Floats:
    """Who stands still with the left side towards +x: (frames, v, 3)."""
    pose = []
    for name in LAYOUTS[layout].joints:
        words = name.split()
        height, side = PLACES["head" if "head" in words else words[-1]]
        pose.append([-side if "right" in words else side, height, 0])
    return np.tile(np.array(pose, np.float64), (frames, 1, 1))


def moved(joints: Floats, names: str, by: Floats, layout: LayoutName) -> Floats:
    """Joints whose name has ``names`` in it moved by (frames, 3)."""
    result = joints.copy()
    for number, name in enumerate(LAYOUTS[layout].joints):
        if names in name:
            result[:, number] += by
    return result


def waving(layout: LayoutName, frames: int) -> Floats:
    """Only the right hand and wrist move."""
    up = np.zeros((frames, 3))
    up[:, 1] = 30 * np.sin(np.arange(frames))
    return moved(moved(person(layout, frames), "right wrist", up, layout), "right hand", up, layout)


def pictures(path: Path, **options: str) -> tuple[list[float], list[Picture]]:
    """Seconds and RGB pictures, as a player shows them."""
    with av.open(path, options=options) as file:
        frames = [
            (float(f.pts * f.time_base), np.asarray(f.to_ndarray(format="rgb24"), np.uint8))
            for f in file.decode(video=0)
            if f.pts is not None and f.time_base is not None
        ]
    return [moment for moment, _ in frames], [picture for _, picture in frames]


def heard(path: Path, **options: str) -> tuple[float, Float32, int]:
    """When the sound starts, its samples (channels, n), its rate."""
    with av.open(path, options=options) as file:
        frames = list(file.decode(audio=0))
    start, base = frames[0].pts, frames[0].time_base
    assert start is not None
    assert base is not None
    samples = np.concatenate([frame.to_ndarray() for frame in frames], axis=1)
    return float(start * base), samples, frames[0].sample_rate


def colour(picture: Picture, name: str) -> NDArray[np.bool_]:
    """Where the picture has the colour of the active left or right side, legend left out."""
    code = ACTIVE[name].lstrip("#")
    wanted = np.array([int(code[i : i + 2], 16) for i in (0, 2, 4)])
    mask: NDArray[np.bool_] = (np.abs(picture.astype(np.int16) - wanted) < 40).all(axis=2)
    mask[-50:] = False
    return mask


def centre(mask: NDArray[np.bool_]) -> Floats:
    return np.asarray(np.argwhere(mask).mean(axis=0))


def tone(hz: float, seconds: float) -> Float32:
    moments = np.arange(round(seconds * RATE)) / RATE
    return np.asarray(0.5 * np.sin(2 * np.pi * hz * moments), np.float32)


def panel(sound: Float32 | None = None, text: str = "") -> Panel:
    return Panel(text, text, tone(440, 1) if sound is None else sound)


def changes(shown: Sequence[Picture]) -> Floats:
    """How much each picture differs from the one before it; the first by nothing."""
    steps = [np.abs(b[::2, ::2].astype(np.int16) - a[::2, ::2]).mean() for a, b in pairwise(shown)]
    return np.array([0.0, *steps])


@pytest.mark.parametrize(
    ("rate_hz", "frames", "fps", "shown"), [(25, 30, 25, 30), (60, 61, 30, 31), (50, 61, 25, 31)]
)
def test_a_browser_can_play_it(
    tmp_path: Path, rate_hz: float, frames: int, fps: int, shown: int
) -> None:
    path = tmp_path / "new" / "dance.mp4"
    video(path, waving("aist", frames), "aist", rate_hz, [panel(text="a")], "t")
    with av.open(path) as file:
        (seen,), (sound,) = file.streams.video, file.streams.audio
        assert (seen.codec_context.name, seen.pix_fmt) == ("h264", "yuv420p")
        assert seen.average_rate == fps
        assert sound.codec_context.name == "aac"
    moments, found = pictures(path)
    assert moments == pytest.approx(np.arange(shown) / fps, abs=1e-6)
    assert found[0].shape == (720, 1280, 3)
    content = path.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")  # plays before all of it is there
    assert [entry.name for entry in path.parent.iterdir()] == ["dance.mp4"]
    again = tmp_path / "again.mp4"
    video(again, waving("aist", frames), "aist", rate_hz, [panel(text="a")], "t")
    assert again.read_bytes() == content


def test_other_rates_are_interpolated() -> None:
    joints = person("aist", 5) + np.arange(5)[:, None, None] * (10, 0, 0)
    assert page._at_rate(joints, 2)[:, 0, 0] == pytest.approx([0, 20, 40])
    assert page._at_rate(joints, 20 / 25)[:, 0, 0] == pytest.approx([0, 8, 16, 24, 32, 40])


@pytest.mark.parametrize("rate_hz", [25, 60])
def test_picture_and_sound_are_in_time(tmp_path: Path, rate_hz: int) -> None:
    fps = 25 if rate_hz == 25 else 30
    jumps = [4, 11, 23, 27, 40]  # pictures, at distances that fit one offset only
    joints = person("musictodance", 46 * rate_hz // fps)
    sound = np.zeros(round(46 / fps * RATE), np.float32)
    for number, jump in enumerate(jumps):
        joints[jump * rate_hz // fps :] += (60 * (-1) ** number, 0, 0)
        first = round(jump / fps * RATE)
        sound[first : first + RATE // 100] = 0.8
    path = tmp_path / "v.mp4"
    video(path, joints, "musictodance", rate_hz, [panel(sound)])
    # a player that honours edit lists, and one that knows none
    for options, most in (({}, 0.01), ({"ignore_editlist": "1"}, 0.04)):
        moments, shown = pictures(path, **options)
        found = np.sort(changes(shown).argsort()[-len(jumps) :])
        assert found.tolist() == jumps
        start, samples, rate = heard(path, **options)
        loud = np.abs(samples[0]) > 0.3
        onsets = np.flatnonzero(loud[1:] & ~loud[:-1])
        onsets = onsets[np.diff(onsets, prepend=-rate) > rate / 20]
        assert len(onsets) == len(jumps)
        assert np.abs(start + onsets / rate - np.array(moments)[found]).max() <= most


@pytest.mark.parametrize(("given_s", "heard_s"), [(1, 1), (9, 2), (0, 0)])
def test_sound_is_cut_and_padded_to_the_motion(
    tmp_path: Path, given_s: float, heard_s: float
) -> None:
    path = tmp_path / "v.mp4"
    video(path, person("aist", 50), "aist", 25, [panel(tone(440, given_s))])
    _, samples, _ = heard(path)
    assert samples.shape[1] / RATE == pytest.approx(2, abs=0.03)
    loud = np.abs(samples[0, : 2 * RATE]).reshape(100, -1).mean(axis=1) > 0.1
    assert abs(loud[: int(50 * heard_s)].sum() - 50 * heard_s) <= 1
    assert loud[int(50 * heard_s) :].sum() <= 1


@pytest.mark.parametrize("layout", ["musictodance", "aist"])
def test_the_camera_is_steady_and_the_sides_are_right(tmp_path: Path, layout: LayoutName) -> None:
    video(tmp_path / "v.mp4", waving(layout, 8), layout, 25, [panel()])
    _, shown = pictures(tmp_path / "v.mp4")
    left = np.array([centre(colour(picture, "left")) for picture in shown])
    right = np.array([centre(colour(picture, "right")) for picture in shown])
    assert np.ptp(left, axis=0).max() < 0.5
    assert np.ptp(right, axis=0).max() > 3
    # who faces the viewer has the left side to the viewer's right
    assert (left[:, 1] > right[:, 1] + 30).all()
    mask = colour(shown[0], "left") | colour(shown[0], "right")
    rows, columns = np.nonzero(mask)
    # limbs from shoulders (145 cm) to ankles or toes, as high in pixels to a cm as wide
    foot = 4 if layout == "musictodance" else 12
    hands = 36 if layout == "musictodance" else 35
    assert np.ptp(rows) / np.ptp(columns) == pytest.approx((145 - foot) / (2 * hands), rel=0.1)


@pytest.mark.parametrize(("layout", "ahead"), [("musictodance", -1), ("aist", 1)])
def test_left_handed_axes_are_not_shown_mirrored(
    tmp_path: Path, layout: LayoutName, ahead: int
) -> None:
    # With the left side towards +x and y up, right-handed axes (AIST++) have +z ahead. Those of
    # MusicToDance are left-handed, so there -z is. Who walks ahead nears the camera.
    walk = np.linspace(0, 300, 10)[:, None, None] * (0, 0, ahead)
    joints = person(layout, 10) + walk
    video(tmp_path / "v.mp4", joints, layout, 25, [panel()])
    _, shown = pictures(tmp_path / "v.mp4")
    first, last = (np.nonzero(colour(shown[n], "left"))[0] for n in (0, -1))
    assert last.max() > first.max() + 20
    assert np.ptp(last) > np.ptp(first) + 10


@pytest.mark.parametrize("layout", ["musictodance", "aist"])
def test_a_shadow_lies_on_the_floor_below_the_body(layout: LayoutName) -> None:
    pose = body(person(layout, 2), layout, 400, 600).poses[0]
    limbs = np.array([stroke.ends for stroke in pose.strokes])
    # who stands in a plane has a line for a shadow, as wide as the body is, seen from a little above
    assert np.ptp(pose.shadow[..., 1]) < 0.1 * np.ptp(limbs[..., 1])
    assert np.ptp(pose.shadow[..., 0]) == pytest.approx(np.ptp(limbs[..., 0]), rel=0.1)
    assert pose.shadow[..., 1].max() < limbs[..., 1].mean()
    left, right, lower_right, lower_left = pose.torso
    assert left[0] > right[0]
    assert lower_left[0] > lower_right[0]
    assert min(left[1], right[1]) > max(lower_left[1], lower_right[1])


def test_in_each_pass_its_own_panel_alone_moves_in_colour(tmp_path: Path) -> None:
    frames, pass_s = 10, 0.4
    music = {500: 5.0, 1500: 0.4, 3000: 0.2}  # Hz: seconds
    panels = [Panel(f"Music {hz}", "", tone(hz, seconds)) for hz, seconds in music.items()]
    path = tmp_path / "v.mp4"
    video(path, waving("musictodance", frames), "musictodance", 25, panels, "title")
    _, shown = pictures(path)
    assert len(shown) == 3 * frames
    _, samples, _ = heard(path)
    for number, hz in enumerate(music):
        part = shown[number * frames : (number + 1) * frames]
        thirds = [np.array_split(picture, 3, axis=1) for picture in part]
        for place in range(3):
            moving = changes([third[place][80:600] for third in thirds]).max()
            coloured = min(colour(third[place], "left").sum() for third in thirds[::5])
            assert (moving > 0.15) == (place == number)
            assert (coloured > 500) == (place == number)
        first = round((number * pass_s + 0.05) * RATE)
        spectrum = np.abs(np.fft.rfft(samples[0, first : first + RATE // 10]))
        assert spectrum.argmax() * 10 == pytest.approx(hz, abs=10)
    assert np.abs(samples[0, round(1.05 * RATE) : round(1.2 * RATE)]).max() < 0.01


def test_the_other_panels_hold_their_last_pose_or_their_first() -> None:
    seen: list[tuple[str, bool]] = []
    painter: Any = SimpleNamespace(paint=lambda pose, to: seen.append((pose, to is ACTIVE)))
    dancer: Any = SimpleNamespace(poses="abcd")
    page._paint(dancer, [painter] * 3, 1, 2)
    assert seen == [("d", False), ("c", True), ("a", False)]


@pytest.mark.parametrize(
    "text",
    [
        "gBR_sBM_cAll_d04_mBR0_ch01 · truth $Break$ · predicted street jazz · " * 4,
        "WWW" * 99,
    ],
)
def test_no_text_is_cut_off(tmp_path: Path, text: str) -> None:
    video(tmp_path / "v.mp4", person("aist", 2), "aist", 25, [panel(text=text)] * 3, text)
    _, shown = pictures(tmp_path / "v.mp4")
    edge = np.ones(shown[0].shape[:2], bool)
    edge[4:-4, 4:-4] = False
    assert shown[0][edge].min() > 240
    # between panels too: no detail reaches into its neighbour's
    assert shown[0][600:670, 428:435].min() > 200


def test_a_single_frame_is_no_dance(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"v\.mp4: expected a dance of at least two frames, got 1"):
        video(tmp_path / "v.mp4", person("aist", 1), "aist", 25, [panel()])
    with pytest.raises(UserError, match="at least two frames"):
        key_poses(person("aist", 1), "aist", 25, "t")
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_left_of_a_failed_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "v.mp4"
    path.write_bytes(b"earlier")
    good = page._pictures

    def failing(*given: Any) -> Iterator[Picture]:
        for number, picture in enumerate(good(*given)):
            if number == 10:
                raise MemoryError
            yield picture

    monkeypatch.setattr(page, "_pictures", failing)
    with pytest.raises(MemoryError):
        video(path, waving("aist", 20), "aist", 25, [panel()])
    assert [(entry.name, entry.read_bytes()) for entry in tmp_path.iterdir()] == [
        ("v.mp4", b"earlier")
    ]


def test_an_unwritable_place_is_an_os_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "file" / "v.mp4", tmp_path / "folder"):
        with pytest.raises(OSError, match=path.parent.name):
            video(path, person("aist", 3), "aist", 25, [panel()])
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["file", "folder"]


STILL = np.array([15, 40, 62, 90, 111, 140, 163, 187])


def pausing(frames: int = 200) -> Floats:
    """Moves along at a speed that falls to a tenth around each of STILL."""
    away = np.abs(np.arange(frames)[:, None] - STILL).min(axis=1)
    speed = 1 - 0.9 * np.exp(-((away / 5) ** 2))
    return person("musictodance", frames) + np.cumsum(speed)[:, None, None] * (3, 0, 1)


def test_key_frames_are_the_still_moments() -> None:
    assert np.abs(key_frames(pausing(), 25, 8) - STILL).max() <= 1
    # a steady walk has no still moment, so they are even
    walk = person("aist", 80) + np.arange(80)[:, None, None] * (2, 0, 0)
    assert key_frames(walk, 25, 4).tolist() == [10, 30, 50, 70]
    assert key_frames(walk[:3], 25, 8).tolist() == [0, 1, 2]


def test_key_poses_show_the_seconds_and_keep_text_inside() -> None:
    figure = key_poses(pausing(), "musictodance", 25, "C_2 Cha-cha " * 20)
    figure.canvas.draw()
    assert len(figure.axes) == 8
    texts = [text for text in figure.findobj(Text) if isinstance(text, Text) and text.get_text()]
    seconds = [text.get_text() for text in texts if text.get_text().endswith(" s")]
    found = [float(text.removesuffix(" s")) for text in seconds]
    assert found == pytest.approx(STILL / 25, abs=0.1)
    for text in texts:
        box = text.get_window_extent()
        assert box.x0 >= 0, text.get_text()
        assert box.y0 >= 0, text.get_text()
        assert box.x1 <= figure.bbox.x1, text.get_text()
        assert box.y1 <= figure.bbox.y1, text.get_text()
