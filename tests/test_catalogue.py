"""Catalogues of tones: codes, places, cache, and files that cannot be heard."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import shutil
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import soundfile
from fake_matcher import RATE, WINDOW_S, FakeMatcher, about, band_of, tone
from sounds import encode, song

from motionmusic.app import catalogue, same_sound
from motionmusic.app.catalogue import (
    Catalogue,
    category_of,
    content_hash,
    index,
    own_tracks,
)
from motionmusic.app.same_sound import SAME, difference, fingerprint
from motionmusic.app.sound_files import sound_files
from motionmusic.errors import UserError
from motionmusic.features import audio
from motionmusic.models.matcher import Matcher

LABELS = {"C": "Cha-cha", "R": "Rumba", "W": "Waltz"}


@pytest.fixture(autouse=True)
def no_beats(monkeypatch: pytest.MonkeyPatch) -> None:
    # the real ones take a second a track, and are tested in test_beats.py
    monkeypatch.setattr(catalogue, "music_beats", lambda audio, rate: (np.zeros(0), 123.0))


@pytest.fixture
def music(tmp_path: Path) -> Path:
    folder = tmp_path / "music"
    tone(folder / "Waltz" / "low.wav", 300)
    tone(folder / "Rumba" / "high.flac", 3000, 1000)
    return folder


def run(music: Path, matcher: FakeMatcher | None = None) -> Catalogue:
    matcher = matcher or FakeMatcher(about())
    return index(music, cast(Matcher, matcher), music.parent / "cache")


def names(found: Catalogue) -> list[str]:
    return [track.path.as_posix() for track in found.tracks]


# Tracks


def test_tracks_and_their_codes(music: Path) -> None:
    found = run(music)
    assert names(found) == ["Rumba/high.flac", "Waltz/low.wav"]
    assert found.broken == []
    high, low = found.tracks
    assert (high.category, low.category) == ("Rumba", "Waltz")
    assert (high.seconds, low.seconds, low.bpm) == (20, 10, 123)
    # 20 s are two windows of 9 s, of which the second begins in the first tone; 10 s are one
    assert high.read().argmax(axis=1).tolist() == [band_of(3000), band_of(1000)]
    assert low.read().argmax(axis=1).tolist() == [band_of(300)]
    assert high.starts_s.tolist() == [0, WINDOW_S]
    assert high.digest == content_hash(music / high.path)


def test_short_tracks(tmp_path: Path) -> None:
    # 24 · 512 samples give 25 frames, one segment; one sample less gives 24
    enough = 24 * 512 / RATE
    tone(tmp_path / "m" / "a.wav", 300, seconds=enough)
    tone(tmp_path / "m" / "b.wav", 400, seconds=enough - 1 / RATE)
    found = run(tmp_path / "m")
    assert names(found) == ["a.wav"]
    assert found.tracks[0].read().shape == (1, 96)
    ((path, reason),) = found.broken
    assert path == Path("b.wav")
    assert "too short" in reason


@pytest.mark.parametrize(("seconds", "windows"), [(8.9, 1), (9.0, 1), (17.8, 1), (18.0, 2)])
def test_the_tail_is_dropped(tmp_path: Path, seconds: float, windows: int) -> None:
    tone(tmp_path / "m" / "a.wav", 300, seconds=seconds)
    assert len(run(tmp_path / "m").tracks[0].read()) == windows


def test_padded_as_the_models_own_music(tmp_path: Path) -> None:
    # padding reaches to 10 s, but what is padded is not heard: 5 s are 5 segments
    tone(tmp_path / "m" / "a.wav", 300, seconds=5)
    matcher = FakeMatcher(about("synchrony", pad_short=True))
    assert run(tmp_path / "m", matcher).tracks[0].read().shape == (1, 125, 96)


def test_codes_of_every_frame_are_kept_at_half_precision(music: Path) -> None:
    found = run(music, FakeMatcher(about("synchrony")))
    assert found.tracks[0].read().shape == (2, 225, 96)
    assert found.tracks[0].read().dtype == np.float16
    assert run(music, FakeMatcher(about(), digest="x")).tracks[0].read().dtype == np.float32


def test_a_classifier_needs_no_codes(music: Path) -> None:
    matcher = FakeMatcher(about("category"))
    found = run(music, matcher)
    assert matcher.heard == 0
    assert [len(track.read()) for track in found.tracks] == [2, 1]
    assert found.tracks[0].starts_s.tolist() == [0, WINDOW_S]


def test_one_content_is_one_track(music: Path) -> None:
    (music / "A copy.wav").write_bytes((music / "Waltz" / "low.wav").read_bytes())
    found = run(music)
    assert names(found) == ["A copy.wav", "Rumba/high.flac"]
    assert found.tracks[0].category == "Waltz"  # one of its places says it


# Files


def test_what_is_searched(tmp_path: Path) -> None:
    for name in ("b.MP3", "a.ogg", "deep/er/c.flac", ".hidden.wav", ".trash/d.wav", "notes.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = sound_files(tmp_path)
    assert [path.as_posix() for path in found.files] == ["a.ogg", "b.MP3", "deep/er/c.flac"]
    assert found.others == {".txt": 1}


def test_links_that_lead_back(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.wav").touch()
    (tmp_path / "in" / "up").symlink_to(tmp_path)
    (tmp_path / "self").symlink_to(tmp_path / "self")
    outside = tmp_path.parent / f"{tmp_path.name}-outside"
    outside.mkdir()
    (outside / "b.wav").touch()
    (tmp_path / "link").symlink_to(outside)
    assert [path.as_posix() for path in sound_files(tmp_path).files] == ["in/a.wav", "link/b.wav"]


def test_broken_files_are_listed_and_the_rest_is_served(music: Path) -> None:
    (music / "empty.mp3").touch()
    (music / "text.mp3").write_text("no sound")
    (music / "cut.flac").write_bytes((music / "Rumba" / "high.flac").read_bytes()[:3000])
    (music / "lost.wav").symlink_to(music / "nowhere.wav")
    tone(music / "silent.wav", 0)
    found = run(music)
    assert names(found) == ["Rumba/high.flac", "Waltz/low.wav"]
    reasons = {path.as_posix(): reason for path, reason in found.broken}
    assert set(reasons) == {"empty.mp3", "text.mp3", "cut.flac", "lost.wav", "silent.wav"}
    assert "empty file" in reasons["empty.mp3"]
    assert "silence" in reasons["silent.wav"]
    assert reasons["lost.wav"].endswith("got a link to a file that is not there")


def test_nothing_to_hear(tmp_path: Path) -> None:
    for folder, match in (("nowhere", "no such file"), ("empty", "got none")):
        if folder == "empty":
            (tmp_path / folder).mkdir()
        with pytest.raises(UserError, match=match):
            run(tmp_path / folder)
    (tmp_path / "empty" / "a.mp3").touch()
    (tmp_path / "empty" / "b.mp3").write_text("x")
    with pytest.raises(UserError, match=r"2 that cannot, the first a\.mp3: .*empty file"):
        run(tmp_path / "empty")


# Categories


@pytest.mark.parametrize(
    ("path", "category"),
    [
        ("Waltz/a.wav", "Waltz"),
        ("waltz/deep/a.wav", "Waltz"),
        ("Waltz/CHA-CHA/a.wav", "Cha-cha"),
        ("Waltz/rumba.wav", "Rumba"),
        ("R/a.wav", None),
        ("R.wav", None),
        ("DANCE_C_12/audio.mp3", "Cha-cha"),
        ("my_own_W_3/audio.mp3", "Waltz"),
        ("my_own_W_3/my_own_W_3.mp3", "Waltz"),
        ("my_own_w_3/audio.mp3", None),
        ("W/DANCE_C_1/R/a.wav", "Cha-cha"),
        ("DANCE_T_1/audio.mp3", None),
        ("track_r_12.mp3", None),
        ("DANCE_C/audio.mp3", None),
        ("Waltzes/a.wav", None),
        ("a.wav", None),
        ("mBR0.wav", None),
    ],
)
def test_categories_by_place(tmp_path: Path, path: str, category: str | None) -> None:
    assert category_of(tmp_path, Path(path), LABELS) == category


@pytest.mark.parametrize(
    ("folder", "path", "category"),
    [
        ("Waltz", "a.wav", "Waltz"),
        ("Waltz", "Rumba/a.wav", "Rumba"),
        ("x", "mBR0.wav", "Break"),
        ("x", "mLO2.mp3", None),
    ],
)
def test_category_of_the_catalogue_itself_and_of_aist(
    tmp_path: Path, folder: str, path: str, category: str | None
) -> None:
    labels = LABELS | {"gBR": "Break", "gPO": "Pop"}
    assert category_of(tmp_path / folder, Path(path), labels) == category


def test_an_accent_is_one_letter_or_two(tmp_path: Path) -> None:
    labels = {"P": "Paso Doblé"}
    for name in ("Paso Dobl\u00e9", "paso doble\u0301"):
        assert category_of(tmp_path, Path(name, "a.wav"), labels) == "Paso Doblé"


# One sound, one track


def test_copies_in_other_formats(tmp_path: Path) -> None:
    sound = song(20, rate=48_000)
    folder = tmp_path / "m"
    tone(folder / "a.wav", 300, seconds=30)
    encode(folder / "b.flac", sound, "flac", rate=48_000)
    encode(folder / "c.m4a", 0.5 * sound, "aac", rate=48_000, bit_rate=64_000)
    encode(folder / "d.mp3", np.r_[np.zeros(19_999, np.float32), sound], "libmp3lame", rate=48_000)
    encode(folder / "Waltz" / "e.opus", sound, "libopus", rate=48_000)
    encode(folder / "f.mp3", song(20, seed=1, rate=48_000), "libmp3lame", rate=48_000)
    found = run(folder)
    assert names(found) == ["Waltz/e.opus", "a.wav", "f.mp3"]
    track = found.tracks[0]
    assert sorted(path.as_posix() for path in track.copies) == ["b.flac", "c.m4a", "d.mp3"]
    assert track.category == "Waltz"
    own = encode(tmp_path / "own.wma", sound, "wmav2", rate=48_000)
    assert own_tracks(found, own, 12_800) == [0]
    other = encode(tmp_path / "own.mp3", song(20, seed=2, rate=48_000), "libmp3lame", rate=48_000)
    assert own_tracks(found, other, 12_800) == []


def test_the_fast_look_rejects_other_songs_only() -> None:
    rate = 12_800
    songs = [song(60, seed, 100 + 7 * seed, rate) for seed in range(3)]
    later = [np.r_[np.zeros(int(3.3 * rate), np.float32), each[: 50 * rate]] for each in songs]
    first, second = ([fingerprint(each, rate) for each in sounds] for sounds in (songs, later))
    found = [[same_sound._may_be(a, b) for b in second] for a in first]
    assert found == np.eye(3, dtype=bool).tolist()
    assert all(difference(a, b) < SAME for a, b in zip(first, second, strict=True))


def test_a_longer_version_is_another_track(tmp_path: Path) -> None:
    sound = song(60, rate=RATE)
    soundfile.write(tmp_path / "a.wav", sound[: 30 * RATE], RATE)
    soundfile.write(tmp_path / "b.wav", sound, RATE)
    found = run(tmp_path)
    assert names(found) == ["a.wav", "b.wav"]
    assert own_tracks(found, tmp_path / "a.wav", 12_800) == [0, 1]


def test_tones_in_two_formats(tmp_path: Path) -> None:
    # a tone has no changes to compare, but equal samples are one sound
    samples, rate = soundfile.read(tone(tmp_path / "a.wav", 300), dtype="int16")
    soundfile.write(tmp_path / "b.flac", samples, rate)
    tone(tmp_path / "c.flac", 301)
    assert names(run(tmp_path)) == ["a.wav", "c.flac"]


# Long tracks


def test_long_tracks_are_heard_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audio, "PART_S", 20)
    tone(tmp_path / "a.wav", 300, 3000, 300, 3000, 600, seconds=10)
    (track,) = run(tmp_path).tracks
    # windows of 9 s of each part, of which the last is 10 s
    assert track.seconds == 50
    assert track.starts_s.tolist() == [0, 9, 20, 29, 40]
    heard = track.read().argmax(axis=1).tolist()
    assert heard == [band_of(hz) for hz in (300, 3000, 300, 3000, 600)]


def test_a_short_rest_is_no_window(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audio, "PART_S", 20)
    tone(tmp_path / "a.wav", 300, 300, 600, seconds=9)
    assert run(tmp_path).tracks[0].starts_s.tolist() == [0, 9]


# What goes wrong


@pytest.mark.parametrize("error", [MemoryError(), ValueError("x"), OSError("x"), Exception("x")])
def test_one_bad_track_never_ends_the_run(
    music: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    real = audio.audio_parts

    def parts(file: Path, *rest: Any) -> Any:
        if file.name == "low.wav":
            raise error
        return real(file, *rest)

    monkeypatch.setattr(catalogue, "audio_parts", parts)
    found = run(music)
    assert names(found) == ["Rumba/high.flac"]
    assert found.broken == [(Path("Waltz/low.wav"), str(error) or "MemoryError")]


def test_special_files_and_closed_folders(music: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(music / "x.mp3")
    (music / "z.wav").symlink_to("/dev/zero")
    (music / "folder.wav").mkdir()
    (music / "closed").mkdir()
    real = os.scandir

    def scandir(path: Any) -> Any:  # who runs this may be bound by no permissions
        if Path(str(path)).name == "closed":
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    found = run(music)
    assert names(found) == ["Rumba/high.flac", "Waltz/low.wav"]
    reasons = {path.as_posix(): reason for path, reason in found.broken}
    assert reasons == {
        "closed": "a folder that cannot be entered: Permission denied",
        "x.mp3": "expected a sound file, got a FIFO (named pipe)",
        "z.wav": "expected a sound file, got a device",
    }


def test_one_file(music: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = index(music / "Waltz" / "low.wav", cast(Matcher, FakeMatcher(about())), music / "c")
    assert names(found) == ["low.wav"]
    assert found.tracks[0].category == "Waltz"
    monkeypatch.setenv("HOME", str(music))
    assert sound_files(Path("~/Waltz")).files == [Path("low.wav")]


# Cache


def heard(music: Path) -> int:
    """How many windows are encoded now."""
    matcher = FakeMatcher(about())
    run(music, matcher)
    return matcher.heard


def test_only_what_is_new_is_heard(music: Path) -> None:
    assert heard(music) == 3
    first = run(music)
    assert heard(music) == 0
    tone(music / "new.wav", 500)
    assert heard(music) == 1
    (music / "new.wav").unlink()
    again = run(music)
    assert names(again) == names(first)
    for one, two in zip(first.tracks, again.tracks, strict=True):
        assert (one.read() == two.read()).all()
        assert (one.seconds, one.bpm, one.category) == (two.seconds, two.bpm, two.category)


def test_unchanged_files_are_not_even_read(music: Path) -> None:
    assert heard(music) == 3
    track = music / "Waltz" / "low.wav"
    before = track.stat()
    track.write_bytes(b"x" * before.st_size)
    os.utime(track, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert heard(music) == 0
    os.utime(track)
    assert names(run(music)) == ["Rumba/high.flac"]
    tone(track, 600)
    assert heard(music) == 1
    assert run(music).tracks[1].read().argmax() == band_of(600)


def test_a_moved_track_is_not_heard_again(music: Path) -> None:
    assert heard(music) == 3
    (music / "Rumba" / "low.wav").write_bytes((music / "Waltz" / "low.wav").read_bytes())
    (music / "Waltz" / "low.wav").unlink()
    assert heard(music) == 0
    assert [track.category for track in run(music).tracks] == ["Rumba", "Rumba"]
    other = FakeMatcher(about(), digest="other")
    run(music, other)
    assert other.heard == 3  # every matcher has its own codes


def test_changed_code_makes_codes_anew(
    music: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "package"
    made_by = ("features/music.py", "features/motion.py", "models/heads.py")
    for name in (*made_by, "features/segments.py"):
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text("one = 1\n")
    monkeypatch.setattr(catalogue, "_PACKAGE", package)
    assert heard(music) == 3
    (package / "features" / "segments.py").write_text("two = 2\n")  # music is not made by it
    assert heard(music) == 0
    for name in made_by:
        (package / name).write_text("two = 2\n")
        assert heard(music) == 3, name
        assert heard(music) == 0


def test_code_that_counts_is_there() -> None:
    found = {
        str(file.relative_to(catalogue._PACKAGE))
        for pattern in catalogue.CODE
        for file in catalogue._PACKAGE.glob(pattern)
    }
    assert {pattern for pattern in catalogue.CODE if "*" not in pattern} <= found
    assert {"models/matcher.py", "models/music_autoencoder.py"} <= found


def test_vectors_are_the_means_of_the_windows(music: Path) -> None:
    found = run(music)
    expected = np.zeros((2, 96), np.float32)
    expected[0, [band_of(3000), band_of(1000)]] = 0.5
    expected[1, band_of(300)] = 1
    assert found.vectors().tolist() == expected.tolist()
    frames = run(music, FakeMatcher(about("synchrony"), digest="other"))
    assert [track.known.vector for track in frames.tracks] == [None, None]


class Calls:
    """Makes a folder when it is unpickled freely."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.folder),)


@pytest.mark.filterwarnings("ignore:Exception while loading results")
def test_a_broken_cache_is_made_anew(music: Path) -> None:
    before = [track.read() for track in run(music).tracks]
    kept = list((music.parent / "cache").rglob("output.pkl"))
    assert len(kept) == 4  # hash and codes of two tracks
    (book,) = (music.parent / "cache").rglob("*.pickle")
    called = music.parent / "called"
    for content in (b"", book.read_bytes()[:-30], pickle.dumps(7), pickle.dumps(Calls(called))):
        book.write_bytes(content)
        assert heard(music) == 0
        assert not called.exists()
    for file in (*kept, book):
        file.write_bytes(file.read_bytes()[:-30])
    assert heard(music) == 3
    assert all((a == b.read()).all() for a, b in zip(before, run(music).tracks, strict=True))


def test_a_folder_without_changes_is_known_by_one_file(music: Path) -> None:
    samples, rate = soundfile.read(music / "Rumba" / "high.flac")
    soundfile.write(music / "copy.wav", samples, rate)
    tone(music / "Waltz" / "third.wav", 500)
    before = run(music)
    assert names(before) == ["Rumba/high.flac", "Waltz/low.wav", "Waltz/third.wav"]
    index(music / "copy.wav", cast(Matcher, FakeMatcher(about())), music.parent / "cache")
    shutil.rmtree(music.parent / "cache" / "motionmusic")
    matcher = FakeMatcher(about())
    again = run(music, matcher)
    assert names(again) == names(before)
    assert again.tracks[0].copies == before.tracks[0].copies == [Path("copy.wav")]
    assert [track.category for track in again.tracks] == ["Rumba", "Waltz", "Waltz"]
    assert (again.vectors() == before.vectors()).all()
    assert matcher.heard == 0
    assert again.tracks[1].read().argmax(axis=1).tolist() == [band_of(300)]
    assert matcher.heard == 1
    # what a copy was of goes, and what is new is compared
    (music / "Rumba" / "high.flac").unlink()
    assert names(run(music)) == ["Waltz/low.wav", "Waltz/third.wav", "copy.wav"]
    samples, rate = soundfile.read(music / "Waltz" / "third.wav", dtype="int16")
    soundfile.write(music / "a.flac", samples, rate)
    for _ in range(2):
        found = run(music)
        assert names(found) == ["Waltz/low.wav", "Waltz/third.wav", "copy.wav"]
        assert found.tracks[1].copies == [Path("a.flac")]


def test_pairs_that_are_known_are_not_compared_again() -> None:
    sounds = [fingerprint(song(20, seed, rate=RATE), RATE) for seed in (0, 1, 0, 0, 2)]
    spectra = np.stack([each.spectrum for each in sounds])
    seconds = np.array([20.0, 20, 20, 40, 20])
    asked: list[int] = []

    def sound_of(number: int) -> same_sound.Fingerprint:
        asked.append(number)
        return sounds[number]

    def pairs(*new: int) -> list[tuple[int, int]]:
        asked.clear()
        return same_sound.same_pairs(spectra, seconds, sound_of, np.isin(np.arange(5), new))

    assert pairs(0, 1, 2, 3, 4) == [(0, 2)]  # 3 is a longer version
    assert sorted(set(asked)) == sorted(asked)
    assert pairs(2) == pairs(0) == [(0, 2)]
    assert {0, 2} <= set(asked)
    assert pairs(1) == pairs() == []
    assert 3 not in asked


def test_an_interrupted_run_goes_on(music: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "_AT_ONCE", 1)

    class Interrupted(FakeMatcher):
        def music_code(self, music: Any) -> Any:
            if self.heard == 2:  # Rumba/high.flac is done
                raise KeyboardInterrupt
            return super().music_code(music)

    with pytest.raises(KeyboardInterrupt):
        run(music, Interrupted(about()))
    assert heard(music) == 1


def test_two_at_once_on_an_empty_cache(music: Path) -> None:
    both = multiprocessing.get_context("fork").Pool(2)
    with both:
        first, second = both.map(_names_and_codes, [music, music], chunksize=1)
    assert first == second == _names_and_codes(music)
    assert not [file for file in (music.parent / "cache").rglob("*") if "thread-" in file.name]


def _names_and_codes(music: Path) -> list[tuple[str, bytes]]:
    return [(track.path.as_posix(), track.read().tobytes()) for track in run(music).tracks]
