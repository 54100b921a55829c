"""Is a dance in time with its music, and if not, by how much? A linear model, told by motion alone.

A ridge regression from how fast joints move within half a second to the phase of one and of two
beats (scoring/timing.py learns it). Summed over a dance, its predictions have a peak at the tempo
that the dance keeps, and where they fit the beats of its music best says how late the music is.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from motionmusic.errors import UserError
from motionmusic.features.motion import Floats
from motionmusic.features.skeletons import MUSICTODANCE
from motionmusic.features.song_tempo import SongTempo
from motionmusic.files import read_named_arrays

Answer = Literal["yes", "no", "cannot tell"]

SHIPPED = Path(__file__).parents[1] / "pretrained" / "in_time.npz"
"""The model that comes with the program, of street dances; one set of weights a fold of them."""
RATE_HZ = 25.0
HALF = 12  # frames of motion on either side: half a second
_COLUMNS = 46 * (2 * HALF + 1)  # of :func:`motion_windows`
_OWN = 1.2  # another tempo, which is looked for among all, must be so many times clearer
_SLOWEST_HZ, _FASTEST_HZ = 40 / 60, 220 / 60
_AWAY = np.linspace(-0.5, 0.5, 101)[:-1]
_TRUNK = 2


class Limits(NamedTuple):
    """When a model says something.

    Attributes:
        clear: the music's tempo is kept if its fit is so many times the best of all others.
        near: beats; nearer to the music's than this is in time.
    """

    clear: float
    near: float


BALLROOM = Limits(1.25, 0.15)
STREET = Limits(1.5, 0.25)
"""Chosen on dancers of AIST with even numbers: they come earlier or later than ballroom dancers."""


@dataclass(frozen=True)
class BeatPhase:
    """Weights of the model, one set a fold.

    Attributes:
        weights: (folds, 1150, 4), finite: cosine and sine of the phase of one and of two beats.
        unseen: of each fold, the pieces that it was not trained on.
        limits: when it says something.
    """

    weights: Floats
    unseen: tuple[tuple[str, ...], ...]
    limits: Limits

    def predict(self, joints: Floats, piece: str | None = None) -> Floats:
        """(frames, 23, 3) at 25 a second → (frames, 4): of the folds that do not know the piece.

        The mean of all folds where none of them knows it.
        """
        folds = [k for k, names in enumerate(self.unseen) if piece in names] or slice(None)
        windows = motion_windows(motion_features(joints), HALF)
        return np.asarray(windows @ self.weights[folds].mean(axis=0))

    def piece_of(self, name: str) -> str | None:
        """The piece that a dance of this name is, such as C_1 of DANCE_C_1; None where it is none."""
        return next((n for of in self.unseen for n in of if f"_{name}".endswith(f"_{n}")), None)

    def save(self, file: Path) -> None:
        """Write it as .npz of plain arrays; equal weights give equal bytes."""
        names = np.array([" ".join(of) for of in self.unseen])
        weights, limits = self.weights.astype(np.float32), np.array(self.limits)
        np.savez(file, weights=weights, unseen=names, limits=limits)

    @staticmethod
    def read(file: Path) -> BeatPhase:
        """What :meth:`save` wrote. Raises UserError where it is missing or broken."""
        remedy = "run `dvc repro` of the stage in_time again"
        names = ("weights", "unseen", "limits")
        found = read_named_arrays(file, names, "weights of the beat's phase", remedy)
        weights, unseen, limits = (found[name] for name in names)
        if (
            weights.shape != (unseen.size, _COLUMNS, 4) or limits.shape != (2,) or not unseen.size
            or {weights.dtype.kind, limits.dtype.kind} != {"f"} or unseen.dtype.kind != "U"
            or not np.isfinite(weights).all() or not (limits[0] >= 1 and 0 < limits[1] <= 0.5)
        ):  # fmt: skip
            shape = (
                f"weights (folds, {_COLUMNS}, 4), the pieces unseen of each fold, and two limits"
            )
            got = f"{weights.dtype} {weights.shape}, {unseen.dtype} {unseen.shape}, limits {limits}"
            raise UserError(file, "", shape, got, remedy)
        named = tuple(tuple(str(of).split()) for of in unseen)
        return BeatPhase(weights.astype(np.float64), named, Limits(*map(float, limits)))


@dataclass(frozen=True)
class Verdict:
    """What the model says of a dance and its music.

    Attributes:
        answer: yes, no, or cannot tell: the dance keeps no tempo that the model can see.
        late_s: by how much the music has to be read later, up to whole beats; NaN where the dance
            does not keep the music's tempo.
        fit: at the music's tempo, 0 to √2.
        rival: the best fit at any other tempo.
        dance_bpm: the tempo that the dance keeps; NaN where it keeps none.
    """

    answer: Answer
    late_s: float
    fit: float
    rival: float
    dance_bpm: float


def judge(
    predicted: Floats, start_s: float, beat_hz: float, first_beat_s: float, limits: Limits
) -> Verdict:
    """Whether motion is in time with beats at first_beat_s + n / beat_hz.

    Args:
        predicted: (frames, 4) of :meth:`BeatPhase.predict`.
        start_s: when frame 0 is danced, in the seconds of ``first_beat_s``.
        beat_hz, first_beat_s: of the music.
        limits: of the model.
    """
    times = start_s + np.arange(len(predicted)) / RATE_HZ - first_beat_s
    seconds = len(predicted) / RATE_HZ
    tempi = tempi_of(seconds)
    away, fits = best_fit(predicted, times, np.r_[beat_hz, tempi])
    late, fit, fits = -away[0], fits[0], fits[1:]
    rival = fits[_others(tempi, beat_hz, seconds)].max(initial=0)
    own = tempi[np.argmax(fits)]
    keeps = fits.max() > _OWN * limits.clear * fits[_others(tempi, own, seconds)].max(initial=0)
    dance_bpm = 60 * float(own) if keeps else float("nan")
    if fit > limits.clear * rival:
        answer: Answer = "yes" if abs(late) < limits.near else "no"
        return Verdict(answer, float(late / beat_hz), float(fit), float(rival), dance_bpm)
    answer = "no" if keeps and own in tempi[_others(tempi, beat_hz, seconds)] else "cannot tell"
    return Verdict(answer, float("nan"), float(fit), float(rival), dance_bpm)


def tempo_kept(predicted: Floats, limits: Limits) -> float:
    """The tempo that a dance keeps, beats a minute, of (frames, 4); NaN where the model sees none."""
    seconds = len(predicted) / RATE_HZ
    tempi = tempi_of(seconds)
    _, fits = best_fit(predicted, np.arange(len(predicted)) / RATE_HZ, tempi)
    own = tempi[np.argmax(fits)]
    rival = fits[_others(tempi, own, seconds)].max(initial=0)
    return 60 * float(own) if fits.max() > _OWN * limits.clear * rival else float("nan")


def tempi_of(seconds: float) -> Floats:
    """Frequencies of 40 to 220 beats a minute, finer than so many seconds can tell apart."""
    return np.arange(_SLOWEST_HZ, _FASTEST_HZ, 0.25 / seconds)


def judge_song(predicted: Floats, song: SongTempo, limits: Limits) -> tuple[Verdict, float]:
    """The clearest verdict of a song's beats, of every other one, and of two a beat.

    Beat trackers and dancers count in different octaves. Frame 0 is danced at the song's second 0.

    Returns:
        The verdict, and the frequency of the beats that it is about.
    """
    said = []
    for times, later in ((1.0, 0), (2.0, 0), (0.5, 0), (0.5, 1)):
        beat_hz = song.beat_hz * times
        if times == 1 or _SLOWEST_HZ <= beat_hz <= _FASTEST_HZ:
            first_s = song.first_beat_s + later / song.beat_hz
            said.append((judge(predicted, 0.0, beat_hz, first_s, limits), beat_hz))
    return max(
        said, key=lambda of: (np.isfinite(of[0].late_s), round(of[0].fit, 3), -abs(of[0].late_s))
    )


def best_fit(predicted: Floats, times_s: Floats, beat_hz: Floats) -> tuple[Floats, Floats]:
    """How well motion fits beats of each frequency, the first of them at 0, and how late they are.

    Args:
        predicted: (frames, 4).
        times_s: (frames,).
        beat_hz: (n,).

    Returns:
        (n,) beats −½…½ by which motion comes after the music; (n,) the fit there, 0 to √2.
    """
    one, two = phasors(predicted, times_s, beat_hz)
    fit = phase_fit(one[:, None], two[:, None], _AWAY)
    size = np.sqrt(len(predicted) * np.square(predicted).sum())
    return _AWAY[fit.argmax(axis=1)], fit.max(axis=1) / size


def phasors(predicted: Floats, times_s: Floats, beat_hz: Floats) -> tuple[Floats, Floats]:
    """The predicted phases of one and two beats against those of beats of each frequency, summed."""
    turn = np.exp(-1j * np.pi * np.outer(beat_hz, times_s))
    return (
        np.square(turn) @ (predicted[:, 0] + 1j * predicted[:, 1]),
        turn @ (predicted[:, 2] + 1j * predicted[:, 3]),
    )


def phase_fit(one: Floats, two: Floats, away: Floats) -> Floats:
    """How well phasors of one and two beats fit beats that are ``away`` beats late.

    Cha-cha and rumba swing once in two beats. Which beat of the two it is the music's beats do not
    tell, so the better of both counts.
    """
    turn = np.exp(1j * np.pi * away)
    return np.asarray((one * np.square(turn)).real + abs((two * turn).real))


def motion_features(joints: Floats) -> Floats:
    """What moves how fast, the same for a dancer and their mirror image.

    Args:
        joints: (frames, 23, 3) in the room, 25 a second.

    Returns:
        (frames, 46): of speed and of vertical velocity, the sum and the distance of each left and
        right joint, and the trunk's.
    """
    velocity = np.gradient(joints, axis=0) * RATE_HZ
    left, right = (list(side) for side in zip(*MUSICTODANCE.mirror_pairs, strict=True))
    columns = []
    for values in (np.linalg.norm(velocity, axis=2), velocity[..., 1]):
        columns += [values[:, left] + values[:, right], abs(values[:, left] - values[:, right])]
        columns.append(values[:, [_TRUNK]])
    return np.concatenate(columns, axis=1)


def motion_windows(features: Floats, half: int) -> Floats:
    """Every frame with its neighbours, each feature scaled over the dance: (frames, 46 · (2 half + 1)).

    Scaled by itself, a dance needs nothing of others, and any unit of length will do.
    """
    scaled = (features - features.mean(axis=0)) / (features.std(axis=0) + 1e-6)
    padded = np.pad(scaled, ((half, half), (0, 0)), mode="edge")
    windows = sliding_window_view(padded, 2 * half + 1, axis=0)
    return windows.reshape(len(features), -1)


def _others(tempi: Floats, beat_hz: float, seconds: float) -> NDArray[np.bool_]:
    """Which tempi are neither this one, half nor twice it, as far as so many seconds can tell."""
    width = max(0.04, 0.8 / (seconds * beat_hz))
    octaves = beat_hz * np.array([[0.5], [1], [2]])
    return np.asarray((abs(tempi / octaves - 1) >= width).all(axis=0))
