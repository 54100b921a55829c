"""Where a dance fits its music: over offsets within a beat, and over tempi."""

from __future__ import annotations

import textwrap

import numpy as np

from motionmusic.features.motion import Floats
from motionmusic.lettering import Figure
from motionmusic.scoring.beat_phase import RATE_HZ, Verdict, best_fit, phase_fit, phasors, tempi_of
from motionmusic.terminal import shown

_MUSIC, _DANCE = "#d94801", "#08306b"


def sync_picture(
    predicted: Floats,
    beat_hz: float,
    first_beat_s: float,
    verdict: Verdict,
    title: str,
    caption: str,
) -> Figure:
    """Two panels: the fit over tempi, and at the music's tempo over offsets.

    Args:
        predicted: (frames, 4) of the model of the beat's phase.
        beat_hz, first_beat_s: of the music, from frame 0 on.
        verdict: of the same.
        title, caption: above and below.
    """
    figure = Figure(figsize=(7.6, 5.4), dpi=150, layout="constrained")
    above, below = figure.subplots(2, 1)
    times = np.arange(len(predicted)) / RATE_HZ - first_beat_s
    tempi = tempi_of(len(predicted) / RATE_HZ)
    of_tempi = best_fit(predicted, times, tempi)[1]
    above.plot(60 * tempi, of_tempi, color=_DANCE, linewidth=1)
    above.axvline(60 * beat_hz, color=_MUSIC, linestyle="--", linewidth=1.2)
    above.axhline(verdict.rival, color="0.6", linestyle=":", linewidth=1)
    above.set(
        xlabel="beats a minute; dashed: the music's, dotted: the best of all others", ylabel="fit",
        ylim=(0, _top(of_tempi)), xlim=(40, 220),
    )  # fmt: skip
    offsets_s = np.linspace(-2, 2, 801)
    one, two = phasors(predicted, times, np.array([beat_hz]))
    fit = phase_fit(one, two, -offsets_s * beat_hz) / np.sqrt(
        len(predicted) * np.square(predicted).sum()
    )
    below.plot(offsets_s, fit, color=_DANCE, linewidth=1.4)
    below.axvline(0, color=_MUSIC, linestyle="--", linewidth=1.2)
    below.set(
        xlabel="seconds that the music is read later; dashed: as given", ylabel="fit",
        ylim=(-_top(fit), _top(fit)), xlim=(-2, 2),
    )  # fmt: skip
    for panel in (above, below):
        panel.spines[["top", "right"]].set_visible(False)
        panel.tick_params(labelsize=9)
    figure.suptitle(textwrap.fill(shown(title), 70), fontsize=12)
    figure.supxlabel(textwrap.fill(shown(caption), 100), fontsize=9.5)
    return figure


def _top(fits: Floats) -> float:
    """Of an axis: 1, or above the highest of these."""
    return max(1.0, 1.05 * float(fits.max()))
