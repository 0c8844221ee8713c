"""Over TLS a service is asked at its address, as somebody who asks for a name; over plain HTTP too. Against a real server of both."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from orchestrator.gateways import http_citizen
from orchestrator.gateways.http_citizen import HttpCitizen
from orchestrator.models import HealthCheck, Service
from orchestrator.tools import health, web
from tests.support import certificates

NAME = "desk.city"


@dataclass
class Desk:
    """Answers 200 for one name only, and remembers whom a handshake was for."""

    port: int = 0
    handshakes: list[str | None] = field(default_factory=list)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        is_asked = self.headers["Host"] == NAME and self.path == "/health?deep=1"
        self.send_response(200 if is_asked else 404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(params=["https", "http"])
def scheme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def desk(scheme: str, tmp_path: Path) -> Iterator[Desk]:
    server, desk = ThreadingHTTPServer(("127.0.0.1", 0), _Handler), Desk()
    desk.port = server.server_address[1]
    if scheme == "https":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificates.make(tmp_path / "desk.pem"))

        def notice(_socket: Any, name: str | None, _context: ssl.SSLContext) -> None:
            desk.handshakes.append(name)

        context.sni_callback = notice
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield desk
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_citizen_asks_for_a_name_at_an_address(desk: Desk, scheme: str) -> None:
    said = http_citizen.specify(url=f"{scheme}://127.0.0.1:{desk.port}/health?deep=1", expect=200, host_name=NAME)
    del said["kind"]
    HttpCitizen(**said, number=0).ask()
    assert desk.handshakes == ([NAME] if scheme == "https" else [])
    with pytest.raises(OSError, match="404"):
        HttpCitizen(**{**said, "host_name": ""}, number=0).ask()


def test_a_service_is_asked_as_its_health_check_says(desk: Desk, scheme: str) -> None:
    def ask(kind: str) -> object:
        asked = HealthCheck.model_validate({"kind": kind, "target": "/health?deep=1", "expected": "200", "host_name": NAME})
        service = Service.model_validate({"name": "desk", "host": "app", "port": desk.port, "command": ["/opt/desk"], "health": asked})
        return health.check(service, "127.0.0.1", desk.port, limit=0)

    assert ask(scheme) is None
    assert ask("http" if scheme == "https" else "https") is not None


def test_whether_a_port_speaks_tls_is_seen(desk: Desk, scheme: str) -> None:
    assert web.speaks_tls("127.0.0.1", desk.port) is (scheme == "https")
    assert web.speaks_tls("127.0.0.1", 1) is False


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ("<!DOCTYPE html>\n<html><head><title>Error 500</title><style>p {color: red}</style></head>\n<body><p>Database &amp; cache</p>\r\n", "Error 500 Database & cache"),
        ("<script>let a = '<b>';</script >gone<!-- <p>no --> \x1b[31mred\x07 &#27;[2J\u202e", "gone [31mred [2J"),
        ("half a page <p class='cut", "half a page"),
        ("half a script <SCRIPT>let", "half a script"),
        ('{"left": 3 < 5, "city": "荆门"}', '{"left": 3 < 5, "city": "荆门"}'),
        ("\x00\x1f\ufffd", "\ufffd"),
        ("", ""),
        ("长" * 300, "长" * 200 + "…"),
    ],
)
def test_what_was_answered_is_told_in_one_plain_line(answer: str, told: str) -> None:
    assert web.plain_text(answer) == told


def test_a_page_of_an_error_is_told_as_its_words(listener_says: Callable[[bytes], int]) -> None:
    service = Service(name="site", host="app", port=80, health=HealthCheck(kind="http", target="/", expected="200"))
    page = b"<html><head><title>Oops</title></head>\n<body><h1>Error\x1b[2J</h1>\n</body></html>"
    port = listener_says(b"HTTP/1.1 500 No\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(page), page))
    assert str(health.check(service, "127.0.0.1", port, limit=0)).endswith("Oops Error [2J")
    port = listener_says(b"\x1b[31mno <b>HTTP</b>\r\n")
    problem = str(health.check(service, "127.0.0.1", port, limit=0))
    assert "HTTP" in problem
    assert not {"\x1b", "<", "\n"} & set(problem)


@pytest.fixture
def listener_says() -> Iterator[Callable[[bytes], int]]:
    """Starts somebody who listens, answers one caller with these bytes, and hangs up."""
    opened: list[socket.socket] = []

    def answer(listening: socket.socket, said: bytes) -> None:
        with listening.accept()[0] as caller:
            caller.recv(4096)
            caller.sendall(said)

    def start(said: bytes) -> int:
        listening = socket.create_server(("127.0.0.1", 0))
        opened.append(listening)
        threading.Thread(target=answer, args=(listening, said), daemon=True).start()
        return int(listening.getsockname()[1])

    yield start
    for listening in opened:
        listening.close()
