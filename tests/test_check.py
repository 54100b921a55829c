"""``motionmusic check`` and ``convert``, and what all commands say of a dance."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from bodies import room, write_bvh, write_folder
from commands import Result

from motionmusic.data.dance_files import read_own
from motionmusic.data.points import LIMBS, points_of

NAMES = {name: name.title().replace(" ", "") for name in LIMBS}
Command = Callable[..., Result]


@pytest.fixture
def dance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A BVH in a folder of its own, in which the commands run."""
    monkeypatch.chdir(tmp_path)
    return write_bvh(Path("walk.bvh"), points_of(room(), "musictodance"), NAMES)


def test_a_whole_dance(command: Command, dance: Path) -> None:
    status, out, err = command("check", dance)
    assert (status, err) == (0, "")
    assert "BVH, 13 joints, 25 frames a second, y up" in out
    assert "guessed: left wrist, left heel" in out
    assert "  Genre: " in out
    assert out.endswith("Nothing wrong found\n")


def test_a_dance_with_faults(command: Command, dance: Path) -> None:
    world = room().copy()
    world[20:25], world[60] = 0, world[60] + 1e5
    folder = write_folder(Path("DANCE_C_1"), world)
    status, out, err = command("check", folder)
    assert (status, err) == (1, "")
    assert "lost: frames 20 to 24 (0.80 to 0.96 s): the body is lost" in out
    assert "far: frame 60 (2.40 s): the body is far away" in out
    assert out.endswith("Faults found: 2\n")
    status, out, _ = command("check", folder, "--json")
    found = json.loads(out)
    assert status == 1
    assert [fault["frames"] for fault in found["warnings"]] == [[[20, 24]], [[60, 60]]]
    assert command("check", folder, "-q") == (1, "", "")


def test_a_dance_that_is_none(command: Command, dance: Path) -> None:
    Path("a.fbx").write_bytes(b"Kaydara FBX Binary  \0")
    status, _, err = command("check", "a.fbx")
    assert status == 2
    assert "got FBX" in err
    assert "export the motion as BVH" in err


@pytest.mark.parametrize("layout", ["musictodance", "coco17", "smpl24", "mediapipe33"])
def test_every_layout_is_written_and_read(command: Command, dance: Path, layout: str) -> None:
    before = read_own(dance)
    status, out, err = command("convert", dance, f"{layout}.npz", "--to", layout)
    assert (status, out) == (0, "")
    assert err.endswith(f"Written to {layout}.npz\n")
    after = read_own(Path(f"{layout}.npz"))
    assert (after.rate_hz, after.faults) == (25, ())
    for name in LIMBS:
        here, there = (each.whole_body().points for each in (after, before))
        np.testing.assert_allclose(
            here[name] - here["left hip"], there[name] - there["left hip"], atol=1e-6
        )
    again = Path(f"{layout}.npz").read_bytes()
    command("convert", dance, f"{layout}.npz", "--to", layout, "--force")
    assert Path(f"{layout}.npz").read_bytes() == again


def test_a_folder_is_written_at_its_own_rate(command: Command, dance: Path) -> None:
    status, _, err = command("convert", dance, "DANCE_C_1", "--rate", 50)
    assert status == 0
    assert "put the dance's music there" in err
    folder = Path("DANCE_C_1")
    found = read_own(folder)
    assert found.faults == ()
    assert len(found.joints) == 50
    twice = read_own(dance).in_the_room()[::2]
    np.testing.assert_allclose(found.in_the_room(), twice[:50], atol=1e-3)
    config = json.loads((folder / "config.json").read_text())
    assert config == {"start_position": 0, "end_position": 50}


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            ["out.npz", "--to", "smplx"],
            "one of musictodance, coco17, smpl24, mediapipe33, got smplx",
        ),
        (["out.fbx"], "a .npz, a .npy, or a folder"),
        (["out", "--to", "smpl24"], "call it out.npz"),
        (["."], "OUT"),
        (["walk.bvh"], "a .npz, a .npy, or a folder"),
        (["nowhere/out.npz"], "no such folder"),
    ],
)
def test_mistakes(command: Command, dance: Path, arguments: list[str], text: str) -> None:
    before = sorted(Path().rglob("*"))
    status, _, err = command("convert", dance, *arguments)
    assert status == 2
    assert text in err
    assert sorted(Path().rglob("*")) == before


def test_an_array_has_no_rate(command: Command, dance: Path) -> None:
    status, _, err = command("convert", dance, "a.npy", "--to", "coco17")
    assert (status, "no frame rate: it is 25 a second" in err) == (0, True)
    assert np.load("a.npy").shape == (100, 17, 3)
    assert "guessed: nose, left eye" in err
    assert "heel" not in err  # which COCO has not
    err = command("convert", dance, "b.npy", "-v").err
    assert "b.npy has no path over the floor" in err
    assert err.startswith(f"reading {dance}: bvh\n")
