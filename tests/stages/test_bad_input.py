"""Bad input at the level of the stage scripts: status 2, one clear error, nothing half-written.

Every test runs on a copy of a small workspace in which all stages have run well before. A stage
that refuses must leave that copy as it was, to the byte; once more with its own earlier outputs
taken away it must not bring any, nor leave temporary files.
"""

from __future__ import annotations

import errno
import hashlib
import importlib
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import yaml

from motionmusic import errors
from motionmusic.data.manifest import REPOSITORIES, Entry, Manifest, manifest
from motionmusic.params import reader

ROOT = Path(__file__).parents[2]
STAGES = ROOT / "stages"
MIRROR = ROOT.parent / "shared" / "mirror"
FRAMES = 60
SOUND_HZ = 8000
NOBODY = 65534
OUTPUTS = {
    "download": ["raw"],
    "download_aist": ["raw"],
    "download_folder": ["raw"],
    "joints": ["joints", "pieces.csv"],
    "music": ["music"],
    "segment": ["segments"],
    "train_motion": ["models", "predictions"],
    "cotrain": ["predictions"],
}
ERROR = re.compile(
    r"^error: (?P<place>[^\n]+?): expected (?P<expected>.+), got (?P<got>.+)\n"
    r"  what to do: (?P<remedy>[^\n]{10,})\n\Z",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Ended:
    """How a stage ended."""

    status: int
    stderr: str


# The workspace


def write_dance(folder: Path, frames: int = FRAMES, seed: int = 0) -> None:
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


def set_param(space: Path, key: str, value: object) -> None:
    """Set one key of params.yaml, which may be new; ``None`` removes it."""
    file = space / "params.yaml"
    whole = yaml.safe_load(file.read_text("utf-8"))
    *groups, last = key.split(".")
    inner = whole
    for name in groups:
        inner = inner[name]
    if value is None:
        del inner[last]
    else:
        inner[last] = value
    file.write_text(yaml.safe_dump(whole, sort_keys=False), "utf-8")


def run_here(stage: str, *given: str) -> int:
    """Run a stage in this process and the current folder; its exit status."""
    reader._checked.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(STAGES))
        patch.setattr(sys, "argv", [stage, *given])
        script = importlib.import_module(stage)
        if stage == "music":  # no fork of a process with pytest and torch; run_script has them
            patch.setattr(script, "ProcessPoolExecutor", lambda _: ThreadPoolExecutor(1))
        try:
            errors.run(script.main)
        except SystemExit as end:
            return int(str(end.code))
    return 0


def run_script(
    stage: str, *given: str, before: Callable[[], None] | None = None, **variables: str
) -> Ended:
    """Run a stage as DVC does, as a process."""
    done = subprocess.run(
        [sys.executable, str(STAGES / f"{stage}.py"), *given],
        capture_output=True, text=True, preexec_fn=before, env=os.environ | variables,
    )  # fmt: skip
    assert done.stdout == ""
    return Ended(done.returncode, done.stderr)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace of six small dances of two types in which all stages up to segment have run."""
    space = tmp_path_factory.mktemp("finished")
    shutil.copyfile(ROOT / "params.yaml", space / "params.yaml")
    small = {"excerpt_frames": 50, "segment_frames": 25, "folds": 3, "protocol": "by_piece"}
    small |= {"excerpts_per_class": "all", "excerpts_per_piece": "all", "choose": "first"}
    set_param(space, "segment.folder", small | {"split_seed": 0})
    set_param(space, "datasets.folder.labels", {"C": "Cha-cha", "R": "Rumba"})
    set_param(space, "datasets.m2d_mini.pieces", ["W_23"])
    for key, value in (("width", 4), ("batch", 2), ("epochs_alone", 1), ("epochs_together", 1)):
        set_param(space, f"train.folder.{key}", value)
    for number, piece in enumerate(("C_1", "C_2", "C_3", "R_1", "R_2", "R_3")):
        write_dance(space / "dances" / f"DANCE_{piece}", seed=number)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(space)
        for stage in ("download_folder", "joints", "bones", "merge", "music", "segment"):
            assert run_here(stage, "folder") == 0
    return space


@pytest.fixture
def space(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the finished workspace, which is the current folder."""
    copy = tmp_path / "space"
    shutil.copytree(finished, copy)
    monkeypatch.chdir(copy)
    monkeypatch.delenv("MOTIONMUSIC_MIRROR", raising=False)
    return copy


def tree(space: Path, without: str = "") -> dict[str, str]:
    """Every file and folder with its content, the hidden ones too, but what is in ``without``.

    Checkpoints are scratch: an interrupted training leaves them so as to go on.
    """
    found = {
        str(path.relative_to(space)): (
            hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
        )
        for path in space.rglob("*")
        if "checkpoints" not in path.parts and (not without or without not in path.parts)
    }
    assert found
    return found


def the_error(ended: Ended, *needed: str) -> str:
    """The one error of a stage that refused, with place, expected, got and what to do."""
    assert ended.status == 2, ended.stderr
    assert "Traceback" not in ended.stderr
    assert len(re.findall(r"^error: ", ended.stderr, re.MULTILINE)) == 1, ended.stderr
    assert ended.stderr.count("error: ") == 1
    match = ERROR.search(ended.stderr)
    assert match, ended.stderr
    assert all(match.groupdict().values())
    message = match[0]
    assert len(message) < 1500
    for text in needed:
        assert text in message, message
    return message


@pytest.fixture
def refused(space: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Check that a stage refuses, keeps its earlier results, and without them brings nothing.

    As a process (``script``) it takes seconds and runs only with the earlier results.
    """

    def check(call: str, *needed: str, script: bool = False) -> str:
        stage, *given = call.split()

        def once() -> str:
            before = tree(space)
            if script:
                ended = run_script(stage, *given)
            else:
                capsys.readouterr()
                status = run_here(stage, *given)
                ended = Ended(status, capsys.readouterr().err)
            message = the_error(ended, *needed)
            assert tree(space) == before
            return message

        message = once()
        if script:
            return message
        for output in OUTPUTS[stage]:
            path = Path("data", given[0], output)
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        return once()

    return check


Refused = Callable[..., str]


def raw(piece: str, name: str) -> Path:
    return Path("data/folder/raw", f"DANCE_{piece}", name)


def change(file: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    content = json.loads(file.read_text())
    edit(content)
    file.write_text(json.dumps(content))


def test_all_stages_end_well_as_processes(space: Path) -> None:
    before = tree(space)
    for stage in ("download_folder", "joints", "music", "segment"):
        ended = run_script(stage, "folder")
        assert ended.status == 0, ended.stderr
    assert tree(space) == before


# Dances: skeletons.json, config.json, names


def skeletons_nan(content: dict[str, Any]) -> None:
    content["skeletons"][7][3][1] = float("nan")


SKELETONS: dict[str, tuple[Callable[[dict[str, Any]], object], tuple[str, ...]]] = {
    "22 joints": (
        lambda content: content["skeletons"][3].pop(),
        ("skeletons, frame 3", "a list of 23 joints", "22 entries"),
    ),
    "NaN": (skeletons_nan, ("skeletons, frame 7, joint 3", "three finite numbers", "nan")),
    "wrong length": (lambda content: content.update(length=61), ("length", "60", "61")),
    "zero frames": (
        lambda content: content.update(length=0, center=[], skeletons=[]),
        ("skeletons", "at least one frame", "[]"),
    ),
    "no center": (lambda content: content.pop("center"), ("center", "no such key")),
}


@pytest.mark.parametrize("fault", SKELETONS)
@pytest.mark.parametrize("stage", ["joints", "download_folder"])
def test_skeletons_of_another_shape(refused: Refused, stage: str, fault: str) -> None:
    edit, needed = SKELETONS[fault]
    where = "data/folder/raw" if stage == "joints" else "dances"
    file = Path(where, "DANCE_R_2/skeletons.json")
    change(file, edit)
    refused(f"{stage} folder", f"error: {file}: {needed[0]}: expected", *needed)


@pytest.mark.parametrize("content", ["cut", "", "hello", "[1, 2]", "null"])
@pytest.mark.parametrize("name", ["skeletons.json", "config.json"])
def test_no_json(refused: Refused, name: str, content: str) -> None:
    file = raw("C_2", name)
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2] if content == "cut" else content.encode())
    refused("joints folder", f"error: {file}: expected")


@pytest.mark.parametrize("stage", ["joints", "download_folder"])
def test_cut_json_as_a_process(refused: Refused, stage: str) -> None:
    where = "data/folder/raw" if stage == "joints" else "dances"
    file = Path(where, "DANCE_R_2/skeletons.json")
    file.write_bytes(file.read_bytes()[:-2])
    refused(f"{stage} folder", f"error: {file}: expected JSON, got", script=True)


def test_no_start_position(refused: Refused) -> None:
    file = raw("C_2", "config.json")
    change(file, lambda content: content.pop("start_position"))
    refused(
        "joints folder",
        f"error: {file}: start_position: expected a value, got no such key; it has end_position",
    )


@pytest.mark.parametrize("name", ["skeletons.json", "config.json", "audio.wav"])
def test_missing_file(refused: Refused, name: str) -> None:
    raw("R_3", name).unlink()
    refused("joints folder", "data/folder/raw/DANCE_R_3")


def test_two_folders_of_one_piece(refused: Refused) -> None:
    write_dance(Path("dances/MORE_R_3"))
    write_dance(Path("data/folder/raw/MORE_R_3"))
    for stage, where in (("joints", "data/folder/raw"), ("download_folder", "dances")):
        needed = f"error: {where}: R_3: expected one folder for each piece"
        refused(f"{stage} folder", needed, "DANCE_R_3 and MORE_R_3")


def test_no_dances(refused: Refused) -> None:
    shutil.rmtree("dances")
    refused("download_folder folder", "error: dances: expected a folder of dances, got no such")
    Path("dances").mkdir()
    refused("download_folder folder", "error: dances: expected folders named ANY_CODE_NUMBER")


def test_label_without_a_dance(refused: Refused) -> None:
    labels = {"C": "Cha-cha", "R": "Rumba", "T": "Tango"}
    set_param(Path(), "datasets.folder.labels", labels)
    refused("joints folder", "at least one dance of type T (Tango)", "datasets.folder.labels")


def test_dance_without_a_label(refused: Refused) -> None:
    write_dance(Path("data/folder/raw/DANCE_T_1"))
    refused("joints folder", "DANCE_T_1", "a dance type of C, R", "datasets.folder.labels")


def test_unknown_data_set(refused: Refused) -> None:
    refused("joints nope", "error: params.yaml: datasets: expected one of", "got nope")
    refused("joints folder more", "error: command line: expected DATASET, got folder more")


# Sound


def silence(file: Path) -> None:
    soundfile.write(file, np.zeros(3 * SOUND_HZ), SOUND_HZ)


def half(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


SOUNDS: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty": (lambda file: file.write_bytes(b""), "got an empty file"),
    "cut": (half, "3.00 s of sound, as its header says, got a cut file"),
    "no sound": (lambda file: file.write_text("hello " * 999), "cannot be read as sound"),
    "silent": (silence, "expected music, got silence"),
    "short": (
        lambda file: soundfile.write(file, np.random.default_rng(0).uniform(-1, 1, 4000), SOUND_HZ),
        "1.0 s less",
    ),
    "missing": (lambda file: file.unlink(), "got no such file"),
}


@pytest.mark.parametrize("fault", SOUNDS)
def test_broken_sound(refused: Refused, fault: str) -> None:
    file = raw("R_1", "audio.wav")
    spoil, needed = SOUNDS[fault]
    if fault == "short":  # 0.3 s of 2.4 s are there
        needed = "2.1 s less"
    spoil(file)
    refused("music folder", f"error: {file}: ", needed)


def test_silence_as_a_process(refused: Refused) -> None:
    # the error comes out of a worker process
    silence(raw("R_1", "audio.wav"))
    refused("music folder", "expected music, got silence", script=True)


def test_start_past_the_end_of_the_sound(refused: Refused) -> None:
    new = {"start_position": 100, "end_position": 160}
    change(raw("C_3", "config.json"), lambda content: content.update(new))
    assert run_here("joints", "folder") == 0
    refused(
        "music folder",
        f"error: {raw('C_3', 'audio.wav')}: expected sound from 4 s on (start_position",
        "a sound of 3.00 s",
    )


# Too little data


def shorten(frames: int) -> None:
    shutil.rmtree("data/folder/raw/DANCE_C_2")
    write_dance(Path("data/folder/raw/DANCE_C_2"), frames)
    for stage in ("joints", "bones", "merge"):
        assert run_here(stage, "folder") == 0


@pytest.mark.parametrize("frames", [1, 2])
def test_piece_shorter_than_one_window_of_sound(refused: Refused, frames: int) -> None:
    shorten(frames)
    refused("music folder", "error: data/folder/raw: C_2: expected", f"got {frames} frames")


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("frames", [3, 49])
def test_piece_shorter_than_one_excerpt(refused: Refused, frames: int) -> None:
    shorten(frames)
    assert run_here("music", "folder") == 0
    refused(
        "segment folder",
        "error: data/folder/raw: C_2: expected at least one excerpt of 50 frames",
        f"got {frames} frames",
        "segment.folder.excerpt_frames",
    )


SEGMENT: dict[str, tuple[dict[str, object], tuple[str, ...]]] = {
    "fewer pieces than folds": (
        {"folds": 4},
        ("folds: expected", "smallest class has pieces (Cha-cha has 3)", "4 folds"),
    ),
    "more excerpts than there are": (
        {"excerpts_per_class": 4},
        ("segment.folder.excerpts_per_class", "at most the 3 excerpts", "Cha-cha", "got 4"),
    ),
    "a third of a class of two": (
        {"excerpts_per_class": 2, "protocol": "published", "folds": 1},
        ("segment.folder", "3", "2"),
    ),
    "a third of two excerpts": (
        {"excerpts_per_class": 1, "protocol": "paper", "folds": 1},
        ("segment.folder", "3", "2"),
    ),
}


@pytest.mark.parametrize("fault", SEGMENT)
def test_too_few_for_the_split(refused: Refused, fault: str) -> None:
    values, needed = SEGMENT[fault]
    for name, value in values.items():
        set_param(Path(), f"segment.folder.{name}", value)
    refused("segment folder", "error: params.yaml: segment", *needed)


@pytest.mark.parametrize("kind", ["joints", "bones", "merged", "music"])
def test_features_of_a_piece_missing_or_cut(refused: Refused, kind: str) -> None:
    file = Path("data/folder", kind, "R_2.npy")
    file.write_bytes(file.read_bytes()[:-9])
    refused("segment folder", f"error: {file}: expected an array file", "dvc repro")
    file.unlink()
    refused("segment folder", f"error: {file}: expected an array file, got no such", "dvc repro")


def test_too_few_excerpts_as_a_process(refused: Refused) -> None:
    set_param(Path(), "segment.folder.excerpts_per_class", 34)
    refused("segment folder", "segment.folder.excerpts_per_class", "got 34", script=True)


def test_batch_larger_than_the_training_segments(refused: Refused) -> None:
    set_param(Path(), "train.folder.batch", 5)
    refused(
        "train_motion folder joints 0",
        "error: params.yaml: train.", "batch: expected a batch of at most the 4 training segments",
        "got 5", script=True,
    )  # fmt: skip


# Parameters. Every stage checks the whole file; joints stands for all.

PARAMETERS: dict[str, tuple[str, object, tuple[str, ...]]] = {
    "unknown group": ("nope", 1, ("params.yaml: nope", "Extra inputs")),
    "unknown in a group": ("train.m2d_mini.nope", 1, ("train.m2d_mini.nope", "Extra inputs")),
    "unknown in a data set": ("datasets.m2d.nope", 1, ("datasets.m2d", "nope", "Extra inputs")),
    "unknown in baseline": ("baseline.nope", 1, ("baseline.nope", "Extra inputs")),
    "missing group": ("baseline", None, ("params.yaml: baseline", "Field required")),
    "missing key": ("train.m2d.batch", None, ("train.m2d.batch", "Field required")),
    "text for a number": ("train.m2d.batch", "72", ("train.m2d.batch", "integer", "got '72'")),
    "number for a flag": ("bones.m2d.paper", 1, ("bones.m2d.paper", "boolean", "got 1")),
    "float for an integer": ("train.m2d.batch", 7.5, ("train.m2d.batch", "got 7.5")),
    "list for a group": ("joints.m2d", [1], ("joints.m2d", "got [1]")),
    "text for a seed": ("seeds", ["0"], ("seeds.0", "integer")),
    "no seed": ("seeds", [], ("params.yaml: seeds", "got []")),
    "negative seed": ("seeds", [-1], ("seeds.0", "got -1")),
    "batch of one": ("train.m2d.batch", 1, ("train.m2d.batch", "greater than or equal to 2")),
    "width": ("train.m2d.width", 30, ("train.m2d.width", "multiple of 4", "got 30")),
    "learning rate": ("train.m2d.learning_rate", 1.5, ("train.m2d.learning_rate", "less than 1")),
    "no epochs": ("train.m2d.epochs_alone", 0, ("train.m2d.epochs_alone", "got 0")),
    "no such protocol": ("segment.m2d.protocol", "any", ("segment.m2d.protocol", "by_piece")),
    "no such source": ("datasets.m2d.source", "any", ("datasets.m2d", "musictodance", "any")),
    "one label": ("datasets.m2d.labels", {"C": "Cha-cha"}, ("datasets.m2d", "labels")),
    "no excerpts": ("segment.m2d.excerpts_per_class", 0, ("excerpts_per_class", "got 0")),
    # contradictions
    "segment over excerpt": (
        "segment.folder.segment_frames", 51,
        ("segment.folder", "segment_frames is larger than excerpt_frames"),
    ),
    "by_piece with 2 folds": (
        "segment.folder.folds", 2, ("segment.folder", "folds of at least 3"),
    ),
    "one split in 3 folds": ("segment.m2d.folds", 3, ("segment.m2d", "folds must be 1")),
    "last_hundred with few epochs": (
        "train.m2d.epochs_alone", 100, ("train.m2d", "last_hundred needs more than 100 epochs"),
    ),
    "last_hundred in one cycle": (
        "train.m2d.schedule", "one_cycle", ("train.m2d", "last_hundred needs schedule constant"),
    ),
    "sound and motion apart": (
        "music.folder.sample_rate", 16000,
        ("music.folder.sample_rate", "31.250 frames", "datasets.folder.motion_rate_hz is 25.0"),
    ),
    "official but no AIST++": (
        "segment.m2d.protocol", "official", ("segment.m2d.protocol", "AIST++"),
    ),
    "AIST++ in folds": ("segment.aist.protocol", "paper", ("segment.aist.protocol", "AIST++")),
    "AIST++ centred": ("joints.aist.center", "once", ("joints.aist.center", "use none")),
    "seeds twice": ("seeds", [0, 0], ("seeds must differ",)),
    "not in joints": ("joints.m2d", None, ("joints must have exactly the data sets",)),
    "not in train": ("train.aist", None, ("train must have exactly the data sets",)),
    "only in music": (
        "music.nope",
        {"feature": "mfcc", "sample_rate": 12800, "resampler": "soxr_hq", "scale": "per_piece",
         "pad_short": False, "short_sound": "cut"},
        ("music must have exactly the data sets",),
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", PARAMETERS)
def test_parameters(refused: Refused, fault: str) -> None:
    key, value, needed = PARAMETERS[fault]
    set_param(Path(), key, value)
    refused("joints folder", "error: params.yaml: ", *needed)


@pytest.mark.parametrize(
    "call", ["download m2d", "download_folder folder", "joints folder", "music folder"]
)
def test_every_stage_checks_all_parameters(refused: Refused, call: str) -> None:
    # an unknown knob of training stops the download already
    set_param(Path(), "train.aist.nope", 1)
    refused(call, "error: params.yaml: train.aist.nope: expected")


def test_unknown_parameter_as_a_process(refused: Refused) -> None:
    set_param(Path(), "train.aist.nope", 1)
    refused("segment folder", "error: params.yaml: train.aist.nope: expected", script=True)


def test_no_yaml(refused: Refused) -> None:
    for text in ("seeds: [0", "", "hello", "- 1"):
        Path("params.yaml").write_text(text)
        refused("joints folder", "error: params.yaml: ")
    Path("params.yaml").unlink()
    refused("joints folder", "error: params.yaml: expected the parameters, got no such file")


def test_dvc_refuses_a_new_key(tmp_path: Path) -> None:
    # exp run -S cannot add a key; it stops before any stage
    dvc = Path(sys.executable).with_name("dvc")
    if not dvc.exists():
        pytest.skip("no dvc beside this Python")
    shutil.copyfile(ROOT / "params.yaml", tmp_path / "params.yaml")
    stage = "stages:\n  one:\n    cmd: touch one\n    params: [train.m2d_mini]\n    outs: [one]\n"
    (tmp_path / "dvc.yaml").write_text(stage)
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b"]
    run = partial(subprocess.run, cwd=tmp_path, capture_output=True, text=True)
    home = os.environ | {"DVC_NO_ANALYTICS": "1"}
    for command in (["git", "init", "-q"], [str(dvc), "init", "-q"], ["git", "add", "."],
                    [*git, "commit", "-qm", "a"]):  # fmt: skip
        assert run(command, env=home).returncode == 0
    done = run([str(dvc), "exp", "run", "-S", "train.m2d_mini.nope=1"], env=home)
    assert done.returncode != 0
    assert "nope" in done.stderr
    assert not (tmp_path / "one").exists()


# Downloads


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A mirror with all files of W_23 under a manifest that has them, and their folder in it."""
    monkeypatch.syspath_prepend(str(STAGES))
    content = {f"DANCE_W_23/{name}": name.encode() * 99 for name in ("a.mp3", "b.json", "c.json")}
    entries = tuple(
        Entry(path, hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest(), None)
        for path, data in content.items()
    )
    whole = Manifest(*REPOSITORIES["musictodance_retimed"], entries)
    monkeypatch.setattr(importlib.import_module("download"), "manifest", lambda _: whole)
    folder = tmp_path / "mirror"
    inside = folder.joinpath(*REPOSITORIES["musictodance_retimed"])
    for path, data in content.items():
        (inside / path).parent.mkdir(parents=True, exist_ok=True)
        (inside / path).write_bytes(data)
    monkeypatch.setenv("MOTIONMUSIC_MIRROR", str(folder))
    return inside


def download_refused(space: Path, capsys: pytest.CaptureFixture[str], *needed: str) -> str:
    """Like refused, but what has arrived whole may stay in the store of downloads."""
    before = tree(space, without="downloads")
    capsys.readouterr()
    status = run_here("download", "m2d_mini")
    message = the_error(Ended(status, capsys.readouterr().err), *needed)
    assert tree(space, without="downloads") == before
    hidden = [path for path in space.rglob("*") if path.name.startswith(".")]
    assert hidden == []
    return message


def test_flipped_byte_in_the_mirror(
    space: Path, mirror: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = mirror / "DANCE_W_23/b.json"
    whole = file.read_bytes()
    file.write_bytes(whole[:50] + bytes([whole[50] ^ 1]) + whole[51:])
    needed = "2; 1 missing or broken:\n    DANCE_W_23/b.json: "
    download_refused(space, capsys, needed, "blob id", "expected 3 files")
    assert not Path("data/m2d_mini/raw").exists()
    file.write_bytes(whole)
    assert run_here("download", "m2d_mini") == 0
    assert Path("data/m2d_mini/raw/DANCE_W_23/b.json").read_bytes() == whole
    # and now with an earlier result, the store gone and the mirror broken again
    shutil.rmtree("data/downloads")
    file.write_bytes(b"?")
    download_refused(space, capsys, "DANCE_W_23/b.json")
    assert Path("data/m2d_mini/raw/DANCE_W_23/b.json").read_bytes() == whole


def test_files_missing_in_the_mirror(
    space: Path, mirror: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (mirror / "DANCE_W_23/a.mp3").unlink()
    (mirror / "DANCE_W_23/c.json").unlink()
    download_refused(
        space, capsys, "1; 2 missing or broken:",
        "    DANCE_W_23/a.mp3: not in the mirror", "    DANCE_W_23/c.json: not in the mirror",
        "put these files into", "MOTIONMUSIC_MIRROR",
    )  # fmt: skip


def test_no_mirror_and_unknown_piece(refused: Refused, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOTIONMUSIC_MIRROR", "nowhere")
    refused("download m2d_mini", "error: nowhere: expected a folder with mirrored files")
    set_param(Path(), "datasets.m2d_mini.pieces", ["W_23", "X_9"])
    refused("download m2d_mini", "params.yaml: datasets.m2d_mini.pieces: expected", "got X_9")


def test_complete_list_as_a_process(space: Path, tmp_path: Path) -> None:
    # the manifest that is committed, and a mirror that has nothing of it
    set_param(space, "datasets.m2d_mini.pieces", ["W_23", "W_30"])
    wanted = [
        entry.path
        for entry in manifest("musictodance_retimed").entries
        if entry.path.startswith(("DANCE_W_23/", "DANCE_W_30/"))
    ]
    ended = run_script("download", "m2d_mini", MOTIONMUSIC_MIRROR=str(tmp_path))
    message = the_error(ended, f"expected {len(wanted)} files", f"0; {len(wanted)} missing")
    for path in wanted:
        assert f"    {path}: not in the mirror\n" in message
    assert not Path("data/m2d_mini/raw").exists()


def test_published_piece_with_a_flipped_byte(space: Path, tmp_path: Path) -> None:
    wanted = [e for e in manifest("musictodance_retimed").entries if "_W_23/" in e.path]
    archives = [zipfile.ZipFile(path) for path in sorted(MIRROR.glob("blobs-*.zip"))]
    holder = {blob: archive for archive in archives for blob in archive.namelist()}
    if not all(entry.blob in holder for entry in wanted):
        pytest.skip(f"no mirror of the published W_23 at {MIRROR}")
    inside = tmp_path.joinpath("mirror", *REPOSITORIES["musictodance_retimed"])
    for entry in wanted:
        (inside / entry.path).parent.mkdir(parents=True, exist_ok=True)
        (inside / entry.path).write_bytes(holder[entry.blob].read(entry.blob))
    for archive in archives:
        archive.close()
    sound = inside / "DANCE_W_23/audio.mp3"
    whole = bytearray(sound.read_bytes())
    whole[len(whole) // 2] ^= 1
    sound.write_bytes(whole)
    ended = run_script("download", "m2d_mini", MOTIONMUSIC_MIRROR=str(tmp_path / "mirror"))
    the_error(ended, "2; 1 missing or broken:\n    DANCE_W_23/audio.mp3: ", "blob id")
    assert not list(Path("data/m2d_mini").glob("*"))


@pytest.mark.parametrize("script", [False, True])
def test_terms_not_accepted(refused: Refused, script: bool) -> None:
    refused(
        "download_aist aist", "error: params.yaml: datasets.aist.accept_terms: expected true",
        "https://aistdancedb.ongaaccel.jp/terms_of_use/", script=script,
    )  # fmt: skip


# The disk


def small_files() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))


@pytest.mark.parametrize("stage", ["joints", "segment", "download_folder"])
def test_full_disk(space: Path, stage: str) -> None:
    before = tree(space)
    ended = run_script(stage, "folder", before=small_files)
    message = the_error(ended, "File too large", "free space")
    assert f"data/folder/.{OUTPUTS[stage][0]}." in message.split("\n")[0]
    assert tree(space) == before


@pytest.mark.parametrize("stage", ["joints", "music", "segment"])
def test_disk_that_gets_full(
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
    set_param(space, "joints.folder.scale", "per_coordinate_piece")  # the results would be others
    set_param(space, "music.folder.scale", "per_coordinate_piece")
    set_param(space, "segment.folder.split_seed", 1)
    before = tree(space)
    for left in range(20):
        written = 0
        capsys.readouterr()
        status = run_here(stage, "folder")
        if status == 0:
            break
        the_error(Ended(status, capsys.readouterr().err), "No space left on device")
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


def as_a_user(work: Callable[[], int]) -> int:
    """Run it without root's right to write everywhere."""
    if os.geteuid() != 0:
        return work()
    os.seteuid(NOBODY)
    try:
        return work()
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("stage", ["joints", "music", "segment", "download_folder"])
def test_no_right_to_write(bare: Path, capsys: pytest.CaptureFixture[str], stage: str) -> None:
    assert run_here(stage, "folder") == 0  # which also imports whatever the stage imports late
    Path("data/folder").chmod(0o555)
    before = tree(bare)
    assert as_a_user(lambda: 0 if os.access("data/folder", os.W_OK, effective_ids=True) else 1)
    capsys.readouterr()
    status = as_a_user(lambda: run_here(stage, "folder"))
    needed = ("error: data/folder/", "Permission denied", "mend the permissions")
    the_error(Ended(status, capsys.readouterr().err), *needed)
    assert tree(bare) == before


def test_no_right_to_read(bare: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = raw("C_2", "skeletons.json")
    if os.geteuid() == 0:
        for path in (Path("data/folder"), *Path("data/folder").rglob("*")):
            os.chown(path, NOBODY, NOBODY)
    before = tree(bare)
    file.chmod(0)
    capsys.readouterr()
    status = as_a_user(lambda: run_here("joints", "folder"))
    the_error(Ended(status, capsys.readouterr().err), f"error: {file}: ", "Permission denied")
    file.chmod(0o644)
    assert tree(bare) == before


# Weights


@pytest.mark.parametrize("fault", ["width", "cut", "missing"])
def test_weights_that_do_not_fit(refused: Refused, fault: str) -> None:
    import torch

    from motionmusic.features.skeletons import LAYOUTS, paper_graph
    from motionmusic.models.motion_encoder import MotionEncoder
    from motionmusic.training import weights

    file = Path("data/folder/models/motion-joints-0/fold0.last.safetensors")
    graph = torch.from_numpy(paper_graph(LAYOUTS["musictodance"]))
    other = MotionEncoder(3, graph, 2, 8)  # of width 8; params.yaml says 4
    weights.save(file, weights.prefixed(network=other.state_dict()), {})
    needed = ["the", "tensors of MotionEncoder", "has shape", "that do not fit"]
    if fault == "cut":
        file.write_bytes(file.read_bytes()[:-100])
        needed = ["a safetensors file"]
    if fault == "missing":
        file.unlink()
        needed = ["a weights file", "no such file"]
    refused("cotrain folder joints plain 0", f"error: {file}: ", *needed, script=fault == "width")
