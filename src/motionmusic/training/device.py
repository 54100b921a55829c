"""Where networks run, in which precision, and what has to be said about it beside every result."""

from __future__ import annotations

import ctypes
import os
import platform
import statistics
import sys
import time
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from motionmusic.errors import UserError

VARIABLE = "MOTIONMUSIC_DEVICE"
# glibc's mallopt: M_MMAP_THRESHOLD, M_TRIM_THRESHOLD and M_TOP_PAD
_MALLOC = {-3: 32 << 20, -1: 2**31 - 1, -2: 256 << 20}
Precision = Literal["fp32", "bf16"]


def pick_device() -> torch.device:
    """The device that MOTIONMUSIC_DEVICE names: ``cpu``, ``cuda``, ``cuda:1`` or, the default, ``auto``.

    ``auto`` takes CUDA or else the CPU, and says so. Raises UserError where a device is not there.
    """
    wanted = os.environ.get(VARIABLE, "auto")
    if wanted == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda", 0)
        print(f"no CUDA device: {torch.get_num_threads()} threads of the CPU", file=sys.stderr)
        return torch.device("cpu")
    remedy = f"unset {VARIABLE} to take what there is"
    try:
        device = torch.device(wanted)
    except RuntimeError:
        device = torch.device("meta")
    if device.type not in ("cpu", "cuda"):
        raise UserError("environment", VARIABLE, "auto, cpu, cuda or cuda:N", wanted, remedy)
    found = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device.type == "cuda" and (device.index or 0) >= found:
        raise UserError("environment", VARIABLE, f"one of {found} CUDA devices", wanted, remedy)
    return torch.device("cuda", device.index or 0) if device.type == "cuda" else device


def pick_precision(wanted: Literal["fp32", "bf16", "auto"], device: torch.device) -> Precision:
    """``auto`` is what is faster here: bf16 on CUDA and on CPUs that gain by it, measured, else fp32.

    Raises UserError where a CUDA device cannot do bf16 and it is asked for.
    """
    if device.type == "cuda":
        able = torch.cuda.is_bf16_supported(including_emulation=False)
        if wanted == "bf16" and not able:
            got = torch.cuda.get_device_name(device)
            expected, remedy = "a device with bfloat16", "set fp32 or auto"
            raise UserError("params.yaml", "train.*.precision", expected, got, remedy)
        chosen: Precision = "bf16" if wanted != "fp32" and able else "fp32"
    elif wanted == "auto":
        chosen = "bf16" if _step_seconds(torch.bfloat16) < _step_seconds(torch.float32) else "fp32"
    else:
        chosen = wanted
    if wanted == "auto":
        print(f"precision auto: {chosen}", file=sys.stderr)
    return chosen


def _step_seconds(dtype: torch.dtype) -> float:
    """A product and a 9×1 convolution in channels-last, forward and backward: most of a step."""
    with torch.random.fork_rng([]):
        x = torch.rand(36, 64, 25, 23).to(dtype, memory_format=torch.channels_last)
        wide = torch.rand(64, 64).to(dtype)
        tall = torch.rand(64, 64, 9, 1).to(dtype, memory_format=torch.channels_last)

    def step() -> float:
        leaves: list[Tensor] = [t.detach().requires_grad_() for t in (x, wide, tall)]
        started = time.perf_counter()
        product = F.linear(leaves[0].permute(0, 2, 3, 1), leaves[1]).permute(0, 3, 1, 2)
        F.conv2d(product, leaves[2], padding=(4, 0)).sum().backward()  # type: ignore[no-untyped-call]
        return time.perf_counter() - started

    return statistics.median([step() for _ in range(7)])


def keep_memory() -> None:
    """Let this process reuse the memory of one step in the next, instead of handing it back (glibc).

    Without it a step takes thousands of page faults: a sixth of the time of the paper's phase 2.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for name, value in _MALLOC.items():
            mallopt(name, value)


def describe(device: torch.device) -> dict[str, Any]:
    """Device, threads and versions: equal weights are promised only where all of these are equal."""
    cuda = device.type == "cuda"
    return {
        "device": torch.cuda.get_device_name(device) if cuda else platform.machine(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "python": platform.python_version(),
    } | ({"tf32_convolutions": torch.backends.cudnn.allow_tf32} if cuda else {})
