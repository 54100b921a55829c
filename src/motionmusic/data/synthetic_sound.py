"""What a synthetic dancer hears: bass, chords, percussion and a melody on the beat clock."""

from __future__ import annotations

import math

import numpy as np

from motionmusic.data.synthetic_dance import DECAY, BeatClock, DanceType, Floats

SAMPLES_PER_SECOND = 12_800


def accompany(
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
