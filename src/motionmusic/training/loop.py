"""Epochs of optimisation, the same for every phase (spec/mclemcd.md 4.1, 4.2)."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from motionmusic.errors import UserError
from motionmusic.streams import stream

Losses = Callable[[Tensor], tuple[dict[str, Tensor], Tensor | None]]
History = list[dict[str, float]]


@dataclass(frozen=True)
class Schedule:
    """How one phase is optimised; the fields are the knobs of params.yaml's group ``train``."""

    batch: int
    epochs: int
    learning_rate: float
    schedule: Literal["constant", "one_cycle"]
    precision: Literal["fp32", "bf16"]


@dataclass(frozen=True)
class Chance:
    """The random stream of one cell: its root seed and its name."""

    seed: int
    cell: tuple[str | int, ...]


def optimise(
    networks: Sequence[nn.Module],
    optimisers: Sequence[torch.optim.Optimizer],
    losses: Losses,
    train_rows: Tensor,
    schedule: Schedule,
    chance: Chance,
    after_epoch: Callable[[int], dict[str, float]],
) -> History:
    """Optimise for all epochs and return one row of numbers per epoch.

    Args:
        networks: put into training mode at the start of every epoch.
        optimisers: all stepped on every batch.
        losses: rows of a batch → (named losses, number predicted right or None). The losses are added up
            and back-propagated once, which gives the gradients of one backward each.
        train_rows: (n,) indices of the training segments. They are shuffled anew in every epoch, as
            a function of seed and epoch alone; the last incomplete batch is dropped.
        schedule: batch size, epochs, learning rate, precision.
        chance: whose random stream.
        after_epoch: called with the epoch's number (from 0); what it returns joins the row.

    Returns:
        rows with ``epoch`` (from 1), every loss's mean over batches, ``accuracy`` (of the training
        segments seen, in training mode) and what ``after_epoch`` gave.

    Raises:
        UserError: where there are fewer training segments than one batch.
    """
    steps = len(train_rows) // schedule.batch
    if steps == 0:
        raise UserError(
            "params.yaml",
            "train.*.batch",
            f"a batch of at most the {len(train_rows)} training segments",
            str(schedule.batch),
            "set a smaller batch, or use more excerpts",
        )
    for optimiser in optimisers:
        for settings in optimiser.param_groups:
            settings["lr"] = schedule.learning_rate
    schedulers = [
        torch.optim.lr_scheduler.OneCycleLR(
            optimiser,
            schedule.learning_rate,
            total_steps=schedule.epochs * steps + 1,
            cycle_momentum=False,
        )
        for optimiser in optimisers
        if schedule.schedule == "one_cycle"
    ]
    # products and activations alone: weights, Adam and the statistics of batch norms stay float32
    low = schedule.precision == "bf16"
    history: History = []
    bar = _bar(schedule.epochs, "/".join(map(str, chance.cell)))
    for epoch in range(schedule.epochs):
        for network in networks:
            network.train()
        sums: dict[str, Tensor] = {}
        right: Tensor | None = None
        for rows in _batches(train_rows, schedule.batch, chance, epoch):
            with torch.autocast(rows.device.type, torch.bfloat16, enabled=low):
                named, hits = losses(rows)
            for optimiser in optimisers:
                optimiser.zero_grad(set_to_none=True)
            torch.stack(list(named.values())).sum().backward()  # type: ignore[no-untyped-call]
            for optimiser in optimisers:
                optimiser.step()
            for scheduler in schedulers:
                scheduler.step()
            if hits is not None:
                right = hits if right is None else right + hits
            for name, value in named.items():
                sums[name] = sums.get(name, torch.zeros_like(value)) + value.detach()
        row = {"epoch": float(epoch + 1)}
        row |= {f"{name}_loss": float(total) / steps for name, total in sums.items()}
        if right is not None:
            row["accuracy"] = float(right) / (steps * schedule.batch)
        row |= after_epoch(epoch)
        history.append(row)
        shown = {"loss": sum(map(float, sums.values())) / steps, "accuracy": row.get("accuracy")}
        bar.set_postfix({k: f"{v:.3f}" for k, v in shown.items() if v is not None}, refresh=False)
        bar.update()
    bar.close()
    return history


def _batches(rows: Tensor, size: int, chance: Chance, epoch: int) -> Iterator[Tensor]:
    order = stream(chance.seed, *chance.cell, "shuffle", epoch).permutation(len(rows))
    shuffled = rows[torch.from_numpy(order.astype(np.int64)).to(rows.device)]
    for start in range(0, len(rows) - size + 1, size):
        yield shuffled[start : start + size]


def _bar(epochs: int, name: str) -> tqdm[Any]:
    terminal = sys.stderr.isatty()
    return tqdm(
        total=epochs, desc=name, unit="epoch", mininterval=0.2 if terminal else 30, maxinterval=30
    )


@torch.no_grad()
def logits_of(network: nn.Module, motion: Tensor, rows: Tensor, size: int = 256) -> Tensor:
    """Logits (len(rows), k) of a motion encoder in evaluation mode, on the CPU."""
    network.eval()
    return torch.cat([network(motion[chunk])[1].float().cpu() for chunk in torch.split(rows, size)])
