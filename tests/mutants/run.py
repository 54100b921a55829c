"""Plant each fault of faults.toml in a copy of the project and see whether the tests notice.

    python tests/mutants/run.py [--jobs 2] [--seconds 180] [--only WORD] [--list]

A fault replaces a text that a file holds exactly once. The test files that import the faulty
module, or run a stage that does, run one after the other, the likeliest first, until one fails. In
the end each that failed has to pass without a fault, so that what failed was the fault's doing.
"""

from __future__ import annotations

import argparse
import ast
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import NoReturn

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from closure import closure, imported  # noqa: E402

FAULTS = Path(__file__).with_name("faults.toml")
SCORE = ROOT / "metrics" / "mutants.json"
MOST = 10  # test files a fault is shown to
FIRST = ("test_wiring", "test_wiring_of_music", "test_poison")  # before other tests of trainings
LIBRARIES = (
    "pandas", "pyarrow.parquet", "scipy.signal", "scipy.stats", "scipy.ndimage", "sklearn.ensemble",
    "sklearn.linear_model", "sklearn.pipeline", "matplotlib.figure", "librosa.feature", "librosa.beat",
    "soundfile", "pydantic", "hypothesis", "yaml", "torch", "torch._dynamo", "ruamel.yaml",
)  # fmt: skip
_COPY: Path | None = None  # of the project, in this process


@dataclass(frozen=True)
class Fault:
    """One text in place of another, and what it would break."""

    kind: str
    file: str
    old: str
    new: str
    breaks: str


def faults() -> list[Fault]:
    """All of the list."""
    return [Fault(**one) for one in tomllib.loads(FAULTS.read_text("utf-8"))["fault"]]


def planted(fault: Fault, root: Path = ROOT) -> str:
    """The file with the fault. Raises ValueError unless its text is there exactly once."""
    text = (root / fault.file).read_text("utf-8")
    if text.count(fault.old) != 1:
        raise ValueError(f"{fault.file} has {text.count(fault.old)} times: {fault.old}")
    faulty = text.replace(fault.old, fault.new)
    ast.parse(faulty)
    return faulty


def runners(file: str) -> list[Path]:
    """The test files that run a module or a stage: FIRST, then those that name it, then short ones."""
    target = ROOT / file
    # modules that are found by name
    package = ".".join(Path(file).parts[1:-1]) if "entries" in file else file
    near, far = [], []
    for test in sorted((ROOT / "tests").rglob("test_*.py")):
        own, stages = _uses(test)
        if target in own | stages or package in test.read_text("utf-8"):
            near.append(test)
        elif any(target in _closure(module) for module in stages | own):
            far.append(test)
    by_name = target.stem

    def order(test: Path) -> tuple[bool, bool, int]:
        named = by_name in test.stem or by_name in test.read_text("utf-8")
        return test.stem not in FIRST, not named, test.stat().st_size

    return [*sorted(near, key=order), *sorted(far, key=order)][:MOST]


@cache
def _closure(module: Path) -> frozenset[Path]:
    return frozenset(closure(module))


@cache
def _uses(test: Path) -> tuple[frozenset[Path], frozenset[Path]]:
    """The own modules that a test file and its helpers import or call as commands, and the stages."""
    own, stages, todo, seen = set(), set(), [test], set()
    while todo:
        file = todo.pop()
        if file in seen:
            continue
        seen.add(file)
        own |= imported(file)
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            modules: list[str] = []
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                modules = [node.module or ""]
            helpers = [ROOT / "tests" / f"{name}.py" for name in modules if name.isidentifier()]
            todo += [helper for helper in helpers if helper.exists()]
            called = _called(node)
            found = [ROOT / "stages" / f"{name}.py" for name in [*modules, *called]]
            stages |= {stage for stage in found if stage.exists()}
            found = [ROOT / "src" / "motionmusic" / "app" / f"{name}.py" for name in called]
            own |= {command for command in found if command.exists()}
    return frozenset(own), frozenset(stages)


def _called(node: ast.AST) -> list[str]:
    """Words of a text that may be a stage's name: given to a call, in a list of names, or a call itself."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        first, *more = node.value.split() or [""]
        return [first] if more and first.isidentifier() else []
    items: list[ast.expr] = []
    if isinstance(node, ast.Call) and not node.keywords:
        items = node.args[:1]
    elif isinstance(node, ast.Tuple | ast.List):
        items = node.elts if all(map(_is_stage, node.elts)) else []
    words = [item.value for item in items if isinstance(item, ast.Constant)]
    return [word for word in words if isinstance(word, str) and word.isidentifier()]


def _is_stage(node: ast.expr) -> bool:
    name = node.value if isinstance(node, ast.Constant) else None
    return isinstance(name, str) and (ROOT / "stages" / f"{name}.py").exists()


def shown(file: str) -> list[tuple[Path, str]]:
    """Test files, of a stage first the tests that have its name; each with a word for ``-k``."""
    tests = runners(file)
    named = tests if file.startswith("stages/") else []
    return [*((test, Path(file).stem) for test in named), *((test, "") for test in tests)]


def copy(folder: Path) -> Path:
    """A copy of what git has, as it lies here."""
    names = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True
    ).stdout.split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            target = folder / "project" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, target)
    return folder / "project"


def passes(root: Path, test: Path, seconds: float, word: str = "") -> bool | None:
    """Whether a test file passes in a copy; None: it was not done in time.

    Run in a fork of this process, which has the large libraries and nothing of the project.
    """
    call = ["-q", "-x", "-n0", "--no-header", "-p", "no:cacheprovider", "--timeout=0",
            f"--basetemp={root.parent / 'pytest'}", str(root / test.relative_to(ROOT))]  # fmt: skip
    call += ["-k", word] if word else []
    pid = os.fork()
    if pid == 0:
        _test(root, call)
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status) in (0, 5)  # 5: all of it is left out here
        time.sleep(0.05)
    os.killpg(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return None


def _test(root: Path, call: list[str]) -> NoReturn:
    """Pytest in a copy, in a process of its own, silently."""
    code = 3
    try:
        os.setsid()
        with Path(os.devnull).open("w") as nowhere:
            for stream in (1, 2):
                os.dup2(nowhere.fileno(), stream)
        os.chdir(root)
        os.environ |= {"PYTHONPATH": str(root / "src"), "TMPDIR": str(root.parent)}
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        # sources and byte code of this copy alone; a fault may come and go within a second
        sys.dont_write_bytecode, sys.pycache_prefix = False, str(root.parent / "bytes")
        sys.path[:] = [str(root / "src"), *(p for p in sys.path if not Path(p).is_relative_to(ROOT)
                                            or ".venv" in p)]  # fmt: skip
        for name in [
            name for name in sys.modules if name.split(".")[0] in ("closure", "motionmusic")
        ]:
            del sys.modules[name]
        code = int(pytest.main(call))
    finally:
        os._exit(code)


def _begin(place: str) -> None:
    """A copy of its own for this process."""
    global _COPY
    _COPY = copy(Path(tempfile.mkdtemp(dir=place)))


def healthy_file(name: str) -> bool:
    """Whether a test file passes without a fault."""
    assert _COPY is not None
    return passes(_COPY, ROOT / name, 900) is True


def judge(fault: Fault, seconds: float) -> dict[str, object]:
    """Plant a fault in this process's copy, test it, and take it out again."""
    root = _COPY
    assert root is not None
    started, by, late = time.monotonic(), None, []
    path = root / fault.file
    whole = path.read_bytes()
    path.write_text(planted(fault), "utf-8")
    shutil.rmtree(root.parent / "bytes" / str(path.parent)[1:], ignore_errors=True)
    try:
        for test, word in shown(fault.file):
            left = seconds - (time.monotonic() - started)
            passed = passes(root, test, left, word) if left > 0 else None
            if passed is None:
                late.append(str(test.relative_to(ROOT)))
                break
            if not passed:
                by = str(test.relative_to(ROOT))
                break
    finally:
        path.write_bytes(whole)
        shutil.rmtree(root.parent / "bytes" / str(path.parent)[1:], ignore_errors=True)
    return {"noticed_by": by, "late": late, "seconds": round(time.monotonic() - started, 1)}


def main() -> int:
    """Judge the list; 0 where at least 95 % are noticed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=180, help="of a fault, at most")
    parser.add_argument("--only", default="", help="faults whose kind or file has this word")
    parser.add_argument("--list", action="store_true", help="say which tests would run")
    given = parser.parse_args()
    chosen = [fault for fault in faults() if given.only in f"{fault.kind} {fault.file}"]
    for fault in chosen:
        planted(fault)
    if given.list:
        for fault in chosen:
            tests = ", ".join(str(test.relative_to(ROOT / "tests")) for test in runners(fault.file))
            print(f"{fault.file}: {fault.breaks}\n  {tests}")
        return 0
    started = time.monotonic()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    for name in LIBRARIES:
        import_module(name)
    fork = multiprocessing.get_context("fork")
    with (
        tempfile.TemporaryDirectory(prefix="mutants-") as place,
        ProcessPoolExecutor(given.jobs, fork, initializer=_begin, initargs=(place,)) as pool,
    ):
        results = []
        work = [pool.submit(judge, fault, given.seconds) for fault in chosen]
        for fault, each in zip(chosen, work, strict=True):
            found = each.result()
            results.append(found)
            word = f"noticed by {found['noticed_by']}" if found["noticed_by"] else "SURVIVED"
            late = f", not done: {found['late']}" if found["late"] else ""
            print(f"{word} ({found['seconds']} s{late}): {fault.file}: {fault.breaks}", flush=True)
        # a test that fails without a fault has noticed nothing
        used = sorted({str(found["noticed_by"]) for found in results if found["noticed_by"]})
        healthy = pool.map(healthy_file, used)
        broken = [name for name, passed in zip(used, healthy, strict=True) if not passed]
    for name in broken:
        print(f"{name} fails without a fault", file=sys.stderr)
    noticed = [bool(r["noticed_by"]) and r["noticed_by"] not in broken for r in results]
    if not given.only:  # a part of the list has no score
        write_score(chosen, noticed, time.monotonic() - started)
    print(f"{sum(noticed)} of {len(noticed)} noticed")
    return 0 if sum(noticed) >= 0.95 * len(noticed) and not broken else 1


def write_score(chosen: list[Fault], noticed: list[bool], seconds: float) -> None:
    """metrics/mutants.json: counts by kind, and the faults that no test noticed."""
    planted_of = Counter(fault.kind for fault in chosen)
    noticed_of = Counter(f.kind for f, seen in zip(chosen, noticed, strict=True) if seen)
    wiring = [f.file.startswith("stages/") for f in chosen]
    score = {
        "planted": len(chosen),
        "noticed": sum(noticed),
        "in_stages": {"planted": sum(wiring),
                      "noticed": sum(a and b for a, b in zip(wiring, noticed, strict=True))},
        "minutes": round(seconds / 60),
        "kinds": {kind: {"planted": n, "noticed": noticed_of[kind]}
                  for kind, n in sorted(planted_of.items())},
        "survivors": [{"file": f.file, "breaks": f.breaks}
                      for f, seen in zip(chosen, noticed, strict=True) if not seen],
    }  # fmt: skip
    SCORE.write_text(json.dumps(score, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    sys.exit(main())
