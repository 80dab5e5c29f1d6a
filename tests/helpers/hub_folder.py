"""A hub server on this machine that serves the files of a folder as a repository."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.helpers.hub_server import COMMIT


class HubFolder:
    """A repository and the failures that the server simulates.

    Parameters
    ----------
    repository : str
        Its name.
    folder : Path
        Its files.

    Attributes
    ----------
    failing : dict of str to int
        HTTP status by the name of a file, or ``""`` for the list of files.
    altered : set of str
        Files whose content differs from their listed hash.
    fetched : list of str
        Files downloaded so far, in order.
    """

    def __init__(self, repository: str, folder: Path) -> None:
        self.repository, self.folder = repository, folder
        self.failing: dict[str, int] = {}
        self.altered: set[str] = set()
        self.fetched: list[str] = []
        self.url = ""

    @contextmanager
    def running(self) -> Iterator[HubFolder]:
        class Bound(_Handler):
            hub = self

        server = ThreadingHTTPServer(("127.0.0.1", 0), Bound)
        server.daemon_threads = True
        self.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join(10)

    def content(self, name: str) -> bytes:
        content = (self.folder / name).read_bytes()
        return content[:-1] + b"?" if name in self.altered else content

    def listing(self) -> bytes:
        names = sorted(path.name for path in self.folder.iterdir())
        files = [{"rfilename": name, "size": len(self.content(name))} for name in names]
        return json.dumps({"id": self.repository, "sha": COMMIT, "siblings": files}).encode()


class _Handler(BaseHTTPRequestHandler):
    hub: HubFolder

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        path, _, _ = self.path.partition("?")
        listing = path.startswith("/api/")
        name = "" if listing else path.rpartition("/")[2]
        known = listing or (self.hub.folder / name).is_file()
        status = self.hub.failing.get(name, 200 if known else 404)
        if status != 200 or self.hub.repository not in path:
            self.send_error(status if status != 200 else 404)
            return
        content = self.hub.listing() if listing else self.hub.content(name)
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        if not listing:
            listed = hashlib.sha256((self.hub.folder / name).read_bytes()).hexdigest()
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("ETag", f'"{listed}"')
        self.end_headers()
        if body:
            self.hub.fetched += [] if listing else [name]
            self.wfile.write(content)
