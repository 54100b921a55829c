"""Steps of Table 3's networks on a GPU: the authors' way, ours, and several processes at once.

Written to OUT/steps.json after each network, so that what was measured stays when time runs out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import gpu
import numpy as np
import plain
import steps as bench
import torch
from torch.profiler import ProfilerActivity, profile

from motionmusic.files import write_json, write_text
from motionmusic.training import cuda_graph, phases
from motionmusic.training.device import describe, pick_device

Step = Callable[[], object]
SIZE = bench.SIZES["m2d"]
EPOCH = 5  # steps, after which a training waits for the device (405 segments, batch 72)
BLOCKS = 7
AUTHORS = "eager fp32, a backward for each loss"
FASTEST = "ours bf16, CUDA graph"
MEASURED_S = 4.0
LONGEST_S = 40.0  # of processes at once, their start included


@contextmanager
def tf32() -> Iterator[None]:
    """Products in TF32 as well; convolutions are by default."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    yield
    torch.set_float32_matmul_precision(before)


def wait(device: torch.device) -> None:
    """Until the device has done all that it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def seconds_of(step: Step, device: torch.device, blocks: int = BLOCKS) -> float:
    """Of one step: the median of blocks of an epoch's steps, after a block that is not counted."""
    times = []
    for _ in range(blocks + 1):
        wait(device)
        began = time.perf_counter()
        for _ in range(EPOCH):
            step()
        wait(device)
        times.append((time.perf_counter() - began) / EPOCH)
    return float(np.median(times[1:]))


def ways(name: str, width: int, device: torch.device) -> dict[str, Step]:
    """Way → a step of one network; ours share weights, eager ones have their own."""
    batch = tuple(part.to(device) for part in bench.batch_of(SIZE))
    rows = torch.arange(SIZE.batch, device=device)
    ours = bench.networks_of(SIZE, width, house=True)
    eager = bench.networks_of(SIZE, width, house=False)
    eager.load_state_dict(ours.state_dict())
    parts = bench.STEPS[name]
    ours, eager = ours.to(device), eager.to(device)
    losses = bench.losses_of(eager, name, batch)  # type: ignore[arg-type]
    rate = bench.LEARNING_RATE
    adams = [torch.optim.Adam(eager.get_submodule(part).parameters(), lr=rate) for part in parts]
    found: dict[str, Step] = {AUTHORS: partial(plain.backward_each, losses, adams)}
    losses = bench.losses_of(ours, name, batch)  # type: ignore[arg-type]
    adams = [phases.adam(ours.get_submodule(part), rate) for part in parts]
    for precision in ("fp32", "bf16"):
        low = precision == "bf16"
        step = partial(bench.house_step, losses, adams, device.type, low)
        found[f"ours {precision}"] = partial(step, rows)
        if device.type == "cuda":
            found[f"ours {precision}, CUDA graph"] = partial(cuda_graph.Captured(step), rows)
    if device.type == "cuda":
        step = partial(bench.house_step, losses, adams, device.type, False)
        found["ours TF32, CUDA graph"] = partial(cuda_graph.Captured(step), rows)
    return found


def product(device: torch.device, dtype: torch.dtype) -> float:
    """TFLOP/s of a matrix product."""
    side = 8192 if device.type == "cuda" else 512
    factor = torch.rand(side, side, device=device, dtype=dtype)
    return 2e-12 * side**3 / seconds_of(lambda: factor @ factor, device, 3)


def measure(width: int, out: Path) -> None:
    """All ways of all networks, beside the device's matrix products; where a step's time goes."""
    device = pick_device()
    peak = {"fp32": product(device, torch.float32), "bf16": product(device, torch.bfloat16)}
    with tf32():
        peak["TF32"] = product(device, torch.float32)
    found: dict[str, Any] = {
        "machine": describe(device), "width": width, "batch": SIZE.batch,
        "product_tflop_per_s": peak, "steps": [],
    }  # fmt: skip
    for name in bench.STEPS:
        rows: list[dict[str, Any]] = []
        for way, step in ways(name, width, device).items():
            if "TF32" in way:
                with tf32():
                    rows.append({"step": name, "way": way, "s": seconds_of(step, device)})
            else:
                rows.append({"step": name, "way": way, "s": seconds_of(step, device)})
        gflop = bench.gflop_of(SIZE, name, width)
        for row in rows:
            of = next(kind for kind in ("bf16", "TF32", "fp32") if kind in row["way"])
            rate = 1e-3 * gflop / row["s"]
            row |= {"samples_per_s": SIZE.batch / row["s"], "tflop_per_s": rate}
            row |= {"of_product": rate / peak[of], "times_authors": rows[0]["s"] / row["s"]}
            print(f"{name}, {row['way']}: {1e3 * row['s']:.2f} ms, × {row['times_authors']:.1f},"
                  f" {row['of_product']:.0%} of the product", flush=True)  # fmt: skip
        found["steps"] += rows
        write_json(out / "steps.json", found)
    write_text(
        out / "profile.txt", profiled(ways("phase 2 fc", width, device)["ours bf16"], device)
    )


def profiled(step: Step, device: torch.device) -> str:
    """Where a step's time goes, the longest first."""
    for _ in range(3):
        step()
    wait(device)
    kinds = [ProfilerActivity.CPU] + [ProfilerActivity.CUDA] * (device.type == "cuda")
    with profile(activities=kinds) as found:
        for _ in range(EPOCH):
            step()
        wait(device)
    by = "self_device_time_total" if device.type == "cuda" else "self_cpu_time_total"
    return str(found.key_averages().table(sort_by=by, row_limit=30))


def at_once(processes: int, width: int, log: Path, limit: float = LONGEST_S) -> float:
    """Steps of phase 2 fc per second, of so many processes together; 0 where one of them fails."""
    barrier, counts = gpu.FORK.Barrier(processes), gpu.FORK.Queue()
    until = time.monotonic() + limit
    works = [gpu.start(log, steps_for, width, barrier, counts) for _ in range(processes)]
    if not all([gpu.end(work, until - time.monotonic()) for work in works]):
        return 0.0
    return float(sum(counts.get(timeout=LONGEST_S) for _ in works))


def steps_for(width: int, barrier: Barrier, counts: Any) -> None:
    """Put how many steps a second were done, from when all processes were ready."""
    device = pick_device()
    found = ways("phase 2 fc", width, device)
    step = found.get(FASTEST, found["ours bf16"])
    for _ in range(EPOCH):
        step()
    wait(device)
    barrier.wait(LONGEST_S)
    began, done = time.perf_counter(), 0
    while time.perf_counter() - began < MEASURED_S or done == 0:
        for _ in range(EPOCH):
            step()
        wait(device)
        done += EPOCH
    counts.put(done / (time.perf_counter() - began))
