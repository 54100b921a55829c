"""Independent stages at once: on all cores, on several GPUs, on a cluster. Linux only.

``python -m motionmusic.app.schedule TARGET… [--workers N] [--gpus 0,1] [--keep-going]`` does what
``dvc repro TARGET…`` does, with several stages side by side; ``--scheduler ADDRESS`` runs them on a
Dask cluster whose workers see this folder under the same path.

- DVC says what needs what and what is up to date; a stage is one ``dvc repro --single-item STAGE``
  in this workspace. DVC keeps its lock only while no command runs, so commands overlap.
- A stage is sent only to a worker that is free now, those with the longest chain behind them first:
  nothing queues behind a long training, and after a failure nothing has to be called back.
- A worker takes as many stages as it has threads; one with a GPU takes one, a training.
- Where a worker dies its stage is run again on another; :mod:`motionmusic.app.schedule_worker` sees to
  it that nothing of the first run goes on.
- At the end DVC is asked once more: nothing may be left to do.
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
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib import import_module
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any

from motionmusic.app.schedule_worker import (
    DASK_SETS,
    END_SECONDS,
    Outcome,
    end_stages,
    interrupt,
    log_of,
    run_stage,
    wait_for_ends,
)
from motionmusic.errors import UserError, run

TRAINING = ("train_motion", "train_music", "train_longer", "cotrain", "cotrain_fc")
# the states, in the order of the table
COLORS = {"running": "yellow", "failed": "red", "waiting": "dim", "skipped": "magenta",
          "done": "green", "cached": "cyan"}  # fmt: skip
READY = ("done", "cached")  # a stage can start when all that it needs is one of these
ATTEMPTS = 3  # so often is a stage begun where workers die
POLL_SECONDS = 0.5
CONNECT_SECONDS = 10.0


@dataclass
class Stage:
    """A stage of dvc.yaml on its way."""

    name: str
    needs: frozenset[str] = frozenset()
    chain: int = 0  # the longest chain of stages that wait for it
    state: str = "waiting"
    worker: str = ""  # its address
    place: str = ""  # the worker's name
    attempts: int = 0
    started: float = 0.0
    seconds: float = 0.0
    future: Any = None
    tail: str = ""


def plan(targets: Sequence[str]) -> dict[str, Stage]:
    """The targets and all that they need; cached where nothing has to run. Raises UserError."""
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
                needs = frozenset(need.addressing for need in graph.successors(stage))
                new = stages[stage.addressing] = Stage(stage.addressing, needs, chain[stage])
                # what needs a stage that runs is left to `dvc repro` once that has run
                with suppress(LockError):
                    if all(stages[need].state == "cached" for need in needs):
                        new.state = "waiting" if stage.changed() else "cached"
    except DvcException as error:
        raise UserError(
            "dvc.yaml", " ".join(targets), "stages that DVC can find", str(error),
            "`dvc stage list` shows their names",
        ) from error  # fmt: skip
    return stages


def slots(worker: dict[str, Any]) -> int:
    """How many stages a worker takes at once."""
    return 1 if worker["resources"].get("GPU") else int(worker["nthreads"])


def with_gpu(workers: dict[str, Any]) -> set[str]:
    """The addresses of the workers that have one."""
    return {address for address, worker in workers.items() if worker["resources"].get("GPU")}


def place(
    stages: dict[str, Stage], workers: dict[str, Any], need_gpu: bool
) -> list[tuple[Stage, str]]:
    """(a stage that can start, a free worker's address), the longest chain first.

    Trainings go to workers with a GPU only, if they need one; the others to those without, where
    there are any.
    """
    gpus = with_gpu(workers)
    free = Counter({address: slots(worker) for address, worker in workers.items()
                    if worker.get("status", "running") == "running"})  # fmt: skip
    free.subtract(stage.worker for stage in stages.values() if stage.state == "running")
    placed = []
    for stage in sorted(stages.values(), key=lambda stage: -stage.chain):
        if stage.state == "waiting" and all(stages[need].state in READY for need in stage.needs):
            trains = stage.name.split(":")[-1].split("@")[0] in TRAINING
            fit = gpus if need_gpu and trains else workers.keys() - gpus or gpus
            address = max(fit, key=lambda address: free[address], default="")
            if free[address] > 0:
                free[address] -= 1
                placed.append((stage, address))
    return placed


@contextmanager
def connect(scheduler: str | None, workers: int, gpus: Sequence[str]) -> Iterator[Any]:
    """A dask.distributed.Client of this scheduler, or of workers on this machine. Raises UserError."""
    distributed: Any = import_module("distributed")  # whose classes have no types
    for name in ("distributed", "distributed.client"):  # errors are said here
        logging.getLogger(name).setLevel(logging.CRITICAL)
    if scheduler is not None:
        try:
            client = distributed.Client(scheduler, timeout=CONNECT_SECONDS)
        except (OSError, ValueError) as error:
            raise UserError(
                "--scheduler", scheduler, "the address of a running Dask scheduler", str(error),
                "start it and give the address that it prints, such as tcp://HOST:8786",
            ) from error  # fmt: skip
        with client:
            yield client
        return
    common: dict[str, Any] = {
        "host": "127.0.0.1", "protocol": "tls://",  # so that no other user can send it work
        "security": distributed.Security.temporary(), "dashboard": False, "dashboard_address": None,
    }  # fmt: skip
    worker = common | {"nthreads": 1, "memory_limit": 0, "silence_logs": logging.CRITICAL}
    # beside leased GPUs the other workers see none
    plain = worker | {"env": {"CUDA_VISIBLE_DEVICES": ""} if gpus else {}}
    spec = {
        f"cpu {number}": {"cls": distributed.Nanny, "options": plain} for number in range(workers)
    }
    for gpu in gpus:
        leased = worker | {"env": {"CUDA_VISIBLE_DEVICES": gpu}, "resources": {"GPU": 1}}
        spec[f"gpu {gpu}"] = {"cls": distributed.Nanny, "options": leased}
    first = {"cls": distributed.Scheduler, "options": common | {"port": 0}}
    # Ctrl-C waits until all are there; the workers, which inherit this, never see it
    resource_tracker.ensure_running()  # which would undo it later
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    with (
        distributed.SpecCluster(spec, first, security=common["security"]) as cluster,
        distributed.Client(cluster) as client,
    ):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        yield client


@dataclass
class Launcher:
    """Sends stages to workers until all are done or blocked by failures."""

    client: Any
    stages: dict[str, Stage]
    keep_going: bool
    need_gpu: bool  # trainings wait for a worker with one; so too once there was one
    given: dict[str, str]  # of DASK_SETS what stages shall see
    say: Callable[[str], None]
    run_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    ended: queue.SimpleQueue[Any] = field(default_factory=queue.SimpleQueue)  # (stage, future)

    def work_off(self) -> None:
        """Run what can run. Whatever breaks it off, the stages that run are ended first."""
        workers: dict[str, Any] | None = None
        try:
            while True:
                before, workers = workers, self._workers()
                self.need_gpu |= bool(with_gpu(workers))
                if not workers and before != workers:
                    print("waiting for workers", flush=True)
                self._rescue(workers)
                states = Counter(stage.state for stage in self.stages.values())
                stopping = states["failed"] > 0 and not self.keep_going
                if not states["running"] and (stopping or not states["waiting"]):
                    return
                placed = [] if stopping else place(self.stages, workers, self.need_gpu)
                for stage, address in placed:
                    self._start(stage, address, workers)
                with suppress(queue.Empty):
                    self._settle(*self.ended.get(timeout=POLL_SECONDS))
        except BaseException:
            print("ending the stages that run", flush=True)
            with suppress(Exception):  # a worker that does not answer must not keep us
                self.client.run(
                    end_stages, self.run_id, on_error="ignore",
                    callback_timeout=END_SECONDS,
                )  # fmt: skip
            raise

    def _workers(self) -> dict[str, Any]:
        """Those that the scheduler has now; none while the connection to it is made again."""
        status = self.client.status
        if status == "running":
            return dict(self.client.scheduler_info()["workers"])
        if status == "connecting":
            return {}
        raise UserError(
            "the scheduler", "", "an answer", "no connection to it any more",
            "start it and give the same command again; what is done stays done",
        )  # fmt: skip

    def _start(self, stage: Stage, address: str, workers: dict[str, Any]) -> None:
        worker = workers[address]
        share = sum(slots(other) for other in workers.values() if other["host"] == worker["host"])
        stage.worker, stage.place, stage.started = address, str(worker["name"]), time.monotonic()
        self._change(stage, "running")
        stage.future = self.client.submit(
            run_stage, stage.name, str(Path.cwd()), self.run_id, self.given, share,
            key=f"{stage.name}-{uuid.uuid4().hex}", pure=False, workers=[address],
            resources={"GPU": 1} if worker["resources"].get("GPU") else None,
        )  # fmt: skip
        stage.future.add_done_callback(lambda future: self.ended.put((stage, future)))

    def _settle(self, stage: Stage, future: Any) -> None:
        if stage.future is not future:
            return  # its worker died
        if future.status == "cancelled":
            self._again(stage, "was lost from sight")
            return
        try:
            outcome = future.result(timeout=END_SECONDS)
        except Exception as error:  # what that worker cannot do: it has no such folder, package …
            outcome = Outcome(1, False, f"{stage.place}: {type(error).__name__}: {error}")
        stage.tail = outcome.tail
        self._change(stage, "failed" if outcome.status else "cached" if outcome.cached else "done")

    def _rescue(self, workers: dict[str, Any]) -> None:
        for stage in self.stages.values():
            if stage.state == "running" and stage.future and stage.worker not in workers:
                stage.future.cancel()
                self._again(stage, "died")

    def _again(self, stage: Stage, why: str) -> None:
        stage.attempts += 1
        stage.tail = f"{stage.place} {why}; so ended {stage.attempts} attempts, there is no other"
        self._change(stage, "waiting" if stage.attempts < ATTEMPTS else "failed")

    def _change(self, stage: Stage, state: str) -> None:
        before, stage.state = stage.state, state
        words = f"{stage.name}: {state}"
        if before == "running":
            stage.seconds, stage.future = time.monotonic() - stage.started, None
            words += f" after {stage.seconds:.1f} s"
        self.say(f"{words} on {stage.place}" if stage.place else words)
        if state in ("failed", "skipped"):
            for other in self.stages.values():
                if other.state == "waiting" and stage.name in other.needs:
                    self._change(other, "skipped")


def names(stages: dict[str, Stage], state: str) -> list[str]:
    """The stages in this state."""
    return [stage.name for stage in stages.values() if stage.state == state]


def counts(stages: dict[str, Stage]) -> str:
    """How many stages are in which state."""
    states = Counter(stage.state for stage in stages.values())
    return ", ".join(f"{states[state]} {state}" for state in COLORS if states[state])


@contextmanager
def shown(stages: dict[str, Stage]) -> Iterator[Callable[[str], None]]:
    """Where changes are said: a live table on a terminal, lines elsewhere."""
    from rich.console import Console
    from rich.live import Live
    from rich.table import Table

    console = Console()

    def table() -> Table:
        result = Table("stage", "state", "seconds", "worker", title=counts(stages), box=None)
        rows = [stage for stage in stages.values() if stage.state != "cached" or stage.started]
        rows.sort(key=lambda stage: (list(COLORS).index(stage.state), -stage.started, -stage.chain))
        for stage in rows[: max(3, console.height - 5)]:
            now = time.monotonic() - stage.started if stage.state == "running" else stage.seconds
            state = f"[{COLORS[stage.state]}]{stage.state}"
            result.add_row(stage.name, state, f"{now:.0f}" if stage.started else "", stage.place)
        return result

    if console.is_terminal:
        with Live(get_renderable=table, console=console, refresh_per_second=2):
            yield lambda line: None
    else:
        print(counts(stages), flush=True)
        yield lambda line: print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1, got {text!r}")
    return int(text)


def _devices(text: str) -> list[str]:
    devices = [device.strip() for device in text.split(",")]
    if not all(devices) or len(set(devices)) < len(devices):
        raise argparse.ArgumentTypeError(f"expected different devices such as 0,1, got {text!r}")
    return devices


def main(arguments: Sequence[str]) -> None:
    """Bring the targets up to date. Exit status 1: a stage failed; 130: interrupted."""
    parser = argparse.ArgumentParser(
        prog="python -m motionmusic.app.schedule", description="dvc repro, several stages at once"
    )
    parser.add_argument("targets", nargs="+", metavar="TARGET", help="stages of dvc.yaml")
    parser.add_argument("--workers", type=_positive, metavar="N", help="stages at once (cores)")
    parser.add_argument("--gpus", type=_devices, default=[], metavar="0,1", help="for trainings")
    parser.add_argument("--scheduler", metavar="ADDRESS", help="join this Dask cluster instead")
    parser.add_argument("--keep-going", action="store_true", help="run what no failure blocks")
    options = parser.parse_args(arguments)
    if options.scheduler and (options.workers or options.gpus):
        parser.error("--scheduler has its own workers: leave --workers and --gpus out")
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupt)
    given = {key: os.environ[key] for key in DASK_SETS if key in os.environ}
    cores = len(os.sched_getaffinity(0))
    workers = options.workers or cores
    if not options.scheduler:  # the same however many workers are alive when a stage starts
        threads = max(1, cores // (workers + len(options.gpus)))
        given.setdefault("OMP_NUM_THREADS", str(threads))
    stages: dict[str, Stage] = {}
    try:
        stages |= plan(options.targets)
        left = names(stages, "waiting")
        if left:
            cluster = connect(options.scheduler, workers, options.gpus)
            with cluster as client, shown(stages) as say:
                need_gpu = bool(options.gpus)
                Launcher(client, stages, options.keep_going, need_gpu, given, say).work_off()
            if all(stage.state in READY for stage in stages.values()):
                left = names(plan(options.targets), "waiting")
    except KeyboardInterrupt:
        # also of those that were lost from sight
        remain = wait_for_ends(stage.name for stage in stages.values() if stage.started)
        if remain:
            print("still running:", *remain, file=sys.stderr)
        print("interrupted; the same command goes on where this one stopped", file=sys.stderr)
        sys.exit(130)
    print(counts(stages))
    failed = names(stages, "failed")
    for name in failed:
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
