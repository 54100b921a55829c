"""One stage of DVC in a process of its own that nothing outlives. Linux only.

To import DVC takes longer than what it does for a stage, so :func:`run_stage` has a server that
has imported it and forks for every stage: a stage process, leader of a process group, which does
what ``dvc repro --single-item STAGE`` does. A socket joins it to :func:`run_stage`:

- whoever called ends, even by ``kill -9``, or :func:`end_stages` breaks the run off: the socket
  ends, and the stage process ends its group in DVC's way, so that no lock stays behind;
- the stage process ends: it kills what is left of its group, or :func:`run_stage` does.

The stage's log is locked until the last process that writes to it is gone, so a stage never runs
twice at a time, whatever died.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from socket import AF_UNIX, SHUT_WR, SOCK_SEQPACKET, recv_fds, send_fds, socket, socketpair
from types import FrameType

# commands end and DVC tidies up on SIGINT; where a command does not, DVC leaves it on SIGTERM
END = ((signal.SIGINT, 10.0), (signal.SIGTERM, 3.0), (signal.SIGKILL, 0.0))
END_SECONDS = 20.0  # more than all of END
TAIL_LINES = 15
ATTEMPTS = 3  # so often is a stage begun where its process is killed
# what Dask sets in its workers' environment, and stages must not see
DASK_SETS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS",
             "MALLOC_TRIM_THRESHOLD_", "PYTHONHASHSEED")  # fmt: skip

_running: list[tuple[str, socket]] = []  # (run, stage) of this process
_ended: set[str] = set()  # the runs that were broken off


def log_of(stage: str) -> Path:
    """Where a stage's output goes."""
    return Path("data", "logs", stage.replace("/", "_").replace(":", "_") + ".log")


def run_stage(
    share: int, given: Mapping[str, str], run_id: str, root: str, stage: str
) -> tuple[str, str]:
    """Bring one stage up to date, once more where its process is killed.

    Args:
        share: how many stages share the cores that this process may use.
        given: environment variables that the stage shall have.
        run_id: what :func:`end_stages` calls this run.
        root: the repository.
        stage: what DVC calls it.

    Returns:
        done, failed or cached (there was nothing to do), and the last lines of its log.
    """
    own = {"OMP_NUM_THREADS": str(max(1, len(os.sched_getaffinity(0)) // share)), **given}
    for _ in range(ATTEMPTS):
        with suppress(BrokenPipeError):
            group, outcome = _ask(json.dumps([stage, root, own]).encode(), run_id)
            with suppress(ProcessLookupError, ValueError):
                os.killpg(int(group), signal.SIGKILL)  # what it left behind where it was killed
            if outcome:
                state, tail = json.loads(outcome)
                return state, tail
        _server.cache_clear()  # perhaps it is the server that was killed
    return "failed", f"its process was killed {ATTEMPTS} times"


def _ask(request: bytes, run_id: str) -> tuple[bytes, bytes]:
    caller, its = socketpair(AF_UNIX, SOCK_SEQPACKET)
    with caller:
        with its:
            send_fds(_server(), [request], [its.fileno()])
        _running.append((run_id, caller))
        if run_id in _ended:
            caller.shutdown(SHUT_WR)
        group, outcome, _ = caller.recv(100), caller.recv(100_000), caller.recv(1)  # the end
        _running.remove((run_id, caller))
    return group, outcome


def end_stages(run_id: str) -> None:
    """End the stages of a run that this process started."""
    _ended.add(run_id)
    for of_run, stage in list(_running):
        if of_run == run_id:
            with suppress(OSError):  # it has just ended
                stage.shutdown(SHUT_WR)


def interrupt(number: int, frame: FrameType | None) -> None:
    """A signal's handler that does as Ctrl-C does, once: the end itself is not broken off."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


@cache
def _server() -> socket:
    server, its = socketpair(AF_UNIX, SOCK_SEQPACKET)
    own = {key: value for key, value in os.environ.items() if key not in DASK_SETS}
    # where the python of the stages' commands is
    own["PATH"] = f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}"
    code = "from motionmusic.app.schedule_worker import serve; serve()"
    with its:
        subprocess.Popen(
            [sys.executable, "-c", code],
            env=own, stdin=its.fileno(), stdout=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
    return server


def serve() -> None:
    """The server: forks for each request until nobody is left who could send one."""
    import dvc.cachemgr
    import dvc.data_cloud
    import dvc.repo.reproduce
    import dvc.scm
    import dvc.utils.strictyaml  # noqa: F401  (so that no stage need import these)

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how they ended
    requests = socket(fileno=0)
    while True:
        request, descriptors, _, _ = recv_fds(requests, 100_000, 1)
        if not request:
            return
        with socket(fileno=descriptors[0]) as caller:
            if os.fork() == 0:
                _stage_process(caller, *json.loads(request))


def _stage_process(caller: socket, stage: str, root: str, own: dict[str, str]) -> None:
    outcome = ("failed", "interrupted")
    try:
        os.setsid()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        # the caller may be deaf to Ctrl-C, the command must not be
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        signal.signal(signal.SIGTERM, interrupt)
        caller.send(str(os.getpid()).encode())
        threading.Thread(target=_end_with, args=[caller], daemon=True).start()
        os.chdir(root)
        os.environ |= own
        outcome = _reproduce(stage)
    except Exception as error:  # what this machine cannot do: it has no such folder …
        outcome = ("failed", f"{type(error).__name__}: {error}")
    finally:
        with suppress(OSError):
            caller.send(json.dumps(outcome).encode())
        os.killpg(0, signal.SIGKILL)  # itself and what the stage left behind


def _end_with(caller: socket) -> None:
    caller.recv(1)  # nothing is ever sent: the caller is gone, or breaks off
    for number, seconds in END:
        os.killpg(0, number)
        time.sleep(seconds)


def _reproduce(stage: str) -> tuple[str, str]:
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    logging.getLogger("dvc").setLevel(logging.WARNING)
    log = log_of(stage)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a") as file, Path(os.devnull).open() as null:
        fcntl.flock(file, fcntl.LOCK_EX)  # the command inherits it
        file.truncate(0)
        for number, target in enumerate((null, file, file)):
            os.dup2(target.fileno(), number)
    state = "failed"
    try:
        with Repo(_wait_for_lock=True) as repo:
            state = "done" if repo.reproduce(stage, single_item=True) else "cached"
    except DvcException as error:
        print(f"{error}: {error.__cause__}" if error.__cause__ else error, file=sys.stderr)
    except Exception:
        traceback.print_exc()
    tail = log.read_text(errors="replace").rstrip().splitlines()[-TAIL_LINES:]
    return state, "\n".join(tail)[-50_000:]
