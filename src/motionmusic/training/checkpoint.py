"""Where an interrupted training goes on: everything at the end of an epoch, keyed by content.

A checkpoint is a safetensors file whose name holds the epoch and a digest of its bytes, so that a
damaged one is known before it is used; the one before is kept until the next is whole.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import safetensors.torch
from safetensors import safe_open

from motionmusic.files import write_bytes
from motionmusic.models.weights import State

EVERY_S = 30.0
SHARE = 0.05


def content_key(facts: Mapping[str, Any]) -> str:
    """A name for everything that decides what a training computes (parameters, data, code, machine)."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


def code_digest() -> dict[str, str]:
    """Path of an own module from the root → SHA-256 of its source, for all that this process has loaded."""
    package = Path(__file__).parents[1]
    root = package.parents[1]
    own = (f"{package}{os.sep}", f"{root / 'stages'}{os.sep}")
    files = {getattr(module, "__file__", None) or "" for module in list(sys.modules.values())}
    return {
        Path(file).relative_to(root).as_posix(): hashlib.sha256(Path(file).read_bytes()).hexdigest()
        for file in sorted(files)
        if file.startswith(own)
    }


@dataclass
class Store:
    """The checkpoints of one training, FOLDER/NAME-EPOCH-DIGEST.safetensors.

    There are ``every_s`` seconds between two, or so many that writing takes at most this share.
    """

    folder: Path
    name: str
    every_s: float = EVERY_S
    share: float = SHARE
    _next: float = field(default_factory=time.monotonic)

    def load(self) -> tuple[State, dict[str, Any]] | None:
        """The latest whole checkpoint: tensors, facts. Damaged ones are said, removed and passed by."""
        for path in self._paths():
            content = path.read_bytes()
            if path.stem.rsplit("-", 1)[1] == _digest(content):
                with safe_open(path, "pt") as file:
                    facts = json.loads(file.metadata()["facts"])
                return safetensors.torch.load(content), facts
            print(f"{path}: damaged, going on from the one before", file=sys.stderr)
            path.unlink()
        return None

    def latest(self) -> Path | None:
        """The file of the latest checkpoint, whole or not."""
        return next(iter(self._paths()), None)

    def due(self, *, last: bool) -> bool:
        """Whether to save now: it is time, or it was the last epoch."""
        return last or time.monotonic() >= self._next

    def save(self, state: State, facts: Mapping[str, Any], *, last: bool) -> None:
        """Keep the end of epoch ``facts["epoch"]``; after the last epoch, that alone."""
        started = time.monotonic()
        tensors = {key: value.detach().cpu().contiguous() for key, value in state.items()}
        content = safetensors.torch.save(tensors, metadata={"facts": json.dumps(dict(facts))})
        name = f"{self.name}-{facts['epoch']:06d}-{_digest(content)}.safetensors"
        write_bytes(self.folder / name, content)
        for path in self._paths()[2 - last :]:
            path.unlink()
        ended = time.monotonic()
        self._next = ended + max(self.every_s, (ended - started) / self.share)

    def _paths(self) -> list[Path]:
        """Latest first."""
        return sorted(self.folder.glob(f"{self.name}-*-*.safetensors"), reverse=True)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
