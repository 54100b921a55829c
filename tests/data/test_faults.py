"""Planted faults of a dance: each is found where it is, and nothing else is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from bodies import room, write_folder

from motionmusic.data.dance_files import read_own
from motionmusic.data.faults import Fault
from motionmusic.files import Floats

SECONDS = 8.0


def lost(world: Floats) -> None:
    world[50:60] = 0


def far(world: Floats) -> None:
    world[70] += (1e6, 0, 0)


def far_hand(world: Floats) -> None:
    world[30:33, 15] += (0, 900, 0)


def frozen(world: Floats) -> None:
    world[20:101] = world[20]


def stuck(world: Floats) -> None:
    center = world.mean(axis=1)
    away = 23 / 22 * (world[20, 4] - world[20].mean(axis=0))
    rest = np.delete(np.arange(23), 4)
    # the joint's place relative to the mean of all is that of frame 20
    world[20:101, 4] = world[20:101, rest].mean(axis=1) + away
    assert center.shape == (len(world), 3)


def doubled(world: Floats) -> None:
    world[1::2] = world[:-1:2]


def z_up(world: Floats) -> None:
    world[:] = world[..., [0, 2, 1]]


def turned(world: Floats) -> None:
    z_up(world)
    mirrored(world)


def mirrored(world: Floats) -> None:
    world[..., 0] *= -1


def metres(world: Floats) -> None:
    world /= 100


def jump(world: Floats) -> None:
    world[90:] += (300, 0, 0)


def sloping(world: Floats) -> None:
    world[..., 1] += np.linspace(0, 100, len(world))[:, None]


def fast(world: Floats) -> None:
    there = world[::8]
    world[:] = np.tile(np.concatenate([there, there[::-1]]), (8, 1, 1))[: len(world)]


FAULTS: list[tuple[Callable[[Floats], None], str, tuple[tuple[int, int], ...], str]] = [
    (lost, "lost", ((50, 59),), "the body is lost"),
    (far, "far", ((70, 70),), "the body is far away"),
    (far_hand, "far", ((30, 32),), "right hand: far from the body"),
    (frozen, "frozen", ((20, 100),), "no joint moves"),
    (stuck, "still", ((20, 100),), "left elbow: frozen"),
    (doubled, "doubled", (), "recorded at about 12.5 a second, written at 25"),
    (z_up, "axes", (), "is y up?"),
    (mirrored, "mirrored", (), "left and right are mirrored"),
    (metres, "units", (), "not in cm"),
    (jump, "jump", ((90, 90),), "jumps"),
    (sloping, "floor", (), "a floor that is not level"),
    (fast, "fast", (), "is 25 frames a second right?"),
]


@pytest.mark.parametrize(("plant", "kind", "spans", "text"), FAULTS)
def test_a_fault_is_found_where_it_is(
    tmp_path: Path,
    plant: Callable[[Floats], None],
    kind: str,
    spans: tuple[tuple[int, int], ...],
    text: str,
) -> None:
    world = room(SECONDS).copy()
    plant(world)
    dance = read_own(write_folder(tmp_path / "DANCE_C_1", world, SECONDS))
    assert [(fault.kind, fault.spans) for fault in dance.faults] == [(kind, spans)]
    assert text in dance.faults[0].text


def test_a_dance_without_faults(tmp_path: Path) -> None:
    assert read_own(write_folder(tmp_path / "DANCE_C_1", room(SECONDS), SECONDS)).faults == ()


@pytest.mark.parametrize(
    ("plant", "signs"),
    [
        (z_up, (1, 1, 1)),
        (turned, (-1, 1, -1)),
        (mirrored, (-1, 1, -1)),
    ],
)
def test_axes_are_put_back(
    tmp_path: Path, plant: Callable[[Floats], None], signs: tuple[int, int, int]
) -> None:
    world = room(SECONDS).copy()
    plant(world)
    file = write_folder(tmp_path / "DANCE_C_1", world, SECONDS)
    dance = read_own(file)
    np.testing.assert_allclose(dance.in_the_room(), room(SECONDS) * signs, atol=1e-9)
    assert dance.faults[0].text.endswith("; --up y takes the file as it is")
    told = read_own(file, up="y")
    np.testing.assert_allclose(told.in_the_room(), world, atol=1e-9)
    assert [fault.kind for fault in told.faults] == [dance.faults[0].kind]


@pytest.mark.parametrize("plant", [lost, far, far_hand])
def test_what_is_lost_or_far_is_filled(tmp_path: Path, plant: Callable[[Floats], None]) -> None:
    world = room(SECONDS).copy()
    plant(world)
    filled = read_own(write_folder(tmp_path / "DANCE_C_1", world)).in_the_room()
    away = np.linalg.norm(filled - room(SECONDS), axis=2)
    assert away.max() < 60  # of a step, that the line leaves out
    assert np.median(away) < 1e-9


def test_frames_that_do_not_fit_config(tmp_path: Path) -> None:
    file = write_folder(tmp_path / "DANCE_C_1", room(SECONDS), SECONDS / 1.2)
    (fault,) = read_own(file).faults
    assert fault.text == (
        "200 frames at 25 a second are 8.0 s, config.json says 6.7 s; it would fit at 30 frames a"
        " second"
    )
    assert read_own(file, rate_hz=30).faults == ()


def test_faults_in_words_and_as_values() -> None:
    fault = Fault("lost", "gone", tuple((10 * n, 10 * n + 4) for n in range(7)))
    assert fault.line(25).startswith("frames 0 to 4 (0.00 to 0.16 s), 10 to 14 (0.40 to 0.56 s)")
    assert fault.line(25).endswith(" and 2 more: gone")
    assert Fault("far", "far", ((3, 3),)).line(10) == "frame 3 (0.30 s): far"
    assert Fault("units", "mm").line(10) == "mm"
    assert Fault("far", "far", ((3, 3),)).as_json(10) == {
        "kind": "far", "text": "far", "frames": [[3, 3]], "seconds": [[0.3, 0.3]],
    }  # fmt: skip
