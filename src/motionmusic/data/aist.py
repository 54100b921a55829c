"""Dances of AIST++: 3-D key points from Google's annotations, music from the AIST Dance Database.

Layout of the raw folder, as :func:`gather` makes it:

    RAW/keypoints3d/gBR_sBM_cAll_d04_mBR0_ch01.pkl   one for each sequence
    RAW/music/mBR0.wav                               or .mp3, .flac, .ogg; one for each track
    RAW/ignore_list.txt                              sequences with broken tracking; official_clean needs it

The full release was never run: six real sequences were read, without their music. The addresses, and
the names of the tracks inside the music archive, are as other projects quote them.
"""

from __future__ import annotations

import re
import shutil
import tempfile
import threading
import zipfile
import zlib
from collections import defaultdict
from pathlib import Path
from typing import Literal

import numpy as np
import requests
from numpy.typing import NDArray
from tqdm import tqdm

from motionmusic.data.dance import Dance, must_be_finite
from motionmusic.data.fetch import Absent, Failed, download, persist
from motionmusic.data.musictodance import SOUND_SUFFIXES, sound_file
from motionmusic.data.safe_pickle import read_pickle
from motionmusic.errors import UserError
from motionmusic.files import new_folder

_RELEASE = "https://github.com/google/aistplusplus_dataset/releases/download/v1.0"
KEYPOINTS_URL = f"{_RELEASE}/keypoints3d.zip"
MUSIC_URL = "https://aistdancedb.ongaaccel.jp/v1.0.0/audio/wav.zip"
TERMS_URL = "https://aistdancedb.ongaaccel.jp/terms_of_use/"

JOINTS = 17
KEY = "keypoints3d_optim"  # its neighbour keypoints3d, before optimisation, has NaN

# Music of the validation and test sequences, one track of each genre.
HELD_OUT_MUSIC = frozenset(
    ("mBR0", "mPO1", "mLO2", "mMH3", "mLH4", "mHO5", "mWA0", "mKR2", "mJS3", "mJB5")
)

_NAME = re.compile(
    r"(?P<code>g[A-Z]{2})_(?P<situation>s[A-Z]{2})_cAll_(?P<dancer>d[0-9]{2})"
    r"_(?P<music>m[A-Z]{2}[0-9])_(?P<choreography>ch[0-9]{2})"
)


def find_pieces(raw: Path) -> dict[str, Path]:
    """The key point file of every sequence, by name. Raises UserError where there is none."""
    folder = raw / "keypoints3d"
    files = sorted(path for path in folder.glob("*.pkl") if not path.name.startswith("."))
    if not files:
        expected = "key points named like gBR_sBM_cAll_d04_mBR0_ch01.pkl"
        raise UserError(folder, "", expected, "none", "unpack keypoints3d.zip of AIST++ there")
    for file in files:
        fields_of(file.stem, file)
    return {file.stem: file for file in files}


def read_dance(piece: str, raw: Path) -> Dance:
    """One sequence, every value checked; its music starts when it does. Raises UserError."""
    file = raw / "keypoints3d" / f"{piece}.pkl"
    fields, skeletons = fields_of(piece, file), read_keypoints(file)
    music = sound_file(raw / "music", fields["music"])
    return Dance(piece, fields["code"], skeletons, None, music, music_start_s=0.0, music_end_s=None)


def split_of(name: str) -> Literal["train", "validation", "test", "unused"]:
    """The part of the official cross-modal split that a sequence belongs to.

    The rule gives the published train and test lists exactly; its 20 sequences of validation have
    the published number and length.
    """
    fields = fields_of(name, name)
    basic = fields["situation"] == "sBM"
    held_out = fields["music"] in HELD_OUT_MUSIC
    if basic and fields["choreography"] in ("ch01", "ch02"):
        if not held_out:
            return "unused"
        return "validation" if fields["choreography"] == "ch01" else "test"
    return "unused" if held_out else "train"


def read_ignore_list(path: Path) -> set[str]:
    """Names of the sequences with broken tracking. Raises UserError for no name, and what is none."""
    # The official file has an empty line and a name with a blank behind it.
    names = {line.strip() for line in path.read_text("utf-8", "replace").splitlines()} - {""}
    if not names:
        remedy = "take the file from AIST++ again, or remove it and do without official_clean"
        raise UserError(path, "", "names of sequences, a line each", "an empty list", remedy)
    for name in sorted(names):
        fields_of(name, path)
    return names


def gather(raw_out: Path, *, folder: Path | None, accept_terms: bool, store: Path) -> None:
    """Fill the raw folder, as a whole, from the user's own copy or from the release's addresses.

    The copy's ``folder`` is laid out like the raw folder; without one archives are downloaded into
    ``store``, once, and there is no ignore list. Raises UserError: terms not accepted, a failed
    download, or files missing (all in one message).
    """
    if not accept_terms:
        expected = "true, once you have accepted the terms of the AIST Dance Video Database"
        remedy = (
            f"read {TERMS_URL} (music) and the licence CC BY 4.0 of the annotations by Google LLC,"
            " then set it to true, or leave the corpus out"
        )
        raise UserError("params.yaml", "corpora.aist.accept_terms", expected, "false", remedy)
    if folder is not None and raw_out.resolve() in (folder.resolve(), *folder.resolve().parents):
        expected = f"a folder outside {raw_out}, which is replaced"
        raise UserError(folder, "", expected, "that folder", "move it elsewhere")
    with new_folder(raw_out) as work:
        for kind, url, suffixes in (
            ("keypoints3d", KEYPOINTS_URL, (".pkl",)),
            ("music", MUSIC_URL, SOUND_SUFFIXES),
        ):
            (work / kind).mkdir()
            if folder is None:
                _extract(_downloaded(url, store), suffixes, work / kind)
                continue
            for file in sorted((folder / kind).glob("*")):
                if file.suffix.lower() in suffixes and not file.name.startswith("."):
                    shutil.copyfile(file, work / kind / file.name)
        if folder is not None and (folder / "ignore_list.txt").exists():
            shutil.copyfile(folder / "ignore_list.txt", work / "ignore_list.txt")
        _check_complete(work, folder or store)


def fields_of(name: str, file: str | Path) -> dict[str, str]:
    """code, situation, dancer, music, choreography of a sequence's name. Raises UserError."""
    match = _NAME.fullmatch(name)
    if match is None:
        expected = "a sequence's name like gBR_sBM_cAll_d04_mBR0_ch01"
        remedy = "give it its official name, or move it elsewhere"
        raise UserError(file, "", expected, name, remedy)
    return match.groupdict()


def read_keypoints(file: Path) -> NDArray[np.float64]:
    """keypoints3d_optim of one sequence: (frames, 17, 3), centimetres, Y up."""
    remedy = "take the file from keypoints3d.zip of AIST++ again, or remove it"
    content = read_pickle(file, "a sequence's key points, a pickle of numpy arrays", remedy)
    if not isinstance(content, dict) or KEY not in content:
        got = type(content).__name__
        if isinstance(content, dict):
            got = f"one with {', '.join(map(str, content)) or 'nothing'}"
        raise UserError(file, "", f"a dictionary with {KEY}", got, remedy)
    array = content[KEY]
    known = isinstance(array, np.ndarray)
    if not known or array.dtype.kind != "f" or array.shape[1:] != (JOINTS, 3) or not len(array):
        expected = f"an array of floats of shape (frames, {JOINTS}, 3)"
        got = f"{array.dtype} of shape {array.shape}" if known else type(array).__name__
        raise UserError(file, KEY, expected, got, remedy)
    must_be_finite(array, file, f"{KEY}, ", remedy)
    return np.asarray(array, np.float64)


def _check_complete(work: Path, origin: Path) -> None:
    """Raise one UserError that names everything missing."""
    if not any((work / "keypoints3d").iterdir()):
        expected = "at least one sequence's key points (*.pkl)"
        remedy = "unpack keypoints3d.zip of AIST++ there"
        raise UserError(origin, "keypoints3d", expected, "none", remedy)
    tracks = {file.stem for file in (work / "music").iterdir()}
    without: dict[str, list[str]] = defaultdict(list)
    for piece, file in find_pieces(work).items():
        music = fields_of(piece, file)["music"]
        if music not in tracks:
            without[music].append(piece)
    if without:
        # all tracks are named, and of each the first sequences: 1,408 names would say less
        got = f"{len(without)} tracks missing:"
        for music, pieces in sorted(without.items()):
            more = f" and {len(pieces) - 3} more" if len(pieces) > 3 else ""
            got += f"\n    no {music} for {', '.join(pieces[:3])}{more}"
        expected = "a sound file (wav, mp3, flac or ogg) for every sequence's track"
        remedy = f"take them from the AIST Dance Database ({TERMS_URL}), or remove these sequences"
        raise UserError(origin, "music", expected, got, remedy)


def _downloaded(url: str, store: Path) -> Path:
    """The archive at ``url`` in the store, downloaded unless it is there already."""
    archive = store / url.rsplit("/", 1)[-1]
    if archive.exists():
        return archive
    store.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{archive.name}.", dir=store) as folder:
        part = Path(folder, archive.name)

        def whole() -> None:
            bar = tqdm(desc=part.name, unit="B", unit_scale=True, mininterval=5)
            with requests.Session() as session, part.open("wb") as out, bar:
                for block in download(session, url):
                    bar.update(out.write(block))

        try:
            persist(whole, threading.Event())
            got = "" if zipfile.is_zipfile(part) else f"{part.stat().st_size} bytes that are no zip"
        except (Absent, Failed) as error:
            got = str(error)
        if got:
            remedy = (
                f"try again later, or download it with a browser and save it as {archive},"
                " or unpack both archives and name their folder at corpora.aist.folder"
            )
            raise UserError(url, "", "a zip archive", got, remedy)
        part.replace(archive)
    return archive


def _extract(archive: Path, suffixes: tuple[str, ...], target: Path) -> None:
    """Write files of one kind by their last name only, so that none can land outside the folder."""
    remedy = "delete it and run the same command again, which downloads it anew"
    try:
        with zipfile.ZipFile(archive) as content:
            for member in content.infolist():
                name = member.filename.replace("\\", "/").rsplit("/", 1)[-1]
                if not name.endswith(suffixes) or name.startswith("."):
                    continue
                if (target / name).exists():
                    raise UserError(archive, name, "one member of this name", "two", remedy)
                with content.open(member) as source, (target / name).open("wb") as out:
                    shutil.copyfileobj(source, out)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise UserError(archive, "", "a whole zip archive", str(error), remedy) from None
