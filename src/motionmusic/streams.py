"""Named random streams: every use of chance has its own, so none depends on order (design: seeds)."""

from __future__ import annotations

import hashlib

import numpy as np


def stream_seed(seed: int, *names: str | int) -> int:
    """A 63-bit seed for one named use, from the cell's root seed; names hold no ``/``."""
    text = "/".join(str(part) for part in (seed, *names))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def stream(seed: int, *names: str | int) -> np.random.Generator:
    """A NumPy generator for one named use: ``stream(0, "train_motion", "shuffle", epoch)``."""
    return np.random.default_rng(stream_seed(seed, *names))
