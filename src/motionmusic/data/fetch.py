"""Bringing a repository's files here: several at once, resumable, each verified by its blob id."""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests
import tenacity
from requests.adapters import HTTPAdapter
from tqdm import tqdm
from urllib3.exceptions import NewConnectionError, ReadTimeoutError

from motionmusic.data.manifest import Entry, Manifest, blob_id
from motionmusic.errors import UserError

CHUNK = 1 << 18
LINE_EVERY_S = 30.0
ABANDONED_S = 3600.0

Chunks = Callable[[str], Iterator[bytes]]


class _Failed(Exception):
    """A file cannot be had, and asking again would not change that."""


class _Again(Exception):
    """A file did not come this time; ``after_s`` is how long the server wants to be left alone."""

    def __init__(self, reason: str, after_s: float = 0.0) -> None:
        super().__init__(reason)
        self.after_s = after_s


class _Unreachable(_Again):
    """No connection came about at all."""


def fetch(
    manifest: Manifest,
    wanted: Sequence[Entry],
    store: Path,
    *,
    mirror: Path | None,
    base_url: str = "https://raw.githubusercontent.com",
    workers: int = 8,
    timeout_s: float = 30,
    attempts: int = 5,
    wait_s: float = 1.0,
    longest_wait_s: float = 300.0,
) -> list[Path]:
    """Put every wanted file at store/OWNER/NAME/COMMIT/PATH, verified against its blob id.

    What is there already with the right id is kept, so that a broken-off run goes on where it
    stopped; what is there with a wrong id is removed and fetched anew. Memory use does not depend
    on the size of the files. When it is interrupted, it waits for the requests under way, at most
    ``timeout_s``, and leaves no temporary file.

    Args:
        manifest: the repository and commit.
        wanted: the files of it that are needed.
        store: the folder to fill.
        mirror: a folder that holds OWNER/NAME/COMMIT/PATH to copy from; None to download.
        base_url: the server that has the same layout.
        workers: how many files at once.
        timeout_s: how long to wait for a connection, and for the next bytes of an answer.
        attempts: how often to ask for a file before giving it up.
        wait_s: wait after the first failure of a file; doubles with each, plus a random part.
        longest_wait_s: upper limit of that wait. Where the server asks to wait even longer, the
            file is given up.

    Returns:
        The files' paths in the store, in the order of ``wanted``.

    Raises:
        UserError: ``mirror`` is no folder, or some files are missing or broken: one error that
            lists all of them; the others are in the store.
        OSError: the store cannot be written (no space left, no permission).
    """
    root = Path(manifest.owner, manifest.name, manifest.commit)
    if mirror is not None and not mirror.is_dir():
        raise UserError(
            mirror,
            "",
            "a folder with mirrored files",
            "no such folder",
            "correct MOTIONMUSIC_MIRROR",
        )
    files = {store / root / entry.path: entry for entry in wanted}
    _sweep({file.parent for file in files})
    stopping, unreachable = threading.Event(), threading.Event()

    def pause(state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        backoff = tenacity.wait_exponential_jitter(
            multiplier=wait_s, max=longest_wait_s, jitter=wait_s
        )
        return max(backoff(state), error.after_s if isinstance(error, _Again) else 0.0)

    retrying = tenacity.Retrying(
        # copying again from a folder would give the same again
        stop=tenacity.stop_after_attempt(attempts if mirror is None else 1)
        | tenacity.stop_when_event_set(stopping),
        wait=pause,
        retry=tenacity.retry_if_exception_type(_Again),
        sleep=tenacity.sleep_using_event(stopping),
        reraise=True,
    )

    def get(chunks: Chunks, target: Path, entry: Entry) -> str | None:
        """Why the file is not there; None when it is."""
        if target.is_file():
            if blob_id(target) == entry.blob:
                return None
            target.unlink()  # a file that has its final name is right, even if this run fails
        if unreachable.is_set():
            return "not tried, for want of a connection"
        try:
            retrying(_put, chunks, target, entry, stopping)
        except (_Again, _Failed) as error:
            # Without a network, 180 files times all the waits would take an hour to say so.
            if isinstance(error, _Unreachable):
                unreachable.set()
            return str(error)
        return None

    reasons: dict[str, str] = {}
    # One session for all threads: they share its connections (urllib3's pool locks) and set
    # nothing on it; a server's cookies go to a jar that locks, too.
    with requests.Session() as session, ThreadPoolExecutor(workers) as pool:
        for scheme in ("http://", "https://"):
            session.mount(scheme, HTTPAdapter(pool_maxsize=workers))
        if mirror is not None:
            chunks = _mirrored(mirror / root)
        else:
            place = f"{base_url.rstrip('/')}/{quote(root.as_posix())}"
            chunks = _downloaded(session, place, timeout_s, longest_wait_s)
        try:
            jobs = {pool.submit(get, chunks, *item): item[1].path for item in files.items()}
            for job in _watched(jobs, manifest.name):
                if reason := job.result():
                    reasons[jobs[job]] = reason
        finally:  # on Ctrl-C or a full disk the threads end, and with them their temporary files
            stopping.set()
            pool.shutdown(cancel_futures=True)

    if reasons:
        raise UserError(
            store / root,
            "",
            f"{len(files)} files with the blob ids of the manifest",
            f"{len(files) - len(reasons)}; {len(reasons)} missing or broken:\n"
            + "\n".join(f"    {path}: {reason}" for path, reason in sorted(reasons.items())),
            _remedy(root, mirror),
        )
    return [store / root / entry.path for entry in wanted]


def _remedy(root: Path, mirror: Path | None) -> str:
    if mirror is not None:
        return (
            f"put these files into {mirror / root}, or unset MOTIONMUSIC_MIRROR to download them;"
            " then run the same command again (what has arrived is kept)"
        )
    return (
        "run the same command again (what has arrived is kept); files that the server no longer"
        " has (HTTP 403, 404, 410) must come from a copy: set MOTIONMUSIC_MIRROR to a folder that"
        f" holds them below {root}, or leave their pieces out"
    )


def _sweep(folders: set[Path]) -> None:
    """Remove what runs that were killed outright have left; a living download is younger."""
    for folder in folders:
        for part in folder.glob(".*.part"):
            with suppress(FileNotFoundError):  # another run may be finishing it just now
                if time.time() - part.stat().st_mtime > ABANDONED_S:
                    part.unlink()


def _put(chunks: Chunks, target: Path, entry: Entry, stopping: threading.Event) -> None:
    """Write one file under a temporary name and rename it once its id is verified."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            for chunk in chunks(entry.path):
                if stopping.is_set():
                    raise _Failed("stopped")
                file.write(chunk)
        # No fsync: the next run verifies again whatever a power cut may have spoilt.
        got = blob_id(part)
        if got != entry.blob:
            raise _Again(f"{part.stat().st_size} bytes with blob id {got} instead of {entry.blob}")
        part.chmod(0o644)
        part.replace(target)
    except OSError as error:
        error.filename = error.filename or str(target)
        raise
    finally:
        part.unlink(missing_ok=True)


def _mirrored(folder: Path) -> Chunks:
    """Files read from a folder; its OSErrors become reasons, unlike those of the store."""

    def chunks(path: str) -> Iterator[bytes]:
        try:
            with (folder / path).open("rb") as file:
                while chunk := file.read(CHUNK):
                    yield chunk
        except FileNotFoundError:
            raise _Failed("not in the mirror") from None
        except OSError as error:
            raise _Failed(f"unreadable in the mirror ({error.strerror})") from None

    return chunks


def _downloaded(
    session: requests.Session, place: str, timeout_s: float, longest_s: float
) -> Chunks:
    """Files read over HTTP."""
    # Undecoded bytes, so that Content-Length counts what arrives and a cut is seen at once.
    headers = {"Accept-Encoding": "identity"}

    def chunks(path: str) -> Iterator[bytes]:
        url = f"{place}/{quote(path)}"
        try:
            with session.get(url, stream=True, timeout=timeout_s, headers=headers) as response:
                status, after_s = response.status_code, _after_s(response)
                if status in (408, 429) or status >= 500:
                    if after_s > longest_s:
                        raise _Failed(f"HTTP {status}, to be asked again in {after_s:.0f} s")
                    raise _Again(f"HTTP {status}", after_s)
                if status != requests.codes.ok:
                    raise _Failed(f"HTTP {status}")
                yield from response.iter_content(CHUNK)
        except requests.ConnectTimeout:
            raise _Unreachable(f"no connection within {timeout_s:g} s") from None
        except (requests.ConnectionError, requests.Timeout) as error:
            cause: Any = error.args[0] if error.args else error
            if isinstance(error, requests.Timeout) or isinstance(cause, ReadTimeoutError):
                raise _Again(f"nothing came for {timeout_s:g} s") from None
            if isinstance(getattr(cause, "reason", None), NewConnectionError):
                raise _Unreachable(f"no connection ({cause.reason})") from None
            raise _Again(f"the connection broke ({cause})") from None
        except requests.exceptions.ChunkedEncodingError as error:
            raise _Again(f"the answer broke off ({error.args[0]})") from None
        except requests.RequestException as error:
            raise _Failed(str(error)) from None

    return chunks


def _after_s(response: requests.Response) -> float:
    """Seconds in Retry-After, which is a number or a date; 0 where it is neither."""
    text = response.headers.get("Retry-After", "")
    if text.isdecimal():
        return float(text)
    try:
        return parsedate_to_datetime(text).timestamp() - time.time()
    except ValueError:
        return 0.0


def _watched(jobs: dict[Future[str | None], str], name: str) -> Iterator[Future[str | None]]:
    """The jobs as they end, with a bar on a terminal and a line now and then elsewhere."""
    pending, said = set(jobs), time.monotonic()
    with tqdm(total=len(jobs), desc=name, unit="file", disable=None) as bar:
        while pending:
            done, pending = wait(pending, timeout=LINE_EVERY_S, return_when=FIRST_COMPLETED)
            bar.update(len(done))
            if bar.disable and time.monotonic() - said >= LINE_EVERY_S:
                said = time.monotonic()
                print(f"{name}: {len(jobs) - len(pending)} of {len(jobs)} files", file=sys.stderr)
            yield from done
