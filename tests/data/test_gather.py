"""Raw folders: own dances, synthetic ones, MusicToDance with and without stand-ins."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from motionmusic.data import gather as gathering
from motionmusic.data.gather import gather
from motionmusic.data.manifest import Entry, Manifest
from motionmusic.data.pieces import about_task, dances, label_of, table
from motionmusic.errors import UserError
from motionmusic.params import CORPUS, Bones, Joints, Segment, StoredMusic

LABELS = {"C": "Cha-cha", "W": "Waltz"}
FILES = ("skeletons.json", "config.json", "audio.mp3")


def write_dance(folder: Path, frames: int = 5, sound: str = "audio.mp3") -> Path:
    folder.mkdir(parents=True)
    motion = {"length": frames, "center": [[0, 0, 0]] * frames}
    (folder / "skeletons.json").write_text(
        json.dumps(motion | {"skeletons": [[[1, 2, 3]] * 23] * frames})
    )
    (folder / "config.json").write_text('{"start_position": 10, "end_position": 110}')
    (folder / sound).write_bytes(folder.name.encode())
    return folder


def run(root: Path, **group: Any) -> Path:
    corpus = CORPUS.validate_python({"labels": LABELS, **group})
    raw = root / "data" / "raw"
    gather("c", corpus, raw=raw, store=root / "store", choreonet=root / "choreonet")
    return raw


def refused(root: Path, **group: Any) -> UserError:
    with pytest.raises(UserError) as caught:
        run(root, **group)
    assert caught.value.remedy
    assert not (root / "data").exists() or not list((root / "data").iterdir())
    return caught.value


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository of C_1, C_2 and W_1, of which the mirror has all; ChoreoNet's tables."""
    repository = tmp_path / "mirror" / "o" / "n" / "c"
    entries = []
    for piece in ("C_1", "C_2", "W_1"):
        folder = write_dance(repository / f"DANCE_{piece}")
        for name in FILES:
            content = (folder / name).read_bytes()
            blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
            entries.append(Entry(f"DANCE_{piece}/{name}", blob, 0))
    listed = Manifest("o", "n", "c", tuple(entries))
    monkeypatch.setattr(gathering, "manifest", lambda _: listed)
    monkeypatch.setenv("MOTIONMUSIC_MIRROR", str(tmp_path / "mirror"))
    (tmp_path / "choreonet" / "data").mkdir(parents=True)
    (tmp_path / "choreonet" / "data" / "movement_interval.csv").touch()
    return tmp_path


def absent(root: Path, *paths: str) -> None:
    for path in paths:
        (root / "mirror" / "o" / "n" / "c" / f"DANCE_{path}").unlink()


def stand_ins(root: Path, **pieces: str) -> str:
    """A folder with these pieces, of motion that is published or composed."""
    rows = ["piece\tstatus\tsource\taudio\taudio_frames"]
    for piece, status in pieces.items():
        write_dance(root / "others" / f"DANCE_{piece}", frames=7, sound="audio.ogg")
        audio = "substitute: music of C_1" if piece == "W_1" else "own music"
        rows.append(f"DANCE_{piece}\t{status}\tby hand\t{audio}\t7")
    (root / "others" / "PROVENANCE.tsv").write_text("\n".join(rows))
    return str(root / "others")


def origins(raw: Path) -> list[list[str]]:
    return [line.split("\t") for line in (raw / "origins.tsv").read_text().splitlines()[1:]]


def test_published_files(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    raw = run(root, source="musictodance", pieces="all", stand_ins=None)
    assert [f"{p} {m} {s}" for p, m, s in origins(raw)] == [
        f"{piece} published published" for piece in ("C_1", "C_2", "W_1")
    ]
    assert (raw / "choreonet" / "data" / "movement_interval.csv").exists()
    assert "stand-ins" not in capsys.readouterr().err
    raw = run(root, source="musictodance", pieces="W_1 C_2", stand_ins=None)
    assert sorted(path.name for path in raw.iterdir()) == [
        "DANCE_C_2", "DANCE_W_1", "choreonet", "origins.tsv",
    ]  # fmt: skip
    assert [dance.piece for dance in dances("musictodance", raw)] == ["C_2", "W_1"]


def test_absent_files_without_stand_ins_are_one_error(root: Path) -> None:
    absent(root, "C_1/skeletons.json", "W_1/audio.mp3")
    error = refused(root, source="musictodance", pieces="all", stand_ins=None)
    assert error.got == (
        "7; 2 missing or broken:\n    DANCE_C_1/skeletons.json: not in the mirror\n"
        "    DANCE_W_1/audio.mp3: not in the mirror"
    )
    error = refused(root, source="musictodance", pieces="C_1 X_9 X_7", stand_ins=None)
    assert (error.where, error.got) == ("corpora.c.pieces", "X_7, X_9")


def test_stand_ins_take_the_place_of_what_is_absent_and_of_nothing_else(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    absent(root, "C_1/skeletons.json", "C_1/config.json", "C_2/audio.mp3", "W_1/audio.mp3")
    folder = stand_ins(root, C_1="composed", C_2="published", W_1="composed")
    raw = run(root, source="musictodance", pieces="all", stand_ins=folder)
    assert origins(raw) == [
        ["C_1", "composed", "published"],
        ["C_2", "published", "re-encoded"],
        ["W_1", "published", "substitute"],
    ]
    found = {dance.piece: dance for dance in dances("musictodance", raw)}
    assert [len(found[piece].skeletons) for piece in found] == [7, 5, 5]
    assert [found[piece].music_file.suffix for piece in found] == [".mp3", ".ogg", ".ogg"]
    said = capsys.readouterr().err
    assert "c: 3 of 3 pieces, with stand-ins from" in said
    assert "motion: 2 from the repository; stand-ins: 1 composed" in said
    assert "sound: 1 from the repository; stand-ins: 1 re-encoded, 1 substitute" in said
    assert "left out" not in said
    # what the table of pieces says of it
    corpus = CORPUS.validate_python(
        {"source": "musictodance", "labels": LABELS, "pieces": "all", "stand_ins": folder}
    )
    rows = [(dance, label_of(dance, "c", corpus)) for dance in found.values()]
    pieces = table(rows, "c", corpus, raw)
    assert pieces["motion_origin"].tolist() == ["composed", "published", "published"]
    assert pieces["sound_origin"].tolist() == ["published", "re-encoded", "substitute"]
    # and what every caption counts
    segment = Segment(
        excerpt_frames=25, excerpts="all", choose="first", protocol="paper", folds=1, seed=0
    )
    joints, limbs = Joints(center="once", scale="per_piece"), Bones(paper=False)
    music = StoredMusic(feature="stored")
    about = about_task("t", "c", corpus, segment, None, pieces, LABELS, joints, limbs, music)
    assert about.stand_ins == {"motion": 1, "sound": 2, "pieces": 3}


def test_a_piece_that_nobody_has_is_left_out_and_named_or_an_error_where_it_is_wanted(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    absent(root, "C_2/audio.mp3", "W_1/skeletons.json", "W_1/config.json", "W_1/audio.mp3")
    folder = stand_ins(root, C_1="composed")
    raw = run(root, source="musictodance", pieces="all", stand_ins=folder)
    assert origins(raw) == [["C_1", "published", "published"]]
    said = capsys.readouterr().err
    assert "c: 1 of 3 pieces" in said
    assert "left out: C_2, no sound (not in the mirror, nor in the stand-ins)" in said
    assert "left out: W_1, no motion and no sound (not in the mirror" in said
    shutil.rmtree(root / "data")
    error = refused(root, source="musictodance", pieces="C_1 C_2 W_1", stand_ins=folder)
    assert error.expected == "motion and sound of 3 pieces"
    assert error.got.startswith("1; neither the repository nor")
    for path in ("C_2/audio.mp3", "W_1/skeletons.json", "W_1/config.json", "W_1/audio.mp3"):
        assert f"    DANCE_{path}: not in the mirror" in error.got


def test_damage_is_not_replaced_by_a_stand_in(root: Path) -> None:
    folder = stand_ins(root, C_1="composed")
    (root / "mirror/o/n/c/DANCE_C_1/skeletons.json").write_text("{}")
    error = refused(root, source="musictodance", pieces="all", stand_ins=folder)
    assert "DANCE_C_1/skeletons.json: 2 bytes with blob id" in error.got


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("no folder", "a folder of dances"),
        ("no table", "a table with the columns piece, status, audio"),
        ("no text", "a table in UTF-8"),
        ("no row", "a row of status published or composed, with its audio"),
        ("other status", "a row of status published or composed, with its audio"),
        ("two sounds", "one sound file audio."),
    ],
)
def test_stand_ins_that_are_none(root: Path, fault: str, expected: str) -> None:
    absent(root, "C_1/audio.mp3")
    folder = Path(stand_ins(root, C_1="made up" if fault == "other status" else "composed"))
    if fault == "no folder":
        shutil.rmtree(folder)
    elif fault == "no table":
        (folder / "PROVENANCE.tsv").unlink()
    elif fault == "no text":
        (folder / "PROVENANCE.tsv").write_bytes(b"piece\xff\n")
    elif fault == "no row":
        (folder / "PROVENANCE.tsv").write_text("piece\tstatus\taudio\n")
    elif fault == "two sounds":
        (folder / "DANCE_C_1" / "audio.wav").touch()
    error = refused(root, source="musictodance", pieces="all", stand_ins=str(folder))
    assert error.expected.startswith(expected)


def test_synthetic_dances(root: Path) -> None:
    raw = run(root, source="synthetic", pieces_per_type=1, seconds=10.0, seed=0)
    assert [dance.piece for dance in dances("synthetic", raw)] == ["C_1", "R_1", "T_1", "W_1"]


def test_own_dances_that_cannot_be_read_are_all_named(root: Path) -> None:
    for piece in ("C_1", "W_1"):
        (write_dance(root / "mine" / f"DANCE_{piece}") / "config.json").write_text("{}")
    error = refused(root, source="folder", folder=f"{root / 'mine'}")
    assert all(f"DANCE_{piece}/config.json" in error.got for piece in ("C_1", "W_1"))
