"""A video with other music: its pictures as they were, the sound where it should be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import soundfile
from test_pose import film, levels, turned

from motionmusic.errors import UserError
from motionmusic.render.film import SOUND_HZ
from motionmusic.render.film import film as draw
from motionmusic.render.with_music import FADE_IN_S, FADE_OUT_S, faded, with_music

TIMES = [*range(0, 300, 4), 320, 330, 340, *range(344, 500, 4)]  # 1/100 s, not even


@pytest.fixture
def clicks(tmp_path: Path) -> Path:
    """A click at 3 s and every second after it, 10 s."""
    sound = np.zeros(10 * 44_100, np.float32)
    sound[3 * 44_100 :: 44_100] = 0.9
    soundfile.write(tmp_path / "clicks.wav", sound, 44_100)
    return tmp_path / "clicks.wav"


def pictures(file: Path) -> list[tuple[float, int, bytes]]:
    """Time, turn and content of every picture, as a player has them."""
    with av.open(file) as found:
        frames: list[Any] = list(found.decode(video=0))
        return [
            (round(f.time, 4), f.rotation, f.to_ndarray(format="rgb24").tobytes()) for f in frames
        ]


def heard(file: Path) -> tuple[float, np.ndarray[Any, Any]]:
    """When the first sample is heard, and all of them."""
    with av.open(file) as found:
        frames: list[Any] = list(found.decode(audio=0))
        return frames[0].time, np.concatenate([frame.to_ndarray()[0] for frame in frames])


@pytest.mark.parametrize("name", ["dance.mp4", "dance.avi", "dance.mkv", "x264.mkv", "live.webm"])
def test_pictures_stay_and_clicks_are_heard_in_time(
    tmp_path: Path, clicks: Path, name: str
) -> None:
    times = list(range(0, 500, 4)) if name.endswith("avi") else TIMES
    codec = {"x264.mkv": "libx264", "live.webm": "libvpx-vp9"}.get(name, "mpeg4")
    # as a browser records: it is not said how long it takes
    options = {"live": "1"} if name == "live.webm" else {}
    source = film(tmp_path / name, times, sound=name == "dance.mp4", codec=codec, options=options)
    with av.open(source) as file:
        packets = [packet for packet in file.demux(video=0) if packet.size]
        assert (packets[0].dts is None) == (name == "x264.mkv")
        assert (file.duration is None) == (name == "live.webm")
    if name == "dance.mp4":
        turned(source)
    with_music(source, clicks, 1.5, tmp_path / "out.mp4")
    first = pictures(source)[0][0]
    expected = [(time - first, turn, seen) for time, turn, seen in pictures(source)]
    found = pictures(tmp_path / "out.mp4")
    assert [of[1:] for of in found] == [of[1:] for of in expected]
    np.testing.assert_allclose([of[0] for of in found], [of[0] for of in expected], atol=0.002)
    start, sound = heard(tmp_path / "out.mp4")
    for second in (1.5, 2.5):  # the clicks at 3 and 4 s
        here = slice(*(round((second + d - start) * SOUND_HZ) for d in (-0.3, 0.3)))
        at = start + (here.start + np.abs(sound[here]).argmax()) / SOUND_HZ
        assert at == pytest.approx(second, abs=0.003)


def test_a_name_with_a_colon_is_no_address(
    tmp_path: Path, clicks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    source = film(Path("12:30.mp4"), TIMES)
    with_music(source, clicks, 1.5, Path("out:1.mp4"))
    assert len(pictures(tmp_path / "out:1.mp4")) == len(TIMES)
    assert len(levels(source)) > 100
    draw(Path("drawn:1.mp4"), [np.zeros((64, 64, 4), np.uint8)] * 2, np.zeros(99, np.float32), 25)
    assert len(pictures(tmp_path / "drawn:1.mp4")) == 2


def test_sound_is_faded_and_padded() -> None:
    long = faded(np.ones(10 * SOUND_HZ, np.float32), 6)
    assert len(long) == 6 * SOUND_HZ
    assert long[0] == 0
    assert long[round(FADE_IN_S * SOUND_HZ) : -round(FADE_OUT_S * SOUND_HZ)] == pytest.approx(1)
    assert long[-SOUND_HZ] == pytest.approx(0.5, abs=0.01)
    short = faded(np.ones(3 * SOUND_HZ, np.float32), 6)
    assert (short[3 * SOUND_HZ :] == 0).all()
    assert short[2 * SOUND_HZ] == pytest.approx(0.5, abs=0.01)


def test_what_cannot_be_copied_leaves_nothing(tmp_path: Path, clicks: Path) -> None:
    (tmp_path / "dance.mp4").write_bytes(b"no video")
    with pytest.raises(UserError, match=r"dance\.mp4: expected pictures that MP4 can hold"):
        with_music(tmp_path / "dance.mp4", clicks, 0, tmp_path / "out.mp4")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clicks.wav", "dance.mp4"]
