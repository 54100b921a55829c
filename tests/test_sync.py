"""`motionmusic sync`: yes, no or cannot tell, how late, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from bobbing import BEAT_HZ, piece, taught
from commands import Result

from motionmusic.app import arguments as reading
from motionmusic.app import sync
from motionmusic.app.catalogue import content_hash
from motionmusic.app.practical import _AIST as GENRES
from motionmusic.files import read_json
from motionmusic.scoring.beat_phase import SHIPPED, STREET, BeatPhase, Verdict

METRICS = Path(__file__).parents[1] / "metrics/aist_retargeted/street_time.json"
RATE = 22050
SECONDS = 20
START_S = 1.24  # what its config.json says
DANCE = Path("dances/DANCE_C_1")
OWN = DANCE / "audio.wav"

Call = Callable[..., Result]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a model that was trained on bodies that bob on the beat; one of them is C_12."""
    file = tmp_path_factory.mktemp("model") / "in_time.npz"
    taught([piece(n, units=6) for n in range(10)]).save(file)
    return file


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Call, weights: Path) -> Call:
    """The command in a folder with a dance of 20 s and its music, in time."""
    monkeypatch.chdir(tmp_path)
    write_dance()
    write_music(30, OWN)
    # of a body without a head on top
    return partial(command, "sync", "--up", "y", "--model", weights)


def write_dance(seconds: float = SECONDS, still: bool = False) -> None:
    """It bobs as the pieces do that were trained on; its first beat is its frame 0."""
    frames = round(25 * seconds)
    bobbing = piece(20, units=-(-frames // 100)).joints[:frames]
    joints = np.random.default_rng(0).normal(size=bobbing.shape) if still else bobbing
    content = {
        "length": frames, "center": [[0, 0, 0]] * frames, "skeletons": joints.tolist(),
    }  # fmt: skip
    DANCE.mkdir(parents=True, exist_ok=True)
    (DANCE / "skeletons.json").write_text(json.dumps(content))
    positions = {"start_position": 25 * START_S, "end_position": 25 * START_S + frames}
    (DANCE / "config.json").write_text(json.dumps(positions))


def write_music(seconds: float, file: Path, beat_s: float = 1 / BEAT_HZ, loud: float = 0.4) -> None:
    """Clicks, one of them where the dance starts, over some noise."""
    rng = np.random.default_rng(0)
    sound = 0.01 * rng.normal(size=int(seconds * RATE))
    for at in np.arange(START_S % beat_s, seconds - 0.1, beat_s):
        place = round(at * RATE)
        part = sound[place : place + 500]
        part += (rng.normal(size=500) * np.linspace(1, 0, 500))[: len(part)]
    file.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(file, loud * sound / np.abs(sound).max(), RATE)


def written(path: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(Path(path).read_text("utf-8"))
    return content


def new() -> list[str]:
    return sorted(path.name for path in Path().iterdir() if path.name != "dances")


def test_a_dance_in_time(call: Call) -> None:
    status, out, err = call(DANCE, OWN)
    assert status == 0, err
    assert new() == ["DANCE_C_1.sync.json", "DANCE_C_1.sync.png"]
    assert Path("DANCE_C_1.sync.png").read_bytes().startswith(b"\x89PNG")
    content = written("DANCE_C_1.sync.json")
    assert content["answer"] == "yes"
    assert abs(content["late_s"]) < 0.03
    assert content["fit"] > 1.25 * content["rival"]
    assert content["music"]["start_s"] == START_S
    assert content["music"]["bpm"] == pytest.approx(120, abs=0.3)
    assert content["music"]["sha256"] == content_hash(OWN)
    assert content["dance"]["not_trained_on"] is None
    assert content["conclusion"] in out
    assert "In time" in out


@pytest.mark.parametrize("late_s", [0.2, -0.15])
def test_how_much_later_the_music_has_to_be_read(call: Call, late_s: float) -> None:
    status, out, _ = call(DANCE, OWN, "--start", START_S - late_s)
    assert status == 1
    content = written("DANCE_C_1.sync.json")
    assert content["answer"] == "no"
    assert content["late_s"] == pytest.approx(late_s, abs=0.03)
    assert f"{abs(content['late_s']):.2f} s {'later' if late_s > 0 else 'earlier'}" in out


def test_the_result_as_json_and_nothing_else(call: Call) -> None:
    status, out, _ = call(DANCE, OWN, "--json")
    assert status == 0
    assert json.loads(out) == written("DANCE_C_1.sync.json")
    status, out, err = call(DANCE, OWN, "--force", "--quiet")
    assert (status, out, err) == (0, "", "")


def test_where_the_dance_starts(call: Call) -> None:
    other, linked = Path("other.wav"), Path("linked.wav")
    other.write_bytes(OWN.read_bytes())
    linked.symlink_to(OWN)
    for music, start_s in ((linked, START_S), (other, 0)):
        assert call(DANCE, music, "--out", "a.png", "--force").status in (0, 1)
        assert written("a.json")["music"]["start_s"] == start_s


def test_music_of_another_tempo(call: Call) -> None:
    write_music(30, Path("other.wav"), beat_s=0.42)
    status, out, _ = call(DANCE, "other.wav")
    assert status == 1
    assert written("DANCE_C_1.sync.json")["late_s"] is None
    assert "the dance keeps 120 beats a minute, the music 143" in out


def test_a_dance_without_a_tempo(call: Call) -> None:
    write_dance(still=True)
    status, out, _ = call(DANCE, OWN)
    assert status == 1
    assert written("DANCE_C_1.sync.json")["answer"] == "cannot tell"
    assert "Cannot tell" in out


def test_music_that_counts_half_the_beats_is_in_time_too(call: Call) -> None:
    write_music(30, Path("other.wav"), beat_s=2 / BEAT_HZ)
    assert call(DANCE, "other.wav", "--start", START_S).status == 0
    assert written("DANCE_C_1.sync.json")["answer"] == "yes"


def test_a_piece_is_judged_by_weights_that_do_not_know_it(call: Call) -> None:
    DANCE.rename("dances/DANCE_C_2")
    assert call("dances/DANCE_C_2", "dances/DANCE_C_2/audio.wav").status == 0
    assert written("DANCE_C_2.sync.json")["dance"]["not_trained_on"] == "C_2"


def test_joints_of_an_array_at_another_rate(call: Call) -> None:
    joints = np.random.default_rng(0).normal(size=(400, 23, 3))
    np.save("dance.npy", joints)
    status, _, err = call("dance.npy", OWN, "--layout", "musictodance", "--rate", 60)
    assert status in (0, 1), err
    assert written("dance.sync.json")["dance"]["seconds"] == pytest.approx(400 / 60)
    np.save("dance.npy", joints[:, :17])
    status, _, err = call("dance.npy", OWN, "--layout", "aist", "--rate", 60, "--force")
    assert (status < 2, "guessed: left wrist, left heel, left toe" in err) == (True, True), err


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [
        (Verdict("yes", 0.04, 0.5, 0.2, 120), "In time, within 0.04 s"),
        (Verdict("no", 0.21, 0.5, 0.2, 120), "0.21 s later (or that and whole beats of 0.50 s)"),
        (Verdict("no", -0.21, 0.5, 0.2, 120), "0.21 s earlier"),
        (Verdict("no", np.nan, 0.1, 0.5, 95), "keeps 95 beats a minute, the music 120"),
        (Verdict("no", np.nan, 0.1, 0.5, 55), "keeps 55 beats a minute, the music 60"),
        (Verdict("cannot tell", np.nan, 0.1, 0.1, np.nan), "sees no beat in this dance"),
    ],
)
def test_conclusions(verdict: Verdict, expected: str) -> None:
    assert expected in sync.conclude(verdict, beat_hz=2.0)


def test_the_weights_that_come_with_the_program_are_of_street_dances() -> None:
    found = read_json(METRICS, "run `dvc repro` of the stage street_time")
    assert sha256(SHIPPED.read_bytes()).hexdigest() == found["sha256"]
    model = BeatPhase.read(SHIPPED)
    assert model.weights.shape == (6, 1150, 4)
    names = [name for of in model.unseen for name in of]
    assert len(names) == len(set(names)) == 190
    assert {name.split("_")[0] for name in names} == set(GENRES)
    assert model.limits == STREET


def test_of_a_dance_unlike_those_that_the_model_knows_it_cannot_tell(
    call: Call, command: Call
) -> None:
    """A body that bobs on the beat is no street dance, however well it keeps it."""
    status, out, err = command("sync", "--up", "y", DANCE, OWN)
    assert status == 1, err
    assert out.startswith(
        "Cannot tell: this dance is unlike the street dances that the model knows"
    )
    assert "190 street dances" in out
    content = written("DANCE_C_1.sync.json")
    assert (content["answer"], content["known"], content["model"]) == (
        "cannot tell",
        False,
        sync.OWN,
    )
    assert (content["late_s"], content["dance_bpm"]) == (None, None)


@pytest.mark.parametrize(
    ("prepare", "arguments", "expected"),
    [
        (lambda: write_music(30, OWN, loud=0), [OWN], "silence"),
        (lambda: write_music(5, OWN), [OWN], "got 3.7"),
        (lambda: write_music(41, OWN), [OWN], "0 s to 0.666667 minutes"),
        (lambda: OWN.write_text("no music"), [OWN], "cannot be read as sound"),
        (lambda: OWN.write_bytes(b""), [OWN], "an empty file"),
        (lambda: None, ["none.wav"], "no such file"),
        (lambda: None, ["dances"], "a sound file"),
        (lambda: None, [OWN, "--start", "28"], "at least 5 s, got 2.00 s"),
        (lambda: None, [OWN, "--start", "50"], "got 0.00 s"),
        (lambda: None, [OWN, "--start", "inf"], "--start"),
        (lambda: None, [OWN, "--out", "a.jpg"], "ending in .png"),
        (lambda: None, [OWN, "--layout", "aist"], "--layout"),
        (lambda: write_dance(4.96), [OWN], "124 frames at 25 a second, 4.96 s"),
        (lambda: (DANCE / "skeletons.json").write_text("{"), [OWN], "skeletons.json"),
    ],
)
def test_mistakes(
    call: Call,
    prepare: Callable[[], object],
    arguments: list[str],
    expected: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reading, "LONGEST_S", 40.0)
    prepare()
    status, out, err = call(DANCE, *arguments)
    assert status == 2
    assert out == ""
    assert expected in err
    assert err.count("error:") == 1
    assert "Traceback" not in err
    assert "start_position" not in err  # which music of no dance has not
    assert new() == []
