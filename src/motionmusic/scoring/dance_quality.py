"""How good dances are by the measures that papers on generated dances print (docs/evaluate.md).

Beat alignment by both definitions of ``features/beats.py``; physical foot contact of EDGE (Tseng,
Castellon, Liu 2023, ``eval/eval_pfc.py``); Fréchet distances of kinetic and geometric features
(fairmotion's, as AIST++ and Bailando use them: ``features/kinetic.py``, ``manual.py``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, get_args

import numpy as np

from motionmusic.features.beats import SIGMA_S, Definition, beat_alignment, motion_beats
from motionmusic.files import Floats

LEAST = 100
"""Dances on either side of a distance: with fewer than features a covariance is singular."""
FRAMES_HZ = 60.0
"""Of the published code, which counts in frames."""
OTHERS = 20  # dances whose music a dance is paired with for chance, at most
_PFC_HZ = 30.0
_WINDOW = 2  # frames to either side that fairmotion averages steps over
_STEP_S = 1 / 120  # a frame in fairmotion's geometric features, whatever the dance's rate
# metres on SMPL's mean body: upper arm, from shoulder to shoulder, from hip to hip
_ARM, _SHOULDERS, _HIPS = 0.256838, 0.390848, 0.119247

# what, of which joints, above which threshold (in metres, metres a second) or between which angles
_Geometry = tuple[str, tuple[str, str, str, str], float, float]
_GEOMETRIC: tuple[_Geometry, ...] = (
    ("across", ("neck", "right hip", "left hip", "right wrist"), 1.8 * _ARM, 0),
    ("across", ("neck", "left hip", "right hip", "left wrist"), 1.8 * _ARM, 0),
    ("beyond", ("spine 3", "neck", "neck", "right wrist"), 0.2 * _ARM, 0),
    ("beyond", ("spine 3", "neck", "neck", "left wrist"), 0.2 * _ARM, 0),
    ("along", ("spine 1", "spine 3", "spine 3", "right wrist"), 1.8 * _ARM, 0),
    ("along", ("spine 1", "spine 3", "spine 3", "left wrist"), 1.8 * _ARM, 0),
    ("angle", ("right elbow", "right shoulder", "right elbow", "right wrist"), 0, 110),
    ("angle", ("left elbow", "left shoulder", "left elbow", "left wrist"), 0, 110),
    ("beyond", ("left shoulder", "right shoulder", "left wrist", "right wrist"), 2.5 * _SHOULDERS, 0),
    ("along", ("left wrist", "right wrist", "right wrist", "left wrist"), 1.4 * _ARM, 0),
    ("along", ("right wrist", "pelvis", "left wrist", "pelvis"), 1.4 * _ARM, 0),
    ("along", ("left wrist", "pelvis", "right wrist", "pelvis"), 1.4 * _ARM, 0),
    ("fast", ("right wrist", "", "", ""), 2.5 * _ARM, 0),
    ("fast", ("left wrist", "", "", ""), 2.5 * _ARM, 0),
    ("plane", ("pelvis", "left hip", "left toe", "right ankle"), 0.38 * _ARM, 0),
    ("plane", ("pelvis", "right hip", "right toe", "left ankle"), 0.38 * _ARM, 0),
    ("above", ("right ankle", "", "", ""), 1.2 * _ARM, 0),
    ("above", ("left ankle", "", "", ""), 1.2 * _ARM, 0),
    ("beyond", ("left hip", "right hip", "left ankle", "right ankle"), 2.1 * _HIPS, 0),
    ("angle", ("right knee", "right hip", "right knee", "right ankle"), 0, 110),
    ("angle", ("left knee", "left hip", "left knee", "left ankle"), 0, 110),
    ("fast", ("right ankle", "", "", ""), 2.5 * _ARM, 0),
    ("fast", ("left ankle", "", "", ""), 2.5 * _ARM, 0),
    ("angle", ("neck", "pelvis", "right shoulder", "right elbow"), 25, 180),
    ("angle", ("neck", "pelvis", "left shoulder", "left elbow"), 25, 180),
    ("angle", ("neck", "pelvis", "right hip", "right knee"), 50, 180),
    ("angle", ("neck", "pelvis", "left hip", "left knee"), 50, 180),
    ("plane", ("right ankle", "neck", "left ankle", "pelvis"), 0.5 * _ARM, 0),
    ("upright", ("neck", "pelvis", "", ""), 70, 110),
    ("below", ("right wrist", "", "", ""), 1.2 * _ARM, 0),
    ("below", ("left wrist", "", "", ""), 1.2 * _ARM, 0),
    ("fast", ("pelvis", "", "", ""), 2.3 * _ARM, 0),
)  # fmt: skip


class Timed(NamedTuple):
    """When a dance and its music have beats, in seconds from the dance's first frame.

    Attributes:
        motion: of the dance, by measure (:func:`beats_of`).
        rate_hz: its frames a second.
        seconds: how long it is.
        music: beats of its music.
        music_s: how much of its music there is, at most ``seconds`` of it.
        song: what the music is; dances of one song are not each other's chance.
    """

    motion: Mapping[str, Floats]
    rate_hz: float
    seconds: float
    music: Floats
    music_s: float
    song: str


def measures() -> list[tuple[str, Definition, bool]]:
    """Name, definition, and whether its 3, 5 and 10 frames are the dance's own and not 1/60 s."""
    return [
        (f"{name}_frames" if frames else name, name, frames)
        for frames in (False, True)
        for name in get_args(Definition)
    ]


def beats_of(joints: Floats, rate_hz: float) -> dict[str, Floats]:
    """Beats of the motion in seconds, by measure; of joints (frames, v, 3) in any unit."""
    return {
        name: motion_beats(joints, FRAMES_HZ, definition) * (FRAMES_HZ / rate_hz)
        if frames else motion_beats(joints, rate_hz, definition)
        for name, definition, frames in measures()
    }  # fmt: skip


def alignment(dance: Timed, music: Timed) -> dict[str, float]:
    """Beat alignment of a dance with a dance's music, by measure, as far as there are both."""
    end = min(dance.seconds, music.music_s)
    heard = music.music[music.music < end]
    return {
        name: beat_alignment(
            dance.motion[name][dance.motion[name] < end], heard, definition,
            3 / dance.rate_hz if frames else SIGMA_S,
        )
        for name, definition, frames in measures()
    }  # fmt: skip


def alignments(dances: Sequence[Timed], seed: int) -> list[dict[str, float]]:
    """Of every dance its alignment, and as ``NAME_chance`` the mean over music of other dances.

    Others are all whose song is another, or 20 of them, drawn; without one chance is NaN.
    """
    rows = []
    for number, dance in enumerate(dances):
        others = [other for other in dances if other.song != dance.song]
        if len(others) > OTHERS:
            drawn = np.random.default_rng([seed, number]).permutation(len(others))[:OTHERS]
            others = [others[n] for n in sorted(drawn)]
        row = alignment(dance, dance)
        chances = [alignment(dance, other) for other in others]
        for name in list(row):
            known = [chance[name] for chance in chances if np.isfinite(chance[name])]
            row[f"{name}_chance"] = float(np.mean(known)) if known else float("nan")
        rows.append(row)
    return rows


def foot_contact(points: Mapping[str, Floats], rate_hz: float) -> float:
    """EDGE's physical foot contact score (PFC), times 10,000 as there: less is better, 0 is no slide.

    The mean of the body's acceleration (downwards left out), in parts of its greatest, times the
    speeds of both feet, each that of its ankle or its toe, whichever is less. Speeds are along the
    floor, in metres in 1/30 s, so that the score is EDGE's at 30 frames a second.

    Args:
        points: pelvis, and ankle and toe of both sides, (frames, 3) in cm in the room, y up.
        rate_hz: frames a second.

    Returns NaN for less than three frames, and where the pelvis is never faster or slower.
    """
    pelvis = points["pelvis"] / 100
    if len(pelvis) < 3:
        return float("nan")
    pull = np.diff(pelvis, n=2, axis=0)
    pull[:, 1] = np.maximum(pull[:, 1], 0)
    strength = np.linalg.norm(pull, axis=1)
    if not strength.max() > 1e-9:
        return float("nan")
    speeds = np.ones(len(pull))
    for side in ("left", "right"):
        steps = [np.diff(points[f"{side} {name}"][1:, [0, 2]], axis=0) for name in ("ankle", "toe")]
        lengths = np.linalg.norm(steps, axis=2) / 100 * (rate_hz / _PFC_HZ)
        speeds *= lengths.min(axis=0)
    return float(10_000 * (speeds * strength / strength.max()).mean())


def kinetic_features(joints: Floats) -> Floats:
    """Fairmotion's of joints (frames, v, 3) in metres at 60 a second, y up: (3 v,), three a joint.

    The means of the squared speed along the floor, the squared speed upwards, and the acceleration;
    steps, and differences of steps, are averaged over up to five frames first.
    """
    steps = np.diff(joints, axis=0) * FRAMES_HZ
    speed = _smoothed(steps, len(steps))
    pull = _smoothed(np.diff(steps, axis=0) * FRAMES_HZ, len(steps))
    flat = np.square(speed[..., [0, 2]]).sum(axis=2).mean(axis=0)
    up = np.square(speed[..., 1]).mean(axis=0)
    return np.stack([flat, up, np.linalg.norm(pull, axis=2).mean(axis=0)], axis=1).ravel()


def _smoothed(values: Floats, count: int) -> Floats:
    """The mean of values i − 2 … i + 2 that exist, for i = 0 … count − 1."""
    sums = np.concatenate([np.zeros((1, *values.shape[1:])), np.cumsum(values, axis=0)])
    first = np.maximum(np.arange(count) - _WINDOW, 0)
    end = np.minimum(np.arange(count) + _WINDOW + 1, len(values))
    return np.asarray((sums[end] - sums[first]) / (end - first)[:, None, None])


def geometric_features(points: Mapping[str, Floats]) -> Floats:
    """Fairmotion's 32: in which part of the frames after the first each thing is so, (32,).

    ``points`` of :data:`motionmusic.data.points.SMPL24`, (frames, 3) in metres at 60 a second, y up.
    Speeds are taken as if frames were 1/120 s apart, as in the sources.
    """
    lowest = np.min([place[1:, 1] for place in points.values()], axis=0)
    found = []
    for what, names, least, most in _GEOMETRIC:
        a, b, c, d = (points[name][1:] if name else np.zeros(3) for name in names)
        if what == "angle":
            so = (_angle(b - a, d - c) > least) & (_angle(b - a, d - c) < most)
        elif what == "upright":
            angle = _angle(b - a, np.broadcast_to([0.0, 1.0, 0.0], a.shape))
            so = (angle > least) & (angle < most)
        elif what in ("above", "below"):
            so = (a[:, 1] - lowest > least) == (what == "above")
        elif what == "fast":
            so = np.linalg.norm(_moved(points[names[0]]), axis=1) > least
        elif what == "beyond":
            so = _part(d - c, b - a) > least
        elif what == "plane":
            so = _part(d - a, np.cross(c - a, b - a)) > least
        else:
            moving = names[2] if what == "along" else names[3]
            way = b - a if what == "along" else np.cross(c - a, b - a)
            so = _part(_moved(points[moving]) - _moved(points[names[0]]), way) > least
        found.append(float(np.mean(so)))
    return np.array(found)


def _moved(place: Floats) -> Floats:
    return np.asarray(np.diff(place, axis=0) / _STEP_S)


def _part(vectors: Floats, along: Floats) -> Floats:
    lengths = np.maximum(np.linalg.norm(along, axis=1), 1e-12)
    return np.asarray((vectors * along).sum(axis=1) / lengths)


def _angle(a: Floats, b: Floats) -> Floats:
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return np.asarray(
        np.degrees(np.arccos(np.clip((a * b).sum(axis=1) / np.maximum(lengths, 1e-12), -1, 1)))
    )


def frechet(a: Floats, b: Floats) -> float:
    """The squared Fréchet distance of Gaussians fitted to a (n, k) and b (m, k), n and m ≥ 2.

    |mean a − mean b|² + trace(A + B − 2 √(A B)) of their covariances A and B.
    """
    first, second = (np.atleast_2d(np.cov(x, rowvar=False)) for x in (a, b))
    values, vectors = np.linalg.eigh(first)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    both = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ second @ root), 0)).sum()
    apart = np.square(a.mean(axis=0) - b.mean(axis=0)).sum()
    return float(max(0.0, apart + np.trace(first) + np.trace(second) - 2 * both))


def distance(made: Floats, reference: Floats) -> float:
    """:func:`frechet` of features (n, k), each less its mean and over its deviation in ``reference``.

    Features that are the same in all of the reference are left out. Raises ValueError below 100 rows.
    """
    if min(len(made), len(reference)) < LEAST:
        raise ValueError(f"expected {LEAST} dances or more, got {len(made)} and {len(reference)}")
    return _standardised(made, reference)


def _standardised(made: Floats, reference: Floats) -> float:
    spread = reference.std(axis=0)
    used = spread > 1e-9 * np.maximum(1, np.abs(reference).max(axis=0))
    middle = reference.mean(axis=0)
    both = [((x - middle) / np.where(used, spread, 1))[:, used] for x in (made, reference)]
    return frechet(both[0], both[1])


def of_halves(reference: Floats, seed: int) -> float:
    """The distance of one half of the reference, drawn, from the other: what no difference looks like.

    Halves are smaller than the whole, and a distance is the larger the fewer dances there are.
    """
    order = np.random.default_rng(seed).permutation(len(reference))
    half = len(order) // 2
    return _standardised(reference[order[:half]], reference[order[half:]])
