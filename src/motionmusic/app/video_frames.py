"""The pictures of a video as a camera saw them: upright, at an even rate, one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
from numpy.typing import NDArray

from motionmusic.errors import UserError
from motionmusic.files import must_be_file

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

FASTEST_HZ = 60.0
_LARGEST = 960  # pixels of the longer side: a person in it is found as well as in more
_REMEDY = "save the video as MP4 again, or take another one"


@dataclass(frozen=True)
class Video:
    """What is known of a video before it is decoded.

    Attributes:
        rate_hz: pictures a second on average, at most 60.
        seconds: how long it says that it is; 0 where it does not.
        sound: whether it has any.
    """

    file: Path
    rate_hz: float
    seconds: float
    sound: bool


def look_at(file: Path) -> Video:
    """Raises UserError where there is no video in the file."""
    must_be_file(file, "a video", "check the path")
    try:
        with av.open(file.absolute()) as found:
            if not found.streams.video:
                raise UserError(file, "", "a video", "a file without pictures", _REMEDY)
            stream = found.streams.video[0]
            rate = stream.average_rate or stream.guessed_rate or 25
            seconds = (found.duration or 0) / av.time_base
            sound = bool(found.streams.audio)
            return Video(file, min(float(rate), FASTEST_HZ), seconds, sound)
    except av.FFmpegError:
        size = file.stat().st_size
        got = f"{size} bytes that cannot be read as one" if size else "an empty file"
        raise UserError(file, "", "a video", got, _REMEDY) from None


def pictures(video: Video) -> Iterator[NDArray[np.uint8]]:
    """RGB pictures (height, width, 3), upright, at the video's rate whatever its own times are.

    A picture that is broken is left out, and the one before stands for it. Raises UserError where
    not one can be decoded.
    """
    shown = 0
    before: tuple[float, NDArray[np.uint8]] | None = None
    first = 0.0
    for time_s, picture in _decoded(video):
        if before is None:
            first = time_s
        else:
            middle = (before[0] + time_s) / 2 - first
            while shown / video.rate_hz < middle:
                yield before[1]
                shown += 1
        before = time_s, picture
    if before is None:
        raise UserError(video.file, "", "a video", "no picture in it", _REMEDY)
    while shown / video.rate_hz <= before[0] - first + 1e-6:
        yield before[1]
        shown += 1


def _decoded(video: Video) -> Iterator[tuple[float, NDArray[np.uint8]]]:
    with av.open(video.file.absolute()) as found:
        stream = found.streams.video[0]
        stream.thread_type = "AUTO"
        last = -1.0 / video.rate_hz
        for packet in found.demux(stream):
            try:
                frames = packet.decode()
            except av.FFmpegError:
                continue
            for frame in frames:
                time_s = last + 1 / video.rate_hz if frame.time is None else frame.time
                last = time_s
                yield time_s, upright(frame)


def upright(frame: VideoFrame) -> NDArray[np.uint8]:
    """A frame as it is to be seen: turned as its file says, no larger than need be."""
    scale = min(1.0, _LARGEST / max(frame.width, frame.height))
    size = {"width": round(frame.width * scale), "height": round(frame.height * scale)}
    picture = frame.reformat(format="rgb24", **size).to_ndarray()
    turned = np.rot90(picture, round(frame.rotation / 90))
    return np.ascontiguousarray(turned)
