"""How often the tempo of a dance is found from its motion, on dancers and pieces that are new."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from motionmusic.features.beats import motion_tempo
from motionmusic.features.motion import Floats
from motionmusic.scoring.dance_tempo import (
    OCTAVES,
    RATE_HZ,
    TEMPI,
    WITHIN,
    TempoModel,
    evidence,
)
from motionmusic.scoring.intervals import mean_interval
from motionmusic.scoring.two_corpora import TimedDance, by_piece

SURE = 0.8
Dances = Mapping[str, TimedDance]


def reports(dance: TimedDance) -> bool:
    """Whether a dancer of AIST (d04) is one of the odd half, on which nothing was chosen."""
    return int(dance.unit[1:]) % 2 == 1


def learned(seen: Mapping[str, Floats], dances: Sequence[TimedDance]) -> TempoModel:
    """The model of some dances; ``seen`` has the evidence of each by name."""
    tempi = [60 * dance.beat_hz for dance in dances]
    return TempoModel.learn([seen[dance.name] for dance in dances], tempi)


def measured(
    retargeted: Dances, on_beat: Dances, seed: int, resamples: int
) -> tuple[dict[str, Any], TempoModel]:
    """Tested corpus → model or rival → right, octave (Intervals as JSON), n; and the model of all
    dances of ``retargeted``.

    ``retargeted`` is tested on its odd dancers, learned from the even ones; ``on_beat`` on new pieces.
    """
    seen = {name: evidence(dance.joints) for name, dance in {**retargeted, **on_beat}.items()}
    even = [dance for dance in retargeted.values() if not reports(dance)]
    odd = [dance for dance in retargeted.values() if reports(dance)]
    everybody = list(retargeted.values())
    folds = [
        ([on_beat[name] for name in train], [on_beat[name] for name in test])
        for train, test in by_piece(list(on_beat))
    ]
    tests = {
        "aist_retargeted": [(even, list(on_beat.values()), odd)],
        "on_beat": [(everybody, train, test) for train, test in folds],
    }
    found = {}
    for corpus, parts in tests.items():
        rows = []
        for aist, pieces, test in parts:
            alone = learned(seen, aist)
            models = {"both": alone + learned(seen, pieces), "aist_retargeted": alone}
            constant = _constant(aist if corpus == "aist_retargeted" else pieces)
            for dance in test:
                row = {"unit": dance.unit, "bpm": 60 * dance.beat_hz, "constant": constant}
                for name, model in models.items():
                    tempo = model(seen[dance.name])
                    row |= {name: tempo.bpm, f"{name} sure": tempo.share(tempo.bpm)}
                rows.append(row | {"plain": motion_tempo(dance.joints, RATE_HZ)})
        found[corpus] = _summary(pd.DataFrame(rows), seed, resamples)
    return found, learned(seen, everybody)


def _constant(dances: Sequence[TimedDance]) -> float:
    """The tempo that is within 4 % of most dances'."""
    bpm = np.array([60 * dance.beat_hz for dance in dances])
    near = abs(TEMPI[:, None] / bpm - 1) <= WITHIN
    return float(TEMPI[np.argmax(near.sum(axis=1))])


def _right(said: pd.Series[Any], bpm: pd.Series[Any], octaves: Sequence[float]) -> pd.Series[Any]:
    near = [(said / (bpm * octave) - 1).abs() <= WITHIN for octave in octaves]
    return pd.concat(near, axis=1).any(axis=1).astype(float)


def _summary(rows: pd.DataFrame, seed: int, resamples: int) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name in ("both", "aist_retargeted", "plain", "constant"):
        result[name] = {
            kind: mean_interval(
                _right(rows[name], rows["bpm"], octaves), rows["unit"], seed, resamples
            ).json()
            for kind, octaves in (("right", (1.0,)), ("octave", OCTAVES))
        } | {"n": len(rows), "units": int(rows["unit"].nunique())}
    for name in ("both", "aist_retargeted"):
        right, said = _right(rows[name], rows["bpm"], (1.0,)), rows[f"{name} sure"]
        for how, some in (("sure", said >= SURE), ("unsure", said < SURE)):
            mean = {"said": float(said[some].mean()), "right": float(right[some].mean())}
            result[name][how] = {"n": int(some.sum()), **mean}
    return result
