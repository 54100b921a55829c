"""Stages side by side: overlap, order, failures, killed processes, interrupts, GPUs, a cluster."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from commands import until

from motionmusic.app import schedule
from motionmusic.app.schedule import Cluster, Stage, main, place, plan, settle, short, work_off
from motionmusic.app.schedule_worker import end_stages
from motionmusic.errors import UserError

SRC = Path(__file__).parents[1] / "src"
CORES = len(os.sched_getaffinity(0))
# NAME SECONDS OTHER…: leaves a trace of when and with what it ran, once others have begun; fails while
# broken-NAME is there
STEP = """
import glob, json, os, sys, time
name, seconds, *others = sys.argv[1], float(sys.argv[2]), *sys.argv[3:]
kept = ("CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS", "PYTHONHASHSEED", "WHERE")
trace = {"start": time.monotonic(), "pid": os.getpid(), **{key: os.environ.get(key) for key in kept}}
def keep():
    with open(f"traces/new-{os.getpid()}", "w") as file: json.dump(trace, file)
    os.replace(f"traces/new-{os.getpid()}", f"traces/{name}.{os.getpid()}")
keep()
while not all(glob.glob(f"traces/{other}.*") for other in others): time.sleep(0.05)
time.sleep(0.1 if os.path.exists("fast") else seconds)
print("this is", name)
if os.path.exists(f"broken-{name}"): sys.exit(f"{name} is broken")
with open(name, "w") as file: file.write(name)
trace["end"] = time.monotonic()
keep()
"""


# the launcher on a machine that takes its time
PATIENT = """
from motionmusic.app import schedule
schedule.CONNECT_SECONDS = 600
schedule.run(schedule.main)
"""


def step(
    name: str, *needs: str, seconds: float = 0.1, beside: str = "", **more: Any
) -> dict[str, Any]:
    """A stage of pipeline/task/x/dvc.yaml that writes the file NAME, beside others that run by then."""
    cmd = f"{sys.executable} step.py {name} {seconds} {beside}"
    return {"wdir": "../../..", "cmd": cmd, "deps": ["step.py", *needs], "outs": [name], **more}


class Project:
    """A pipeline in a folder of its own; its target is the stage ``all`` of dvc.yaml."""

    def __init__(self, folder: Path, *last: str, **stages: dict[str, Any]) -> None:
        self.folder = folder
        for name in ("traces", ".dvc", "pipeline/task/x"):
            (folder / name).mkdir(parents=True)
        (folder / ".dvc/config").write_text("[core]\n    no_scm = true\n    analytics = false\n")
        (folder / "step.py").write_text(STEP)
        (folder / "pipeline/task/x/dvc.yaml").write_text(yaml.safe_dump({"stages": stages}))
        alias = {"all": {"cmd": "echo all is there", "deps": list(last)}}
        (folder / "dvc.yaml").write_text(yaml.safe_dump({"stages": alias}))
        self.environment = {**os.environ, "PYTHONPATH": str(SRC)}
        self.environment.pop("OMP_NUM_THREADS", None)

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", PATIENT, *arguments],
            cwd=self.folder, env=self.environment | environment, start_new_session=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def run(self, *arguments: str, status: int = 0, **environment: str) -> tuple[str, str]:
        return ended(self.start(*arguments, **environment), status)

    def traces(self, name: str = "*") -> list[dict[str, Any]]:
        """What each run of a step left."""
        return [json.loads(path.read_text()) for path in self.folder.glob(f"traces/{name}.*")]

    def trace(self, name: str) -> dict[str, Any]:
        (only,) = self.traces(name)
        return only

    def up_to_date(self) -> bool:
        command = [sys.executable, "-m", "dvc", "repro", "all"]
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, check=True, capture_output=True, text=True
        )  # fmt: skip
        return "Running stage" not in done.stdout

    def is_quiet(self) -> bool:
        """No process works in the folder, and DVC's locks are open."""
        for process in Path("/proc").glob("[0-9]*/cwd"):
            try:
                if process.readlink() == self.folder:
                    return False
            except OSError:
                continue
        locks = (self.folder / ".dvc/tmp/rwlock").read_text()
        return not locks or not any(json.loads(locks).values())


def ended(process: subprocess.Popen[str], status: int) -> tuple[str, str]:
    out, err = process.communicate(timeout=600)
    assert process.returncode == status, out + err
    return out, err


def overlap(first: dict[str, Any], second: dict[str, Any]) -> bool:
    return bool(first["start"] < second["end"] and second["start"] < first["end"])


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_stages_of_many_pipelines_overlap_in_order(tmp_path: Path) -> None:
    half = step("half${item.i}", "source", beside="half0 half1", matrix={"i": ["0", "1"]})
    source = step("source", always_changed=True) | {"cmd": "echo 1 > source"}
    project = Project(tmp_path, "half0", "half1", source=source, half=half, other=step("other"))
    out, _ = project.run("all", "--workers", "2")
    first, second = project.trace("half0"), project.trace("half1")
    assert overlap(first, second)
    assert first["OMP_NUM_THREADS"] == str(max(1, CORES // 2))
    assert not project.traces("other")
    lines = out.splitlines()
    assert lines[0] == "[1 of 4] x source …"
    assert lines[1].startswith("[1 of 4] x source done in ")
    assert "[4 of 4] all …" in lines
    assert lines[-5:-3] == ["", "all is there"]
    assert lines[-2].startswith("4 done in ")
    assert lines[-1] == "checked: `dvc repro all` finds nothing to do"

    # what always runs has run, and nothing else had to
    out, _ = project.run("all")
    assert len(out.splitlines()) == 5
    assert "\n1 done, 3 cached in " in out or "\n3 cached, 1 done in " in out
    assert project.is_quiet()


def test_failure_stops_what_is_new_and_keep_going_only_what_needs_it(tmp_path: Path) -> None:
    project = Project(
        tmp_path, "last", "after_slow",
        bad=step("bad", beside="slow"), last=step("last", "bad"),
        slow=step("slow", beside="told"), after_slow=step("after_slow", "slow"),
    )  # fmt: skip
    (tmp_path / "broken-bad").touch()
    launcher = project.start("all", "--workers", "2")
    assert launcher.stdout is not None
    while "FAILED" not in (line := launcher.stdout.readline()):
        assert line
    (tmp_path / "traces/told.").touch()
    out, err = ended(launcher, 1)
    assert "\n1 done, 1 failed, 3 waiting in " in out  # slow has ended
    assert "failed: pipeline/task/x/dvc.yaml:bad, log: data/logs/pipeline_task_x_" in err
    assert "bad is broken" in err

    out, _ = project.run("all", "--workers", "2", "--keep-going", status=1)
    assert "\n1 cached, 1 done, 1 failed, 2 waiting in " in out
    assert project.traces("after_slow")
    assert not project.traces("last")


def test_stage_whose_process_is_killed_runs_again(tmp_path: Path) -> None:
    project = Project(tmp_path, "a", a=step("a", seconds=60))
    launcher = project.start("all", "--workers", "1", OMP_NUM_THREADS="7")
    until(project.traces)
    first = project.trace("a")["pid"]
    (tmp_path / "fast").touch()
    os.kill(os.getpgid(first), signal.SIGKILL)
    ended(launcher, 0)
    until(lambda: not Path(f"/proc/{first}").exists())
    assert sorted("end" in run for run in project.traces()) == [False, True]
    assert {run["OMP_NUM_THREADS"] for run in project.traces()} == {"7"}
    assert project.up_to_date()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_nothing_outlives_the_launcher(tmp_path: Path, number: signal.Signals) -> None:
    deaf = step("b") | {"cmd": "trap '' INT TERM; touch there; while true; do sleep 0.1; done"}
    b = deaf if number == signal.SIGTERM else step("b") | {"cmd": "touch there b"}
    project = Project(tmp_path, "a", "b", a=step("a", seconds=60), b=b)
    launcher = project.start("all", "--workers", "2")
    until(lambda: project.traces("a") and (tmp_path / "there").exists())
    if number == signal.SIGINT:
        os.killpg(launcher.pid, number)  # as a terminal does
    else:
        launcher.send_signal(number)
    if number == signal.SIGKILL:
        ended(launcher, -number)
        until(project.is_quiet)
        # as DVC leaves it where it is killed while it writes it
        (tmp_path / ".dvc/tmp/rwlock").write_text("")
        (tmp_path / "fast").touch()
        project.run("all")
        assert project.up_to_date()
    else:
        _, err = ended(launcher, 130)
        assert err == "interrupted; the same command goes on where this one stopped\n"
        assert project.is_quiet()


def test_leases_of_gpus_are_exclusive(tmp_path: Path) -> None:
    train = step("model${item.i}", seconds=0.5, matrix={"i": [0, 1, 2]}, meta={"gpu": True})
    project = Project(tmp_path, "table", train=train,
                      table=step("table", "model0", "model1", "model2"))  # fmt: skip
    project.run("all", "--workers", "1", "--gpus", "5,7")
    runs = project.traces("model*")
    assert {run["CUDA_VISIBLE_DEVICES"] for run in runs} == {"5", "7"}
    for device in "57":
        of_device = [run for run in runs if run["CUDA_VISIBLE_DEVICES"] == device]
        assert not any(overlap(a, b) for a in of_device for b in of_device if a is not b)
    assert project.trace("table")["CUDA_VISIBLE_DEVICES"] == ""


def test_says_what_is_left_where_something_was_changed_meanwhile(tmp_path: Path) -> None:
    late = step("b", "a") | {"cmd": "echo new > source; echo b > b"}
    project = Project(tmp_path, "b", a=step("a", "source"), b=late)
    (tmp_path / "source").write_text("old")
    _, err = project.run("all", status=1)
    assert err.startswith("`dvc repro all` would still run pipeline/task/x/dvc.yaml:a, ")


@contextmanager
def dask(program: str, *arguments: str, **environment: str) -> Iterator[None]:
    command = [sys.executable, "-m", f"distributed.cli.dask_{program}", "--no-dashboard"]
    env = os.environ | {"PYTHONPATH": str(SRC)} | environment
    process = subprocess.Popen([*command, *arguments], env=env, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def test_cluster(tmp_path: Path) -> None:
    train = step("a", seconds=60, meta={"gpu": True})
    project = Project(tmp_path, "a", a=train)
    file = tmp_path / "scheduler.json"
    here = ("--scheduler-file", str(file))
    with dask("scheduler", "--port", "0", "--host", "127.0.0.1", *here):
        until(lambda: file.exists() and file.read_text())
        address = json.loads(file.read_text())["address"]
        launcher = project.start("pipeline/task/x/dvc.yaml:a", "--scheduler", address)
        assert launcher.stdout is not None
        assert launcher.stdout.readline() == "waiting for workers\n"
        more = ("--local-directory", str(tmp_path), "--nthreads", "4", "--resources", "GPU=1")
        with dask("worker", *here, *more, WHERE="there"):
            until(project.traces)
            first = project.trace("a")
            assert first["WHERE"] == "there"
            assert first["OMP_NUM_THREADS"] == str(CORES)  # not what Dask sets
            (tmp_path / "fast").touch()
            os.kill(
                parent(os.getpgid(first["pid"])), signal.SIGKILL
            )  # the worker; Dask has another
            ended(launcher, 0)
    broken, again = sorted(project.traces("a"), key=lambda run: float(run["start"]))
    assert "end" not in broken
    assert "end" in again
    assert project.is_quiet()


def test_lost_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    said = []
    client = SimpleNamespace(status="running", run=lambda do, *_, **__: said.append(do))
    worker = {"resources": {}, "host": "h", "nthreads": 3}
    client.scheduler_info = lambda: {"workers": {"x": worker, "y": worker}}
    lost = SimpleNamespace(cancelled=lambda: True)
    client.submit = lambda *_, **__: lost
    monkeypatch.setattr("distributed.Client", lambda *_, **__: client)
    pool = Cluster("tcp://x:1")
    assert pool.slots() == ({False: 6, True: 0}, 6)
    client.status = "connecting"
    assert pool.slots() == ({False: 0, True: 0}, 1)
    stage = Stage("a", state="running", job=lost)
    settle(stage, pool)
    assert stage.state == "waiting"
    client.status = "closed"
    with pytest.raises(UserError, match="the scheduler: expected an answer"):
        work_off(pool, {"a": stage}, False)
    assert said == [end_stages]  # of those that still hear us


def test_place_longest_chain_first_and_on_gpus_what_wants_one() -> None:
    stages = {
        stage.name: stage
        for stage in (
            Stage("leaf"), Stage("root", chain=4), Stage("train", chain=2, gpu=True),
            Stage("train too", chain=1, gpu=True), Stage("blocked", frozenset({"root"}), chain=3),
            Stage("running", state="running"),
        )
    }  # fmt: skip

    def placed(plain: int, gpus: int, need_gpu: bool) -> list[str]:
        slots = {False: plain, True: gpus}
        return [f"{stage.name} {gpu:d}" for stage, gpu in place(stages, slots, need_gpu)]

    assert placed(0, 0, False) == placed(1, 0, False) == []
    assert placed(3, 0, False) == ["root 0", "train 0"]
    assert placed(1, 1, True) == ["train 1"]
    assert placed(2, 1, True) == ["root 0", "train 1"]
    assert placed(0, 1, True) == ["root 1"]
    assert placed(9, 0, True) == ["root 0", "leaf 0"]  # the worker with the GPU has died


@pytest.mark.parametrize(
    "arguments",
    ["--workers 0 a", "", "--gpus 0,0 a", "--gpus 0, a", "--scheduler tcp://x:1 --workers 2 a"],
)
def test_wrong_arguments(arguments: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as error:
        main(arguments.split())
    assert error.value.code == 2
    assert "error:" in capsys.readouterr().err


def test_unknown_target_and_no_pipeline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="a pipeline in this folder"):
        plan(["all"])
    Project(tmp_path, "b", a=step("a", meta={"gpu": True}), b=step("b", "a"))
    with pytest.raises(UserError, match="nothing_like_it"):
        plan(["all", "nothing_like_it"])
    found = {short(name): (stage.chain, stage.gpu) for name, stage in plan(["all"]).items()}
    assert found == {"x a": (2, True), "x b": (1, False), "all": (0, False)}


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "nonsense://x:1", "tcp://x:y"])
def test_unreachable_scheduler(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "CONNECT_SECONDS", 0.5)
    with pytest.raises(UserError, match="running Dask scheduler"):
        Cluster(address)
