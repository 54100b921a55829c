"""Made-up dances in MusicToDance's layout, for trying the pipeline without the real data.

Each piece has one beat clock. The choreography sets its steps, poses and holds on that clock's
beats and the accompaniment sets its notes on the same beats, so motion and sound belong together.
The four types differ by metre, step pattern, carriage and hold; they share tempi, sizes, arm poses
and a few plain figures, so that telling them apart is neither trivial nor hopeless. What they are
made of stands in synthetic.yaml.
"""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import soundfile

from motionmusic.data.synthetic_body import move
from motionmusic.data.synthetic_dance import TYPES, DanceType, beat_clock, choreograph, style_of
from motionmusic.data.synthetic_sound import SAMPLES_PER_SECOND, accompany
from motionmusic.files import new_folder, write_bytes, write_text

FRAMES_PER_SECOND = 25


def write_dances(folder: Path, *, pieces_per_type: int, seconds: float, seed: int) -> None:
    """Write ``folder/DANCE_X_n`` for X in C, R, T, W and n from 1 to ``pieces_per_type``.

    Each holds skeletons.json (length; center, length x 3; skeletons, length x 23 x 3, relative to
    center; cm at 25 frames/s, y up), config.json (start_position and end_position of the dance in
    the sound, in frames) and audio.flac (mono, 12,800 Hz). A dance lasts ``seconds``. The same
    arguments give the same bytes, and more pieces change no other.
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
    sound = accompany(dance_type, clock, (start + length) / FRAMES_PER_SECOND + 1, sound_rng)
    buffer = io.BytesIO()
    soundfile.write(buffer, sound, SAMPLES_PER_SECOND, format="FLAC", subtype="PCM_16")
    write_bytes(folder / "audio.flac", buffer.getvalue())
