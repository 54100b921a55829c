"""kill −9 at any moment: the next run ends with the bytes of a run that was never interrupted."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from closure import ROOT

KILLS = 20
# The stage as DVC runs it, with a checkpoint after every epoch.
EAGER = """
import os, runpy, sys
import motionmusic.training.checkpoint as checkpoint
init = checkpoint.Store.__init__
checkpoint.Store.__init__ = lambda self, folder, name: init(self, folder, name, 0.0, float("inf"))
script = sys.argv.pop(1)
sys.argv[0] = script
sys.path.insert(0, os.path.dirname(script))
runpy.run_path(script, run_name="__main__")
"""
COTRAIN = ("cotrain", "synthetic", "joints", "dropout", "0")
BEFORE = (
    ("train_motion", "synthetic", "joints", "0"),
    ("train_music", "synthetic", "dropout", "0"),
)


def start(stage: str, *given: str) -> subprocess.Popen[str]:
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT / "src")}
    environment.pop("DVC_STAGE", None)
    return subprocess.Popen(
        [sys.executable, "-c", EAGER, str(ROOT / "stages" / f"{stage}.py"), *given],
        stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True,
    )  # fmt: skip


def run(stage: str, *given: str) -> tuple[int, str]:
    process = start(stage, *given)
    _, said = process.communicate()
    return process.returncode, said


def results(space: Path) -> dict[str, str]:
    """Every output with its bytes; the record of the run has its seconds, so it is left out."""
    return {
        str(path.relative_to(space)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(space.rglob("*"))
        if path.is_file() and "runs" not in path.parts
    }


@pytest.mark.slow
def test_killed_twenty_times_it_ends_with_the_same_bytes(space: Path) -> None:
    for given in BEFORE:
        assert run(*given)[0] == 0
    begun = time.monotonic()
    status, said = run(*COTRAIN)
    whole_s = time.monotonic() - begun
    assert status == 0, said
    expected = results(space)
    assert not (space / "data/synthetic/checkpoints" / "cotrain-joints-dropout-0").exists()

    # as DVC does before it runs a stage again
    shutil.rmtree(space / "data/synthetic/models/cotrain-joints-dropout-0")
    (space / "data/synthetic/predictions/dropout-joints-0.parquet").unlink()
    chance = random.Random(0)
    kills = 0
    for attempt in range(10 * KILLS):
        process = start(*COTRAIN)
        # mostly within the training, sometimes while modules are imported
        wait = chance.uniform(0.2, 1.0) * whole_s if kills < KILLS else None
        try:
            status = process.wait(wait)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            kills += 1
            for path in space.rglob("*"):
                # what has its final name is whole: a checkpoint's name holds a digest of its bytes
                if path.suffix == ".safetensors" and "checkpoints" in path.parts:
                    digest = hashlib.sha256(path.read_bytes()).hexdigest()
                    assert path.name.startswith(".") or path.stem.endswith(digest[:16]), attempt
            continue
        assert status == 0, process.stderr and process.stderr.read()
        if kills >= KILLS:
            break
        shutil.rmtree(space / "data/synthetic/models/cotrain-joints-dropout-0")
    assert kills >= KILLS
    assert results(space) == expected


def test_a_training_does_not_outlive_the_dvc_that_started_it(space: Path) -> None:
    """A parent starts the stage as DVC would and is killed: the stage is gone, its lock is free."""
    script = f"""
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", {EAGER!r}, *sys.argv[1:]])
print(child.pid, flush=True)
time.sleep(600)
"""
    given = [str(ROOT / "stages" / "train_motion.py"), *BEFORE[0][1:]]
    parent = subprocess.Popen(
        [sys.executable, "-c", script, *given], stdout=subprocess.PIPE, text=True,
        start_new_session=True,
        env=os.environ | {"DVC_STAGE": "x", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT / "src")},
    )  # fmt: skip
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    lock = space / "data/synthetic/checkpoints/motion-joints-0/lock"
    until(lambda: lock.exists() and lock.read_text().strip() == str(child))
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    until(lambda: not alive(child))
    assert run(*BEFORE[0])[0] == 0


def test_two_trainings_of_one_cell_are_refused(space: Path) -> None:
    first = start(*BEFORE[0])
    lock = space / "data/synthetic/checkpoints/motion-joints-0/lock"
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


def until(true: object, seconds: float = 60) -> None:
    assert callable(true)
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1][:3]
    except FileNotFoundError:
        return False
