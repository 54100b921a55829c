"""Time and memory of every stage against the number of dances, and of `recommend` against that of tracks.

    python benchmarks/growth.py stages 12 100 [1000 --but train_motion,cotrain]
    python benchmarks/growth.py tracks 1000 10000 100000
    python benchmarks/growth.py draw

Synthetic dances of 12 s in a folder that is removed again. Each stage's script runs in a process of its
own that has everything imported; counted are its seconds of work, whatever else the machine does, and
the most memory that it adds. Trainings have one epoch. Tracks are files of one sample, whose codes are
made up; counted is what `recommend` does with codes that it has. In results/growth.json every count keeps
its latest run; an exponent is log(ratio of costs) / log(ratio of counts) of the two largest.
"""

from __future__ import annotations

import argparse
import importlib
import json
import math
import os
import resource
import struct
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import yaml
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from motionmusic import errors, workspace
from motionmusic.app import catalogue
from motionmusic.app.same_sound import Fingerprint, same_pairs
from motionmusic.files import Float32, read_json, write_bytes, write_json
from motionmusic.predictions import make_predictions, write_predictions
from motionmusic.results import figures
from motionmusic.results.table import grid
from motionmusic.scoring.recommend import top_tracks
from motionmusic.streams import stream

ROOT = Path(__file__).resolve().parents[1]
FILE = ROOT / "benchmarks/results/growth.json"
TASK = "synthetic"
MOST_FILES = 10_000
STAGES = (
    "download synthetic", "joints synthetic", "bones synthetic", "merge synthetic", "music synthetic",
    "beats synthetic", "keypoints synthetic", "segment synthetic synthetic", "leakage synthetic",
    "train_motion synthetic joints 0", "train_music synthetic 0", "train_longer synthetic joints 0",
    "cotrain synthetic joints fc 0", "baseline synthetic 0", "evaluate synthetic", "tables synthetic",
    "clip synthetic", "report synthetic short", "synchrony synthetic 0", "match synthetic synchrony 0",
)  # fmt: skip


def parameters(dances: int) -> dict[str, Any]:
    """params.yaml with so many synthetic dances, and one epoch of everything."""
    params = cast(dict[str, Any], yaml.safe_load((ROOT / "params.yaml").read_text("utf-8")))
    params["corpora"][TASK] |= {"pieces_per_type": dances // 4, "seconds": 12.0}
    params["segment"][TASK]["excerpts"] = "all"
    params["train"][TASK] |= {"width": 4, "batch": 36, "epochs": 1}
    params["cotrain"][TASK]["epochs"] = params["synchrony"][TASK]["epochs"] = 1
    return params


def cost(work: Callable[[], object]) -> dict[str, float] | None:
    """Seconds of work and MiB added, of a process of its own; None where it fails."""
    nothing = used_by(lambda: None)
    used = used_by(work)
    if nothing is None or used is None:
        return None
    mib = (used.ru_maxrss - nothing.ru_maxrss) / 1024
    return {"s": used.ru_utime + used.ru_stime, "mib": max(0.0, mib)}


def used_by(work: Callable[[], object]) -> resource.struct_rusage | None:
    """What a process uses; None where it fails."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
        finally:
            os._exit(status)
    _, status, used = os.wait4(child, 0)
    return None if status else used


def keep(group: str, count: int, name: str, found: dict[str, float] | None) -> None:
    """Put a measurement into the file, and say it."""
    print(f"{group} {count} {name}: {found}", flush=True)
    whole = json.loads(FILE.read_bytes()) if FILE.exists() else {}
    if found is not None:
        whole.setdefault(group, {}).setdefault(name, {})[str(count)] = found
        write_json(FILE, whole)


def stages(counts: Sequence[int], but: Sequence[str]) -> None:
    """All stages for each number of dances, but those that are left out."""
    names = [name for name in STAGES if name.split()[0] not in but]
    modules = {name: importlib.import_module(name.split()[0]) for name in names}
    os.environ["MOTIONMUSIC_DEVICE"] = "cpu"
    for count in counts:
        with tempfile.TemporaryDirectory() as place:
            os.chdir(place)
            Path("params.yaml").write_text(yaml.safe_dump(parameters(count)))
            for name, module in modules.items():
                if name.startswith("evaluate"):
                    cost(make_up_cells)
                keep("stages", count, name.split()[0], cost(partial(module.main, name.split()[1:])))
            os.chdir(ROOT)


def make_up_cells() -> None:
    """Predictions of the cells that were not trained: noise."""
    from motionmusic.scoring.evaluation import cell_files, is_network

    index = workspace.read_index(TASK)
    rows = index[index["split"].isin(["validation", "test"])].reset_index(drop=True)
    random = stream(0, "growth")
    for cell, (file,) in cell_files(workspace.data(TASK, "cells"), [0]).items():
        if is_network(cell) and not file.exists():
            write_predictions(
                file, make_predictions(TASK, rows, random.normal(size=(len(rows), 4)))
            )


def tracks(counts: Sequence[int]) -> None:
    """`recommend` with codes that are there: index, the same recordings among the tracks, search."""
    for count in counts:
        keep("tracks", count, "same recordings", cost(partial(same_recordings, count)))
        vectors = np.random.default_rng(0).normal(size=(count, 64)).astype(np.float32)
        keep("tracks", count, "search", cost(partial(search, vectors)))
        if count > MOST_FILES:
            continue
        with tempfile.TemporaryDirectory() as name:
            place = Path(name)
            for number in range(count):
                file = place / f"music/{number % 1000:03}/{number}.wav"
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(one_sample(number))
            ear = catalogue.Ear({}, "made up", made_up)
            index = partial(catalogue.heard, place / "music", ear, place / "cache")
            keep("tracks", count, "index, first", cost(index))
            keep("tracks", count, "index, again", cost(index))


def same_recordings(count: int) -> None:
    """Look for them where there are none."""
    sounds = [sound_of(stream(0, number)) for number in range(count)]
    spectra = np.stack([sound.spectrum for sound in sounds])
    same_pairs(spectra, np.full(count, 180.0), sounds.__getitem__, np.ones(count, bool))


def search(vectors: Float32) -> None:
    """The three nearest of all."""
    top_tracks(vectors @ vectors[0], 3)


def made_up(digest: str, file: Path) -> catalogue.Encoded:
    """Codes of three minutes of music that nobody heard."""
    random = stream(0, digest)
    codes = random.normal(size=(20, 64)).astype(np.float32)
    starts_s = 9.0 * np.arange(20, dtype=np.float64)
    return catalogue.Encoded(codes, starts_s, 180.0, 120.0, sound_of(random))


def sound_of(random: np.random.Generator) -> Fingerprint:
    """Of three minutes; the mean spectrum is ten waves, as far from others as real songs' are."""
    bits = random.integers(2**32, size=(2, 1796), dtype=np.uint32)
    waves = np.cos(np.pi * np.outer(np.arange(1, 11), np.arange(33) + 0.5) / 33)
    spectrum = (0.15 * random.normal(size=10) @ waves).astype(np.float32)
    return Fingerprint(random.bytes(32), bits[0], bits[1], spectrum)


def one_sample(number: int) -> bytes:
    """A WAV file of its own content."""
    head = b"RIFF" + struct.pack("<I", 40) + b"WAVEfmt "
    return head + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 32000, 4, 32) + b"data" + struct.pack(
        "<Ii", 4, number
    )  # fmt: skip


def exponent(of: dict[str, dict[str, float]], kind: str) -> float:
    """Between the two largest counts."""
    low, high = sorted(map(int, of))[-2:]
    a, b = of[str(low)][kind], of[str(high)][kind]
    return math.log(b / a) / math.log(high / low) if min(a, b) > 0 else float("nan")


def draw() -> None:
    """Seconds and MiB against the count, both axes logarithmic; the exponents as Markdown."""
    found = read_json(FILE, "measure first")
    figure = Figure(figsize=(11, 5.2), dpi=150, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    panels = (("s", "seconds of work", 1.13), ("mib", "MiB added", 1.1))
    for axes, (kind, unit, apart) in zip(figure.subplots(1, 2), panels, strict=True):
        ends = []
        for name, of in found["stages"].items():
            counts = sorted(map(int, of))
            values = [of[str(n)][kind] for n in counts]
            if len(counts) > 1:
                line = axes.plot(counts, values, "o-", lw=1, ms=3)[0]
                ends.append((values[-1], counts[-1], name, line.get_color()))
        axes.set(xscale="log", yscale="log", xlabel="dances of 12 s")
        axes.set_title(unit, loc="left", fontsize=11)
        axes.set_xlim(right=5 * axes.get_xlim()[1])
        height = 0.0
        for value, count, name, colour in sorted(ends):  # names do not lie on each other
            height = max(value, apart * height)
            axes.annotate(name, (count, height), (6, 0), textcoords="offset points", fontsize=8,
                          va="center", color=colour)  # fmt: skip
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,g}"))
            axis.set_minor_formatter(NullFormatter())
        axes.spines[["top", "right"]].set_visible(False)
    write_bytes(FILE.with_suffix(".png"), figures.png(figure))
    head = ["what", "dances or tracks", "seconds", "exponent", "MiB"]
    print(grid(head, rows_of(found)))


def rows_of(found: dict[str, Any]) -> list[list[str]]:
    """Of each stage and part the counts, seconds and MiB of the two largest, and the exponent."""
    rows = []
    for name, of in (found["stages"] | found["tracks"]).items():
        if len(of) > 1:
            low, high = sorted(map(int, of))[-2:]
            seconds = " → ".join(f"{of[str(n)]['s']:.2f}" for n in (low, high))
            rows.append([name, f"{low:,} → {high:,}", seconds, f"{exponent(of, 's'):.2f}",
                         f"{of[str(high)]['mib']:.0f}"])  # fmt: skip
    return rows


def main(given: Sequence[str]) -> None:
    """growth.py stages N … [--but NAME,…] | tracks N … | draw."""
    parser = argparse.ArgumentParser(description="Cost against the number of dances and tracks.")
    parser.add_argument("what", choices=("stages", "tracks", "draw"))
    parser.add_argument("counts", type=int, nargs="*")
    parser.add_argument("--but", default="", help="stages that are left out, by their scripts")
    asked = parser.parse_args(given)
    if asked.what == "stages":
        stages(asked.counts, asked.but.split(","))
    elif asked.what == "tracks":
        tracks(asked.counts)
    else:
        draw()


if __name__ == "__main__":
    errors.run(main)
