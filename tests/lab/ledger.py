"""A program that its vendor left on a server long ago: HTTP, numbers kept in Redis, uploads in a folder. Standard library only.

``churn`` as its argument: writes, renames and removes files all the time.
"""

import http.server
import json
import os
import socket
import sys
import time
from pathlib import Path

UPLOADS, CHURN = Path("/srv/ledger/uploads"), Path("/srv/ledger/churn")


def ask(*words):
    """One command of Redis, and its answer."""
    sent = b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)
    with socket.create_connection(("127.0.0.1", 6379), timeout=5) as connection:
        connection.sendall(sent)
        answer = connection.makefile("rb").readline()
    if answer[:1] not in b"+:":
        raise OSError(answer.decode())
    return answer[1:].strip()


class Ledger(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, document):
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        try:
            ask(b"SET", b"seen", b"%d" % time.time())
        except OSError as error:
            return self.answer(503, {"problem": str(error)})
        return self.answer(200, {"host": socket.gethostname()})

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            number = int(ask(b"INCR", b"last"))
            ask(b"RPUSH", b"entries", b"%d %s" % (number, body))
        except OSError as error:
            return self.answer(503, {"problem": str(error)})
        part = UPLOADS / f"{number}.part"
        with part.open("wb") as file:
            file.write(body)
            os.fsync(file.fileno())
        part.rename(UPLOADS / str(number))
        return self.answer(201, {"id": number})

    def log_message(self, *_):
        pass


def churn():
    number = 0
    while True:
        number += 1
        part, file = CHURN / "part", CHURN / str(number % 50)
        part.write_text("x" * (number % 7000))
        part.rename(file)
        if number % 3 == 0:
            file.unlink()
        time.sleep(0.02)


if __name__ == "__main__":
    if sys.argv[-1] == "churn":
        churn()
    address = os.environ["LISTEN_ADDRESS"]
    http.server.ThreadingHTTPServer((address, 8001), Ledger).serve_forever()
