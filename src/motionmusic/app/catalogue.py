"""A folder of music, made ready for one trained matcher.

Every track is decoded, cut into the matcher's windows and encoded once. joblib keeps the results by
the content of the file, the matcher and the source of the modules that make them, so renaming or
moving a track costs nothing; files of unchanged size and time are not even read.

A track's category comes from its place: the name of its file, or of the nearest folder above it, that
is a class's name or code, a MusicToDance folder (DANCE_C_1) or an AIST track (mBR0).
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import joblib
import numpy as np
from numpy.typing import NDArray

from motionmusic.data.musictodance import SOUND_SUFFIXES
from motionmusic.errors import UserError
from motionmusic.features.audio import read_audio
from motionmusic.features.beats import music_beats
from motionmusic.features.music import HOP, music_features, pad_short
from motionmusic.features.segments import SEGMENT_FRAMES
from motionmusic.files import Float32
from motionmusic.streams import stream
from motionmusic.terminal import progress

if TYPE_CHECKING:
    from motionmusic.models.matcher import About, Matcher

# The modules that codes, tempo and windows come from.
CODE = (
    "app/catalogue.py", "streams.py", "features/audio.py", "features/beats.py", "features/music.py",
    "models/*.py",
)  # fmt: skip
_PACKAGE = Path(__file__).parents[1]
_DANCE_FOLDER = re.compile(r".+_(?P<code>[^_]+)_[0-9]+")
_AIST_TRACK = re.compile(r"m(?P<code>[A-Z]{2})[0-9]")


Codes: TypeAlias = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Track:
    """One piece of music."""

    path: Path  # relative to the catalogue's folder; of several files of one content the first
    digest: str  # SHA-256 of the file
    category: str | None  # name of its class, None where its place does not say
    seconds: float
    bpm: float
    starts_s: NDArray[np.float64]  # (w,) where its windows start
    vector: Float32 | None  # (d,) mean of its codes; None where one is no vector (synchrony)
    read: Callable[[], Codes]  # its codes (w, …), from the cache: all tracks' may not fit in memory


@dataclass(frozen=True)
class Catalogue:
    """What a folder of music holds."""

    folder: Path
    tracks: list[Track]  # all that can be heard
    broken: list[tuple[Path, str]]  # files that cannot, and what is wrong

    def vectors(self) -> Float32:
        """The tracks' vectors (t, d); of a matcher whose codes are vectors."""
        return np.stack([track.vector for track in self.tracks if track.vector is not None])


def index(folder: Path, matcher: Matcher, cache: Path) -> Catalogue:
    """Encode the music of a folder and all below it; only what is new or changed is decoded.

    Hidden files are left out, links followed once. Tracks come in the order of their paths. A matcher
    ``category`` has no codes for music, its tracks get empty ones. Raises UserError where there is no
    such folder, no sound file in it, or none that can be read.
    """
    files = sound_files(folder)
    if not files:
        suffixes = ", ".join(SOUND_SUFFIXES)
        remedy = "name a folder with music, or put some there"
        raise UserError(folder, "", f"sound files ({suffixes})", "none", remedy)
    memory = joblib.Memory(cache, verbose=0, mmap_mode=None)
    encode = memory.cache(_encode, ignore=["file", "matcher"])
    hashed = memory.cache(content_hash)
    key = _key(matcher)
    tracks: dict[str, Track] = {}
    broken: list[tuple[Path, str]] = []
    for path in progress(files, "catalogue", len(files), "track"):
        file = (folder / path).resolve()
        try:
            str(path).encode()  # soundfile opens no other names
            state = file.stat()
            digest = hashed(file, state.st_size, state.st_mtime_ns)
            category = category_of(folder, path, matcher.about.labels)
            if digest in tracks:
                if tracks[digest].category is None:
                    tracks[digest] = replace(tracks[digest], category=category)
                continue
            codes, seconds, bpm = encode(digest, key, file, matcher)
        except UnicodeEncodeError:
            broken.append((path, "expected a name in UTF-8, got other bytes in it"))
        except OSError as error:
            broken.append((path, error.strerror or str(error)))
        except UserError as error:
            broken.append((path, f"expected {error.expected}, got {error.got}"))
        else:
            tracks[digest] = Track(
                path, digest, category, seconds, bpm,
                _window_s(matcher.about) * np.arange(len(codes), dtype=np.float64),
                codes.mean(axis=0, dtype=np.float32) if codes.ndim == 2 else None,
                partial(_codes, encode, digest, key, file, matcher),
            )  # fmt: skip
    if not tracks:
        path, reason = broken[0]
        expected = "at least one sound file that can be read"
        got = f"{len(broken)} that cannot, the first {path}: {reason}"
        raise UserError(folder, "", expected, got, "mend or replace them")
    return Catalogue(folder, list(tracks.values()), broken)


def sound_files(folder: Path) -> list[Path]:
    """Paths of the sound files below a folder, relative to it and sorted; each folder is entered once.

    Raises UserError where there is no such folder.
    """
    if not folder.is_dir():
        raise UserError(folder, "", "a folder with music", "no such folder", "name an existing one")
    found = []
    entered: set[Path] = set()
    for name, folders, files in os.walk(folder, followlinks=True):
        here = Path(name)
        real = here.resolve()
        if real in entered:  # a link to a folder above, or two links to one folder
            folders.clear()
            continue
        entered.add(real)
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        found += [
            (here / file).relative_to(folder)
            for file in files
            if not file.startswith(".") and Path(file).suffix.lower() in SOUND_SUFFIXES
        ]
    return sorted(found)


def category_of(folder: Path, path: Path, labels: Mapping[str, str]) -> str | None:
    """The class that the place of a track (relative to the catalogue's folder) names, or None.

    ``labels`` are names by codes; upper and lower case are one. The folder's own name comes last.
    """
    by_name = {name.casefold(): name for name in labels.values()}
    by_code = {code.casefold(): name for code, name in labels.items()}
    for name in (path.stem, *(parent.name for parent in path.parents[:-1]), folder.resolve().name):
        folded = name.casefold()
        if folded in by_name or folded in by_code:
            return by_name.get(folded) or by_code[folded]
        if (match := _AIST_TRACK.fullmatch(name)) and f"g{match['code']}" in labels:
            return labels[f"g{match['code']}"]
        dance = _DANCE_FOLDER.fullmatch(folded) if name != path.stem else None
        if dance is not None and dance["code"] in by_code:
            return by_code[dance["code"]]
    return None


def content_hash(file: Path, size: int = 0, time_ns: int = 0) -> str:
    """SHA-256 of a file, as in :attr:`Track.digest`; size and time are the cache's."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def music_segments(features: Float32) -> Float32:
    """Features (frames, bands) cut into (n, 1, bands, 25); the tail is dropped."""
    n = len(features) // SEGMENT_FRAMES
    cut = features[: n * SEGMENT_FRAMES].reshape(n, SEGMENT_FRAMES, -1)
    return np.ascontiguousarray(cut.transpose(0, 2, 1)[:, None], np.float32)


def windows(segments: Float32, about: About) -> list[Float32]:
    """Segments in groups of an excerpt's; the tail is dropped, but fewer than one group are one."""
    size = about.excerpt_frames // SEGMENT_FRAMES
    starts: Iterable[int] = range(0, max(1, len(segments) - size + 1), size)
    return [segments[start : start + size] for start in starts]


def _key(matcher: Matcher) -> str:
    """Name of the folder of a matcher's codes, another one after any change of what makes them."""
    digest = hashlib.sha256(matcher.digest.encode())
    for file in sorted(file for pattern in CODE for file in _PACKAGE.glob(pattern)):
        digest.update(str(file.relative_to(_PACKAGE)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def _window_s(about: About) -> float:
    frames = about.excerpt_frames // SEGMENT_FRAMES * SEGMENT_FRAMES
    return frames * HOP / about.music.sample_rate


def _codes(encode: Callable[..., tuple[Codes, float, float]], *given: Any) -> Codes:
    return encode(*given)[0]


def _encode(digest: str, key: str, file: Path, matcher: Matcher) -> tuple[Codes, float, float]:
    """Codes (w, …), seconds and bpm of one sound file. Raises UserError."""
    about = matcher.about
    rate = about.music.sample_rate
    audio = read_audio(file, rate, resampler=about.music.resampler)
    seconds = len(audio) / rate
    frames = 1 + len(audio) // HOP
    if frames < SEGMENT_FRAMES:
        least = f"at least {(SEGMENT_FRAMES - 1) * HOP / rate:.2f} s of sound, one segment"
        raise UserError(file, "", least, f"{seconds:.2f} s (too short)", "remove it")
    _, bpm = music_beats(audio, rate)
    if about.music.pad_short:  # as the model's own music was; what is padded is cut off again
        audio = pad_short(audio, stream(0, "music", "pad_short", digest))
    features = music_features(audio, rate, feature=about.music.feature, scale=about.music.scale)
    cut = windows(music_segments(features[:frames]), about)
    if about.method == "category":
        return np.zeros((len(cut), 0), np.float32), seconds, float(bpm)
    codes = np.stack([matcher.music_code(window) for window in cut])
    # a code for every frame is 200 times a vector, so at half the precision on disk
    return codes.astype(np.float16) if codes.ndim > 2 else codes, seconds, float(bpm)
