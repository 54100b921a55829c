"""What the project weighs: lines, words and seconds beside the wanted ones (docs/architecture.md).

``python benchmarks/weigh.py`` counts; with ``--times`` it also runs `make demo` twice and `make test`
in a fresh clone of the commit, installed beforehand, which takes a quarter of an hour.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOOKED_UP = ("method", "data")  # rather than read
PAGES = [
    page
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md"))
    if page.stem not in LOOKED_UP
]


def lines(*paths: Path) -> int:
    """Of all files together."""
    return sum(len(path.read_text("utf-8").splitlines()) for path in paths)


def words(*paths: Path) -> int:
    """Of all files together; a bar of a table is none."""
    tokens = [word for path in paths for word in path.read_text("utf-8").split()]
    return sum(any(map(str.isalnum, word)) for word in tokens)


def sizes() -> list[tuple[str, str, str]]:
    """(what, wanted, measured)."""
    pipeline = ROOT / "pipeline"
    code = [*(ROOT / "src").rglob("*.py"), *(ROOT / "stages").glob("*.py")]
    by_hand = [ROOT / "dvc.yaml", *pipeline.glob("*/dvc.yaml")]
    texts = [*by_hand, *pipeline.glob("*.yaml")]
    locks = [path for path in (ROOT / "dvc.lock", *pipeline.rglob("dvc.lock")) if path.exists()]
    return [
        ("dvc.yaml, all different texts", "≤ 700", f"{lines(*texts):,}"),
        ("longest dvc.lock", "≤ 4,000", f"{max(map(lines, locks), default=0):,}"),
        ("params.yaml", "≤ 180", f"{lines(ROOT / 'params.yaml'):,}"),
        ("src + stages (longest)", "≤ 14,000 (400)", f"{lines(*code):,} ({max(map(lines, code))})"),
        ("tests", "≤ 14,000", f"{lines(*(ROOT / 'tests').rglob('*.py')):,}"),
        ("README, lines", "≤ 120", f"{lines(ROOT / 'README.md'):,}"),
        (
            "words of README and docs without method.md and data.md",
            "≤ 12,000",
            f"{words(*PAGES):,}",
        ),
    ]


def timed(*command: str, folder: Path) -> tuple[float, str]:
    """(seconds, what it printed); it must succeed."""
    started = time.monotonic()
    ended = subprocess.run(
        command, cwd=folder, check=True, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    return time.monotonic() - started, ended.stdout


def times() -> list[tuple[str, str, str]]:
    """(what, wanted, measured), in a fresh clone."""
    with tempfile.TemporaryDirectory() as top:
        clone = Path(top) / "clone"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        timed("make", "setup", ".venv/.dev", folder=clone)
        demo, said = timed("make", "demo", folder=clone)
        stages = len(re.findall(r"Running stage|\[\d+ of \d+\]", said))
        again, _ = timed("make", "demo", folder=clone)
        test, _ = timed("make", "test", folder=clone)
    return [
        ("`make demo`, installed", "≤ 300 s", f"{demo:.0f} s, {stages} stages"),
        ("second `make demo`", "≤ 4 s", f"{again:.1f} s"),
        ("`make test`, installed", "≤ 480 s", f"{test:.0f} s"),
    ]


if __name__ == "__main__":
    rows = sizes() + (times() if "--times" in sys.argv[1:] else [])
    print("| what | wanted | measured |\n|---|---|---|")
    for row in rows:
        print(f"| {' | '.join(row)} |")
