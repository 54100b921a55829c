"""One stage of DVC in a process of its own that nothing outlives. Linux only.

A stage process leads a process group, and does what ``dvc repro --single-item STAGE`` does. A pipe
tells it that whoever began it breaks off, or ended, even by ``kill -9``: it then ends its group in
DVC's way, so that no lock stays behind. The stage's log is locked until the last process that
writes to it is gone, so a stage never runs twice at a time, whatever died.
"""

from __future__ import annotations

import fcntl
import logging
import os
import select
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import NoReturn

DONE, FAILED, CACHED = 0, 1, 3  # exit statuses; cached: there was nothing to do
INTERRUPTS = (signal.SIGINT, signal.SIGTERM)
# commands end and DVC tidies up on SIGINT; where a command does not, DVC leaves it on SIGTERM
END = ((signal.SIGINT, 10.0), (signal.SIGTERM, 3.0), (signal.SIGKILL, 0.0))
END_SECONDS = 20.0  # more than all of END
# what Dask sets in its workers' environment, and stages must not see
DASK_SETS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS",
             "MALLOC_TRIM_THRESHOLD_", "PYTHONHASHSEED")  # fmt: skip

_running: list[tuple[str, int]] = []  # (run, pipe to the stage) of a Dask worker
_ended: set[str] = set()  # the runs that were broken off


def log_of(stage: str) -> Path:
    """Where a stage's output goes."""
    return Path("data", "logs", stage.replace("/", "_").replace(":", "_") + ".log")


def interrupt(number: int, frame: FrameType | None) -> None:
    """A signal's handler that does as Ctrl-C does, once: the end itself is not broken off."""
    for each in INTERRUPTS:
        signal.signal(each, signal.SIG_IGN)
    raise KeyboardInterrupt


def environment(share: int, given: Mapping[str, str]) -> dict[str, str]:
    """What a stage sees where ``share`` stages have this process's cores, and ``given`` is set."""
    own = {key: value for key, value in os.environ.items() if key not in DASK_SETS}
    threads = max(1, len(os.sched_getaffinity(0)) // share)
    # where the python of the stages' commands is
    path = f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}"
    return {**own, "OMP_NUM_THREADS": str(threads), **given, "PATH": path}


def run_stage(run_id: str, root: str, stage: str, share: int, given: Mapping[str, str]) -> int:
    """Bring one stage of the repository ``root`` up to date, on a worker of Dask.

    ``share`` and ``given`` as in :func:`environment`; :func:`end_stages` of ``run_id`` ends it.
    Returns the exit status of the stage process, negative where it was killed.
    """
    alive = os.pipe()
    code = f"from {__name__} import stage_process; stage_process({stage!r}, {alive[0]})"
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=root, env=environment(share, given), pass_fds=alive[:1]
    )
    os.close(alive[0])
    _running.append((run_id, alive[1]))
    if run_id in _ended:
        end_stages(run_id)
    status = process.wait()
    clear(process.pid)
    with suppress(ValueError):  # it was ended
        _running.remove((run_id, alive[1]))
        os.close(alive[1])
    return status


def end_stages(run_id: str) -> None:
    """End the stages of a run that this worker of Dask began."""
    _ended.add(run_id)
    for each in [each for each in _running if each[0] == run_id]:
        _running.remove(each)
        os.close(each[1])


def clear(group: int) -> None:
    """Kill what is left of a stage process's group."""
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def stage_process(
    stage: str, alive: int, parents: int = -1, own: Mapping[str, str] | None = None
) -> NoReturn:
    """All that a process does: run a stage, at most until the pipe ``alive`` is closed.

    A fork closes its copy of the ``parents`` end, and takes over an environment of its ``own``.
    """
    status = FAILED
    try:
        if own:
            os.close(parents)
            os.environ |= own
        os.setsid()
        # its parent may be deaf to Ctrl-C, the command must not be
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, interrupt)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, INTERRUPTS)
        threading.Thread(target=_end_with, args=[alive], daemon=True).start()
        _write_to(log_of(stage))
        status = _reproduce(stage)
    except Exception:
        traceback.print_exc()
    finally:
        if select.select([alive], [], [], 0)[0]:  # nobody is left who would do it
            os.killpg(0, signal.SIGKILL)
        os._exit(status)


def _end_with(alive: int) -> None:
    os.read(alive, 1)  # nothing is ever written: the parent is gone, or breaks off
    for number, seconds in END:
        os.killpg(0, number)
        time.sleep(seconds)


def _write_to(log: Path) -> None:
    log.parent.mkdir(parents=True, exist_ok=True)
    null = Path(os.devnull).open("r+")  # noqa: SIM115
    with log.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # the command inherits it
        file.truncate(0)
        for number, target in enumerate((null, file, file)):
            os.dup2(target.fileno(), number)
    sys.stdout = null  # the log has what the command says, not what DVC says


def _reproduce(stage: str) -> int:
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    logging.getLogger("dvc").setLevel(logging.WARNING)
    try:
        with Repo(_wait_for_lock=True) as repo:
            return DONE if repo.reproduce(stage, single_item=True) else CACHED
    except DvcException as error:
        print(f"{error}: {error.__cause__}" if error.__cause__ else error, file=sys.stderr)
        return FAILED
