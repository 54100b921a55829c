"""A real server on loopback that misbehaves as it is told."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote


class Server(ThreadingHTTPServer):
    """Serves ``content`` below a folder; ``script`` has a path's behaviours, the last for ever.

    A behaviour is ok, a status (with seconds to wait), cut, stall, flip (a bit) or reset.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, root: str, content: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.root, self.content = root, dict(content)
        self.script: dict[str, list[str]] = {}
        self.times: dict[str, list[float]] = {}
        self.lock = threading.Lock()
        self.over = threading.Event()
        self.stalled = threading.Event()
        self.barrier: threading.Barrier | None = None
        self.now = self.most = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def asked(self) -> Counter[str]:
        return Counter({path: len(times) for path, times in self.times.items()})


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        server = self.server
        asked = unquote(self.path)
        path = asked.removeprefix(server.root)
        with server.lock:
            server.times.setdefault(path, []).append(time.monotonic())
            steps = server.script.get(path, ["ok" if path in server.content else "404"])
            step = steps.pop(0) if len(steps) > 1 else steps[0]
            server.now += 1
            server.most = max(server.most, server.now)
        try:
            if server.barrier is not None:
                server.barrier.wait(timeout=300)
            known = asked.startswith(server.root) and path in server.content
            self.answer(step, server.content[path] if known else b"")
        finally:
            with server.lock:
                server.now -= 1

    def answer(self, step: str, body: bytes) -> None:
        status, *more = step.split(" ", 1)
        self.close_connection = step != "ok"
        if step == "reset":
            return  # the connection is closed without a word
        self.send_response(int(status) if status.isdecimal() else 200)
        if more:
            self.send_header("Retry-After", more[0])
        if status.isdecimal():
            body = b"sorry"
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        half = len(body) // 2
        if step == "flip":
            body = body[:half] + bytes([body[half] ^ 1]) + body[half + 1 :]
        self.wfile.write(body[:half] if step in ("cut", "stall") else body)
        if step == "stall":
            self.wfile.flush()
            self.server.stalled.set()
            self.server.over.wait(timeout=10)


@contextmanager
def serving(root: str, content: dict[str, bytes]) -> Iterator[Server]:
    with Server(root, content) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.over.set()
        server.shutdown()
