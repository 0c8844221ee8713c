"""How the cloud's API is asked: a connection that was closed while it lay idle is no silence of the cloud."""

from __future__ import annotations

import http.server
import socket
import struct
import threading
from collections.abc import Iterator

import pytest
import requests

from orchestrator.tools.openstack_api import ask_once_more

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Forgetful:
    """A server that answers once on each connection, and resets it when it is used again. ``refused``: from the start."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.asked: list[str] = []
        self.resets_left = 1_000_000
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}/"

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        for _ in range(2):
            request = connection.recv(65536)
            if not request:
                break
            self.asked.append(request.split(b" ")[0].decode())
            if len(self.asked) == 1 or self.resets_left == 0:
                connection.sendall(ANSWER)
                continue
            self.resets_left -= 1
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            break
        connection.close()


@pytest.fixture
def server() -> Iterator[Forgetful]:
    forgetful = Forgetful()
    yield forgetful
    forgetful.listener.close()


def open_session() -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    ask_once_more(session)
    return session


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_what_changes_nothing_when_asked_twice_is_asked_again_on_a_new_connection(server: Forgetful, method: str) -> None:
    server.resets_left = 1
    with open_session() as session:
        assert session.request(method, server.url, timeout=10).text == "ok"
        assert session.request(method, server.url, timeout=10).text == "ok"
    assert server.asked == [method] * 3


def test_what_makes_something_is_never_asked_twice(server: Forgetful) -> None:
    with open_session() as session:
        assert session.post(server.url, timeout=10).text == "ok"
        with pytest.raises(requests.ConnectionError):
            session.post(server.url, timeout=10)
    assert server.asked == ["POST", "POST"]


def test_a_second_failure_is_said(server: Forgetful) -> None:
    with open_session() as session:
        session.get(server.url, timeout=10)
        with pytest.raises(requests.ConnectionError):
            session.get(server.url, timeout=10)
    assert server.asked == ["GET"] * 3


class Busy:
    """A server that answers with these statuses in turn, and with 200 from then on."""

    def __init__(self, *statuses: int, wish: str = "0") -> None:
        self.left, self.asked = list(statuses), 0
        busy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self) -> None:
                busy.asked += 1
                status = busy.left.pop(0) if busy.left else 200
                self.send_response(status)
                self.send_header("Retry-After", wish)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_GET = do_POST = answer  # noqa: N815 - the base class calls them so

            def log_message(self, *_: object) -> None:
                """Nobody reads it."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/"


@pytest.mark.parametrize(
    ("method", "statuses", "given", "asked"),
    [
        ("GET", [503, 429], 200, 3),
        ("POST", [429], 200, 2),  # it was not looked at
        ("POST", [503], 503, 1),  # it may have been done
        ("GET", [500], 500, 1),
        ("GET", [404], 404, 1),
    ],
)
def test_a_cloud_that_has_too_much_to_do_is_asked_again_where_that_doubles_nothing(
    method: str, statuses: list[int], given: int, asked: int
) -> None:
    busy = Busy(*statuses)
    try:
        with open_session() as session:
            assert session.request(method, busy.url, timeout=10).status_code == given
        assert busy.asked == asked
    finally:
        busy.server.shutdown()
        busy.server.server_close()
