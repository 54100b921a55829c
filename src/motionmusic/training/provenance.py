"""What made a result: the commit that runs, the digests of its inputs."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterable
from pathlib import Path

from motionmusic.errors import UserError


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
    """File → hex SHA-256 of its bytes. Raises UserError where one is missing."""
    try:
        return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}
    except FileNotFoundError as error:
        raise UserError(
            str(error.filename), "", "what an earlier stage writes", "nothing", "run `dvc repro`"
        ) from None
