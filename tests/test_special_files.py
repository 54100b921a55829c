"""What is no file is never opened: a FIFO would wait for ever, a device never ends."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from motionmusic import predictions
from motionmusic.app.study_kit import read_clips
from motionmusic.data.captures import read_capture
from motionmusic.data.checked_json import read_checked
from motionmusic.data.dance_files import read_own
from motionmusic.data.safe_pickle import read_pickle
from motionmusic.errors import UserError
from motionmusic.features.audio import duration_s, read_audio
from motionmusic.files import read_array, read_json
from motionmusic.models import weights
from motionmusic.scoring.rating_files import read_ratings

READERS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "json": ("x.json", lambda path: read_json(path, "mend it")),
    "checked json": ("x.json", lambda path: read_checked(path, TypeAdapter(dict), "mend it", {})),
    "array": ("x.npy", read_array),
    "pickle": ("x.pkl", lambda path: read_pickle(path, "key points", "mend it")),
    "own array": ("x.npy", lambda path: read_own(path, "aist", 60)),
    "own key points": ("x.pkl", read_own),
    "own skeletons": ("x.json", read_own),
    "sound": ("x.mp3", lambda path: read_audio(path, 12_800)),
    "length": ("x.wav", duration_s),
    "predictions": ("x.parquet", predictions.read_predictions),
    "weights": ("x.safetensors", weights.load),
    "ratings": ("x.csv", lambda path: read_ratings([path])),
    "clips": ("x.csv", read_clips),
    "capture": ("x.c3d", read_capture),
}


def link_to_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def dangling(path: Path) -> None:
    path.symlink_to("/nowhere/at/all")


def listener(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # names of sockets are short
    try:
        with socket.socket(socket.AF_UNIX) as opened:
            opened.bind(path.name)
    finally:
        os.chdir(here)


@pytest.mark.parametrize(
    ("make", "got"),
    [
        (os.mkfifo, "a FIFO"),
        (link_to_device, "a device"),
        (listener, "a socket"),
        (dangling, "a link to a file that is not there"),
    ],
)
@pytest.mark.parametrize("reader", READERS)
@pytest.mark.timeout(300)
def test_no_files(tmp_path: Path, reader: str, make: Callable[[Path], None], got: str) -> None:
    name, read = READERS[reader]
    make(tmp_path / name)
    with pytest.raises(UserError) as caught:
        read(tmp_path / name)
    assert caught.value.file == tmp_path / name
    assert caught.value.got.startswith(got)
    assert caught.value.remedy
