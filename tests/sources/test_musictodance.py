"""The MusicToDance layout: real pieces, and one clear message for every broken one."""

from __future__ import annotations

import csv
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from motionmusic.data.musictodance import code_of, find_pieces, read_dance, sound_file
from motionmusic.errors import UserError

MIRROR = Path(__file__).parents[2].parent / "shared" / "mirror"
PAPER_TIME = (
    "Music-to-dance-motion-synthesis__dataset__a29c6fb01ea17751b7129000d3e45b1951d24a7f.tsv"
)
AUDIO_TIME = (
    "mhy12345__Music-to-Dance-Motion-Synthesis__82ae0149f6ce7b476989f3ad8350eec0a3c1521d.tsv"
)


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """C_2 and W_23 of both time bases, unpacked from the mirror."""
    if not MIRROR.is_dir():
        pytest.skip(f"no mirror of the published data at {MIRROR}")
    out = tmp_path_factory.mktemp("published")
    archives = [zipfile.ZipFile(path) for path in sorted(MIRROR.glob("blobs-*.zip"))]
    holder = {blob: archive for archive in archives for blob in archive.namelist()}
    for base, manifest in (("paper_time", PAPER_TIME), ("audio_time", AUDIO_TIME)):
        with (MIRROR / manifest).open(newline="") as table:
            for row in csv.DictReader(table, delimiter="\t"):
                if row["path"].startswith(("DANCE_C_2/", "DANCE_W_23/")):
                    target = out / base / row["path"]
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes(holder[row["blob"]].read(row["blob"]))
    for archive in archives:
        archive.close()
    return out


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
    error = caught.value
    assert error.expected
    assert error.got
    assert error.remedy
    assert len(str(error)) < 800
    return error


@pytest.mark.parametrize(
    ("base", "piece", "frames", "start", "end"),
    [
        ("paper_time", "C_2", 2000, 156, 2056),
        ("paper_time", "W_23", 243, 0, 1036),
        ("audio_time", "C_2", 1890, 156, 2056),
        ("audio_time", "W_23", 1023, 0, 1036),
    ],
)
def test_published_pieces(
    published: Path, base: str, piece: str, frames: int, start: int, end: int
) -> None:
    pieces = find_pieces(published / base)
    assert list(pieces) == ["C_2", "W_23"]
    dance = read_dance(piece, pieces[piece])
    assert dance.piece == piece
    assert dance.code == piece[0]
    assert dance.skeletons.shape == (frames, 23, 3)
    assert dance.center is not None
    assert dance.center.shape == (frames, 3)
    # Centimetres, centred already: the body stays within 1.5 m of the centre.
    assert 20 < np.abs(dance.skeletons).max() < 150
    assert (dance.music_start_s, dance.music_end_s) == (start / 25, end / 25)
    assert dance.music_file.name == "audio.mp3"


def test_values_arrive_unchanged(folder: Path) -> None:
    dance = read_dance("C_1", folder)
    assert dance.skeletons.dtype == np.float64
    assert (dance.skeletons == np.arange(5 * 69.0).reshape(5, 23, 3)).all()
    assert dance.center is not None
    assert (dance.center == np.arange(15.0).reshape(5, 3)).all()
    assert (dance.music_start_s, dance.music_end_s) == (0.4, 4.4)
    assert dance.music_file == folder / "audio.wav"


def test_one_frame_is_a_dance(tmp_path: Path) -> None:
    dance = read_dance("C_1", make_dance(tmp_path / "DANCE_C_1", frames=1))
    assert dance.skeletons.shape == (1, 23, 3)


# Finding pieces


def test_pieces_are_sorted_as_strings(tmp_path: Path) -> None:
    for name in ("DANCE_W_1", "DANCE_C_2", "MY_OWN_C_10", "x_salsa_3", "DANCE_C_1"):
        (tmp_path / name).mkdir()
    assert list(find_pieces(tmp_path)) == ["C_1", "C_10", "C_2", "W_1", "salsa_3"]
    assert find_pieces(tmp_path)["C_10"] == tmp_path / "MY_OWN_C_10"
    assert code_of("salsa_3") == "salsa"


def test_other_things_are_left_out(folder: Path) -> None:
    raw = folder.parent
    for name in (".git", ".DANCE_C_7", "notes", "C_1", "DANCE_C_x"):
        (raw / name).mkdir()
    (raw / "PROVENANCE.tsv").write_text("piece\n")
    (raw / "DANCE_C_9").write_text("a file")
    assert list(find_pieces(raw)) == ["C_1"]


@pytest.mark.parametrize("name", ["tango7", "C_3", "DANCE_C_x", ".DANCE_C_7", "DANCE_C_3_old"])
def test_dance_under_another_name(folder: Path, name: str) -> None:
    make_dance(folder.parent / name)
    with pytest.raises(UserError, match="ANY_CODE_NUMBER") as caught:
        find_pieces(folder.parent)
    assert caught.value.file == folder.parent / name


def test_two_folders_of_one_piece(folder: Path) -> None:
    make_dance(folder.parent / "MORE_C_1")
    with pytest.raises(UserError, match="DANCE_C_1 and MORE_C_1"):
        find_pieces(folder.parent)


def test_no_piece(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="DANCE_C_1, got none"):
        find_pieces(tmp_path)
    with pytest.raises(UserError, match="no such folder"):
        find_pieces(tmp_path / "nowhere")


# Sound


@pytest.mark.parametrize("suffix", ["mp3", "wav", "flac", "ogg", "MP3"])
def test_every_kind_of_sound(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"audio.{suffix}").touch()
    assert sound_file(tmp_path, "audio").name == f"audio.{suffix}"


def test_sound_missing_or_several(folder: Path) -> None:
    (folder / "audio.mp3").touch()
    assert "audio.mp3 and audio.wav" in error_of(folder).got
    (folder / "audio.mp3").unlink()
    (folder / "audio.wav").rename(folder / "audio.m4a")
    assert error_of(folder).got == "audio.m4a"
    (folder / "audio.m4a").unlink()
    error = error_of(folder)
    assert (error.file, error.got) == (folder, "none")


# skeletons.json


@pytest.mark.parametrize("name", ["skeletons.json", "config.json"])
def test_missing_cut_or_no_json(folder: Path, name: str) -> None:
    file = folder / name
    whole = file.read_bytes()
    for content in (
        whole[:-5],
        whole[: len(whole) // 2],
        b"",
        b"hello",
        b"\xff\xfe\x00",
        b"<html>",
    ):
        file.write_bytes(content)
        assert error_of(folder).file == file
    for text in ("[1, 2]", "3", '"text"', "null"):
        file.write_text(text)
        error = error_of(folder)
        assert error.file == file
        assert error.got == text.replace("null", "None").replace('"', "'")
    file.unlink()
    assert error_of(folder).got == "no such file"


@pytest.mark.parametrize("key", ["length", "center", "skeletons"])
def test_missing_key(folder: Path, key: str) -> None:
    change(folder / "skeletons.json", lambda content: content.pop(key))
    error = error_of(folder)
    assert error.where == key
    assert "no such key" in error.got


def test_22_joints(folder: Path) -> None:
    change(folder / "skeletons.json", lambda content: content["skeletons"][3].pop())
    error = error_of(folder)
    assert error.file == folder / "skeletons.json"
    assert (error.where, error.expected, error.got) == (
        "skeletons, frame 3",
        "a list of 23 joints",
        "22 entries",
    )


@pytest.mark.parametrize(
    "number",
    [
        "NaN",
        "Infinity",
        "-Infinity",
        "1e999",
        "null",
        '"1.5"',
        "true",
        "[1]",
        "{}",
        "1" + "0" * 400,
    ],
)
@pytest.mark.parametrize("key", ["skeletons", "center"])
def test_coordinate_that_is_no_finite_number(folder: Path, key: str, number: str) -> None:
    file = folder / "skeletons.json"

    def mark(content: dict[str, Any]) -> None:
        row = content[key][2]
        (row[17] if key == "skeletons" else row)[1] = "HERE"

    change(file, mark)
    file.write_text(file.read_text().replace('"HERE"', number))
    error = error_of(folder)
    assert error.where == (
        "skeletons, frame 2, joint 17" if key == "skeletons" else "center, frame 2"
    )
    assert error.expected == "three finite numbers x, y, z"


@pytest.mark.parametrize("point", [[1.0, 2.0], [1.0, 2.0, 3.0, 4.0], 5.0, [], "xyz", None])
def test_point_that_is_ragged(folder: Path, point: object) -> None:
    file = folder / "skeletons.json"
    whole = file.read_text()
    change(file, lambda content: content["skeletons"][4].__setitem__(22, point))
    assert error_of(folder).where == "skeletons, frame 4, joint 22"
    file.write_text(whole)
    change(file, lambda content: content["center"].__setitem__(0, point))
    assert error_of(folder).where == "center, frame 0"


@pytest.mark.parametrize("joints", [None, 1.5, [], "x" * 23, {}])
def test_frame_that_is_ragged(folder: Path, joints: object) -> None:
    change(
        folder / "skeletons.json",
        lambda content: content["skeletons"].__setitem__(1, joints),
    )
    assert error_of(folder).where == "skeletons, frame 1"


@pytest.mark.parametrize("length", [4, 6, 0, -5, "5", None, True, 5.5, [5]])
def test_wrong_length(folder: Path, length: object) -> None:
    change(folder / "skeletons.json", lambda content: content.update(length=length))
    error = error_of(folder)
    assert error.where == "length"
    assert error.expected.startswith("5,")


@pytest.mark.parametrize("key", ["center", "skeletons"])
@pytest.mark.parametrize("value", [[], {}, None, "text", 3])
def test_no_frames(folder: Path, key: str, value: object) -> None:
    change(folder / "skeletons.json", lambda content: content.update({key: value}))
    error = error_of(folder)
    assert error.where == key
    assert "at least one frame" in error.expected


def test_center_of_another_length(folder: Path) -> None:
    change(folder / "skeletons.json", lambda content: content["center"].append([0, 0, 0]))
    error = error_of(folder)
    assert error.where == "center"
    assert error.expected.startswith("5 frames")
    assert error.got == "6 entries"


# config.json


@pytest.mark.parametrize("key", ["start_position", "end_position"])
@pytest.mark.parametrize(
    "value", ["-1", "NaN", "Infinity", '"10"', "null", "true", "[1]", "1" + "0" * 400]
)
def test_position_that_is_no_number_from_0_on(folder: Path, key: str, value: str) -> None:
    config = {"start_position": "10", "end_position": "110"} | {key: value}
    (folder / "config.json").write_text(
        "{" + ", ".join(f'"{name}": {text}' for name, text in config.items()) + "}"
    )
    error = error_of(folder)
    assert error.where == key
    assert "25 a second" in error.remedy


@pytest.mark.parametrize("key", ["start_position", "end_position"])
def test_position_missing(folder: Path, key: str) -> None:
    change(folder / "config.json", lambda content: content.pop(key))
    assert error_of(folder).where == key


@pytest.mark.parametrize("end", [9, 10])
def test_end_not_after_start(folder: Path, end: int) -> None:
    change(folder / "config.json", lambda content: content.update(end_position=end))
    error = error_of(folder)
    assert (error.where, error.got) == ("end_position", str(end))


def test_folder_removed_meanwhile(folder: Path) -> None:
    shutil.rmtree(folder)
    assert error_of(folder).got == "no such file"
