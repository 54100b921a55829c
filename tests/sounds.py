"""Sound files of many kinds, as people and their programs make them."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

RATE = 44_100
Samples = NDArray[np.float32]


def song(seconds: float, seed: int = 0, bpm: float = 120, rate: int = RATE) -> Samples:
    """Music of a sort: chords that change every beat, and a drum. (samples,)"""
    random = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate)) / rate
    beat = (time * bpm / 60).astype(int)
    sound = np.zeros(len(time))
    for _ in range(3):
        notes = 220 * 2 ** (random.integers(0, 24, beat.max() + 1) / 12)
        phase = np.cumsum(notes[beat]) / rate
        for harmonic in (1, 2, 3):
            sound += random.uniform(0.2, 1) * np.sin(2 * np.pi * harmonic * phase)
    since = time * bpm / 60 - beat
    sound = sound * np.exp(-2 * since) + 2 * random.normal(size=len(time)) * np.exp(-20 * since)
    return np.asarray(0.5 * sound / np.abs(sound).max(), np.float32)


def encode(
    file: Path,
    samples: Samples,
    codec: str,
    *,
    rate: int = RATE,
    bit_rate: int = 128_000,
    codec_options: dict[str, str] | None = None,
    options: dict[str, str] | None = None,
    video: bool = False,
    sound: bool = True,
) -> Path:
    """Samples (n,) as a sound file, or a video of a grey picture, by FFmpeg."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(file), "w", options=options or {}) as out:
        seen: Any = None
        heard: Any = None
        if video:
            seen = out.add_stream("libvpx" if file.suffix == ".webm" else "mpeg4", rate=5)
            seen.width, seen.height, seen.pix_fmt = 32, 32, "yuv420p"
        if sound:
            heard = out.add_stream(codec, rate=rate, layout="mono", options=codec_options or {})
            heard.bit_rate = bit_rate
        if seen is not None:
            grey = np.full((32, 32, 3), 128, np.uint8)
            for _ in range(max(1, len(samples) * 5 // rate)):
                out.mux(seen.encode(av.VideoFrame.from_ndarray(grey)))
            out.mux(seen.encode())
        if heard is not None:
            whole = (samples[None] * 32767).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(whole, format="s16", layout="mono")
            frame.sample_rate = rate
            size = heard.codec_context.frame_size or 4096
            resampler = av.AudioResampler(heard.codec_context.format, "mono", rate, size)
            for part in [*resampler.resample(frame), *resampler.resample(None)]:
                out.mux(heard.encode(part))
            out.mux(heard.encode())
    return file


def chunk(name: bytes, content: bytes, length: int | None = None, pad: bool = True) -> bytes:
    """A chunk of a wav; ``length`` is what its header says."""
    size = len(content) if length is None else length
    return name + struct.pack("<I", size) + content + b"\0" * (pad and len(content) % 2)


def riff(*chunks: bytes, length: int | None = None) -> bytes:
    """A wav of these chunks; ``length`` is what its header says."""
    content = b"WAVE" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(content) if length is None else length) + content


def pcm_format(rate: int = RATE) -> bytes:
    """The chunk of a wav that says 16 bits, mono."""
    return chunk(b"fmt ", struct.pack("<HHIIHH", 1, 1, rate, 2 * rate, 2, 16))


def pcm(samples: Samples) -> bytes:
    """16 bits a sample."""
    return (samples * 32767).astype("<i2").tobytes()
