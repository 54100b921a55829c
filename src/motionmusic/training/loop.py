"""Epochs of optimisation, the same for every phase (docs/method.md)."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import OneCycleLR
from tqdm import tqdm

from motionmusic.errors import UserError
from motionmusic.models.weights import State, load_optimiser, optimiser_state, part, prefixed
from motionmusic.streams import stream
from motionmusic.training.checkpoint import Store
from motionmusic.training.cuda_graph import Captured
from motionmusic.training.recipe import PAPER, Recipe

Losses = Callable[[Tensor], tuple[dict[str, Tensor], Tensor | None]]
History = list[dict[str, float]]


@dataclass(frozen=True)
class Schedule:
    """How one phase is optimised (params.yaml, group ``train``)."""

    batch: int
    epochs: int
    learning_rate: float
    schedule: Literal["constant", "one_cycle"]
    precision: Literal["fp32", "bf16"]
    recipe: Recipe = PAPER


@dataclass(frozen=True)
class Run:
    """One row per epoch, and the seconds of all, interruptions left out."""

    history: History
    seconds: float


@dataclass(frozen=True)
class Chance:
    """The random stream of one cell: its root seed and its name."""

    seed: int
    cell: tuple[str | int, ...]


class AfterEpoch:
    """What is done between epochs: nothing, unless a subclass says more."""

    kept: tuple[float, State] = (-math.inf, {})
    """The best score so far and its weights, for subclasses that choose an epoch."""

    def after_epoch(self, epoch: int) -> dict[str, float]:
        """Called with the epoch's number (from 0); what it returns joins the epoch's row."""
        return {}


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
        networks, optimisers: trained in training mode; all are stepped on every batch.
        losses: rows of a batch → (named losses, number predicted right or None); added up.
        train_rows: (n,) rows, shuffled in every epoch as a function of seed and epoch alone; the
            last incomplete batch is dropped.
        schedule, chance, between: how, whose random stream, what is done after each epoch.
        store: of checkpoints; going on from one gives the same bytes.

    Returns:
        the history's rows have ``epoch`` (from 1), every loss's mean over batches, ``accuracy`` (of
        the training segments seen, in training mode) and what ``between`` gave.

    Raises:
        UserError: fewer training rows than one batch, a loss is not finite, too little memory.
    """
    steps = len(train_rows) // schedule.batch
    if steps == 0:
        expected = f"a batch of at most the {len(train_rows)} training segments"
        remedy = "set a smaller batch, or use more excerpts"
        raise UserError("params.yaml", "train.*.batch", expected, str(schedule.batch), remedy)
    for optimiser in optimisers:
        for settings in optimiser.param_groups:
            _set_rate(settings, schedule.learning_rate)
    total, rate = schedule.epochs * steps + 1, schedule.learning_rate
    schedulers = [
        OneCycleLR(optimiser, rate, total_steps=total, cycle_momentum=False)
        for optimiser in optimisers
        if schedule.schedule == "one_cycle"
    ]
    name = "/".join(map(str, chance.cell))
    names: list[str] = []

    def step(rows: Tensor) -> tuple[Tensor, Tensor | None]:
        # of products and activations alone; weights, moments and statistics stay float32
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
        _restore(*found, networks, optimisers, schedulers, between)
        history, seconds = found[1]["history"], found[1]["seconds"]
    bar = tqdm(total=schedule.epochs, initial=len(history), desc=name, unit="epoch",
               mininterval=0.2 if sys.stderr.isatty() else 30, maxinterval=30)  # fmt: skip
    for epoch in range(len(history), schedule.epochs):
        started = time.monotonic()
        for network in networks:
            network.train()
        by_step: list[Tensor] = []
        right: list[Tensor] = []
        for rows in _batches(train_rows, schedule.batch, chance, epoch):
            with _enough_memory(schedule, name):
                values, hits = run_step(rows)
            for scheduler in schedulers:
                scheduler.step()
            by_step.append(values)
            right += [] if hits is None else [hits]
        # the only time in an epoch that the device is waited for
        _must_be_finite(torch.stack(by_step).cpu(), schedule, name, epoch, store)
        totals = [float(total) for total in sum(by_step[1:], by_step[0])]
        row = {"epoch": float(epoch + 1)}
        row |= {f"{name}_loss": total / steps for name, total in zip(names, totals, strict=True)}
        if right:
            row["accuracy"] = float(sum(right)) / (steps * schedule.batch)
        row |= between.after_epoch(epoch)
        history.append(row)
        seconds += time.monotonic() - started
        last = epoch + 1 == schedule.epochs
        if store is not None and store.due(last=last):
            facts = {
                "epoch": epoch + 1,
                "seconds": seconds,
                "history": history,
                "best": between.kept[0],
                "schedulers": [
                    scheduler.state_dict() | {"_last_lr": [*map(float, scheduler.get_last_lr())]}
                    for scheduler in schedulers
                ],
            }
            store.save(_everything(networks, optimisers, between.kept[1]), facts, last=last)
        shown = {"loss": sum(totals) / steps, "accuracy": row.get("accuracy")}
        bar.set_postfix({k: f"{v:.3f}" for k, v in shown.items() if v is not None}, refresh=False)
        bar.update()
    bar.close()
    return Run(history, seconds)


@contextmanager
def _enough_memory(schedule: Schedule, name: str) -> Iterator[None]:
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        no_memory = (torch.OutOfMemoryError, MemoryError)
        if not isinstance(error, no_memory) and "allocate memory" not in str(error):
            raise
        raise UserError(
            name, f"batch of {schedule.batch}", "memory for one step", str(error).splitlines()[0],
            "set a smaller train.*.batch or train.*.width, or a device with more memory",
        ) from None  # fmt: skip


def _set_rate(settings: dict[str, Any], rate: float) -> None:
    """A tensor, which a CUDA graph reads anew at every step, keeps its place in memory."""
    if isinstance(settings["lr"], Tensor):
        settings["lr"].fill_(rate)
    else:
        settings["lr"] = rate


def _must_be_finite(
    losses: Tensor, schedule: Schedule, name: str, epoch: int, store: Store | None
) -> None:
    broken = (~losses.isfinite()).any(1).nonzero()
    if len(broken):
        step = int(broken[0])
        kept = None if store is None else store.latest()
        raise UserError(
            name, f"epoch {epoch + 1}, step {step + 1}", "a finite loss",
            f"{losses[step].tolist()}, learning rate {schedule.learning_rate:g}",
            f"lower train.*.learning_rate; the last good checkpoint is {kept or 'none'}",
        )  # fmt: skip


def _everything(
    networks: Sequence[nn.Module], optimisers: Sequence[torch.optim.Optimizer], kept: State
) -> State:
    """All tensors that decide how a training goes on."""
    random = {"cpu": torch.get_rng_state()}
    device = next(networks[0].parameters()).device
    if device.type == "cuda":
        random["cuda"] = torch.cuda.get_rng_state(device)
    states = {f"network{number}": network.state_dict() for number, network in enumerate(networks)}
    states |= {f"adam{number}": optimiser_state(adam) for number, adam in enumerate(optimisers)}
    return prefixed(kept=kept, random=random, **states)


def _restore(
    state: State,
    facts: dict[str, Any],
    networks: Sequence[nn.Module],
    optimisers: Sequence[torch.optim.Optimizer],
    schedulers: Sequence[OneCycleLR],
    between: AfterEpoch,
) -> None:
    for number, network in enumerate(networks):
        network.load_state_dict(part(state, f"network{number}"))
    for number, optimiser in enumerate(optimisers):
        load_optimiser(optimiser, part(state, f"adam{number}"))
    for scheduler, values in zip(schedulers, facts["schedulers"], strict=True):
        scheduler.load_state_dict(values)
        groups = scheduler.optimizer.param_groups
        for settings, rate in zip(groups, scheduler.get_last_lr(), strict=True):
            _set_rate(settings, float(rate))
    between.kept = facts["best"], part(state, "kept")
    torch.set_rng_state(state["random.cpu"])
    if "random.cuda" in state:
        torch.cuda.set_rng_state(state["random.cuda"], next(networks[0].parameters()).device)


def _batches(rows: Tensor, size: int, chance: Chance, epoch: int) -> Iterator[Tensor]:
    order = stream(chance.seed, *chance.cell, "shuffle", epoch).permutation(len(rows))
    shuffled = rows[torch.from_numpy(order.astype(np.int64)).to(rows.device)]
    for start in range(0, len(rows) - size + 1, size):
        yield shuffled[start : start + size]


@torch.no_grad()
def logits_of(network: nn.Module, motion: Tensor, rows: Tensor) -> Tensor:
    """Logits (len(rows), k) of a motion encoder in evaluation mode, on the CPU."""
    network.eval()
    return torch.cat([network(motion[some])[1].float().cpu() for some in torch.split(rows, 256)])
