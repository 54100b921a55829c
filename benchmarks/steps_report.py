"""What the measured steps come to: machine, hours of the paper's tables, text, picture."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from motionmusic.results import figures
from motionmusic.results.table import grid
from motionmusic.training.cell import git_revision

VARIANTS = ("eager fp32", "eager fp32, a backward for each loss", "ours fp32", "ours bf16")
EAGER, EAGER_EACH, OURS, OURS_LOW = VARIANTS
COLOURS = ("0.6", "0.8", "#9ecae1", "#2171b5")
# steps of one training: 5 an epoch, 1,500 epochs; 130 an epoch, 500 epochs (docs/method.md)
TABLES = {"table3": ("m2d", 5 * 1500), "table4": ("aist", 130 * 500)}
# trainings of a table, three inputs, the control among them; dropout's are taken to last as long as plain's
TRAININGS = {"motion": 6, "music": 2, "phase 2": 6, "phase 2 fc": 3}


def machine(device: torch.device) -> dict[str, Any]:
    """What the numbers are of."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text("utf-8").splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    about = {
        "cpu": names[0] if names else platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "torch": torch.__version__,
        "git": git_revision(),
    }
    if device.type == "cuda":
        tf32 = torch.backends.cudnn.allow_tf32
        about |= {"gpu": torch.cuda.get_device_name(device), "fp32_convolutions_in_tf32": tf32}
    return about


def summaries(
    size: str,
    batch: int,
    gflop: Mapping[str, float],
    seconds: Mapping[tuple[str, str], Sequence[float]],
    peak: Mapping[str, float],
) -> list[dict[str, Any]]:
    """One row for each step and variant of a data set; rates and ratios are of medians.

    ``batch`` samples and ``gflop`` 10⁹ operations a step, ``seconds`` of every round by step and
    variant, ``peak`` GFLOP/s of the matrix product in the same rounds by precision.
    """
    rows = []
    for step, variant in product(gflop, VARIANTS):
        if (step, variant) not in seconds:
            continue
        quarters = np.quantile(seconds[step, variant], [0, 0.25, 0.5, 0.75])
        once = float(np.median(seconds[step, EAGER]))
        each = float(np.median(seconds.get((step, EAGER_EACH), seconds[step, EAGER])))
        median, rate = quarters[2], gflop[step] / quarters[2]
        rows.append(
            {"size": size, "step": step, "variant": variant}
            | dict(zip(("min_s", "q1_s", "median_s", "q3_s"), quarters, strict=True))
            | {"samples_per_s": batch / median, "gflop": gflop[step], "gflop_per_s": rate}
            | {"of_peak": rate / peak["bf16" if variant == OURS_LOW else "fp32"]}
            | {"times_eager": once / median, "times_eager_each": each / median}
        )
    return rows


def projected(rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """Table → variant → hours for all of its trainings, from the steps' medians."""
    median = {(row["size"], row["step"], row["variant"]): row["median_s"] for row in rows}
    hours: dict[str, dict[str, float]] = {}
    for table, (size, steps) in TABLES.items():
        hours[table] = {}
        for variant in VARIANTS:
            seconds = sum(
                # a step with one loss has one backward in both
                count * median.get((size, step, variant), median[size, step, EAGER])
                for step, count in TRAININGS.items()
            )
            hours[table][variant] = steps * seconds / 3600
    return hours


def text(result: Mapping[str, Any]) -> str:
    """Machine, steps and projected hours, as Markdown."""
    about, peak = result["machine"], result["peak_gflop_per_s"]
    head = ["data", "step", "variant", "median s", "min", "quartiles", "samples/s", "GFLOP/s",
            "of peak", "× eager", "× each"]  # fmt: skip
    lines = [
        [
            row["size"], row["step"], row["variant"], f"{row['median_s']:.3f}",
            f"{row['min_s']:.3f}", f"{row['q1_s']:.3f}–{row['q3_s']:.3f}",
            f"{row['samples_per_s']:.0f}", f"{row['gflop_per_s']:.0f}", f"{row['of_peak']:.0%}",
            f"{row['times_eager']:.2f}", f"{row['times_eager_each']:.2f}",
        ]
        for row in result["steps"]
    ]  # fmt: skip
    products = ", ".join(
        f"{rates['fp32']:.0f} GFLOP/s in fp32 and {rates['bf16']:.0f} in bf16 beside {size}"
        for size, rates in peak.items()
    )
    hours = result["projected_hours"]
    projection = [[table, *(f"{hours[table][v]:.1f} h" for v in VARIANTS)] for table in hours]
    loads = " → ".join(f"{about[key][0]:.2f}" for key in ("load_before", "load_after"))
    return "\n\n".join(
        [
            f"{machine_text(result)}; {about['capability']}, revision {about['git'][:12]}, load {loads}."
            f" Width {result['settings']['width']}, {result['settings']['rounds']} rounds."
            f" Matrix product: {products}.",
            grid(head, lines),
            grid(["all trainings", *VARIANTS], projection),
        ]
    )


def machine_text(result: Mapping[str, Any]) -> str:
    """Device, threads and version in one line."""
    about = result["machine"]
    device = about.get(
        "gpu", f"{about['cpu']}, {about['threads']} threads on {about['cores']} cores"
    )
    return f"{device}, PyTorch {about['torch']}"


def picture(result: Mapping[str, Any]) -> bytes:
    """Bars of GFLOP/s by step and variant, a panel for each data set, with the product's; PNG."""
    rows, peaks = result["steps"], result["peak_gflop_per_s"]
    figure = Figure(figsize=(11, 6.6), dpi=150, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(peaks), sharex=True, squeeze=False)[0]
    box = {"facecolor": "white", "edgecolor": "none", "pad": 1}
    for axes, (size, rates) in zip(panels, peaks.items(), strict=True):
        place, ticks = 0.0, {}
        for step in TRAININGS:
            bars = [row for row in rows if (row["size"], row["step"]) == (size, step)]
            ticks[step] = place + (len(bars) - 1) / 2
            for row in bars:
                rate, colour = row["gflop_per_s"], COLOURS[VARIANTS.index(row["variant"])]
                axes.barh(place, rate, height=0.85, color=colour)
                note = f"{row['median_s']:.2f} s, ×{row['times_eager']:.1f}"
                axes.annotate(
                    note, (rate, place), (4, 0), textcoords="offset points", va="center",
                    fontsize=8, bbox=box,
                )  # fmt: skip
                place += 1
            place += 0.8
        for precision, style in (("fp32", ":"), ("bf16", "--")):
            axes.axvline(rates[precision], color="0.3", linestyle=style, linewidth=1, zorder=0)
            label = f"product {precision}"
            axes.text(rates[precision], -0.9, label, fontsize=8, va="bottom", ha="center", bbox=box)
        axes.set_ylim(place - 0.8, -1.2)
        axes.set_xlim(0, 1.12 * max(max(rates.values()) for rates in peaks.values()))
        axes.set_yticks(list(ticks.values()), list(ticks))
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel("GFLOP/s, operations counted with one backward")
        axes.set_title(size, loc="left", fontsize=11)
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(
        f"One training step: median seconds, × against eager fp32 with one backward\n"
        f"{machine_text(result)}, width {result['settings']['width']}", fontsize=11,
    )  # fmt: skip
    patches = [Patch(color=colour) for colour in COLOURS]
    figure.legend(patches, VARIANTS, loc="outside lower center", ncols=4, frameon=False, fontsize=9)
    return figures.png(figure)
