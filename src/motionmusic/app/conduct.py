"""An orchestral conductor for a piece of music: what is behind ``motionmusic conduct``."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np

from motionmusic.app.arguments import music_seconds, other_music
from motionmusic.app.catalogue import content_hash
from motionmusic.app.outputs import check_room, using_cache
from motionmusic.features import mel as hearing
from motionmusic.features.audio import read_audio
from motionmusic.features.keypoints import FRAMES, KEYPOINTS
from motionmusic.files import write_bytes, write_json
from motionmusic.models.conductor import conducted, sync_error
from motionmusic.models.conductor_weights import load_generator, load_sync_network, read
from motionmusic.models.published import (
    ATTRIBUTION,
    DERIVED,
    MANIFEST,
    accept,
    fetch_weights,
)
from motionmusic.render.conductor_clip import pictures
from motionmusic.render.film import SOUND_HZ, film
from motionmusic.terminal import progress

SHORTEST_S = 0.5


def conduct_music(music: Path, video: Path, seed: int, smooth: bool, store: Path) -> dict[str, Any]:
    """Write a video (.mp4) for a sound file, and by its name keypoints (.npz) and facts (.json).

    ``seed`` is of the noise; ``smooth`` as the authors do; ``store`` is where the weights are kept,
    whose licence is accepted. Returns the facts. Raises UserError where music cannot be read or the
    disk is too small.
    """
    with other_music():
        check_room(video, music_seconds(music, SHORTEST_S))
        samples = read_audio(music, hearing.SAMPLE_RATE)
    with using_cache():
        accept(store)
        of_generator, of_network = fetch_weights(store)
    generator = load_generator(read(of_generator), of_generator)
    network = load_sync_network(read(of_network), of_network)

    mel = hearing.mel_spectrogram(samples)
    del samples  # may be 90 minutes
    motion = conducted(generator, mel, seed, smooth=smooth)
    error = sync_error(network, mel, motion)
    keypoints = io.BytesIO()
    np.savez(
        keypoints, keypoints=motion, names=np.array(KEYPOINTS), rate_hz=np.array(FRAMES),
        licence=np.array(DERIVED),
    )  # fmt: skip
    facts = {
        "music": str(music),
        "sha256": content_hash(music),
        "frames": len(motion),
        "rate_hz": FRAMES,
        "keypoints": KEYPOINTS,
        "seed": seed,
        "smooth": smooth,
        "sync_error": error,
        "licence": DERIVED,
        "cite": ATTRIBUTION,
        "weights": {
            "repository": f"{MANIFEST.owner}/{MANIFEST.name}",
            "commit": MANIFEST.commit,
            "blobs": {entry.path: entry.blob for entry in MANIFEST.entries},
        },
    }
    foot = f"blue: the conductor’s left; {DERIVED} (Liu, Chen et al. 2022)"
    drawn = pictures(motion, music.stem, foot)
    drawn = progress(drawn, "draw", len(motion), "frame")
    film(video, drawn, read_audio(music, SOUND_HZ), FRAMES)
    write_bytes(video.with_suffix(".npz"), keypoints.getvalue())
    write_json(video.with_suffix(".json"), facts)
    return facts
