"""Pictures and sound → a video that any browser plays: MP4 with H.264 and AAC.

Frame t is shown at t / fps and sample s is heard at s / 48,000, both from 0. AAC puts 1,024 samples
before the sound; the file's edit list takes them away again. There are no B-frames, so the pictures
need no edit list: a player that ignores edit lists is 21 ms late with the sound and no more.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import OutputContainer
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc
from matplotlib.image import imsave
from numpy.typing import NDArray

from motionmusic.files import Float32, replaceable

WIDTH, HEIGHT = 1280, 720  # of a picture, in pixels
SOUND_HZ = 48_000
SMALL_HZ = 32_000  # of the sound of a page
Picture = NDArray[np.uint8]


def film(path: Path, pictures: Iterable[Picture], sound: Float32, fps: int | Fraction) -> None:
    """Write pictures with sound as MP4, whole or not at all; an earlier regular file is replaced.

    Args:
        path: of the file; its folder is made.
        pictures: (height, width, 4) each, of one even size; none is kept, so an iterator may reuse
            its array.
        sound: (samples,) at 48 kHz, -1…1; cut, or padded with silence, to the pictures.
        fps: of the pictures.

    Raises:
        OSError: the file cannot be written. Nothing is left of it then.
    """
    replaceable(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent.absolute()) as folder:
        part = Path(folder) / "video.mp4"
        with av.open(part, "w", format="mp4", options={"movflags": "+faststart"}) as file:
            _mux(file, pictures, np.clip(sound, -1, 1).astype(np.float32), fps)
        part.replace(path)


def poster(path: Path) -> Path:
    """A picture from the middle of a film, NAME.jpg beside NAME.mp4; its path."""
    with av.open(path) as file:
        frames = list(file.decode(video=0))
        picture = frames[len(frames) // 2].to_ndarray(format="rgb24")
    imsave(path.with_suffix(".jpg"), picture, pil_kwargs={"quality": 88})
    return path.with_suffix(".jpg")


def sound_file(path: Path, sound: Float32) -> None:
    """Write samples (n,) at ``SMALL_HZ`` as AAC in MP4, small enough for one a dance."""
    with av.open(path, "w", format="mp4", options={"movflags": "+faststart"}) as file:
        heard = file.add_stream("aac", rate=SMALL_HZ, layout="mono")
        heard.bit_rate = 40_000
        samples = np.clip(sound, -1, 1).astype(np.float32)[None]
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = SMALL_HZ, 0, Fraction(1, SMALL_HZ)
        file.mux(heard.encode(frame))
        file.mux(heard.encode())


def _mux(
    file: OutputContainer, pictures: Iterable[Picture], sound: Float32, fps: int | Fraction
) -> None:
    # no B-frames (see above); a key frame every two seconds to jump to
    options = {"preset": "veryfast", "crf": "18", "bf": "0", "g": str(round(2 * fps))}
    seen = file.add_stream("libx264", rate=fps, options=options)
    seen.pix_fmt = "yuv420p"
    context = seen.codec_context
    context.colorspace = Colorspace.ITU709
    context.color_primaries = ColorPrimaries.BT709
    context.color_trc = ColorTrc.BT709
    context.color_range = ColorRange.MPEG
    heard = file.add_stream("aac", rate=SOUND_HZ, layout="mono")
    heard.bit_rate = 192_000
    for number, picture in enumerate(pictures):
        if number == 0:
            seen.height, seen.width = picture.shape[:2]
        frame = av.VideoFrame.from_ndarray(picture, format="rgba").reformat(
            format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
        )
        frame.pts, frame.time_base = number, 1 / Fraction(fps)
        file.mux(seen.encode(frame))
        # the sound of this picture, so that the file keeps together what belongs together
        first, end = (round(float(n / fps) * SOUND_HZ) for n in (number, number + 1))
        here = np.zeros((1, end - first), np.float32)
        here[0, : len(sound[first:end])] = sound[first:end]
        samples = av.AudioFrame.from_ndarray(here, format="fltp", layout="mono")
        samples.sample_rate, samples.pts = SOUND_HZ, first
        samples.time_base = Fraction(1, SOUND_HZ)
        file.mux(heard.encode(samples))
    file.mux(seen.encode())
    file.mux(heard.encode())
