"""The commands as a user meets them; a matcher whose answers are known stands for a trained one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import typer
from commands import Result
from fake_matcher import WINDOW_S, FakeMatcher, band_of, save, tone

from motionmusic.app import catalogue, cli, picks
from motionmusic.app.arguments import ORDER
from motionmusic.files import write_json
from motionmusic.methods import METHODS
from motionmusic.models import matcher
from motionmusic.render import page
from motionmusic.render.page import Panel

TRUE_LOAD = matcher.load
LOW, MIDDLE, HIGH = 300.0, 1000.0, 3000.0


Call = Callable[..., Result]


@pytest.fixture
def call(command: Call) -> Call:
    """The command; `recommend` writes recommendation.json where nothing else is said."""

    def run(*arguments: object) -> Result:
        if arguments[0] == "recommend" and "--out" not in arguments and len(arguments) > 1:
            arguments = (*arguments, "--out", "recommendation.json", "--force")
        if arguments[0] == "recommend" and "--method" not in arguments and len(arguments) > 1:
            arguments = (*arguments, "--method", "contrastive")
        return command(*arguments)

    return run


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a trained model of the task demo, four tracks and a dance with its music.

    The matcher wants the middle tone, and says Waltz of all segments but the first.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(catalogue, "music_beats", lambda audio, rate: (np.zeros(0), 123.0))

    def load(folder: Path) -> FakeMatcher:
        about = matcher.read_about(folder)
        return FakeMatcher(about, band_of(MIDDLE), digest=about.method)

    monkeypatch.setattr(matcher, "load", load)
    for method in ("category", "contrastive", "synchrony"):
        save(tmp_path / "data" / "demo" / "matchers", method)
    write_json(Path("data/demo/segments/about.json"), {"corpus": "music.demo"})
    raw = tmp_path / "data" / "music" / "demo" / "raw"
    write_dance(raw / "DANCE_W_1")
    tone(raw / "DANCE_W_1" / "audio.wav", MIDDLE)
    tone(raw / "DANCE_W_2" / "audio.wav", LOW, MIDDLE, LOW, seconds=WINDOW_S)
    tone(raw / "DANCE_W_3" / "audio.wav", LOW)
    tone(raw / "DANCE_R_1" / "audio.wav", HIGH)
    return tmp_path


RAW = Path("data/music/demo/raw")
DANCE = RAW / "DANCE_W_1"


def write_dance(folder: Path, frames: int = 260) -> Path:
    folder.mkdir(parents=True)
    joints = np.random.default_rng(0).normal(size=(frames, 23, 3))
    content = {"length": frames, "center": [[0, 0, 0]] * frames, "skeletons": joints.tolist()}
    (folder / "skeletons.json").write_text(json.dumps(content))
    (folder / "config.json").write_text('{"start_position": 25, "end_position": 285}')
    return folder


def written(path: Path = Path("recommendation.json")) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def paths(content: dict[str, Any]) -> list[str]:
    return [row["path"].split("/")[0] for row in content["recommended"]]


# Recommending


def test_the_track_that_fits_is_first_from_where_it_fits(place: Path, call: Call) -> None:
    status, out, _ = call("recommend", DANCE)
    assert status == 0
    assert "Predicted category: Waltz (90 % of 10 segments)" in out
    assert "Model: data/demo/matchers/contrastive-0, trained on the task demo" in out
    assert f"Catalogue: {RAW}, 4 tracks, the dance's own left out" in out
    assert out.index("DANCE_W_2") < out.index("DANCE_R_1")
    content = written()
    # a third of its windows is what the dance wants, of the others none; ties in order
    assert paths(content) == ["DANCE_W_2", "DANCE_R_1", "DANCE_W_3"]
    first = content["recommended"][0]
    assert first["score"] == pytest.approx(1 / 3, abs=1e-5)
    assert (first["start_s"], first["category"], first["bpm"]) == (WINDOW_S, "Waltz", 123)
    assert content["predicted"]["votes"] == {"Cha-cha": 0, "Rumba": 1, "Waltz": 9}
    assert content["model"]["task"] == "demo"
    assert content["model"]["digest"] == "contrastive"
    assert content["catalogue"]["own_track_left_out"] == ["DANCE_W_1/audio.wav"]
    assert content["dance"]["music_start_s"] == 1


def test_own_music_is_known_by_its_content(place: Path, call: Call) -> None:
    assert call("recommend", DANCE, "--include-own", "--top", 1).status == 0
    assert paths(written()) == ["DANCE_W_1"]
    other = tone(place / "other" / "renamed.wav", MIDDLE)
    tone(place / "other" / "low.wav", LOW)
    assert other.read_bytes() == (DANCE / "audio.wav").read_bytes()
    assert call("recommend", DANCE, "--catalogue", "other").status == 0
    assert paths(written()) == ["low.wav"]
    tone(DANCE / "audio.wav", 0.0)
    status, _, err = call("recommend", DANCE, "--catalogue", "other")
    assert (status, "its own music is not known: silence" in err) == (0, True)


def test_the_papers_draw(place: Path, call: Call) -> None:
    status, out, _ = call("recommend", DANCE, "--method", "category", "--top", 2)
    assert status == 0
    assert "drawn" in out
    drawn = paths(written())
    assert sorted(drawn) == ["DANCE_W_2", "DANCE_W_3"]
    call("recommend", DANCE, "--method", "category", "--top", 2)
    assert paths(written()) == drawn
    status, _, err = call("recommend", DANCE, "--method", "category")
    assert_one_error(status, err, "at least 3 tracks")


def test_synchrony_finds_the_music_in_time(place: Path, call: Call) -> None:
    status, out, _ = call("recommend", DANCE, "--method", "synchrony", "--top", 1)
    assert status == 0
    assert "0:09.0" in out  # where the dance's band begins
    assert paths(written()) == ["DANCE_W_2"]


@pytest.mark.parametrize(
    ("method", "sizes"),
    [("contrastive", {"width": 4, "size": 8}), ("synchrony", {})],
)
def test_trained_networks_are_served(
    place: Path, call: Call, monkeypatch: pytest.MonkeyPatch, method: str, sizes: dict[str, int]
) -> None:
    monkeypatch.setattr(matcher, "load", TRUE_LOAD)
    folder = place / "data" / "demo" / "matchers" / f"{method}-0"
    about = matcher.read_about(folder).model_copy(update={"sizes": sizes})
    matcher.save(folder, about, {0: matcher.network_of(about)})
    (folder.parent / "category-0" / "matcher.json").unlink()
    rows = []
    for _ in range(2):  # the second time from the cache
        result = call("recommend", DANCE, "--method", method, "--include-own", "--top", 4)
        assert result.status == 0, result.err
        rows.append(written()["recommended"])
    scores = [row["score"] for row in rows[0]]
    assert scores == sorted(scores, reverse=True)
    assert np.isfinite(scores).all()
    assert len(set(scores)) > 1
    assert rows[0] == rows[1]


def test_without_a_classifier_tracks_are_ranked_all_the_same(place: Path, call: Call) -> None:
    (place / "data" / "demo" / "matchers" / "category-0" / "matcher.json").unlink()
    status, out, _ = call("recommend", DANCE)
    assert status == 0
    assert "Predicted category: not known" in out
    assert written()["predicted"] is None
    status, _, err = call("recommend", DANCE, "--method", "category")
    assert_one_error(status, err, "contrastive, synchrony, got category")


def test_an_array_at_another_rate(place: Path, call: Call) -> None:
    np.save("mine.npy", np.random.default_rng(0).normal(size=(600, 23, 3)))
    arguments = ("--layout", "musictodance", "--rate", 60, "--out", "mine.json")
    assert call("recommend", "mine.npy", *arguments).status == 0
    content = written(Path("mine.json"))
    assert content["dance"]["rate_hz"] == 60
    assert content["predicted"]["segments"] == 10  # the last frame is at 9.98 s: 250 frames at 25
    assert paths(content)[0] == "DANCE_W_1"  # it has no music of its own


def test_a_video_with_every_candidate(
    place: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[Any, ...]] = []
    monkeypatch.setattr(picks, "video", lambda *given: calls.append(given))
    status, _, err = call("recommend", DANCE, "--render", "out.mp4")
    assert status == 0
    assert "Written to out.mp4" in err
    ((path, joints, layout, rate, panels, _),) = calls
    assert (path, layout, rate) == (Path("out.mp4"), "musictodance", 25)
    assert joints.shape == (260, 23, 3)
    # from 9 s on, where the middle tone is, which is 1,000 periods a second
    assert np.abs(np.fft.rfft(panels[0].sound[:48_000])).argmax() == MIDDLE
    assert len(panels[0].sound) == 260 / 25 * 48_000
    assert panels[0].title == "1. DANCE_W_2/audio"
    assert len(panels) == 3


def test_broken_files_are_listed_and_the_rest_is_served(place: Path, call: Call) -> None:
    for number in range(24):
        (RAW / f"[broken]{number:02}.mp3").write_text("no sound")
    tone(RAW / "é.wav", LOW)
    (RAW / "é.wav").rename(RAW / os.fsdecode(b"A\xe9.wav"))  # no UTF-8
    status, out, _ = call("recommend", DANCE)
    assert status == 0
    assert paths(written())[0] == "DANCE_W_2"
    assert out.index("DANCE_W_2") < out.index("25 files or folders could not be read")
    assert "[broken]00.mp3: expected a sound file" in out
    assert "and 15 more" in out
    assert "A\\xe9.wav: expected a name in UTF-8" in out
    broken = [os.fsencode(each["path"]) for each in written()["catalogue"]["broken"]]
    assert len(broken) == 25
    assert b"A\xe9.wav" in broken


# The dance with music


def test_rendering_with_own_and_other_music(
    place: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[Any, ...]] = []
    monkeypatch.setattr(page, "video", lambda *given: calls.append(given))
    seconds = np.arange(15 * 8000) / 8000
    soundfile.write("ramp.wav", seconds / 30, 8000)  # sample at t is t / 30
    for start in ((), ("--start", 4)):
        assert call("render", DANCE, "out.mp4", "--music", "ramp.wav", *start).status == 0
    assert call("render", DANCE, "out.mp4").status == 0
    for (path, joints, _, rate, panels), start_s in zip(calls[:2], (0, 4), strict=True):
        assert (path, rate) == (Path("out.mp4"), 25)
        assert joints.shape == (260, 23, 3)
        (panel,) = panels
        assert isinstance(panel, Panel)
        assert panel.detail == f"ramp.wav, from 0:0{start_s}.0"
        assert len(panel.sound) == 260 / 25 * 48_000
        assert panel.sound[48_000] == pytest.approx((start_s + 1) / 30, abs=1e-3)
    # its own 10 s of music from 1 s on, as config.json says, also where it is named
    assert call("render", DANCE, "out.mp4", "--music", DANCE / "audio.wav").status == 0
    assert [len(of[4][0].sound) for of in calls[2:]] == [9 * 48_000] * 2
    _, _, err = call("render", DANCE, "out.mp4", "--music", "ramp.wav", "--start", 12.5)
    assert "the sound of ramp.wav ends after 2.5 s of the dance's 10.4 s\n" in err
    status, _, err = call("render", DANCE, "out.mp4", "--start", 15)
    assert_one_error(status, err, "sound from 15 s on, got a sound of 10.00 s")
    assert "or an earlier --start" in err


# Models


def test_models_are_listed(place: Path, call: Call) -> None:
    status, out, _ = call("models")
    assert status == 0
    for text in ("data/demo/matchers", "contrastive", "synchrony", "Cha-cha, Rumba, Waltz"):
        assert text in out
    assert "CC BY 4.0, as its data" in " ".join(out.split())
    assert call("models", "-q") == (0, "", "")
    MATCHERS.rename("gone")
    status, out, _ = call("models")
    assert status == 0
    assert "GENRE OF A DANCE" in out
    assert "No model was trained here" in out


def test_the_lowest_seed_is_taken(place: Path, call: Call) -> None:
    folder = place / "data" / "demo" / "matchers"
    about = matcher.read_about(folder / "contrastive-0")
    (folder / "contrastive-0").rename(folder / "contrastive-2")
    for seed in (10, 2):
        target = folder / f"contrastive-{seed}"
        target.mkdir(exist_ok=True)
        text = about.model_copy(update={"seed": seed}).model_dump_json()
        (target / "matcher.json").write_text(text)
    assert call("recommend", DANCE).status == 0
    assert written()["model"]["seed"] == 2


# Mistakes


def assert_one_error(status: int, err: str, *texts: str) -> None:
    assert status == 2
    assert err.count("error: ") == 1
    assert err.count("what to do:") == 1
    assert "Traceback" not in err
    for text in texts:
        assert text in err


def not_a_number() -> None:
    joints = np.ones((100, 23, 3))
    joints[7, 3, 1] = np.nan
    np.save("nan.npy", joints)


MATCHERS = Path("data/demo/matchers")
RECOMMEND = ("recommend", DANCE)


@pytest.mark.parametrize(
    ("prepare", "arguments", "texts"),
    [
        (lambda: write_dance(Path("short"), 2), ("recommend", "short"), ["25 frames", "2 frames"]),
        (lambda: write_dance(Path("DANCE_C_9"), 1), ("recommend", "DANCE_C_9"),
         ["DANCE_C_9", "1 frames"]),
        (lambda: write_dance(Path("DANCE_C_9"), 1),
         ("render", "DANCE_C_9", "x.mp4", "--music", DANCE / "audio.wav"),
         ["DANCE_C_9: expected a dance of at least two frames, got 1"]),
        (lambda: write_dance(Path("short"), 5), ("render", "short", "out.mp4"),
         ["a dance with music beside it", "--music FILE"]),
        (None, ("render", DANCE, "out.mp4", "--start", "60"), ["audio.wav", "from 60 s on"]),
        (not_a_number, ("recommend", "nan.npy", "--layout", "musictodance", "--rate", "25"),
         ["nan.npy: expected a body in most frames"]),
        (lambda: Path("empty").mkdir(), (*RECOMMEND, "--catalogue", "empty"),
         ["empty: expected sound files"]),
        (lambda: tone(Path("own/same.wav"), MIDDLE), (*RECOMMEND, "--catalogue", "own"),
         ["music other than the dance's own", "--include-own"]),
        (lambda: RAW.rename("all"), ("recommend", "all/DANCE_W_1"),
         ["music/demo/raw", "--catalogue DIR"]),
        (lambda: MATCHERS.rename("gone"), RECOMMEND, ["dvc repro pipeline/music/m2d_mini/dvc.yaml"]),
        (lambda: save(Path("data/other/new/matchers"), "contrastive"), RECOMMEND,
         ["data/demo/matchers, data/other/new/matchers"]),
        (None, (*RECOMMEND, "--model", "data/demo"), ["data/demo: expected a folder of trained"]),
        (lambda: (MATCHERS / "contrastive-0/matcher.json").write_text("{"), RECOMMEND,
         ["contrastive-0/matcher.json"]),
    ],
)  # fmt: skip
def test_mistakes(
    place: Path,
    call: Call,
    prepare: Callable[[], object] | None,
    arguments: tuple[object, ...],
    texts: list[str],
) -> None:
    """Those of paths and options alone are in test_outputs.py."""
    if prepare:
        prepare()
    before = {path for path in place.rglob("*") if "cache" not in path.parts}
    status, _, err = call(*arguments)
    assert_one_error(status, err, *texts)
    assert {path for path in place.rglob("*") if "cache" not in path.parts} == before


@pytest.mark.parametrize(
    "arguments", ["recommend", "recommend x --method magic", "recommend x --top 0", "render x",
                  "render x y.mp4 --start -1", "dance"],
)  # fmt: skip
def test_wrong_usage(call: Call, arguments: str) -> None:
    status, out, err = call(*arguments.split())
    assert status == 2
    assert out == ""
    assert "Usage: motionmusic" in err
    assert "Traceback" not in err


def test_help_is_quick_and_helps(call: Call) -> None:
    code = (
        "import sys, motionmusic.app.cli;"
        "print(*{'torch', 'librosa', 'av', 'pandas', 'sklearn', 'scipy', 'pydantic'}"
        " & set(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == ""
    assert call("--version").out == f"motionmusic {version('motionmusic')}\n"
    for command, text in (
        ("recommend", "--include-own"), ("render", "--start"), ("models", ""), ("conduct", "--seed"),
        ("sync", "--start"), ("study", "score"),
    ):  # fmt: skip
        status, out, _ = call(command, "--help")
        assert status == 0
        assert "Usage: motionmusic" in out
        assert text in out


def test_every_command_can_be_quiet_verbose_and_print_json() -> None:
    group = typer.main.get_command(cli.app)
    commands = dict(vars(group)["commands"])
    commands |= vars(commands.pop("study"))["commands"]
    assert len(commands) == 11
    for name, command in commands.items():
        options = {word for parameter in command.params for word in parameter.opts}
        assert {"--json", "--quiet", "-q", "--verbose", "-v"} <= options, name


@pytest.mark.parametrize(
    "page",
    ["", "recommend", "sync", "render", "check", "convert", "pose", "evaluate", "models", "study",
     "study make", "study score", "conduct"],
)  # fmt: skip
def test_help_is_readable_at_80_columns(command: Call, page: str) -> None:
    _, out, _ = command(*page.split(), "--help", columns=80)
    assert max(map(len, out.splitlines())) <= 80
    for text in ("{", "}", "<path>", "<list", "<bool>", "<str>", "<int", "<float", "\x1b"):
        assert text not in out
    if page == "recommend":
        for method in METHODS:  # in a line each
            assert f"• {method}: " in out
    if not page:
        starts = [out.index(f"│ {name} ") for name in ("recommend", "sync", "render", "conduct")]
        assert starts == sorted(starts)
        shown = out[out.index("─ Commands ─") :].splitlines()[1:-2]
        assert [line.split()[1] for line in shown if line.strip()] == list(ORDER)  # a line each
        assert "│ --install-completion" not in out


def test_completion(tmp_path: Path) -> None:
    for words, expected in (
        ("motionmusic re", "recommend\nrender"),
        ("motionmusic sync --la", "--layout"),
    ):
        asked = {"_MOTIONMUSIC_COMPLETE": "complete_bash", "COMP_WORDS": words,
                 "COMP_CWORD": str(words.count(" "))}  # fmt: skip
        code = "from motionmusic.app import cli; cli.main()"
        ended = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True,
            env=os.environ | asked,
        )  # fmt: skip
        assert ended.stdout.strip() == expected


def test_names_that_would_write_to_the_terminal(place: Path, call: Call) -> None:
    music = place / "music"
    tone(music / "Café – 踊り 🎵.wav", MIDDLE, LOW)
    tone(music / "red.wav", LOW).rename(music / "\x1b[31mred\n.wav")
    tone(music / "up.wav", HIGH).rename(music / "gpj.\u202e.wav")
    for name in ("\x1b]0;title\x07.wav", "a\rb.mp3"):
        (music / name).touch()
    DANCE.rename(DANCE.with_name("DANCE\x1b[2J_W_1"))
    dance = DANCE.with_name("DANCE\x1b[2J_W_1")
    status, out, err = call("recommend", dance, "--catalogue", music)
    assert status == 0
    for text in ("\\x1b[31mred\\n.wav", "gpj.\\u202e.wav", "\\x1b]0;title\\x07.wav", "a\\rb.mp3",
                 "DANCE\\x1b[2J_W_1", "Café – 踊り"):  # fmt: skip
        assert text in out
    assert not set("\x1b\x07\r\u202e") & set(out + err)
    names = {row["path"] for row in written()["recommended"]}  # as they are on the disk
    assert names == {"Café – 踊り 🎵.wav", "\x1b[31mred\n.wav", "gpj.\u202e.wav"}
    status, out, err = call("recommend", dance, "--catalogue", music, "--json")
    assert out.isascii()
    assert json.loads(out) == written()
    assert call("recommend", dance, "--catalogue", music, "--quiet")[:2] == (0, "")


@pytest.mark.parametrize("top", [99, 10**18, 10**20])
def test_more_tracks_than_there_are(place: Path, call: Call, top: int) -> None:
    status, _, err = call("recommend", DANCE, "--top", top)
    if status:
        assert "Traceback" not in err
    else:
        assert len(written()["recommended"]) == 3


def test_a_dance_through_a_link_a_slash_or_from_within(
    place: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("link to dance").symlink_to(DANCE)
    (RAW / "again").symlink_to(RAW.resolve())
    for dance in ("link to dance", f"{DANCE}/"):
        assert call("recommend", dance).status == 0
        assert written()["catalogue"]["tracks"] == 4
    monkeypatch.chdir(DANCE)
    given = ("--model", place / MATCHERS, "--catalogue", place / RAW)
    assert call("recommend", ".", *given, "--out", place / "dot.json").status == 0
    assert written(place / "dot.json")["dance"]["name"] == "DANCE_W_1"
