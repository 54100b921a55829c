"""kill −9 at any epoch: the next run ends with the bytes of a run that was never interrupted."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from closure import ROOT
from commands import until
from params_file import set_params
from small_task import digests
from stage_process import KilledAt, run

COTRAIN = ("cotrain", "synthetic", "joints", "dropout", "0")
BEFORE = (("train_motion", "synthetic", "joints", "0"), ("train_music", "synthetic", "0"))
MOTION = (str(ROOT / "stages" / "train_motion.py"), "synthetic", "joints", "0")


def start(*command: str, **variables: str) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    environment.pop("DVC_STAGE", None)
    return subprocess.Popen(
        [sys.executable, *command], stdout=subprocess.PIPE, text=True, start_new_session=True,
        env=environment | variables,
    )  # fmt: skip


def results(space: Path) -> dict[str, str]:
    """Every output with its bytes; the record of the run has its seconds, so it is left out."""
    return {path: found for path, found in digests(space).items() if "/runs/" not in path}


def test_killed_five_times_it_ends_with_the_same_bytes(small: Path) -> None:
    quick = {"train.synthetic.recipe": "quick"}  # which draws at every step
    set_params(quick | {"train.synthetic.epochs": 1, "cotrain.synthetic.epochs": 5})
    for given in BEFORE:
        assert run(*given)[0] == 0
    status, said = run(*COTRAIN)
    assert status == 0, said
    expected = results(small)
    kept = small / "data/synthetic/checkpoints" / "cotrain-joints-dropout-0"
    assert not kept.exists()

    # as DVC does before it runs a stage again
    shutil.rmtree(small / "data/synthetic/cells/cotrain-joints-dropout-0")
    # each goes on from the one before; a fold has 5 epochs, so the last dies in the second fold
    for at, when in (
        (1, "before"), (2, "after"), (2, "half written"), (1, "two kept"), (2, "after"),
    ):  # fmt: skip
        status, said = run(*COTRAIN, prepare=KilledAt(at, when))
        assert status == -signal.SIGKILL, said
        for path in kept.rglob("*.safetensors"):
            # what has its final name is whole: a checkpoint's name holds a digest of its bytes
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            assert path.name.startswith(".") or path.stem.endswith(digest[:16]), (at, when)
    assert {path.name.split("-")[0] for path in kept.rglob("fold*")} == {"fold0", "fold1"}
    status, said = run(*COTRAIN)
    assert status == 0, said
    assert results(small) == expected


def test_a_training_does_not_outlive_the_dvc_that_started_it(small: Path) -> None:
    """A parent starts the stage as DVC would and is killed: the stage is gone, its lock is free."""
    script = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, *sys.argv[1:]])
print(child.pid, flush=True)
time.sleep(600)
"""
    set_params({"train.synthetic.epochs": 999})
    parent = start("-c", script, *MOTION, DVC_STAGE="x")
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    lock = small / "data/synthetic/checkpoints/motion-joints-0/lock"
    until(lambda: lock.exists() and lock.read_text().strip() == str(child))
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    until(lambda: not alive(child))
    set_params({"train.synthetic.epochs": 1})
    assert run(*BEFORE[0])[0] == 0


def test_two_trainings_of_one_cell_are_refused(small: Path) -> None:
    set_params({"train.synthetic.epochs": 999})
    first = start(*MOTION)
    lock = small / "data/synthetic/checkpoints/motion-joints-0/lock"
    try:
        until(lambda: lock.exists() and lock.read_text().strip() == str(first.pid))
        os.kill(first.pid, signal.SIGSTOP)
        status, said = run(*BEFORE[0])
        assert status == 2
        assert f"process {first.pid}" in said
        assert "Traceback" not in said
    finally:
        os.kill(first.pid, signal.SIGCONT)
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()


def alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1][:3]
    except FileNotFoundError:
        return False
