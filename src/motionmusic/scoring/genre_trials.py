"""How well the genre model does on dancers and choreographies that are new to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from motionmusic.data.own import OwnDance
from motionmusic.scoring.genre_features import cut, directions, mirrored, statistics
from motionmusic.scoring.genre_model import Floats, GenreModel, fit, temperature_of

Folds = Sequence[tuple[int, pd.DataFrame]]


class Windows(NamedTuple):
    """Of one dance, (n, f) each."""

    own: Floats
    image: Floats  # of its mirror image


def windows_and_image(dance: OwnDance) -> Windows:
    """What the model is trained on."""
    bones = directions(dance.whole_body().points, dance.rate_hz)
    return Windows(statistics(cut(bones)), statistics(cut(mirrored(bones))))


def trained(
    dances: Mapping[str, Windows], labels: Mapping[str, int], names: Sequence[str],
    genres: Sequence[str],
) -> GenreModel:  # fmt: skip
    """The model of some dances and their mirror images."""
    both = [np.concatenate(dances[name]) for name in names]
    return fit(both, np.array([labels[name] for name in names], np.int64), genres)


class HeldOut(NamedTuple):
    """Dances that their model was not trained on: names, labels (n,), logits (n, k), distances (n,)."""

    names: list[str]
    labels: NDArray[np.int64]
    logits: Floats
    distances: Floats


def held_out(
    dances: Mapping[str, Windows], labels: Mapping[str, int], splits: Folds, genres: Sequence[str]
) -> HeldOut:
    """Every dance that a fold tests, by a model of the fold's other rows."""
    names, logits, distances = [], [], []
    for _, ids in splits:
        side = ids.drop_duplicates("piece").set_index("piece")["split"]
        learned = [name for name in dances if side[name] in ("train", "validation")]
        model = trained(dances, labels, learned, genres)
        for name in side[side == "test"].index:
            names.append(name)
            logits.append(model.logits(dances[name].own))
            distances.append(model.distance(dances[name].own))
    of = np.array([labels[name] for name in names], np.int64)
    return HeldOut(names, of, np.array(logits), np.array(distances))


def calibrated(model: GenreModel, known: HeldOut) -> GenreModel:
    """The model with its temperature and with what is usual of dances that are new to it."""
    temperature = np.array(temperature_of(known.logits, known.labels))
    return replace(model, temperature=temperature, distances=np.sort(known.distances))
