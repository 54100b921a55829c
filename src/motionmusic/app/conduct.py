"""``motionmusic conduct``: an orchestral conductor for a piece of music."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from motionmusic.app.arguments import read_music
from motionmusic.errors import UserError

if TYPE_CHECKING:
    from motionmusic.files import Float32

SOUND_RATE = 48_000  # Hz, of the video
SHORTEST_S = 0.5


def conduct(
    music: Annotated[
        Path,
        typer.Argument(
            metavar="MUSIC",
            help="A sound file: mp3, wav, flac or ogg, of 0.5 s to 90 minutes.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="VIDEO.mp4",
            help="The video. Default: MUSIC.conducting.mp4 in this folder. Keypoints (.npz) and"
            " facts (.json) get its name.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[
        int,
        typer.Option(min=0, help="Of the noise, which has no visible effect with these weights."),
    ] = 0,
    smooth: Annotated[
        bool, typer.Option(help="Smooth the motion as the authors do; without it trembles.")
    ] = True,
    accept_licence: Annotated[
        bool,
        typer.Option(
            "--accept-licence",
            help="Accept the licence of the weights: research use only, with attribution."
            " Asked for once.",
        ),
    ] = False,
) -> None:
    """Show how a conductor would move to music: a video, 13 keypoints at 30 frames a second.

    The network and its weights are VirtualConductor's (Liu, Chen et al. 2022), made for orchestral
    music; the first run downloads 2.4 MB. The motion is an upper body in the plane of the picture,
    not a dance. The sync error is 1 − how far the authors' other network finds that motion and
    music belong together; compare it between motions of one piece only.

    The weights are **for research use only, with attribution**; so is what is made with them.

    **Examples**

    - `motionmusic conduct symphony.mp3`
    - `motionmusic conduct symphony.mp3 --out conductor.mp4 --accept-licence`
    """
    video = Path(f"{music.stem}.conducting.mp4") if out is None else out
    if video.suffix != ".mp4":
        raise UserError("command line", "--out", "a name ending in .mp4", f"{video}", "correct it")
    # what is quick to find wrong comes before what is slow to import
    if not music.is_file():
        raise UserError(music, "", "a sound file", "no such file", "correct the name")

    from motionmusic.app.catalogue import cache_folder, content_hash
    from motionmusic.features import mel as hearing
    from motionmusic.files import write_json
    from motionmusic.models.conductor import conducted, sync_error
    from motionmusic.models.conductor_encoders import KEYPOINTS
    from motionmusic.models.conductor_weights import load_generator, load_sync_network, read
    from motionmusic.models.generator import FRAMES
    from motionmusic.models.published import ATTRIBUTION, DERIVED, MANIFEST, fetch_weights

    samples = read_music(music, hearing.SAMPLE_RATE, SHORTEST_S)
    store = cache_folder() / "weights"
    _ask(store, accept_licence)
    of_generator, of_network = fetch_weights(store)
    generator = load_generator(read(of_generator), of_generator)
    network = load_sync_network(read(of_network), of_network)

    mel = hearing.mel_spectrogram(samples)
    del samples
    motion = conducted(generator, mel, seed, smooth=smooth)
    error = sync_error(network, mel, motion)
    _write_keypoints(video.with_suffix(".npz"), motion)
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
    _film(video, motion, music)
    typer.echo(f"Sync error {error:.3f} ({len(motion) / FRAMES:.1f} s)")
    typer.echo(f"Written to {video}, .npz and .json; {DERIVED}")


def _ask(store: Path, accept_licence: bool) -> None:
    """Have the licence of the weights accepted once. Raises UserError where it is not."""
    from motionmusic.models.published import NOTICE, accept, accepted

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


def _write_keypoints(path: Path, motion: Float32) -> None:
    import io

    import numpy as np

    from motionmusic.files import write_bytes
    from motionmusic.models.conductor_encoders import KEYPOINTS
    from motionmusic.models.generator import FRAMES
    from motionmusic.models.published import DERIVED

    buffer = io.BytesIO()
    np.savez(
        buffer, keypoints=motion, names=np.array(KEYPOINTS), rate_hz=np.array(FRAMES),
        licence=np.array(DERIVED),
    )  # fmt: skip
    write_bytes(path, buffer.getvalue())


def _film(path: Path, motion: Float32, music: Path) -> None:
    import numpy as np
    from tqdm import tqdm

    from motionmusic.features.audio import read_audio
    from motionmusic.models.generator import FRAMES
    from motionmusic.models.published import DERIVED
    from motionmusic.render.clip import film
    from motionmusic.render.conductor_clip import pictures

    length = round(len(motion) / FRAMES * SOUND_RATE)
    sound = read_audio(music, SOUND_RATE)[:length]
    sound = np.pad(sound, (0, length - len(sound)))[:, None]
    foot = f"blue: the conductor’s left; {DERIVED} (Liu, Chen et al. 2022)"
    drawn = tqdm(
        pictures(motion, music.stem, foot), "draw", len(motion), unit="frame", disable=None
    )
    film(path, drawn, sound, SOUND_RATE, FRAMES)
