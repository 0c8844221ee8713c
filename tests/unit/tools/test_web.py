"""Over TLS a service is asked at its address, as somebody who asks for a name; over plain HTTP too. Against a real server of both."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
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
