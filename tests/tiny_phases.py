"""Every phase with tiny networks on eight segments, as the stages run it."""

from __future__ import annotations

from typing import Any

import torch

from motionmusic.models.motion_encoder import MotionEncoder
from motionmusic.models.weights import State
from motionmusic.training import phases
from motionmusic.training.checkpoint import Store
from motionmusic.training.folds import Segments
from motionmusic.training.loop import Chance, Schedule

V, K = 5, 4
GRAPH = torch.eye(V).repeat(3, 1, 1)
PHASES = ("motion", "music plain", "music dropout", "plain", "dropout", "fc")


def segments() -> Segments:
    """Five to train on, three that validate."""
    random = torch.Generator().manual_seed(1)
    return Segments(
        torch.rand(8, 3, 25, V, generator=random), torch.rand(8, 1, 96, 25, generator=random),
        torch.arange(8) % K, torch.arange(5), torch.arange(5, 8),
    )  # fmt: skip


def networks_of(variant: str) -> phases.Collaborative:
    """Of width 4."""
    return phases.collaborative(MotionEncoder(3, GRAPH, K, width=4), variant, 4)


def run(
    phase: str,
    seed: int = 0,
    select: phases.Select = "last",
    epochs: int = 2,
    kind: Any = "constant",
    store: Store | None = None,
) -> phases.Trained:
    """One phase, two steps an epoch."""
    chance, data = Chance(seed, (phase, "joints", 0)), segments()
    plan = Schedule(2, epochs, 0.01, kind, "fp32")
    with phases.seeded(chance, "initial", torch.device("cpu")):
        networks = networks_of(phase.removeprefix("music "))
    if phase == "motion":
        adam = phases.adam(networks.motion, 0.01)
        return phases.train_motion(networks.motion, adam, data, plan, select, chance, 0, store)
    if phase.startswith("music"):
        return phases.train_music(networks.music, data, plan, chance, store)
    optimisers = [phases.adam(child, 0.01) for child in (networks.motion, networks.music)]
    return phases.cotrain(networks, optimisers, data, plan, select, epochs, chance, store)


def same(a: State, b: State) -> bool:
    """Whether two states have equal entries."""
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)
