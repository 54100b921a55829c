"""A folder of music, made ready for one trained matcher.

Every track is decoded, cut into the matcher's windows and encoded once; the codes are kept by the
content of its file, so renaming or moving a track costs nothing. The cache:

    CACHE/KEY/HASH.npz        codes (w, …) and numbers (seconds, bpm) of one track for one matcher
    CACHE/KEY/search/*.faiss  the index of all tracks, for very many of them only (motionmusic.app.search)
    CACHE/files/FOLDER.json   path → size, time and hash of its files, so that unchanged ones are not read

KEY is a digest of the matcher and of the source of all modules that its codes come from.

A track's category comes from its place: the name of its file, or of the nearest folder above it, that
is a class's name or code, a MusicToDance folder (DANCE_C_1) or an AIST track (mBR0).
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import platformdirs
from numpy.typing import NDArray
from tqdm import tqdm

from motionmusic.data.musictodance import SOUND_SUFFIXES
from motionmusic.errors import UserError
from motionmusic.features.audio import read_audio
from motionmusic.features.beats import music_beats
from motionmusic.features.music import HOP, music_features, pad_short
from motionmusic.features.segments import SEGMENT_FRAMES
from motionmusic.files import Float32, write_bytes, write_text
from motionmusic.streams import stream

if TYPE_CHECKING:
    from motionmusic.models.matcher import About, Matcher

CACHE_VARIABLE = "MOTIONMUSIC_CACHE"
# The modules that codes, tempo and windows come from.
CODE = (
    "app/catalogue.py", "streams.py", "features/audio.py", "features/beats.py", "features/music.py",
    "models/*.py",
)  # fmt: skip
_PACKAGE = Path(__file__).parents[1]
_DANCE_FOLDER = re.compile(r".+_(?P<code>[^_]+)_[0-9]+")
_AIST_TRACK = re.compile(r"m(?P<code>[A-Z]{2})[0-9]")


@dataclass(frozen=True)
class Track:
    """One piece of music.

    Attributes:
        path: relative to the catalogue's folder; of several files of one content the first.
        digest: SHA-256 of the file.
        category: name of its class, None where no place of it says.
        seconds: its length.
        bpm: its tempo.
        starts_s: (w,) where its windows start.
        vector: (d,) mean of its windows' codes; None where a window's code is no vector (synchrony).
        cached: the file of its codes.
    """

    path: Path
    digest: str
    category: str | None
    seconds: float
    bpm: float
    starts_s: NDArray[np.float64]
    vector: Float32 | None
    cached: Path

    @property
    def codes(self) -> NDArray[np.floating[Any]]:
        """(w, …) codes of its windows, read anew at each use: all tracks' may not fit in memory."""
        content = _read_cached(self.cached)
        if content is None:
            raise UserError(
                self.cached, "", "the codes written a moment ago", "no or a broken file",
                "run the same command again",
            )  # fmt: skip
        return content[0]


@dataclass(frozen=True)
class Catalogue:
    """What a folder of music holds.

    Attributes:
        folder: of the music.
        tracks: every one that can be heard.
        broken: every file that cannot: (path, what is wrong).
        kept: where the index that search builds of them is kept.
    """

    folder: Path
    tracks: list[Track]
    broken: list[tuple[Path, str]]
    kept: Path

    def vectors(self) -> Float32:
        """The tracks' vectors (t, d); of a matcher whose codes are vectors."""
        return np.stack([track.vector for track in self.tracks if track.vector is not None])


def cache_folder() -> Path:
    """Where codes are kept: $MOTIONMUSIC_CACHE, or else the user's own cache folder."""
    given = os.environ.get(CACHE_VARIABLE)
    return Path(given) if given else platformdirs.user_cache_path("motionmusic")


def index(folder: Path, matcher: Matcher, cache: Path, progress: bool = True) -> Catalogue:
    """Encode the music of a folder; only what is new or changed is decoded.

    Args:
        folder: searched with all folders below it; hidden files and folders are left out, links
            followed once.
        matcher: of any method; ``category`` has no codes for music, its tracks get empty ones.
        cache: folder of the cache, see the module.
        progress: one bar, on a terminal only.

    Returns:
        Tracks in the order of their paths. Files that cannot be read are listed, not raised.

    Raises:
        UserError: no such folder, no sound file in it, or none that can be read.
    """
    files = sound_files(folder)
    if not files:
        raise UserError(
            folder, "", f"sound files ({', '.join(SOUND_SUFFIXES)})", "none",
            "name a folder with music, or put some there",
        )  # fmt: skip
    own = cache / _key(matcher)
    known = cache / "files" / f"{hashlib.sha256(str(folder.resolve()).encode()).hexdigest()}.json"
    before = _read_hashes(known)
    hashes = {str(path): before[str(path)] for path in files if str(path) in before}
    tracks: dict[str, Track] = {}
    broken: list[tuple[Path, str]] = []
    bar = tqdm(files, "catalogue", unit="track", disable=None if progress else True, mininterval=1)
    try:
        for path in bar:
            try:
                str(path).encode()
                digest = _digest(folder / path, str(path), hashes)
            except UnicodeEncodeError:  # soundfile cannot open it
                broken.append((path, "expected a name in UTF-8, got other bytes in it"))
                continue
            except OSError as error:
                broken.append((path, error.strerror or str(error)))
                continue
            category = category_of(folder, path, matcher.about.labels)
            if digest in tracks:
                if tracks[digest].category is None:
                    tracks[digest] = replace(tracks[digest], category=category)
                continue
            cached = own / f"{digest}.npz"
            content = _read_cached(cached)
            if content is None:
                try:
                    content = _encode(folder / path, digest, matcher)
                except UserError as error:
                    broken.append((path, f"expected {error.expected}, got {error.got}"))
                    continue
                _write_cached(cached, *content)
            codes, seconds, bpm = content
            tracks[digest] = Track(
                path, digest, category, seconds, bpm,
                _window_s(matcher.about) * np.arange(len(codes), dtype=np.float64),
                codes.mean(axis=0, dtype=np.float32) if codes.ndim == 2 else None, cached,
            )  # fmt: skip
    finally:  # of an interrupted run the hashes are kept, as its codes are
        write_text(known, json.dumps(hashes))
    if not tracks:
        path, reason = broken[0]
        raise UserError(
            folder, "", "at least one sound file that can be read",
            f"{len(broken)} that cannot, the first {path}: {reason}", "mend or replace them",
        )  # fmt: skip
    return Catalogue(folder, list(tracks.values()), broken, own / "search")


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
    """The class that a track's place names, or None.

    Args:
        folder: of the catalogue; its own name is the last that is looked at.
        path: of the track, relative to it.
        labels: code → name of the classes; upper and lower case are one.
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


def content_hash(file: Path) -> str:
    """SHA-256 of a file, as in :attr:`Track.digest`."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def music_segments(features: Float32, segment_frames: int) -> Float32:
    """Features (frames, bands) cut into (n, 1, bands, segment_frames); the tail is dropped."""
    n = len(features) // segment_frames
    cut = features[: n * segment_frames].reshape(n, segment_frames, -1)
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


def _encode(
    file: Path, digest: str, matcher: Matcher
) -> tuple[NDArray[np.floating[Any]], float, float]:
    """Codes (w, …), seconds and bpm of one sound file. Raises UserError."""
    about = matcher.about
    rate = about.music.sample_rate
    audio = read_audio(file, rate, resampler=about.music.resampler)
    seconds = len(audio) / rate
    frames = 1 + len(audio) // HOP
    if frames < SEGMENT_FRAMES:
        least_s = (SEGMENT_FRAMES - 1) * HOP / rate
        raise UserError(
            file, "", f"at least {least_s:.2f} s of sound, one segment",
            f"{seconds:.2f} s (too short)", "remove it",
        )  # fmt: skip
    _, bpm = music_beats(audio, rate)
    if about.music.pad_short:  # as the model's own music was; what is padded is cut off again
        audio = pad_short(audio, stream(0, "music", "pad_short", digest))
    features = music_features(audio, rate, feature=about.music.feature, scale=about.music.scale)
    cut = windows(music_segments(features[:frames], SEGMENT_FRAMES), about)
    if about.method == "category":
        return np.zeros((len(cut), 0), np.float32), seconds, bpm
    codes = np.stack([matcher.music_code(window) for window in cut])
    # a code for every frame is 200 times a vector, so at half the precision on disk
    return codes.astype(np.float16) if codes.ndim > 2 else codes, seconds, bpm


def _write_cached(file: Path, codes: NDArray[np.floating[Any]], seconds: float, bpm: float) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, codes=codes, numbers=np.array([seconds, bpm]))
    write_bytes(file, buffer.getvalue())


def _read_cached(file: Path) -> tuple[NDArray[np.floating[Any]], float, float] | None:
    """What :func:`_write_cached` wrote; None where it is missing or broken."""
    try:
        with np.load(file, allow_pickle=False) as content:
            codes, (seconds, bpm) = content["codes"], content["numbers"]
    # TypeError: an array that is in no archive
    except (OSError, ValueError, EOFError, KeyError, TypeError, zipfile.BadZipFile, zlib.error):
        return None
    return codes, float(seconds), float(bpm)


def _read_hashes(file: Path) -> dict[str, list[Any]]:
    """path → [size, mtime_ns, hash]; empty where the file is missing or broken."""
    try:
        content = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _digest(file: Path, name: str, hashes: dict[str, list[Any]]) -> str:
    """The file's hash, looked up where size and time are those of ``hashes``, else noted there."""
    state = file.stat()
    stamp = [state.st_size, state.st_mtime_ns]
    row = hashes.get(name)
    if not isinstance(row, list) or len(row) != 3 or row[:2] != stamp:
        hashes[name] = row = [*stamp, content_hash(file)]
    return str(row[2])
