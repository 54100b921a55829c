"""Independent stages at once: on all cores, on several GPUs, on a cluster. Linux only.

``python -m motionmusic.app.schedule TARGET… [--workers N] [--gpus 0,1] [--keep-going]`` does what
``dvc repro TARGET…`` does, with several stages side by side; ``--scheduler ADDRESS`` runs them on a
Dask cluster whose workers see this folder under the same path.

- DVC says what needs what and what is up to date, and runs each stage
  (:mod:`motionmusic.app.schedule_worker`). It keeps its lock only while no command runs.
- A stage is sent only to a worker that is free now, those with the longest chain behind them first:
  nothing queues behind a long training, and after a failure nothing has to be called back.
- A worker with a GPU takes one stage at a time, one that says ``meta: {gpu: true}``.
- Where a worker dies its stage is run again, three times in all.
- Once the stages that always run have run, DVC is asked again what else there is to do, and at the
  end once more: nothing may be left.
"""

from __future__ import annotations

import argparse
import logging
import os
import queue
import signal
import sys
import time
import uuid
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from motionmusic.app.schedule_worker import (
    DASK_SETS,
    END_SECONDS,
    end_stages,
    interrupt,
    log_of,
    run_stage,
)
from motionmusic.errors import UserError, run

STATES = ("running", "failed", "waiting", "done", "cached")
READY = ("done", "cached")  # a stage can start when all that it needs is one of these
ATTEMPTS = 3  # so often is a stage begun where workers die
POLL_SECONDS = 0.5
CONNECT_SECONDS = 10.0


@dataclass
class Stage:
    """A stage of a dvc.yaml on its way."""

    name: str  # what DVC calls it
    needs: frozenset[str] = frozenset()
    chain: int = 0  # the longest chain of stages that wait for it
    gpu: bool = False  # whether it wants one
    always: bool = False  # whether it runs even where nothing changed
    target: bool = False  # whether it was asked for by name
    state: str = "waiting"
    worker: str = ""
    attempts: int = 0
    label: str = ""  # [k of n] and its short name
    started: float = 0.0
    future: Any = None
    tail: str = ""


class Worker(NamedTuple):
    """Where stages run."""

    slots: int  # stages at once
    gpu: bool = False
    name: str = ""  # said of a stage that runs there
    host: str = ""
    own: Mapping[str, str] = {}  # what its stages have in their environment


def plan(targets: Sequence[str], ran: Collection[str] = ()) -> dict[str, Stage]:
    """The targets and all that they need; cached where nothing has to run. Raises UserError.

    Args:
        targets: what DVC calls the stages, a matrix without @ for all of it.
        ran: stages that have run just now, so need not even if they always do.
    """
    import networkx
    from dvc.exceptions import DvcException
    from dvc.lock import LockError
    from dvc.repo import Repo, lock_repo
    from dvc.repo.reproduce import collect_stages, get_active_graph

    if not Path("dvc.yaml").exists():
        raise UserError(
            "dvc.yaml", "", "a pipeline in this folder", "no such file", "go to the repository's root"
        )  # fmt: skip
    stages: dict[str, Stage] = {}
    try:
        with Repo(_wait_for_lock=True) as repo, lock_repo(repo):
            graph = get_active_graph(repo.index.graph)
            wanted = collect_stages(repo, targets)
            chosen = set(wanted).union(*(networkx.descendants(graph, stage) for stage in wanted))
            order = list(networkx.topological_sort(graph.subgraph(chosen)))  # the targets first
            chain = dict.fromkeys(order, 0)
            for stage in order:
                for need in graph.successors(stage):
                    chain[need] = max(chain[need], chain[stage] + 1)
            for stage in reversed(order):
                name = stage.addressing
                needs = frozenset(need.addressing for need in graph.successors(stage))
                always = stage.always_changed or stage.is_callback
                new = stages[name] = Stage(
                    name, needs, chain[stage], bool((stage.meta or {}).get("gpu")), always,
                    stage in wanted,
                )  # fmt: skip
                # what needs a stage that runs is left to DVC once that has run
                with suppress(LockError):
                    if all(stages[need].state == "cached" for need in needs):
                        cached = (always and name in ran) or not stage.changed()
                        new.state = "cached" if cached else "waiting"
    except DvcException as error:
        raise UserError(
            "dvc.yaml", " ".join(targets), "stages that DVC can find", str(error),
            "`dvc stage list --all` shows their names",
        ) from error  # fmt: skip
    return stages


def can_start(stages: dict[str, Stage]) -> list[Stage]:
    """The stages that have all that they need, the longest chain first."""
    found = [stage for stage in stages.values() if stage.state == "waiting"
             and all(stages[need].state in READY for need in stage.needs)]  # fmt: skip
    return sorted(found, key=lambda stage: -stage.chain)


def place(
    stages: dict[str, Stage], workers: dict[str, Worker], need_gpu: bool
) -> list[tuple[Stage, str]]:
    """(a stage that can start, a free worker), the longest chain first.

    Where ``need_gpu``, stages that want a GPU go to workers with one only; the others to those
    without, where there are any.
    """
    gpus = {address for address, worker in workers.items() if worker.gpu}
    free = Counter({address: worker.slots for address, worker in workers.items()})
    free.subtract(stage.worker for stage in stages.values() if stage.state == "running")
    placed = []
    for stage in can_start(stages):
        fit = gpus if need_gpu and stage.gpu else workers.keys() - gpus or gpus
        address = max(fit, key=lambda address: free[address], default="")
        if free[address] > 0:
            free[address] -= 1
            placed.append((stage, address))
    return placed


class Local:
    """The workers of this machine: threads, each of which waits for a stage's process."""

    def __init__(self, workers: int, gpus: Sequence[str]) -> None:
        self._threads = ThreadPoolExecutor(workers + len(gpus))
        # beside leased GPUs the other stages see none
        self._workers = {"": Worker(workers, own={"CUDA_VISIBLE_DEVICES": ""} if gpus else {})}
        for gpu in gpus:
            own = {"CUDA_VISIBLE_DEVICES": gpu}
            self._workers[f"gpu {gpu}"] = Worker(1, True, f"gpu {gpu}", own=own)

    def workers(self) -> dict[str, Worker]:
        return self._workers

    def submit(self, worker: str, *arguments: Any) -> Any:
        """The future of :func:`run_stage` there."""
        return self._threads.submit(run_stage, *arguments)

    def end(self, run_id: str) -> None:
        end_stages(run_id)


class Cluster:
    """The workers of a Dask scheduler. Raises UserError where it does not answer."""

    def __init__(self, scheduler: str) -> None:
        distributed: Any = import_module("distributed")  # whose classes have no types
        for name in ("distributed", "distributed.client"):  # errors are said here
            logging.getLogger(name).setLevel(logging.CRITICAL)
        try:
            self._client = distributed.Client(scheduler, timeout=CONNECT_SECONDS)
        except (OSError, ValueError) as error:
            raise UserError(
                "--scheduler", scheduler, "the address of a running Dask scheduler", str(error),
                "start it and give the address that it prints, such as tcp://HOST:8786",
            ) from error  # fmt: skip

    def workers(self) -> dict[str, Worker]:
        """Those that the scheduler has now; none while the connection to it is made again."""
        status = self._client.status
        if status not in ("running", "connecting"):
            raise UserError(
                "the scheduler", "", "an answer", "no connection to it any more",
                "start it and give the same command again; what is done stays done",
            )  # fmt: skip
        found = {}
        for address, worker in self._client.scheduler_info()["workers"].items():
            gpu = bool(worker["resources"].get("GPU"))
            slots = 1 if gpu else int(worker["nthreads"])
            name = str(worker["name"])
            closing = worker.get("status", "running") != "running"
            found[address] = Worker(0 if closing else slots, gpu, name, worker["host"])
        return found if status == "running" else {}

    def submit(self, worker: str, *arguments: Any) -> Any:
        """The future of :func:`run_stage` there."""
        return self._client.submit(
            run_stage, *arguments, key=f"stage-{uuid.uuid4().hex}", pure=False, workers=[worker],
            resources={"GPU": 1} if self.workers()[worker].gpu else None,
        )  # fmt: skip

    def end(self, run_id: str) -> None:
        self._client.run(end_stages, run_id, on_error="ignore", callback_timeout=END_SECONDS)


@dataclass
class Launcher:
    """Sends stages to workers until all are done or blocked by failures."""

    pool: Local | Cluster
    stages: dict[str, Stage]
    keep_going: bool = False
    given: Mapping[str, str] = field(default_factory=dict)  # what all stages have as environment
    need_gpu: bool = False  # there is a GPU, or was: what wants one waits for it
    begun: int = 0
    run_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    ended: queue.SimpleQueue[Any] = field(default_factory=queue.SimpleQueue)  # (stage, future)

    def work_off(self) -> None:
        """Run what can run. Whatever breaks it off, the stages that run are ended."""
        always = [stage for stage in self.stages.values() if stage.always]
        workers: dict[str, Worker] | None = None
        try:
            while True:
                before, workers = workers, self.pool.workers()
                self.need_gpu |= any(worker.gpu for worker in workers.values())
                if not workers and before != workers:
                    print("waiting for workers", flush=True)
                self._rescue(workers)
                if always and all(stage.state in READY for stage in always):
                    always = []
                    for name, new in plan(list(self.stages), began(self.stages)).items():
                        if self.stages[name].state == "waiting":
                            self.stages[name].state = new.state
                stopping = names(self.stages, "failed") and not self.keep_going
                if not names(self.stages, "running") and (stopping or not can_start(self.stages)):
                    return
                for stage, address in (
                    [] if stopping else place(self.stages, workers, self.need_gpu)
                ):
                    self._start(stage, address, workers)
                with suppress(queue.Empty):
                    self._settle(*self.ended.get(timeout=POLL_SECONDS))
        except BaseException:
            print("ending the stages that run", flush=True)
            with suppress(Exception):  # a worker that does not answer must not keep us
                self.pool.end(self.run_id)
            for stage in self.stages.values():
                if stage.state == "running":
                    with suppress(Exception):
                        stage.future.result(timeout=END_SECONDS)
            raise

    def _start(self, stage: Stage, address: str, workers: dict[str, Worker]) -> None:
        worker = workers[address]
        share = sum(other.slots for other in workers.values() if other.host == worker.host)
        if not stage.label:
            left = len(names(self.stages, "waiting"))
            stage.label = f"[{self.begun + 1} of {self.begun + left}] {short(stage.name)}"
            self.begun += 1
        stage.worker, stage.state, stage.started = address, "running", time.monotonic()
        print(stage.label, f"… on {worker.name}" if worker.name else "…", flush=True)
        stage.future = self.pool.submit(
            address, stage.name, str(Path.cwd()), self.run_id, {**worker.own, **self.given}, share
        )
        stage.future.add_done_callback(lambda future: self.ended.put((stage, future)))

    def _settle(self, stage: Stage, future: Any) -> None:
        if stage.future is not future:
            return  # its worker died
        try:
            if future.cancelled():
                raise ChildProcessError("it was lost from sight")
            stage.state, stage.tail = future.result(timeout=END_SECONDS)
        except ChildProcessError as error:
            return self._again(stage, str(error))
        except Exception as error:  # what that worker cannot do: it has no such package …
            stage.state, stage.tail = "failed", f"{type(error).__name__}: {error}"
        ends = {"done": "done in", "cached": "has nothing to do, seen in", "failed": "FAILED after"}
        print(
            stage.label, ends[stage.state], f"{time.monotonic() - stage.started:.1f} s", flush=True
        )

    def _rescue(self, workers: dict[str, Worker]) -> None:
        for stage in self.stages.values():
            if stage.state == "running" and stage.worker not in workers:
                stage.future.cancel()
                self._again(stage, "its worker died")

    def _again(self, stage: Stage, why: str) -> None:
        stage.attempts += 1
        stage.future, stage.state = None, "waiting" if stage.attempts < ATTEMPTS else "failed"
        stage.tail = f"{why}; so ended {stage.attempts} attempts, there is no other"
        print(stage.label, f"{why}: {stage.state} after attempt {stage.attempts}", flush=True)


def short(stage: str) -> str:
    """``synthetic segment`` for ``pipeline/task/synthetic/dvc.yaml:segment``."""
    file, _, name = stage.rpartition(":")
    return f"{Path(file).parent.name} {name}".strip()


def names(stages: dict[str, Stage], state: str) -> list[str]:
    """The stages in this state."""
    return [stage.name for stage in stages.values() if stage.state == state]


def began(stages: dict[str, Stage]) -> list[str]:
    """The stages that were started."""
    return [stage.name for stage in stages.values() if stage.started]


def main(arguments: Sequence[str]) -> None:
    """Bring the targets up to date. Exit status 1: a stage failed; 130: interrupted."""
    parser = argparse.ArgumentParser(
        prog="python -m motionmusic.app.schedule", description="dvc repro, several stages at once"
    )
    parser.add_argument("targets", nargs="+", metavar="TARGET", help="stages, as for dvc repro")
    parser.add_argument("--workers", type=int, metavar="N", help="stages at once (cores)")
    parser.add_argument("--gpus", metavar="0,1", help="one worker more for each, for trainings")
    parser.add_argument("--scheduler", metavar="ADDRESS", help="join this Dask cluster instead")
    parser.add_argument("--keep-going", action="store_true", help="run what no failure blocks")
    options = parser.parse_args(arguments)
    gpus = options.gpus.split(",") if options.gpus is not None else []
    workers = len(os.sched_getaffinity(0)) if options.workers is None else options.workers
    if workers < 1 or "" in gpus or len(set(gpus)) < len(gpus):
        parser.error("--workers takes a number from 1, --gpus different devices such as 0,1")
    if options.scheduler and (options.workers or gpus):
        parser.error("--scheduler has its own workers: leave --workers and --gpus out")
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupt)
    given = {key: os.environ[key] for key in DASK_SETS if key in os.environ}
    begin = time.monotonic()
    try:
        stages = plan(options.targets)
        left = names(stages, "waiting")
        if left:
            pool = Cluster(options.scheduler) if options.scheduler else Local(workers, gpus)
            Launcher(pool, stages, options.keep_going, given).work_off()
            if not names(stages, "failed"):
                left = names(plan(options.targets, began(stages)), "waiting")
    except KeyboardInterrupt:
        print("interrupted; the same command goes on where this one stopped", file=sys.stderr)
        sys.exit(130)
    for stage in stages.values():
        if stage.target and stage.state == "done":
            print("", log_of(stage.name).read_text(errors="replace").rstrip(), sep="\n")
    states = Counter(stage.state for stage in stages.values())
    told = ", ".join(f"{states[state]} {state}" for state in STATES if states[state])
    print(f"\n{told} in {time.monotonic() - begin:.0f} s")
    for name in (failed := names(stages, "failed")):
        print(f"failed: {name}, log: {log_of(name)}\n{stages[name].tail}", file=sys.stderr)
    if failed:
        sys.exit(1)
    repro = f"dvc repro {' '.join(options.targets)}"
    if left:
        print(f"`{repro}` would still run {', '.join(left)}:", file=sys.stderr)
        print("what they read was changed; give the same command again", file=sys.stderr)
        sys.exit(1)
    print(f"checked: `{repro}` finds nothing to do")


if __name__ == "__main__":
    run(main)
