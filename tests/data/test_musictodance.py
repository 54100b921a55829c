"""The MusicToDance layout: real pieces, and one clear message for every broken one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mirrored import mirrored

from motionmusic.data.musictodance import (
    code_of,
    find_pieces,
    read_dance,
    read_positions,
    read_skeletons,
    sound_file,
)
from motionmusic.errors import UserError


def make_dance(folder: Path, frames: int = 5) -> Path:
    folder.mkdir(parents=True)
    skeletons = np.arange(frames * 69.0).reshape(frames, 23, 3).tolist()
    center = np.arange(frames * 3).reshape(frames, 3).tolist()
    content = {"length": frames, "center": center, "skeletons": skeletons}
    (folder / "skeletons.json").write_text(json.dumps(content))
    (folder / "config.json").write_text('{"start_position": 10, "end_position": 110}')
    (folder / "audio.wav").write_bytes(b"not read here")
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_dance(tmp_path / "raw" / "DANCE_C_1")


def change(file: Path, change_content: Callable[[dict[str, Any]], object]) -> None:
    content = json.loads(file.read_text())
    change_content(content)
    file.write_text(json.dumps(content))


def error_of(folder: Path) -> UserError:
    with pytest.raises(UserError) as caught:
        read_dance("C_1", folder)
    assert caught.value.remedy
    assert len(str(caught.value)) < 800
    return caught.value


@pytest.mark.parametrize(
    ("source", "frames"), [("musictodance", (2000, 243)), ("musictodance_retimed", (1890, 1023))]
)
def test_published_pieces(source: str, frames: tuple[int, ...]) -> None:
    pieces = find_pieces(mirrored(source))
    for piece, n, ends in zip(("C_2", "W_23"), frames, ((156, 2056), (0, 1036)), strict=True):
        dance = read_dance(piece, pieces[piece])
        assert dance.code == piece[0]
        assert dance.skeletons.shape == (n, 23, 3)
        assert dance.center is not None
        assert dance.center.shape == (n, 3)
        # centimetres, centred already: the body stays within 1.5 m of the centre
        assert 20 < np.abs(dance.skeletons).max() < 150
        assert (25 * dance.music_start_s, 25 * (dance.music_end_s or 0)) == ends
        assert dance.music_file.name == "audio.mp3"


def test_values_arrive_unchanged(folder: Path) -> None:
    dance = read_dance("C_1", folder)
    assert dance.skeletons.dtype == np.float64
    assert (dance.skeletons == np.arange(5 * 69.0).reshape(5, 23, 3)).all()
    assert dance.center is not None
    assert (dance.center == np.arange(15.0).reshape(5, 3)).all()
    assert (dance.music_start_s, dance.music_end_s) == (0.4, 4.4)
    assert dance.music_file == folder / "audio.wav"


# Finding pieces


def test_pieces_are_sorted_as_strings_and_other_things_left_out(tmp_path: Path) -> None:
    for name in ("DANCE_W_1", "DANCE_C_2", "MY_OWN_C_10", "x_salsa_3", "DANCE_C_1"):
        (tmp_path / name).mkdir()
    for name in (".git", ".DANCE_C_7", "notes", "C_1", "DANCE_C_x"):
        (tmp_path / name).mkdir()
    (tmp_path / "DANCE_C_9").write_text("a file")
    assert list(find_pieces(tmp_path)) == ["C_1", "C_10", "C_2", "W_1", "salsa_3"]
    assert find_pieces(tmp_path)["C_10"] == tmp_path / "MY_OWN_C_10"
    assert code_of("salsa_3") == "salsa"


@pytest.mark.parametrize("name", ["tango7", "C_3", "DANCE_C_x", ".DANCE_C_7", "DANCE_C_3_old"])
def test_dance_under_another_name(folder: Path, name: str) -> None:
    make_dance(folder.parent / name)
    with pytest.raises(UserError, match="ANY_CODE_NUMBER") as caught:
        find_pieces(folder.parent)
    assert caught.value.file == folder.parent / name


def test_two_folders_of_one_piece_or_none(folder: Path) -> None:
    raw = folder.parent
    make_dance(raw / "MORE_C_1")
    with pytest.raises(UserError, match="DANCE_C_1 and MORE_C_1"):
        find_pieces(raw)
    with pytest.raises(UserError, match="DANCE_C_1, got none"):
        find_pieces(folder)
    with pytest.raises(UserError, match="no such folder"):
        find_pieces(raw / "nowhere")


# Sound


def test_sound_missing_or_several(folder: Path) -> None:
    (folder / "audio.mp3").touch()
    assert "audio.mp3 and audio.wav" in error_of(folder).got
    (folder / "audio.mp3").unlink()
    (folder / "audio.wav").rename(folder / "audio.txt")
    assert error_of(folder).got == "audio.txt"
    (folder / "audio.txt").unlink()
    error = error_of(folder)
    assert (error.file, error.got) == (folder, "none")


def test_sound_of_any_kind_and_case(folder: Path) -> None:
    (folder / "audio.wav").rename(folder / "Audio.M4A")
    assert sound_file(folder, "audio") == folder / "Audio.M4A"
    (folder / "audio.mp4").touch()  # a video beside the sound
    assert sound_file(folder, "audio") == folder / "Audio.M4A"
    (folder / "Audio.M4A").unlink()
    assert sound_file(folder, "audio") == folder / "audio.mp4"


# skeletons.json and config.json


@pytest.mark.parametrize("name", ["skeletons.json", "config.json"])
def test_missing_cut_or_no_json(folder: Path, name: str) -> None:
    file = folder / name
    whole = file.read_bytes()
    for content in (whole[:-5], whole[: len(whole) // 2], b"", b"\xff\xfe\x00", b"<html>"):
        file.write_bytes(content)
        assert (error_of(folder).file, error_of(folder).expected) == (file, "JSON")
    for text in ("[1, 2]", "3", '"text"', "null"):
        file.write_text(text)
        assert error_of(folder).file == file
    file.unlink()
    assert error_of(folder).got == "no such file"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_json_as_programs_of_windows_write_it(folder: Path, encoding: str) -> None:
    before = read_positions(folder / "config.json")
    for name in ("config.json", "skeletons.json"):
        file = folder / name
        file.write_text(file.read_text(), encoding)
    assert read_positions(folder / "config.json") == before
    assert len(read_skeletons(folder / "skeletons.json")[0])


@pytest.mark.parametrize(
    "number", ["NaN", "-Infinity", "1e999", "null", '"1.5"', "true", "[1]", "1" + "0" * 400]
)
def test_coordinate_that_is_no_finite_number(folder: Path, number: str) -> None:
    file = folder / "skeletons.json"
    whole = json.loads(file.read_text())
    for place, where in (
        (whole["skeletons"][2][17], "skeletons, frame 2, joint 17"),
        (whole["center"][2], "center, frame 2"),
    ):
        before, place[1] = place[1], "HERE"
        file.write_text(json.dumps(whole).replace('"HERE"', number))
        place[1] = before
        error = error_of(folder)
        # Infinity alone cannot be told apart from broken JSON everywhere
        assert error.where.startswith(where) or error.expected == "JSON"


SKELETONS: dict[str, tuple[Callable[[dict[str, Any]], object], str, str]] = {
    "22 joints": (
        lambda c: c["skeletons"][3].pop(), "skeletons, frame 3", "a list of at least 23 items",
    ),
    "no frame": (lambda c: c.update(length=0, center=[], skeletons=[]), "center", "at least 1 item"),
    "no pose": (lambda c: c["skeletons"].__setitem__(1, None), "skeletons, frame 1", "a valid array"),
    "two numbers": (
        lambda c: c["skeletons"][4].__setitem__(22, [1.0, 2.0]),
        "skeletons, frame 4, joint 22, 2", "a value",
    ),
    "no length": (lambda c: c.pop("length"), "length", "a value"),
    "other length": (lambda c: c.update(length=4), "", "one length: length is 4"),
    "other center": (lambda c: c["center"].append([0, 0, 0]), "", "center has 6 frames"),
}  # fmt: skip


@pytest.mark.parametrize("fault", SKELETONS)
def test_skeletons_of_another_shape(folder: Path, fault: str) -> None:
    edit, where, expected = SKELETONS[fault]
    change(folder / "skeletons.json", edit)
    error = error_of(folder)
    assert error.file == folder / "skeletons.json"
    assert error.where == where
    assert expected in error.expected


@pytest.mark.parametrize(
    ("config", "where"),
    [
        ('{"start_position": 10}', "end_position"),
        ('{"start_position": -1, "end_position": 110}', "start_position"),
        ('{"start_position": "10", "end_position": 110}', "start_position"),
        ('{"start_position": 10, "end_position": true}', "end_position"),
        ('{"start_position": 10, "end_position": 10}', ""),
    ],
)
def test_positions_that_are_none(folder: Path, config: str, where: str) -> None:
    (folder / "config.json").write_text(config)
    error = error_of(folder)
    assert error.where == where
    assert "25 a second" in error.remedy
