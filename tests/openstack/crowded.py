"""A cloud's API with too much to do: stands before a service within the control plane, and turns requests away when it is told to.

``python3 crowded.py ADDRESS PORT BACKEND_PORT ORDERS``: the file of orders holds a status, the moment (seconds of the epoch) until
which it is given, and to every how manieth request. Everything else is handed on.
"""

from __future__ import annotations

import http.client
import itertools
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ADDRESS, PORT, BACKEND, ORDERS = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])
HOP_BY_HOP = {"connection", "transfer-encoding", "content-length", "keep-alive"}
numbers = itertools.count(1)


def find_status() -> int:
    """What this request is turned away with; 0: it is not."""
    status, until, every = ORDERS.read_text().split()
    return int(status) if time.time() < float(until) and next(numbers) % int(every) == 0 else 0


class Handler(BaseHTTPRequestHandler):
    """One request: turned away, or handed on as it is."""

    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if status := find_status():
            self.give(status, [("Retry-After", "1")], b'{"overLimit": {"message": "the lab has too much to do"}}')
            return
        backend = http.client.HTTPConnection(ADDRESS, BACKEND, timeout=120)
        backend.request(self.command, self.path, body, dict(self.headers))
        given = backend.getresponse()
        self.give(given.status, given.getheaders(), given.read())
        backend.close()

    def give(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers:
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = answer  # noqa: N815 - the base class calls them so


if __name__ == "__main__":
    ThreadingHTTPServer((ADDRESS, PORT), Handler).serve_forever()
