"""Fetching, against a real server on loopback that misbehaves as it is told."""

from __future__ import annotations

import errno
import hashlib
import signal
import socket
import subprocess
import sys
import threading
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from web_server import Server, serving

from motionmusic.data import fetch as fetching
from motionmusic.data.manifest import Entry, Manifest
from motionmusic.errors import UserError

ROOT = Path("owner", "a name", "f" * 40)
CONTENT = {f"DANCE_C_{n}/skeletons {n}.json": bytes([n]) * (1000 * n) for n in range(1, 13)}
FIRST, SECOND, THIRD, *REST = CONTENT


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.delenv("MOTIONMUSIC_MIRROR", raising=False)
    monkeypatch.setattr(fetching, "WAIT_S", 0.01)
    with serving(f"/{ROOT.as_posix()}/", CONTENT) as server:
        monkeypatch.setattr(fetching, "SERVER", server.url)
        yield server


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MOTIONMUSIC_MIRROR", str(tmp_path / "mirror"))
    return tmp_path / "mirror"


def listed(content: dict[str, bytes]) -> Manifest:
    entries = [
        Entry(path, hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest(), 0)
        for path, data in content.items()
    ]
    owner, name, commit = ROOT.parts
    return Manifest(owner, name, commit, tuple(entries))


def get(store: Path, content: dict[str, bytes] = CONTENT) -> list[Path]:
    manifest = listed(content)
    return fetching.fetch(manifest, manifest.entries, store)


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


def test_what_is_wanted_comes_once_and_only_what_is_not_there(
    server: Server, tmp_path: Path
) -> None:
    manifest = listed(CONTENT)
    wanted = [manifest.entries[1], manifest.entries[0], manifest.entries[1]]
    files = fetching.fetch(manifest, wanted, tmp_path)
    assert files == [tmp_path / ROOT / path for path in (SECOND, FIRST, SECOND)]
    assert server.asked == {FIRST: 1, SECOND: 1}
    lay_out(tmp_path, {SECOND: b"not the right content", THIRD: b""})
    kept = (tmp_path / ROOT / FIRST).stat()
    for _ in range(2):
        assert get(tmp_path) == [tmp_path / ROOT / path for path in CONTENT]
        assert server.asked == Counter(CONTENT.keys()) + Counter([SECOND])
    assert (tmp_path / ROOT / FIRST).stat() == kept
    assert held(tmp_path) == CONTENT


def test_passing_faults_are_overcome(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "TIMEOUT_S", 1)  # which may strike more often on a busy machine
    monkeypatch.setattr(fetching, "ATTEMPTS", 100)
    monkeypatch.setattr(fetching, "LONGEST_WAIT_S", 0.1)
    faults = ("cut", "stall", "flip", "reset", "429", "503")
    server.script.update(
        {path: [fault, fault, "ok"] for path, fault in zip(CONTENT, faults, strict=False)}
    )
    get(tmp_path)
    assert held(tmp_path) == CONTENT
    assert all(server.asked[path] >= 3 for path in list(CONTENT)[: len(faults)])


def test_one_error_lists_everything(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "ATTEMPTS", 3)
    why = {
        FIRST: ("404", "HTTP 404"), SECOND: ("flip", "with blob id"), THIRD: ("cut", "broke"),
        REST[0]: ("503", "HTTP 503"), REST[8]: ("410", "HTTP 410"), REST[3]: ("reset", "broke"),
    }  # fmt: skip
    server.script.update({path: [fault] for path, (fault, _) in why.items()})
    lay_out(tmp_path, {FIRST: CONTENT[FIRST][:-1]})  # broken, and not to be had: it must not stay
    with pytest.raises(UserError) as caught:
        get(tmp_path)
    assert caught.value.file == tmp_path / ROOT
    assert caught.value.expected.startswith("12 files")
    got = caught.value.got.splitlines()
    assert got[0] == "6; 6 missing or broken:"
    for line, path in zip(got[1:], sorted(why), strict=True):
        assert line.startswith(f"    {path}: ")
        assert why[path][1] in line
        assert server.asked[path] == (1 if why[path][0] in ("404", "410") else 3)
    assert "MOTIONMUSIC_MIRROR" in caught.value.remedy
    assert held(tmp_path) == without(*why)
    server.script.clear()
    get(tmp_path)
    assert held(tmp_path) == CONTENT


def test_available_files_and_why_others_are_absent(server: Server, tmp_path: Path) -> None:
    server.script.update({FIRST: ["404"], SECOND: ["403"]})
    manifest = listed(CONTENT)
    found, absent = fetching.fetch_available(manifest, manifest.entries, tmp_path)
    assert found == {path: tmp_path / ROOT / path for path in without(FIRST, SECOND)}
    assert absent == {FIRST: "HTTP 404", SECOND: "HTTP 403"}
    server.script[THIRD] = ["flip"]  # damage is not absence
    (tmp_path / ROOT / THIRD).unlink()
    with pytest.raises(UserError, match="9; 3 missing or broken"):
        fetching.fetch_available(manifest, manifest.entries, tmp_path)


def test_retry_after(server: Server, tmp_path: Path) -> None:
    server.script[FIRST] = ["429 1", "ok"]
    server.script[SECOND] = ["503 soon", "ok"]
    server.script[THIRD] = ["429 3600"]  # not waited for
    with pytest.raises(UserError, match=f"1 missing or broken:\n    {THIRD}: HTTP 429"):
        get(tmp_path)
    first, second = server.times[FIRST]
    assert second - first >= 1
    assert server.asked[THIRD] == 1


def test_several_come_at_once(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "WORKERS", 4)
    server.barrier = threading.Barrier(4)  # nobody is answered before four are asking
    get(tmp_path)
    assert server.most == 4
    assert held(tmp_path) == CONTENT


def test_without_a_network_the_answer_comes_soon_and_is_complete(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "WORKERS", 2)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))  # bound, but nobody listens
        monkeypatch.setattr(fetching, "SERVER", f"http://127.0.0.1:{free.getsockname()[1]}")
        with pytest.raises(UserError) as caught:
            get(tmp_path)
    assert all(f"    {path}: " in caught.value.got for path in CONTENT)
    assert "no connection" in caught.value.got
    assert "not tried" in caught.value.got
    assert held(tmp_path) == {}


def test_memory_does_not_grow_with_the_file(server: Server, tmp_path: Path) -> None:
    size = 24 << 20
    server.content = {"big": bytes(size)}
    manifest = listed(server.content)
    tracemalloc.start()
    try:
        (file,) = fetching.fetch(manifest, manifest.entries, tmp_path / "store")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert file.stat().st_size == size
    assert peak < size / 6


def test_from_a_mirror_with_faults(server: Server, tmp_path: Path, mirror: Path) -> None:
    with pytest.raises(UserError, match="correct MOTIONMUSIC_MIRROR"):
        get(tmp_path / "store")
    data = CONTENT[SECOND]
    lay_out(mirror, without(FIRST, *REST[2:]) | {SECOND: data[:77] + b"!" + data[78:]})
    (mirror / ROOT / FIRST).mkdir(parents=True)  # a folder in place of a file
    with pytest.raises(UserError) as caught:
        get(tmp_path / "store")
    assert caught.value.got.startswith("3; 9 missing or broken")
    assert f"    {FIRST}: unreadable in the mirror (Is a directory)" in caught.value.got
    assert f"    {SECOND}: 2000 bytes with blob id" in caught.value.got
    assert all(f"    {path}: not in the mirror" in caught.value.got for path in REST[2:])
    assert str(mirror) in caught.value.remedy
    assert held(tmp_path / "store") == {path: CONTENT[path] for path in (THIRD, *REST[:2])}
    (mirror / ROOT / FIRST).rmdir()
    lay_out(mirror, CONTENT)
    get(tmp_path / "store")
    assert held(tmp_path / "store") == CONTENT
    assert not server.asked


CHILD = """
import resource, signal, sys
from pathlib import Path
from motionmusic.data import fetch
from motionmusic.data.manifest import Entry, Manifest
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job ignores it
url, store, owner, name, commit, limit, *entries = sys.argv[1:]
fetch.SERVER, fetch.TIMEOUT_S, fetch.WAIT_S = url, 1, 60
wanted = [Entry(path, blob, 0) for path, blob in zip(entries[::2], entries[1::2])]
if limit != "0":
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
try:
    fetch.fetch(Manifest(owner, name, commit, tuple(wanted)), wanted, Path(store))
except OSError as error:
    print(error.errno, error.filename)
except KeyboardInterrupt:
    print("interrupted")
"""


def child(server: Server, store: Path, limit: int) -> subprocess.Popen[str]:
    entries = [cell for entry in listed(CONTENT).entries for cell in (entry.path, entry.blob)]
    arguments = [server.url, str(store), *ROOT.parts, str(limit), *entries]
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, *arguments], stdout=subprocess.PIPE, text=True
    )


def said(process: subprocess.Popen[str]) -> str:
    try:
        return process.communicate(timeout=600)[0].strip()
    finally:
        process.kill()


def test_a_full_disk_leaves_nothing_half_written(
    server: Server, tmp_path: Path, mirror: Path
) -> None:
    lay_out(mirror, CONTENT)
    largest, store = list(CONTENT)[-1], tmp_path / "store"
    process = child(server, store, limit=len(CONTENT[largest]) - 1)
    assert said(process) == f"{errno.EFBIG} {store / ROOT / largest}"
    assert held(store).items() <= without(largest).items()


def test_an_interrupt_leaves_nothing_half_written(server: Server, tmp_path: Path) -> None:
    server.script.update({path: ["stall"] for path in (FIRST, SECOND, THIRD)})
    process = child(server, tmp_path, limit=0)
    assert server.stalled.wait(timeout=600)
    process.send_signal(signal.SIGINT)
    assert said(process) == "interrupted"
    assert held(tmp_path).items() <= without(FIRST, SECOND, THIRD).items()
