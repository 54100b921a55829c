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
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import requests
import yaml
from closure import ROOT
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

from motionmusic.cache import main as check_cache
from motionmusic.cache import objects

pytestmark = pytest.mark.slow

# this repository's stages from synthetic dances to their leak audit: seconds, no training
STAGES = ("download_synthetic", "joints", "bones", "merge", "music", "units_unknown", "segment",
          "leakage")  # fmt: skip
METRICS = Path("metrics/synthetic/leakage.json")
OUTPUT = "data/synthetic/merged"  # what the tests damage: an output of 12 files

# `dvc push` that is killed when it gives its 20th object, whole, its final name in the folder
KILLED_PUSH = """
import os, signal, sys
from dvc.cli import main
left = 20
def watch(event, arguments):
    global left
    if event == "os.rename" and str(arguments[1]).startswith(sys.argv[1]):
        left -= 1
        if left == 0: os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(watch)
sys.exit(main(["push"]))
"""


# enough for a server that checks no signature
SIGNED = {"Authorization": "AWS4-HMAC-SHA256 Credential=fake/20240101/us-east-1/s3/aws4_request"}


class Clone:
    """A clone of the project, with a state of its own for DVC, and nothing of the user's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        state = folder.with_name(f"{folder.name}-state")
        self.environment = {
            key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "DVC_"))
        } | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": os.pathsep.join([str(folder / "src"), os.environ.get("PYTHONPATH", "")]),
            "HOME": str(state),
            "DVC_SITE_CACHE_DIR": str(state / "site"),
            "DVC_GLOBAL_CONFIG_DIR": str(state / "global"),
            "DVC_SYSTEM_CONFIG_DIR": str(state / "system"),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            **{f"GIT_{who}_NAME": folder.name for who in ("AUTHOR", "COMMITTER")},
            **{f"GIT_{who}_EMAIL": "nobody@localhost" for who in ("AUTHOR", "COMMITTER")},
            "AWS_ACCESS_KEY_ID": "fake",
            "AWS_SECRET_ACCESS_KEY": "fake",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "NO_PROXY": "127.0.0.1",
            "OMP_NUM_THREADS": "1",
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

    def names(self, output: str) -> list[str]:
        """MD5 names of the output's objects, the directory's own first."""
        lock = yaml.safe_load((self.folder / "dvc.lock").read_text("utf-8"))
        outs = [out for stage in lock["stages"].values() for out in stage.get("outs", [])]
        (own,) = [str(out["md5"]) for out in outs if out["path"] == output]
        listing = self.cache() / "files" / "md5" / own[:2] / own[2:]
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
        said = self.dvc("repro")
        assert said.count("didn't change, skipping") == len(STAGES)
        assert "Running stage" not in said
        assert before == self.written()


class FolderRemote:
    """A remote that is a folder, as on a network drive."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings = {"url": str(folder)}

    def path(self, name: str) -> Path:
        return self.folder / "files" / "md5" / name[:2] / name[2:]

    def names(self) -> set[str]:
        return {path.parent.name + path.name for path, _ in objects(self.folder)}

    def read(self, name: str) -> bytes:
        return self.path(name).read_bytes()

    def write(self, name: str, content: bytes) -> None:
        spoil(self.path(name), content)

    def delete(self, name: str) -> None:
        self.path(name).unlink()

    def killed_push(self, clone: Clone) -> None:
        clone.run(
            sys.executable, "-c", KILLED_PUSH, str(self.folder), status=-signal.SIGKILL
        )  # fmt: skip


class S3Remote:
    """A bucket on a server that speaks S3."""

    def __init__(self, server: S3Server, bucket: str) -> None:
        self.server, self.bucket = server, f"{server.url}/{bucket}"
        self.answer("PUT", self.bucket)
        self.settings = {"url": f"s3://{bucket}/motionmusic", "endpointurl": server.url}

    def answer(self, method: str, url: str, content: bytes | None = None) -> bytes:
        reply = requests.request(method, url, data=content, headers=SIGNED, timeout=30)
        reply.raise_for_status()
        return reply.content

    def object(self, name: str) -> str:
        return f"{self.bucket}/motionmusic/files/md5/{name[:2]}/{name[2:]}"

    def names(self) -> set[str]:
        listing = self.answer("GET", f"{self.bucket}?list-type=2").decode()
        assert "<IsTruncated>false" in listing
        return {"".join(key.split("/")[-2:]) for key in re.findall("<Key>(.+?)</Key>", listing)}

    def read(self, name: str) -> bytes:
        return self.answer("GET", self.object(name))

    def write(self, name: str, content: bytes) -> None:
        self.answer("PUT", self.object(name), content)

    def delete(self, name: str) -> None:
        self.answer("DELETE", self.object(name))

    def killed_push(self, clone: Clone) -> None:
        push = subprocess.Popen(
            ["dvc", "push"], cwd=clone.folder, env=clone.environment,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self.server.kill_at_upload(20, push.pid)
        assert push.wait() == -signal.SIGKILL


class Quiet(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


class S3Server:
    """moto's server on a free port of loopback; on demand it kills who uploads."""

    def __init__(self) -> None:
        self.app = DomainDispatcherApplication(create_backend_app)
        self.left, self.victim = 0, 0
        self.server = make_server(
            "127.0.0.1", 0, self.answer, threaded=True, request_handler=Quiet
        )  # fmt: skip
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def kill_at_upload(self, count: int, process: int) -> None:
        self.left, self.victim = count, process

    def answer(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        if self.left and environ["REQUEST_METHOD"] == "PUT":
            self.left -= 1
            if self.left == 0:
                os.kill(self.victim, signal.SIGKILL)
        answer: Iterable[bytes] = self.app(environ, start_response)
        return answer

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


Remote = FolderRemote | S3Remote


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    running = S3Server()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """Clone A after `dvc repro`, committed and pushed to a bare git repository; no remote yet."""
    top = tmp_path_factory.mktemp("share")
    a = Clone(top / "a")
    for name in ("src/motionmusic", "stages"):
        skipped = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, a.folder / name, ignore=skipped)
    shutil.copy(ROOT / ".gitignore", a.folder)
    pipeline = yaml.safe_load((ROOT / "dvc.yaml").read_text("utf-8"))
    stages = {name: pipeline["stages"][name] for name in STAGES}
    variables = [{"sets": ["synthetic"], "unknown_units": ["synthetic"]}]
    (a.folder / "dvc.yaml").write_text(yaml.safe_dump({"vars": variables, "stages": stages}))
    params = yaml.safe_load((ROOT / "params.yaml").read_text("utf-8"))
    params["datasets"]["synthetic"] |= {"pieces_per_type": 3, "seconds": 20.0}
    params["segment"]["synthetic"] |= {"excerpts_per_class": 6}
    (a.folder / "params.yaml").write_text(yaml.safe_dump(params))
    (a.folder / ".dvc").mkdir()
    for name in ("config", ".gitignore"):
        shutil.copy(ROOT / ".dvc" / name, a.folder / ".dvc")
    a.git("init", "--quiet", "--initial-branch=main")
    assert a.dvc("repro").count("Running stage") == len(STAGES)
    a.git("add", "--all")
    a.git("commit", "--quiet", "--message", "the data")
    a.git("clone", "--quiet", "--bare", ".", str(top / "origin.git"))
    a.git("remote", "add", "origin", str(top / "origin.git"))
    return a


@pytest.fixture(params=["folder", "s3"])
def team(
    request: pytest.FixtureRequest, tmp_path: Path, origin: Clone, server: S3Server
) -> tuple[Clone, Remote]:
    """(A with its data, a remote in its configuration, not pushed; the remote)."""
    return prepared(origin, tmp_path, remote_of(request.param, tmp_path, server))


def remote_of(kind: str, tmp_path: Path, server: S3Server) -> Remote:
    if kind == "folder":
        return FolderRemote(tmp_path / "remote")
    return S3Remote(server, re.sub("[^a-z0-9]+", "-", tmp_path.name.lower()))


def prepared(origin: Clone, tmp_path: Path, remote: Remote) -> tuple[Clone, Remote]:
    bare = tmp_path / "origin.git"
    shutil.copytree(origin.folder.parent / "origin.git", bare)
    shutil.copytree(origin.folder, tmp_path / "a")
    a = Clone(tmp_path / "a")
    a.git("remote", "set-url", "origin", str(bare))
    a.dvc("remote", "add", "--default", "team", remote.settings["url"])
    for key in remote.settings.keys() - {"url"}:
        a.dvc("remote", "modify", "team", key, remote.settings[key])
    a.dvc("remote", "modify", "team", "verify", "true")
    a.git("commit", "--quiet", "--all", "--message", "a remote")
    a.git("push", "--quiet", "origin", "main")
    return a, remote


def spoil(path: Path, content: bytes) -> None:
    """Change an object behind DVC's back, as a failing disk does: its mode stays."""
    mode = path.stat().st_mode
    path.chmod(0o644)
    path.write_bytes(content)
    path.chmod(mode)


def turned(content: bytes) -> bytes:
    """The content with its last bit turned."""
    return content[:-1] + bytes([content[-1] ^ 1])


def test_a_fresh_clone_pulls_and_runs_no_stage(team: tuple[Clone, Remote], tmp_path: Path) -> None:
    a, _ = team
    a.dvc("push")
    b = a.cloned(tmp_path / "b")
    assert not (b.folder / "data" / "synthetic").exists()
    b.dvc("pull")
    b.runs_nothing()
    assert (b.folder / METRICS).read_bytes() == (a.folder / METRICS).read_bytes()
    assert b.git("status", "--porcelain") == ""
    assert b.dvc("status").strip() == "Data and pipelines are up to date."


def test_an_experiment_of_one_is_compared_by_the_other(
    origin: Clone, server: S3Server, tmp_path: Path
) -> None:
    a, _ = prepared(origin, tmp_path, remote_of("s3", tmp_path, server))
    shutil.copytree(a.folder, tmp_path / "b")
    b = Clone(tmp_path / "b")
    ran = b.dvc("exp", "run", "--name", "other-split", "-S", "segment.synthetic.split_seed=1")
    assert re.findall(r"Running stage '(.+)'", ran) == ["segment@synthetic", "leakage@synthetic"]
    b.dvc("exp", "push", "origin", "other-split")

    a.dvc("exp", "pull", "origin", "other-split")
    table = json.loads(a.dvc("exp", "diff", "HEAD", "other-split", "--json"))
    assert table["params"]["params.yaml"]["segment.synthetic.split_seed"]["new"] == 1
    changes = table["metrics"][str(METRICS)]
    theirs = json.loads((b.folder / METRICS).read_text("utf-8"))
    ours = json.loads((a.folder / METRICS).read_text("utf-8"))
    accuracy = changes["one_nearest_neighbour.accuracy"]
    assert accuracy["old"] == ours["one_nearest_neighbour"]["accuracy"]
    assert accuracy["new"] == theirs["one_nearest_neighbour"]["accuracy"]
    assert accuracy["old"] != accuracy["new"]

    a.dvc("exp", "apply", "other-split")
    assert (a.folder / METRICS).read_bytes() == (b.folder / METRICS).read_bytes()
    a.runs_nothing()


def test_a_push_killed_half_way_loses_nothing(team: tuple[Clone, Remote], tmp_path: Path) -> None:
    a, remote = team
    before = a.written()
    everything = {path.parent.name + path.name for path, _ in objects(a.cache())}
    remote.killed_push(a)
    there = remote.names()
    assert there
    assert there < everything
    for name in there:  # what has its final name is whole
        assert remote.read(name) == FolderRemote(a.cache()).read(name)
    assert a.written() == before
    assert a.dvc("status").strip() == "Data and pipelines are up to date."

    b = a.cloned(tmp_path / "b")
    assert "failed to pull" in b.dvc("pull", status=1)  # said, not passed over
    a.dvc("push")
    assert remote.names() == everything
    b.dvc("pull")
    b.runs_nothing()


def test_a_corrupt_object_of_the_remote(team: tuple[Clone, Remote], tmp_path: Path) -> None:
    a, remote = team
    a.dvc("push")
    folder, damaged = a.names(OUTPUT)[:2]
    remote.write(damaged, turned(remote.read(damaged)))
    b = a.cloned(tmp_path / "b")
    said = b.dvc("pull", status=1)
    assert f"Checkout failed for following targets:\n{OUTPUT}\n" in said
    assert not (b.folder / OUTPUT).exists()  # none of it reaches the workspace

    # the way out that docs/share.md names
    remote.delete(damaged)
    remote.delete(folder)
    assert "2 files pushed" in a.dvc("push")
    b.dvc("pull")
    b.runs_nothing()


def test_a_corrupt_object_of_the_own_cache(
    origin: Clone, server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    a, _ = prepared(origin, tmp_path, remote_of("folder", tmp_path, server))
    a.dvc("push")
    monkeypatch.chdir(a.folder)
    check_cache([])
    check_cache([str(tmp_path / "remote")])
    assert re.fullmatch(
        r"(\d+) objects, all whole\n\1 objects, all whole\n", capsys.readouterr().out
    )

    # DVC trusts names, here as at a remote without verify: only reading every object tells
    listing, first, second = a.names(OUTPUT)[:3]
    own = FolderRemote(a.cache())
    for name in (first, second):
        own.write(name, turned(own.read(name)))
    assert a.dvc("status").strip() == "Data and pipelines are up to date."
    own.write(listing, turned(own.read(listing)))
    ended = a.run(sys.executable, "-m", "motionmusic.cache", status=2)
    assert "3 of " in ended
    for name in (listing, first, second):
        assert str(own.path(name).relative_to(a.folder)) in ended
        own.delete(name)
    a.dvc("pull")
    check_cache([])
    a.runs_nothing()


def test_without_verify_a_corrupt_object_is_pulled_in_silence(
    origin: Clone, server: S3Server, tmp_path: Path
) -> None:
    a, remote = prepared(origin, tmp_path, remote_of("folder", tmp_path, server))
    a.dvc("push")
    damaged = a.names(OUTPUT)[1]
    remote.write(damaged, turned(remote.read(damaged)))
    b = a.cloned(tmp_path / "b")
    b.dvc("remote", "modify", "--local", "team", "verify", "false")
    b.dvc("pull")
    assert b.dvc("status").strip() == "Data and pipelines are up to date."
    said = b.run(sys.executable, "-m", "motionmusic.cache", status=2)
    assert re.search(rf"1 of \d+ corrupt:\n  .*{damaged[2:]}\n", said)


def test_the_workflow_compares_the_demo_of_base_and_head(origin: Clone, tmp_path: Path) -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text("utf-8"))
    steps = workflow["jobs"]["demo"]["steps"]
    (script,) = [step["run"] for step in steps if step.get("name") == "dvc metrics diff"]
    ci = origin.cloned(tmp_path / "ci")
    shutil.copytree(origin.cache(), ci.cache())
    (ci.folder / "Makefile").write_text("demo:\n\tdvc repro\n")
    # as here, no commit has the demo's results
    ci.git("rm", "-r", "--quiet", "dvc.lock", "metrics", "plots")
    ci.git("add", "Makefile")
    ci.git("commit", "--quiet", "--message", "base")
    base = ci.git("rev-parse", "HEAD").strip()
    params = yaml.safe_load((ci.folder / "params.yaml").read_text("utf-8"))
    params["leakage"]["near"] = 0.1
    (ci.folder / "params.yaml").write_text(yaml.safe_dump(params))
    ci.git("commit", "--quiet", "--all", "--message", "head")
    ci.run("make", "demo")
    head = json.loads((ci.folder / METRICS).read_text("utf-8"))
    summary = tmp_path / "summary.md"
    ci.run("bash", "-e", "-c", script, BASE=base, GITHUB_STEP_SUMMARY=str(summary))

    rows = {
        cells[2].strip(): [cell.strip() for cell in cells[3:5]]
        for line in summary.read_text("utf-8").splitlines()
        if line.startswith("|") and (cells := line.split("|"))
    }
    old = json.loads((origin.folder / METRICS).read_text("utf-8"))
    assert [float(cell) for cell in rows["near_below"]] == [old["near_below"], 0.1]
    shown = [side["nearest_in_train"]["near"] for side in (old, head)]
    assert shown[0] < shown[1]
    assert [float(cell) for cell in rows["nearest_in_train.near"]] == pytest.approx(shown, abs=1e-5)
    assert "one_nearest_neighbour.accuracy" not in rows  # only what changed
    assert (ci.folder / "metrics.md").read_text("utf-8") == summary.read_text("utf-8")
