"""A folder of music, made ready for one trained matcher.

Every track is decoded, cut into the matcher's windows and encoded once. joblib keeps the results by
the content of the file, the matcher and the source of the modules that make them, so renaming or
moving a track costs nothing; files of unchanged size and time are not even read. What is small of all
tracks of a folder, and which are of one recording, is kept once more in one file, so that a folder
without changes is known at once. A track is heard in parts of five minutes, each scaled on its own, so
that a mix of any length fits into memory.

A track's category comes from its place: the name of its file, or of the nearest folder above it, that
is a class's name, a MusicToDance folder (DANCE_C_1) or an AIST track (mBR0).
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import joblib
import numpy as np
from joblib.memory import CacheWarning
from numpy.typing import NDArray

from motionmusic.app.book import Book, Known, State, state_of
from motionmusic.app.same_sound import (
    LONGEST_S,
    Fingerprint,
    fingerprint,
    same_as,
    same_pairs,
)
from motionmusic.app.sound_files import sound_files
from motionmusic.errors import UserError
from motionmusic.features.audio import audio_parts, read_audio
from motionmusic.features.beats import music_beats
from motionmusic.features.decoding import opened
from motionmusic.features.music import HOP, music_features, pad_short
from motionmusic.features.segments import SEGMENT_FRAMES
from motionmusic.files import Float32, must_be_file
from motionmusic.params import Resampler
from motionmusic.streams import stream
from motionmusic.terminal import progress

if TYPE_CHECKING:
    from motionmusic.models.matcher import About, Matcher

# The modules that codes, tempo and windows come from.
CODE = (
    "app/book.py", "app/catalogue.py", "app/practical.py", "app/same_sound.py", "app/tags.py",
    "app/track_tempo.py", "streams.py", "features/audio.py", "features/beats.py", "features/decoding.py",
    "features/motion.py", "features/music.py", "features/song_tempo.py", "models/*.py",
    "scoring/beat_phase.py", "scoring/order.py",
)  # fmt: skip
_PACKAGE = Path(__file__).parents[1]
_DANCE_FOLDER = re.compile(r".+_(?P<code>[^_]+)_[0-9]+")
_AIST_TRACK = re.compile(r"m(?P<code>[A-Z]{2})[0-9]")


_LOUDEST = 1e6  # of a sample: programs that forget to scale write 32,768
_AT_ONCE = 3  # tracks that are heard at a time; one takes up to 0.35 GB

Codes: TypeAlias = NDArray[np.floating[Any]]


class Encoded(NamedTuple):
    """What is heard of a track."""

    codes: Codes  # (w, …)
    starts_s: NDArray[np.float64]  # (w,) where its windows start
    seconds: float
    bpm: float
    sound: Fingerprint
    genres: tuple[str, ...] = ()  # that its tags name


@dataclass(frozen=True)
class Track:
    """One piece of music."""

    path: Path  # relative to the catalogue's folder; of several files of one sound the first
    digest: str  # SHA-256 of the file
    category: str | None  # name of its class, None where its place does not say
    known: Known
    encoded: Callable[[], Encoded]  # from the cache: all tracks' codes may not fit in memory
    copies: list[Path] = field(default_factory=list)  # further files of the same sound

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.known.seconds

    @property
    def bpm(self) -> float:
        """Beats a minute; NaN where it has none."""
        return self.known.bpm

    @property
    def starts_s(self) -> NDArray[np.float64]:
        """(w,) where its windows start."""
        return self.known.starts_s

    def read(self) -> Codes:
        """Its codes (w, …)."""
        return self.encoded().codes

    def sound(self) -> Fingerprint:
        """How its recording is known."""
        return self.encoded().sound


@dataclass(frozen=True)
class Catalogue:
    """What a folder of music holds."""

    folder: Path
    tracks: list[Track]  # all that can be heard
    broken: list[tuple[Path, str]]  # files and folders that cannot be read, and what is wrong
    others: dict[str, int]  # how many files of other kinds there are, by suffix

    def vectors(self) -> Float32:
        """The tracks' vectors (t, d); of a matcher whose codes are vectors."""
        vectors = (track.known.vector for track in self.tracks)
        return np.stack([vector for vector in vectors if vector is not None])


class Ear(NamedTuple):
    """What is heard of a track, and by which name it is kept."""

    labels: Mapping[str, str]  # names of categories by codes
    digest: str  # another one where another thing is heard
    hear: Callable[[str, Path], Encoded]  # of the file's hash and the file


def index(folder: Path, matcher: Matcher, cache: Path) -> Catalogue:
    """:func:`heard` by a matcher; one of the method ``category`` gives empty codes."""
    hear = partial(_with_matcher, matcher)
    return heard(folder, Ear(matcher.about.labels, matcher.digest, hear), cache)


def heard(folder: Path, ear: Ear, cache: Path) -> Catalogue:
    """Hear the music of a folder and all below it; only what is new or changed is decoded.

    ``folder`` may be a single file. Hidden files are left out, links followed once. Tracks come in the
    order of their paths; one sound is one track. Raises UserError where there is no such folder, no
    sound file in it, or none that can be read.
    """
    key = _key(ear.digest)
    name = hashlib.sha256(f"{key} {folder.resolve()!a}".encode()).hexdigest()
    kept = cache / "catalogues" / f"{name}.pickle"
    found = sound_files(folder)
    folder, broken = found.folder, list(found.broken)
    memory = joblib.Memory(cache, verbose=0, mmap_mode=None)
    encode = memory.cache(_encode, ignore=["file", "hear"])
    hashed = memory.cache(_hash_of_sound)

    def hear(path: Path) -> tuple[State, str, Known] | str:
        """The file, its digest and what is small of it, or why it cannot be read."""
        try:
            str(path).encode()  # soundfile opens no other names
            state = state_of(folder / path)
            digest = hashed(Path(state[0]), *state[1:])
            return state, digest, _small(encode(digest, key, Path(state[0]), ear.hear))
        except CacheWarning:  # as an error: the cache is full
            raise
        except Exception as error:  # whatever is wrong with a track, it never ends the run
            return _reason(error)

    before = Book.read(kept)
    files = {path: one for path in found.files if (one := before.digest_of(folder / path))}
    known, new = dict(before.known), [path for path in found.files if path not in files]
    # threads, which share what is imported, and their number bounds the memory
    jobs = joblib.Parallel(
        min(joblib.cpu_count(), _AT_ONCE), prefer="threads", return_as="generator"
    )
    heard_of = zip(new, jobs(joblib.delayed(hear)(path) for path in new), strict=True)
    for path, one in progress(heard_of, "catalogue", len(new), "track"):
        if isinstance(one, str):
            broken.append((path, one))
        else:
            state, digest, known[digest] = one
            files[path] = state, digest
    tracks: dict[str, Track] = {}
    for path in found.files:
        if path not in files:
            continue
        (file, *_), digest = files[path]
        category = category_of(folder, path, ear.labels)
        if digest in tracks:
            tracks[digest] = _joined(tracks[digest], [path], category)
        else:
            encoded = partial(encode, digest, key, Path(file), ear.hear)
            tracks[digest] = Track(path, digest, category, known[digest], encoded)
    if not tracks:
        path, reason = broken[0]
        expected, remedy = "at least one sound file that can be read", "mend or replace them"
        got = f"{len(broken)} that cannot, the first {path}: {reason}"
        raise UserError(folder, "", expected, got, remedy)
    every = list(tracks.values())
    same = _same_pairs(every, before)
    digests = dict(files.values())
    if digests != before.digests:
        pairs = {(every[i].digest, every[j].digest) for i, j in same}
        Book(digests, {digest: known[digest] for digest in tracks}, pairs).write(kept)
    return Catalogue(folder, _without_copies(every, same), broken, found.others)


def _small(encoded: Encoded) -> Known:
    codes = encoded.codes
    return Known(
        encoded.starts_s, encoded.seconds, encoded.bpm, encoded.genres,
        codes.mean(axis=0, dtype=np.float32) if codes.ndim == 2 else None, encoded.sound.spectrum,
    )  # fmt: skip


def _joined(track: Track, paths: Iterable[Path], category: str | None) -> Track:
    """The track with further files of its sound, and with their category where it has none."""
    return replace(track, copies=[*track.copies, *paths], category=track.category or category)


def _same_pairs(tracks: list[Track], before: Book) -> list[tuple[int, int]]:
    """Pairs (i, j), i < j and in order, of tracks of one recording; those known before are looked up."""
    number = {track.digest: n for n, track in enumerate(tracks)}
    known = {
        (min(number[a], number[b]), max(number[a], number[b]))
        for a, b in before.same
        if a in number and b in number
    }
    new = np.array([track.digest not in before.known for track in tracks])
    spectra = np.stack([track.known.spectrum for track in tracks])
    seconds = np.array([track.seconds for track in tracks])
    found = same_pairs(spectra, seconds, lambda n: tracks[n].sound(), new)
    return sorted(known.union(found))


def _without_copies(tracks: list[Track], same: list[tuple[int, int]]) -> list[Track]:
    """The tracks, those of one sound as one, the first of them."""
    first = list(range(len(tracks)))
    for i, j in same:
        first[j] = min(first[j], first[i])
    kept: dict[int, Track] = {}
    for n, track in enumerate(tracks):
        if first[n] == n:
            kept[n] = track
        else:
            earlier = first[first[n]]
            kept[earlier] = _joined(kept[earlier], [track.path, *track.copies], track.category)
    return list(kept.values())


def own_tracks(
    found: Catalogue, music: Path, rate: int, resampler: Resampler = "soxr_hq"
) -> list[int]:
    """The numbers of the tracks that are a dance's own music, known by its sound. Raises UserError."""
    own = read_audio(music, rate, duration_s=LONGEST_S, resampler=resampler)
    digest = content_hash(music)
    spectra = np.stack([track.known.spectrum for track in found.tracks])
    same = same_as(spectra, lambda n: found.tracks[n].sound(), fingerprint(own, rate))
    return sorted({*same, *(n for n, track in enumerate(found.tracks) if track.digest == digest)})


def _reason(error: Exception) -> str:
    if isinstance(error, UserError):
        expected = error.expected.split(" (start_position")[0]  # which a track does not have
        return f"expected {expected}, got {error.got}"
    if isinstance(error, UnicodeEncodeError):
        return "expected a name in UTF-8, got other bytes in it"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return f"{error}" or type(error).__name__


def category_of(folder: Path, path: Path, labels: Mapping[str, str]) -> str | None:
    """The class that the place of a track (relative to the catalogue's folder) names, or None.

    ``labels`` are names by codes. A name counts in upper and lower case; a code only where a layout
    has one, so that folders A to Z are none. The folder's own name comes last.
    """
    by_name = {folded(name): name for name in labels.values()}
    folders = [*(parent.name for parent in path.parents[:-1]), folder.resolve().name]
    for place, name in enumerate([path.stem, *folders]):
        if folded(name) in by_name:
            return by_name[folded(name)]
        if (match := _AIST_TRACK.fullmatch(name)) and f"g{match['code']}" in labels:
            return labels[f"g{match['code']}"]
        dance = _DANCE_FOLDER.fullmatch(name) if place else None
        if dance is not None and dance["code"] in labels:
            return labels[dance["code"]]
    return None


def folded(name: str) -> str:
    """A name as it is compared: an accent is one letter or two, hip-hop is hip hop."""
    letters = unicodedata.normalize("NFC", name).casefold()
    return "".join(letter for letter in letters if letter not in " -_")


def content_hash(file: Path) -> str:
    """SHA-256 of a file, as in :attr:`Track.digest`. Raises UserError where it is none."""
    must_be_file(file, "a sound file", "put the dance's music there")
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _hash_of_sound(file: Path, size: int, time_ns: int) -> str:
    """SHA-256 of a sound file; what is no sound is not read to its end. Raises UserError."""
    with opened(file):
        return content_hash(file)


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


def _key(of: str) -> str:
    """Name of the folder of an ear's codes, another one after any change of what makes them."""
    digest = hashlib.sha256(of.encode())
    for file in sorted(file for pattern in CODE for file in _PACKAGE.glob(pattern)):
        digest.update(str(file.relative_to(_PACKAGE)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def _window_s(about: About) -> float:
    frames = about.excerpt_frames // SEGMENT_FRAMES * SEGMENT_FRAMES
    return frames * HOP / about.music.sample_rate


def _encode(digest: str, key: str, file: Path, hear: Callable[[str, Path], Encoded]) -> Encoded:
    return hear(digest, file)


def heard_parts(file: Path, rate: int, resampler: Resampler = "soxr_hq") -> Iterator[Float32]:
    """:func:`audio_parts`; raises UserError also where a sample is too large for squares."""
    for audio in audio_parts(file, rate, resampler):
        if (most := float(np.abs(audio).max(initial=0))) > _LOUDEST:
            raise UserError(file, "", "samples of −1 to 1", f"{most:.2g}", "mend or remove it")
        yield audio


def _with_matcher(matcher: Matcher, digest: str, file: Path) -> Encoded:
    """Codes (w, …), where their windows start, seconds, bpm and the sound of a file. Raises UserError."""
    about = matcher.about
    rate = about.music.sample_rate
    shortest = (SEGMENT_FRAMES - 1) * HOP
    codes: list[Codes] = []
    starts: list[float] = []
    tempi: list[float] = []
    count, sound = 0, None
    for audio in heard_parts(file, rate, about.music.resampler):
        start_s, count = count / rate, count + len(audio)
        sound = sound or fingerprint(audio, rate)
        if len(audio) >= shortest and (not codes or len(audio) >= _window_s(about) * rate):
            _, bpm = music_beats(audio, rate)
            tempi.append(bpm)
            part = _part_codes(matcher, audio, digest)
            codes.append(part)
            starts += [start_s + n * _window_s(about) for n in range(len(part))]
    if not codes or sound is None:
        least = f"at least {shortest / rate:.2f} s of sound, one segment"
        raise UserError(file, "", least, f"{count / rate:.2f} s (too short)", "remove it")
    heard = np.array([bpm for bpm in tempi if not np.isnan(bpm)])
    bpm = float(np.median(heard)) if len(heard) else float("nan")
    return Encoded(np.concatenate(codes), np.array(starts), count / rate, bpm, sound)


def _part_codes(matcher: Matcher, audio: Float32, digest: str) -> Codes:
    """Codes (w, …) of the windows of five minutes or less."""
    about = matcher.about
    frames = 1 + len(audio) // HOP
    if about.music.pad_short:  # as the model's own music was; what is padded is cut off again
        audio = pad_short(audio, stream(0, "music", "pad_short", digest))
    features = music_features(
        audio, about.music.sample_rate, feature=about.music.feature, scale=about.music.scale
    )
    cut = windows(music_segments(features[:frames]), about)
    if about.method == "category":
        return np.zeros((len(cut), 0), np.float32)
    codes = np.stack([matcher.music_code(window) for window in cut])
    # a code for every frame is 200 times a vector, so at half the precision on disk
    return codes.astype(np.float16) if codes.ndim > 2 else codes
