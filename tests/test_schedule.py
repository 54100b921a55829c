"""Stages side by side: overlap, order, failures, dead workers, interrupts, leases of GPUs."""

from __future__ import annotations

import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from closure import ROOT, closure

from motionmusic.app import schedule
from motionmusic.app.schedule import TRAINING, Launcher, Stage, connect, main, place, plan
from motionmusic.app.schedule_worker import is_written, log_of
from motionmusic.errors import UserError

# NAME SECONDS: leaves a trace of when, where and with what it ran; fails while broken-NAME is there
STEP = """
import json, os, sys, time
name, seconds = sys.argv[1], float(sys.argv[2])
trace = {"start": time.time(), "pid": os.getpid(),
         **{key: os.environ.get(key) for key in ("CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS",
                                                 "PYTHONHASHSEED", "WHERE")}}
def keep():
    with open(f"traces/new-{os.getpid()}", "w") as file: json.dump(trace, file)
    os.replace(f"traces/new-{os.getpid()}", f"traces/{name}.{os.getpid()}")
keep()
time.sleep(0.1 if os.path.exists("fast") else seconds)
if os.path.exists(f"broken-{name}"): sys.exit(f"{name} is broken")
with open(name, "w") as file: file.write(name)
trace["end"] = time.time()
keep()
"""


class Project:
    """A pipeline in a folder of its own."""

    def __init__(self, folder: Path, stages: dict[str, Any]) -> None:
        self.folder = folder
        (folder / "traces").mkdir()
        (folder / "step.py").write_text(STEP)
        (folder / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}))
        (folder / ".dvc").mkdir()
        (folder / ".dvc" / "config").write_text(
            "[core]\n    no_scm = true\n    analytics = false\n"
        )

    @property
    def environment(self) -> dict[str, str]:
        own = {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"}
        return own | {"PYTHONPATH": str(ROOT / "src")}

    def dvc(self, *arguments: str) -> str:
        return subprocess.run(
            [sys.executable, "-m", "dvc", *arguments],
            cwd=self.folder, env=self.environment, check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "motionmusic.app.schedule", *arguments],
            cwd=self.folder, env=self.environment | environment, start_new_session=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def run(self, *arguments: str, status: int = 0, **environment: str) -> tuple[str, str]:
        """(stdout, stderr) of the launcher."""
        return ended(self.start(*arguments, **environment), status)

    def traces(self, name: str = "*") -> dict[str, dict[str, Any]]:
        """What each run of a step left, by NAME.PID."""
        paths = sorted(self.folder.glob(f"traces/{name}.*"))
        return {path.name: json.loads(path.read_text()) for path in paths}

    def trace(self, name: str) -> dict[str, Any]:
        (only,) = self.traces(name).values()
        return only

    def wait_for(self, *names: str) -> None:
        until(lambda: all(self.traces(name) for name in names))

    def nothing_is_left_to_do(self, target: str) -> bool:
        return "Running stage" not in self.dvc("repro", target)

    def processes(self) -> list[str]:
        """Those that work in the folder."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if (process / "cwd").readlink() == self.folder:
                    found.append((process / "cmdline").read_text().replace("\0", " "))
            except OSError:
                continue
        return found


def step(name: str, *needs: str, seconds: float = 0.1) -> dict[str, Any]:
    """A stage of dvc.yaml that writes the file NAME."""
    cmd = f"{sys.executable} step.py {name} {seconds}"
    return {"cmd": cmd, "deps": [*needs], "outs": [name]} if needs else {"cmd": cmd, "outs": [name]}


def done(counts: str, targets: str) -> list[str]:
    """What the launcher says at last when all went well."""
    return [counts, f"checked: `dvc repro {targets}` finds nothing to do"]


def ended(process: subprocess.Popen[str], status: int) -> tuple[str, str]:
    out, err = process.communicate(timeout=90)
    assert process.returncode == status, out + err
    return out, err


def until(true: Any, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def overlap(first: dict[str, Any], second: dict[str, Any]) -> bool:
    return bool(first["start"] < second["end"] and second["start"] < first["end"])


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


@pytest.mark.slow
def test_independent_stages_of_a_matrix_overlap_in_order(tmp_path: Path) -> None:
    half = step("half${item.side}", "start", seconds=2) | {"matrix": {"side": ["0", "1"]}}
    project = Project(
        tmp_path,
        {
            "start": step("start"), "half": half, "end": step("end", "half0", "half1"),
            "other": step("other"),
        },
    )  # fmt: skip
    out, _ = project.run("half", "--workers", "2")
    assert set(project.traces()) == {n for name in ("start", "half0", "half1")
                                     for n in project.traces(name)}  # fmt: skip
    start, first, second = (project.trace(name) for name in ("start", "half0", "half1"))
    assert overlap(first, second)
    assert start["end"] < min(first["start"], second["start"])
    assert out.splitlines()[0] == "3 waiting"
    assert out.splitlines()[-2:] == done("3 done", "half")
    # neither Dask's environment nor more threads than cores
    assert first["PYTHONHASHSEED"] == os.environ.get("PYTHONHASHSEED")
    assert first["OMP_NUM_THREADS"] == str(max(1, len(os.sched_getaffinity(0)) // 2))

    out, _ = project.run("end", "--workers", "2", OMP_NUM_THREADS="7")
    assert out.splitlines()[0] == "1 waiting, 3 cached"
    assert project.trace("end")["OMP_NUM_THREADS"] == "7"
    assert project.nothing_is_left_to_do("end")
    assert project.run("end")[0].splitlines() == done("4 cached", "end")
    assert not project.traces("other")
    assert project.processes() == []


@pytest.mark.slow
def test_failure_stops_what_is_new_and_keep_going_only_descendants(tmp_path: Path) -> None:
    project = Project(
        tmp_path,
        {
            "bad": step("bad"), "after_bad": step("after_bad", "bad"),
            "last": step("last", "after_bad"),
            "slow": step("slow", seconds=3), "after_slow": step("after_slow", "slow"),
        },
    )  # fmt: skip
    (tmp_path / "broken-bad").touch()
    targets = ("last", "after_slow", "--workers", "2")
    out, err = project.run(*targets, status=1)
    assert out.splitlines()[-1] == "1 failed, 1 waiting, 2 skipped, 1 done"  # slow has ended
    assert "failed: bad, log: data/logs/bad.log" in err
    assert "bad is broken" in err
    assert not project.traces("after_slow")

    out, _ = project.run(*targets, "--keep-going", status=1)
    assert out.splitlines()[-1] == "1 failed, 2 skipped, 1 done, 1 cached"
    assert len(project.traces("slow")) == len(project.traces("after_slow")) == 1
    assert not project.traces("after_bad")

    assert project.nothing_is_left_to_do("after_slow")


@pytest.mark.slow
def test_stage_of_a_killed_worker_runs_again(tmp_path: Path) -> None:
    project = Project(tmp_path, {"a": step("a", seconds=3), "b": step("b", "a")})
    launcher = project.start("b", "--workers", "1")
    project.wait_for("a")
    first = worker = project.trace("a")["pid"]
    while parent(worker) != launcher.pid:
        worker = parent(worker)
    os.kill(worker, signal.SIGKILL)
    until(lambda: not Path(f"/proc/{first}").exists(), seconds=10)
    (tmp_path / "fast").touch()
    out, _ = ended(launcher, 0)
    assert out.splitlines()[-2:] == done("2 done", "b")
    assert "a: waiting after" in out
    runs = project.traces("a")
    assert len(runs) == 2
    assert "end" not in runs[f"a.{first}"]
    assert project.nothing_is_left_to_do("b")


@pytest.mark.slow
def test_interrupt_ends_everything_and_the_next_run_completes(tmp_path: Path) -> None:
    stages = {"a": step("a", seconds=50), "b": step("b", seconds=50), "c": step("c", "a", "b")}
    project = Project(tmp_path, stages)
    for number in (signal.SIGTERM, signal.SIGINT):
        launcher = project.start("c", "--workers", "2")
        project.wait_for("a", "b")
        if number == signal.SIGINT:
            os.killpg(launcher.pid, number)  # as a terminal does
        else:
            launcher.send_signal(number)
        _, err = ended(launcher, 130)
        assert err == "interrupted; the same command goes on where this one stopped\n"
        assert project.processes() == []
        assert not is_written(tmp_path / "data/logs/a.log")
        for path in tmp_path.glob("traces/*"):
            path.unlink()

    (tmp_path / "fast").touch()
    out, _ = project.run("c", "--workers", "1")
    assert out.splitlines()[-2:] == done("3 done", "c")
    assert project.nothing_is_left_to_do("c")


@pytest.mark.slow
def test_leases_of_gpus_are_exclusive(tmp_path: Path) -> None:
    train = step("model${item.seed}", seconds=1) | {"matrix": {"seed": [0, 1, 2]}}
    models = ["model0", "model1", "model2"]
    project = Project(tmp_path, {"train_motion": train, "table": step("table", *models)})
    project.run("table", "--workers", "1", "--gpus", "5,7")
    runs = [project.trace(name) for name in models]
    assert {trace["CUDA_VISIBLE_DEVICES"] for trace in runs} == {"5", "7"}
    for device in "57":
        of_device = [trace for trace in runs if trace["CUDA_VISIBLE_DEVICES"] == device]
        assert not any(overlap(a, b) for a in of_device for b in of_device if a is not b)
    assert project.trace("table")["CUDA_VISIBLE_DEVICES"] == ""


@pytest.mark.slow
def test_says_what_is_left_where_something_was_changed_meanwhile(tmp_path: Path) -> None:
    late = step("b", "a") | {"cmd": "echo new > source; echo b > b"}
    project = Project(tmp_path, {"a": step("a", "source"), "b": late})
    (tmp_path / "source").write_text("old")
    out, err = project.run("b", "--workers", "1", status=1)
    assert out.splitlines()[-1] == "2 done"
    assert err.startswith("`dvc repro b` would still run a, b:")


@contextmanager
def dask(program: str, *arguments: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", f"distributed.cli.dask_{program}", "--no-dashboard"]
    env = os.environ | {"PYTHONPATH": str(ROOT / "src")} | environment
    process = subprocess.Popen([*command, *arguments], env=env, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)


@pytest.mark.slow
def test_joins_a_cluster(tmp_path: Path) -> None:
    project = Project(tmp_path, {"train_music": step("model"), "music": step("music")})
    file = tmp_path / "scheduler.json"
    here = ("--scheduler-file", str(file), "--local-directory", str(tmp_path))
    with dask("scheduler", "--port", "0", "--host", "127.0.0.1", "--scheduler-file", str(file)):
        until(file.exists)
        address = json.loads(file.read_text())["address"]
        launcher = project.start("train_music", "music", "--scheduler", address)
        assert launcher.stdout is not None
        while "waiting for workers" not in launcher.stdout.readline():
            assert launcher.poll() is None
        with dask("worker", *here, "--nthreads", "4", "--resources", "GPU=1", WHERE="there"):
            out, _ = ended(launcher, 0)
    assert out.splitlines()[-2:] == done("2 done", "train_music music")
    model, music = project.trace("model"), project.trace("music")
    assert {model["WHERE"], music["WHERE"]} == {"there"}
    assert model["OMP_NUM_THREADS"] == str(len(os.sched_getaffinity(0)))  # not what Dask sets
    assert not overlap(model, music)  # one GPU, one stage, however many threads
    assert project.nothing_is_left_to_do("train_music")


@pytest.mark.slow
def test_lost_scheduler_is_one_error_and_ends_the_stages(tmp_path: Path) -> None:
    project = Project(tmp_path, {"a": step("a", seconds=50)})
    file = tmp_path / "scheduler.json"
    here = ("--scheduler-file", str(file))
    with dask("scheduler", "--port", "0", "--host", "127.0.0.1", *here) as scheduler:
        until(file.exists)
        address = json.loads(file.read_text())["address"]
        with dask("worker", *here, "--local-directory", str(tmp_path)):
            launcher = project.start("a", "--scheduler", address)
            project.wait_for("a")
            scheduler.kill()
            _, err = ended(launcher, 2)
    assert err.startswith("error: the scheduler: expected an answer")
    until(lambda: not is_written(tmp_path / "data/logs/a.log"))


def test_stage_lost_from_sight_is_begun_three_times() -> None:
    stage = Stage("a")
    launcher = Launcher(None, {"a": stage}, False, False, {}, lambda line: None)
    for state in ("waiting", "waiting", "failed"):
        stage.state, stage.future = "running", SimpleNamespace(status="cancelled")
        launcher._settle(stage, stage.future)
        assert stage.state == state


def test_places_the_longest_chain_first_and_trainings_on_gpus() -> None:
    stages = {
        stage.name: stage
        for stage in (
            Stage("leaf"), Stage("root", chain=4), Stage("train_motion@x-0", chain=2),
            Stage("cotrain@x-0", chain=1), Stage("blocked", frozenset({"root"}), chain=3),
            Stage("running", state="running", worker="busy"),
        )
    }  # fmt: skip
    plain = {"nthreads": 1, "resources": {}, "status": "running", "host": "h"}
    gpu = plain | {"nthreads": 4, "resources": {"GPU": 1}}

    def placed(**workers: dict[str, Any]) -> dict[str, str]:
        need_gpu = "g" in workers
        return {stage.name: worker for stage, worker in place(stages, workers, need_gpu)}

    assert placed() == {}
    assert placed(busy=plain) == {}
    assert placed(busy=plain, two=plain | {"nthreads": 2}) == {
        "root": "two",
        "train_motion@x-0": "two",
    }
    assert placed(busy=plain, g=gpu) == {"train_motion@x-0": "g"}
    assert placed(a=plain, g=gpu) == {"root": "a", "train_motion@x-0": "g"}
    assert placed(g=gpu) == {"root": "g"}
    assert placed(a=plain | {"status": "closing"}) == {}
    # the worker with the GPU has died: its trainings wait for it
    one = {"a": plain | {"nthreads": 4}}
    assert [stage.name for stage, _ in place(stages, one, True)] == ["root", "leaf"]


def test_trainings_are_the_stages_that_train() -> None:
    definitions = yaml.safe_load((ROOT / "dvc.yaml").read_text("utf-8"))["stages"]
    train = []
    for name, definition in definitions.items():
        script = re.search(r"stages/\w+\.py", str(definition.get("do", definition)["cmd"]))
        assert script is not None
        if "stages/training_stage.py" in closure(ROOT / script.group()):
            train.append(name)
    assert train == list(TRAINING)


def test_worker_runs_without_torch() -> None:
    """A Dask worker and each guard start in a moment, and leave the GPU's memory alone."""
    code = "import sys; import motionmusic.app.schedule; assert 'torch' not in sys.modules"
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)


def test_guard_waits_for_the_log_and_ends_what_ignores_signals(tmp_path: Path) -> None:
    code = "from motionmusic import schedule_worker as g; g.END = ((2, 0.3), (15, 0.3)); g.guard()"
    command = "trap '' INT TERM; touch there; while true; do sleep 0.1; done"
    log = tmp_path / log_of("a")
    log.parent.mkdir(parents=True)
    with log.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        guard = subprocess.Popen(
            [sys.executable, "-c", code, str(log), "/bin/sh", "-c", command],
            cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
            stdin=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        time.sleep(0.5)
        assert not (tmp_path / "there").exists()
    until((tmp_path / "there").exists)
    assert is_written(log)
    guard.terminate()
    assert guard.wait(10) == -signal.SIGKILL
    until(lambda: not is_written(log), seconds=5)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--workers", "0", "a"], ["--workers", "-1", "a"], ["--workers", "many", "a"], [],
        ["--gpus", "0,0", "a"], ["--gpus", "0,", "a"],
        ["--scheduler", "tcp://x:1", "--workers", "2", "a"],
    ],
)  # fmt: skip
def test_wrong_arguments(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as error:
        main(arguments)
    assert error.value.code == 2
    assert "error:" in capsys.readouterr().err


def test_unknown_target_and_no_pipeline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="a pipeline in this folder"):
        plan(["a"])
    project = Project(tmp_path, {"a": step("a"), "b": step("b", "a")})
    with pytest.raises(UserError, match="nothing_like_it"):
        plan(["b", "nothing_like_it"])
    assert {name: stage.needs for name, stage in plan(["b"]).items()} == {"a": set(), "b": {"a"}}
    out, err = project.run("nothing_like_it", status=2)
    assert out == ""
    assert err.startswith("error: dvc.yaml: nothing_like_it: expected stages that DVC can find")


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "nonsense://x:1", "tcp://x:y"])
def test_unreachable_scheduler(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "CONNECT_SECONDS", 0.5)
    with pytest.raises(UserError, match="running Dask scheduler"), connect(address, 1, []):
        pass
