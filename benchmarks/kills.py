"""kill −9 at random moments of every kind of work: what goes on afterwards ends with the same bytes.

    python benchmarks/kills.py                 # metrics/reliability/kills.json

Small synthetic dances go through download, training, co-training, matching, a catalogue and a video,
each by the code that stages and commands run. Each is done once in peace, then again and again: its
outputs are removed as DVC does, it is killed a few times at moments that a generator chooses, each
run going on from where the last one died, and then it may end. Three things are counted: kills,
outputs that differ, and files that had their final name without their final bytes at a kill.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import json
import multiprocessing
import os
import random
import runpy
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

import yaml

ROOT = Path(__file__).resolve().parents[1]
FORK = multiprocessing.get_context("fork")  # torch and librosa are imported once, by the parent
KILLS_A_ROUND = 4
FILES, BYTES = 8, 400_000  # of the download
TASK = "data/synthetic"
DANCE = f"{TASK}/raw/DANCE_C_1"


class Job(NamedTuple):
    """A piece of work, what it leaves, and what its interrupted runs leave besides."""

    work: Callable[[], None]
    outputs: tuple[str, ...]
    besides: tuple[str, ...] = ()


def stage(name: str, *given: str) -> None:
    """What `python stages/NAME.py` does, with a checkpoint after every epoch."""
    from motionmusic.training import checkpoint

    init = checkpoint.Store.__init__

    def eager(store: checkpoint.Store, folder: Path, name: str) -> None:
        init(store, folder, name, 0.0, float("inf"))

    checkpoint.Store.__init__ = eager  # type: ignore[assignment,method-assign]
    sys.argv = [name, *given]
    runpy.run_path(str(ROOT / "stages" / f"{name}.py"), run_name="__main__")


def command(*given: str) -> None:
    """What `motionmusic …` does."""
    from motionmusic.app import cli

    sys.argv = ["motionmusic", *given]
    cli.main()


def download(url: str, folder: str) -> None:
    """Fetch a repository's files from a server, as the stage download does."""
    from motionmusic.data import fetch
    from motionmusic.data.manifest import Entry, Manifest, blob_id

    os.environ.pop("MOTIONMUSIC_MIRROR", None)
    fetch.SERVER = url
    there = Path(folder) / "owner/name/commit"
    entries = [Entry(f.name, blob_id(f), f.stat().st_size) for f in sorted(there.iterdir())]
    fetch.fetch(
        Manifest("owner", "name", "commit", tuple(entries)), entries, Path("data/downloads")
    )


def serve(folder: str, port: multiprocessing.Queue[int]) -> None:
    """A slow server of a folder: 6 MB a second for each file."""

    class Handler(SimpleHTTPRequestHandler):
        def copyfile(self, source: object, outputfile: object) -> None:
            with suppress(ConnectionError):  # whoever asked is dead
                while block := source.read(1 << 17):  # type: ignore[attr-defined]
                    outputfile.write(block)  # type: ignore[attr-defined]
                    time.sleep(0.02)

        def log_message(self, format: str, *args: object) -> None:
            pass

    handler = functools.partial(Handler, directory=folder)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    port.put(server.server_port)
    server.serve_forever()


def started(job: Job) -> multiprocessing.process.BaseProcess:
    """A process at work."""
    process = FORK.Process(target=_quietly, args=(job.work,))
    process.start()
    return process


def _quietly(work: Callable[[], None]) -> None:
    log = os.open("log.txt", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    work()


def bytes_of(names: tuple[str, ...]) -> dict[str, str]:
    """The digest of every file below the outputs that has a final name."""
    files = [
        file
        for name in names
        for file in ([Path(name)] if Path(name).is_file() else sorted(Path(name).rglob("*")))
        if file.is_file() and not any(part.startswith(".") for part in file.parts)
    ]
    return {str(file): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def remove(names: tuple[str, ...]) -> None:
    """Take outputs away, as DVC does before it runs a stage."""
    for path in map(Path, names):
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def finish(job: Job) -> float:
    """Seconds of one run to its end."""
    begin, process = time.monotonic(), started(job)
    process.join()
    if process.exitcode != 0:
        raise SystemExit(
            f"{job.outputs}: exit status {process.exitcode}\n{Path('log.txt').read_text()}"
        )
    return time.monotonic() - begin


def tried(job: Job, kills: int, chance: random.Random) -> dict[str, float]:
    """Kill a job so many times; what was counted."""
    seconds = finish(job)
    expected = bytes_of(job.outputs)
    assert expected, job.outputs
    found = {"kills": 0, "rounds": 0, "differing": 0, "half_written": 0}
    while found["kills"] < kills:
        remove(job.outputs + job.besides)
        for _ in range(KILLS_A_ROUND):
            process = started(job)
            process.join(chance.uniform(0, seconds))
            if process.exitcode is None:
                process.kill()
                process.join()
                found["kills"] += 1
                there = bytes_of(job.outputs)
                found["half_written"] += len(there.items() - expected.items())
            if found["kills"] == kills:
                break
        finish(job)
        ended = bytes_of(job.outputs)
        found["differing"] += len(dict(ended.items() ^ expected.items()))
        found["rounds"] += 1
    return found | {"outputs": len(expected), "seconds": round(seconds, 2)}


def prepare() -> None:
    """params.yaml of a small task, its segments, and libraries that take long to wake up."""
    params = yaml.safe_load((ROOT / "params.yaml").read_text("utf-8"))
    params["corpora"]["synthetic"] |= {"pieces_per_type": 3, "seconds": 11.0}
    params["segment"]["synthetic"]["excerpts"] = "all"
    params["train"]["synthetic"] |= {"width": 4, "epochs": 4}
    params["cotrain"]["synthetic"]["epochs"] = 4
    params["match"] |= {"size": 8, "epochs": 8}
    Path("params.yaml").write_text(yaml.safe_dump(params))
    import torch

    from motionmusic.app import recommender  # noqa: F401
    from motionmusic.features.beats import music_beats
    from motionmusic.streams import stream

    torch.set_num_threads(1)
    music_beats(stream(0, "noise").normal(size=50_000), 12_800)


def main() -> None:
    """Kill, count, print and write."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--kills", type=int, default=102, help="over all kinds of work")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    default = ROOT / "metrics" / "reliability" / "kills.json"
    parser.add_argument("--out", type=Path, default=default)
    asked = parser.parse_args()
    out = asked.out.resolve()
    begin, chance = time.monotonic(), random.Random(asked.seed)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        os.environ |= {"MOTIONMUSIC_CACHE": f"{folder}/cache", "MOTIONMUSIC_DEVICE": "cpu"}
        prepare()
        source = Path("server/owner/name/commit")
        source.mkdir(parents=True)
        for number in range(FILES):
            (source / f"{number}.bin").write_bytes(random.Random(number).randbytes(BYTES))
        port: multiprocessing.Queue[int] = FORK.Queue()
        server = FORK.Process(target=serve, args=(f"{folder}/server", port), daemon=True)
        server.start()
        url = f"http://127.0.0.1:{port.get()}"

        def cell(*given: str) -> Job:
            name = "-".join([given[0].removeprefix("train_"), *given[2:]])
            run = functools.partial(stage, *given)
            return Job(run, (f"{TASK}/cells/{name}",), (f"{TASK}/checkpoints",))

        done = (
            ("download", "synthetic"), ("joints", "synthetic"), ("bones", "synthetic"),
            ("merge", "synthetic"), ("music", "synthetic"), ("segment", "synthetic", "synthetic"),
        )  # fmt: skip
        for each in done:
            finish(Job(functools.partial(stage, *each), each))
        train = cell("train_motion", "synthetic", "joints", "0")
        cotrain = cell("cotrain", "synthetic", "joints", "fc", "0")
        match = ("match", "synthetic", "contrastive", "0")
        recommend = (
            "recommend", DANCE, "--method", "contrastive", "--catalogue", f"{TASK}/raw", "--out",
            "r.json", "--force",
        )  # fmt: skip
        jobs = {
            "download": Job(
                functools.partial(download, url, f"{folder}/server"), ("data/downloads",)
            ),
            "train": train,
            "co-train": cotrain,
            "match": Job(
                functools.partial(stage, *match),
                (f"{TASK}/matchers/contrastive-0", f"{TASK}/matches/contrastive-0.parquet"),
            ),
            "catalogue": Job(functools.partial(command, *recommend), ("r.json",), ("cache",)),
            "render": Job(
                functools.partial(command, "render", DANCE, "a.mp4", "--force"), ("a.mp4",)
            ),
        }
        others = (cell("train_music", "synthetic", "0"),
                  cell("train_motion", "synthetic", "bones", "0"),
                  cell("cotrain", "synthetic", "bones", "fc", "0"))  # fmt: skip
        finish(others[0])
        found: dict[str, dict[str, float]] = {}
        for number, (name, job) in enumerate(jobs.items()):
            if name == "match":
                finish(others[1])
                finish(others[2])
            share = (asked.kills - sum(int(of["kills"]) for of in found.values())) // (
                len(jobs) - number
            )
            found[name] = tried(job, share, chance)
            print(name, found[name], flush=True)
        server.kill()
        os.chdir(ROOT)
    total = {key: sum(of[key] for of in found.values())
             for key in ("kills", "rounds", "differing", "half_written")}  # fmt: skip
    print(total, f"{time.monotonic() - begin:.0f} s")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps({"seed": asked.seed, "total": total, "work": found}, indent=2) + "\n")


if __name__ == "__main__":
    main()
