"""One stage on a Dask worker, below a guard that lets nothing outlive it. Linux only.

:func:`run_stage` starts a guard, the guard starts ``dvc repro --single-item STAGE``, all in a process
group of their own:

- the worker ends, even by ``kill -9``: the guard's stdin, a pipe from it, ends, and the guard ends
  the group in DVC's way, so that no lock stays behind;
- the guard or DVC ends: the worker ends what is left of the group;
- a run is broken off: :func:`end_stages` tells the guards.

The stage's log is locked until the last process that writes to it is gone, so a stage never runs
twice at a time, whatever died.
"""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import NamedTuple

# DVC unlocks and tidies up on SIGINT; the other signal is for a command that does not end
END = ((signal.SIGINT, 10.0), (signal.SIGTERM, 3.0))
END_SECONDS = 20.0  # more than all of END
TAIL_LINES = 15
# what Dask sets in its workers' environment, and stages must not see
DASK_SETS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS",
             "MALLOC_TRIM_THRESHOLD_", "PYTHONHASHSEED")  # fmt: skip

_guards: list[tuple[str, subprocess.Popen[bytes]]] = []  # (run, guard) of this worker's stages
_ended: set[str] = set()  # the runs that were broken off


class Outcome(NamedTuple):
    """What a worker says of a stage that ended."""

    status: int
    cached: bool  # there was nothing to do
    tail: str  # the last lines of its log


def log_of(stage: str) -> Path:
    """Where a stage's output goes."""
    return Path("data", "logs", stage.replace("/", "_").replace(":", "_") + ".log")


def run_stage(stage: str, root: str, run_id: str, given: dict[str, str], share: int) -> Outcome:
    """Bring one stage up to date.

    Args:
        stage: its name in dvc.yaml.
        root: the repository.
        run_id: what :func:`end_stages` calls this run.
        given: which of :data:`DASK_SETS` the user has set.
        share: how many stages share the cores that this process may use.
    """
    own = {key: value for key, value in os.environ.items() if key not in DASK_SETS}
    own["OMP_NUM_THREADS"] = str(max(1, len(os.sched_getaffinity(0)) // share))
    # where the python of the stages' commands is
    own["PATH"] = f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}"
    with subprocess.Popen(
        [sys.executable, "-c", "from motionmusic.app.schedule_worker import guard; guard()",
         str(log_of(stage)),
         sys.executable, "-m", "dvc", "--wait-for-lock", "repro", "--single-item", stage],
        cwd=root, env=own | given, stdin=subprocess.PIPE, stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:  # fmt: skip
        _guards.append((run_id, process))
        if run_id in _ended:
            process.terminate()
        assert process.stderr is not None
        # not communicate(), which would close the guard's stdin
        complaint = process.stderr.read().decode(errors="replace")
    _guards.remove((run_id, process))
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # what the stage left behind
    if complaint:  # the guard's own: a log that cannot be written, no such package
        return Outcome(process.returncode or 1, False, _tail(complaint))
    text = Path(root, log_of(stage)).read_text(errors="replace")
    return Outcome(process.returncode, "Running stage '" not in text, _tail(text))


def _tail(text: str) -> str:
    return "\n".join(text.rstrip().splitlines()[-TAIL_LINES:])


def end_stages(run_id: str) -> None:
    """End the stages of a run on this worker."""
    _ended.add(run_id)
    for of_run, process in list(_guards):
        if of_run == run_id:
            process.terminate()


def is_written(log: Path) -> bool:
    """Whether a process of the stage is left, here or on another machine."""
    with suppress(FileNotFoundError), log.open("r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def wait_for_ends(stages: Iterable[str]) -> list[str]:
    """Wait until no process of these stages is left. Returns those of which one stays."""
    end = time.monotonic() + END_SECONDS
    logs = {stage: log_of(stage) for stage in stages}
    while any(map(is_written, logs.values())) and time.monotonic() < end:
        time.sleep(0.05)
    return [stage for stage, log in logs.items() if is_written(log)]


def guard() -> None:
    """The guard's process; its arguments are the log and the command."""
    log, *command = sys.argv[1:]
    # the worker may be deaf to Ctrl-C, the command must not be
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    try:
        signal.signal(signal.SIGTERM, interrupt)
        threading.Thread(target=_watch_worker, args=[threading.get_ident()], daemon=True).start()
        Path(log).parent.mkdir(parents=True, exist_ok=True)
        with Path(log).open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # the command inherits it
            file.truncate(0)
            # not subprocess.call, which would kill DVC before it can unlock
            null = subprocess.DEVNULL
            sys.exit(subprocess.Popen(command, stdin=null, stdout=file, stderr=file).wait())
    except KeyboardInterrupt:
        for number, seconds in END:
            os.killpg(0, number)
            if _children_end(seconds):
                break
        os.killpg(0, signal.SIGKILL)


def interrupt(number: int, frame: FrameType | None) -> None:
    """A signal's handler that does as Ctrl-C does, once: the end itself is not broken off."""
    for number, _ in END:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _watch_worker(main_thread: int) -> None:
    os.read(0, 1)  # nothing is ever written: the worker is gone
    signal.pthread_kill(main_thread, signal.SIGTERM)


def _children_end(seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return True
        time.sleep(0.05)
    return False
