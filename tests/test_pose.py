"""``motionmusic pose``: pictures as they are handed on, and what is said of what MediaPipe finds.

MediaPipe itself is stood for by a script: its environment is a gigabyte.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import soundfile
from bodies import room
from commands import Result
from sounds import encode, song

from motionmusic.app import pose_tool
from motionmusic.app.video_frames import look_at, pictures
from motionmusic.data.dance_files import read_own
from motionmusic.data.points import joints_of, points_of, whole
from motionmusic.errors import UserError

Command = Callable[..., Result]


def film(
    file: Path,
    times: list[int],
    size: tuple[int, int] = (64, 48),
    sound: bool = False,
    codec: str = "mpeg4",
    options: dict[str, str] | None = None,
) -> Path:
    """Grey pictures, brighter by 8 each, up to 20, at times in 1/100 s; the upper left quarter is white."""
    from fractions import Fraction

    with av.open(str(file.absolute()), "w", options=options or {}) as out:
        stream: Any = out.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.codec_context.time_base = stream.time_base = Fraction(1, 100)
        heard = out.add_stream("aac", rate=8000) if sound else None
        for number, time in enumerate(times):
            picture = np.full((size[1], size[0], 3), 8 * (number % 20), np.uint8)
            picture[: size[1] // 2, : size[0] // 2] = 255
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = time, Fraction(1, 100)
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
        if heard is not None:
            silence = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.float32), "fltp", "mono")
            silence.sample_rate, silence.pts = 8000, 0
            out.mux(heard.encode(silence))
            out.mux(heard.encode())
    return file


def turned(file: Path) -> Path:
    """The same video as a phone held upright writes it: a matrix that turns it by a quarter."""
    content = bytearray(file.read_bytes())
    at = content.index(b"tkhd") + 4 + 40  # version 0: nine numbers after 40 bytes
    quarter = np.array([0, 1 << 16, 0, -(1 << 16), 0, 0, 48 << 16, 0, 1 << 30], ">i4")
    content[at : at + 36] = quarter.tobytes()
    file.write_bytes(bytes(content))
    return file


def levels(file: Path) -> list[int]:
    """How bright each picture's lower right is, by its number."""
    return [round(float(p[-8:, -8:].mean()) / 8) for p in pictures(look_at(file))]


def test_pictures_come_at_an_even_rate(tmp_path: Path) -> None:
    steady = film(tmp_path / "a.mp4", [4 * n for n in range(20)], sound=True)
    video = look_at(steady)
    assert (video.rate_hz, video.sound) == (25, True)
    assert levels(steady) == pytest.approx(list(range(20)), abs=1)
    # a phone's: the rate halves after a second; ten pictures in 0.4 s, ten in 0.8
    uneven = film(tmp_path / "b.mp4", [*range(0, 40, 4), *range(40, 120, 8)])
    found = look_at(uneven)
    assert not found.sound
    assert len(list(pictures(found))) == pytest.approx(1.2 * found.rate_hz, abs=2)
    assert len(levels(uneven)[: round(0.4 * found.rate_hz)]) < 8


def test_a_video_on_its_side_is_set_upright(tmp_path: Path) -> None:
    file = turned(film(tmp_path / "a.mp4", [4 * n for n in range(3)]))
    first = next(iter(pictures(look_at(file))))
    assert first.shape == (64, 48, 3)
    corners = [first[:16, :16], first[:16, -16:], first[-16:, :16], first[-16:, -16:]]
    # the white quarter was up left; a quarter to the right takes it up right
    assert int(np.argmax([corner.mean() for corner in corners])) == 1


def test_what_is_no_video(tmp_path: Path) -> None:
    file = tmp_path / "a.mp4"
    for content in (b"", b"hello", b"\0\0\0\x18ftypmp42" + bytes(100)):
        file.write_bytes(content)
        with pytest.raises(UserError) as caught:
            list(pictures(look_at(file)))
        assert caught.value.file == file


WORKER = """
import sys, numpy as np
stream = sys.stdin.buffer
width, height = np.frombuffer(stream.read(16), "<i4")[:2]
frames = 0
while len(stream.read(int(width * height * 3))) == width * height * 3:
    frames += 1
joints, seen = np.load("{joints}"), np.load("{seen}")
{more}
np.savez(sys.argv[1], joints=joints[:frames], seen=seen[:frames])
"""


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Let a script stand for MediaPipe: it finds the dancing body, after ``more`` lines of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MOTIONMUSIC_CACHE", str(tmp_path / "cache"))
    body = joints_of(whole(points_of(room(), "musictodance")).points, "mediapipe33")
    np.save(tmp_path / "joints.npy", (body * (1, -1, -1) / 100).astype(np.float32))
    np.save(tmp_path / "seen.npy", np.full((len(body), 33, 3), 0.5, np.float32))
    inside = pose_tool.environment() / "bin"
    inside.mkdir(parents=True)
    # a link would be another Python, that of no environment
    (inside / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (inside / "python").chmod(0o755)
    (inside.parent / "complete").touch()

    def finds(more: str) -> None:
        script = tmp_path / "worker.py"
        places = {"joints": tmp_path / "joints.npy", "seen": tmp_path / "seen.npy"}
        script.write_text(WORKER.format(more=more, **places))
        monkeypatch.setattr(pose_tool, "WORKER", script)

    return finds


def test_a_video_without_pictures_and_one_of_another_suffix(
    command: Command, tool: Callable[[str], None]
) -> None:
    encode(Path("song.mp4"), song(2.0), "aac")
    status, _, err = command("render", "song.mp4", "out.mp4", "--music", "song.mp4")
    assert (status, "got a file without pictures" in err) == (2, True)
    film(Path("long.mp4"), [4 * n for n in range(200)])
    status, _, err = command("render", "long.mp4", "out.mp4", "--music", "song.mp4")
    assert (status, "sound of song.mp4 ends after 2.0 s of the dance's 8.0 s" in err) == (0, True)
    film(Path("short.mp4"), [4 * n for n in range(50)], sound=True)
    status, _, err = command("render", "short.mp4", "b.mp4", "--music", "song.mp4")
    assert (status, "ends after" in err) == (0, False)
    tool("")
    film(Path("dance.mov"), [4 * n for n in range(100)], sound=True).rename("dance.qt")
    assert command("convert", "dance.qt", "DANCE_C_1").status == 0
    found = read_own(Path("DANCE_C_1"))
    assert found.music_file is not None
    assert found.music_file.read_bytes() == Path("dance.qt").read_bytes()


def test_a_video_becomes_joints(command: Command, tool: Callable[[str], None]) -> None:
    tool("joints[30:40] = np.nan; seen[30:40] = np.nan; seen[70:, :, 0] = 0.9")
    film(Path("dance.mp4"), [4 * n for n in range(100)], sound=True)
    status, out, err = command("pose", "dance.mp4", "dance.npz")
    assert (status, out) == (0, "")
    assert "frames 30 to 39 (1.20 to 1.56 s): the body is lost" in err
    assert "frame 70 (2.80 s): the body jumps in the picture" in err
    dance = read_own(Path("dance.npz"))
    assert (dance.rate_hz, len(dance.joints), dance.layout) == (25, 100, "musictodance")
    # a command takes the video itself, and its own sound
    tool("raise SystemExit('called again')")
    status, out, _ = command("check", "dance.mp4", "--json")
    assert (status, '"form": "video"' in out, '"music_file": "dance.mp4"' in out) == (
        2, False, False,
    )  # fmt: skip
    again = Path("dance.npz").read_bytes()
    tool("joints[30:40] = np.nan; seen[30:40] = np.nan; seen[70:, :, 0] = 0.9")
    status, out, _ = command("check", "dance.mp4", "--json")
    assert (status, '"form": "video"' in out, '"music_file": "dance.mp4"' in out) == (1, True, True)
    assert Path("dance.npz").read_bytes() == again


def test_the_dancer_is_drawn_beside_a_video(command: Command, tool: Callable[[str], None]) -> None:
    tool("")
    film(Path("dance.mp4"), [*range(0, 40, 4), *range(40, 200, 8)])  # uneven: 15 a second
    sound = np.zeros(8000 * 5)
    sound[8000 * 2] = 0.9
    soundfile.write("clicks.wav", sound, 8000)
    given = ("render", "dance.mp4", "out.mp4", "--music", "clicks.wav", "--start", 1, "--beside")
    assert command(*given).status == 0
    rate = look_at(Path("dance.mp4")).rate_hz
    with av.open("out.mp4") as found:
        frames: list[Any] = list(found.decode(video=0))
        times = [frame.time for frame in frames]
        both = [frame.to_ndarray(format="rgb24") for frame in frames]
    with av.open("out.mp4") as found:
        heard: list[Any] = list(found.decode(audio=0))
    assert times == pytest.approx([n / rate for n in range(len(times))], abs=0.001)
    # on the left the video's own pictures, to the right of them a dancer who moves
    assert both[0].shape == (720, 960 + 480, 3)
    seen = [round(float(picture[-90:, 870:950].mean()) / 8) for picture in both]
    assert seen == pytest.approx(levels(Path("dance.mp4")), abs=1)
    assert both[9][:350, :470].min() > 240
    drawn = [picture[:600, 1000:].astype(int) for picture in both]
    assert (drawn[5].max(axis=2) - drawn[5].min(axis=2) > 60).sum() > 2000  # blue and orange
    assert (abs(drawn[5] - drawn[15]).max(axis=2) > 60).sum() > 1000
    loud = np.concatenate([frame.to_ndarray()[0] for frame in heard])
    assert heard[0].time + abs(loud).argmax() / 48_000 == pytest.approx(1, abs=0.003)

    status, _, err = command("render", "joints.npy", "b.mp4", "--beside", "--layout", "mediapipe33")
    assert (status, "--beside: expected a video, got arrays" in err) == (2, True)
    tool("raise SystemExit('looked at the video first')")
    Path("dance.mp4").write_bytes(Path("dance.mp4").read_bytes() + b" ")
    Path("empty").mkdir()
    status, _, err = command("recommend", "dance.mp4", "--catalogue", "empty")
    assert (status, "empty: expected sound files" in err) == (2, True)
    status, _, err = command("recommend", "dance.mp4", "--catalogue", ".", "--beside")
    assert (status, "--render OUT.mp4 with it" in " ".join(err.split())) == (2, True)


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ("joints[:] = np.nan", "a person, got nobody in 100 pictures"),
        ("raise SystemExit('no such model')", "got no such model"),
        ("joints[:60] = np.nan", "60 of 100 frames without one"),
    ],
)
def test_what_can_go_wrong(
    command: Command, tool: Callable[[str], None], more: str, text: str
) -> None:
    tool(more)
    film(Path("dance.mp4"), [4 * n for n in range(100)])
    status, _, err = command("pose", "dance.mp4", "dance.npz")
    assert (status, text in err, err.count("error: ")) == (2, True, 1), err
    assert not Path("dance.npz").exists()


def test_a_file_that_is_there_is_kept(command: Command, tmp_path: Path) -> None:
    film(tmp_path / "dance.mp4", [4 * n for n in range(5)])
    (tmp_path / "mine.npz").write_bytes(b"mine")
    status, _, err = command("pose", tmp_path / "dance.mp4", tmp_path / "mine.npz")
    assert (status, "a file that exists" in err) == (2, True)


def test_without_the_environment(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    film(Path("dance.mp4"), [4 * n for n in range(5)])
    status, _, err = command("pose", "dance.mp4", "dance.npz")
    assert (status, "motionmusic pose --install" in err) == (2, True)
    monkeypatch.setattr(sys, "version_info", (3, 13, 0, "final", 0))
    monkeypatch.setenv("PATH", str(tmp_path))
    status, _, err = command("pose", "--install")
    assert (status, "Python 3.11 or 3.12" in err, "got Python 3.13" in err) == (2, True, True)
    assert command("pose")[0] == 2
    assert command("pose", "dance.mp4")[0] == 2


def test_pip_that_fails_leaves_nothing(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOTIONMUSIC_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(sys, "version_info", (3, 12, 0, "final", 0))

    def failing(call: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        bad = "pip" in call
        if not bad:
            Path(call[-1]).mkdir(parents=True)
        return subprocess.CompletedProcess(call, int(bad), "", "ERROR: No matching distribution\n")

    monkeypatch.setattr(subprocess, "run", failing)
    status, _, err = command("pose", "--install")
    assert (status, "No matching distribution" in err) == (2, True)
    assert not list((tmp_path / "cache").iterdir())
