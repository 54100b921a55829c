"""A matcher whose answers are known: it hears the pitch of tones and wants what it is told to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from motionmusic.files import write_json
from motionmusic.methods import Method
from motionmusic.models.matcher import About
from motionmusic.params import Joints, Music

RATE = 12_800
WINDOW_S = 9.0  # 9 segments of 25 frames of 512 samples at 12,800 Hz
Float32 = NDArray[np.float32]


def about(method: Method = "contrastive", pad_short: bool = False) -> About:
    return About(
        method=method,
        task="demo",
        seed=0,
        layout="musictodance",
        motion_rate_hz=25.0,
        labels={"C": "Cha-cha", "R": "Rumba", "W": "Waltz"},
        joints=Joints(center="once", scale="per_piece"),
        music=Music(
            feature="logmel", sample_rate=RATE, resampler="soxr_hq", scale="per_piece",
            pad_short=pad_short, short_sound="cut",
        ),
        paper_bones=False,
        excerpt_frames=229,
        sizes={},
        knows={0: ["C_1"]},
    )  # fmt: skip


MOVES = np.random.default_rng(0).random(10_000).astype(np.float32)


def moving(code: Float32, frames: int) -> Float32:
    """The code in every frame, more and less of it."""
    return np.asarray(np.outer(MOVES[:frames], code), np.float32)


class FakeMatcher:
    """Codes of music are unit vectors over the 96 bands; every window of a dance wants one band."""

    def __init__(self, about: About, band: int = 0, digest: str = "fake"):
        self.about, self.digest, self.band = about, digest, band
        self.heard = 0

    def logits(self, joints: Float32) -> Float32:
        """The first segment is voted Rumba, all others Waltz."""
        classes = np.array([1, *[2] * (len(joints) - 1)])
        return np.asarray(np.eye(3)[classes], np.float32)

    def motion_code(self, joints: Float32) -> Float32:
        assert joints.shape[1:] == (3, 25, 23)
        code: Float32 = np.eye(96, dtype=np.float32)[self.band]
        if self.about.method == "synchrony":  # moves now and then
            return moving(code, len(joints) * 25)
        return code

    def music_code(self, music: Float32) -> Float32:
        assert music.shape[1:] == (1, 96, 25)
        self.heard += 1
        code: Float32 = np.eye(96, dtype=np.float32)[music.mean(axis=(0, 1, 3)).argmax()]
        if self.about.method == "synchrony":
            return moving(code, len(music) * 25)
        return code

    def scores(self, motion: list[Float32], music: list[Float32]) -> Float32:
        if self.about.method != "synchrony":
            return np.stack(motion) @ np.stack(music).T
        frames = min(map(len, (*motion, *music)))
        pairs = [[float((a[:frames] * b[:frames]).sum() / frames) for b in music] for a in motion]
        return np.array(pairs, np.float32)


def tone(file: Path, *hz: float, seconds: float = 10.0, phase: float = 0.0) -> Path:
    """A sound file of tones, each of them ``seconds`` long."""
    time = np.arange(round(seconds * RATE)) / RATE
    sound = np.concatenate([0.5 * np.sin(2 * np.pi * f * time + phase) for f in hz])
    file.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(file, sound.astype(np.float32), RATE, subtype="PCM_16")
    return file


def band_of(hz: float) -> int:
    """The band of the 96 whose middle is nearest: Slaney's mel scale from 80 to 7,600 Hz."""
    from motionmusic.numba_cache import librosa

    middles = librosa.mel_frequencies(98, fmin=80.0, fmax=7600.0)[1:-1]
    return int(np.abs(middles - hz).argmin())


def save(folder: Path, method: Method) -> Path:
    """A trained matcher's folder, without weights."""
    target = folder / f"{method}-0"
    target.mkdir(parents=True)
    write_json(target / "matcher.json", about(method).model_dump())
    return target
