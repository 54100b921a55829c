"""What librosa compiles is written by one process at a time."""

from __future__ import annotations

import ast
import fcntl
import os
import subprocess
import sys
import time
import zlib
from pathlib import Path

from closure import ROOT

LOCK = f"motionmusic-{os.getuid()}-{zlib.crc32(sys.prefix.encode()):08x}.lock"


def test_nothing_else_imports_librosa() -> None:
    paths = [*(ROOT / "src").rglob("*.py"), *(ROOT / "stages").glob("*.py")]
    names = {
        (path.name, name)
        for path in paths
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        for name in (
            [alias.name for alias in node.names] if isinstance(node, ast.Import)
            else [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        )
    }  # fmt: skip
    assert {file for file, name in names if name.split(".")[0] in ("librosa", "resampy")} == {
        "numba_cache.py"
    }


def test_who_comes_second_waits(tmp_path: Path) -> None:
    lock = os.open(tmp_path / LOCK, os.O_CREAT | os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_EX)
    code = (
        "import fcntl, time; own = fcntl.flock\n"
        "def asked(*given): print('asks', flush=True); own(*given); print(time.monotonic(), flush=True)\n"
        "fcntl.flock = asked\n"
        "from motionmusic.numba_cache import librosa"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, bufsize=1,
        env=os.environ | {"TMPDIR": str(tmp_path)},
    ) as second:  # fmt: skip
        assert second.stdout is not None
        assert second.stdout.readline() == "asks\n"
        time.sleep(0.5)
        released = time.monotonic()
        os.close(lock)
        assert float(second.stdout.readline()) >= released
        second.communicate(timeout=600)
    assert second.returncode == 0


def test_it_works_where_no_lock_can_be_had(tmp_path: Path) -> None:
    (tmp_path / LOCK).symlink_to(tmp_path / "elsewhere")
    code = "from motionmusic.numba_cache import librosa"
    subprocess.run(
        [sys.executable, "-c", code], check=True, env=os.environ | {"TMPDIR": str(tmp_path)}
    )
    assert not (tmp_path / "elsewhere").exists()
