"""Bringing files here from servers that are slow, busy or gone; a repository's several at once,
resumable, each verified by its blob id."""

from __future__ import annotations

import os
import random
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from urllib.parse import quote

import requests
from tqdm import tqdm
from urllib3.exceptions import NewConnectionError

from motionmusic.data.manifest import Entry, Manifest, blob_id
from motionmusic.errors import UserError

SERVER = "https://raw.githubusercontent.com"
WORKERS = 8
TIMEOUT_S = 30.0  # for a connection, and for the next bytes of an answer
ATTEMPTS = 5
WAIT_S = 1.0  # after the first failure; doubles with each
LONGEST_WAIT_S = 300.0  # a server that wants to be left alone for longer is not asked again
CHUNK = 1 << 18

_BROKEN = requests.exceptions.ChunkedEncodingError
_PASSING = (requests.ConnectionError, requests.Timeout, _BROKEN)


class Absent(Exception):
    """The source does not have the file; asking again would not change that."""


class Failed(Exception):
    """The file did not come; ``after_s`` is how long the server wants to be left alone."""

    def __init__(self, reason: str, after_s: float = 0.0) -> None:
        super().__init__(reason)
        self.after_s = after_s


class Unreachable(Failed):
    """There was no connection at all."""


def persist(work: Callable[[], None], stopping: threading.Event, attempts: int = ATTEMPTS) -> None:
    """Call ``work`` until it ends well. Raises Absent at once, Failed after so many attempts."""
    for attempt in range(attempts):
        try:
            return work()
        except Failed as error:
            wait_s = max(error.after_s, min(WAIT_S * 2**attempt, LONGEST_WAIT_S))
            last = attempt + 1 == attempts or error.after_s > LONGEST_WAIT_S
            if last or stopping.wait(wait_s * random.uniform(1, 1.5)):
                raise


def download(session: requests.Session, url: str) -> Iterator[bytes]:
    """The bytes at an address. Raises Absent or Failed."""
    # undecoded bytes, so that Content-Length counts what arrives and a cut is seen at once
    headers = {"Accept-Encoding": "identity"}
    try:
        with session.get(url, stream=True, timeout=TIMEOUT_S, headers=headers) as response:
            status, after_s = response.status_code, response.headers.get("Retry-After", "")
            if status in (408, 429) or status >= 500:
                raise Failed(f"HTTP {status}", float(after_s) if after_s.isdecimal() else 0.0)
            if status != requests.codes.ok:
                raise Absent(f"HTTP {status}")
            yield from response.iter_content(CHUNK)
    except _PASSING as error:
        reason = getattr(error.args[0], "reason", None) if error.args else None
        if isinstance(error, requests.ConnectTimeout) or isinstance(reason, NewConnectionError):
            raise Unreachable(f"no connection ({reason or error})") from None
        raise Failed(f"the connection broke or nothing came for {TIMEOUT_S:g} s") from None
    except requests.RequestException as error:
        raise Absent(str(error)) from None


def fetch(manifest: Manifest, wanted: Sequence[Entry], store: Path) -> list[Path]:
    """Put every wanted file at store/OWNER/NAME/COMMIT/PATH, verified against its blob id.

    Files come from GitHub, or from $MOTIONMUSIC_MIRROR/OWNER/NAME/COMMIT/PATH where that is set.
    What is in the store already with the right id is kept, so a run that broke off goes on where
    it stopped; what is there with a wrong id is removed and fetched anew.

    Returns the files' paths in the store, in the order of ``wanted``. Raises UserError where the
    mirror is no folder or some files are missing or broken (one error lists all of them; the others
    are in the store), and OSError where the store cannot be written.
    """
    found, absent = fetch_available(manifest, wanted, store)
    if absent:
        raise _incomplete(manifest, store, len(found), absent)
    return [found[entry.path] for entry in wanted]


def fetch_available(
    manifest: Manifest, wanted: Sequence[Entry], store: Path
) -> tuple[dict[str, Path], dict[str, str]]:
    """What :func:`fetch` can bring, by path in the repository, and why the source lacks the rest.

    Raises as :func:`fetch`, but only where more than absent files is wrong.
    """
    mirror = os.environ.get("MOTIONMUSIC_MIRROR")
    if mirror and not Path(mirror).is_dir():
        expected = "a folder with mirrored files"
        raise UserError(mirror, "", expected, "no such folder", "correct MOTIONMUSIC_MIRROR")
    root = _root(manifest)
    stopping, unreachable = threading.Event(), threading.Event()

    def get(session: requests.Session, entry: Entry) -> None:
        target = store / root / entry.path
        if target.is_file():
            if blob_id(target) == entry.blob:
                return
            target.unlink()  # a file that has its final name is right, even if this run fails
        if unreachable.is_set():
            raise Failed("not tried without a connection")

        def put() -> None:
            if mirror:
                source = _copied(Path(mirror, root, entry.path))
            else:
                source = download(session, f"{SERVER}/{quote((root / entry.path).as_posix())}")
            _put(source, target, entry, stopping)

        try:
            persist(put, stopping, 1 if mirror else ATTEMPTS)
        except Unreachable:  # 180 files times all the waits would take an hour to say so
            unreachable.set()
            raise

    absent: dict[str, str] = {}
    broken: dict[str, str] = {}
    # one session for all threads: they share its connections and set nothing on it
    with requests.Session() as session, ThreadPoolExecutor(WORKERS) as pool:
        try:
            jobs = {pool.submit(get, session, e): e.path for e in dict.fromkeys(wanted)}
            done = as_completed(jobs)
            for job in tqdm(done, manifest.name, len(jobs), unit="file", mininterval=5):
                try:
                    job.result()
                except Absent as error:
                    absent[jobs[job]] = str(error)
                except Failed as error:
                    broken[jobs[job]] = str(error)
        finally:  # on Ctrl-C or a full disk the threads end, and with them their temporary files
            stopping.set()
            pool.shutdown(cancel_futures=True)
    if broken:
        raise _incomplete(manifest, store, len(jobs) - len(absent | broken), absent | broken)
    found = {e.path: store / root / e.path for e in wanted if e.path not in absent}
    return found, {path: absent[path] for path in sorted(absent)}


def _root(manifest: Manifest) -> Path:
    return Path(manifest.owner, manifest.name, manifest.commit)


def _incomplete(manifest: Manifest, store: Path, there: int, why: dict[str, str]) -> UserError:
    root = _root(manifest)
    remedy = (
        "run the same command again (what has arrived is kept); files that the server does not have"
        " (HTTP 403, 404, 410) must come from a copy: set MOTIONMUSIC_MIRROR to a folder that holds"
        f" them below {root}, or leave their pieces out"
    )
    if mirror := os.environ.get("MOTIONMUSIC_MIRROR"):
        remedy = (
            f"put these files into {Path(mirror, root)}, or unset MOTIONMUSIC_MIRROR to download"
            " them; then run the same command again (what has arrived is kept)"
        )
    reasons = "".join(f"\n    {path}: {reason}" for path, reason in sorted(why.items()))
    expected = f"{there + len(why)} files with the blob ids of the manifest"
    got = f"{there}; {len(why)} missing or broken:{reasons}"
    return UserError(store / root, "", expected, got, remedy)


def _copied(file: Path) -> Iterator[bytes]:
    """A file of the mirror; its OSErrors become reasons, unlike those of the store."""
    try:
        with file.open("rb") as content:
            while chunk := content.read(CHUNK):
                yield chunk
    except FileNotFoundError:
        raise Absent("not in the mirror") from None
    except OSError as error:
        raise Failed(f"unreadable in the mirror ({error.strerror})") from None


def _put(source: Iterator[bytes], target: Path, entry: Entry, stopping: threading.Event) -> None:
    """Write one file under a temporary name and rename it once its id is verified."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            for chunk in source:
                if stopping.is_set():
                    raise Failed("stopped")
                file.write(chunk)
        # no fsync: the next run verifies again whatever a power cut may have spoilt
        got = blob_id(part)
        if got != entry.blob:
            raise Failed(f"{part.stat().st_size} bytes with blob id {got} instead of {entry.blob}")
        part.chmod(0o644)
        part.replace(target)
    except OSError as error:
        error.filename = error.filename or str(target)
        raise
    finally:
        part.unlink(missing_ok=True)
