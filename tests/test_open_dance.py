"""Options that say nothing of a dance are refused, and what is too large is not read."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from bodies import room, write_folder
from commands import Result
from test_pose import film

from motionmusic.app import open_dance

Command = Callable[..., Result]
HEAD = "HIERARCHY\nROOT hips\n{\n OFFSET 0 0 0\n}\nMOTION\nFrames: 1\nFrame Time: 0.04\n"


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("walk.bvh").write_text(HEAD)
    Path("names.yaml").write_text("left elbow: elbow\n")
    film(Path("dance.mp4"), [4 * n for n in range(5)])
    np.savez("joints.npz", joints=room(), rate=25.0, layout="musictodance")


@pytest.mark.parametrize(
    ("dance", "option", "value"),
    [
        ("walk.bvh", "--layout", "coco17"),
        ("joints.npz", "--names", "names.yaml"),
        ("dance.mp4", "--layout", "mediapipe33"),
        ("dance.mp4", "--rate", "30"),
        ("dance.mp4", "--up", "z"),
        ("dance.mp4", "--names", "names.yaml"),
    ],
)
def test_an_option_that_would_be_ignored(
    command: Command, dance: str, option: str, value: str
) -> None:
    status, out, err = command("check", dance, option, value)
    assert (status, out) == (2, "")
    assert f"{dance}: {option}: expected no {option}, which says nothing of this kind" in err


def test_nor_is_it_ignored_where_a_video_gets_other_music(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = ("render", "dance.mp4", "out.mp4", "--music", "dance.mp4", "--rate", "30")
    status, _, err = command(*given)
    assert (status, "a video without sound" in err) == (2, True)
    film(Path("song.mp4"), [4 * n for n in range(5)], sound=True)
    status, _, err = command(*given[:4], "song.mp4", *given[5:])
    assert (status, "--rate: expected no --rate" in err) == (2, True)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=9))
    status, _, err = command(*given[:4], "song.mp4")
    assert (status, "of free space for the pictures of dance.mp4" in err) == (2, True)
    assert not Path("out.mp4").exists()


def test_evaluate_gives_each_dance_the_options_that_it_has(command: Command) -> None:
    given = ("smpl24", 60.0, "z", Path("names.yaml"))
    assert open_dance.usable(Path("walk.bvh"), *given) == (None, *given[1:])
    assert open_dance.usable(Path("joints.npz"), *given) == (*given[:3], None)
    assert open_dance.usable(Path("dance.mp4"), *given) == (None,) * 4


def test_a_small_file_that_unpacks_to_a_large_one(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    with zipfile.ZipFile("bomb.npz", "w", zipfile.ZIP_DEFLATED) as members:
        for name in ("joints.npy", "other.npy"):
            members.writestr(name, bytes(600_000))
    assert Path("bomb.npz").stat().st_size < 10_000
    monkeypatch.setattr(open_dance, "LARGEST", 1 << 20)
    status, _, err = command("check", "bomb.npz")
    assert (status, "a dance of at most 1 MB, unpacked, got 1 MB" in err) == (2, True)
    write_folder(Path("DANCE_C_1"), room())
    monkeypatch.setattr(open_dance, "LARGEST", 40)
    for dance in ("walk.bvh", "DANCE_C_1"):
        status, _, err = command("check", dance)
        assert (status, "a dance of at most 0 MB" in err) == (2, True)
