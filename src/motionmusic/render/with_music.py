"""Other music under a video: its pictures are copied as they are, not encoded again."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer, OutputContainer
from av.packet import Packet
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
    # absolute, as FFmpeg takes 12:30.mp4 for an address
    video, beside = source.absolute(), out.parent.absolute()
    remedy = "save it as MP4 with H.264 first, by any video editor"
    try:
        with (
            tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=beside) as folder,
            av.open(video) as found,
        ):
            part = Path(folder) / "video.mp4"
            with av.open(part, "w", format="mp4", options={"movflags": "+faststart"}) as file:
                _mux(found, _seconds(video), file, music, start_s)
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


def _mux(
    found: InputContainer, seconds: float, file: OutputContainer, music: Path, start_s: float
) -> None:
    source = found.streams.video[0]
    sound = faded(read_audio(music, SOUND_HZ, start_s=start_s, duration_s=seconds), seconds)
    seen = file.add_stream_from_template(source)
    heard = file.add_stream("aac", rate=SOUND_HZ, layout="mono")
    heard.bit_rate = 192_000
    given = 0
    for packet, shown_s in _packets(found, source):
        # the sound up to this picture, so that the file keeps together what belongs together
        until = min(len(sound), round(shown_s * SOUND_HZ))
        given = _hear(file, heard, sound, given, until)
        packet.stream = seen
        file.mux(packet)
    _hear(file, heard, sound, given, len(sound))
    file.mux(heard.encode())


def _seconds(video: Path) -> float:
    """Until the last picture has been shown, which a video recorded in a browser does not say."""
    with av.open(video) as found:
        packets = _packets(found, found.streams.video[0])
        return max((shown_s + _duration_s(packet) for packet, shown_s in packets), default=0.0)


def _duration_s(packet: Packet[VideoStream]) -> float:
    return float((packet.duration or 0) * packet.time_base)


def _packets(
    found: InputContainer, source: VideoStream
) -> Iterator[tuple[Packet[VideoStream], float]]:
    """Of every picture, in the order of decoding, with both its times; and when it is shown, from 0.

    Matroska says no decoding times before the first picture that is shown out of order: they are
    counted back from the next that is known. Raises ValueError where a picture has no time at all.
    """
    first = source.start_time or 0
    waiting: list[Packet[VideoStream]] = []
    for packet in found.demux(source):
        if packet.size:  # the end has none
            waiting.append(packet)
            if packet.dts is None:
                continue
        for later, one in zip(reversed(range(len(waiting))), waiting, strict=True):
            if packet.dts is None:
                decoded = one.pts
            else:
                decoded = packet.dts - later * (packet.duration or 1)
            shown = decoded if one.pts is None else one.pts
            if decoded is None or shown is None:
                raise ValueError("pictures without times")
            one.pts, one.dts = shown - first, decoded - first
            yield one, float(one.pts * one.time_base)
        waiting.clear()


def _hear(
    file: OutputContainer, heard: av.AudioStream, sound: Float32, first: int, until: int
) -> int:
    if until > first:
        samples = av.AudioFrame.from_ndarray(sound[None, first:until], format="fltp", layout="mono")
        samples.sample_rate, samples.pts = SOUND_HZ, first
        samples.time_base = Fraction(1, SOUND_HZ)
        file.mux(heard.encode(samples))
    return max(first, until)
