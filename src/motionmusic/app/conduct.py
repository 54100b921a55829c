"""An orchestral conductor for a piece of music: what is behind ``motionmusic conduct``."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import numpy as np
import typer

from motionmusic.app.arguments import music_seconds, other_music
from motionmusic.app.catalogue import content_hash
from motionmusic.app.outputs import cache_folder, check_room, using_cache
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
from motionmusic.terminal import progress

SHORTEST_S = 0.5


def conduct_music(
    music: Path, video: Path, seed: int, smooth: bool, accept_licence: bool
) -> dict[str, Any]:
    """Write a video (.mp4) for a sound file, and by its name keypoints (.npz) and facts (.json).

    ``seed`` is of the noise; ``smooth`` as the authors do. Returns the facts. Raises UserError
    where music cannot be read, the weights' licence is not accepted or the disk is too small.
    """
    with other_music():
        check_room(video, music_seconds(music, SHORTEST_S))
        samples = read_audio(music, hearing.SAMPLE_RATE)
    store = cache_folder() / "weights"
    if not accepted(store):
        _ask(accept_licence)
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
    write_bytes(video.with_suffix(".npz"), keypoints.getvalue())
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
    write_json(video.with_suffix(".json"), facts)
    foot = f"blue: the conductor’s left; {DERIVED} (Liu, Chen et al. 2022)"
    drawn = pictures(motion, music.stem, foot)
    drawn = progress(drawn, "draw", len(motion), "frame")
    film(video, drawn, read_audio(music, SOUND_HZ), FRAMES)
    return facts


def _ask(accept_licence: bool) -> None:
    """Have the licence of the weights accepted. Raises UserError where it is not."""
    if not accept_licence and sys.stdin.isatty():
        typer.echo(
            f"The weights of VirtualConductor are not ours. Their authors' terms:\n\n{NOTICE}\n",
            err=True,
        )
        if not typer.confirm("Do you accept them?", err=True):
            remedy = "nothing was downloaded or written; do without, or ask their authors"
            raise UserError(
                "motionmusic conduct", "", "the licence of the weights to be accepted", "no", remedy
            )
        return
    if not accept_licence:
        raise UserError(
            "motionmusic conduct", "--accept-licence", "the licence of the weights to be accepted",
            "no answer, as there is no terminal to ask on",
            f"read it, and repeat the command with --accept-licence if you do: {NOTICE}",
        )  # fmt: skip
