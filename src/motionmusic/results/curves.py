"""Training curves of a task as a drawing."""

from __future__ import annotations

import io

import matplotlib as mpl
import pandas as pd
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from motionmusic.lettering import Figure
from motionmusic.results.figures import plain
from motionmusic.results.names import VARIANTS
from motionmusic.scoring.evaluation import INPUTS

# column of the histories → what it is
_QUANTITIES = {
    "accuracy": "accuracy of training segments",
    "motion_loss": "classification loss",
    "pair_loss": "pair loss",
}
_LINES = {
    "motion": ("without CL", "0.35", "-"),
    "longer": ("without CL, as many epochs", "#7a4fa3", "--"),
    "plain": (f"{VARIANTS['plain']}, CL", "#0b66b0", "-"),
    "dropout": (f"{VARIANTS['dropout']}, CL", "#b3400a", ":"),
    "fc": (f"{VARIANTS['fc']}, CL", "#10733f", "-."),
}


def curves_figure(curves: pd.DataFrame) -> Figure:
    """Every quantity of curves.csv by input; epochs with collaborative learning follow the others."""
    quantities = [name for name in _QUANTITIES if name in curves]
    figure = Figure(figsize=(10, 2.3 * len(quantities) + 0.6), layout="constrained")
    axes = figure.subplots(len(quantities), len(INPUTS), squeeze=False, sharex="row", sharey="row")
    alone = curves.loc[curves["cell"].str.startswith("motion-"), "epoch"].max()
    for line, quantity in enumerate(quantities):
        cells = dict(list(curves.dropna(subset=quantity).groupby("cell")))
        for axis, kind in zip(axes[line], INPUTS, strict=True):
            for name, own in cells.items():
                parts = str(name).split("-")
                which = parts[2] if parts[0] == "cotrain" else parts[0]
                if len(parts) < 3 or parts[1] != kind or which not in _LINES:
                    continue
                text, colour, style = _LINES[which]
                before = cells.get(f"motion-{kind}-{parts[-1]}")
                if which == "motion" or quantity == "pair_loss" or before is None:
                    shown = own
                else:  # it goes on where training alone has ended
                    later = own.assign(epoch=own["epoch"] + alone)
                    shown = pd.concat([before.iloc[-1:], later])
                axis.plot(
                    shown["epoch"], shown[quantity], color=colour, linestyle=style, label=text
                )
            if quantity != "pair_loss":
                axis.axvline(alone, color="0.6", linestyle=":")
            plain(axis, "y")
            axis.xaxis.set_major_locator(MaxNLocator(6, integer=True))
            if quantity != "accuracy":
                axis.set_yscale("log")
                axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
                axis.yaxis.set_major_formatter("{x:g}")
                axis.yaxis.set_minor_formatter(NullFormatter())
        axes[line][0].set_ylabel(_QUANTITIES[quantity], fontsize=9)
    for top, bottom, kind in zip(axes[0], axes[-1], INPUTS, strict=True):
        top.set_title(kind, fontsize=10)
        bottom.set_xlabel("epoch" if len(quantities) < 3 else "epoch with music")
    handles, labels = axes[0][0].get_legend_handles_labels()
    legend = dict(zip(labels, handles, strict=True))
    figure.legend(legend.values(), legend.keys(), loc="outside upper center", ncols=5, frameon=False,
                  fontsize=8)  # fmt: skip
    return figure


def svg(figure: Figure) -> bytes:
    """A figure as SVG; equal figures give equal bytes."""
    buffer = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": "motionmusic", "svg.fonttype": "none"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()
