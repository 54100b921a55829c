"""Other music under a video: its pictures are copied as they are, not encoded again."""

from __future__ import annotations

import tempfile
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer, OutputContainer
from av.video.stream import VideoStream

from motionmusic.errors import UserError
from motionmusic.features.audio import read_audio
from motionmusic.files import Float32, replaceable
from motionmusic.render.film import SOUND_HZ

FADE_IN_S, FADE_OUT_S = 0.5, 2.0


def with_music(source: Path, music: Path, start_s: float, out: Path) -> None:
    """Write a video as MP4 with a music from ``start_s`` on, whole or not at all.

    Its pictures, their times and how they are turned stay; its own sound goes. The music is faded in
    and out, and ends in silence where it is shorter. Raises UserError where the pictures cannot be
    put into MP4 as they are.
    """
    replaceable(out)
    remedy = "save it as MP4 with H.264 first, by any video editor"
    try:
        with (
            tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as folder,
            av.open(source) as found,
        ):
            part = Path(folder) / "video.mp4"
            with av.open(part, "w", format="mp4", options={"movflags": "+faststart"}) as file:
                _mux(found, file, music, start_s)
            part.replace(out)
    except (av.FFmpegError, ValueError) as error:
        raise UserError(source, "", "pictures that MP4 can hold", f"{error}", remedy) from None


def faded(sound: Float32, seconds: float) -> Float32:
    """Sound for so many seconds, cut or padded with silence, faded in and out at its ends."""
    samples = min(len(sound), round(seconds * SOUND_HZ))
    at = np.arange(samples) / SOUND_HZ
    left = samples / SOUND_HZ - at
    gain = np.minimum(1, np.minimum(at / FADE_IN_S, left / FADE_OUT_S))
    padded = np.zeros(round(seconds * SOUND_HZ), np.float32)
    padded[:samples] = np.clip(sound[:samples], -1, 1) * gain
    return padded


def _mux(found: InputContainer, file: OutputContainer, music: Path, start_s: float) -> None:
    source = found.streams.video[0]
    seconds = _seconds(found, source)
    sound = faded(read_audio(music, SOUND_HZ, start_s=start_s, duration_s=seconds), seconds)
    seen = file.add_stream_from_template(source)
    heard = file.add_stream("aac", rate=SOUND_HZ, layout="mono")
    heard.bit_rate = 192_000
    first, given = source.start_time or 0, 0
    for packet in found.demux(source):
        if packet.size == 0:  # the end
            continue
        shown = packet.dts if packet.pts is None else packet.pts
        packet.pts = (shown or 0) - first
        packet.dts = packet.pts if packet.dts is None else packet.dts - first
        # the sound up to this picture, so that the file keeps together what belongs together
        until = min(len(sound), round(float(packet.pts * packet.time_base) * SOUND_HZ))
        given = _hear(file, heard, sound, given, until)
        packet.stream = seen
        file.mux(packet)
    _hear(file, heard, sound, given, len(sound))
    file.mux(heard.encode())


def _seconds(found: InputContainer, source: VideoStream) -> float:
    if source.duration is not None and source.time_base is not None:
        return float(source.duration * source.time_base)
    return float((found.duration or 0) / av.time_base)


def _hear(
    file: OutputContainer, heard: av.AudioStream, sound: Float32, first: int, until: int
) -> int:
    if until > first:
        samples = av.AudioFrame.from_ndarray(sound[None, first:until], format="fltp", layout="mono")
        samples.sample_rate, samples.pts = SOUND_HZ, first
        samples.time_base = Fraction(1, SOUND_HZ)
        file.mux(heard.encode(samples))
    return max(first, until)
