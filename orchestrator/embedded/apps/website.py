"""A web site without a database: it serves the pages of a folder, takes uploads, and says which instance answered."""

from __future__ import annotations

import itertools
import os
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Site(SimpleHTTPRequestHandler):
    """Pages as files; ``/health`` is good when the front page is there."""

    protocol_version = "HTTP/1.1"
    timeout = 60

    def do_GET(self) -> None:
        """A page, or how the instance is."""
        if self.path != "/health":
            super().do_GET()
            return
        body = b"ok\n" if Path(self.directory, "index.html").is_file() else b"no front page\n"
        self.send_response(200 if body == b"ok\n" else 503)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        """An upload is named by the second; where that is taken, it counts on. The answer is its name."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        second = time.strftime("%Y%m%d%H%M%S")
        for number in itertools.count():
            path = Path(self.directory, f"upload-{second}{f'-{number}' if number else ''}")
            try:
                with path.open("xb") as file:
                    file.write(body)
            except FileExistsError:
                continue
            break
        self.send_response(201)
        self.send_header("Content-Length", str(len(path.name)))
        self.end_headers()
        self.wfile.write(path.name.encode())

    def end_headers(self) -> None:
        """With who answered."""
        self.send_header("X-Instance", os.environ["LISTEN_ADDRESS"])
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


if __name__ == "__main__":
    ThreadingHTTPServer.request_queue_size = 128
    server = ThreadingHTTPServer((os.environ["LISTEN_ADDRESS"], int(os.environ["LISTEN_PORT"])), partial(Site, directory=os.environ["PAGES"]))
    server.serve_forever()
