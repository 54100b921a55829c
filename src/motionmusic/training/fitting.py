"""How the small networks of matching are trained: the epoch of the best validation loss is kept."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from motionmusic.training.checkpoint import Store
from motionmusic.training.loop import AfterEpoch, Chance, Losses, Schedule, optimise
from motionmusic.training.phases import adam, seeded


class Best(AfterEpoch):
    """Keeps the weights of the epoch with the smallest validation loss, and its negative."""

    def __init__(self, network: nn.Module, losses: Losses, rows: Tensor, chance: Chance):
        self.network, self.losses, self.rows, self.chance = network, losses, rows, chance

    def after_epoch(self, epoch: int) -> dict[str, float]:
        """Validate, always on the same random draws, and keep the weights if they are the best."""
        self.network.eval()
        with torch.no_grad(), seeded(self.chance, "validation", self.rows.device):
            loss = float(torch.stack([*self.losses(self.rows)[0].values()]).sum())
        if -loss > self.kept[0]:
            self.kept = -loss, copy.deepcopy(self.network.state_dict())
        return {"validation_loss": loss}


def fit(
    network: nn.Module,
    losses: Losses,
    train: Tensor,
    validation: Tensor,
    schedule: Schedule,
    chance: Chance,
    store: Store | None = None,
) -> None:
    """Train a network in place and leave it, in evaluation mode, at its best validation loss.

    ``losses`` are as for :func:`optimise`, in either mode; ``train`` (n,) and ``validation`` (m,)
    are rows on the network's device. Where none validate, the last epoch is kept.
    """
    best = Best(network, losses, validation, chance) if len(validation) else AfterEpoch()
    optimiser = adam(network, schedule.learning_rate, schedule.recipe.weight_decay)
    with seeded(chance, "draws", train.device):
        optimise([network], [optimiser], losses, train, schedule, chance, best, store)
    if len(validation):
        network.load_state_dict(best.kept[1])
    network.eval()
