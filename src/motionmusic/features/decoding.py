"""Sound files of any kind as blocks of mono samples, as long as they are, whatever their headers say.

libsndfile decodes wav, aiff, flac, ogg and mp3; FFmpeg, by PyAV, counts the packets of a file and
decodes all other kinds, and those files whose length libsndfile does not know:

- libsndfile (1.2.2) stops reading an mp3 where its header, or a guess from the first frame, says that
  it ends: of variable rate without a Xing header that is anywhere. Of files joined to one it reads the
  first. The packets tell.
- A recorder that died leaves a wav whose header says 0, all bits set, or the length at some earlier
  time. The sound then goes on to the end of the file.
- A header that promises more than there is (wav, flac, aiff, mp4, mp3 with Xing) means a cut file.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import av
import numpy as np
import soundfile

from motionmusic.errors import UserError
from motionmusic.files import Float32, must_be_file

KINDS = "a sound file (mp3, m4a, wav, flac, ogg and others) or a video with sound"
AGAIN = "fetch or copy the sound file again, or convert the original to wav"
_BLOCK = 1 << 20  # samples, of all channels together
_SLACK = 4608  # samples: what encoders put before and after the sound, four frames of mp3
_ENDS_S = 0.3  # the same at the lowest rates
_LOST_S = 1.0  # a length promised may be off by less: encoders pad, and guess
_RATES = range(1000, 768_001)
_NO_SIZE = 0x7FFF0000  # programs that write to a pipe leave all bits set, or all but the first
# Nothing that opens other files or the network (playlists, lists of parts).
_DEMUXERS = (
    "aac,ac3,aiff,amr,ape,asf,au,avi,caf,dsf,dts,eac3,flac,flv,loas,matroska,mov,mp3,mpc,mpc8,mpeg,"
    "mpegts,ogg,tak,tta,voc,w64,wav,wv"
)
_LIBSNDFILE = ("mp3", "flac", "ogg", "aiff", "au", "caf", "w64", "wav")
_VIDEOS = ("mov", "matroska", "avi", "asf", "flv", "mpeg")
_LONGEST = 8191  # bytes of a frame of aac; those of mp3 are shorter
_TAGS = (b"TAG", b"ID3", b"APET")
_OPTIONS = {"format_whitelist": _DEMUXERS, "protocol_whitelist": "file", "ignore_length": "1"}


@dataclass
class Sound:
    """An open sound file: its rate, and its samples (mean of the channels) from a frame on.

    ``frames`` is how many it has; where no header tells, 0 until all are read.
    """

    rate: int
    frames: int
    blocks: Callable[[int], Iterator[Float32]]


@contextmanager
def opened(file: Path) -> Iterator[Sound]:
    """An open sound file. Raises UserError where it is missing, empty, no sound, cut or damaged."""
    must_be_file(file, KINDS, "put the dance's music there")
    size = file.stat().st_size
    if size == 0:
        raise UserError(file, "", KINDS, "an empty file", AGAIN)
    with ExitStack() as stack:
        sound = _wave(file, size, stack) or _any(file, stack)
        if sound is None:
            got = f"{size} bytes that cannot be read as sound"
            raise UserError(file, "", KINDS, got, AGAIN)
        if sound.rate not in _RATES:
            expected = f"a sampling rate of {_RATES[0]} to {_RATES[-1]} Hz"
            raise UserError(file, "", expected, f"{sound.rate} Hz", AGAIN)
        yield sound


def _any(file: Path, stack: ExitStack, libsndfile: bool = True) -> Sound | None:
    """A sound by libsndfile, if it may be used and is right about the length, or else by FFmpeg."""
    packets = _count(file)
    if packets is None:  # words of other programs may stand before a wav
        return _by_libsndfile(file, str(file), stack) if _starts_with_words(file) else None
    more_s = packets.seconds - packets.promised_s if packets.promised_s else 0.0
    if more_s < -_LOST_S:
        raise _cut(file, packets.seconds, packets.promised_s)
    # of other kinds, and of an mp3 with a wrong header, its decoder complains on the terminal
    libsndfile = libsndfile and packets.kind in _LIBSNDFILE and more_s < _ENDS_S
    sound = _by_libsndfile(file, str(file), stack) if libsndfile else None
    if sound is not None and abs(sound.frames - packets.seconds * sound.rate) <= _SLACK:
        return sound
    return _by_ffmpeg(file, packets.seconds, stack)


# libsndfile


def _by_libsndfile(file: Path, source: Any, stack: ExitStack) -> Sound | None:
    try:
        opened = stack.enter_context(soundfile.SoundFile(source))
    except (soundfile.LibsndfileError, TypeError, ValueError):
        # Its message misleads: of any bytes that are no mp3 it says that there is no such file.
        return None
    rate, frames = int(opened.samplerate), int(opened.frames)
    step = max(1, _BLOCK // opened.channels)

    def blocks(first: int) -> Iterator[Float32]:
        try:
            at = 0
            # in mp3s of variable bit rate it seeks up to a few frames off
            if opened.format != "MP3":
                at = opened.seek(min(first, frames))
            while len(block := opened.read(step, dtype="float32", always_2d=True)):
                yield _averaged(block)[max(0, first - at) :]
                at += len(block)
        except soundfile.LibsndfileError:
            raise _damaged(file, at / rate) from None
        if at < frames - rate * _LOST_S:
            raise _damaged(file, at / rate)

    return Sound(rate, frames, blocks)


def _averaged(frames: Float32) -> Float32:
    mono: Float32 = frames.mean(axis=1, dtype=np.float32)
    return mono


# FFmpeg


@dataclass(frozen=True)
class _Packets:
    """FFmpeg's name of a kind of file, and seconds that are there, and that its header promises."""

    kind: str
    seconds: float
    promised_s: float  # 0 where it does not


def _count(file: Path) -> _Packets | None:
    """The packets of the file's first sound; None where FFmpeg finds none."""
    try:
        with av.open(str(file), options=_OPTIONS, metadata_errors="replace") as container:
            kind = container.format.name
            if not container.streams.audio:
                if not kind.startswith(_VIDEOS):
                    return None
                raise UserError(file, "", KINDS, "a video without sound", "take another file")
            stream = container.streams.audio[0]
            base = float(stream.time_base or 0)
            ticks = held = junk = 0
            for packet in container.demux(stream):
                ticks += packet.duration or 0
                held += packet.size
                # what is no frame, FFmpeg puts in front of the next one
                if packet.size > _LONGEST and kind in ("mp3", "aac") and not _is_tag(packet):
                    junk += packet.size - _LONGEST
            if junk and (lost_s := junk / (held - junk) * ticks * base) > _LOST_S:
                got = f"a damaged file, {lost_s:.2f} s in its midst cannot be decoded"
                raise UserError(file, "", "sound that can be decoded to its end", got, AGAIN)
            promised = 0.0
            if kind == "mp3":
                promised = _promised_by_xing(file) / (stream.rate or 1)
            elif kind.startswith(("mov", "flac", "aiff")):
                promised = (stream.duration or 0) * base
            return _Packets(kind, ticks * base, promised)
    except (av.FFmpegError, ValueError, OverflowError, UnicodeError):
        return None


def _starts_with_words(file: Path) -> bool:
    with file.open("rb") as stream:
        return stream.read(4).startswith(_TAGS)


def _is_tag(packet: av.Packet[Any]) -> bool:
    """Whether other programs have put words or a picture before the sound."""
    return bytes(packet)[:4].startswith(_TAGS)


def _by_ffmpeg(file: Path, seconds: float, stack: ExitStack) -> Sound | None:
    """The sound by PyAV; ``seconds`` is what its packets hold."""
    frames = _frames(file)
    stack.callback(frames.close)
    try:
        rate, start = next(frames)
    except StopIteration:
        return None

    def blocks(first: int) -> Iterator[Float32]:
        at, block = 0, start
        while True:
            yield block[max(0, first - at) :]
            at += len(block)
            try:
                now, block = next(frames)
            except StopIteration:
                break
            if now != rate:
                got = f"{now} Hz from {at / rate:.2f} s on"
                raise UserError(file, "", f"one sampling rate, {rate} Hz", got, AGAIN)
        sound.frames = at
        if at / rate < seconds - _LOST_S:
            raise _damaged(file, at / rate)

    sound = Sound(rate, 0, blocks)
    return sound


def _frames(file: Path) -> Generator[tuple[int, Float32]]:
    """Rate and samples of what can be decoded, about a second at a time."""
    held: list[Float32] = []
    count, rate = 0, 0
    try:
        with av.open(str(file), options=_OPTIONS, metadata_errors="replace") as container:
            for packet in container.demux(container.streams.audio[0]):
                try:
                    frames = packet.decode()
                except av.FFmpegError:
                    continue  # what is lost is counted at the end
                for frame in frames:
                    if held and (frame.sample_rate != rate or count > rate):
                        yield rate, np.concatenate(held)
                        held, count = [], 0
                    rate = frame.sample_rate
                    held.append(_mono(frame))
                    count += frame.samples
    except av.FFmpegError:
        pass
    if held:
        yield rate, np.concatenate(held)


def _mono(frame: av.AudioFrame) -> Float32:
    samples = frame.to_ndarray()
    if not frame.format.is_planar:
        samples = samples.reshape(-1, len(frame.layout.channels)).T
    if samples.dtype == np.uint8:
        samples = (samples.astype(np.float32) - 128) / 128
    elif samples.dtype.kind == "i":
        samples = samples * np.float32(2.0 ** (1 - 8 * samples.dtype.itemsize))
    mono: Float32 = samples.astype(np.float32).mean(axis=0, dtype=np.float32)
    return mono


def _promised_by_xing(file: Path) -> int:
    """How many samples the header of an mp3 says that it has; 0 where it does not say."""
    with file.open("rb") as stream:
        head = stream.read(10)
        start = 0
        while head[:3] == b"ID3" and len(head) == 10:  # its size has 7 bits a byte
            start += 10 + sum((byte & 127) << 7 * (3 - n) for n, byte in enumerate(head[6:10]))
            stream.seek(start)
            head = stream.read(10)
        stream.seek(start)
        frame = stream.read(200)
    at = max(frame.find(b"Xing"), frame.find(b"Info"))
    if at < 0 or len(frame) < at + 12 or not frame[at + 7] & 1:
        return 0
    samples = 1152 if frame[1] >> 3 & 3 == 3 else 576
    return samples * int.from_bytes(frame[at + 8 : at + 12], "big")


# wav


def _wave(file: Path, size: int, stack: ExitStack) -> Sound | None:
    """A wav by libsndfile, with a right header in front of its samples; None for anything else."""
    stream = stack.enter_context(file.open("rb"))
    found = _chunks(stream, size)
    if found is None:
        return None
    kind, parts, promised, plain = found
    there, a_second = sum(end - start for start, end in parts), int.from_bytes(kind[8:12], "little")
    if a_second and promised - there > a_second * _LOST_S:
        raise _cut(file, there / a_second, promised / a_second)
    if not there:
        raise UserError(file, "", KINDS, f"{size} bytes without a sample", AGAIN)
    source: Any = str(file)
    if not plain:
        head = struct.pack("<4sI", b"fmt ", len(kind)) + kind
        head += struct.pack("<4sI", b"data", min(there, 0xFFFFFFFF))
        whole = struct.pack("<4sI", b"RIFF", min(4 + len(head) + there, 0xFFFFFFFF)) + b"WAVE"
        source = _Spliced(stream, whole + head, parts)
    # libsndfile does not know every code that may be in a wav
    return _by_libsndfile(file, source, stack) or _any(file, stack, libsndfile=plain)


def _chunks(stream: BinaryIO, size: int) -> tuple[bytes, list[tuple[int, int]], int, bool] | None:
    """Of a wav: its format, where its samples lie, how many bytes are promised, is the header right."""
    if stream.read(4) != b"RIFF" or stream.read(8)[4:] != b"WAVE":
        return None
    kind, promised, plain = b"", 0, True
    parts: list[tuple[int, int]] = []
    at: int | None = 12
    while at is not None and at + 8 <= size:
        stream.seek(at)
        name, length = struct.unpack("<4sI", stream.read(8))
        start = at + 8
        at = _next_chunk(stream, start, length, size)
        if at is not None and at != size and (at - start - length) != length % 2:
            plain = False  # the pad byte is missing
        if name == b"fmt " and not kind:
            kind = stream.read(min(length, 4096)) if stream.seek(start) else b""
        if name != b"data":
            if at is None:  # its length is wrong: the samples may still be found
                at, plain = _find_data(stream, start), False
            continue
        if length == 0 and at is not None and at < size:
            plain = False
            continue
        if length == 0 or length >= _NO_SIZE or (at is None and start + length < size):
            end, at, plain = size, None, False  # written by a recorder that died
        else:
            end = min(size, start + length)
            promised += length
        plain = plain and not parts and bool(kind)
        parts.append((start, end))
    return (kind, parts, promised, plain) if kind and parts else None


def _next_chunk(stream: BinaryIO, start: int, length: int, size: int) -> int | None:
    """Where the chunk after one is, at an even place as a rule; None where there is no chunk."""
    end = start + length
    for at in (end + length % 2, end):
        if at > size - 8:
            if at <= size + 1:
                return size  # nothing follows
            continue
        stream.seek(at)
        name, long = struct.unpack("<4sI", stream.read(8))
        if name.startswith(_TAGS):
            return size
        if all(32 <= byte < 127 for byte in name) and (
            at + 8 + long <= size + 1 or name == b"data"
        ):
            return at
    return None


def _find_data(stream: BinaryIO, start: int) -> int | None:
    stream.seek(start)
    at = stream.read(1 << 20).find(b"data")
    return None if at < 0 else start + at


class _Spliced(io.RawIOBase):
    """A file that begins with ``head`` and goes on with parts of another."""

    def __init__(self, stream: BinaryIO, head: bytes, parts: list[tuple[int, int]]):
        self._stream, self._head, self._parts = stream, head, parts
        self._at = 0
        self._size = len(head) + sum(end - start for start, end in parts)

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset + (0, self._at, self._size)[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        wanted = len(buffer)
        found = self._head[self._at : self._at + wanted]
        place = len(self._head)
        for start, end in self._parts:
            here = self._at + len(found) - place
            if len(found) < wanted and 0 <= here < end - start:
                self._stream.seek(start + here)
                found += self._stream.read(min(wanted - len(found), end - start - here))
            place += end - start
        memoryview(buffer)[: len(found)] = found
        self._at += len(found)
        return len(found)


# errors


def _cut(file: Path, there_s: float, promised_s: float) -> UserError:
    expected = f"{promised_s:.2f} s of sound, as its header says"
    return UserError(file, "", expected, f"a cut file, {there_s:.2f} s of it", AGAIN)


def _damaged(file: Path, decoded_s: float) -> UserError:
    got = f"a damaged file, {decoded_s:.2f} s of it can be decoded"
    return UserError(file, "", "sound that can be decoded to its end", got, AGAIN)
