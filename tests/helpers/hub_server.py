"""A hub server on this machine that serves one file and simulates failures."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "0123456789abcdef0123456789abcdef01234567"
_BLOCK = 16 * 1024
_STORE = "/store/content"


@dataclass
class Hub:
    """The file that the server serves, and the failures that it simulates.

    Parameters
    ----------
    content : bytes
        Content of the file.
    path : str
        Path of its URL.
    pause : float
        Seconds between blocks.
    cuts : list of int
        Number of bytes after which each of the next responses breaks off.
    away : float
        Seconds during which connections are refused after a cut.
    sha256, size : str and int
        Hash and size that the server lists.
    portal : bool
        Answer every request with a login page, as the network of a hotel does.
    """

    content: bytes
    path: str
    pause: float = 0
    cuts: list[int] = field(default_factory=list)
    away: float = 0
    sha256: str = ""
    size: int = 0
    portal: bool = False
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    port: int = 0

    def __post_init__(self) -> None:
        self.sha256 = self.sha256 or hashlib.sha256(self.content).hexdigest()
        self.size = self.size or len(self.content)
        self._server: ThreadingHTTPServer | None = None
        self._threads: list[threading.Thread] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ranges(self) -> list[str | None]:
        """Range headers of the downloads so far."""
        return [asked for method, asked in self.requests if method == "GET"]

    def start(self) -> None:
        hub = self

        class Bound(_Handler):
            pass

        Bound.hub = hub
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Bound)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self._run(self._server.serve_forever, 0.01)

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def restart(self) -> None:
        """Refuse connections for ``away`` seconds."""
        self.stop()
        time.sleep(self.away)
        self.start()

    def restart_later(self) -> None:
        self._run(self.restart)

    def join(self) -> None:
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(10)

    def _run(self, task: object, *args: object) -> None:
        thread = threading.Thread(target=task, args=args, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()


@contextmanager
def running(hub: Hub) -> Iterator[Hub]:
    hub.start()
    try:
        yield hub
    finally:
        hub.stop()
        hub.join()


class _Handler(BaseHTTPRequestHandler):
    hub: Hub

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_HEAD(self) -> None:
        if self.hub.portal:
            self._page()
        elif self._known():
            self._describe(200)

    def do_GET(self) -> None:
        if self.path == _STORE:
            self._content()
        elif self._known():
            self._describe(302)

    def _content(self) -> None:
        asked = self.headers.get("Range")
        self.hub.requests.append(("GET", asked))
        start = int(asked.removeprefix("bytes=").split("-")[0]) if asked else 0
        self._headers(206 if asked else 200, start)
        rest = self.hub.content[start:]
        if self.hub.cuts:
            self._send(rest[: self.hub.cuts.pop(0)])
            if self.hub.away:
                self.hub.restart_later()
            return
        self._send(rest)

    def _known(self) -> bool:
        if self.path.split("?")[0] != self.hub.path:
            self.send_error(404)
            return False
        if self.command == "HEAD":
            self.hub.requests.append(("HEAD", None))
        return True

    def _describe(self, status: int) -> None:
        """Send the metadata of the file and, for a GET request, its location."""
        self.send_response(status)
        if status == 302:
            self.send_header("Location", self.hub.url + _STORE)
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("ETag", '"of-the-pointer"')
        self.send_header("X-Linked-ETag", f'"{self.hub.sha256}"')
        self.send_header("X-Linked-Size", str(self.hub.size))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _page(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", "1000")
        self.end_headers()

    def _headers(self, status: int, start: int) -> None:
        length = len(self.hub.content)
        self.send_response(status)
        self.send_header("Content-Length", str(length - start))
        if status == 206:
            self.send_header("Content-Range", f"bytes {start}-{length - 1}/{length}")
        self.end_headers()

    def _send(self, content: bytes) -> None:
        for start in range(0, len(content), _BLOCK):
            self.wfile.write(content[start : start + _BLOCK])
            time.sleep(self.hub.pause)
