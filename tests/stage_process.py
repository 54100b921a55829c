"""Stages in processes of their own that start in no time: a server has the libraries and forks."""

from __future__ import annotations

import multiprocessing
import os
import runpy
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from closure import ROOT

SERVER = multiprocessing.get_context("forkserver")
# torch imports _dynamo, which takes seconds, with the first optimiser
SERVER.set_forkserver_preload(["motionmusic.training.phases", "torch._dynamo", "stage_process"])


def run(stage: str, *given: str, prepare: Callable[[], None] | None = None) -> tuple[int, str]:
    """Exit status (negative: the signal) and standard error; ``prepare`` is called in the process."""
    log = Path("stderr").resolve()
    process = SERVER.Process(target=_stage, args=(stage, given, prepare, Path.cwd(), log))
    process.start()
    process.join()
    assert process.exitcode is not None
    said = log.read_text("utf-8")
    log.unlink()
    return process.exitcode, said


def _stage(stage: str, given: tuple[str, ...], prepare: Any, folder: Path, log: Path) -> None:
    os.chdir(folder)
    os.environ.pop("DVC_STAGE", None)
    os.dup2(os.open(log, os.O_CREAT | os.O_WRONLY), 2)
    if prepare is not None:
        prepare()
    script = ROOT / "stages" / f"{stage}.py"
    sys.argv = [str(script), *given]
    sys.path.insert(0, str(script.parent))
    runpy.run_path(str(script), run_name="__main__")


class KilledAt:
    """Kills the process at its ``at``th checkpoint; there is one after every epoch."""

    def __init__(self, at: int, when: str) -> None:
        self.at, self.when = at, when

    def __call__(self) -> None:
        """Put the trap into motionmusic.training.checkpoint."""
        from motionmusic.training import checkpoint

        init, save, write = (
            checkpoint.Store.__init__, checkpoint.Store.save, vars(checkpoint)["write_bytes"],
        )  # fmt: skip
        saved = 0

        def die(when: str) -> None:
            if (saved, self.when) == (self.at, when):
                os.kill(os.getpid(), signal.SIGKILL)

        def eager(store: Any, folder: Path, name: str) -> None:
            init(store, folder, name, 0.0, float("inf"))

        def counted(*given: Any, **named: Any) -> None:
            nonlocal saved
            saved += 1
            die("before")
            save(*given, **named)
            die("after")

        def written(path: Path, content: bytes) -> None:
            if (saved, self.when) == (self.at, "half written"):
                (path.parent / f".{path.name}.cut").write_bytes(content[: len(content) // 2])
            die("half written")
            write(path, content)
            die("two kept")

        checkpoint.Store.__init__ = eager  # type: ignore[assignment,method-assign]
        checkpoint.Store.save = counted  # type: ignore[method-assign]
        vars(checkpoint)["write_bytes"] = written
