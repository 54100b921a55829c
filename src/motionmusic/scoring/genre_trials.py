"""How well the genre model does on dancers and choreographies that are new to it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from motionmusic.data.aist_retargeted import LARGEST, PROXIMAL
from motionmusic.data.points import points_of, whole
from motionmusic.data.vrm import BONES, RATE_HZ, SOURCE_HZ, Clip
from motionmusic.files import Floats
from motionmusic.scoring.genre_features import (
    HOP,
    WINDOW,
    Seen,
    cut,
    directions,
    mirrored,
    repeats,
    statistics,
)
from motionmusic.scoring.genre_model import REFUSED, GenreModel, fit, softmax, temperature_of
from motionmusic.scoring.intervals import Interval, bootstrap
from motionmusic.scoring.ladder import Folds, difference, scores, tested
from motionmusic.streams import stream

_LEARNED = ((1.0, 0.0), (2.0, 3.0))  # how joints tremble, that are learned from: cm, frames
ASKED = (2.0, 2.0)  # and that are asked
BINS = 10  # of equal width, of the first genre's probability
BASELINES = ("nearest_centroid", "logistic_regression", "random_forest")
_SIMULATED = 5000
_MOSTLY = 0.75  # of a dance's windows: then it counts as undamaged
_FIRST = 6  # windows in the first seven seconds, which is all that baselines see


class Known(NamedTuple):
    """A dance to learn from.

    Attributes:
        seen: of the dance.
        images: (n, f) each, what is learned from beside it: its mirror image, and as trembling joints
            show it, itself and mirrored.
        trembling: (n, f), trembling in another way, to be asked.
        clean: (n,) windows in which no bone that matters is held.
    """

    seen: Seen
    images: tuple[Floats, ...]
    trembling: Floats
    clean: NDArray[np.bool_]

    @property
    def undamaged(self) -> bool:
        """Whether most of it is."""
        return bool(self.clean.mean() >= _MOSTLY)


def known(clip: Clip, name: str) -> Known:
    """Of a clip of AIST++ retargeted; the name decides how it trembles."""
    joints = np.asarray(clip.at_25_hz(), np.float64)
    random = stream(0, "genre_model", name)
    rough, slow, asked = (_bones(shaken(joints, *how, random)) for how in (*_LEARNED, ASKED))
    held = clip.held[:, [BONES.index(bone) for bone in PROXIMAL]]
    hop, long = (round(frames * SOURCE_HZ / RATE_HZ) for frames in (HOP, WINDOW))
    windows = statistics(cut(bones := _bones(joints)))
    shares = [held[k * hop : k * hop + long].mean(axis=0) for k in range(len(windows))]
    images = [statistics(cut(of)) for of in (mirrored(bones), rough, mirrored(slow))]
    clean = np.array([share.max() <= LARGEST for share in shares])
    return Known(Seen(windows, repeats(bones)), tuple(images), statistics(cut(asked)), clean)


def _bones(joints: Floats) -> Floats:
    return directions(whole(points_of(joints, "coco17")).points, RATE_HZ)


def shaken(joints: Floats, cm: float, frames: float, random: np.random.Generator) -> Floats:
    """Joints (frames, v, 3) in cm with noise of this deviation, smoothed over so many frames."""
    noise = random.standard_normal(joints.shape)
    if frames:
        noise = gaussian_filter1d(noise, frames, axis=0)
    return np.asarray(joints + cm * noise / noise.std())


def trained(
    dances: Mapping[str, Known], labels: Mapping[str, int], names: Sequence[str],
    genres: Sequence[str],
) -> GenreModel:  # fmt: skip
    """The model of some dances and their images, not yet calibrated.

    Distances are learned from clean windows that do not tremble.
    """
    of = [dances[name] for name in names]
    windows = np.concatenate([part for one in of for part in (one.seen.windows, *one.images)])
    clean = np.concatenate([np.concatenate([one.clean, one.clean, no, no])
                            for one in of for no in [np.zeros_like(one.clean)]])  # fmt: skip
    counts = [4 * len(one.clean) for one in of]
    return fit(windows, np.repeat([labels[name] for name in names], counts), clean, genres)


class HeldOut(NamedTuple):
    """Dances that their model was not trained on: labels (n,), logits (n, k), distances (n,).

    ``trembling``: the same dances as trembling joints show them.
    """

    names: list[str]
    labels: NDArray[np.int64]
    logits: Floats
    distances: Floats
    trembling: tuple[Floats, Floats]


def left_out(pieces: pd.DataFrame) -> Iterator[tuple[list[str], list[str]]]:
    """(learned from, asked): a dancer's dances of a choreography, and all that share neither."""
    for (dancer, choreography), own in pieces.groupby(["dancer", "choreography"], sort=True):
        new = (pieces["dancer"] != dancer) & (pieces["choreography"] != choreography)
        yield pieces.loc[new, "piece"].tolist(), own["piece"].tolist()


def held_out(
    dances: Mapping[str, Known], labels: Mapping[str, int],
    parts: Iterable[tuple[list[str], list[str]]], genres: Sequence[str], first: int | None = None,
) -> HeldOut:  # fmt: skip
    """Every dance that is asked, by a model of those learned from; ``first``: of so many windows."""
    names, found = [], []
    for learned, asked in parts:
        model = trained(dances, labels, learned, genres)
        for name in asked:
            names.append(name)
            for windows in (dances[name].seen.windows[:first], dances[name].trembling[:first]):
                found.append((model.logits(windows), model.distance(windows)))
    of = np.array([labels[name] for name in names], np.int64)
    logits, distances = (np.array(values) for values in zip(*found, strict=True))
    other = (logits[1::2], distances[1::2])
    return HeldOut(names, of, logits[::2], distances[::2], other)


def calibrated(model: GenreModel, dances: Mapping[str, Known], new: HeldOut) -> GenreModel:
    """With its temperature, and with the distances of undamaged dances that are new to it."""
    undamaged = np.array([dances[name].undamaged for name in new.names])
    return replace(
        model,
        temperature=np.array(temperature_of(new.logits, new.labels)),
        distances=np.sort(new.distances[undamaged]),
    )


def accuracy(
    dances: Mapping[str, Known], pieces: pd.DataFrame, folds: Folds,
    baselines: Mapping[str, pd.DataFrame], genres: Sequence[str], seed: int, resamples: int,
) -> dict[str, Any]:  # fmt: skip
    """Of each fold's test dances, in their first seven seconds, beside simple baselines.

    Args:
        folds: of new dancers and choreographies; ``baselines`` (:data:`BASELINES`) are what was
            predicted for their segments.

    Returns:
        models: name → accuracy and balanced accuracy a dance, resampled by dancer; recall of the
        model by genre; best (baseline by validation), ahead of it in accuracy, dances, dancers.
    """
    labels = dict(zip(pieces["piece"], pieces["label"], strict=True))
    dancers = dict(zip(pieces["piece"], pieces["dancer"], strict=True))
    parts = []
    for _, ids in folds:
        sides = ids.groupby("split")["piece"].unique()
        parts.append((sides["train"].tolist(), sides["test"].tolist()))
    found = held_out(dances, labels, parts, genres, _FIRST)
    rows = pd.DataFrame({"piece": found.names, "excerpt": 0, "segment": 0, "label": found.labels})
    models = {"model": rows.assign(predicted=found.logits.argmax(axis=1))}
    models["trembling"] = rows.assign(predicted=found.trembling[0].argmax(axis=1))
    models |= {name: tested(of, "test") for name, of in baselines.items()}
    validated = {name: tested(of, "validation") for name, of in baselines.items()}
    best = max(baselines, key=lambda n: (validated[n]["label"] == validated[n]["predicted"]).mean())
    result = {of: scores(r, dancers, len(genres), seed, resamples) for of, r in models.items()}
    return {
        "models": {name: of["excerpt"] for name, of in result.items()},
        "recall": dict(zip(genres, result["model"]["recall"], strict=True)),
        "best": best,
        "ahead": difference(models["model"], models[best], dancers, seed, resamples)["excerpt"],
        "dancers": result["model"]["dancers"],
    }


def probabilities(new: HeldOut, pieces: pd.DataFrame) -> Floats:
    """(dances, genres), of each dancer's dances at the temperature of all other dancers'."""
    who = pieces.set_index("piece").loc[new.names, "dancer"].to_numpy()
    stated = np.empty_like(new.logits)
    for dancer in np.unique(who):
        own = who == dancer
        stated[own] = softmax(new.logits[own] / temperature_of(new.logits[~own], new.labels[~own]))
    return stated


def calibration(new: HeldOut, pieces: pd.DataFrame, seed: int) -> dict[str, Any]:
    """Whether the first genre's probability is how often it is right, a dance.

    ``perfect``: the error that probabilities which are exactly right would have on as many dances,
    mean and 95th percentile.
    """
    stated = probabilities(new, pieces)
    first, right = stated.max(axis=1), stated.argmax(axis=1) == new.labels
    random = np.random.default_rng(seed)
    perfect = [
        calibration_error(first, random.random(len(first)) < first) for _ in range(_SIMULATED)
    ]
    place = _bin(first)
    bins = [
        {"from": k / BINS, "dances": int(of.sum()), "stated": first[of].mean(), "right": right[of].mean()}
        for k in range(BINS) if (of := place == k).any()
    ]  # fmt: skip
    return {
        "error": calibration_error(first, right),
        "perfect": float(np.mean(perfect)),
        "perfect_95": float(np.quantile(perfect, 0.95)),
        "uncalibrated": calibration_error(softmax(new.logits).max(axis=1), right),
        "dances": len(first), "stated": float(first.mean()), "right": float(right.mean()),
        "bins": bins,
    }  # fmt: skip


def calibration_error(stated: Floats, right: NDArray[np.bool_]) -> float:
    """Expected calibration error: |right − stated| of each bin, weighted by its size."""
    place = _bin(stated)
    gaps = np.bincount(place, right - stated, minlength=BINS)
    return float(abs(gaps).sum() / len(stated))


def _bin(stated: Floats) -> NDArray[np.int64]:
    return np.minimum((stated * BINS).astype(np.int64), BINS - 1)


def separation(
    near: Floats, far: Floats, groups: Sequence[str], seed: int, resamples: int
) -> Interval:
    """AUROC: how often ``far`` (m,) is further than ``near`` (n,), whose ``groups`` are resampled."""
    wins = (far > near[:, None]) + 0.5 * (far == near[:, None])
    codes, names = pd.factorize(np.array(groups))
    member = np.eye(len(names))[codes]
    sums, sizes = member.T @ wins, member.sum(axis=0)

    def statistic(counts: Floats) -> Floats:
        of, others = counts[:, : len(names)], counts[:, len(names) :]
        above = np.einsum("dn,nm,dm->d", of, sums, others)
        return np.asarray(above / ((of @ sizes) * others.sum(axis=1)))

    return bootstrap(statistic, [len(names), len(far)], seed, resamples)


def unlike(
    model: GenreModel, dances: Mapping[str, Known], new: HeldOut, pieces: pd.DataFrame,
    others: Mapping[str, Seen], seed: int, resamples: int,
) -> dict[str, Any]:  # fmt: skip
    """What the model says it does not know: held-out dances, another corpus, and both the other way.

    Args:
        model: calibrated on ``new``.
        others: dances of another corpus.
    """
    dancers = pieces.set_index("piece").loc[new.names, "dancer"].tolist()
    far = np.array([model.distance(of.windows) for of in others.values()])
    repeating = np.array([dances[name].seen.repeats for name in new.names])
    undamaged = np.array([dances[name].undamaged for name in new.names])
    limit = np.quantile(model.distances, 1 - REFUSED)
    refused, trembling = (distances > limit for distances in (new.distances, new.trembling[1]))
    return {
        "held_out": {"dances": len(refused), "refused": float(refused.mean())},
        "undamaged": {"dances": int(undamaged.sum()), "refused": float(refused[undamaged].mean())},
        "trembling": {"refused": float(trembling[undamaged].mean())},
        "most_repeating": float(repeating.max()),
        "other": {
            "dances": len(far),
            "refused": float(np.mean([model.likeness(of) < REFUSED for of in others.values()])),
            "auroc": separation(new.distances, far, dancers, seed, resamples).json(),
        },
        "reverse": _reverse(dances, others, seed, resamples),
    }


def _reverse(
    dances: Mapping[str, Known], others: Mapping[str, Seen], seed: int, resamples: int
) -> dict[str, Any]:
    """The same distance learned from the other corpus: its held-out pieces against these dances."""
    names, near = list(others), []

    def model(of: Sequence[str]) -> GenreModel:
        windows = np.concatenate([others[name].windows for name in of])
        labels = np.arange(len(windows)) % 2  # only the distance is asked
        return fit(windows, labels, np.ones(len(windows), bool), ("", ""))

    for k in range(5):
        learned = model([name for place, name in enumerate(names) if place % 5 != k])
        near += [(name, learned.distance(others[name].windows)) for name in names[k::5]]
    whole = model(names)
    far = np.array([whole.distance(of.seen.windows) for of in dances.values()])
    pieces, distances = zip(*near, strict=True)
    return {
        "dances": len(near),
        "auroc": separation(np.array(distances), far, pieces, seed, resamples).json(),
    }
