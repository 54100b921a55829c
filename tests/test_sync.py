"""`motionmusic sync`: what it writes, which networks it asks, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import fake_matcher
import numpy as np
import pytest
import soundfile
import torch
from conftest import Result

from motionmusic.app import arguments as reading
from motionmusic.app import sync
from motionmusic.app.catalogue import content_hash
from motionmusic.models import matcher
from motionmusic.models.synchrony import SynchronyNetwork
from motionmusic.scoring import planted

pytestmark = pytest.mark.usefixtures("torch_alone")

RATE = 22050
FRAMES = 100  # of the dance, at 25 a second
START_S = 1.24  # what its config.json says
MODEL = Path("data/demo/synchrony/0")
DANCE = Path("dances/DANCE_C_1")


Call = Callable[..., Result]


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Call) -> Call:
    """The command in a folder with a dance of 4 s, its music of 9 s and networks of three folds."""
    monkeypatch.chdir(tmp_path)
    write_dance()
    write_music(9, DANCE / "audio.wav")
    write_networks(MODEL, *range(3))

    return partial(command, "sync")


def write_dance(frames: int = FRAMES) -> None:
    t = np.arange(frames)[:, None, None] / 25
    joints = np.random.default_rng(0).normal(size=(1, 23, 3)) * 30
    joints = joints * (1 + 0.3 * np.sin(2 * np.pi * 1.5 * t + np.arange(23)[:, None]))
    content = {"length": frames, "center": [[0, 0, 0]] * frames, "skeletons": joints.tolist()}
    DANCE.mkdir(parents=True, exist_ok=True)
    (DANCE / "skeletons.json").write_text(json.dumps(content))
    start = round(START_S * 25)
    positions = {"start_position": start, "end_position": start + frames}
    (DANCE / "config.json").write_text(json.dumps(positions))


def write_music(seconds: float, file: Path, loud: float = 0.4) -> None:
    """Half a second between clicks, over some noise."""
    rng = np.random.default_rng(0)
    sound = 0.01 * rng.normal(size=int(seconds * RATE))
    for at in range(0, len(sound) - 500, RATE // 2):
        sound[at : at + 500] += rng.normal(size=500) * np.linspace(1, 0, 500)
    file.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(file, loud * sound / np.abs(sound).max(), RATE)


def write_networks(folder: Path, *folds: int) -> None:
    """Networks that nobody has trained, with votes that vary; no fold knows the dance."""
    folder.mkdir(parents=True)
    about = fake_matcher.about("synchrony")
    about = about.model_copy(update={"knows": {fold: ["W_1"] for fold in folds}})
    matcher.save(folder, about, {fold: network(fold) for fold in folds})


@cache
def network(seed: int) -> SynchronyNetwork:
    torch.manual_seed(seed)
    made = matcher.network_of(fake_matcher.about("synchrony"))
    assert isinstance(made, SynchronyNetwork)
    with torch.no_grad():
        for _ in range(10):  # normalisation of about what it hears and sees
            made.music_encoder(torch.rand(1, 60, 96))
            made.motion_encoder(torch.rand(1, 60, 23, 3) - 0.5)
        made.fuse_layer[4].get_parameter("weight").mul_(30)
    return made


def write_folds(*known: list[str]) -> None:
    """What each fold knows."""
    path = MODEL / "matcher.json"
    content = json.loads(path.read_text("utf-8"))
    content["knows"] = dict(enumerate(known))
    path.write_text(json.dumps(content))


def written(path: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(Path(path).read_text("utf-8"))
    return content


def new() -> list[str]:
    return sorted(path.name for path in Path().iterdir() if path.name not in ("data", "dances"))


def test_picture_numbers_and_what_follows(call: Call) -> None:
    status, out, err = call(DANCE, DANCE / "audio.wav")
    assert status == 0, err
    assert new() == ["DANCE_C_1.sync.json", "DANCE_C_1.sync.png"]
    assert Path("DANCE_C_1.sync.png").read_bytes().startswith(b"\x89PNG")
    content = written("DANCE_C_1.sync.json")
    assert content["dance"]["seconds"] == 4
    assert content["music"]["sha256"] == content_hash(DANCE / "audio.wav")
    assert content["music"]["start_s"] == START_S
    assert content["model"]["path"] == str(MODEL)
    assert content["model"]["not_trained_on"] is None
    first = MODEL / "fold0.safetensors"
    assert content["model"]["folds"]["0"] == {"path": str(first), "sha256": content_hash(first)}
    assert len(content["offsets_s"]) == 101
    for name in ("votes", "mint", "bailando"):
        curve = np.array(content["curves"][name], float)
        facts = content["found"][name]
        assert curve.shape == (101,)
        assert facts["at_0"] == curve[50]
        assert facts["best"] == np.nanmax(curve)
        assert curve[round(facts["best_s"] * 25) + 50] == facts["best"]
        assert abs(facts["next_s"] - facts["best_s"]) > 0.25
        assert f"{facts['best_s']:+.2f} s" in out
    # the music starts 1.24 s before the dance: at -2 s 2.76 + 0.48 of 4 s would be there
    assert np.isfinite(content["curves"]["votes"]).all()
    assert content["sync_error"] == pytest.approx(1 - content["found"]["votes"]["at_0"], abs=1e-5)
    assert f"Sync error at this start: {content['sync_error']:.3f}" in out
    assert content["conclusion"] in out


def test_where_the_dance_starts(call: Call) -> None:
    own = DANCE / "audio.wav"
    other = Path("other.wav")
    other.write_bytes(own.read_bytes())
    linked = Path("linked.wav")
    linked.symlink_to(own)
    starts = {}
    given: dict[str, list[object]] = {
        "own": [own],
        "linked": [linked],
        "other": [other],
        "given": [other, "--start", START_S],
        "frame": [own, "--start", START_S + 1 / 25],
    }
    for name, arguments in given.items():
        assert call(DANCE, *arguments, "--out", f"{name}.png").status == 0
        starts[name] = written(f"{name}.json")
    assert [starts[name]["music"]["start_s"] for name in ("own", "linked", "other")] == [
        START_S, START_S, 0,
    ]  # fmt: skip
    assert starts["given"]["curves"] == starts["own"]["curves"]
    # a start later by a frame is the same curve, read one offset earlier
    before, after = (starts[name]["curves"]["votes"] for name in ("own", "frame"))
    # but near the ends of what is heard, which the later start moves by a frame
    np.testing.assert_allclose(after[30:70], before[31:71], atol=0.1 * np.ptp(before))
    assert np.ptp(before) > 1e-3
    # of 100 frames 50 have music 2 s before the other's beginning
    assert starts["other"]["curves"]["votes"][0] is not None


def test_a_start_on_a_frame_but_for_rounding(call: Call) -> None:
    start = np.nextafter(1.0, 0)  # 25 frames before it is a hair before the music begins
    assert call(DANCE, DANCE / "audio.wav", "--start", start).status == 0


def test_a_start_between_frames_is_kept(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = []

    def curve(motion_s: Any, music_s: Any, duration_s: float, definition: str) -> Any:
        kept.append(np.asarray(music_s))
        return np.zeros(101)

    monkeypatch.setattr(planted, "alignment_curve", curve)
    for start in (2.7, 2.71):
        assert call(DANCE, DANCE / "audio.wav", "--start", start).status == 0
    # clicks are every half second from the beginning of the music
    off = (kept[0] + 2.7 + 0.25) % 0.5 - 0.25
    assert np.abs(np.median(off)) < 0.04
    assert kept[0].min() < -1  # also music before the dance
    # and 10 ms earlier where the dance starts 10 ms later
    moved = [np.abs(kept[2] + 0.01 - beat).min() for beat in kept[0]]
    assert np.median(moved) < 0.004


def test_networks_hear_the_start_between_frames(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    phases = []

    def curve(network: Any, music: Any, motion: Any, start: int, rate_hz: float) -> Any:
        level = music.numpy().mean(axis=1)
        loud = np.maximum(0, level - np.median(level))
        times = (np.arange(len(music)) - start) / rate_hz  # from the dance's beginning
        phases.append(np.angle(np.sum(loud * np.exp(2j * np.pi * times / 0.5))) / (2 * np.pi) * 0.5)
        return np.zeros(101)

    monkeypatch.setattr(planted, "vote_curve", curve)
    starts = (2.7, 2.7 + 1 / 75, 2.7 + 1 / 50)  # a third and a half of a motion frame later
    for start in starts:
        assert call(DANCE, DANCE / "audio.wav", "--start", start).status == 0
    # clicks every half second come as much earlier as the dance starts later
    moved = np.array(phases[::3]) + starts - phases[0] - starts[0]
    assert np.abs((moved + 0.25) % 0.5 - 0.25).max() < 0.004


@pytest.mark.parametrize(
    ("known", "used"),
    [
        ([["W_1"], ["C_1"], ["C_1", "C_2"]], ["0"]),
        ([["C_11"], ["C_1"], ["DANCE"]], ["0", "2"]),
        ([["C_11"], ["W_1"], ["R_1"]], ["0", "1", "2"]),
        ([["DANCE_C_1"], ["W_1"], ["R_1"]], ["1", "2"]),
    ],
)
def test_networks_that_know_the_dance_are_not_asked(
    call: Call, known: list[list[str]], used: list[str]
) -> None:
    write_folds(*known)
    status, out, _ = call(DANCE, DANCE / "audio.wav")
    assert status == 0
    model = written("DANCE_C_1.sync.json")["model"]
    assert list(model["folds"]) == used
    assert f"fold {', '.join(used)}" in out
    assert (", not trained on" in out) == (len(used) < 3)
    assert (model["not_trained_on"] is None) == (len(used) == 3)


def test_votes_are_the_mean_of_the_networks(call: Call) -> None:
    curves = []
    for fold in range(3):
        write_networks(Path(f"m{fold}"), fold)
        assert call(DANCE, DANCE / "audio.wav", "--model", f"m{fold}").status == 0
        content = written("DANCE_C_1.sync.json")
        assert list(content["model"]["folds"]) == [str(fold)]
        curves.append(content["curves"]["votes"])
    assert call(DANCE, DANCE / "audio.wav").status == 0
    votes = written("DANCE_C_1.sync.json")["curves"]["votes"]
    np.testing.assert_allclose(votes, np.mean(curves, axis=0), atol=1e-5)


def test_joints_of_an_array_at_another_rate(call: Call) -> None:
    rng = np.random.default_rng(0)
    np.save("dance.npy", np.cumsum(rng.normal(size=(180, 23, 3)), axis=0))
    own = DANCE / "audio.wav"
    status, _, err = call("dance.npy", own, "--layout", "musictodance", "--rate", 60)
    assert status == 0, err
    assert written("dance.sync.json")["dance"]["seconds"] == 3
    np.save("dance.npy", rng.normal(size=(180, 17, 3)))
    status, _, err = call("dance.npy", own, "--layout", "aist", "--rate", 60)
    assert (status, "musictodance, which the model was trained with" in err) == (2, True)


NAN = float("nan")


@pytest.mark.parametrize(
    ("best_s", "expected"),
    [
        ([0.4, 0.5, 0.4667], "the music likely has to be read 0.47 s later"),
        ([-0.4, -0.5, -0.4667], "the music likely has to be read 0.47 s earlier"),
        ([0.0, 0.0333, -0.0333], "the start as given is likely right"),
        ([0.0, 0.0333, 0.2], "do not rely on any"),
        ([0.0, NAN, 0.0], "nothing can be concluded"),
    ],
)
def test_conclusions(best_s: list[float], expected: str) -> None:
    assert expected in sync._conclusion(best_s)


def broken_network() -> None:
    (MODEL / "fold1.safetensors").write_bytes(b"no network")


def second_model() -> None:
    write_networks(Path("data/demo/synchrony/1"), 0)


def no_model() -> None:
    (MODEL / "matcher.json").unlink()


OWN = str(DANCE / "audio.wav")


@pytest.mark.parametrize(
    ("prepare", "arguments", "expected"),
    [
        (lambda: write_music(9, DANCE / "audio.wav", loud=0), [OWN], "silence"),
        (lambda: write_music(2, DANCE / "audio.wav"), [OWN], "got 0.7"),
        (lambda: write_music(11, DANCE / "audio.wav"), [OWN], "0 s to 0.166667 minutes"),
        (lambda: (DANCE / "audio.wav").write_text("no music"), [OWN], "cannot be read as sound"),
        (lambda: (DANCE / "audio.wav").write_bytes(b""), [OWN], "an empty file"),
        (lambda: None, ["none.wav"], "no such file"),
        (lambda: None, ["dances"], "a sound file"),
        (lambda: None, [OWN, "--start", "8"], "at least half of the dance's 4.0 s, got 1.00 s"),
        (lambda: None, [OWN, "--start", "50"], "got 0.00 s"),
        (lambda: None, [OWN, "--start", "inf"], "--start"),
        (lambda: None, [OWN, "--out", "a.jpg"], "ending in .png"),
        (lambda: None, [OWN, "--layout", "aist"], "--layout"),
        (lambda: write_dance(49), [OWN], "49 frames at 25 a second, 1.96 s"),
        (lambda: (DANCE / "skeletons.json").write_text("{"), [OWN], "skeletons.json"),
        (no_model, [OWN], "music/m2d_mini/dvc.yaml:synchrony"),
        (lambda: None, [OWN, "--model", "dances"], "music/m2d_mini/dvc.yaml:synchrony"),
        (second_model, [OWN], "data/demo/synchrony/0, data/demo/synchrony/1"),
        (broken_network, [OWN], "fold1.safetensors"),
        (lambda: write_folds(["C_1"], ["C_1"], ["C_1"]), [OWN], "not trained on C_1"),
        (lambda: (MODEL / "matcher.json").write_text("{"), [OWN], "matcher.json"),
    ],
)
def test_mistakes(
    call: Call,
    prepare: Callable[[], object],
    arguments: list[str],
    expected: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reading, "LONGEST_S", 10.0)
    prepare()
    status, out, err = call(DANCE, *arguments)
    assert status == 2
    assert out == ""
    assert expected in err
    assert err.count("error:") == 1
    assert "Traceback" not in err
    assert "start_position" not in err  # which music of no dance has not
    assert new() == []
