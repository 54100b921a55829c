"""Dances of AIST++: 3-D key points from Google's annotations, music from the AIST Dance Database.

Layout of the raw folder, as :func:`gather` makes it:

    RAW/keypoints3d/gBR_sBM_cAll_d04_mBR0_ch01.pkl   one for each sequence
    RAW/music/mBR0.wav                               or .mp3, .flac, .ogg; one for each track
    RAW/ignore_list.txt                              sequences with broken tracking; optional

The full release (1,408 sequences, 60 tracks) was NOT run here: there was no network. Only six real
sequences of two genres were read, without their music. In particular the addresses, and the names
of the tracks inside the music archive, are as other projects quote them.
"""

from __future__ import annotations

import pickle
import re
import shutil
import tempfile
import zipfile
import zlib
from collections import defaultdict
from pathlib import Path
from typing import Any, Literal

import numpy as np
import requests
import tenacity
from numpy.typing import NDArray
from tqdm import tqdm

from motionmusic.data.dance import Dance
from motionmusic.data.musictodance import SOUND_SUFFIXES, sound_file
from motionmusic.errors import UserError
from motionmusic.files import new_folder

KEYPOINTS_URL = (
    "https://github.com/google/aistplusplus_dataset/releases/download/v1.0/keypoints3d.zip"
)
MUSIC_URL = "https://aistdancedb.ongaaccel.jp/v1.0.0/audio/wav.zip"
TERMS_URL = "https://aistdancedb.ongaaccel.jp/terms_of_use/"

JOINTS = 17
KEY = "keypoints3d_optim"  # its neighbour keypoints3d, before optimisation, has NaN

# Music of the validation and test sequences, one track of each genre.
HELD_OUT_MUSIC = frozenset(
    ("mBR0", "mPO1", "mLO2", "mMH3", "mLH4", "mHO5", "mWA0", "mKR2", "mJS3", "mJB5")
)

_NAME = re.compile(
    r"(?P<code>g[A-Z]{2})_(?P<situation>s[A-Z]{2})_cAll_d[0-9]{2}"
    r"_(?P<music>m[A-Z]{2}[0-9])_(?P<choreography>ch[0-9]{2})"
)
_RETRY_WAIT_S = 2.0
_ATTEMPTS = 5
_BLOCK = 1 << 20


def find_pieces(raw: Path) -> dict[str, Path]:
    """The key point file of every sequence, by name. Raises UserError where there is none."""
    folder = raw / "keypoints3d"
    files = sorted(path for path in folder.glob("*.pkl") if not path.name.startswith("."))
    if not files:
        raise UserError(
            folder,
            "",
            "key points named like gBR_sBM_cAll_d04_mBR0_ch01.pkl",
            "none",
            "unpack keypoints3d.zip of AIST++ there",
        )
    for file in files:
        _fields(file.stem, file)
    return {file.stem: file for file in files}


def read_dance(piece: str, raw: Path) -> Dance:
    """One sequence, every value checked; its music starts when it does. Raises UserError."""
    file = raw / "keypoints3d" / f"{piece}.pkl"
    fields = _fields(piece, file)
    return Dance(
        piece=piece,
        code=fields["code"],
        skeletons=read_keypoints(file),
        center=None,
        music_file=sound_file(raw / "music", fields["music"]),
        music_start_s=0.0,
        music_end_s=None,
    )


def split_of(name: str) -> Literal["train", "validation", "test", "unused"]:
    """The part of the official cross-modal split that a sequence belongs to.

    The rule gives the published train and test lists exactly. No list of the validation part was
    at hand; the rule's 20 sequences have the published number and length.
    """
    fields = _fields(name, name)
    basic = fields["situation"] == "sBM"
    held_out = fields["music"] in HELD_OUT_MUSIC
    if basic and fields["choreography"] in ("ch01", "ch02"):
        if not held_out:
            return "unused"
        return "validation" if fields["choreography"] == "ch01" else "test"
    return "unused" if held_out else "train"


def read_ignore_list(path: Path) -> set[str]:
    """Names of the sequences with broken tracking. Raises UserError for what is no such name."""
    # The official file has an empty line and a name with a blank behind it.
    names = {line.strip() for line in path.read_text("utf-8", "replace").splitlines()} - {""}
    for name in sorted(names):
        _fields(name, path)
    return names


def gather(
    raw_out: Path,
    *,
    folder: Path | None,
    accept_terms: bool,
    store: Path,
    keypoints_url: str = KEYPOINTS_URL,
    music_url: str = MUSIC_URL,
) -> None:
    """Fill the raw folder from the user's own copy or from the release's addresses.

    Args:
        raw_out: made or replaced as a whole, and only when everything is there.
        folder: the user's copy, laid out like the raw folder; None to download, which brings no
            ignore list.
        accept_terms: whether the user has accepted the terms of both sources.
        store: where downloaded archives stay, so that they are downloaded once.
        keypoints_url: the archive of key points.
        music_url: the archive of music.

    Raises:
        UserError: terms not accepted, a failed download, or files missing (all in one message).
    """
    if not accept_terms:
        raise UserError(
            "params.yaml",
            "datasets.aist.accept_terms",
            "true, once you have read and accepted the terms of the AIST Dance Video Database",
            "false",
            f"read {TERMS_URL} (music) and the licence CC BY 4.0 of the annotations by Google LLC,"
            " then set it to true, or leave the data set out",
        )
    if folder is not None and raw_out.resolve() in (folder.resolve(), *folder.resolve().parents):
        raise UserError(
            folder, "", f"a folder outside {raw_out}, which is replaced", "it", "move it elsewhere"
        )
    with new_folder(raw_out) as work:
        (work / "keypoints3d").mkdir()
        (work / "music").mkdir()
        if folder is None:
            _extract(_download(keypoints_url, store), ".pkl", work / "keypoints3d")
            _extract(_download(music_url, store), ".wav", work / "music")
        else:
            _copy(folder, work)
        _check_complete(work, folder or store)


def _fields(name: str, file: str | Path) -> dict[str, str]:
    """The fields of a sequence's name."""
    match = _NAME.fullmatch(name)
    if match is None:
        raise UserError(
            file,
            "",
            "a sequence's name like gBR_sBM_cAll_d04_mBR0_ch01",
            name,
            "give it its official name, or move it elsewhere",
        )
    return match.groupdict()


class _ArraysOnly(pickle.Unpickler):
    """Reads pickles of numpy arrays and refuses to look up, hence to run, anything else."""

    ADMITTED = frozenset(
        {
            ("numpy", "dtype"),
            ("numpy", "ndarray"),
            ("numpy._core.multiarray", "_reconstruct"),
            ("numpy._core.multiarray", "scalar"),
            ("numpy._core.numeric", "_frombuffer"),  # in pickles of protocol 5
        }
    )

    def find_class(self, module: str, name: str) -> Any:
        # numpy 1, which wrote the official files, called numpy._core numpy.core.
        module = module.replace("numpy.core.", "numpy._core.")
        if (module, name) not in self.ADMITTED:
            raise pickle.UnpicklingError(f"a pickle that calls {module}.{name} (it was not run)")
        return super().find_class(module, name)


def read_keypoints(file: Path) -> NDArray[np.float64]:
    """keypoints3d_optim of one sequence: (frames, 17, 3), centimetres, Y up."""
    remedy = "take the file from keypoints3d.zip of AIST++ again, or remove it"
    try:
        with file.open("rb") as stream:
            content = _ArraysOnly(stream).load()
    except FileNotFoundError:
        raise UserError(file, "", "a sequence's key points", "no such file", remedy) from None
    except OSError:
        raise
    except Exception as error:  # broken pickles raise almost anything
        got = str(error) or type(error).__name__
        raise UserError(file, "", "a whole pickle of numpy arrays", got, remedy) from None
    if not isinstance(content, dict):
        got = type(content).__name__
        raise UserError(file, "", f"a dictionary with {KEY}", got, remedy)
    if KEY not in content:
        got = f"no such key; it has {', '.join(map(str, content)) or 'none'}"
        raise UserError(file, KEY, "a value", got, remedy)
    array = content[KEY]
    expected = f"an array of floats of shape (frames, {JOINTS}, 3)"
    if not isinstance(array, np.ndarray):
        raise UserError(file, KEY, expected, type(array).__name__, remedy)
    if array.dtype.kind != "f" or array.shape[1:] != (JOINTS, 3) or len(array) == 0:
        raise UserError(file, KEY, expected, f"{array.dtype} of shape {array.shape}", remedy)
    broken = np.argwhere(~np.isfinite(array))
    if len(broken):
        frame, joint, _ = broken[0]
        where = f"{KEY}, frame {frame}, joint {joint}"
        got = f"{array[frame, joint].tolist()} ({len(broken)} such values in all)"
        raise UserError(file, where, "three finite numbers x, y, z", got, remedy)
    return array.astype(np.float64)


def _copy(folder: Path, work: Path) -> None:
    """Copy key points, music and the ignore list; what is missing shows afterwards."""
    for kind, suffixes in (("keypoints3d", (".pkl",)), ("music", SOUND_SUFFIXES)):
        for file in sorted((folder / kind).glob("*")):
            if file.suffix.lower() in suffixes and not file.name.startswith("."):
                shutil.copyfile(file, work / kind / file.name)
    if (folder / "ignore_list.txt").exists():
        shutil.copyfile(folder / "ignore_list.txt", work / "ignore_list.txt")


def _check_complete(work: Path, origin: Path) -> None:
    """Raise one UserError that names everything missing."""
    if not any((work / "keypoints3d").iterdir()):
        raise UserError(
            origin,
            "keypoints3d",
            "at least one sequence's key points (*.pkl)",
            "none",
            "unpack keypoints3d.zip of AIST++ there",
        )
    tracks = {file.stem for file in (work / "music").iterdir()}
    without: dict[str, list[str]] = defaultdict(list)
    for piece, file in find_pieces(work).items():
        music = _fields(piece, file)["music"]
        if music not in tracks:
            without[music].append(piece)
    if without:
        # All tracks are named, and of each the first sequences: 1,408 names would say less.
        lines = []
        for music, pieces in sorted(without.items()):
            more = f" and {len(pieces) - 3} more" if len(pieces) > 3 else ""
            lines.append(f"\n    no {music} for {', '.join(pieces[:3])}{more}")
        raise UserError(
            origin,
            "music",
            "a sound file (wav, mp3, flac or ogg) for every sequence's track",
            f"{len(without)} tracks missing:{''.join(lines)}",
            f"take them from the AIST Dance Database ({TERMS_URL}), or remove these sequences",
        )


def _download(url: str, store: Path) -> Path:
    """The archive at ``url`` in the store, downloaded unless it is there already."""
    archive = store / url.rsplit("/", 1)[-1]
    if archive.exists():
        return archive
    store.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{archive.name}.", dir=store) as folder:
        part = Path(folder) / archive.name
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(_may_pass),
            stop=tenacity.stop_after_attempt(_ATTEMPTS),
            wait=tenacity.wait_exponential(multiplier=_RETRY_WAIT_S, max=60),
            reraise=True,
        )
        try:
            retrying(_fetch, url, part)
        except requests.RequestException as error:
            raise _no_download(url, str(error), archive) from None
        if not zipfile.is_zipfile(part):
            raise _no_download(url, f"{part.stat().st_size} bytes that are no zip", archive)
        part.replace(archive)
    return archive


def _fetch(url: str, part: Path) -> None:
    with requests.get(url, stream=True, timeout=(10, 60)) as response, part.open("wb") as out:
        response.raise_for_status()
        size = int(response.headers.get("Content-Length", 0))
        with tqdm(
            total=size or None, desc=part.name, unit="B", unit_scale=True, disable=None
        ) as progress:
            for block in response.iter_content(_BLOCK):
                out.write(block)
                progress.update(len(block))
    if size and part.stat().st_size != size:
        raise requests.ConnectionError(f"{part.stat().st_size} of {size} bytes")


def _may_pass(error: BaseException) -> bool:
    """Whether trying again may help: lost connections and overloaded servers, not a 404."""
    if isinstance(error, requests.HTTPError):
        return error.response is not None and error.response.status_code in (429, *range(500, 600))
    return isinstance(
        error,
        (
            requests.ConnectionError,
            requests.Timeout,
            requests.exceptions.ChunkedEncodingError,
        ),
    )


def _no_download(url: str, got: str, archive: Path) -> UserError:
    remedy = (
        f"try again later, or download it with a browser and save it as {archive},"
        " or unpack both archives and name their folder at datasets.aist.folder"
    )
    return UserError(url, "", "a zip archive", got, remedy)


def _extract(archive: Path, suffix: str, target: Path) -> None:
    """Write an archive's files of one kind into a folder by their last name only.

    So no member, whatever its path, can be written outside the folder.
    """
    remedy = "delete it and run the same command again, which downloads it anew"
    try:
        with zipfile.ZipFile(archive) as content:
            for member in content.infolist():
                name = member.filename.replace("\\", "/").rsplit("/", 1)[-1]
                if not name.endswith(suffix) or name.startswith("."):
                    continue
                if (target / name).exists():
                    raise UserError(archive, name, "one member of this name", "two", remedy)
                with content.open(member) as source, (target / name).open("wb") as out:
                    shutil.copyfileobj(source, out, _BLOCK)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise UserError(archive, "", "a whole zip archive", str(error), remedy) from None
