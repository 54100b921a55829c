"""Table 3's cells on a machine with PyTorch for CUDA and little else: no DVC, no network, no pydantic.

    python benchmarks/gpu.py pack TASK            # at home: data/gpu/pack.zip, which has to be carried
    bash benchmarks/gpu.sh SECONDS OUT            # there: tests, steps, then cells until the time is up
    python benchmarks/gpu.py bring OUT/cells.zip  # at home: results into data/ and metrics/

docs/training.md, "On a borrowed GPU". There, each cell is what its stage's script does, in a process of
its own, several side by side where that was measured to be faster. Weights stay there.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import io
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, NamedTuple
from zipfile import ZIP_DEFLATED, ZipFile

from motionmusic import errors
from motionmusic.errors import UserError
from motionmusic.files import write_bytes, write_json

ROOT = Path(__file__).resolve().parents[1]
PACK = Path("data/gpu/pack.zip")
MOST_MIB = 60  # of what is carried
SEEDS = 5  # as collaborative learning is judged over
PARTS = {"tests": 0.35, "steps": 0.4, "side": 0.15}  # of the time that is left, at most
TESTS = ("tests/training/test_cuda.py", "tests/training/test_device.py")
SIDE = 4  # cells at once that are tried
FORK = multiprocessing.get_context("fork")  # PyTorch is imported once, by the parent
ROOMS = ("src/motionmusic/features", "src/motionmusic/models", "src/motionmusic/training")
SCRIPTS = ("train_motion", "train_music", "train_longer", "cotrain")


class Cell(NamedTuple):
    """A training: its name, its stage's script and arguments, the cells that it goes on from."""

    name: str
    script: str
    given: tuple[str, ...]
    after: tuple[str, ...] = ()


def order(seed: int) -> Iterator[Cell]:
    """A seed's cells: first what the fused FC cell and its control need, merged inputs last."""
    s = str(seed)

    def together(kind: str, variant: str) -> Cell:
        after = (f"motion-{kind}-{s}", f"music-{s}")
        return Cell(f"cotrain-{kind}-{variant}-{s}", "cotrain", (kind, variant, s), after)

    def longer(kind: str) -> Cell:
        return Cell(f"longer-{kind}-{s}", "train_longer", (kind, s), (f"motion-{kind}-{s}",))

    def alone(kind: str) -> Cell:
        return Cell(f"motion-{kind}-{s}", "train_motion", (kind, s))

    two = ("joints", "bones")
    yield from map(alone, two)
    yield Cell(f"music-{s}", "train_music", (s,))
    yield from (together(kind, "fc") for kind in two)
    yield from map(longer, two)
    yield from (together(kind, variant) for variant in ("plain", "dropout") for kind in two)
    yield alone("merged")
    yield longer("merged")
    yield from (together("merged", variant) for variant in ("fc", "plain", "dropout"))


# At home, before


def pack(task: str) -> None:
    """The task's segments, byte by byte, and its checked parameters as one file."""
    from motionmusic import workspace
    from motionmusic.params import Epochs, Train, group

    folder = workspace.data(task, "segments")
    params = {
        name: group(model, name, task).model_dump()
        for name, model in (("train", Train), ("cotrain", Epochs))
    }
    workspace.about(task)  # is there and whole
    buffer = io.BytesIO()
    with ZipFile(buffer, "w", ZIP_DEFLATED) as file:
        file.writestr("pack.json", json.dumps({"task": task, "params": params}))
        for path in sorted(folder.iterdir()):
            file.write(path, str(path))
    if len(buffer.getvalue()) > MOST_MIB << 20:
        expected, got = f"at most {MOST_MIB} MiB", f"{len(buffer.getvalue()) >> 20} MiB"
        raise UserError(folder, "packed", expected, got, "take a task with fewer segments")
    write_bytes(PACK, buffer.getvalue())
    print(f"{PACK}: {task}, {len(buffer.getvalue()) / 2**20:.1f} MiB")


# There


def stand_in(params: dict[str, Any]) -> None:
    """Parameters as they were checked when they were packed: their reader needs pydantic and YAML."""

    class Row(SimpleNamespace):
        def model_dump(self) -> dict[str, Any]:
            return dict(vars(self))

    def kind(name: str) -> Any:  # of annotations
        if name.startswith("_"):
            raise AttributeError(name)
        return Any

    module: Any = ModuleType("motionmusic.params")
    module.group = lambda model, name, task: Row(**params[name])
    module.__getattr__ = kind
    sys.modules["motionmusic.params"] = module
    try:
        importlib.import_module("pydantic")
    except ModuleNotFoundError:
        pydantic: Any = ModuleType("pydantic")
        pydantic.TypeAdapter = lambda of: SimpleNamespace(validate_python=lambda row: of(**row))
        sys.modules["pydantic"] = pydantic


def start(log: Path, work: Callable[..., object], *given: object) -> BaseProcess:
    """Work in a process of its own whose words go to ``log``; it ends with this one."""

    def quietly() -> None:
        with log.open("a") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        for stream in (sys.stdout, sys.stderr):  # what is said last stays where it is killed
            stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]
        work(*given)

    process = FORK.Process(target=quietly, daemon=True)
    process.start()
    return process


def end(process: BaseProcess, seconds: float) -> bool:
    """Wait so long for a process, then end it; whether it ended well."""
    process.join(max(0.0, seconds))
    if process.is_alive():
        process.terminate()
        process.join(3)
        process.kill()
        process.join()
    return process.exitcode == 0


def leave_service() -> None:
    """Leave NVIDIA's service: a process that is ended while it computes could stop the others there."""
    os.environ.pop("CUDA_MPS_PIPE_DIRECTORY", None)


def tests() -> None:
    """What can only be tested on CUDA, and the choice of device."""
    import pytest

    leave_service()
    paths = [str(ROOT / path) for path in TESTS]
    where = ["--noconftest", f"--rootdir={ROOT}", f"--config-file={ROOT / 'pyproject.toml'}"]
    os.environ.pop("MOTIONMUSIC_DEVICE", None)
    status = pytest.main([*where, "-o", "addopts=", "-p", "no:cacheprovider", "-v", "-rs", *paths])
    sys.stdout.flush()
    os._exit(int(status))


def trained(cell: Cell, task: str) -> None:
    """What the stage does; a user's mistake is an exception here, which goes to the log."""
    print(cell.name)
    checkpoint: Any = importlib.import_module("motionmusic.training.checkpoint")
    checkpoint.Store.due = lambda store, last: False  # nobody goes on from one there
    if "NO_GRAPH" in os.environ:  # where capturing fails, nothing that draws at random can go on
        loop: Any = importlib.import_module("motionmusic.training.loop")
        loop.Captured = lambda step: step
    importlib.import_module(cell.script).main([task, *cell.given])


def results(task: str, ended: Sequence[Cell]) -> bytes:
    """Predictions, curves and records of cells, and of what code and segments they are; no weights."""
    from motionmusic import workspace

    buffer = io.BytesIO()
    with ZipFile(buffer, "w", ZIP_DEFLATED) as file:
        made = {"task": task, "inputs": inputs(task), "cells": [cell.name for cell in ended]}
        file.writestr("made.json", json.dumps(made))
        for cell in ended:
            for name in ("predictions.parquet", "history.csv"):
                path = workspace.cell(task, cell.name, name)
                if path.exists():  # music has no predictions
                    file.write(path, str(path))
            record = workspace.metrics(task, "runs", f"{cell.name}.json")
            file.write(record, str(record))
    return buffer.getvalue()


def inputs(task: str) -> dict[str, str]:
    """SHA-256 of all that decides what a cell computes: the code's files and the segments'."""
    from motionmusic import workspace

    code = [*(path for room in ROOMS for path in (ROOT / room).glob("*.py"))]
    code += [ROOT / "stages" / f"{name}.py" for name in SCRIPTS]
    files = {path.relative_to(ROOT).as_posix(): path for path in code}
    files |= {path.as_posix(): path for path in workspace.data(task, "segments").iterdir()}
    return {name: hashlib.sha256(files[name].read_bytes()).hexdigest() for name in sorted(files)}


def cells(task: str, out: Path, until: float, side: int) -> list[Cell]:
    """Train one after the other, ``side`` at once, while there is time; those that ended."""
    started = time.monotonic()
    waiting = [cell for seed in range(SEEDS) for cell in order(seed)]
    running: dict[Cell, tuple[BaseProcess, float]] = {}
    ended: list[Cell] = []
    took: dict[str, float] = {}
    while True:
        now = time.monotonic()
        for cell, (process, since) in list(running.items()):
            if process.is_alive() and now < until:
                continue
            del running[cell]
            if end(process, 0):
                ended.append(cell)
                took[cell.script] = now - since
                write_bytes(out / "cells.zip", results(task, ended))
                said = f"done in {now - since:.1f} s"
            else:
                said = "out of time" if now >= until else "FAILED, see log.txt"
            print(f"{now - started:6.1f} s  {cell.name} {said}", flush=True)
        names = {cell.name for cell in ended}
        able = [
            cell
            for cell in waiting
            if names.issuperset(cell.after) and now + took.get(cell.script, 0) < until
        ]
        for cell in able[: side - len(running)]:
            waiting.remove(cell)
            running[cell] = start(out / "log.txt", trained, cell, task), now
        if not running:
            return ended
        time.sleep(0.05)


def run(seconds: float, out: Path, parts: Sequence[str], side: int | None) -> None:
    """All of it, each part in processes of its own, so that none stops the next."""
    until = time.monotonic() + seconds
    out = out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    work = PACK.parent.resolve() / "work"
    work.mkdir(parents=True, exist_ok=True)
    with ZipFile(PACK) as file:
        packed = json.loads(file.read("pack.json"))
        file.extractall(work)
    os.chdir(work)  # the results of another machine never mix with DVC's
    stand_in(packed["params"])
    for name in SCRIPTS:
        importlib.import_module(name)
    compare = "cells" in parts and side is None
    gpu_steps: Any = None
    if "steps" in parts or compare:
        try:
            gpu_steps = importlib.import_module("gpu_steps")
        except ImportError as error:  # it needs more packages than the cells do
            print(f"nothing is measured: {error}", flush=True)
            parts, compare = [part for part in parts if part != "steps"], False
    width = packed["params"]["train"]["width"]

    def steps() -> None:
        leave_service()
        gpu_steps.measure(width, out)

    works = {"tests": tests, "steps": steps}
    for part in [part for part in works if part in parts]:
        began, log = time.monotonic(), out / f"{part}.txt"
        well = end(start(log, works[part]), PARTS[part] * (until - began))
        said = "done" if well else "FAILED or out of time"
        print(f"{part}: {said}, {time.monotonic() - began:.0f} s, see {log.name}", flush=True)
    if compare:
        limit = min(gpu_steps.LONGEST_S, PARTS["side"] * (until - time.monotonic()))
        rates = {n: gpu_steps.at_once(n, width, out / "log.txt", limit) for n in (1, SIDE)}
        write_json(out / "at_once.json", rates)
        side = max(rates, key=lambda n: (rates[n], n))  # several where none could be measured
        print(f"{side} cells at once, of steps per second by processes {rates}", flush=True)
    ended = cells(packed["task"], out, until, side or SIDE) if "cells" in parts else []
    print(f"{len(ended)} cells ended")


# At home, after


def bring(path: Path) -> None:
    """Put results where DVC expects them. Raises UserError where they are of other code or data."""
    from motionmusic import workspace
    from motionmusic.training.cell import git_revision

    with ZipFile(path) as file:
        made = json.loads(file.read("made.json"))
        task = made["task"]
        here = inputs(task)
        for name in sorted(here.keys() | made["inputs"].keys()):
            if here.get(name) != made["inputs"].get(name):
                raise UserError(
                    path, name, "made of the same file as here", "another one",
                    "check out the commit that it was made at, or train again",
                )  # fmt: skip
        for name in made["cells"]:
            if (folder := workspace.cell(task, name)).exists():
                remedy = "remove it to take the one that was brought"
                raise UserError(folder, "", "no such folder", "one", remedy)
        for name in made["cells"]:
            for part in ("predictions.parquet", "history.csv"):
                target = workspace.cell(task, name, part)
                if str(target) in file.namelist():
                    write_bytes(target, file.read(str(target)))
            record = workspace.metrics(task, "runs", f"{name}.json")
            value = json.loads(file.read(str(record)))
            # there is no git there; what decides the numbers is what this commit has
            write_json(record, value | {"git": git_revision()})
    seeds = sorted({int(name.rsplit("-", 1)[1]) for name in made["cells"]})
    print(f"# with seeds: {seeds} in params.yaml")
    stages = [f"pipeline/task/{task}/dvc.yaml:{stage_of(name)}" for name in made["cells"]]
    print("dvc commit --force " + " \\\n  ".join(stages))


def stage_of(cell: str) -> str:
    """motion-joints-0 → train_motion@joints-0."""
    kind, _, rest = cell.partition("-")
    return f"{kind if kind == 'cotrain' else f'train_{kind}'}@{rest}"


def main(given: Sequence[str]) -> None:
    """gpu.py pack TASK | run SECONDS OUT [--parts …] [--side N] | bring FILE."""
    parser = argparse.ArgumentParser(description="Table 3's cells on a borrowed GPU.")
    works = parser.add_subparsers(required=True, dest="work")
    works.add_parser("pack", help="write what has to be carried").add_argument("task")
    one = works.add_parser("run", help="there: as much as there is time for")
    one.add_argument("seconds", type=float)
    one.add_argument("out", type=Path)
    one.add_argument("--parts", default="tests,steps,cells", help="default: %(default)s")
    one.add_argument("--side", type=int, help="cells at once; default: what was measured")
    works.add_parser("bring", help="put results in their place").add_argument("file", type=Path)
    asked = parser.parse_args(given)
    if asked.work == "pack":
        pack(asked.task)
    elif asked.work == "bring":
        bring(asked.file)
    else:
        run(asked.seconds, asked.out, asked.parts.split(","), asked.side)


if __name__ == "__main__":
    errors.run(main)
