"""Independent stages at once: on all cores, on several GPUs, on a cluster. Linux only.

``python -m motionmusic.app.schedule TARGET… [--workers N] [--gpus 0,1] [--keep-going]`` does what
``dvc repro TARGET…`` does, with several stages side by side; ``--scheduler ADDRESS`` runs them on a
Dask cluster whose workers see this folder under the same path.

- DVC says what needs what and what is up to date, and runs each stage in a process of its own
  (:mod:`motionmusic.app.schedule_worker`). It keeps its lock only while no command runs.
- A stage is begun only where a worker is free now, those with the longest chain behind them first:
  nothing queues behind a long training, and after a failure nothing has to be called back.
- A worker with a GPU takes one stage at a time, one that says ``meta: {gpu: true}``.
- Once the stages that always run have run, DVC is asked again what else there is to do, and at the
  end once more: nothing may be left.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import time
import uuid
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from motionmusic.app.schedule_worker import (
    CACHED,
    DASK_SETS,
    DONE,
    END_SECONDS,
    FAILED,
    INTERRUPTS,
    clear,
    end_stages,
    environment,
    interrupt,
    log_of,
    run_stage,
    stage_process,
)
from motionmusic.errors import UserError, run

READY = ("done", "cached")  # a stage can start when all that it needs is one of these
POLL_SECONDS = 0.05
TAIL_LINES = 15
LOST = 256  # beside exit statuses: nobody knows
ATTEMPTS = 3  # so often is a stage begun where its process is killed
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
    state: str = "waiting"  # running, failed, done, cached (there was nothing to do)
    on_gpu: bool = False
    started: float = 0.0
    label: str = ""  # [k of n] and a short name
    kills: int = 0  # of its process
    reason: str = ""  # of a failure, where its log does not say it
    job: Any = None  # what its pool has for it


def plan(targets: Sequence[str], ran: Collection[str] = ()) -> dict[str, Stage]:
    """The targets and all that they need; cached where nothing has to run. Raises UserError.

    Args:
        targets: what DVC calls the stages, a matrix without @ for all of it.
        ran: stages that have run just now, so need not even if they always do.
    """
    import networkx
    from dvc.exceptions import DvcException
    from dvc.lock import LockError
    from dvc.parsing import interpolate
    from dvc.repo import Repo, lock_repo
    from dvc.repo.reproduce import collect_stages, get_active_graph

    if not Path("dvc.yaml").exists():
        raise UserError(
            "dvc.yaml", "", "a pipeline in this folder", "no such file", "go to the repository's root"
        )  # fmt: skip
    # DVC would parse the same few expressions two thousand times, for half a second
    interpolate.parse_expr = cache(interpolate.parse_expr)
    stages: dict[str, Stage] = {}
    try:
        with Repo(_wait_for_lock=True) as repo, lock_repo(repo):
            rwlock = Path(str(repo.tmp_dir)) / "rwlock"
            if rwlock.exists() and not rwlock.stat().st_size:  # DVC was killed as it wrote it anew
                rwlock.unlink()
            graph = get_active_graph(repo.index.graph)
            wanted = collect_stages(repo, targets)
            chosen = set(wanted).union(*(networkx.descendants(graph, stage) for stage in wanted))
            order = list(networkx.topological_sort(graph.subgraph(chosen)))  # the targets first
            chain = dict.fromkeys(order, 0)
            for stage in order:
                for need in graph.successors(stage):
                    chain[need] = max(chain[need], chain[stage] + 1)
            for stage in reversed(order):
                found = stages[stage.addressing] = Stage(
                    stage.addressing,
                    frozenset(need.addressing for need in graph.successors(stage)),
                    chain[stage],
                    gpu=bool((stage.meta or {}).get("gpu")),
                    always=stage.always_changed or stage.is_callback,
                    target=stage in wanted,
                )
                # what needs a stage that runs is left to DVC once that has run
                if all(stages[need].state == "cached" for need in found.needs):
                    with suppress(LockError):
                        if (found.always and found.name in ran) or not stage.changed():
                            found.state = "cached"
    except DvcException as error:
        raise UserError(
            "dvc.yaml", " ".join(targets), "stages that DVC can find", str(error),
            "`dvc stage list --all` shows their names",
        ) from error  # fmt: skip
    return stages


class Local:
    """This machine, whose stage processes are forks: DVC is imported already."""

    def __init__(self, workers: int, gpus: Sequence[str]) -> None:
        self._slots = {False: workers, True: len(gpus)}
        self._leases: dict[str, Any] = dict.fromkeys(gpus)  # device: the last that had it
        self._alive = os.pipe()  # ends with this process, and the stages with it

    def slots(self) -> tuple[dict[bool, int], int]:
        """How many stages run at once without and with a GPU; how many on one machine."""
        return self._slots, sum(self._slots.values())

    def submit(self, stage: str, gpu: bool, share: int) -> Any:
        """Begin a stage."""
        own = environment(share, os.environ)
        if self._leases:  # beside leased GPUs the other stages see none
            free = [at for at, job in self._leases.items() if not job or job.exitcode is not None]
            own["CUDA_VISIBLE_DEVICES"] = free[0] if gpu else ""
        job = get_context("fork").Process(target=stage_process, args=(stage, *self._alive, own))
        if gpu:
            self._leases[own["CUDA_VISIBLE_DEVICES"]] = job
        signal.pthread_sigmask(signal.SIG_BLOCK, INTERRUPTS)  # until it has its own handlers
        job.start()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, INTERRUPTS)
        return job

    def status(self, job: Any) -> int | None:
        """How a stage ended, None where it has not."""
        if job.exitcode is not None:
            clear(job.pid)
        return job.exitcode  # type: ignore[no-any-return]

    def end(self, jobs: Sequence[Any]) -> None:
        """End the stages that run."""
        os.close(self._alive[1])
        for job in jobs:
            job.join(END_SECONDS)


class Cluster:
    """A Dask cluster. Raises UserError where its scheduler does not answer.

    Dask chooses among free workers; where one dies, it has its stages run again on others.
    """

    def __init__(self, scheduler: str) -> None:
        distributed: Any = import_module("distributed")  # whose classes have no types
        for name in ("distributed", "distributed.client"):  # errors are said here
            logging.getLogger(name).setLevel(logging.CRITICAL)
        self._run = uuid.uuid4().hex  # what the workers call this run
        try:
            self._client = distributed.Client(scheduler, timeout=CONNECT_SECONDS)
        except (OSError, ValueError) as error:
            raise UserError(
                "--scheduler", scheduler, "the address of a running Dask scheduler", str(error),
                "start it and give the address that it prints, such as tcp://HOST:8786",
            ) from error  # fmt: skip

    def slots(self) -> tuple[dict[bool, int], int]:
        """How many stages run at once without and with a GPU; how many at most on one machine."""
        status = self._client.status
        if status not in ("running", "connecting"):
            raise UserError(
                "the scheduler", "", "an answer", "no connection to it any more",
                "start it and give the same command again; what is done stays done",
            )  # fmt: skip
        slots, hosts, self._plain = {False: 0, True: 0}, Counter[str](), list[str]()
        workers = self._client.scheduler_info()["workers"] if status == "running" else {}
        for address, worker in workers.items():
            gpu = bool(worker["resources"].get("GPU"))
            if not gpu:
                self._plain.append(address)
            slots[gpu] += 1 if gpu else worker["nthreads"]
            hosts[worker["host"]] += 1 if gpu else worker["nthreads"]
        return slots, max(hosts.values(), default=1)

    def submit(self, stage: str, gpu: bool, share: int) -> Any:
        """Begin a stage on a free worker."""
        where = {"resources": {"GPU": 1}} if gpu else {"workers": self._plain}
        given = {key: os.environ[key] for key in DASK_SETS if key in os.environ}
        arguments = (self._run, str(Path.cwd()), stage, share, given)
        return self._client.submit(run_stage, *arguments, pure=False, **where)

    def status(self, job: Any) -> int | None:
        """How a stage ended, None where it has not. Raises what keeps its worker from running it."""
        if job.cancelled():
            return LOST
        return job.result(END_SECONDS) if job.done() else None

    def end(self, jobs: Sequence[Any]) -> None:
        """End the stages of this run on all workers that answer."""
        self._client.run(end_stages, self._run, on_error="ignore", callback_timeout=END_SECONDS)
        for job in jobs:
            job.result(END_SECONDS)


def place(
    stages: Mapping[str, Stage], slots: Mapping[bool, int], need_gpu: bool
) -> list[tuple[Stage, bool]]:
    """(a stage that can start now, whether on a worker with a GPU), the longest chain first.

    Where ``need_gpu``, stages that want a GPU go to such workers only; the others to those without,
    where there are any.
    """
    free = Counter(slots)
    free.subtract(stages[name].on_gpu for name in names(stages, "running"))
    placed = []
    for stage in sorted(can_start(stages), key=lambda stage: -stage.chain):
        gpu = (need_gpu and stage.gpu) or not slots[False]
        if free[gpu] > 0:
            free[gpu] -= 1
            placed.append((stage, gpu))
    return placed


def names(stages: Mapping[str, Stage], state: str) -> list[str]:
    """The stages in this state."""
    return [stage.name for stage in stages.values() if stage.state == state]


def can_start(stages: Mapping[str, Stage]) -> list[Stage]:
    """The stages that have all that they need."""
    return [
        stage
        for stage in stages.values()
        if stage.state == "waiting" and all(stages[need].state in READY for need in stage.needs)
    ]


def work_off(pool: Local | Cluster, stages: dict[str, Stage], keep_going: bool) -> None:
    """Run what can run until all is done or blocked by failures.

    Whatever breaks it off, the stages that run are ended.
    """
    always = [stage for stage in stages.values() if stage.always]
    begun, need_gpu, told = 0, False, False
    try:
        while True:
            slots, share = pool.slots()
            need_gpu |= slots[True] > 0  # also once there was one: what wants it waits for it
            if not any(slots.values()) and not told:
                print("waiting for workers", flush=True)
                told = True
            if always and all(stage.state in READY for stage in always):
                always = []
                for name, new in plan(list(stages), names(stages, "done")).items():
                    if stages[name].state == "waiting":
                        stages[name].state = new.state
            stopping = names(stages, "failed") and not keep_going
            if not names(stages, "running") and (stopping or not can_start(stages)):
                return
            for stage, gpu in [] if stopping else place(stages, slots, need_gpu):
                if not stage.label:
                    left, begun = len(names(stages, "waiting")), begun + 1
                    stage.label = f"[{begun} of {begun + left - 1}] {short(stage.name)}"
                print(stage.label, "…", flush=True)
                stage.job = pool.submit(stage.name, gpu, share)
                stage.state, stage.on_gpu, stage.started = "running", gpu, time.monotonic()
            time.sleep(POLL_SECONDS)
            for name in names(stages, "running"):
                settle(stages[name], pool)
    except BaseException:
        print("ending the stages that run", flush=True)
        with suppress(Exception):  # a worker that does not answer must not keep us
            pool.end([stages[name].job for name in names(stages, "running")])
        raise


def settle(stage: Stage, pool: Local | Cluster) -> None:
    """Take over how a stage that runs has ended, if it has, and say it."""
    try:
        status = pool.status(stage.job)
    except Exception as error:  # its workers died, or have no such package …
        status, stage.reason = FAILED, f"{type(error).__name__}: {error}"
    if status is None:
        return
    if status < 0:
        stage.kills += 1
        stage.reason = f"its process was killed {ATTEMPTS} times"
    if status == LOST or (status < 0 and stage.kills < ATTEMPTS):
        stage.state = "waiting"
        return
    stage.state = {DONE: "done", CACHED: "cached"}.get(status, "failed")
    ends = {"done": "done in", "cached": "has nothing to do, seen in", "failed": "FAILED after"}
    print(stage.label, ends[stage.state], f"{time.monotonic() - stage.started:.1f} s", flush=True)


def short(stage: str) -> str:
    """``synthetic segment`` for ``pipeline/task/synthetic/dvc.yaml:segment``."""
    file, _, name = stage.rpartition(":")
    return f"{Path(file).parent.name} {name}".strip()


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
    for number in INTERRUPTS:
        signal.signal(number, interrupt)
    begin = time.monotonic()
    try:
        stages = plan(options.targets)
        left = names(stages, "waiting")
        if left:
            pool = Cluster(options.scheduler) if options.scheduler else Local(workers, gpus)
            work_off(pool, stages, options.keep_going)
            if not names(stages, "failed"):
                left = names(plan(options.targets, names(stages, "done")), "waiting")
    except KeyboardInterrupt:
        print("interrupted; the same command goes on where this one stopped", file=sys.stderr)
        sys.exit(130)
    for stage in stages.values():
        if stage.target and stage.state == "done":
            print("", log_of(stage.name).read_text(errors="replace").rstrip(), sep="\n")
    states = Counter(stage.state for stage in stages.values())
    told = ", ".join(f"{number} {state}" for state, number in sorted(states.items()))
    print(f"\n{told} in {time.monotonic() - begin:.0f} s")
    for name in (failed := names(stages, "failed")):
        log = log_of(name)
        said = log.read_text(errors="replace") if log.exists() else ""
        tail = said.rstrip().splitlines()[-TAIL_LINES:]
        print(f"failed: {name}, log: {log}", *tail, stages[name].reason, sep="\n", file=sys.stderr)
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
