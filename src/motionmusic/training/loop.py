"""Epochs of optimisation, the same for every phase (docs/method.md)."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from motionmusic.errors import UserError
from motionmusic.models.weights import (
    State,
    load_optimiser,
    optimiser_state,
    part,
    prefixed,
)
from motionmusic.streams import stream
from motionmusic.training.checkpoint import Store
from motionmusic.training.cuda_graph import Captured
from motionmusic.training.recipe import PAPER, Recipe

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
    recipe: Recipe = PAPER


@dataclass(frozen=True)
class Run:
    """What optimisation leaves: one row per epoch, and the seconds of all, interruptions left out."""

    history: History
    seconds: float


@dataclass(frozen=True)
class Chance:
    """The random stream of one cell: its root seed and its name."""

    seed: int
    cell: tuple[str | int, ...]


class AfterEpoch:
    """What is done between epochs: nothing, unless a subclass says more."""

    def after_epoch(self, epoch: int) -> dict[str, float]:
        """Called with the epoch's number (from 0); what it returns joins the epoch's row."""
        return {}

    def dump(self) -> tuple[State, dict[str, Any]]:
        """What it keeps, for a checkpoint: tensors, and what JSON holds."""
        return {}, {}

    def restore(self, state: State, facts: dict[str, Any]) -> None:
        """Take what a checkpoint kept."""


def optimise(
    networks: Sequence[nn.Module],
    optimisers: Sequence[torch.optim.Optimizer],
    losses: Losses,
    train_rows: Tensor,
    schedule: Schedule,
    chance: Chance,
    between: AfterEpoch,
    store: Store | None = None,
) -> Run:
    """Optimise for all epochs.

    Args:
        networks: put into training mode at the start of every epoch.
        optimisers: all stepped on every batch.
        losses: rows of a batch → (named losses, number predicted right or None). The losses are added up
            and back-propagated once, which gives the gradients of one backward each.
        train_rows: (n,) indices of the training segments. They are shuffled anew in every epoch, as
            a function of seed and epoch alone; the last incomplete batch is dropped.
        schedule: batch size, epochs, learning rate, precision.
        chance: whose random stream.
        between: what is done after each epoch.
        store: where an interrupted training left its checkpoints, and where new ones go; a training
            that goes on gives the bytes of one that was never interrupted.

    Returns:
        the history's rows have ``epoch`` (from 1), every loss's mean over batches, ``accuracy`` (of
        the training segments seen, in training mode) and what ``between`` gave.

    Raises:
        UserError: there are fewer training segments than one batch, a loss is not finite, or
            memory is not enough.
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
            _set_rate(settings, schedule.learning_rate)
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
    names: list[str] = []

    def step(rows: Tensor) -> tuple[Tensor, Tensor | None]:
        # products and activations alone: weights, Adam and batch norms' statistics stay float32
        with torch.autocast(rows.device.type, torch.bfloat16, enabled=schedule.precision == "bf16"):
            named, hits = losses(rows)
        names[:] = named
        values = torch.stack(list(named.values()))
        for optimiser in optimisers:
            optimiser.zero_grad(set_to_none=True)
        values.sum().backward()  # type: ignore[no-untyped-call]
        for optimiser in optimisers:
            optimiser.step()
        return values.detach(), hits

    run_step = Captured(step) if train_rows.device.type == "cuda" else step
    history: History = []
    seconds = 0.0
    found = None if store is None else store.load()
    if found is not None:
        history = _restore(*found, networks, optimisers, schedulers, between)
        seconds = found[1]["seconds"]
    bar = _bar(schedule.epochs, len(history), "/".join(map(str, chance.cell)))
    for epoch in range(len(history), schedule.epochs):
        started = time.monotonic()
        for network in networks:
            network.train()
        by_step: list[Tensor] = []
        right: Tensor | None = None
        for rows in _batches(train_rows, schedule.batch, chance, epoch):
            with _enough_memory(schedule, chance):
                values, hits = run_step(rows)
            for scheduler in schedulers:
                scheduler.step()
            if hits is not None:
                right = hits if right is None else right + hits
            by_step.append(values)
        # the only time in an epoch that the device is waited for
        _must_be_finite(torch.stack(by_step).cpu(), schedule, chance, epoch, store)
        totals = [float(total) for total in sum(by_step[1:], by_step[0])]
        row = {"epoch": float(epoch + 1)}
        row |= {f"{name}_loss": total / steps for name, total in zip(names, totals, strict=True)}
        if right is not None:
            row["accuracy"] = float(right) / (steps * schedule.batch)
        row |= between.after_epoch(epoch)
        history.append(row)
        seconds += time.monotonic() - started
        last = epoch + 1 == schedule.epochs
        if store is not None and store.due(last=last):
            kept, facts = between.dump()
            facts |= {
                "epoch": epoch + 1,
                "seconds": seconds,
                "history": history,
                "schedulers": [
                    scheduler.state_dict() | {"_last_lr": [*map(float, scheduler.get_last_lr())]}
                    for scheduler in schedulers
                ],
            }
            store.save(_everything(networks, optimisers, kept), facts, last=last)
        shown = {"loss": sum(totals) / steps, "accuracy": row.get("accuracy")}
        bar.set_postfix({k: f"{v:.3f}" for k, v in shown.items() if v is not None}, refresh=False)
        bar.update()
    bar.close()
    return Run(history, seconds)


@contextmanager
def _enough_memory(schedule: Schedule, chance: Chance) -> Iterator[None]:
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        no_memory = (torch.OutOfMemoryError, MemoryError)
        if not isinstance(error, no_memory) and "allocate memory" not in str(error):
            raise
        raise UserError(
            "/".join(map(str, chance.cell)), f"batch of {schedule.batch}",
            "memory for one step", str(error).splitlines()[0],
            "set a smaller train.*.batch or train.*.width, or a device with more memory",
        ) from None  # fmt: skip


def _set_rate(settings: dict[str, Any], rate: float) -> None:
    """A tensor, which a CUDA graph reads anew at every step, keeps its place in memory."""
    if isinstance(settings["lr"], Tensor):
        settings["lr"].fill_(rate)
    else:
        settings["lr"] = rate


def _must_be_finite(
    losses: Tensor, schedule: Schedule, chance: Chance, epoch: int, store: Store | None
) -> None:
    broken = (~losses.isfinite()).any(1).nonzero()
    if len(broken):
        kept = None if store is None else store.latest()
        raise UserError(
            "/".join(map(str, chance.cell)), f"epoch {epoch + 1}, step {int(broken[0]) + 1}",
            "a finite loss", f"{losses[int(broken[0])].tolist()}, learning rate"
            f" {schedule.learning_rate:g}",
            f"lower train.*.learning_rate; the last good checkpoint is {kept or 'none'}",
        )  # fmt: skip


def _everything(
    networks: Sequence[nn.Module], optimisers: Sequence[torch.optim.Optimizer], kept: State
) -> State:
    """All tensors that decide how a training goes on."""
    state = prefixed(kept=kept, random={"cpu": torch.get_rng_state()})
    for number, network in enumerate(networks):
        state |= prefixed(**{f"network{number}": network.state_dict()})
    for number, optimiser in enumerate(optimisers):
        state |= prefixed(**{f"adam{number}": optimiser_state(optimiser)})
    device = next(networks[0].parameters()).device
    if device.type == "cuda":
        state["random.cuda"] = torch.cuda.get_rng_state(device)
    return state


def _restore(
    state: State,
    facts: dict[str, Any],
    networks: Sequence[nn.Module],
    optimisers: Sequence[torch.optim.Optimizer],
    schedulers: Sequence[torch.optim.lr_scheduler.LRScheduler],
    between: AfterEpoch,
) -> History:
    for number, network in enumerate(networks):
        network.load_state_dict(part(state, f"network{number}"))
    for number, optimiser in enumerate(optimisers):
        load_optimiser(optimiser, part(state, f"adam{number}"))
    for scheduler, values in zip(schedulers, facts["schedulers"], strict=True):
        scheduler.load_state_dict(values)
        for settings, rate in zip(
            scheduler.optimizer.param_groups, scheduler.get_last_lr(), strict=True
        ):
            _set_rate(settings, float(rate))
    between.restore(part(state, "kept"), facts)
    torch.set_rng_state(state["random.cpu"])
    if "random.cuda" in state:
        torch.cuda.set_rng_state(state["random.cuda"], next(networks[0].parameters()).device)
    history: History = facts["history"]
    return history


def _batches(rows: Tensor, size: int, chance: Chance, epoch: int) -> Iterator[Tensor]:
    order = stream(chance.seed, *chance.cell, "shuffle", epoch).permutation(len(rows))
    shuffled = rows[torch.from_numpy(order.astype(np.int64)).to(rows.device)]
    for start in range(0, len(rows) - size + 1, size):
        yield shuffled[start : start + size]


def _bar(epochs: int, done: int, name: str) -> tqdm[Any]:
    terminal = sys.stderr.isatty()
    return tqdm(
        total=epochs, initial=done, desc=name, unit="epoch", mininterval=0.2 if terminal else 30,
        maxinterval=30,
    )  # fmt: skip


@torch.no_grad()
def logits_of(network: nn.Module, motion: Tensor, rows: Tensor, size: int = 256) -> Tensor:
    """Logits (len(rows), k) of a motion encoder in evaluation mode, on the CPU."""
    network.eval()
    return torch.cat([network(motion[chunk])[1].float().cpu() for chunk in torch.split(rows, size)])
