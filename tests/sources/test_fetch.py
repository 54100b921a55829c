"""Fetching, against a real server on loopback that misbehaves as it is told."""

from __future__ import annotations

import errno
import hashlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from motionmusic.data import fetch as fetching
from motionmusic.data.manifest import Entry, Manifest, blob_id
from motionmusic.errors import UserError

ROOT = Path("owner", "a name", "f" * 40)
CONTENT = {f"DANCE_C_{n}/skeletons {n}.json": bytes([n]) * (1000 * n) for n in range(1, 13)}
FIRST, SECOND, THIRD, *REST = CONTENT


class Server(ThreadingHTTPServer):
    """Serves CONTENT; ``script`` has the behaviours of a path, the last of them for ever."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = dict(CONTENT)
        self.script: dict[str, list[str]] = {}
        self.times: dict[str, list[float]] = {}
        self.lock = threading.Lock()
        self.over = threading.Event()
        self.stalled = threading.Event()
        self.barrier: threading.Barrier | None = None
        self.now = self.most = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def asked(self) -> Counter[str]:
        return Counter({path: len(times) for path, times in self.times.items()})


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        server = self.server
        prefix = f"/{ROOT.as_posix()}/"
        asked = unquote(self.path)
        path = asked.removeprefix(prefix)
        with server.lock:
            server.times.setdefault(path, []).append(time.monotonic())
            steps = server.script.get(path, ["ok"])
            step = steps.pop(0) if len(steps) > 1 else steps[0]
            server.now += 1
            server.most = max(server.most, server.now)
        try:
            if server.barrier is not None:
                server.barrier.wait(timeout=5)
            self.answer(step, server.content[path] if asked.startswith(prefix) else b"")
        finally:
            with server.lock:
                server.now -= 1

    def answer(self, step: str, body: bytes) -> None:
        status, *more = step.split(" ", 1)
        self.close_connection = step != "ok"
        if step == "reset":
            return  # the connection is closed without a word
        self.send_response(int(status) if status.isdecimal() else 200)
        if more:
            self.send_header("Retry-After", more[0])
        if status.isdecimal():
            body = b"sorry"
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        half = len(body) // 2
        if step == "flip":
            body = body[:half] + bytes([body[half] ^ 1]) + body[half + 1 :]
        self.wfile.write(body[:half] if step in ("cut", "stall") else body)
        if step == "stall":
            self.wfile.flush()
            self.server.stalled.set()
            self.server.over.wait(timeout=10)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.over.set()
        server.shutdown()


def listed(content: dict[str, bytes]) -> Manifest:
    entries = [
        Entry(path, hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest(), None)
        for path, data in content.items()
    ]
    owner, name, commit = ROOT.parts
    return Manifest(owner, name, commit, tuple(entries))


def get(
    server: Server, store: Path, content: dict[str, bytes] = CONTENT, **settings: Any
) -> list[Path]:
    manifest = listed(content)
    chosen = {"mirror": None, "base_url": server.url, "timeout_s": 5, "wait_s": 0.01} | settings
    return fetching.fetch(manifest, manifest.entries, store, **chosen)


def held(store: Path) -> dict[str, bytes]:
    """Every file in the store, those that begin with a dot included."""
    files = (file for file in store.rglob("*") if file.is_file())
    return {str(file.relative_to(store / ROOT)): file.read_bytes() for file in files}


def without(*paths: str) -> dict[str, bytes]:
    return {path: data for path, data in CONTENT.items() if path not in paths}


def lay_out(folder: Path, content: dict[str, bytes]) -> None:
    for path, data in content.items():
        (folder / ROOT / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / ROOT / path).write_bytes(data)


def test_all_good(server: Server, tmp_path: Path) -> None:
    files = get(server, tmp_path)
    assert files == [tmp_path / ROOT / path for path in CONTENT]
    assert held(tmp_path) == CONTENT
    assert server.asked == Counter(CONTENT.keys())


def test_only_what_is_wanted_comes_and_once(server: Server, tmp_path: Path) -> None:
    manifest = listed(CONTENT)
    wanted = [manifest.entries[1], manifest.entries[0], manifest.entries[1]]
    files = fetching.fetch(manifest, wanted, tmp_path, mirror=None, base_url=server.url + "/")
    assert files == [tmp_path / ROOT / path for path in (SECOND, FIRST, SECOND)]
    assert server.asked == {FIRST: 1, SECOND: 1}
    assert fetching.fetch(manifest, [], tmp_path, mirror=None, base_url=server.url) == []


def test_what_is_there_is_not_asked_for_again(server: Server, tmp_path: Path) -> None:
    lay_out(tmp_path, {FIRST: CONTENT[FIRST], SECOND: b"not the right content", THIRD: b""})
    kept = (tmp_path / ROOT / FIRST).stat()
    get(server, tmp_path)
    assert server.asked == Counter(without(FIRST).keys())
    assert (tmp_path / ROOT / FIRST).stat() == kept
    get(server, tmp_path)
    assert server.asked == Counter(without(FIRST).keys())
    assert held(tmp_path) == CONTENT


@pytest.mark.parametrize("fault", ["cut", "stall", "flip", "reset", "429", "408", "500", "503"])
def test_a_passing_fault_is_overcome(server: Server, tmp_path: Path, fault: str) -> None:
    server.script[FIRST] = [fault, fault, "ok"]
    get(server, tmp_path, timeout_s=0.5 if fault == "stall" else 5)
    assert held(tmp_path) == CONTENT
    assert server.asked[FIRST] >= 3  # so short a timeout may strike again on a busy machine


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("cut", "broke off"),
        ("stall", "nothing came for 0.5 s"),
        ("flip", "with blob id"),
        ("reset", "connection broke"),
        ("429", "HTTP 429"),
        ("503", "HTTP 503"),
    ],
)
def test_a_lasting_fault_is_reported(
    server: Server, tmp_path: Path, fault: str, reason: str
) -> None:
    server.script[FIRST] = [fault]
    with pytest.raises(UserError, match=f"{FIRST}: .*{reason}"):
        get(server, tmp_path, timeout_s=0.5 if fault == "stall" else 5, attempts=3)
    assert held(tmp_path) == without(FIRST)
    assert server.asked[FIRST] == 3


@pytest.mark.parametrize("status", ["403", "404", "410"])
def test_what_is_gone_is_not_asked_for_again(server: Server, tmp_path: Path, status: str) -> None:
    server.script[FIRST] = [status]
    with pytest.raises(UserError, match=f"{FIRST}: HTTP {status}"):
        get(server, tmp_path)
    assert server.asked == Counter(CONTENT.keys())


def test_one_error_lists_everything(server: Server, tmp_path: Path) -> None:
    bad = {FIRST: "404", SECOND: "flip", THIRD: "cut", REST[0]: "503", REST[8]: "410"}
    server.script.update({path: [fault] for path, fault in bad.items()})
    with pytest.raises(UserError) as caught:
        get(server, tmp_path, attempts=2)
    assert caught.value.file == tmp_path / ROOT
    message = str(caught.value)
    named = [line.split(": ")[0].strip() for line in message.splitlines() if "    DANCE" in line]
    assert named == sorted(bad)
    assert "12 files" in caught.value.expected
    assert caught.value.got.startswith("7; 5 missing or broken")
    assert "again" in caught.value.remedy
    assert "MOTIONMUSIC_MIRROR" in caught.value.remedy
    assert held(tmp_path) == without(*bad)

    server.script.clear()
    get(server, tmp_path)
    assert held(tmp_path) == CONTENT
    assert all(server.asked[path] == 1 for path in without(*bad))


def test_a_broken_file_that_cannot_be_replaced_does_not_stay(
    server: Server, tmp_path: Path
) -> None:
    lay_out(tmp_path, {FIRST: CONTENT[FIRST][:-1]})
    server.script[FIRST] = ["404"]
    with pytest.raises(UserError):
        get(server, tmp_path)
    assert held(tmp_path) == without(FIRST)


def test_retry_after_is_honoured(server: Server, tmp_path: Path) -> None:
    server.script[FIRST] = ["429 1", "ok"]
    get(server, tmp_path)
    first, second = server.times[FIRST]
    assert second - first >= 1


def test_too_long_a_retry_after_is_not_waited_for(server: Server, tmp_path: Path) -> None:
    server.script[FIRST] = ["429 " + formatdate(time.time() + 3600, usegmt=True)]
    server.script[SECOND] = ["503 soon", "ok"]  # neither a number nor a date
    with pytest.raises(UserError, match=r"HTTP 429, to be asked again in 3[56]\d\d s"):
        get(server, tmp_path)
    assert server.asked[FIRST] == 1
    assert held(tmp_path) == without(FIRST)


def test_several_come_at_once(server: Server, tmp_path: Path) -> None:
    server.barrier = threading.Barrier(4)  # nobody is answered before four are asking
    get(server, tmp_path, workers=4)
    assert server.most == 4
    assert held(tmp_path) == CONTENT


def test_without_a_network_the_answer_comes_soon_and_is_complete(
    server: Server, tmp_path: Path
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"  # bound, but nobody listens
        with pytest.raises(UserError) as caught:
            get(server, tmp_path, base_url=url, workers=2, attempts=3)
    assert all(f"    {path}: " in caught.value.got for path in CONTENT)
    assert "no connection" in caught.value.got
    assert "not tried" in caught.value.got
    assert held(tmp_path) == {}


def test_a_wrong_address_is_reported(server: Server, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"htp://nowhere"):
        get(server, tmp_path, base_url="htp://nowhere")


def test_progress_without_a_terminal_is_a_line_now_and_then(
    server: Server,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    get(server, tmp_path, without(FIRST))
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(fetching, "LINE_EVERY_S", 0.1)
    server.script[FIRST] = ["stall", "ok"]
    get(server, tmp_path, timeout_s=0.5)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) >= 2
    assert lines[0] == "a name: 11 of 12 files"


@pytest.mark.parametrize("mirrored", [True, False])
def test_memory_does_not_grow_with_the_file(server: Server, tmp_path: Path, mirrored: bool) -> None:
    size = 24 << 20
    server.content = {"big": bytes(size)}
    lay_out(tmp_path / "mirror", server.content)
    manifest = listed(server.content)
    mirror = tmp_path / "mirror" if mirrored else None
    tracemalloc.start()
    try:
        (file,) = fetching.fetch(
            manifest, manifest.entries, tmp_path / "store", mirror=mirror, base_url=server.url
        )
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert file.stat().st_size == size
    assert peak < size / 6


def test_leftovers_of_killed_runs_are_removed(server: Server, tmp_path: Path) -> None:
    lay_out(tmp_path, CONTENT)
    folder = (tmp_path / ROOT / FIRST).parent
    old, living = folder / ".audio.mp3.abc.part", folder / ".audio.mp3.def.part"
    old.touch()
    living.touch()
    os.utime(old, (0, 0))
    get(server, tmp_path)
    assert not old.exists()
    assert living.exists()


def test_from_a_mirror(server: Server, tmp_path: Path) -> None:
    lay_out(tmp_path / "mirror", CONTENT)
    get(server, tmp_path / "store", mirror=tmp_path / "mirror")
    assert held(tmp_path / "store") == held(tmp_path / "mirror") == CONTENT
    assert not server.asked


def test_one_flipped_byte_in_the_mirror(server: Server, tmp_path: Path) -> None:
    data = CONTENT[SECOND]
    lay_out(tmp_path / "mirror", CONTENT | {SECOND: data[:77] + b"!" + data[78:]})
    with pytest.raises(UserError, match=f"{SECOND}: 2000 bytes with blob id") as caught:
        get(server, tmp_path / "store", mirror=tmp_path / "mirror", wait_s=60)
    assert str(tmp_path / "mirror") in caught.value.remedy
    assert held(tmp_path / "store") == without(SECOND)
    assert not server.asked


def test_files_missing_from_the_mirror_are_all_listed(server: Server, tmp_path: Path) -> None:
    lay_out(tmp_path / "mirror", without(SECOND, *REST))
    (tmp_path / "mirror" / ROOT / SECOND).mkdir(parents=True)  # a folder in place of a file
    with pytest.raises(UserError) as caught:
        get(server, tmp_path / "store", mirror=tmp_path / "mirror")
    assert f"    {SECOND}: unreadable in the mirror (Is a directory)" in caught.value.got
    for path in REST:
        assert f"    {path}: not in the mirror" in caught.value.got
    assert caught.value.got.startswith("2; 10 missing or broken")
    assert held(tmp_path / "store") == {path: CONTENT[path] for path in (FIRST, THIRD)}


def test_a_mirror_that_is_no_folder(server: Server, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="correct MOTIONMUSIC_MIRROR"):
        get(server, tmp_path / "store", mirror=tmp_path / "mirrow")
    assert not (tmp_path / "store").exists()


CHILD = """
import resource, signal, sys
from pathlib import Path
from motionmusic.data.fetch import fetch
from motionmusic.data.manifest import Entry, Manifest
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job ignores it
url, store, mirror, owner, name, commit, limit, timeout_s, *entries = sys.argv[1:]
wanted = [Entry(path, blob, None) for path, blob in zip(entries[::2], entries[1::2])]
if limit != "0":
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
try:
    fetch(Manifest(owner, name, commit, tuple(wanted)), wanted, Path(store),
          mirror=Path(mirror) if mirror else None, base_url=url, wait_s=60,
          timeout_s=float(timeout_s))
except OSError as error:
    print(error.errno, error.filename)
except KeyboardInterrupt:
    print("interrupted")
"""


def child(
    server: Server, store: Path, mirror: Path | None, limit: int, timeout_s: float
) -> subprocess.Popen[str]:
    entries = [cell for entry in listed(CONTENT).entries for cell in (entry.path, entry.blob)]
    arguments = [server.url, str(store), str(mirror or ""), *ROOT.parts]
    arguments += [str(limit), str(timeout_s), *entries]
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, *arguments], stdout=subprocess.PIPE, text=True
    )


def said(process: subprocess.Popen[str]) -> str:
    try:
        return process.communicate(timeout=20)[0].strip()
    finally:
        process.kill()


@pytest.mark.parametrize("mirrored", [True, False])
def test_a_full_disk_leaves_nothing_half_written(
    server: Server, tmp_path: Path, mirrored: bool
) -> None:
    lay_out(tmp_path / "mirror", CONTENT)
    largest = list(CONTENT)[-1]
    store = tmp_path / "store"
    mirror = tmp_path / "mirror" if mirrored else None
    process = child(server, store, mirror, limit=len(CONTENT[largest]) - 1, timeout_s=10)
    assert said(process) == f"{errno.EFBIG} {store / ROOT / largest}"
    assert held(store).items() <= without(largest).items()


def test_an_interrupt_leaves_nothing_half_written(server: Server, tmp_path: Path) -> None:
    server.script.update({path: ["stall"] for path in (FIRST, SECOND, THIRD)})
    process = child(server, tmp_path, None, limit=0, timeout_s=1)
    assert server.stalled.wait(timeout=15)
    process.send_signal(signal.SIGINT)
    assert said(process) == "interrupted"
    assert held(tmp_path).items() <= without(FIRST, SECOND, THIRD).items()


def test_blob_ids_of_the_tests_are_right(tmp_path: Path) -> None:
    lay_out(tmp_path, CONTENT)
    assert all(
        blob_id(tmp_path / ROOT / entry.path) == entry.blob for entry in listed(CONTENT).entries
    )
