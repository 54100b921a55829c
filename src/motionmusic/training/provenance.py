"""What made a result: code, parameters, data, machine, seconds."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any


def git_revision() -> str:
    """The commit that runs, with ``+`` where tracked files differ from it; ``none`` without git."""
    try:
        revision = subprocess.run(
            ["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True
        ).stdout.strip()
        changed = subprocess.run(
            ["git", "status", "--porcelain", "--untracked-files=no", "--", "src", "stages"],
            capture_output=True, text=True, check=True,
        ).stdout.strip()  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        return "none"
    return revision + ("+" if changed else "")


def sha256_of(paths: Iterable[Path]) -> dict[str, str]:
    """File → hex SHA-256 of its bytes."""
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def provenance(
    *, params: Mapping[str, Any], inputs: Iterable[Path], machine: Mapping[str, Any], seconds: float
) -> dict[str, Any]:
    """One run's record, as written to metrics/DATASET/runs/."""
    return {
        "git": git_revision(),
        "params": dict(params),
        "inputs": sha256_of(inputs),
        "machine": dict(machine),
        "seconds": round(seconds, 1),
    }
