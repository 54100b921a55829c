"""Nothing of the user's is harmed: what a command refuses to write over, and that it says so at once."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from bodies import room
from commands import Result

from motionmusic.app import outputs
from motionmusic.app.outputs import check_input, check_output, check_room, using_cache
from motionmusic.errors import UserError
from motionmusic.files import write_bytes

Call = Callable[..., Result]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a dance, a song, notes and a model that nobody may load."""
    monkeypatch.chdir(tmp_path)
    dance = Path("DANCE_C_1")
    dance.mkdir()
    joints = np.zeros((30, 23, 3)).tolist()
    content = {"length": 30, "center": [[0, 0, 0]] * 30, "skeletons": joints}
    (dance / "skeletons.json").write_text(json.dumps(content))
    (dance / "config.json").write_text(json.dumps({"start_position": 0, "end_position": 30}))
    Path("music").mkdir()
    for name in ("song.flac", "notes.txt", "music/a.mp3", "old.mp4", "old.json", "old.png"):
        Path(name).write_text(f"{name} is mine")
    model = Path("data/demo/matchers/contrastive-0")
    model.mkdir(parents=True)
    facts = {"method": "contrastive", "seed": 0, "task": "demo"}
    (model / "matcher.json").write_text(json.dumps(facts))
    os.mkfifo("pipe.mp4")
    Path("folder.mp4").mkdir()
    Path("link.mp4").symlink_to("old.mp4")
    os.link("music/a.mp3", "linked.json")
    Path("through").symlink_to("DANCE_C_1")
    return tmp_path


def everything(folder: Path) -> dict[str, object]:
    return {
        str(path): (path.lstat().st_mode, path.lstat().st_ino, path.read_bytes()
                    if path.is_file() else b"")
        for path in sorted(folder.rglob("*"))
    }  # fmt: skip


RECOMMEND = ("recommend", "DANCE_C_1", "--catalogue", "music", "--method", "contrastive")
RENDER = ("render", "DANCE_C_1")
SYNC = ("sync", "DANCE_C_1", "song.flac")
REFUSED = [
    # outputs
    ((*RENDER, "song.flac"), "a name ending in .mp4, got song.flac"),
    ((*RENDER, "notes.txt"), "a name ending in .mp4, got notes.txt"),
    ((*RENDER, "song.flac", "--music", "song.flac", "--force"), "other music is named with --music"),
    ((*RENDER, "old.mp4"), "a file that exists"),
    ((*RENDER, "pipe.mp4", "--force"), "a pipe"),
    ((*RENDER, "folder.mp4", "--force"), "a folder"),
    ((*RENDER, "link.mp4", "--force"), "a link"),
    ((*RENDER, "nowhere/x.mp4"), "nowhere: expected a folder to write in, got no such folder"),
    ((*RENDER, "notes.txt/x.mp4"), "notes.txt: expected a folder to write in, got a file"),
    ((*RENDER, "old.mp4", "--music", "old.mp4", "--force"), "a file that this command reads"),
    ((*RECOMMEND, "--out", "old.json"), "a file that exists"),
    ((*RECOMMEND, "--out", "no/such/r.json"), "no such folder"),
    ((*RECOMMEND, "--out", "DANCE_C_1"), "a name ending in .json"),
    ((*RECOMMEND, "--out", "DANCE_C_1/skeletons.json", "--force"), "a file that this command reads"),
    ((*RECOMMEND, "--out", "through/skeletons.json", "--force"), "a file that this command reads"),
    ((*RECOMMEND, "--out", "linked.json", "--force"), "a file that this command reads"),
    ((*RECOMMEND, "--out", "data/demo/matchers/contrastive-0/matcher.json", "--force"), "reads"),
    (("recommend", "DANCE_C_1/skeletons.json", *RECOMMEND[2:], "--out", "DANCE_C_1/config.json",
      "--force"), "DANCE_C_1/config.json: --out: expected a file of its own"),
    ((*RECOMMEND, "--names", "old.json", "--out", "old.json", "--force"), "reads"),
    ((*RECOMMEND, "--render", "x.avi"), "--render: expected a name ending in .mp4, got x.avi"),
    ((*RECOMMEND, "--render", "video"), "a name ending in .mp4"),
    ((*SYNC, "--out", "DANCE_C_1/skeletons.png", "--force"), "skeletons.json: --out"),
    ((*SYNC, "--out", "old.png"), "a file that exists"),
    (("sync", "DANCE_C_1/skeletons.json", "song.flac", "--out", "DANCE_C_1/config.png", "--force"),
     "DANCE_C_1/config.json: --out: expected a file of its own"),
    ((*SYNC, "--names", "old.json", "--out", "old.png", "--force"), "old.json: --out"),
    (("conduct", "song.flac", "--out", "old.mp4"), "a file that exists"),
    (("study", "score", "old.json", "--out", "nowhere/x"), "nowhere: expected a folder"),
    (("study", "make", "notes.txt", "--out", "nowhere/x"), "nowhere: expected a folder"),
    # inputs
    (("recommend", "nowhere", "--catalogue", "music"), "nowhere: expected a dance"),
    (("recommend", "data", "--catalogue", "music"), "data: expected a folder with a skeletons.json"),
    (("recommend", ".", "--catalogue", "music"), "name one of them, such as DANCE_C_1"),
    (("recommend", "pipe.mp4", "--catalogue", "music"), "a pipe"),
    (("recommend", "DANCE_C_1", "--catalogue", "nowhere"), "or one sound file, got no such folder"),
    (("recommend", "DANCE_C_1", "--catalogue", "~/Music"), "Music: --catalogue"),
    (("recommend", "DANCE_C_1", "--catalogue", "~nobody77/Music"), "~nobody77/Music: --catalogue"),
    ((*RECOMMEND, "--model", "nowhere"), "nowhere: expected a folder of trained matchers"),
    ((*RECOMMEND[:-2], "--model", "nowhere.npz"), "or a file in_time.npz, got no such file"),
    ((*RECOMMEND, "--method", "infonce"), "a method that was trained: contrastive, got infonce"),
    ((*RECOMMEND, "--layout", "coco"), "--layout"),
    ((*RENDER, "x.mp4", "--music", "nowhere.mp3"), "nowhere.mp3: --music"),
    ((*RENDER, "x.mp4", "--music", "pipe.mp4"), "a pipe"),
    (("sync", "DANCE_C_1", "nowhere.mp3"), "nowhere.mp3"),
    (("sync", "DANCE_C_1", "pipe.mp4"), "a pipe"),
    (("conduct", "pipe.mp4"), "a pipe"),
    (("study", "score", "pipe.mp4"), "a pipe"),
    (("study", "make", "nowhere.csv"), "nowhere.csv: expected a CSV file"),
    (("recommend", "song.flac", "--catalogue", "music"), "name the dance first, and the music after"),
    (("sync", "song.flac", "music/a.mp3"), "song.flac: expected a dance: a video"),
    ((*RECOMMEND[:3], "notes.txt"), "notes.txt: --catalogue: expected a folder with music"),
    (("render", "DANCE_C_1", "x.mp4", "--start", "inf"), "--start: expected a number of seconds"),
    (("sync", "DANCE_C_1", "song.flac", "--start", "inf"), "--start: expected a number of seconds"),
    ((*RENDER, "x.mp4", "--start", "1e305"), "--start: expected a number of seconds up to 86400"),
    (("check", "DANCE_C_1", "--names", "notes.txt"), "--names: expected no --names"),
    (("check", "nowhere"), "nowhere: expected a dance"),
    (("check", "pipe.mp4"), "a pipe"),
    (("check", "DANCE_C_1", "--names", "nowhere.yaml"), "nowhere.yaml: --names"),
    (("convert", "nowhere", "x.npz"), "nowhere: expected a dance"),
    (("convert", "DANCE_C_1", "DANCE_C_1/skeletons.json"), "a .npz, a .npy, or a folder"),
    (("convert", "DANCE_C_1", "music"), "one that exists"),
    (("pose", "nowhere.mp4", "x.npz"), "nowhere.mp4: expected a video"),
    (("pose", "old.mp4", "old.json", "--force"), "a name ending in .npz"),
    (("evaluate", "nowhere"), "nowhere: expected a folder of dances"),
    (("evaluate", "music", "--csv", "old.json", "--force"), "a name ending in .csv"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "text"), REFUSED, ids=[" ".join(a) for a, _ in REFUSED])
def test_refused_and_nothing_is_touched(
    place: Path, command: Call, arguments: tuple[str, ...], text: str
) -> None:
    before = everything(place)
    status, out, err = command(*arguments)
    assert (status, out) == (2, "")
    assert err.count("error: ") == err.count("what to do: ") == 1
    assert text in err
    assert everything(place) == before


def test_what_needs_no_computation_is_answered_without_torch(place: Path) -> None:
    """All of them in one process that knows none of the slow libraries at its end."""
    code = f"""
import sys
from motionmusic.app import cli
for arguments in {[list(arguments) for arguments, _ in REFUSED]!r}:
    sys.argv = ["motionmusic", *arguments]
    try:
        cli.main()
    except SystemExit as ended:
        assert ended.code == 2, arguments
print(*{{"torch", "librosa", "av", "matplotlib", "sklearn"}} & set(sys.modules))
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == ""
    assert ended.stderr.count("error: ") == len(REFUSED)


# a.mp3 is text, and nobody has accepted the licence of conduct's weights
WITHOUT_TORCH = [
    (("sync", "DANCE_C_1", "music/a.mp3"), "music/a.mp3: expected a sound file"),
    ((*RENDER, "x.mp4", "--music", "music/a.mp3"), "music/a.mp3: expected a sound file"),
    (("conduct", "music/a.mp3"), "music/a.mp3: expected a sound file"),
    (("conduct", "tone.wav"), "--accept-licence: expected the licence of the weights"),
    (("render", "joints.npz", "x.mp4"), "joints.npz: expected a dance with music beside it"),
    (("evaluate", ".", "--rate", "nan"), "command line: --rate: expected 1 to 2000 frames a second"),
    (("evaluate", ".", "--layout", "smpl"), "command line: --layout: expected one of"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "text"), WITHOUT_TORCH, ids=[" ".join(a) for a, _ in WITHOUT_TORCH]
)
def test_what_a_glance_into_files_tells(place: Path, arguments: tuple[str, ...], text: str) -> None:
    soundfile.write("tone.wav", np.sin(np.arange(16000) / 9), 8000)
    np.savez("joints.npz", joints=room(), rate=25.0, layout="musictodance")
    asked = [sys.executable, "-X", "importtime", "-m", "motionmusic.app.cli", *arguments]
    ended = subprocess.run(
        asked, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    imports = [line.split("|")[-1].strip() for line in ended.stderr.splitlines() if "|" in line]
    assert (ended.returncode, ended.stdout) == (2, "")
    assert text in ended.stderr
    assert ended.stderr.count("what to do: ") == 1
    assert not {"torch", "librosa", "matplotlib", "sklearn"} & set(imports)
    assert not Path("x.mp4").exists()


def test_the_cache_is_tried_before_the_dance_is_read(
    place: Path, command: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOTIONMUSIC_CACHE", "notes.txt")
    status, _, err = command("recommend", "DANCE_C_1", "--catalogue", "music")
    assert (status, "a cache that can be written" in err, "a body" in err) == (2, True, False)


def test_a_folder_that_may_not_be_entered(
    place: Path, command: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    stat = Path.stat

    def closed(path: Path, **options: bool) -> os.stat_result:
        if path.name == "closed.csv":
            raise PermissionError(13, "Permission denied")
        return stat(path, **options)

    monkeypatch.setattr(Path, "stat", closed)
    with pytest.raises(UserError, match="mend its permissions"):
        check_input(Path("closed.csv"), "", "a table")


def test_sockets_and_devices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as open_socket:
        open_socket.bind("a.mp4")
        with pytest.raises(UserError, match="a socket"):
            check_output(Path("a.mp4"), "--out", [], True, (".mp4",))
    assert outputs.kind(Path("/dev/null").stat().st_mode) == "a device"
    for device in ("/dev/null", "/dev/full"):
        with pytest.raises(UserError, match="ending in"):
            check_output(Path(device), "--out", [], True, (".mp4",))


def test_a_writer_replaces_no_device_folder_or_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name in ("pipe", "folder"):
        with pytest.raises(OSError, match=name):
            write_bytes(tmp_path / name, b"x")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "pipe"]
    assert (tmp_path / "pipe").is_fifo()


def test_what_may_be_replaced(place: Path) -> None:
    check_output(Path("old.mp4"), "--out", [Path("DANCE_C_1"), None], True, (".mp4",))
    check_output(Path("NEW.MP4"), "--out", [], False, (".mp4",))
    for name in ("DANCE_C_1.sync.png", "DANCE_C_1.sync.json", "dances.csv"):  # of an earlier run
        Path("DANCE_C_1", name).touch()
        check_output(
            Path("DANCE_C_1", name), "--out", [Path("DANCE_C_1")], True, (Path(name).suffix,)
        )
    with pytest.raises(UserError, match=r"old\.json"):
        check_output(Path("old.png"), "--out", [Path("old.json")], True, (".png", ".json"))


def test_a_disk_too_small_for_the_video(tmp_path: Path) -> None:
    check_room(tmp_path / "x.mp4", 1)
    with pytest.raises(UserError, match="MB of free space"):
        check_room(tmp_path / "x.mp4", 1e18)


@pytest.mark.parametrize("prepare", ["file", "full"])
def test_a_cache_that_cannot_be_written_names_what_moves_it(
    prepare: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "cache"
    monkeypatch.setenv(outputs.CACHE_VARIABLE, str(folder))
    if prepare == "file":
        folder.touch()
    else:
        folder.symlink_to("/dev/full")
    with pytest.raises(UserError) as caught, using_cache():
        pass
    assert "MOTIONMUSIC_CACHE=FOLDER" in caught.value.remedy
    assert str(folder) in str(caught.value)


def test_the_caches_folder_may_be_named_from_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv(outputs.CACHE_VARIABLE, "~/kept")
    assert outputs.cache_folder() == tmp_path / "kept"
    monkeypatch.setenv(outputs.CACHE_VARIABLE, "~nobody77/kept")
    assert outputs.cache_folder() == Path("~nobody77/kept")


def test_without_a_home_the_message_names_what_helps(
    place: Path, command: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (outputs.CACHE_VARIABLE, "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/proc/nonexistent")
    with pytest.raises(UserError, match="MOTIONMUSIC_CACHE"), using_cache():
        pass


def test_a_cache_that_gets_full_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import joblib

    monkeypatch.setenv(outputs.CACHE_VARIABLE, str(tmp_path))
    big = np.zeros(1000)

    def no_space(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(UserError, match="MOTIONMUSIC_CACHE"), using_cache() as cache:  # noqa: PT012
        memory = joblib.Memory(cache, verbose=0)
        monkeypatch.setattr(memory.store_backend, "_concurrency_safe_write", no_space)
        memory.cache(np.sort, verbose=0)(big)
