"""`recommend` by genre, tempo and timing: folders, tags, options, what is said."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import fake_matcher
import numpy as np
import pytest
import soundfile
from bobbing import piece, taught
from bodies import room
from commands import Result
from sounds import RATE, encode, song

from motionmusic.app import genre, picks, practical
from motionmusic.app.picks import synthetic_line
from motionmusic.app.tags import tags_of
from motionmusic.errors import UserError
from motionmusic.features import audio
from motionmusic.files import Float32
from motionmusic.render.page import Panel
from motionmusic.scoring import order

Command = Callable[..., Result]


def tagged(file: Path, bpm: float, seed: int, **tags: str) -> Path:
    """A song of 12 s with tags, copied beside its sound."""
    plain = encode(file.with_suffix(f".plain{file.suffix}"), song(12, seed, bpm), "libmp3lame")
    with av.open(plain) as found, av.open(file, "w") as out:
        out.metadata.update(tags)
        stream = out.add_stream_from_template(found.streams.audio[0])
        for packet in found.demux(found.streams.audio[0]):
            if packet.dts is not None:
                packet.stream = stream
                out.mux(packet)
    plain.unlink()
    return file


def knows(monkeypatch: pytest.MonkeyPatch, known: bool) -> None:
    found = dict.fromkeys(practical.NAMES, 0.02) | {"House": 0.82}
    text = "Genre: House 82 %" if known else "Genre: unlike the dances this model knows"
    guess = genre.Guess(found, known, 0.5 if known else 0.0, text)
    monkeypatch.setattr(genre, "guess", lambda dance: guess)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four songs and a dance of 12 s."""
    monkeypatch.chdir(tmp_path)
    knows(monkeypatch, True)
    Path("music/House").mkdir(parents=True)
    tagged(Path("music/House/plain.mp3"), 90, 1)
    tagged(Path("music/half.mp3"), 60, 2, genre="Disco", TBPM="60")
    tagged(Path("music/same.mp3"), 120, 3, genre="Rock;Trap", TBPM="120")
    tagged(Path("music/off.mp3"), 100, 4, genre="Hip-Hop", TBPM="100")
    np.savez("dance.npz", joints=room(12), rate=25.0, layout="musictodance")
    return tmp_path


def answer(command: Command, *arguments: object) -> dict[str, Any]:
    status, out, err = command("recommend", "dance.npz", "--catalogue", "music", "--top", 9,
                               "--json", *arguments)  # fmt: skip
    assert status == 0, err
    content: dict[str, Any] = json.loads(out)
    return content


def names(content: dict[str, Any]) -> list[str]:
    return [Path(row["path"]).stem for row in content["recommended"]]


def test_tempo_told_range_and_genre_each_order_tracks(place: Path, command: Command) -> None:
    told = answer(command, "--tempo", 120, "--by", "tempo")
    assert set(names(told)[:2]) == {"same", "half"}
    bpm = {Path(row["path"]).stem: row["bpm"] for row in told["recommended"]}
    octaves = {Path(row["path"]).stem: row["octave"] for row in told["recommended"]}
    for name, beats in (("half", 60), ("same", 120), ("off", 100)):
        assert bpm[name] == pytest.approx(beats, rel=0.01)
    assert (octaves["same"], octaves["half"]) == (1, 2)
    assert (told["tempo"]["bpm"], told["tempo"]["told"]) == (pytest.approx(120, rel=0.01), True)
    assert set(names(answer(command, "--tempo-range", "118-124"))) == {"same", "half"}
    by_genre = answer(command, "--by", "genre", "--tempo", 120)
    assert names(by_genre)[0] == "plain"  # House by its folder
    shares = {Path(row["path"]).stem: row["genre_share"] for row in by_genre["recommended"]}
    assert shares == pytest.approx({"plain": 0.82, "half": 0.02, "same": 0.04, "off": 0.06})


def test_a_silent_start_and_many_tracks_end_no_video(
    place: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    panels: list[Panel] = []

    def read(file: Path, rate: int, *, start_s: float, duration_s: float) -> Float32:
        if file.stem == "same":
            raise UserError(file, "", "sound", "silence", "take another")
        return np.ones(round(rate * duration_s), np.float32)

    monkeypatch.setattr(picks, "PANELS", 3)
    monkeypatch.setattr(picks, "read_audio", read)
    monkeypatch.setattr(picks, "video", lambda *given: panels.extend(given[4]))
    status, _, err = command("recommend", "dance.npz", "--catalogue", "music", "--top", 9,
                             "--tempo", 120, "--by", "tempo", "--render", "o.mp4")  # fmt: skip
    assert (status, "the first 3 of 4 tracks" in err, "silence" in err) == (0, True, True)
    heard = {panel.title.split()[-1]: float(panel.sound.mean()) for panel in panels}
    assert len(heard) == 3
    assert [name for name, mean in heard.items() if not mean] == ["same"]


def test_a_video_that_fails_leaves_the_table_and_the_numbers(
    place: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise UserError("o.mp4", "", "room", "none", "free space")

    monkeypatch.setattr(picks, "film", fails)
    status, out, _ = command("recommend", "dance.npz", "--catalogue", "music", "--out", "o.json",
                             "--render", "o.mp4")  # fmt: skip
    assert (status, "same" in out, Path("o.mp4").exists()) == (2, True, False)
    assert json.loads(Path("o.json").read_text())["recommended"]


def test_a_second_run_says_the_same_and_opens_nothing(
    place: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = answer(command)

    def opened(*given: object) -> Any:
        raise AssertionError(given)

    for name in ("tags_of", "heard_parts"):
        monkeypatch.setattr(practical, name, opened)
    assert answer(command) == first
    assert {Path(row["path"]).stem: row["genres"] for row in first["recommended"]} == {
        "plain": ["House"], "half": ["Disco"], "same": ["Rock", "Trap"], "off": ["Hip-Hop"],
    }  # fmt: skip


def test_only_what_is_shown_is_searched_for_its_moment(
    place: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(practical, "tempo_kept", lambda predicted, limits: 120.0)
    np.savez("dance.npz", joints=room(5), rate=25.0, layout="musictodance")
    everything = answer(command)["recommended"]
    assert len({row["start_s"] for row in everything}) > 1
    for row in everything:
        timing = pytest.approx(order.WEIGHTS.fit * row["timing"], rel=1e-4)
        assert row["score_of"]["timing"] == timing
    looked: list[float] = []

    def best_moment_of(predicted: Any, sound: Any, bpm: float) -> order.Moment:
        found = order.best_moment_of(predicted, sound, bpm)
        looked.append(bpm)
        assert found.fit == order.tempo_fit(predicted, bpm) > 0
        return found

    monkeypatch.setattr(practical, "best_moment_of", best_moment_of)
    assert answer(command, "--top", 2)["recommended"] == everything[:2]
    assert len(looked) == 2


def test_what_is_said_and_that_an_unlike_dance_has_no_genre(
    place: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    knows(monkeypatch, False)
    status, out, _ = command("recommend", "dance.npz", "--catalogue", "music")
    lines = out.splitlines()
    assert status == 0
    assert lines[0].startswith("Dance: dance, 12.0 s")
    assert "the package's own" in lines[1]
    assert lines[2] == "Catalogue: music, 4 tracks"
    assert lines[3] == "Genre: unlike the dances this model knows; it counts nothing"
    assert "beats a minute" in lines[4]
    assert "% sure" in lines[4]
    assert lines[5].startswith("Timing: ")
    _, out, _ = command("recommend", "dance.npz", "--catalogue", "music", "--by", "genre")
    assert "By all but genre, which is unknown here" in out
    content = answer(command)
    assert content["genre"]["probabilities"] is None
    assert {row["score_of"]["genre"] for row in content["recommended"]} == {0}


def test_the_genre_of_a_model_that_is_named(
    place: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_matcher.save(Path("data/own/matchers"), "category")
    answers = fake_matcher.FakeMatcher(fake_matcher.about("category"))
    monkeypatch.setattr("motionmusic.models.matcher.load", lambda folder: answers)
    (place / "music/Waltz").mkdir()
    (place / "music/off.mp3").rename(place / "music/Waltz/off.mp3")
    content = answer(command, "--model", "data/own/matchers", "--by", "genre")
    shares = content["genre"]["probabilities"]
    assert list(shares) == ["Cha-cha", "Rumba", "Waltz"]
    assert sum(shares.values()) == pytest.approx(1)
    assert max(shares, key=shares.__getitem__) == "Waltz"
    assert names(content)[0] == "off"  # Waltz by its folder
    assert "data/own/matchers" in content["model"]


def test_the_timing_of_a_model_that_is_named(place: Path, command: Command) -> None:
    """Of bodies that bob twice a second; the package's own knows nothing like them."""
    taught([piece(n, units=6) for n in range(5)]).save(place / "in_time.npz")
    bobbing = piece(20, units=6).joints
    np.savez("dance.npz", joints=bobbing, rate=25.0, layout="musictodance")
    own = ("--up", "y", "--by", "timing")
    content = answer(command, *own, "--model", "in_time.npz")
    assert content["timing"]["bpm"] == pytest.approx(120, abs=1)
    assert set(names(content)[:2]) == {"same", "half"}
    assert content["model"].endswith("timing: in_time.npz")
    _, said, _ = command("recommend", "dance.npz", "--catalogue", "music", *own, "--model",
                         "in_time.npz")  # fmt: skip
    assert "seems to keep 120 beats a minute\n" in said
    Path("in_time.npz").write_bytes(b"no model")
    status, out, err = command("recommend", "dance.npz", "--catalogue", "music", *own, "--model",
                               "in_time.npz")  # fmt: skip
    assert (status, out) == (2, "")
    assert "in_time.npz: expected weights of the beat's phase" in " ".join(err.split())
    assert "23 joints" not in err  # said before the dance is opened, which takes minutes of a video


def test_mistakes(place: Path, command: Command) -> None:
    for arguments, text in (
        (("--tempo-range", "fast"), "two tempi in beats a minute, such as 110-124"),
        (("--tempo-range", "124-110"), "two tempi"),
        (("--tempo-range", "180-190"), "a track of 180 to 190 beats a minute"),
        (("--tempo", 100, "--method", "category"), "which alone orders by genre, tempo and timing"),
        (("--by", "timing", "--method", "category"), "--by: expected --method practical"),
    ):
        status, out, err = command("recommend", "dance.npz", "--catalogue", "music", *arguments)
        assert (status, out) == (2, "")
        assert text in " ".join(err.split())
    status, _, err = command("recommend", "dance.npz")
    assert (status, "such as --catalogue ~/Music" in err) == (2, True)
    np.savez("short.npz", joints=room(2), rate=25.0, layout="musictodance")
    status, _, err = command("recommend", "short.npz", "--catalogue", "music")
    assert (status, "a dance of at least 3 s" in err) == (2, True)


def test_tags_are_read_and_a_synthetic_model_is_said_to_be_one(tmp_path: Path) -> None:
    tags = tags_of(tagged(tmp_path / "a.mp3", 100, 0, genre="House/Disco", TBPM="124,5"))
    assert (tags.genres, tags.bpm) == (("House", "Disco"), 124.5)
    (tmp_path / "b.mp3").write_bytes(b"no sound")
    none = tags_of(tmp_path / "b.mp3")
    assert (none.genres, np.isnan(none.bpm)) == ((), True)
    assert "SYNTHETIC" in synthetic_line("synthetic")[0]
    assert synthetic_line("on_beat.by_piece") == []


def test_a_short_rest_of_a_long_track_says_nothing_of_its_tempo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audio, "PART_S", 10)
    samples = song(12, bpm=100)
    for name, length_s in (("whole", 12), ("first", 10)):
        soundfile.write(tmp_path / f"{name}.wav", samples[: length_s * RATE], RATE)
    whole, first = (practical._hear("", tmp_path / f"{name}.wav") for name in ("whole", "first"))
    assert whole.seconds == 12
    assert len(whole.codes) == pytest.approx(300, abs=2)
    assert whole.bpm == pytest.approx(first.bpm, rel=0.01)


def test_a_sample_without_measure(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", song(4) * np.float32(1e30), RATE, subtype="FLOAT")
    with pytest.raises(UserError) as caught:
        practical._hear("", tmp_path / "a.wav")
    assert caught.value.expected == "samples of −1 to 1"


@pytest.mark.filterwarnings("error")
def test_a_track_too_short_is_told_without_warnings(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.sin(np.arange(441)), 44_100)
    with pytest.raises(UserError, match=r"at least 3 s of sound, got 0\.01 s \(too short\)"):
        practical._hear("", tmp_path / "a.wav")


@pytest.mark.parametrize(
    ("bpm", "text"),
    [(119.9, "120 (0 %)"), (120.1, "120 (0 %)"), (110, "110 (−8 %)"), (132, "132 (+10 %)")],
)
def test_how_far_tempi_are_apart(bpm: float, text: str) -> None:
    found: Any = SimpleNamespace(tempo=SimpleNamespace(bpm=120.0))
    fit: Any = SimpleNamespace(track=SimpleNamespace(bpm=bpm), octave=1.0)
    assert practical.Practical._tempo(found, fit) == text
