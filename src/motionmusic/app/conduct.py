"""An orchestral conductor for a piece of music: what is behind ``motionmusic conduct``."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
import typer
from tqdm import tqdm

from motionmusic.app.arguments import music_seconds, other_music
from motionmusic.app.catalogue import cache_folder, content_hash
from motionmusic.errors import UserError
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
    NOTICE,
    accept,
    accepted,
    fetch_weights,
)
from motionmusic.render.conductor_clip import pictures
from motionmusic.render.film import SOUND_HZ, film

SHORTEST_S = 0.5


def conduct_music(
    music: Path, video: Path, seed: int, smooth: bool, accept_licence: bool
) -> tuple[float, float]:
    """Write a video (.mp4) for a sound file, and by its name keypoints (.npz) and facts (.json).

    ``seed`` is of the noise; ``smooth`` as the authors do. Returns the sync error and the seconds of
    motion. Raises UserError where music cannot be read, or the weights' licence is not accepted.
    """
    with other_music():
        music_seconds(music, SHORTEST_S)
        samples = read_audio(music, hearing.SAMPLE_RATE)
    store = cache_folder() / "weights"
    _ask(store, accept_licence)
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
    write_bytes(video.with_suffix(".npz"), keypoints.getvalue())
    write_json(
        video.with_suffix(".json"),
        {
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
        },
    )
    foot = f"blue: the conductor’s left; {DERIVED} (Liu, Chen et al. 2022)"
    drawn = pictures(motion, music.stem, foot)
    bar = tqdm(drawn, "draw", len(motion), unit="frame", disable=None)
    film(video, bar, read_audio(music, SOUND_HZ), FRAMES)
    return error, len(motion) / FRAMES


def _ask(store: Path, accept_licence: bool) -> None:
    """Have the licence of the weights accepted once. Raises UserError where it is not."""
    if accepted(store):
        return
    got = "no answer, as there is no terminal to ask on"
    if not accept_licence and sys.stdin.isatty():
        typer.echo(
            f"The weights of VirtualConductor are not ours. Their authors' terms:\n\n{NOTICE}\n"
        )
        accept_licence = typer.confirm("Do you accept them?")
        got = "no"
    if not accept_licence:
        raise UserError(
            "motionmusic conduct", "--accept-licence", "the licence of the weights to be accepted",
            got, f"read it, and repeat the command with --accept-licence if you do: {NOTICE}",
        )  # fmt: skip
    accept(store)
