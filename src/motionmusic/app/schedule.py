"""Independent stages at once: on all cores, on several GPUs, on a cluster. Linux only.

``python -m motionmusic.app.schedule TARGET… [--workers N] [--gpus 0,1] [--keep-going]`` does what
``dvc repro TARGET…`` does, with several stages side by side; ``--scheduler ADDRESS`` runs them on a
Dask cluster whose workers see this folder under the same path.

- DVC says what needs what and what is up to date, and runs each stage
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
import queue
import signal
import sys
import time
import uuid
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from motionmusic.app.schedule_worker import (
    DASK_SETS,
    END_SECONDS,
    end_stages,
    interrupt,
    log_of,
    run_stage,
)
from motionmusic.errors import UserError, run

READY = ("done", "cached")  # a stage can start when all that it needs is one of these
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
    state: str = "waiting"  # running, failed, done, cached (there was nothing to do)
    on_gpu: bool = False
    started: float = 0.0
    label: str = ""  # [k of n] and a short name
    tail: str = ""
    future: Any = None


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
                gpu = bool((stage.meta or {}).get("gpu"))
                always = stage.always_changed or stage.is_callback
                stages[name] = Stage(name, needs, chain[stage], gpu, always, stage in wanted)
                # what needs a stage that runs is left to DVC once that has run
                if all(stages[need].state == "cached" for need in needs):
                    with suppress(LockError):
                        known = always and name in ran
                        stages[name].state = (
                            "waiting" if not known and stage.changed() else "cached"
                        )
    except DvcException as error:
        raise UserError(
            "dvc.yaml", " ".join(targets), "stages that DVC can find", str(error),
            "`dvc stage list --all` shows their names",
        ) from error  # fmt: skip
    return stages


class Local:
    """This machine: threads, each of which waits for a stage's process."""

    def __init__(self, workers: int, gpus: Sequence[str]) -> None:
        self._threads = ThreadPoolExecutor(workers + len(gpus))
        self._slots = {False: workers, True: len(gpus)}
        self._gpus: queue.SimpleQueue[str] = queue.SimpleQueue()  # that are free
        for gpu in gpus:
            self._gpus.put(gpu)

    def slots(self) -> tuple[dict[bool, int], int]:
        """How many stages run at once without and with a GPU; how many on one machine."""
        return self._slots, sum(self._slots.values())

    def submit(self, gpu: bool, share: int, given: Mapping[str, str], *arguments: str) -> Any:
        """The future of :func:`run_stage` on a free worker."""
        return self._threads.submit(self._run, gpu, share, given, *arguments)

    def _run(self, gpu: bool, share: int, given: Mapping[str, str], *arguments: str) -> Any:
        if not self._slots[True]:
            return run_stage(share, given, *arguments)
        device = self._gpus.get() if gpu else ""  # beside leased GPUs the other stages see none
        try:
            return run_stage(share, {**given, "CUDA_VISIBLE_DEVICES": device}, *arguments)
        finally:
            if gpu:
                self._gpus.put(device)

    def end(self, run_id: str) -> None:
        end_stages(run_id)


class Cluster:
    """A Dask cluster. Raises UserError where its scheduler does not answer.

    Dask chooses among free workers; where one dies, it has its stages run again on others.
    """

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

    def submit(self, gpu: bool, *arguments: Any) -> Any:
        """The future of :func:`run_stage` on a free worker."""
        where = {"resources": {"GPU": 1}} if gpu else {"workers": self._plain}
        key = f"stage-{uuid.uuid4().hex}"
        return self._client.submit(run_stage, *arguments, key=key, pure=False, **where)

    def end(self, run_id: str) -> None:
        self._client.run(end_stages, run_id, on_error="ignore", callback_timeout=END_SECONDS)


def place(
    stages: Mapping[str, Stage], slots: Mapping[bool, int], need_gpu: bool
) -> list[tuple[Stage, bool]]:
    """(a stage that can start now, whether on a worker with a GPU), the longest chain first.

    Where ``need_gpu``, stages that want a GPU go to such workers only; the others to those without,
    where there are any.
    """
    free = Counter(slots)
    free.subtract(stage.on_gpu for stage in stages.values() if stage.state == "running")
    placed = []
    for stage in sorted(can_start(stages), key=lambda stage: -stage.chain):
        gpu = (need_gpu and stage.gpu) or not slots[False]
        if free[gpu] > 0:
            free[gpu] -= 1
            placed.append((stage, gpu))
    return placed


def can_start(stages: Mapping[str, Stage]) -> list[Stage]:
    """The stages that have all that they need."""
    return [
        stage
        for stage in stages.values()
        if stage.state == "waiting" and all(stages[need].state in READY for need in stage.needs)
    ]


def work_off(
    pool: Local | Cluster, stages: dict[str, Stage], keep_going: bool, given: Mapping[str, str]
) -> None:
    """Run what can run until all is done or blocked by failures.

    Whatever breaks it off, the stages that run are ended.
    """
    run_id = uuid.uuid4().hex
    ended: queue.SimpleQueue[Stage] = queue.SimpleQueue()
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
                for name, new in plan(list(stages), started(stages)).items():
                    if stages[name].state == "waiting":
                        stages[name].state = new.state
            stopping = names(stages, "failed") and not keep_going
            if not names(stages, "running") and (stopping or not can_start(stages)):
                return
            for stage, gpu in [] if stopping else place(stages, slots, need_gpu):
                if not stage.label:
                    left, begun = len(names(stages, "waiting")), begun + 1
                    stage.label = f"[{begun} of {begun + left - 1}] {short(stage.name)}"
                stage.state, stage.on_gpu, stage.started = "running", gpu, time.monotonic()
                print(stage.label, "…", flush=True)
                stage.future = pool.submit(gpu, share, given, run_id, str(Path.cwd()), stage.name)
                stage.future.add_done_callback(lambda _, stage=stage: ended.put(stage))
            with suppress(queue.Empty):
                settle(ended.get(timeout=POLL_SECONDS))
    except BaseException:
        print("ending the stages that run", flush=True)
        with suppress(Exception):  # a worker that does not answer must not keep us
            pool.end(run_id)
            for stage in stages.values():
                if stage.state == "running":
                    stage.future.result(timeout=END_SECONDS)
        raise


def settle(stage: Stage) -> None:
    """Take over how a stage ended, and say it."""
    if stage.future.cancelled():  # lost from sight: again, once it has ended
        stage.state = "waiting"
        return
    try:
        stage.state, stage.tail = stage.future.result(timeout=END_SECONDS)
    except Exception as error:  # its workers died, or have no such package …
        stage.state, stage.tail = "failed", f"{type(error).__name__}: {error}"
    ends = {"done": "done in", "cached": "has nothing to do, seen in", "failed": "FAILED after"}
    print(stage.label, ends[stage.state], f"{time.monotonic() - stage.started:.1f} s", flush=True)


def short(stage: str) -> str:
    """``synthetic segment`` for ``pipeline/task/synthetic/dvc.yaml:segment``."""
    file, _, name = stage.rpartition(":")
    return f"{Path(file).parent.name} {name}".strip()


def names(stages: dict[str, Stage], state: str) -> list[str]:
    """The stages in this state."""
    return [stage.name for stage in stages.values() if stage.state == state]


def started(stages: dict[str, Stage]) -> list[str]:
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
            work_off(pool, stages, options.keep_going, given)
            if not names(stages, "failed"):
                left = names(plan(options.targets, started(stages)), "waiting")
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
