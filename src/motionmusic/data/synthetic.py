"""Made-up dances in MusicToDance's layout, for trying the pipeline without the real data.

Each piece has one beat clock, on which choreography and accompaniment are set, so motion and sound
belong together. The four types differ by metre, step pattern, carriage and hold; they share tempi,
sizes, arm poses and a few plain figures. What they are made of stands in synthetic.yaml.
"""

from __future__ import annotations

import io
import json
import math
from pathlib import Path

import numpy as np
import soundfile

from motionmusic.data.synthetic_body import move
from motionmusic.data.synthetic_dance import (
    DECAY,
    TYPES,
    BeatClock,
    DanceType,
    beat_clock,
    choreograph,
    style_of,
)
from motionmusic.files import Floats, new_folder, write_bytes, write_text

FRAMES_PER_SECOND = 25
SAMPLES_PER_SECOND = 12_800


def write_dances(folder: Path, *, pieces_per_type: int, seconds: float, seed: int) -> None:
    """Write ``folder/DANCE_X_n`` for X in C, R, T, W and n from 1 to ``pieces_per_type``.

    Each lasts ``seconds`` and holds skeletons.json (cm at 25 frames a second, y up, relative to
    center), config.json and audio.flac (mono, 12,800 Hz). The same arguments give the same bytes,
    and more pieces change no other.
    """
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
    clock = beat_clock(dance_type, seconds, motion_rng)
    start = round(clock.second_at(0) * FRAMES_PER_SECOND)
    beats = clock.beat_at((start + np.arange(length)) / FRAMES_PER_SECOND)
    style = style_of(motion_rng)
    choreography = choreograph(dance_type, style, float(beats[-1]) + 1, motion_rng)
    joints = move(choreography, style, beats, motion_rng)
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


def _accompany(
    dance_type: DanceType, clock: BeatClock, seconds: float, rng: np.random.Generator
) -> Floats:
    """Mono sound on the beat clock: bass, chords and percussion by metre, and a melody."""
    sound = np.zeros(math.ceil(seconds * SAMPLES_PER_SECOND))
    key, timbre = 45 + int(rng.integers(12)), rng.uniform(0.35, 0.7)
    third = 3 if rng.random() < dance_type.minor else 4
    bars = [0, *rng.choice((0, 5, 7), 6), 7]
    mix = {voice: rng.lognormal(0, 0.35) for _, voice, _ in dance_type.notes}
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
            chord = (root, root + third, root + 7)
            pitches = {"bass": (root - 12,), "chord": chord, "stab": chord}.get(voice, (60,))
            level = mix[voice] * loudness * (1.3 if at % dance_type.metre == 0 else 1.0)
            for pitch in pitches:
                play(first + at, voice, pitch, level)
        for at in range(2 * dance_type.metre):
            if first >= 0 and rng.random() < 0.7:
                play(first + at, "lead", key + 12 + int(rng.choice(scale)), melody_mix)
    sound[-SAMPLES_PER_SECOND:] *= np.linspace(1, 0, SAMPLES_PER_SECOND)
    loud: Floats = 0.8 * sound / np.abs(sound).max()
    return loud


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
