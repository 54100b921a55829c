"""Made-up dances in MusicToDance's layout, for trying the pipeline without the real data.

Each piece has one beat clock. The choreography sets its steps, poses and holds on that clock's
beats and the accompaniment sets its notes on the same beats, so motion and sound belong together.
The four types differ by metre, step pattern, carriage and hold; they share tempi, sizes, arm poses
and a few plain figures, so that telling them apart is neither trivial nor hopeless.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation

from motionmusic.errors import UserError
from motionmusic.files import new_folder, write_bytes, write_text

Floats = NDArray[np.float64]
FRAMES_PER_SECOND = 25
SAMPLES_PER_SECOND = 12_800
JOINTS = 23
ROOM_RADIUS_CM = 180.0


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


# Joints on the line of each forearm and their distance from the elbow in cm, left arm then right.
FOREARMS = (((5, 11.7), (6, 26.2), (22, 30.9)), ((21, 12.0), (14, 18.1), (15, 30.2)))


class Figure(NamedTuple):
    """A figure of a dance: its steps and what arms and head do meanwhile.

    ``steps`` holds (landing beat, cm to the moving foot's side, cm forward, degrees of turn).
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


# Upper arm and forearm of each pose as (out, up, forward), left arm then right arm.
_LOW = ((0.25, -0.95, 0.0), (0.15, -0.85, 0.45))
_OPEN = ((0.9, -0.25, 0.15), (0.95, 0.1, 0.3))
_BENT = ((0.35, -0.9, -0.1), (0.1, 0.15, 0.95))
_HIGH = ((0.5, 0.6, 0.3), (0.1, 0.95, 0.1))
_HIP = ((0.7, -0.7, -0.2), (-0.75, -0.6, 0.3))
_LEAD = ((0.85, -0.2, 0.3), (0.3, 0.55, 0.75))
_CLASP = ((0.75, -0.35, 0.45), (-0.6, 0.0, 0.8))
ARM_POSES = {
    "low": (_LOW, _LOW),
    "open": (_OPEN, _OPEN),
    "bent": (_BENT, _BENT),
    "left high": (_HIGH, _OPEN),
    "right high": (_OPEN, _HIGH),
    "left hip": (_HIP, _OPEN),
    "right hip": (_OPEN, _HIP),
    "hold": (_LEAD, _CLASP),
}


def _chasse(beat: float, turn: float = 0) -> tuple[tuple[float, float, float, float], ...]:
    """The cha-cha-cha on 4&1: side, close, side."""
    return ((beat, 13, 0, turn), (beat + 0.5, -9, 0, 0), (beat + 1, 15, 0, 0))


def _notes(voice: str, loudness: float, *beats: float) -> tuple[tuple[float, str, float], ...]:
    return tuple((beat, voice, loudness) for beat in beats)


_LATIN = ("open", "bent", "left high", "right high", "left hip", "right hip")
_CLOSED = ("hold", "hold", "hold", "open")
PLAIN = Manner(2, 1, 1, 1, 1, 4, 2, 4, 0.8, 4, 10)
_EIGHTHS = tuple(beat / 2 for beat in range(16))
# The first figure of each type is its basic one and the most frequent.
# fmt: off
TYPES = {
    "C": DanceType(
        metre=4, tempo=(104, 128), minor=0.4,
        manner=Manner(7, 5, 0, 2, 1, 8, 3, 4, 0.45, 4, 22),
        figures=(
            Figure(8, ((1, 0, 20, 0), (2, 0, -20, 0), *_chasse(3),
                       (5, 0, -20, 0), (6, 0, 20, 0), *_chasse(7)), _LATIN),
            # New Yorker: open to one side, then to the other
            Figure(8, ((1, 0, 24, 80), (2, 0, -24, -80), *_chasse(3),
                       (5, 0, 24, -80), (6, 0, -24, 80), *_chasse(7)), _LATIN),
            # spot turn
            Figure(4, ((1, 0, 16, 120), (2, 0, 12, 150), *_chasse(3, 90)), _LATIN),
            # locks, forward and back
            Figure(8, ((1, 0, 18, 0), (2, 0, 16, 0), (3, 0, 18, 0), (3.5, 0, 7, 0), (4, 0, 16, 0),
                       (5, 0, -18, 0), (6, 0, -16, 0), (7, 0, -18, 0), (7.5, 0, -7, 0),
                       (8, 0, -16, 0)), _LATIN),
        ),
        notes=(
            *_notes("scrape", 0.5, 0, 1, 1.5, 2, 3, 3.5, 4, 5, 5.5, 6, 7, 7.5),
            *_notes("bell", 0.5, *range(8)), *_notes("bass", 0.9, 0, 1.5, 2, 4, 5.5, 6),
            *_notes("chord", 0.5, 0, 1, 3, 3.5, 4, 5, 7, 7.5),
            *_notes("drum", 0.7, 0, 3, 3.5, 4, 7, 7.5),
        ),
    ),
    "R": DanceType(
        metre=4, tempo=(88, 108), minor=0.6,
        manner=Manner(12, 12, 0, 0.5, 3, 6, 2, 4, 0.8, 3, 14),
        figures=(
            # basic, quick-quick-slow
            Figure(8, ((0, 0, 20, 0), (1, 0, -20, 0), (2, 17, 0, 0),
                       (4, 0, -20, 0), (5, 0, 20, 0), (6, 17, 0, 0)), _LATIN),
            # cucaracha: press to the side, replace, close
            Figure(8, ((0, 20, 0, 0), (1, 20, 0, 0), (2, 0, 0, 0),
                       (4, 20, 0, 0), (5, 20, 0, 0), (6, 0, 0, 0)), _LATIN),
            # spot turn
            Figure(4, ((0, 0, 16, 130), (1, 0, 12, 130), (2, 14, 0, 100)), _LATIN),
            # fan and walk
            Figure(8, ((0, 0, -18, 0), (1, 0, 16, 45), (2, 14, 4, 45),
                       (4, 0, 22, 0), (5, 0, 22, -45), (6, 14, 0, -45)), _LATIN),
        ),
        notes=(
            *_notes("clave", 0.8, 0, 1.5, 3, 5, 6), *_notes("shaker", 0.35, *_EIGHTHS),
            *_notes("bass", 0.9, 0, 1, 2, 4, 5, 6), *_notes("chord", 0.4, 0, 2, 4, 6),
            *_notes("drum", 0.6, 0, 1, 2, 4, 5, 6),
        ),
    ),
    "T": DanceType(
        metre=4, tempo=(108, 132), minor=0.85,
        manner=Manner(1, 1, 0, 0, 2, 6, -1, 8, 0.38, 4, 3),
        figures=(
            # walk: slow, slow, quick, quick, slow
            Figure(8, ((0, 0, 30, 0), (2, 0, 30, 0), (4, 0, 26, -15), (5, 14, 8, -20),
                       (6, -10, 0, 0)), _CLOSED, ((0, -30), (4, 35), (6, -30))),
            # link to a held promenade
            Figure(8, ((0, 0, 30, 0), (1, 16, 14, 30), (2, 0, 4, 0)), _CLOSED, ((2, 50), (5, -45))),
            # ochos: pivot to either side
            Figure(8, ((0, 0, 24, 85), (2, 0, 22, -120), (4, 0, 22, 120), (6, 6, 4, -85)),
                   _CLOSED, ((0, 30), (2, -30), (4, 30), (6, -30))),
            # corte
            Figure(4, ((0, 0, -28, 0), (3, 0, 26, 0)), _CLOSED, ((0, -50), (3, 20))),
        ),
        notes=(
            *_notes("stab", 0.8, *range(8)), *_notes("stab", 0.5, 3.5, 7.5),
            *_notes("bass", 0.9, 0, 2, 4, 6), *_notes("drum", 0.5, 0, 2, 4, 5, 6),
        ),
    ),
    "W": DanceType(
        metre=3, tempo=(92, 116), minor=0.4,
        manner=Manner(2, 1, 10, 0, 10, 8, -4, 6, 0.9, 4, 10),
        figures=(
            # natural or reverse turn
            Figure(6, ((0, 0, 28, 60), (1, 20, 6, 70), (2, -10, 0, 30),
                       (3, 0, -26, 60), (4, 20, 6, 70), (5, -10, 0, 30)), _CLOSED, ((0, -25),)),
            # change steps
            Figure(6, ((0, 0, 26, 0), (1, 18, 8, 10), (2, -9, 0, 0),
                       (3, 0, 26, 0), (4, 18, 8, -10), (5, -9, 0, 0)), _CLOSED, ((0, -25),)),
            # hesitation
            Figure(3, ((0, 0, 24, 20), (1, 10, 6, 20)), _CLOSED, ((0, -25), (1, 20))),
            # balance to either side
            Figure(6, ((0, 20, 0, 0), (1, -5, 0, 0), (3, 20, 0, 0), (4, -5, 0, 0)),
                   (*_CLOSED, "low"), ((0, -20), (3, 20))),
        ),
        notes=(
            *_notes("bass", 1.0, 0, 3), *_notes("chord", 0.7, 1, 2, 4, 5),
            *_notes("drum", 0.5, 0, 3), *_notes("shaker", 0.3, 1, 2, 4, 5),
        ),
    ),
}
# fmt: on


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


@dataclass(frozen=True)
class Choreography:
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
    head: Floats  # (H,) degrees


def write_dances(folder: Path, *, pieces_per_type: int, seconds: float, seed: int) -> None:
    """Write ``folder/DANCE_X_n`` for X in C, R, T, W and n from 1 to ``pieces_per_type``.

    Each holds skeletons.json (length; center, length x 3; skeletons, length x 23 x 3, relative to
    center; cm at 25 frames/s, y up), config.json (start_position and end_position of the dance in
    the sound, in frames) and audio.flac (mono, 12,800 Hz). A dance lasts ``seconds``. The same
    arguments give the same bytes, and more pieces change no other.

    Raises:
        UserError: fewer than one piece, less than 10 s (or no finite time), or a negative seed.
    """
    for name, good, expected, got in (
        ("pieces_per_type", pieces_per_type >= 1, "at least 1", pieces_per_type),
        ("seconds", 10 <= seconds < math.inf, "at least 10", seconds),
        ("seed", seed >= 0, "at least 0", seed),
    ):
        if not good:
            raise UserError("write_dances", name, expected, str(got), f"choose another {name}")
    for code, dance_type in TYPES.items():
        for number in range(1, pieces_per_type + 1):
            # ord() and not hash(): the latter changes from one Python process to the next.
            seeds = np.random.SeedSequence([seed, ord(code), number]).spawn(2)
            motion_rng, sound_rng = (np.random.default_rng(one) for one in seeds)
            with new_folder(folder / f"DANCE_{code}_{number}") as work:
                _write_piece(work, dance_type, seconds, motion_rng, sound_rng)


def _write_piece(
    folder: Path,
    dance_type: DanceType,
    seconds: float,
    motion_rng: np.random.Generator,
    sound_rng: np.random.Generator,
) -> None:
    length = round(seconds * FRAMES_PER_SECOND)
    clock = _beat_clock(dance_type, seconds, motion_rng)
    start = round(clock.second_at(0) * FRAMES_PER_SECOND)
    beats = clock.beat_at((start + np.arange(length)) / FRAMES_PER_SECOND)
    style = _style(dance_type, motion_rng)
    choreography = _choreograph(dance_type, style, float(beats[-1]) + 1, motion_rng)
    joints = _move(choreography, style, beats, motion_rng)
    center = np.round(joints.mean(axis=1), 2)
    motion = {
        "length": length,
        "center": center.tolist(),
        "skeletons": np.round(joints - center[:, None], 2).tolist(),
    }
    write_text(folder / "skeletons.json", json.dumps(motion, separators=(",", ":")))
    config = {"start_position": start, "end_position": start + length}
    write_text(folder / "config.json", json.dumps(config))
    sound = _accompany(dance_type, clock, (start + length) / FRAMES_PER_SECOND + 1, sound_rng)
    buffer = io.BytesIO()
    soundfile.write(buffer, sound, SAMPLES_PER_SECOND, format="FLAC", subtype="PCM_16")
    write_bytes(folder / "audio.flac", buffer.getvalue())


def _beat_clock(dance_type: DanceType, seconds: float, rng: np.random.Generator) -> BeatClock:
    """The piece's beats from the music's first to one bar past the dance's end, tempo drifting."""
    tempo = rng.uniform(*dance_type.tempo)
    intro = dance_type.metre * int(rng.choice((0, 1, 2, 4)))
    count = intro + math.ceil((seconds + 3) * tempo / 60) + 2 * dance_type.metre
    drift = 1 + 0.015 * np.sin(2 * np.pi * (np.arange(count) / rng.uniform(30, 60) + rng.random()))
    lead = rng.uniform(0.1, 0.6) if intro else 0.0
    return BeatClock(-intro, lead + np.concatenate([[0], np.cumsum(60 / tempo * drift)]))


def _style(dance_type: DanceType, rng: np.random.Generator) -> Style:
    poses = np.array(list(ARM_POSES.values()))
    return Style(
        size=rng.uniform(0.92, 1.06),
        stride=rng.lognormal(0, 0.15),
        energy=rng.lognormal(0, 0.12),
        manner=rng.lognormal(0, 0.16, len(Manner._fields)),
        pose=poses + rng.normal(0, 0.1, poses.shape),
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
    arms = ("low", "bent", "left hip", "hold")
    shapes = [(walk, 2 * metre), (curve, 2 * metre), (side, 2 * metre), ((), metre)]
    return tuple(Figure(beats, steps, arms) for steps, beats in shapes)


def _choreograph(
    dance_type: DanceType, style: Style, last_beat: float, rng: np.random.Generator
) -> Choreography:
    """String figures together up to ``last_beat``, turning back where the room ends."""
    plain = _plain_figures(dance_type.metre)
    stance = 9 * style.size
    names = list(ARM_POSES)
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
        figures.append((beat, np.array(manner), style.pose[names.index(rng.choice(figure.arms))]))
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
    step_columns = [np.array(column) for column in zip(*steps, strict=True)]
    figure_columns = [np.array(column) for column in zip(*figures, strict=True)]
    head_columns = [np.array(column, float) for column in zip(*heads, strict=True)]
    return Choreography(*step_columns, *figure_columns, *head_columns)


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


def _glide(beats: Floats, keys: Floats, values: Floats, spans: Floats | float) -> Floats:
    """Values that reach each key at its beat, having left the last ``spans`` beats before."""
    index = np.clip(np.searchsorted(keys, beats, side="right"), 1, len(keys) - 1)
    span = np.minimum(np.broadcast_to(spans, keys.shape)[index], keys[index] - keys[index - 1])
    way = np.clip((beats - keys[index] + span) / np.maximum(span, 1e-6), 0, 1)
    eased = (way * way * (3 - 2 * way)).reshape(-1, *[1] * (values.ndim - 1))
    gliding: Floats = values[index - 1] * (1 - eased) + values[index] * eased
    return gliding


def _swing_way(beats: Floats, keys: Floats, spans: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """How far the swinging foot is, 0 to 1 (0 while it stands), and the key it is going to."""
    index = np.clip(np.searchsorted(keys, beats, side="right"), 1, len(keys) - 1)
    way = np.clip((beats - keys[index] + spans[index]) / spans[index], 0, 1)
    return np.where(way < 1, way, 0.0), index


def _wander(shape: tuple[int, ...], frames: float, rng: np.random.Generator) -> Floats:
    """Smooth noise of standard deviation 1 along the first axis, slow as ``frames``."""
    noise: Floats = gaussian_filter1d(rng.normal(size=shape), frames, axis=0)
    return noise * math.sqrt(2 * math.sqrt(math.pi) * frames)


def _rotation(yaw: Floats, pitch: Floats | float = 0.0, roll: Floats | float = 0.0) -> Rotation:
    """Turn of x right, y up, z forward: yaw to the right, pitch forward, roll right side up."""
    angles = np.stack(np.broadcast_arrays(yaw, pitch, roll), axis=-1)
    return Rotation.from_euler("YXZ", angles, degrees=True)


def _move(dance: Choreography, style: Style, beats: Floats, rng: np.random.Generator) -> Floats:
    """World positions (frames, 23, 3) in cm of the dancer who performs ``dance`` at ``beats``."""
    frames, size = len(beats), style.size
    manner = Manner(*_glide(beats, dance.figure_beat, dance.manner, 1.0).T)
    # A wide turn takes longer than the step that ends it.
    turning = np.abs(np.diff(dance.heading, prepend=dance.heading[0])) / 90
    turning = np.maximum(dance.step_swing, turning)
    heading = _glide(beats, dance.step_beat, dance.heading, turning)
    # The weight arrives a little after the foot; the hips settle over it later still.
    late = dance.step_beat + 0.12
    place = gaussian_filter1d(_glide(beats, late, dance.place, dance.step_swing + 0.1), 1.5, axis=0)
    side = np.where(dance.step_foot == 1, 1.0, -1.0)
    weight = gaussian_filter1d(_glide(beats, late + 0.1, side, dance.step_swing + 0.2), 1.5)
    settle = gaussian_filter1d(_glide(beats, late + 0.5, side, dance.step_swing + 0.3), 2)
    hips = style.energy * manner.hips * weight
    rising = 0.5 - 0.5 * np.cos(2 * np.pi * (beats / 3 - 0.1))
    bounce = style.energy * manner.bounce * np.cos(2 * np.pi * beats)
    lean = manner.lean + 1.5 * _wander((frames,), 20, rng)

    pelvis_turn = _rotation(heading + manner.eight * style.energy * settle, 0.4 * lean, hips)
    shift = (0.4 * manner.hips * style.energy + 2) * weight * size
    pelvis = np.zeros((frames, 3))
    pelvis[:, [0, 2]] = place
    pelvis += _rotation(heading).apply(np.stack([shift, 0 * shift, 0 * shift], axis=1))
    heel_rise = manner.rise * rising
    soles = [_foot(dance, foot, beats, heading, heel_rise * 0.7) for foot in (0, 1)]
    pelvis[:, 1] = _pelvis_height(pelvis, soles, size, heel_rise + bounce - manner.bend)

    joints = np.empty((frames, JOINTS, 3))
    for foot, numbers in enumerate(((7, 8, 9, 10, 11), (16, 17, 18, 19, 20))):
        hip = pelvis + pelvis_turn.apply([(10.6 * size, -10.6 * size)[foot == 0], 0, 0])
        joints[:, numbers] = _leg(hip, soles[foot], heading, size)
    chest = pelvis + pelvis_turn.apply([0, 15.5 * size, 0])
    chest_turn = _rotation(
        heading - manner.twist * style.energy * weight + 2 * _wander((frames,), 25, rng),
        lean,
        -manner.sway * weight * (0.5 + rising) - 0.4 * hips,
    )
    joints[:, 2] = chest
    joints[:, 3] = chest + chest_turn.apply(np.array([-14.1, 30.7, 0]) * size)
    joints[:, 12] = chest + chest_turn.apply(np.array([14.1, 30.7, 0]) * size)
    yaw = _glide(beats, dance.head_beat, dance.head, 0.5) * min(style.energy, 1.3)
    head_turn = _rotation(heading + 0.6 * yaw, 0.3 * lean)
    neck = chest + chest_turn.apply(np.array([0, 30.7, 0]) * size)
    joints[:, 0] = neck + head_turn.apply(np.array([-5.2, 19, 3]) * size)
    joints[:, 1] = neck + head_turn.apply(np.array([5.2, 19, 3]) * size)

    pose = _glide(beats, dance.figure_beat + 0.5, dance.pose, 1.5)
    swing = np.radians(manner.arms) * style.energy * np.sin(np.pi * (beats - 0.15))
    pose = pose + 0.08 * _wander(pose.shape, 15, rng)
    for arm, sign in enumerate((-1, 1)):
        bones = pose[:, arm].copy()
        bones[:, :, 2] -= (sign * swing)[:, None] * [1, 1.6]
        bones[:, 1, 1] += 0.5 * swing
        bones[:, :, 0] *= sign
        bones /= np.linalg.norm(bones, axis=-1, keepdims=True)
        upper, fore = (chest_turn.apply(bones[:, bone]) * size for bone in (0, 1))
        elbow = joints[:, (3, 12)[arm]] + 29.4 * upper
        joints[:, (4, 13)[arm]] = elbow
        for joint, reach in FOREARMS[arm]:
            joints[:, joint] = elbow + reach * fore
    return joints + style.noise * _wander(joints.shape, 1.5, rng)


def _foot(
    dance: Choreography, foot: int, beats: Floats, heading: Floats, heel_rise: Floats
) -> tuple[Floats, Rotation]:
    """Toe positions (frames, 3) of one foot and how the foot is turned."""
    mine = dance.step_foot == foot
    keys, spans = dance.step_beat[mine], dance.step_swing[mine]
    way, index = _swing_way(beats, keys, spans)
    toe = np.zeros((len(beats), 3))
    toe[:, [0, 2]] = _glide(beats, keys, dance.foot_place[mine], spans)
    lift = dance.step_lift[mine][index] * np.sin(np.pi * way)
    toe[:, 1] = 1.5 + lift
    rise = np.degrees(np.arcsin(np.clip(heel_rise / 14.8, 0, 0.7)))
    turn = _rotation(heading + (-8, 8)[foot], rise + 5 * lift * np.sin(np.pi * way) * (1 - way))
    # The key is where the middle of the foot lands; the toe is ahead of it.
    toe += _rotation(heading + (-8, 8)[foot]).apply([0, 0, 8])
    return toe, turn


def _ankle(sole: tuple[Floats, Rotation], size: float) -> Floats:
    toe, turn = sole
    ankle: Floats = toe + turn.apply(np.array([0, 10.4, -14.8]) * size)
    return ankle


def _pelvis_height(
    pelvis: Floats, soles: Sequence[tuple[Floats, Rotation]], size: float, rise: Floats
) -> Floats:
    """Height that the carriage wants, lowered where a wide step would overstretch a leg."""
    height = 90.5 * size + rise
    for sole in soles:
        ankle = _ankle(sole, size)
        gap = np.clip(np.hypot(*(pelvis - ankle)[:, [0, 2]].T) - 6 * size, 0, 60)
        height = np.minimum(height, ankle[:, 1] + np.sqrt((79.2 * size) ** 2 - gap**2))
    smooth: Floats = gaussian_filter1d(height, 1.5)
    return smooth


def _leg(hip: Floats, sole: tuple[Floats, Rotation], heading: Floats, size: float) -> Floats:
    """Hip, knee, ankle, heel, toe (frames, 5, 3): two bones bent forward at the knee."""
    thigh, shin = 47.1 * size, 32.6 * size
    way = _ankle(sole, size) - hip
    distance = np.linalg.norm(way, axis=1, keepdims=True)
    way /= distance
    distance = np.clip(distance, 0.5 * thigh, 0.998 * (thigh + shin))
    ankle = hip + way * distance
    along = (thigh**2 - shin**2 + distance**2) / (2 * distance)
    ahead = _rotation(heading).apply([0.0, 0.0, 1.0])
    ahead -= (ahead * way).sum(axis=1, keepdims=True) * way
    ahead /= np.linalg.norm(ahead, axis=1, keepdims=True)
    knee = hip + way * along + ahead * np.sqrt(thigh**2 - along**2)
    turn = sole[1]
    heel = ankle + turn.apply(np.array([0, -10.4, -6.6]) * size)
    toe = ankle + turn.apply(np.array([0, -10.4, 14.8]) * size)
    return np.stack([hip, knee, ankle, heel, toe], axis=1)


def _accompany(
    dance_type: DanceType, clock: BeatClock, seconds: float, rng: np.random.Generator
) -> Floats:
    """Mono sound on the beat clock: bass, chords and percussion by metre, and a melody."""
    sound = np.zeros(math.ceil(seconds * SAMPLES_PER_SECOND))
    key, timbre = 45 + int(rng.integers(12)), rng.uniform(0.35, 0.7)
    third = 3 if rng.random() < dance_type.minor else 4
    bars = [0, *rng.choice((0, 5, 7), 6), 7]
    mix = {name: rng.lognormal(0, 0.35) for *_, name, _ in [(0, *n) for n in dance_type.notes]}
    melody_mix, scale = rng.uniform(0.1, 0.5), np.array([0, 2, third, 5, 7, 9 - (third == 3), 12])
    known: dict[tuple[str, int], Floats] = {}

    def play(beat: float, voice: str, pitch: int, level: float) -> None:
        if (voice, pitch) not in known:
            known[voice, pitch] = _note(voice, pitch, timbre, rng)
        begin = round(clock.second_at(beat) * SAMPLES_PER_SECOND)
        note = known[voice, pitch][: max(len(sound) - begin, 0)]
        sound[begin : begin + len(note)] += level * note

    for first in range(clock.first, clock.first + len(clock.seconds) - 1, 2 * dance_type.metre):
        for at, voice, loudness in dance_type.notes:
            root = key + bars[int((first + at) // dance_type.metre) % len(bars)]
            pitches = {"bass": (root - 12,), "chord": (root, root + third, root + 7)}.get(
                "chord" if voice == "stab" else voice, (60,)
            )
            level = mix[voice] * loudness * (1.3 if at % dance_type.metre == 0 else 1.0)
            for pitch in pitches:
                play(first + at, voice, pitch, level)
        for at in range(2 * dance_type.metre):
            if first >= 0 and rng.random() < 0.7:
                play(first + at, "lead", key + 12 + int(rng.choice(scale)), melody_mix)
    sound[-SAMPLES_PER_SECOND:] *= np.linspace(1, 0, SAMPLES_PER_SECOND)
    loud: Floats = 0.8 * sound / np.abs(sound).max()
    return loud


# Seconds in which each voice dies away.
DECAY = {
    **{"bass": 0.25, "chord": 0.18, "stab": 0.05, "lead": 0.3, "drum": 0.06},
    **{"clave": 0.02, "bell": 0.05, "shaker": 0.015, "scrape": 0.06},
}


def _note(voice: str, pitch: int, timbre: float, rng: np.random.Generator) -> Floats:
    """One note; ``timbre`` is by how much each harmonic is weaker than the one before."""
    decay = DECAY[voice]
    time = np.arange(round(5 * decay * SAMPLES_PER_SECOND)) / SAMPLES_PER_SECOND
    fade = np.exp(-time / decay) * np.minimum(time / 0.003, 1)
    if voice in ("shaker", "scrape"):
        noise: Floats = np.diff(rng.normal(0, 0.4, len(time) + 1)) * fade
        return noise if voice == "shaker" else noise * (np.sin(250 * time) > 0)
    if voice == "drum":
        return fade * np.sin(2 * np.pi * 100 * time) + 0.2 * fade * rng.normal(0, 1, len(time))
    if voice in ("clave", "bell"):
        return fade * np.sin(2 * np.pi * {"clave": 2300, "bell": 840}[voice] * time)
    hertz = 440 * 2 ** ((pitch - 69) / 12)
    tones = [timbre**n * np.sin(2 * np.pi * hertz * (n + 1) * time) for n in range(5)]
    tone: Floats = fade * np.sum(tones, axis=0)
    return tone
