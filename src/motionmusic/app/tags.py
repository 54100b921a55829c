"""What a sound file says of itself: genre and tempo."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import av

_BPM = ("bpm", "tbpm", "tmpo")  # FLAC and Ogg, MP3, MP4


class Tags(NamedTuple):
    """The genres, as they are written; beats a minute, NaN where the file does not say."""

    genres: tuple[str, ...]
    bpm: float


def tags_of(file: Path) -> Tags:
    """Of a file or its first sound; none where it cannot be read."""
    found: dict[str, str] = {}
    with (
        suppress(av.FFmpegError, OSError, ValueError),
        av.open(file.absolute(), metadata_errors="replace") as of,
    ):
        for tags in (of.metadata, *(stream.metadata for stream in of.streams.audio[:1])):
            found |= {name.lower(): value for name, value in tags.items()}
    bpm = float("nan")
    for name in _BPM:
        with suppress(ValueError):
            bpm = float(found.get(name, "").replace(",", "."))
            break
    genres = [name.strip() for name in found.get("genre", "").replace("/", ";").split(";")]
    return Tags(tuple(name for name in genres if name), bpm if 20 <= bpm <= 400 else float("nan"))
