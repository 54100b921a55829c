"""MediaPipe in an environment of its own, and what it sees in a video.

Its wheel 0.10.21 ships the model and needs NumPy 1, which the rest does not bear. There are wheels
for Python 3.11 and 3.12; from 0.10.35 on they come without the model.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motionmusic.app.arguments import confirmed
from motionmusic.app.outputs import cache_folder, check_cache, using_cache
from motionmusic.app.video_frames import Video, look_at, pictures
from motionmusic.data.arrays import archive
from motionmusic.errors import UserError
from motionmusic.files import write_bytes
from motionmusic.terminal import note, progress

PINS = Path(__file__).with_name("pose_requirements.txt")
WORKER = Path(__file__).with_name("pose_worker.py")
_FRAMES = Path(__file__).with_name("video_frames.py")
PYTHONS = ((3, 11), (3, 12))
MEGABYTES = 1100  # of the environment, on Linux
_DONE = "complete"
_INSTALL = "run `motionmusic pose --install`"


def environment() -> Path:
    """Its folder, another one for other pins."""
    digest = hashlib.sha256(PINS.read_bytes()).hexdigest()[:12]
    return cache_folder() / f"pose-{digest}"


def installed() -> bool:
    """Whether the environment is complete."""
    return (environment() / _DONE).exists()


def install() -> None:
    """Make the environment, with pip. Raises UserError where there is no Python for it, or no network."""
    folder = environment()
    if installed():
        return
    python = _python()
    check_cache()
    shutil.rmtree(folder, ignore_errors=True)
    note(f"Making {folder} with {python}: some minutes")
    inside = folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    for command in (
        [python, "-m", "venv", str(folder)],
        [str(inside), "-m", "pip", "install", "--quiet", "--no-input", "-r", str(PINS)],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            lines = [line for line in done.stderr.splitlines() if "ERROR" in line]
            got = " ".join((lines or done.stderr.splitlines() or ["no word"])[-1].split())[:200]
            shutil.rmtree(folder, ignore_errors=True)
            remedy = "see that pip reaches a package index and the disk has room, then try again"
            raise UserError(folder, "", "an environment with MediaPipe", got, remedy)
    (folder / _DONE).touch()


def _python() -> str:
    """A Python that MediaPipe has wheels for: this one, or one by its name."""
    if sys.version_info[:2] in PYTHONS:
        return sys.executable
    for major, minor in PYTHONS[::-1]:
        found = shutil.which(f"python{major}.{minor}")
        if found is not None:
            return found
    got = f"Python {sys.version_info[0]}.{sys.version_info[1]} and no other"
    remedy = (
        "install Python 3.12 beside it (python3.12 on the PATH), or make joints of the video"
        " elsewhere and give them with --layout mediapipe33"
    )
    expected = "Python 3.11 or 3.12, which mediapipe 0.10.21 has wheels for"
    raise UserError("motionmusic pose", "", expected, got, remedy)


def pose_of(file: Path) -> Path:
    """Joints of a video, mediapipe33 as .npz, kept in the cache by the video's content.

    Raises UserError: no video, nobody in it, or the environment is not there.
    """
    video = look_at(file)
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    made_by = b"".join(each.read_bytes() for each in (PINS, WORKER, _FRAMES))
    maker = hashlib.sha256(made_by).hexdigest()[:12]
    kept = cache_folder() / "poses" / f"{digest[:32]}-{maker}.npz"
    if not kept.exists():
        _offer()
        if not installed():
            expected = "MediaPipe, which finds the dancer in a video"
            raise UserError(file, "", expected, "not installed", _INSTALL)
        check_cache()  # before minutes go by
        content = _archive(video, *_watch(video))
        with using_cache():
            write_bytes(kept, content)
    return kept


def _offer() -> None:
    """On a terminal, where MediaPipe is not installed: make it now? Raises UserError."""
    if installed() or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return  # who is not there cannot be asked: the tool says what to do
    free = shutil.disk_usage(check_cache()).free / 1e6
    question = (
        f"Finding a dancer in a video needs MediaPipe, in an environment of its own"
        f" ({MEGABYTES} MB of {free:.0f}). Make it now?"
    )
    if confirmed(question, default=True):
        install()


def _archive(video: Video, joints: NDArray[Any], seen: NDArray[Any]) -> bytes:
    if not np.isfinite(joints).any():
        got, remedy = f"nobody in {len(joints)} pictures", "take a video with a whole dancer in it"
        raise UserError(video.file, "", "a person", got, remedy)
    about = {"rate": np.array(video.rate_hz), "layout": np.array("mediapipe33")}
    return archive({"joints": joints, "seen": seen, **about})


def _watch(video: Video) -> tuple[NDArray[Any], NDArray[Any]]:
    """What the worker makes of the pictures: joints and where they are seen."""
    inside = environment() / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as said:
        out = Path(folder, "pose.npz")
        worker = subprocess.Popen(
            [str(inside), "-I", str(WORKER), str(out)],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=said,
        )  # fmt: skip
        assert worker.stdin is not None
        try:
            for picture in _shown(video):
                worker.stdin.write(picture)
            worker.stdin.close()
        except BrokenPipeError:
            pass  # what it died of is asked below
        except BaseException:
            worker.kill()
            raise
        finally:
            worker.wait()
        if worker.returncode:
            said.seek(0)
            lines = said.read().decode("utf-8", "replace").split("\n")
            got = next((line for line in reversed(lines) if line.strip()), "no word")[:200]
            remedy = f"delete {environment()} and {_INSTALL}"
            raise UserError(video.file, "", "joints of the video by MediaPipe", got, remedy)
        with np.load(out, allow_pickle=False) as found:
            return found["joints"], found["seen"]


def _shown(video: Video) -> Iterator[bytes]:
    """The size of the pictures, then every picture."""
    total = max(1, round(video.seconds * video.rate_hz))
    size: tuple[int, ...] | None = None
    for picture in progress(pictures(video), "pose", total, "picture"):
        if size is None:
            size = picture.shape
            yield np.array([size[1], size[0], total, 0], "<i4").tobytes()
        if picture.shape == size:  # a video may change its size; those pictures are left out
            yield picture.tobytes()
