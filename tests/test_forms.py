"""Every kind of file a dance comes in, through check, render, sync and recommend."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import soundfile
from bodies import room, write_bvh, write_c3d, write_folder
from commands import Result
from fake_matcher import FakeMatcher, band_of, save, tone
from mirrored import MIRROR
from retargeted import NAME, doubled, motion, turned
from retargeted import write as write_clip

from motionmusic.app import catalogue
from motionmusic.data.marker_files import MARKERS
from motionmusic.data.points import LIMBS, FileLayout, joints_of, points_of, whole
from motionmusic.data.vrm import BONES
from motionmusic.models import matcher
from motionmusic.numba_cache import librosa

SECONDS = 5.2
TEMPO = 124.3  # that is seen in room(SECONDS), in every form
Make = Callable[[Path], Path]


def array(layout: FileLayout) -> Make:
    def write(folder: Path) -> Path:
        joints = joints_of(whole(points_of(room(SECONDS), "musictodance")).points, layout)
        up = np.array((1, -1, -1) if layout == "mediapipe33" else (1, 1, 1))
        np.savez(folder / "dance.npz", joints=joints * up / 100, rate=25.0, layout=layout)
        return folder / "dance.npz"

    return write


def bvh(folder: Path) -> Path:
    names = {name: name.title().replace(" ", "") for name in LIMBS}
    return write_bvh(folder / "dance.bvh", points_of(room(SECONDS), "musictodance"), names)


def capture(folder: Path) -> Path:
    points = points_of(room(SECONDS), "musictodance")
    markers = {
        name: points[point][:, [0, 2, 1]] * (10, -10, 10)
        for point, ways in MARKERS.items() if point in points for name in ways[0]
    }  # fmt: skip
    return write_c3d(folder / "dance.c3d", markers, 25)


def poses(folder: Path) -> Path:
    frames = round(SECONDS * 60)
    turns = np.zeros((frames, 24, 3))
    turns[:, 1, 0] = -0.5 - 0.5 * np.sin(np.arange(frames) / 20)
    turns[:, 16, 2] = np.sin(np.arange(frames) / 17)
    content = {"smpl_poses": turns.reshape(frames, 72), "smpl_trans": np.full((frames, 3), 80.0),
               "smpl_scaling": np.array([93.0])}  # fmt: skip
    (folder / "dance.pkl").write_bytes(pickle.dumps(content))
    return folder / "dance.pkl"


def clip(folder: Path) -> Path:
    t = np.arange(312) / 60
    swing = {bone: turned((1, 0, 0), 0.2 * np.sin(3 * t + n)) for n, bone in enumerate(BONES)}
    return write_clip(folder / f"{NAME}.t2.json", doubled(motion(len(t), **swing)))


FORMS: dict[str, tuple[str, Make]] = {
    "MusicToDance": ("MusicToDance", lambda folder: write_folder(folder / "dance", room(SECONDS))),
    "BVH": ("BVH", bvh),
    "c3d": ("c3d", capture),
    "SMPL joints": ("joints", array("smpl24")),
    "SMPL poses": ("AIST++ SMPL poses", poses),
    "COCO": ("joints", array("coco17")),
    "MediaPipe": ("joints", array("mediapipe33")),
    "VRM": ("VRM clip", clip),
}
REAL = {  # in the mirror
    "c3d": "abcyzj/ChoreoNet/*/data/raw_c3d/ll_qq_03_3.c3d",
    "VRM clip": f"rohitacharyams/MotionMind/*/coach/static/anim/{NAME}.t2.json",
}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a model that wants the middle tone, and music that has it or has not."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(catalogue, "music_beats", lambda audio, rate: (np.zeros(0), 123.0))
    monkeypatch.setattr(
        matcher, "load", lambda folder: FakeMatcher(matcher.read_about(folder), band_of(1000.0))
    )
    save(tmp_path / "data" / "demo" / "matchers", "contrastive")
    tone(Path("music/low.wav"), 300.0)
    tone(Path("music/middle.wav"), 1000.0)
    at = np.arange(0, SECONDS, 0.5)
    sound = librosa.clicks(times=at, sr=12_800, length=round(SECONDS * 12_800))
    soundfile.write("clicks.wav", sound, 12_800)
    return tmp_path


@pytest.mark.parametrize("form", FORMS)
def test_one_form_through_every_command(
    place: Path, command: Callable[..., Result], form: str
) -> None:
    said, make = FORMS[form]
    every = form in (
        "MusicToDance",
        "SMPL poses",
        "VRM",
    )  # of three rates, with and without a place
    through_every_command(command, make(place), said, faults=(), every=every)


@pytest.mark.parametrize("form", REAL)
def test_real_files_through_every_command(
    place: Path, command: Callable[..., Result], form: str
) -> None:
    found = sorted(MIRROR.glob(REAL[form]))
    if not found:
        pytest.skip(f"no {REAL[form]} in MOTIONMUSIC_MIRROR")
    through_every_command(
        command, Path(shutil.copy(found[0], place)), form, faults=None, every=True
    )


def test_paths_that_a_shell_would_mind(place: Path, command: Callable[..., Result]) -> None:
    odd = Path("it's tänze [a] $x %d *", '"q" – b')
    odd.mkdir(parents=True)
    dance = Path(shutil.move(bvh(place), odd / "a dance's.bvh"))
    tone(odd / "music" / "$low's [1].wav", 300.0)
    given = ("--catalogue", odd / "music", "--method", "contrastive", "--render", odd / "r.mp4")
    assert command("recommend", dance, *given, "--out", odd / "r.json").status == 0
    found = json.loads((odd / "r.json").read_text())
    assert [row["path"] for row in found["recommended"]] == ["$low's [1].wav"]
    assert found["dance"]["name"] == "a dance's"
    assert {file.name for file in odd.iterdir()} == {dance.name, "music", "r.json", "r.mp4"}


def through_every_command(
    command: Callable[..., Result],
    dance: Path,
    said: str,
    faults: tuple[str, ...] | None,
    every: bool,
) -> None:
    """See that each command takes the dance; ``faults`` are the only ones it may have, or any.

    All have it from one reader, so not ``every`` form has to be drawn and heard.
    """
    status, out, err = command("check", dance, "--json")
    facts = json.loads(out)
    assert (facts["form"], err) == (said, "")
    if faults is not None:
        assert ([each["kind"] for each in facts["warnings"]], status) == ([], 0)

    if every:
        assert command("render", dance, "out.mp4", "--music", "clicks.wav").status == 0
        with av.open("out.mp4") as film:
            stream: Any = film.streams.video[0]
            length = float(stream.duration * stream.time_base)
            assert len(film.streams.audio) == 1
        assert length == pytest.approx(facts["seconds"], abs=0.1)

        status, out, err = command("sync", dance, "clicks.wav", "--json")
        if facts["seconds"] < 5:
            assert (status, "a dance of at least 5 s" in err) == (2, True)
        else:
            found = json.loads(out)
            assert (status == 0) == (found["answer"] == "yes")
            assert found["dance"]["form"] == said
            assert found["music"]["bpm"] == pytest.approx(120, abs=1)

    status, out, err = command("recommend", dance, "--catalogue", "music", "--json")
    if facts["seconds"] < 3:
        assert (status, "a dance of at least 3 s" in err) == (2, True)
    else:
        found = json.loads(out)
        assert (status, found["dance"]["form"], found["method"]) == (0, said, "practical")
        assert {row["path"] for row in found["recommended"]} == {"low.wav", "middle.wav"}
        if faults is not None and said not in ("VRM clip", "AIST++ SMPL poses"):  # other dances
            assert found["tempo"]["bpm"] == pytest.approx(TEMPO, rel=0.02)
