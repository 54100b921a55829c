"""How the small networks of matching are trained: the epoch of the best validation loss is kept."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from motionmusic.models.weights import State
from motionmusic.training.checkpoint import Store
from motionmusic.training.loop import AfterEpoch, Chance, History, Losses, Schedule, optimise
from motionmusic.training.phases import adam, seeded


class Best(AfterEpoch):
    """Keeps the weights of the epoch with the smallest validation loss."""

    def __init__(self, network: nn.Module, losses: Losses, rows: Tensor, chance: Chance):
        self.network, self.losses, self.rows, self.chance = network, losses, rows, chance
        self.least = float("inf")
        self.state: State = {}

    def after_epoch(self, epoch: int) -> dict[str, float]:
        """Validate, always on the same random draws, and keep the weights if they are the best."""
        self.network.eval()
        with torch.no_grad(), seeded(self.chance, "validation", self.rows.device):
            loss = float(torch.stack([*self.losses(self.rows)[0].values()]).sum())
        if loss < self.least:
            self.least = loss
            self.state = copy.deepcopy(self.network.state_dict())
        return {"validation_loss": loss}

    def dump(self) -> tuple[State, dict[str, Any]]:
        """The best weights so far, and their loss."""
        return self.state, {"least": self.least}

    def restore(self, state: State, facts: dict[str, Any]) -> None:
        """Take what a checkpoint kept."""
        self.state, self.least = state, facts["least"]


def fit(
    network: nn.Module,
    losses: Losses,
    train: Tensor,
    validation: Tensor,
    schedule: Schedule,
    chance: Chance,
    store: Store | None = None,
) -> History:
    """Train a network in place and leave it, in evaluation mode, at its best validation loss.

    Args:
        network: on the device of the rows.
        losses: rows → (named losses, hits or None), in training or evaluation mode.
        train: (n,) rows to train on.
        validation: (m,) rows that choose the epoch; where there are none, the last epoch is kept.
        schedule: of the optimisation.
        chance: whose random stream.
        store: of checkpoints.
    """
    best = Best(network, losses, validation, chance) if len(validation) else AfterEpoch()
    optimiser = adam(network, schedule.learning_rate, schedule.recipe.weight_decay)
    with seeded(chance, "draws", train.device):
        run = optimise([network], [optimiser], losses, train, schedule, chance, best, store)
    if isinstance(best, Best):
        network.load_state_dict(best.state)
    network.eval()
    return run.history
