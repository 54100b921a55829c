"""A team: two clones, git, and a remote that is a folder or speaks S3 (docs/share.md)."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import requests
import yaml
from closure import ROOT
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

# this repository's stages from synthetic dances to their leak audit, with scripts that do no work
TARGET = "pipeline/task/synthetic/dvc.yaml:leakage"
STAGES = ("synthetic", "joints", "bones", "merge", "music", "segment", "leakage")
METRICS = Path("metrics/synthetic/leakage.json")
OUTPUT = "data/synthetic/merged"  # what the tests damage: an output of several files

# writes OUTS, of which the audit's and the split's depend on their parameters
SCRIPT = """
import json, pathlib, sys, yaml
params = yaml.safe_load(pathlib.Path("params.yaml").read_text())
known = {
    "leakage": {"near_below": params["leakage"]["near"], "one_nearest_neighbour": {"accuracy": 1}},
    "segment": params["segment"]["synthetic"],
}
for name in OUTS:
    content = known.get(pathlib.Path(sys.argv[0]).stem, {}) | {"name": name}
    files = [name] if "." in name else [f"{name}/{n}.json" for n in range(5)]
    for file in map(pathlib.Path, files):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(content | {"file": file.name}))
"""
# enough for a server that checks no signature
SIGNED = {"Authorization": "AWS4-HMAC-SHA256 Credential=fake/20240101/us-east-1/s3/aws4_request"}


class Clone:
    """A clone of the project, with a state of its own for DVC, and nothing of the user's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        state = folder.with_name(f"{folder.name}-state")
        self.environment = os.environ | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(folder / "src"),
            "HOME": str(state),
            "DVC_SITE_CACHE_DIR": str(state / "site"),
            "DVC_GLOBAL_CONFIG_DIR": str(state / "global"),
            "DVC_SYSTEM_CONFIG_DIR": str(state / "system"),
            "AWS_ACCESS_KEY_ID": "fake",
            "AWS_SECRET_ACCESS_KEY": "fake",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def run(self, *command: str, status: int = 0, **environment: str) -> str:
        """What the command prints, both streams; its status must be ``status``."""
        ended = subprocess.run(
            command, cwd=self.folder, env=self.environment | environment, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        assert ended.returncode == status, ended.stdout
        return ended.stdout

    def dvc(self, *arguments: str, status: int = 0) -> str:
        return self.run("dvc", *arguments, status=status)

    def git(self, *arguments: str) -> str:
        return self.run("git", *arguments)

    def cloned(self, folder: Path) -> Clone:
        """A fresh clone of the same origin, without any data."""
        self.git("clone", "--quiet", self.git("remote", "get-url", "origin").strip(), str(folder))
        return Clone(folder)

    def cache(self) -> Path:
        return self.folder / ".dvc" / "cache"

    def objects(self) -> set[str]:
        """MD5 names of all objects of the cache."""
        folder = self.cache() / "files" / "md5"
        names = (path.parent.name + path.name for path in folder.rglob("*") if path.is_file())
        return {name for name in names if re.fullmatch("[0-9a-f]{32}(.dir)?", name)}

    def names(self, output: str) -> list[str]:
        """MD5 names of the output's objects, the directory's own first."""
        locks = [yaml.safe_load(path.read_text()) for path in self.folder.rglob("dvc.lock")]
        (own,) = [
            str(out["md5"])
            for lock in locks
            for stage in lock["stages"].values()
            for out in stage.get("outs", [])
            if out["path"] == output
        ]
        listing = object_path(self.cache(), own)
        return [own, *(entry["md5"] for entry in json.loads(listing.read_text("utf-8")))]

    def written(self) -> dict[str, int]:
        """When each file of data, metrics and plots was written last, in ns."""
        return {
            str(path.relative_to(self.folder)): path.stat().st_mtime_ns
            for top in ("data", "metrics", "plots")
            for path in (self.folder / top).rglob("*")
            if path.is_file()
        }

    def runs_nothing(self) -> None:
        """`dvc repro` runs no stage and writes no file."""
        before = self.written()
        said = self.dvc("repro", TARGET)
        assert said.count("didn't change, skipping") == len(STAGES)
        assert "Running stage" not in said
        assert before == self.written()


def object_path(folder: Path, name: str) -> Path:
    return folder / "files" / "md5" / name[:2] / name[2:]


class Quiet(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


class S3Server:
    """moto's server on a free port of loopback; on demand it kills who uploads."""

    def __init__(self) -> None:
        self.app = DomainDispatcherApplication(create_backend_app)
        self.left, self.victim = 0, Future[int]()
        self.server = make_server(
            "127.0.0.1", 0, self.answer, threaded=True, request_handler=Quiet
        )  # fmt: skip
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        if self.left and environ["REQUEST_METHOD"] == "PUT":
            self.left -= 1
            if self.left == 0:
                os.kill(self.victim.result(), signal.SIGKILL)
        answer: Iterable[bytes] = self.app(environ, start_response)
        return answer


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    running = S3Server()
    yield running
    running.server.shutdown()


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """Clone A, in a path with a space and an umlaut, after `dvc repro`; pushed to a bare repository."""
    top = tmp_path_factory.mktemp("für alle zwei")
    a = Clone(top / "a")
    for name in ("download", "corpus/synthetic", "task/synthetic"):
        here, there = ROOT / "pipeline" / name, a.folder / "pipeline" / name
        there.mkdir(parents=True)
        text = yaml.safe_load((here / "dvc.yaml").read_text("utf-8"))
        text["stages"] = {key: text["stages"][key] for key in STAGES if key in text["stages"]}
        (there / "dvc.yaml").write_text(yaml.safe_dump(text))
        if (here / "params.yaml").exists():
            shutil.copy(here / "params.yaml", there)
        for stage in text["stages"].values():
            write_sources(a.folder, stage)
    for name in (".gitignore", ".dvcignore", "params.yaml"):
        shutil.copy(ROOT / name, a.folder)
    (a.folder / ".dvc").mkdir()
    for name in ("config", ".gitignore"):
        shutil.copy(ROOT / ".dvc" / name, a.folder / ".dvc")
    a.git("init", "--quiet", "--initial-branch=main")
    assert a.dvc("repro", TARGET).count("Running stage") == len(STAGES)
    a.git("add", "--all")
    a.git("commit", "--quiet", "--message", "the data")
    a.git("clone", "--quiet", "--bare", ".", str(top / "origin.git"))
    a.git("remote", "add", "origin", str(top / "origin.git"))
    return a


def write_sources(folder: Path, stage: dict[str, Any]) -> None:
    """The script of a stage, and a file in each room that it names."""
    outs = [out if isinstance(out, str) else next(iter(out)) for out in stage["outs"]]
    names = re.sub(r"\$\{\w+\}", "synthetic", repr(outs))
    for dep in stage["deps"]:
        path = folder / dep
        if dep.startswith("stages/"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(f"OUTS = {names}{SCRIPT}")
        elif dep.startswith("src/"):
            path.mkdir(parents=True, exist_ok=True)
            (path / "code.py").touch()


@pytest.fixture
def a(origin: Clone, tmp_path: Path) -> Clone:
    """A with its data, and a folder as its remote, not pushed."""
    return with_remote(origin, tmp_path, {"url": str(tmp_path / "remote")})


def with_remote(origin: Clone, tmp_path: Path, settings: dict[str, str]) -> Clone:
    bare = tmp_path / "origin.git"
    shutil.copytree(origin.folder.parent / "origin.git", bare)
    shutil.copytree(origin.folder, tmp_path / "a")
    a = Clone(tmp_path / "a")
    a.git("remote", "set-url", "origin", str(bare))
    lines = "".join(f"    {key} = {value}\n" for key, value in settings.items())
    with (a.folder / ".dvc/config").open("a") as config:
        config.write(f"    remote = team\n['remote \"team\"']\n{lines}    verify = true\n")
    a.git("commit", "--quiet", "--all", "--message", "a remote")
    a.git("push", "--quiet", "origin", "main")
    return a


def test_a_fresh_clone_pulls_over_all_locks_and_runs_no_stage(a: Clone, tmp_path: Path) -> None:
    a.dvc("push")
    b = a.cloned(tmp_path / "b")
    assert len(list(b.folder.rglob("dvc.lock"))) == 3
    assert not (b.folder / "data" / "synthetic").exists()
    b.dvc("pull")
    b.runs_nothing()
    assert (b.folder / METRICS).read_bytes() == (a.folder / METRICS).read_bytes()
    assert b.git("status", "--porcelain") == ""

    # what is lost is pulled again
    object_path(b.cache(), b.names(OUTPUT)[1]).unlink()
    shutil.rmtree(b.folder / OUTPUT)
    b.dvc("pull")
    assert b.dvc("status").strip() == "Data and pipelines are up to date."


def test_an_experiment_changes_one_line_and_is_compared_by_the_other(
    a: Clone, tmp_path: Path
) -> None:
    shutil.copytree(a.folder, tmp_path / "b")
    b = Clone(tmp_path / "b")
    ran = b.dvc("exp", "run", "--name", "other-split", "-S", "segment.synthetic.seed=1", TARGET)
    assert [name.split(":")[1] for name in re.findall(r"Running stage '(.+)'", ran)] == [
        "segment", "leakage",
    ]  # fmt: skip
    assert b.git("diff", "--numstat", "params.yaml").split() == ["1", "1", "params.yaml"]
    b.dvc("exp", "push", "origin", "other-split")

    a.dvc("exp", "pull", "origin", "other-split")
    table = json.loads(a.dvc("exp", "diff", "HEAD", "other-split", "--json"))
    assert table["params"]["params.yaml"]["segment.synthetic.seed"] == {
        "old": 0, "new": 1, "diff": 1,
    }  # fmt: skip
    a.dvc("exp", "apply", "other-split")
    assert (a.folder / METRICS).read_bytes() == (b.folder / METRICS).read_bytes()
    a.runs_nothing()


def nears(clone: Clone) -> dict[str, float]:
    """Of every experiment the parameter that it changed."""
    shown = json.loads(clone.dvc("exp", "show", "--json"))
    return {
        row["name"]: row["revs"][0]["data"]["params"]["params.yaml"]["data"]["leakage"]["near"]
        for row in shown[1]["experiments"]
    }


def test_two_experiments_from_the_queue_at_once_change_nothing_here(a: Clone) -> None:
    before = a.written()
    for name, value in (("one", "0.02"), ("two", "0.03")):
        a.dvc("exp", "run", "--queue", "--name", name, "-S", f"leakage.near={value}", TARGET)
    a.dvc("queue", "start", "-j", "2")
    for name in ("one", "two"):
        a.dvc("queue", "logs", "--follow", name)
    a.dvc("queue", "stop")
    assert nears(a) == {"one": 0.02, "two": 0.03}
    assert a.written() == before


def test_an_experiment_in_a_temporary_folder_and_a_worktree(a: Clone, tmp_path: Path) -> None:
    before = a.written()
    a.dvc("exp", "run", "--temp", "--name", "nearer", "-S", "leakage.near=0.01", TARGET)
    assert nears(a) == {"nearer": 0.01}
    assert a.written() == before
    a.git("worktree", "add", "--quiet", str(tmp_path / "tree"))
    tree = Clone(tmp_path / "tree")
    tree.dvc("cache", "dir", "--local", str(a.cache()))
    tree.dvc("checkout")
    tree.runs_nothing()


def test_a_bucket_that_speaks_s3(origin: Clone, server: S3Server, tmp_path: Path) -> None:
    """A push killed at its 20th upload loses nothing; it is pushed again and pulled elsewhere."""
    requests.put(f"{server.url}/team", headers=SIGNED, timeout=300).raise_for_status()
    settings = {"url": "s3://team/motionmusic", "endpointurl": server.url}
    a = with_remote(origin, tmp_path, settings)
    server.left = 20
    push = subprocess.Popen(
        ["dvc", "push"], cwd=a.folder, env=a.environment,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    server.victim.set_result(push.pid)
    assert push.wait() == -signal.SIGKILL
    b = a.cloned(tmp_path / "b")
    assert "failed to pull" in b.dvc("pull", status=1)  # said, not passed over
    a.dvc("push")
    listing = requests.get(f"{server.url}/team?list-type=2", headers=SIGNED, timeout=300).text
    keys = re.findall("<Key>(.+?)</Key>", listing)
    assert {"".join(key.split("/")[-2:]) for key in keys} == a.objects()
    b.dvc("pull")
    b.runs_nothing()


def test_the_workflow_compares_the_demo_of_base_and_head(origin: Clone, tmp_path: Path) -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text("utf-8"))
    steps = workflow["jobs"]["demo"]["steps"]
    (script,) = [step["run"] for step in steps if step.get("name") == "dvc metrics diff"]
    ci = origin.cloned(tmp_path / "ci")
    shutil.copytree(origin.cache(), ci.cache())
    (ci.folder / "Makefile").write_text(f"demo:\n\tdvc repro {TARGET}\n")
    # leakage.json stands for the demo's metrics
    for path in (ci.folder / "pipeline/task/synthetic/dvc.yaml",):
        text = path.read_text("utf-8")
        path.write_text(text + "metrics:\n  - ../../../metrics/synthetic/leakage.json\n")
    ci.git("rm", "-r", "--quiet", "metrics", "plots")
    ci.git("add", "--all")
    ci.git("commit", "--quiet", "--message", "base")
    base = ci.git("rev-parse", "HEAD").strip()
    params = ci.folder / "params.yaml"
    params.write_text(params.read_text("utf-8").replace("near: 0.25", "near: 0.3"))
    ci.git("commit", "--quiet", "--all", "--message", "head")
    ci.run("make", "demo")
    summary = tmp_path / "summary.md"
    ci.run("bash", "-e", "-c", script, BASE=base, GITHUB_STEP_SUMMARY=str(summary))
    rows = {
        cells[2].strip(): [cell.strip() for cell in cells[3:5]]
        for line in summary.read_text("utf-8").splitlines()
        if line.startswith("|") and (cells := line.split("|"))
    }
    assert [float(cell) for cell in rows["near_below"]] == [0.25, 0.3]
    assert "one_nearest_neighbour.accuracy" not in rows  # only what changed
    assert (ci.folder / "metrics.md").read_text("utf-8") == summary.read_text("utf-8")
