"""AIST++: six real sequences, the official split, pickles that must not run, gathering."""

from __future__ import annotations

import io
import pickle
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from mirrored import mirrored
from web_server import Server, serving

from motionmusic.data import aist, pieces
from motionmusic.data import fetch as fetching
from motionmusic.data.aist import find_pieces, gather, read_dance, read_ignore_list, split_of
from motionmusic.errors import UserError
from motionmusic.params import Aist

NAME = "gBR_sBM_cAll_d04_mBR0_ch01"
OTHER = "gJS_sFM_cAll_d02_mJS4_ch09"


def keypoints(frames: int = 4) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.arange(frames * 51.0).reshape(frames, 17, 3)


def make_raw(raw: Path, *names: str) -> Path:
    (raw / "keypoints3d").mkdir(parents=True)
    (raw / "music").mkdir()
    for name in names or (NAME,):
        write(raw, {"keypoints3d_optim": keypoints()}, name)
        (raw / "music" / f"{name.split('_')[-2]}.wav").write_bytes(b"sound")
    return raw


def write(raw: Path, content: object, name: str = NAME) -> Path:
    file = raw / "keypoints3d" / f"{name}.pkl"
    file.write_bytes(pickle.dumps(content, protocol=4))
    return file


def error_of(raw: Path, name: str = NAME) -> UserError:
    with pytest.raises(UserError) as caught:
        read_dance(name, raw)
    assert caught.value.remedy
    return caught.value


# Names and lists


@pytest.mark.parametrize(
    ("name", "split"),
    [(NAME, "validation"), ("gBR_sBM_cAll_d04_mBR0_ch02", "test"),
     ("gBR_sBM_cAll_d04_mBR0_ch03", "unused"), ("gBR_sFM_cAll_d04_mBR0_ch02", "unused"),
     ("gBR_sBM_cAll_d04_mBR2_ch01", "unused"), ("gBR_sBM_cAll_d04_mBR2_ch08", "train"),
     ("gBR_sFM_cAll_d04_mBR2_ch02", "train"), (OTHER, "train")],
)  # fmt: skip
def test_splits_of_the_release(name: str, split: str) -> None:
    assert split_of(name) == split


def test_ignore_lists(tmp_path: Path) -> None:
    file = tmp_path / "ignore_list.txt"
    file.write_text(f"{NAME} \n\n  \n{OTHER}\n")
    assert read_ignore_list(file) == {NAME, OTHER}
    file.write_text(f"{NAME}.json\n")  # as other projects have it; would match nothing
    with pytest.raises(UserError, match="sequence's name"):
        read_ignore_list(file)
    file.write_text(" \n")  # an empty list would make official_clean equal to official
    with pytest.raises(UserError, match="got an empty list"):
        read_ignore_list(file)


@pytest.mark.parametrize(
    "name", ["", "C_1", "gBR_sBM_c01_d04_mBR0_ch01", "gBR_sBM_cAll_d04_mBR0_ch01.json", "gBR"]
)
def test_names_of_another_form(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="gBR_sBM_cAll_d04_mBR0_ch01"):
        split_of(name)
    raw = make_raw(tmp_path / "raw")
    (raw / "keypoints3d" / f"x{name}.pkl").touch()
    with pytest.raises(UserError, match="sequence's name"):
        find_pieces(raw)
    with pytest.raises(UserError, match="got none"):
        find_pieces(tmp_path)


# Key points


def test_values_arrive_unchanged(tmp_path: Path) -> None:
    raw = make_raw(tmp_path / "raw")
    (raw / "keypoints3d" / f"._{NAME}.pkl").touch()  # macOS leaves such files
    assert find_pieces(raw) == {NAME: raw / "keypoints3d" / f"{NAME}.pkl"}
    dance = read_dance(NAME, raw)
    assert (dance.skeletons == keypoints()).all()
    assert dance.music_file == raw / "music" / "mBR0.wav"


@pytest.mark.parametrize(
    ("name", "speeds"),
    [
        ("gBR_sBM_cAll_d04_mBR0_ch01", [42, 40, 106, 200, 46, 60]),
        ("gBR_sBM_cAll_d04_mBR0_ch03", [28, 34, 106, 147, 61, 99]),
        ("gBR_sBM_cAll_d04_mBR2_ch08", [174, 135, 162, 239, 174, 277]),  # on the floor
        ("gBR_sBM_cAll_d06_mBR2_ch06", [58, 60, 154, 278, 79, 149]),
        ("gJS_sBM_cAll_d03_mJS2_ch07", [10, 10, 21, 41, 30, 33]),
        ("gJS_sFM_cAll_d02_mJS4_ch09", [44, 44, 97, 141, 44, 60]),
    ],
)
def test_speeds_and_lengths_of_six_sequences_are_the_measured_ones(
    name: str, speeds: list[float]
) -> None:
    """Nose, shoulders, elbows, wrists, knees, ankles at 30 Hz in cm/s; limbs in cm. They were
    measured apart from this program, in copies of the files at kotomiDu/aistplusplus_api (64878643)
    and aneeshbhattacharya/SMPL-Estimators (08d84272); the mirror has them in aist/keypoints3d."""
    joints = aist.read_keypoints(find_pieces(mirrored("aist"))[name])[::2]
    joints = joints - joints[:, 11:13].mean(axis=1, keepdims=True)
    steps = np.linalg.norm(np.diff(joints, axis=0), axis=2).mean(axis=0) * 30
    pairs = steps[5:].reshape(6, 2).mean(axis=1)  # shoulders, elbows, wrists, hips, knees, ankles
    assert [steps[0], *pairs[[0, 1, 2, 4, 5]]] == pytest.approx(speeds, abs=0.55)
    limbs = [(11, 12), (5, 6), (5, 7), (7, 9), (11, 13), (13, 15)]
    lengths = [np.median(np.linalg.norm(joints[:, a] - joints[:, b], axis=1)) for a, b in limbs]
    assert np.all(np.round(lengths) >= [20, 31, 23, 21, 35, 35])
    assert np.all(np.round(lengths) <= [23, 36, 28, 27, 40, 37])


@pytest.mark.parametrize(
    ("content", "where", "expected"),
    [
        ([1, 2], "", "dictionary"),
        (None, "", "dictionary"),
        ({"keypoints3d": keypoints()}, "", "dictionary with keypoints3d_optim"),
        *(
            ({"keypoints3d_optim": array}, "keypoints3d_optim", "(frames, 17, 3)")
            for array in (
                keypoints()[:, :16], keypoints()[..., :2], keypoints().reshape(4, 51),
                keypoints()[:0], keypoints().astype(np.int64), np.float64(3), None,
            )
        ),
    ],
)  # fmt: skip
def test_wrong_content(tmp_path: Path, content: object, where: str, expected: str) -> None:
    raw = make_raw(tmp_path / "raw")
    write(raw, content)
    error = error_of(raw)
    assert error.where == where
    assert expected in error.expected


def test_no_finite_number_and_files_missing(tmp_path: Path) -> None:
    raw = make_raw(tmp_path / "raw")
    array = keypoints()
    array[2, 9, 1] = np.nan
    array[3] = -np.inf
    write(raw, {"keypoints3d_optim": array})
    error = error_of(raw)
    assert error.where == "keypoints3d_optim, frame 2, joint 9"
    assert "52 such values" in error.got
    write(raw, {"keypoints3d_optim": keypoints()})
    assert error_of(raw, OTHER).got == "no such file"
    (raw / "music" / "mBR0.mp3").touch()
    assert error_of(raw).got == "mBR0.mp3 and mBR0.wav"


# Gathering from the user's folder


def test_terms_come_first(tmp_path: Path) -> None:
    folder = make_raw(tmp_path / "mine")
    for source in (folder, None):
        with pytest.raises(UserError) as caught:
            gather(tmp_path / "raw", folder=source, accept_terms=False, store=tmp_path / "store")
        assert caught.value.where == "corpora.aist.accept_terms"
        assert "https://aistdancedb.ongaaccel.jp/terms_of_use/" in caught.value.remedy
        assert "CC BY 4.0" in caught.value.remedy
    assert not (tmp_path / "raw").exists()
    assert not (tmp_path / "store").exists()


def test_gather_from_a_folder(tmp_path: Path) -> None:
    folder = make_raw(tmp_path / "mine", NAME, OTHER)
    (folder / "music" / "mJS4.wav").rename(folder / "music" / "mJS4.flac")
    (folder / "music" / "notes.txt").touch()
    (folder / "ignore_list.txt").write_text(f"{NAME}\n")
    raw = tmp_path / "raw"
    (raw / "old").mkdir(parents=True)
    gather(raw, folder=folder, accept_terms=True, store=tmp_path / "store")
    assert listing(raw) == [
        "ignore_list.txt", f"keypoints3d/{NAME}.pkl", f"keypoints3d/{OTHER}.pkl",
        "music/mBR0.wav", "music/mJS4.flac",
    ]  # fmt: skip
    assert read_dance(OTHER, raw).music_file.name == "mJS4.flac"
    (folder / "ignore_list.txt").unlink()
    gather(raw, folder=folder, accept_terms=True, store=tmp_path / "store")
    assert not (raw / "ignore_list.txt").exists()


@pytest.mark.parametrize(("listed", "expected"), [(None, [None, None]), (OTHER, [False, True])])
def test_without_a_list_nobody_knows_what_is_broken(
    tmp_path: Path, listed: str | None, expected: list[bool | None]
) -> None:
    raw = make_raw(tmp_path, NAME, OTHER)
    if listed is not None:
        (raw / "ignore_list.txt").write_text(f"{listed}\n")
    codes = {name[:3]: name[:3] for name in (NAME, OTHER)}
    corpus = Aist(source="aist", labels=codes, accept_terms=True, folder=None)
    rows = [(read_dance(name, raw), list(codes).index(name[:3])) for name in (NAME, OTHER)]
    found = pieces.table(rows, "aist", corpus, raw)["broken_tracking"]
    assert [None if value is None else bool(value) for value in found] == expected


def test_all_missing_music_in_one_message(tmp_path: Path) -> None:
    names = [f"gLO_sBM_cAll_d13_mLO3_ch0{index}" for index in range(1, 6)]
    folder = make_raw(tmp_path / "mine", NAME, OTHER, *names)
    (folder / "music" / "mBR0.wav").unlink()
    (folder / "music" / "mLO3.wav").unlink()
    with pytest.raises(UserError) as caught:
        gather(tmp_path / "raw", folder=folder, accept_terms=True, store=tmp_path / "store")
    text = str(caught.value)
    assert f"no mBR0 for {NAME}\n" in text
    assert f"no mLO3 for {names[0]}, {names[1]}, {names[2]} and 2 more" in text
    assert "mJS4" not in text
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_folders_that_cannot_be_taken(tmp_path: Path) -> None:
    for folder in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(UserError) as caught:
            gather(tmp_path / "raw", folder=folder, accept_terms=True, store=tmp_path / "store")
        assert (caught.value.file, caught.value.where) == (folder, "keypoints3d")
    folder = make_raw(tmp_path / "raw")
    for raw in (folder, tmp_path):
        with pytest.raises(UserError, match="which is replaced"):
            gather(raw, folder=folder, accept_terms=True, store=tmp_path / "store")
    assert read_dance(NAME, folder)


# Gathering from addresses: a server on this machine stands for the release's


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(fetching, "WAIT_S", 0.001)
    keys = zipped(
        {
            "keypoints3d/": b"",
            f"keypoints3d/{NAME}.pkl": pickle.dumps({"keypoints3d_optim": keypoints()}),
            f"../../../../{OTHER}.pkl": pickle.dumps({"keypoints3d_optim": keypoints(7)}),
            "keypoints3d/README.txt": b"not needed",
            f"__MACOSX/._{NAME}.pkl": b"not needed",
        }
    )
    music = {"/wav/mBR0.wav": b"one", "..\\mJS4.wav": b"two", "wav/list.csv": b"not needed"}
    with serving("/", {"keypoints3d.zip": keys, "wav.zip": zipped(music)}) as server:
        monkeypatch.setattr(aist, "KEYPOINTS_URL", f"{server.url}/keypoints3d.zip")
        monkeypatch.setattr(aist, "MUSIC_URL", f"{server.url}/wav.zip")
        yield server


def zipped(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


def listing(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def fetch(root: Path) -> None:
    gather(root / "a" / "raw", folder=None, accept_terms=True, store=root / "store")


def test_gather_from_addresses(server: Server, tmp_path: Path) -> None:
    fetch(tmp_path)
    # Also the members that point outside lie inside, and nothing else was written anywhere.
    assert listing(tmp_path) == [
        f"a/raw/keypoints3d/{NAME}.pkl", f"a/raw/keypoints3d/{OTHER}.pkl", "a/raw/music/mBR0.wav",
        "a/raw/music/mJS4.wav", "store/keypoints3d.zip", "store/wav.zip",
    ]  # fmt: skip
    assert (tmp_path / "a" / "raw" / "music" / "mJS4.wav").read_bytes() == b"two"
    assert read_dance(OTHER, tmp_path / "a" / "raw").skeletons.shape == (7, 17, 3)
    fetch(tmp_path)
    assert server.asked == {"keypoints3d.zip": 1, "wav.zip": 1}  # once


@pytest.mark.parametrize(("fault", "asked"), [("cut", 5), ("404", 1), ("page", 1)])
def test_download_fails(server: Server, tmp_path: Path, fault: str, asked: int) -> None:
    server.script["keypoints3d.zip"] = [fault]
    if fault == "page":
        server.script.clear()
        server.content["keypoints3d.zip"] = b"<html>please accept our terms</html>"
    with pytest.raises(UserError) as caught:
        fetch(tmp_path)
    assert caught.value.file == f"{server.url}/keypoints3d.zip"
    assert str(tmp_path / "store" / "keypoints3d.zip") in caught.value.remedy
    assert listing(tmp_path) == []
    assert server.asked == {"keypoints3d.zip": asked}


def test_broken_archive_in_the_store(server: Server, tmp_path: Path) -> None:
    archive = tmp_path / "store" / "keypoints3d.zip"
    archive.parent.mkdir()
    whole = server.content["keypoints3d.zip"]
    damaged = bytearray(whole)
    damaged[80:120] = bytes(40)
    for content in (whole[:200], bytes(damaged), b"", b"text"):
        archive.write_bytes(content)
        with pytest.raises(UserError, match="delete it") as caught:
            fetch(tmp_path)
        assert caught.value.file == archive
        assert not (tmp_path / "a" / "raw").exists()


def test_archives_with_a_name_twice_or_without_all_music(server: Server, tmp_path: Path) -> None:
    server.content["wav.zip"] = zipped({"a/mBR0.wav": b"one", "b/mBR0.wav": b"two"})
    with pytest.raises(UserError, match="one member of this name"):
        fetch(tmp_path)
    shutil.rmtree(tmp_path / "store")
    server.content["wav.zip"] = zipped({"mBR0.wav": b"one"})
    with pytest.raises(UserError, match=f"no mJS4 for {OTHER}"):
        fetch(tmp_path)
