"""Time one training step of every network, beside plain eager PyTorch and a matrix product.

In each round every variant of every step is taken once, in an order that is new in each round, so
that what else the machine does falls on all of them. One data set's sizes are done before the
other's: together they need more kernels than oneDNN keeps (1,024), and it would make 400 anew in
every round, which no training does. A step is forward, backward and Adam on a batch that is ready;
loading, evaluation and checkpoints are not in it. With ``--device cuda`` the device is waited for
before and after each step. docs/speed.md says how to read what comes out.
"""

from __future__ import annotations

import argparse
import os
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import plain
import steps_report as report
import torch
from steps_report import EAGER, EAGER_EACH, OURS, OURS_LOW
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from motionmusic import errors
from motionmusic.errors import UserError
from motionmusic.features.skeletons import LAYOUTS, LayoutName, paper_graph
from motionmusic.files import write_bytes, write_json
from motionmusic.models.heads import mapping
from motionmusic.models.motion_encoder import MotionEncoder
from motionmusic.models.music_autoencoder import MusicAutoencoder
from motionmusic.training import cuda_graph, phases
from motionmusic.training.device import keep_memory

Batch = tuple[Tensor, Tensor, Tensor]
Networks = plain.Collaborative | phases.Collaborative
Cell = tuple[str, str]  # step, variant; or product, precision
Cells = dict[Cell, Callable[[], object]]

# what of the networks each step trains, each part with an optimiser of its own
STEPS = {
    "motion": ("motion",),
    "music": ("music",),
    "phase 2": ("motion", "music"),
    "phase 2 fc": ("motion", "music", "mapping"),
}
LEARNING_RATE = 5e-4
WARM_UP = 2  # rounds that are not counted
SIDE = 2048  # of the matrix product


@dataclass(frozen=True)
class Size:
    """What a step is taken on; the music is (batch, 1, 96, 25) in all."""

    layout: LayoutName
    batch: int
    classes: int


SIZES = {"m2d": Size("musictodance", 72, 4), "aist": Size("aist", 128, 10)}


def networks_of(size: Size, width: int, *, house: bool) -> Networks:
    """Motion encoder (3 channels), music autoencoder and mapping: the house's, or the plain ones."""
    graph = torch.from_numpy(paper_graph(LAYOUTS[size.layout]))
    graph = graph.to(torch.get_default_device(), torch.get_default_dtype())
    between = mapping(4 * width)
    if house:
        motion = MotionEncoder(3, graph, size.classes, width)
        return phases.Collaborative(motion, MusicAutoencoder(2 * width), between)
    encoder = plain.MotionEncoder(3, graph, size.classes, width)
    return plain.Collaborative(encoder, plain.MusicAutoencoder(2 * width), between)


def batch_of(size: Size) -> Batch:
    """Motion (n, 3, 25, v) and music (n, 1, 96, 25) in 0…1, labels (n,)."""
    motion = torch.rand(size.batch, 3, 25, len(LAYOUTS[size.layout].joints))
    return motion, torch.rand(size.batch, 1, 96, 25), torch.arange(size.batch) % size.classes


def losses_of(networks: Networks, step: str, batch: Batch) -> plain.Losses:
    """The forward pass of a step, as motionmusic.training.phases has it: → its losses."""
    motion, music, labels = batch
    if step == "motion":
        return lambda: [F.cross_entropy(networks.motion(motion)[1], labels)]
    if step == "music":
        return lambda: [F.mse_loss(networks.music(music)[1].to(music.dtype), music)]
    together = networks
    if step == "phase 2":  # the same networks with nothing in between
        together = type(networks)(networks.motion, networks.music, nn.Identity())  # type: ignore[arg-type]
    return lambda: list(together.losses(motion, music, labels)[0].values())


def house_step(
    losses: plain.Losses,
    optimisers: Sequence[torch.optim.Optimizer],
    kind: str,
    low: bool,
    rows: Tensor,
) -> tuple[Tensor, None]:
    """What motionmusic.training.loop.optimise does for every batch; ``rows`` are taken already."""
    with torch.autocast(kind, torch.bfloat16, enabled=low):
        named = losses()
    values = torch.stack(list(named))
    for optimiser in optimisers:
        optimiser.zero_grad(set_to_none=True)
    values.sum().backward()  # type: ignore[no-untyped-call]
    for optimiser in optimisers:
        optimiser.step()
    return values.detach(), None


def cells_of(name: str, width: int, device: torch.device) -> Cells:
    """All variants of all steps of a size. Those of one kind share weights and moments."""
    ours = networks_of(SIZES[name], width, house=True)
    eager = networks_of(SIZES[name], width, house=False)
    eager.load_state_dict(ours.state_dict())
    ours, eager = ours.to(device), eager.to(device)
    motion, music, labels = (part.to(device) for part in batch_of(SIZES[name]))
    rows = torch.arange(len(labels), device=device)
    parts = STEPS["phase 2 fc"]
    adams = {
        part: torch.optim.Adam(eager.get_submodule(part).parameters(), lr=LEARNING_RATE)
        for part in parts
    }
    ours_adams = {part: phases.adam(ours.get_submodule(part), LEARNING_RATE) for part in parts}
    cells: Cells = {}
    for step, parts in STEPS.items():
        losses = losses_of(eager, step, (motion, music, labels))
        optimisers = [adams[part] for part in parts]
        cells[step, EAGER] = partial(plain.one_backward, losses, optimisers)
        if len(parts) > 1:  # elsewhere there is one loss only
            cells[step, EAGER_EACH] = partial(plain.backward_each, losses, optimisers)
        losses = losses_of(ours, step, (motion, music, labels))
        optimisers = [ours_adams[part] for part in parts]
        for variant in (OURS, OURS_LOW):
            low = variant == OURS_LOW
            work: cuda_graph.Step = partial(house_step, losses, optimisers, device.type, low)
            if device.type == "cuda":  # as the training does
                work = cuda_graph.Captured(work)
            cells[step, variant] = partial(work, rows)
    return cells


def products_of(device: torch.device) -> Cells:
    """The matrix product that steps are measured against, SIDE³, in both precisions."""
    factor = torch.rand(SIDE, SIDE, device=device)
    return {
        ("product", precision): partial(torch.matmul, factor.to(dtype), factor.to(dtype))
        for precision, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16))
    }


def gflop_of(size: Size, step: str, width: int = 64) -> float:
    """10⁹ operations of a step's forward and one backward in the plain networks, zeros of padding
    included, Adam and elementwise work not. Nothing is computed."""
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        losses = losses_of(networks_of(size, width, house=False), step, batch_of(size))
        plain.one_backward(losses, [])
    return int(counter.get_total_flops()) / 1e9


def measure(cells: Cells, rounds: int, device: torch.device) -> dict[Cell, list[float]]:
    """Seconds of every cell in every round after the warm-up."""
    seconds: dict[Cell, list[float]] = {cell: [] for cell in cells}
    warm_up = WARM_UP + (cuda_graph.WARM_UP if device.type == "cuda" else 0)
    for number in range(warm_up + rounds):
        order = list(cells)
        random.Random(number).shuffle(order)
        for cell in order:
            _wait(device)
            start = time.perf_counter()
            cells[cell]()
            _wait(device)
            seconds[cell].append(time.perf_counter() - start)
    return {cell: values[warm_up:] for cell, values in seconds.items()}


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text}: expected a whole number from 1")
    return int(text)


def main(given: Sequence[str]) -> None:
    """steps.py [--rounds N] [--threads N] [--width W] [--device D] [--out FOLDER]."""
    parser = argparse.ArgumentParser(description="Time one training step of every network.")
    parser.add_argument("--rounds", type=_count, default=9, help="counted ones, default 9")
    parser.add_argument("--threads", type=_count, help="of PyTorch, default its own choice")
    parser.add_argument("--width", type=_count, default=64, help="4, 8, 16 …; the paper has 64")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    asked = parser.parse_args(given)
    device = torch.device(asked.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        raise UserError(
            "command line", "--device", "a CUDA device that PyTorch can use", "none",
            "leave it out to measure the CPU, or install PyTorch for CUDA",
        )  # fmt: skip
    if asked.threads:
        torch.set_num_threads(asked.threads)
    torch.manual_seed(0)
    keep_memory()  # as a training does; plain steps gain by it as well
    peaks, rows, load = {}, [], os.getloadavg()
    for name in SIZES:
        cells = products_of(device) | cells_of(name, asked.width, device)
        seconds = measure(cells, asked.rounds, device)
        peaks[name] = {
            precision: 2e-9 * SIDE**3 / float(np.median(seconds["product", precision]))
            for precision in ("fp32", "bf16")
        }
        gflop = {step: gflop_of(SIZES[name], step, asked.width) for step in STEPS}
        rows += report.summaries(name, SIZES[name].batch, gflop, seconds, peaks[name])
    about = report.machine(device) | {"load_before": load, "load_after": os.getloadavg()}
    result = {
        "machine": about,
        "settings": {"device": device.type, "rounds": asked.rounds, "width": asked.width},
        "peak_gflop_per_s": peaks,
        "steps": rows,
        "projected_hours": report.projected(rows),
    }
    write_json(asked.out / f"steps-{device.type}.json", result)
    write_bytes(asked.out / f"steps-{device.type}.png", report.picture(result))
    print(report.text(result))


if __name__ == "__main__":
    errors.run(main)
