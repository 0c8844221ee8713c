"""What every citizen promises (`orchestrator/movers/citizen.py`), asked by the probe's own process of real servers.

A new kind brings its world and a line in ``KINDS``.
"""

from __future__ import annotations

import http.server
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

import pytest
from psycopg import sql

from orchestrator.cutover import kinds
from orchestrator.cutover.probe import Samples
from orchestrator.cutover.probing import Probe
from orchestrator.gateways import http_citizen
from orchestrator.movers import registry
from orchestrator.movers.contract import Hands, Place
from tests.contracts.guard.servers import APPLICATION, PASSWORD, POOL_PORT, PORT, Servers
from tests.support import mariadb

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]


class World(Protocol):
    """What a citizen's way in leads to."""

    spec: Mapping[str, Any]

    def lose(self) -> None:
        """Nobody is answered as he should be any more."""

    def mend(self) -> None:
        """And again."""


class PostgresWorld:
    """A database behind PgBouncer, asked with the application's own account."""

    def __init__(self, servers: Servers) -> None:
        self.servers = servers
        part = servers.part("records", "target")
        mover = registry.make_mover("postgresql", Hands(folder=servers.folder))
        with servers.connect("source", "postgres") as admin:
            admin.execute(sql.SQL("CREATE DATABASE records OWNER {}").format(sql.Identifier(APPLICATION)))
        mover.prepare(part)
        servers.lead([f"records = host={servers.addresses['source']} port={PORT} dbname=records"])
        assert mover.credential(part).startswith("SCRAM-SHA-256$")
        self.spec = mover.citizen(part, Place(servers.addresses["gateway"], POOL_PORT), PASSWORD)

    def lose(self) -> None:
        self.servers.kill("source")

    def mend(self) -> None:
        self.servers.start("source")


class MariadbWorld:
    """A database without a gateway, asked with the application's own account."""

    def __init__(self, servers: mariadb.Servers) -> None:
        self.servers = servers
        part = servers.part("records")
        mover = registry.make_mover("mariadb", Hands(folder=servers.folder))
        with servers.connect("source") as admin, admin.cursor() as cursor:
            cursor.execute("CREATE DATABASE records")
            cursor.execute("CREATE USER %s@'%%' IDENTIFIED BY %s", (mariadb.APPLICATION, mariadb.PASSWORD))
            cursor.execute("GRANT ALL ON records.* TO %s@'%%'", (mariadb.APPLICATION,))
        mover.prepare(part)
        assert mover.credential(part).startswith("*")
        self.spec = mover.citizen(part, part.source, mariadb.PASSWORD)

    def lose(self) -> None:
        self.servers.kill("source")

    def mend(self) -> None:
        self.servers.start("source")


class HttpWorld:
    """One of several sites of a web server, with words of its own; losing it answers another status."""

    def __init__(self, address: str) -> None:
        world = self
        self.status, self.body = 201, "登记".encode()

        class Page(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self.send_response(world.status if self.headers["Host"] == "register.city" else 404)
                self.send_header("Content-Length", str(len(world.body)))
                self.end_headers()
                self.wfile.write(world.body)
                if self.server.asked.setdefault(self.client_address, 0) > 5:  # type: ignore[attr-defined]
                    self.close_connection = True  # as a server does that keeps a connection for so many requests
                self.server.asked[self.client_address] += 1  # type: ignore[attr-defined]

            def log_message(self, format: str, *args: object) -> None:
                """Nothing."""

        self.server = http.server.ThreadingHTTPServer((address, 0), Page)
        self.server.asked = {}  # type: ignore[attr-defined]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.spec = http_citizen.specify(
            url=f"http://{address}:{self.server.server_port}/health", expect=201, host_name="register.city", contains="登记"
        )

    def lose(self) -> None:
        self.status = 503

    def mend(self) -> None:
        self.status = 201


@contextmanager
def _postgresql(folder: Path) -> Iterator[World]:
    with Servers(folder) as servers:
        yield PostgresWorld(servers)


@contextmanager
def _mariadb(folder: Path) -> Iterator[World]:
    with mariadb.Servers(folder) as servers:
        yield MariadbWorld(servers)


@contextmanager
def _http(_: Path) -> Iterator[World]:
    world = HttpWorld(f"127.{100 + os.getpid() % 40}.{os.getpid() // 40 % 250}.9")
    yield world
    world.server.shutdown()
    world.server.server_close()


KINDS: dict[str, Callable[[Path], AbstractContextManager[World]]] = {
    "postgresql": _postgresql,
    "mariadb": _mariadb,
    "http": _http,
}


def test_every_kind_of_citizen_is_held_to_it() -> None:
    assert set(KINDS) == set(kinds.CITIZENS)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_probe_sees_answers_a_failure_and_answers_again(kind: str) -> None:
    with tempfile.TemporaryDirectory(prefix="citizen-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with KINDS[kind](folder) as world:
            probe = Probe(folder, "probe")
            probe.start(citizen=world.spec, clients=2, every_ms=20, limit=240)
            try:
                _wait(lambda: probe.problem() is None, "nobody was answered")
                assert not [sample.reason for sample in Samples(probe.samples).read() if not sample.answered]
                world.lose()
                # refused, or kept waiting by a gateway: either is not being answered
                _wait(lambda: probe.problem() is not None, "nobody saw that it was lost")
                world.mend()
                _wait(lambda: probe.problem() is None, "nobody was answered again")
            finally:
                probe.stop()


def _wait(done: Callable[[], bool], otherwise: str) -> None:
    until = time.monotonic() + 90
    while not done():
        assert time.monotonic() < until, otherwise
        time.sleep(0.1)
