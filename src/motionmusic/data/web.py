"""Reading over HTTP from servers that are slow, busy or gone."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator

import requests
from urllib3.exceptions import NewConnectionError

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
