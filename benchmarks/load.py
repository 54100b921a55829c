"""How ``motionmusic recommend`` bears large catalogues and long files (docs/speed.md).

``python benchmarks/load.py PLACE [--tracks N …] [--hours H] [--out FILE.json]`` makes in the folder
PLACE tracks of three minutes, N of them and then more up to the next N, and with H one file of H
hours, and runs the command on each twice: time, and the most memory that it held. Each track is five of
180 pieces of mp3, 3 s each, joined in an order of its own, so its decoded length is real; the pieces'
spectra are such that those of tracks are about as far apart as real songs' are.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import av
import joblib
import numpy as np
from numpy.typing import NDArray

from motionmusic.data.synthetic import write_dances
from motionmusic.files import read_json, write_json

RATE = 44_100
PIECES, PIECE_S, TRACK_KINDS, TRACK_PIECES = 180, 3, 5, 60
WAVES = 0.3


def main() -> None:
    """Make the files, run, write and print."""
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("place", type=Path)
    given.add_argument("--tracks", type=int, nargs="*", default=[500])
    given.add_argument("--hours", type=float, default=0)
    given.add_argument("--out", type=Path)
    options = given.parse_args()
    place = options.place
    if not (place / "dances").exists():
        write_dances(place / "dances", pieces_per_type=1, seconds=30, seed=0)
    pieces = mp3_pieces(np.random.default_rng(0))
    result: dict[str, Any] = {
        "track_s": PIECE_S * TRACK_PIECES, "cores": joblib.cpu_count(), "runs": [],
    }  # fmt: skip

    def keep() -> None:
        print(result, flush=True)
        if options.out:  # also what is there when a later run is killed
            write_json(options.out, result)

    folder = place / "music"
    for count in options.tracks:
        new = write_tracks(folder, pieces, count)
        for heard in (new, 0):
            result["runs"].append({"new": heard} | run(place, folder))
            keep()
    if options.hours:
        folder = place / "long"
        write_long(folder / "long.mp3", pieces, options.hours)
        result |= {"hours": options.hours, "long": []}
        for _ in range(2):
            result["long"].append(run(place, folder))
            keep()


def mp3_pieces(random: np.random.Generator) -> list[bytes]:
    """Pieces of music of 3 s as mp3 without a header, to be joined."""
    pieces = []
    for _ in range(PIECES):
        time_s = np.arange(PIECE_S * RATE) / RATE
        beat_s = 60 / random.uniform(90, 150)
        notes = 220 * 2 ** (random.integers(0, 24, int(PIECE_S / beat_s) + 1) / 12)
        sound = np.sin(2 * np.pi * np.cumsum(notes[(time_s / beat_s).astype(int)]) / RATE)
        sound += random.normal(size=len(time_s)) * np.exp(-20 * (time_s % beat_s))
        sound = coloured(sound, random.normal(size=10))
        file = tempfile.NamedTemporaryFile(suffix=".mp3")  # noqa: SIM115
        with (
            file,
            av.open(file.name, "w", options={"write_xing": "0", "id3v2_version": "0"}) as out,
        ):
            stream = out.add_stream("libmp3lame", rate=RATE, layout="mono")
            stream.bit_rate = 32_000
            samples = (sound[None] / np.abs(sound).max() * 20_000).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
            frame.sample_rate = RATE
            resampler = av.AudioResampler("s16p", "mono", RATE, 1152)
            for part in [*resampler.resample(frame), *resampler.resample(None)]:
                out.mux(stream.encode(part))
            out.mux(stream.encode())
            out.close()
            pieces.append(Path(file.name).read_bytes())
    return pieces


def coloured(sound: NDArray[np.float64], heights: NDArray[np.float64]) -> NDArray[np.float64]:
    """The sound, log10 of its power changed by waves (10,) from 200 to 3,500 Hz."""
    hertz = np.fft.rfftfreq(len(sound), 1 / RATE)
    place = np.clip(np.log(np.maximum(hertz, 1) / 200) / np.log(3500 / 200), 0, 1)
    waves = np.cos(np.pi * np.outer(place, np.arange(1, 11)))
    return np.fft.irfft(np.fft.rfft(sound) * 10 ** (WAVES * waves @ heights / 2), len(sound))


def write_tracks(folder: Path, pieces: list[bytes], count: int) -> int:
    """Tracks of 60 pieces of five kinds, so that there are ``count``; how many are new."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{number:05}.mp3" for number in range(count)]
    new = [(number, file) for number, file in enumerate(files) if not file.exists()]
    for number, file in new:
        random = np.random.default_rng([1, number])
        kinds = random.choice(len(pieces), TRACK_KINDS, replace=False)
        file.write_bytes(b"".join(pieces[n] for n in random.choice(kinds, TRACK_PIECES)))
    return len(new)


def write_long(file: Path, pieces: list[bytes], hours: float) -> None:
    """One file of many hours."""
    file.parent.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(2)
    with file.open("wb") as out:
        for _ in range(round(hours * 3600 / PIECE_S)):
            out.write(pieces[random.integers(len(pieces))])


def run(place: Path, music: Path) -> dict[str, float]:
    """One run of the command: its seconds, its most memory, and what it found."""
    out = place / "out.json"
    command = [
        sys.executable, "-m", "motionmusic.app.cli", "recommend", place / "dances" / "DANCE_C_1",
        "--catalogue", music, "--out", out, "--force",
    ]  # fmt: skip
    environment = {**os.environ, "MOTIONMUSIC_CACHE": str(place / "cache")}
    start, before = time.perf_counter(), os.times()
    process = subprocess.Popen(list(map(str, command)), env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds, after = time.perf_counter() - start, os.times()
    if status:
        raise SystemExit(f"{command} ended with {status}")
    found = read_json(out, "see what it printed")["catalogue"]
    return {
        "seconds": seconds,
        "cpu_s": after.children_user + after.children_system
        - before.children_user - before.children_system,
        "memory_gib": usage.ru_maxrss / 2**20,
        "tracks": found["tracks"],
        "not_read": len(found["broken"]),
    }  # fmt: skip


if __name__ == "__main__":
    main()
