"""Every reader against broken files: one clear error, or none (docs/reliability.md).

``python benchmarks/fuzz.py [--inputs 500] [--reader NAME]`` breaks good files at random and gives them
to the readers. A finding is any other exception than UserError, the end of the process, more than ten
seconds, 2 GiB more memory than before, or a file written. It prints the findings and their seeds, and
ends with 1 where there is one. The same seed gives the same file.
``--out metrics/reliability/fuzz.json`` keeps the counts of each reader that ran, beside those of others.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import resource
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import av
import numpy as np
import soundfile
from fuzz_dances import DANCES

from motionmusic.app.catalogue import index
from motionmusic.errors import UserError
from motionmusic.features.audio import duration_s, read_audio
from motionmusic.files import write_json
from motionmusic.models.matcher import About
from motionmusic.params import Joints, Music

LONGEST_S = 10
MOST_BYTES = 2 << 30
RATE = 44_100
EDGES = [0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF]


@dataclass(frozen=True)
class Reader:
    """Good files by name, and what reads a broken one in its folder; its result does not matter."""

    files: Callable[[], dict[str, bytes]]
    read: Callable[[Path], object]


# Sound and catalogues


def sounds() -> dict[str, bytes]:
    """A second and a half of music, by name of the file."""
    time = np.arange(RATE * 3 // 2) / RATE
    music = 0.5 * np.sin(2 * np.pi * (300 + 200 * np.sin(9 * time)) * time).astype(np.float32)
    made = {}
    for name in ("a.wav", "b.flac", "c.ogg", "d.mp3", "e.aiff"):
        buffer = io.BytesIO()
        soundfile.write(buffer, music, RATE, format=name[2:])
        made[name] = buffer.getvalue()
    for name, codec, container in (
        ("f.m4a", "aac", "ipod"), ("g.aac", "aac", "adts"), ("h.wma", "wmav2", "asf"),
        ("i.mkv", "ac3", "matroska"), ("j.mp3", "libmp3lame", "mp3"), ("k.wv", "wavpack", "wv"),
        ("l.wav", "adpcm_ms", "wav"), ("m.avi", "libmp3lame", "avi"),
    ):  # fmt: skip
        buffer = io.BytesIO()
        options = {"write_xing": "0"} if container == "mp3" else {}
        with av.open(buffer, "w", format=container, options=options) as out:
            stream: Any = out.add_stream(codec, rate=RATE, layout="mono")
            stream.bit_rate = 64_000
            whole = (music[None] * 32_767).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(whole, format="s16", layout="mono")
            frame.sample_rate = RATE
            context = stream.codec_context
            resampler = av.AudioResampler(context.format, "mono", RATE, context.frame_size or 1024)
            for part in [*resampler.resample(frame), *resampler.resample(None)]:
                out.mux(stream.encode(part))
            out.mux(stream.encode())
        made[name] = buffer.getvalue()
    return made


def read_sound(file: Path) -> object:
    """Its length and its samples, at the rates of two features."""
    return duration_s(file), read_audio(file, 12_800), read_audio(file, 22_050, duration_s=1)


def read_catalogue(file: Path) -> object:
    """A folder with the file in it; of the file at least its name must come back."""
    about = About(
        method="category", task="fuzz", seed=0, layout="musictodance", motion_rate_hz=25.0,
        labels={"W": "Waltz"}, joints=Joints(center="once", scale="per_piece"),
        music=Music(
            feature="logmel", sample_rate=12_800, resampler="soxr_hq", scale="per_piece",
            pad_short=False, short_sound="cut",
        ),
        paper_bones=False, excerpt_frames=229, sizes={}, knows={},
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as cache:
        found = index(file.parent, cast(Any, SimpleNamespace(about=about, digest="")), Path(cache))
    named = [track.path for track in found.tracks] + [path for path, _ in found.broken]
    if Path(file.name) not in named:
        raise AssertionError(f"{file.name} is neither a track nor named")
    return found


READERS = {
    "sound": Reader(sounds, read_sound),
    "catalogue": Reader(sounds, read_catalogue),
    **{
        name: Reader(lambda file=file, make=make: {file: make()}, read)  # type: ignore[misc]
        for name, (file, make, read) in DANCES.items()
    },
}


def broken(content: bytes, random: np.random.Generator) -> bytes:
    """The content with one to four mistakes in it, half of them in its first 200 bytes."""
    changed = bytearray(content)
    for _ in range(random.integers(1, 5)):
        reach = min(200, len(changed)) if random.random() < 0.5 else len(changed)
        at = int(random.integers(reach)) if reach else 0
        long = min(len(changed) - at, 2 ** int(random.integers(0, 12)))
        match random.integers(8):
            case 0:
                changed[at : at + 1] = bytes([int(random.integers(256))])
            case 1:
                value = EDGES[int(random.integers(len(EDGES)))]
                order = "big" if random.random() < 0.5 else "little"
                changed[at : at + 4] = value.to_bytes(4, cast(Any, order))
            case 2:
                del changed[at:]
            case 3:
                del changed[at : at + long]
            case 4:
                changed[at:at] = random.bytes(long)
            case 5:
                changed[at : at + long] = bytes(long)
            case 6:
                changed[at : at + long] = random.bytes(long)
            case 7:
                changed[at:at] = changed[at : at + long]
    return bytes(changed)


def most_bytes() -> int:
    """The most memory that this process ever had; a process that runs tests had much before."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def finding(reader: Reader, files: dict[str, bytes], seed: int, folder: Path) -> str | None:
    """What is wrong with how a broken file is read; None where nothing is."""
    random = np.random.default_rng(seed)
    name = str(random.choice(sorted(files)))
    file = folder / name
    file.write_bytes(broken(files[name], random))
    before, peak = sorted(path for path in folder.rglob("*")), most_bytes()
    try:
        reader.read(file)
    except UserError as error:
        if not (error.expected and error.got and error.remedy):
            return f"{name}: an error without a remedy: {error}"
    except Exception:
        return f"{name}: {traceback.format_exc()}"
    if sorted(path for path in folder.rglob("*")) != before:
        return f"{name}: files were written"
    if most_bytes() - peak > MOST_BYTES:
        return f"{name}: {MOST_BYTES >> 30} GiB more memory than before it"
    file.unlink()
    return None


def main() -> None:
    """Break, read and print."""
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--inputs", type=int, default=500)
    given.add_argument("--first", type=int, default=0, help="the first seed")
    given.add_argument("--reader", choices=list(READERS), action="append")
    given.add_argument("--out", type=Path, help="a JSON file of inputs and findings by reader")
    options = given.parse_args()
    count = 0
    kept = json.loads(options.out.read_text()) if options.out and options.out.exists() else {}
    for name in options.reader or READERS:
        seed, files = options.first, READERS[name].files()
        with tempfile.TemporaryDirectory() as folder:  # what is imported once takes no one's time
            file = Path(folder, next(iter(files)))
            file.write_bytes(files[file.name])
            READERS[name].read(file)
        before = count
        while seed < options.first + options.inputs:
            seed, found = try_until_one_is_found(name, files, seed, options.first + options.inputs)
            if found:
                count += 1
                print(f"{name}, seed {seed - 1}: {found}", flush=True)
        print(f"{name}: {options.inputs} inputs", flush=True)
        kept[name] = {"inputs": options.inputs, "first": options.first, "findings": count - before}
        if options.out:
            write_json(options.out, {name: kept[name] for name in READERS if name in kept})
    print(f"{count} findings")
    sys.exit(1 if count else 0)


def try_until_one_is_found(
    name: str, files: dict[str, bytes], seed: int, end: int
) -> tuple[int, str]:
    """Try seeds in a process of its own, which a finding may end; the next seed, and what was found."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        with tempfile.TemporaryDirectory() as folder, os.fdopen(writing, "w") as out:
            for each in range(seed, end):
                signal.setitimer(signal.ITIMER_PROF, LONGEST_S)  # of work
                signal.alarm(6 * LONGEST_S)  # of waiting, on a machine that does other things too
                out.write(f"\0{each}\n")
                out.flush()
                if found := finding(READERS[name], files, each, Path(folder)):
                    out.write(found)
                    break
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, errors="replace") as lines:
        _, _, last = lines.read().rpartition("\0")
    _, status = os.waitpid(child, 0)
    number, _, found = last.partition("\n")
    if os.WIFSIGNALED(status):
        ended = signal.Signals(os.WTERMSIG(status))
        slow = ended in (signal.SIGALRM, signal.SIGPROF)
        found = f"more than {LONGEST_S} s" if slow else f"the process was ended by {ended.name}"
    return int(number) + 1, found


if __name__ == "__main__":
    main()
