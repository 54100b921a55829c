"""The stages of a corpus and segment: whole results, or status 2, one clear error, nothing changed.

Every test runs on a copy of a small workspace in which all of them have run well before. A stage
that refuses must leave that copy as it was, to the byte, hidden files included; once more with its
own earlier outputs taken away it must not bring any.
"""

from __future__ import annotations

import errno
import hashlib
import importlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile
from closure import ROOT
from params_file import set_params

from motionmusic import errors, params, workspace
from motionmusic.data.own import read_piece
from motionmusic.features.motion import bones, normalise_joints

STAGES = ROOT / "stages"
SOUND_HZ = 8000
NOBODY = 65534
OUTPUTS = {
    "local": ["local.tsv"],
    "download": ["raw"],
    "joints": ["joints", "pieces.csv", "units.csv"],
    "music": ["music"],
    "segment": ["segments"],
    "leakage": [],
}
WHOLE = ("local", "download", "joints", "bones", "merge", "music", "segment", "leakage")
ERROR = re.compile(
    r"^error: (?P<place>[^\n]+?): expected (?P<expected>.+), got (?P<got>.+)\n"
    r"  what to do: (?P<remedy>[^\n]{10,})\n\Z",
    re.MULTILINE | re.DOTALL,
)


def write_dance(folder: Path, frames: int = 60, seed: int = 0) -> None:
    random = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    content = {
        "length": frames,
        "center": random.integers(-50, 50, (frames, 3)).tolist(),
        "skeletons": random.integers(-90, 90, (frames, 23, 3)).tolist(),
    }
    (folder / "skeletons.json").write_text(json.dumps(content))
    (folder / "config.json").write_text('{"start_position": 5, "end_position": 65}')
    soundfile.write(folder / "audio.wav", random.uniform(-0.5, 0.5, 3 * SOUND_HZ), SOUND_HZ)


def run_here(call: str) -> int:
    """Run a stage in this process and the current folder; its exit status."""
    stage, *given = call.split()
    if stage == "segment":
        given += given  # the task `own` of the corpus `own`
    params._checked.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(STAGES))
        patch.setattr(sys, "argv", [stage, *given])
        script = importlib.import_module(stage)
        if hasattr(script, "ProcessPoolExecutor"):  # no fork of a process with pytest
            patch.setattr(script, "ProcessPoolExecutor", lambda _: ThreadPoolExecutor(1))
        try:
            errors.run(script.main)
        except SystemExit as end:
            return int(str(end.code))
    return 0


def run_script(call: str) -> tuple[int, str]:
    """Run a stage as DVC does, as a process: its exit status and what it says."""
    stage, *given = call.split()
    script = [sys.executable, str(STAGES / f"{stage}.py"), *given]
    done = subprocess.run(script, capture_output=True, text=True)
    assert done.stdout == ""
    return done.returncode, done.stderr


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace of six small dances of two types in which every stage has run."""
    space = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(space)
        labels = {"C": "Cha-cha", "R": "Rumba"}
        set_params({"segment.own.excerpt_frames": 50, "corpora.own.labels": labels})
        for number, piece in enumerate(("C_1", "C_2", "C_3", "R_1", "R_2", "R_3")):
            write_dance(Path(f"dances/DANCE_{piece}"), seed=number)
        for stage in WHOLE:
            assert run_here(f"{stage} own") == 0
    return space


@pytest.fixture
def space(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the finished workspace, which is the current folder."""
    copy = tmp_path / "space"
    shutil.copytree(finished, copy)
    monkeypatch.chdir(copy)
    monkeypatch.delenv("MOTIONMUSIC_MIRROR", raising=False)
    return copy


def tree(space: Path) -> dict[str, str]:
    """Every file and folder with its content, the hidden ones too."""
    return {
        str(path.relative_to(space)): (
            hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
        )
        for path in space.rglob("*")
        if "__pycache__" not in path.parts
    }


def the_error(status: int, stderr: str, *needed: str) -> None:
    """The one error of a stage that refused, with place, expected, got and what to do."""
    assert (status, stderr.count("error: ")) == (2, 1), stderr
    match = ERROR.search(stderr)
    assert match, stderr
    for text in needed:
        assert text in match[0], match[0]


def must_refuse(capsys: pytest.CaptureFixture[str], call: str, *needed: str) -> None:
    """A stage refuses with one error, and changes nothing."""
    before = tree(Path())
    capsys.readouterr()
    status = run_here(call)
    the_error(status, capsys.readouterr().err, *needed)
    assert tree(Path()) == before


@pytest.fixture
def refused(space: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., None]:
    """Check that a stage refuses, keeps its earlier results, and without them brings nothing."""

    def check(call: str, *needed: str) -> None:
        must_refuse(capsys, call, *needed)
        stage, corpus, *_ = call.split()
        for output in OUTPUTS[stage]:
            path = Path("data", corpus, output)
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        must_refuse(capsys, call, *needed)

    return check


Refused = Callable[..., None]


def raw(piece: str, name: str) -> Path:
    return Path("data/own/raw", f"DANCE_{piece}", name)


def change(file: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    content = json.loads(file.read_text())
    edit(content)
    file.write_text(json.dumps(content))


# What comes out


def test_what_the_stages_leave(space: Path) -> None:
    """And the same bytes again."""
    pieces = workspace.read_pieces("own")
    assert pieces["piece"].tolist() == ["C_1", "C_2", "C_3", "R_1", "R_2", "R_3"]
    assert pieces["label"].tolist() == [0, 0, 0, 1, 1, 1]
    assert set(pieces["motion_origin"]) == set(pieces["sound_origin"]) == {"folder"}
    index = workspace.read_index("own")
    assert len(index) == 3 * 6 * 2
    about = workspace.about("own")
    assert (about.corpus, about.layout, about.excerpts, about.pieces) == (
        "own", "musictodance", None, 6,
    )  # fmt: skip
    assert about.stand_ins == {"motion": 0, "sound": 0, "pieces": 0}
    assert about.labels == {"C": "Cha-cha", "R": "Rumba"}
    made = (about.center, about.scale, about.music["sample_rate"])
    assert made == ("once", "per_piece", 12_800)  # as params.yaml has them for own
    for name, shape in (("joints", (3, 25, 23)), ("merged", (6, 25, 23)), ("music", (1, 96, 25))):
        assert workspace.read_segments("own", name).shape == (12, *shape)
    for fold, ids in workspace.folds(index):
        assert fold < 3
        for kind in ("joints", "bones", "merged", "music"):
            every = workspace.read_segments("own", kind)
            for row, one in enumerate(ids.to_dict("records")):
                assert one["label"] == "CR".index(one["piece"][0])
                whole = np.load(f"data/own/{kind}/{one['piece']}.npy")
                first = 50 * one["excerpt"] + 25 * one["segment"]
                part = whole[first : first + 25]
                turned = part.T[None] if kind == "music" else part.transpose(2, 0, 1)
                np.testing.assert_array_equal(every[row], turned)
    dance = read_piece("folder", Path("data/own/raw"), "R_2")
    joints = np.load("data/own/joints/R_2.npy")
    expected = normalise_joints(dance.joints, dance.center, centering="once", scale="per_piece")
    np.testing.assert_array_equal(joints, expected)
    limbs = np.load("data/own/bones/R_2.npy")
    np.testing.assert_array_equal(limbs, bones(joints, "musictodance", paper=False))
    assert workspace.read_task_units("own").empty
    assert json.loads(Path("metrics/own/leakage.json").read_text())["tested"] == 12
    lines = Path("data/own/local.tsv").read_text().splitlines()
    assert len(lines) == 1 + 6 * 3
    sound = Path("dances/DANCE_C_1/audio.wav").read_bytes()
    assert lines[1] == f"DANCE_C_1/audio.wav\t48044\t{hashlib.md5(sound).hexdigest()}"
    before = tree(space)
    for stage in WHOLE:
        assert run_here(f"{stage} own") == 0
    assert tree(space) == before


def test_a_class_with_fewer_excerpts_decides_for_all(
    space: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    set_params({"segment.own.excerpts": 34})
    assert run_here("segment own") == 0
    assert "own: 3 excerpts of each class, not 34" in capsys.readouterr().err
    assert workspace.about("own").excerpts == 3


def test_only_types_that_take_part_are_named(space: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(STAGES))
    monkeypatch.setattr(
        "segment.taking_part",
        lambda _, pieces, units, labels: (pieces[pieces["label"] == 0], {"C": labels["C"]}),
    )
    assert run_here("segment own") == 0
    assert workspace.about("own").labels == {"C": "Cha-cha"}
    assert workspace.about("own").pieces == 3


# Dances


@pytest.mark.parametrize("stage", ["joints", "download"])
def test_broken_dances(refused: Refused, stage: str) -> None:
    file = Path("data/own/raw" if stage == "joints" else "dances", "DANCE_R_2/skeletons.json")
    change(file, lambda content: content["skeletons"][3].pop())
    refused(f"{stage} own", f"error: {file}: skeletons, frame 3: expected a list of at least 23")
    file.write_bytes(file.read_bytes()[:-2])
    refused(f"{stage} own", f"error: {file}: expected JSON")
    file.unlink()
    refused(f"{stage} own", f"error: {file}: expected a JSON file, got no such file")


def test_dances_that_look_wrong_are_listed(space: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def lose(content: dict[str, Any]) -> None:
        for frame in range(10, 20):
            content["skeletons"][frame] = [[0, 0, 0]] * 23

    before = tree(space)
    assert run_here("joints own") == 0
    capsys.readouterr()
    for piece in ("C_2", "R_1"):
        change(raw(piece, "skeletons.json"), lose)
    assert run_here("joints own") == 0
    said = capsys.readouterr().err
    assert "joints: own: lost: 2 pieces, C_2, R_1; C_2: frames 10 to 19 (0.40 to 0.76 s)" in said
    # the corpus itself is not changed by looking at it
    assert {path for path in tree(space) if tree(space)[path] != before[path]} == {
        f"data/own/raw/DANCE_{piece}/skeletons.json" for piece in ("C_2", "R_1")
    } | {f"data/own/joints/{piece}.npy" for piece in ("C_2", "R_1")}


def test_all_dances_that_cannot_be_read_are_named(refused: Refused) -> None:
    for piece in ("C_2", "R_1"):
        change(raw(piece, "skeletons.json"), lambda content: content["skeletons"][3].pop())
    files = [f"{raw(piece, 'skeletons.json')}: skeletons, frame 3" for piece in ("C_2", "R_1")]
    refused("joints own", "error: data/own/raw: expected dances that can be read, got 2", *files)


def test_folders_of_dances(refused: Refused) -> None:
    write_dance(Path("dances/MORE_R_3"))
    refused("download own", "error: dances: R_3: expected one folder for each piece")
    shutil.rmtree("dances")
    refused("local own", "error: dances: expected the folder of corpora.own.folder, got no such")
    refused("download own", "error: dances: expected a folder of dances, got no such")
    set_params({"corpora.m2d.stand_ins": "nowhere"})
    refused("local m2d", "error: nowhere: expected the folder of corpora.m2d.stand_ins")
    set_params({"corpora.m2d.stand_ins": None})
    assert run_here("local m2d") == 0
    assert Path("data/m2d/local.tsv").read_text() == "path\tsize\tmd5\n"


def test_labels_and_dances_that_do_not_fit(refused: Refused) -> None:
    set_params({"corpora.own.labels": {"C": "Cha-cha", "R": "Rumba", "T": "Tango"}})
    refused("joints own", "at least one dance of type T (Tango)", "corpora.own.labels")
    set_params({"corpora.own.labels": {"C": "Cha-cha", "T": "Tango"}})
    refused("joints own", "R_1: name: expected a dance type of C, T", "corpora.own.labels")


def test_arguments_and_parameters(refused: Refused) -> None:
    refused("joints nope", "error: params.yaml: corpora: expected one of", "got nope")
    refused("joints own more", "error: command line: expected CORPUS, got own more")
    set_params({"train.aist.nope": 1})  # an unknown knob of training stops every stage
    refused("local own", "error: params.yaml: train.aist")


# Sound

SOUNDS: dict[str, tuple[Callable[[Path], object], str]] = {
    "cut": (lambda file: file.write_bytes(file.read_bytes()[:24_000]), "got a cut file"),
    "silent": (
        lambda file: soundfile.write(file, np.zeros(3 * SOUND_HZ), SOUND_HZ),
        "expected music, got silence",
    ),
    "short": (
        lambda file: soundfile.write(file, np.random.default_rng(0).uniform(-1, 1, 4000), SOUND_HZ),
        "2.1 s less",
    ),
}


@pytest.mark.parametrize("fault", SOUNDS)
def test_broken_sound(refused: Refused, fault: str) -> None:
    file = raw("R_1", "audio.wav")
    spoil, needed = SOUNDS[fault]
    spoil(file)
    refused("music own", f"error: {file}: ", needed)


def test_worker_processes(space: Path) -> None:
    raw("R_1", "audio.wav").write_bytes(b"")
    before = tree(space)
    the_error(*run_script("music own"), "got an empty file")
    assert tree(space) == before


# Too little data


@pytest.mark.parametrize(
    ("values", "needed"),
    [
        ({"folds": 4}, ("folds", "smallest class has pieces (Cha-cha has 3)", "4 folds")),
        ({"excerpts": 1, "protocol": "paper", "folds": 1}, ("protocol", "got 2")),
    ],
)
def test_too_few_for_the_split(
    refused: Refused, values: dict[str, object], needed: tuple[str, ...]
) -> None:
    set_params({f"segment.own.{name}": value for name, value in values.items()})
    refused("segment own", "error: params.yaml: segment.own.", *needed)


@pytest.mark.parametrize("kind", ["merged", "music"])
def test_features_of_a_piece_short_missing_or_cut(refused: Refused, kind: str) -> None:
    file = Path("data/own", kind, "R_2.npy")
    np.save(file, np.load(file)[:49])
    refused("segment own", "R_2: expected at least one excerpt of 50 frames with sound, got 49")
    file.write_bytes(file.read_bytes()[:-9])
    refused("segment own", f"error: {file}: expected an array file", "dvc repro")
    file.unlink()
    refused("segment own", f"error: {file}: expected an array file, got no such", "dvc repro")


def test_a_broken_promise_and_segments_of_an_older_kind(refused: Refused) -> None:
    file = Path("data/own/segments/index.parquet")
    index = pd.read_parquet(file)
    index.loc[(index["piece"] == "R_2") & (index["segment"] == 1), "split"] = "train"
    index.to_parquet(file, index=False)
    refused("leakage own", "no piece in both, as protocol by_piece promises", "R_2")
    Path("data/own/segments/about.json").unlink()
    refused("leakage own", "error: data/own/segments/about.json: expected a JSON file")


# The disk


@pytest.mark.parametrize("stage", ["joints", "music", "segment"])
def test_a_disk_that_gets_full(
    space: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], stage: str
) -> None:
    # at every write in turn, the last ones included
    left, written = 0, 0

    def fsync(_: int) -> None:
        nonlocal written
        written += 1
        if written > left:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fsync)
    other = "per_coordinate_piece"  # the results would be others
    set_params({"joints.own.scale": other, "music.own.scale": other, "segment.own.seed": 1})
    before = tree(space)
    for left in range(20):
        written = 0
        capsys.readouterr()
        status = run_here(f"{stage} own")
        if status == 0:
            break
        the_error(status, capsys.readouterr().err, "No space left on device")
        assert tree(space) == before, f"after {left} writes"
    assert left > 3
    assert tree(space) != before


@pytest.fixture
def bare(finished: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the finished workspace that every user may reach; the current folder."""
    top = Path(tempfile.mkdtemp(prefix="motionmusic-bad-input-"))
    top.chmod(0o755)
    shutil.copytree(finished, top / "space")
    (top / "space").chmod(0o755)
    monkeypatch.chdir(top / "space")
    yield top / "space"
    for path in top.rglob("*"):
        if path.is_dir():
            path.chmod(0o755)
    shutil.rmtree(top)


@contextmanager
def as_a_user() -> Iterator[None]:
    """Without root's right to read and write everywhere."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(NOBODY)
    yield
    if root:
        os.seteuid(0)


@pytest.mark.parametrize("stage", ["joints", "segment"])
def test_no_right_to_write(bare: Path, capsys: pytest.CaptureFixture[str], stage: str) -> None:
    assert run_here(f"{stage} own") == 0  # which also imports whatever the stage imports late
    Path("data/own").chmod(0o555)
    with as_a_user():
        needed = ("error: data/own/", "Permission denied", "mend the permissions")
        must_refuse(capsys, f"{stage} own", *needed)


def test_no_right_to_read(bare: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = raw("C_2", "skeletons.json")
    if os.geteuid() == 0:
        for path in (Path("data/own"), *Path("data/own").rglob("*")):
            os.chown(path, NOBODY, NOBODY)
    before = tree(bare)
    file.chmod(0)
    capsys.readouterr()
    with as_a_user():
        status = run_here("joints own")
    the_error(status, capsys.readouterr().err, f"error: {file}: ", "Permission denied")
    file.chmod(0o644)
    assert tree(bare) == before
