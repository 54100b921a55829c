"""What a synthetic dancer dances: figures of its type, set on the beats of one clock."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from ruamel.yaml import YAML

from motionmusic.files import Floats

ROOM_RADIUS_CM = 180.0

_WORDS: dict[str, Any] = YAML(typ="safe", pure=True).load(Path(__file__).parent / "synthetic.yaml")


class Manner(NamedTuple):
    """How the body is carried during a figure; every channel glides from figure to figure."""

    hips: float  # degrees of pelvis roll towards the standing leg
    eight: float  # degrees of pelvis yaw that turns the roll into a figure eight
    rise: float  # cm of rise and fall over a bar
    bounce: float  # cm of bounce on each beat
    sway: float  # degrees of chest roll against the step
    twist: float  # degrees of shoulder yaw against the standing leg
    lean: float  # degrees of chest pitch, forward positive
    bend: float  # cm by which the knees lower the pelvis
    swing: float  # beats that a foot is on its way
    lift: float  # cm by which it leaves the floor
    arms: float  # degrees of arm swing


class Figure(NamedTuple):
    """Steps (landing beat, cm to the moving foot's side, cm forward, degrees of turn) and the rest.

    ``arms`` names the poses to choose from; ``head`` holds (beat, degrees of yaw).
    """

    beats: int
    steps: tuple[tuple[float, float, float, float], ...]
    arms: tuple[str, ...]
    head: tuple[tuple[float, float], ...] = ((0, 0),)


class DanceType(NamedTuple):
    """What all pieces of one type have in common."""

    metre: int
    tempo: tuple[float, float]  # beats a minute
    manner: Manner
    figures: tuple[Figure, ...]
    notes: tuple[tuple[float, str, float], ...]  # (beat in two bars, voice, loudness)
    minor: float  # probability of a minor key


TYPES = {
    code: DanceType(
        metre=of["metre"],
        tempo=of["tempo"],
        manner=Manner(*of["manner"]),
        figures=tuple(
            Figure(beats, steps, _WORDS["carriages"][carriage], head)
            for beats, carriage, steps, head in of["figures"]
        ),
        notes=tuple((beat, voice, loud) for voice, loud, beats in of["notes"] for beat in beats),
        minor=of["minor"],
    )
    for code, of in _WORDS["types"].items()
}
PLAIN = Manner(*_WORDS["plain"])
DECAY: dict[str, float] = _WORDS["decay"]
_POSES = list(_WORDS["poses"])
_ARMS = np.array([[_WORDS["arms"][arm] for arm in pair] for pair in _WORDS["poses"].values()])


class Style(NamedTuple):
    """What sets one piece apart from the others of its type."""

    size: float  # 1 is a dancer of about 170 cm
    stride: float
    energy: float
    manner: Floats  # factors, one per channel of Manner
    pose: Floats  # (poses, 2 arms, 2 bones, 3): the dancer's own version of each arm pose
    figures: Floats  # probability of each figure of the type
    plain: float  # probability of a figure that all types share
    facing: float  # degrees
    noise: float  # cm


@dataclass(frozen=True)
class BeatClock:
    """``seconds[i]`` of the sound file is when beat ``first + i`` falls; beat 0 opens the dance."""

    first: int
    seconds: Floats

    def beat_at(self, seconds: Floats) -> Floats:
        """Beat, fractions included, at seconds of the sound file."""
        beats = np.arange(len(self.seconds)) + self.first
        return np.interp(seconds, self.seconds, beats)

    def second_at(self, beat: float) -> float:
        """Second of the sound file at a beat, fractions included."""
        return float(np.interp(beat - self.first, np.arange(len(self.seconds)), self.seconds))


class Choreography(NamedTuple):
    """One piece's keys on the beat clock: steps (S), figures (F), head turns (H)."""

    step_beat: Floats  # (S,) landings
    step_foot: NDArray[np.int64]  # (S,) 0 left, 1 right
    step_swing: Floats  # (S,) beats on the way
    step_lift: Floats  # (S,) cm
    place: Floats  # (S, 2) x, z of the body in cm
    foot_place: Floats  # (S, 2) x, z of the landing foot in cm
    heading: Floats  # (S,) degrees, unwrapped
    figure_beat: Floats  # (F,)
    manner: Floats  # (F, channels of Manner)
    pose: Floats  # (F, 2 arms, 2 bones, 3)
    head_beat: Floats  # (H,)
    head: NDArray[np.int64]  # (H,) degrees


def beat_clock(dance_type: DanceType, seconds: float, rng: np.random.Generator) -> BeatClock:
    """The piece's beats from the music's first to one bar past the dance's end, in strict tempo."""
    tempo = rng.uniform(*dance_type.tempo)
    intro = dance_type.metre * int(rng.choice((0, 1, 2, 4)))
    count = intro + math.ceil((seconds + 3) * tempo / 60) + 2 * dance_type.metre
    lead = rng.uniform(0.1, 0.6) if intro else 0.0
    return BeatClock(-intro, lead + np.arange(count + 1) * 60 / tempo)


def style_of(rng: np.random.Generator) -> Style:
    """A dancer, by chance."""
    return Style(
        size=rng.uniform(0.92, 1.06),
        stride=rng.lognormal(0, 0.15),
        energy=rng.lognormal(0, 0.12),
        manner=rng.lognormal(0, 0.16, len(Manner._fields)),
        pose=_ARMS + rng.normal(0, 0.1, _ARMS.shape),
        figures=rng.dirichlet((6.0, 3.0, 3.0, 3.0)),
        plain=rng.uniform(0.03, 0.12),
        facing=rng.normal(0, 35),
        noise=rng.uniform(0.03, 0.1),
    )


def _plain_figures(metre: int) -> tuple[Figure, ...]:
    """Figures that occur in every type: walk, walk in a curve, side and close, pause."""
    walk = tuple((float(beat), 0.0, 20.0, 0.0) for beat in range(2 * metre))
    curve = tuple((beat, out, forward, 18.0) for beat, out, forward, _ in walk)
    side = tuple((float(beat), (16.0, -8.0)[beat % 2], 0.0, 0.0) for beat in range(2 * metre))
    arms = _WORDS["carriages"]["plain"]
    shapes = [(walk, 2 * metre), (curve, 2 * metre), (side, 2 * metre), ((), metre)]
    return tuple(Figure(beats, steps, arms) for steps, beats in shapes)


def choreograph(
    dance_type: DanceType, style: Style, last_beat: float, rng: np.random.Generator
) -> Choreography:
    """String figures together up to ``last_beat``, turning back where the room ends."""
    plain = _plain_figures(dance_type.metre)
    stance = 9 * style.size
    place, heading, foot = np.zeros(2), style.facing, 0
    # Both feet stand beside each other before the first beat.
    steps = [
        (-2.0 + side, side, 0.5, 0.0, place, place + _turned(sign * stance, 0, heading), heading)
        for side, sign in ((0, -1), (1, 1))
    ]
    figures: list[tuple[float, Floats, Floats]] = []
    heads: list[tuple[float, float]] = []
    beat, repeat = 0.0, 0
    while beat < last_beat:
        if repeat == 0:
            shared = rng.random() < style.plain
            choices: Sequence[Figure] = plain if shared else dance_type.figures
            chances = None if shared else style.figures
            figure = choices[int(rng.choice(len(choices), p=chances))]
            repeat = 1 if shared else int(rng.integers(1, 3))
        repeat -= 1
        base = np.array(PLAIN if shared else dance_type.manner)
        manner = Manner(*(base * style.manner * rng.lognormal(0, 0.15, len(base))))
        figures.append((beat, np.array(manner), style.pose[_POSES.index(rng.choice(figure.arms))]))
        mirror = rng.choice((-1, 1))
        heads += [(beat + at, mirror * yaw) for at, yaw in figure.head]
        corner = _corner(place, heading) / max(len(figure.steps), 1)
        for at, out, forward, turn in figure.steps:
            gap = beat + at - steps[-1][0]
            if gap < 0.4:  # the last figure's closing step falls on this beat
                continue
            heading += mirror * turn + corner
            sign = (-1, 1)[foot]
            place = place + style.stride * _turned(sign * out, forward, heading)
            # Turning alone does not stop a drift sideways: a little of each step leads home too.
            distance = np.hypot(*place)
            place = place * (1 - 8 / distance if distance > ROOM_RADIUS_CM else 1)
            landing = place + _turned(sign * stance, 0, heading)
            swing = min(manner.swing * rng.uniform(0.9, 1.1), gap)
            steps.append((beat + at, foot, swing, manner.lift, place, landing, heading))
            foot = 1 - foot
        beat += figure.beats
    columns = [np.array(c) for keys in (steps, figures, heads) for c in zip(*keys, strict=True)]
    return Choreography(*columns)


def _turned(right: float, forward: float, heading: float) -> Floats:
    """x, z of a vector in the dancer's frame; heading in degrees, 0 looks along z."""
    sine, cosine = math.sin(math.radians(heading)), math.cos(math.radians(heading))
    return np.array([right * cosine + forward * sine, forward * cosine - right * sine])


def _corner(place: Floats, heading: float) -> float:
    """Degrees to turn during a figure so that the dance stays in the room."""
    if np.hypot(*place) < ROOM_RADIUS_CM:
        return 0.0
    homeward = math.degrees(math.atan2(-place[0], -place[1]))
    return float(np.clip((homeward - heading + 180) % 360 - 180, -120, 120))
