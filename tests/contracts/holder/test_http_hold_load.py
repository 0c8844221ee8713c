"""A hold for writes under load, on a real HAProxy with somebody else's configuration: what every single request met is counted.

Each service keeps when each of its writes began and ended, so that a write on the side that was left,
after it had been seen empty, is counted and not inferred.
"""

from __future__ import annotations

import http.client
import http.server
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.gateways.holder import NotFollowed
from orchestrator.gateways.http_hold import HttpHold
from orchestrator.tools import web
from tests.contracts.holder.gateways import HttpHoldWorld
from tests.support import certificates

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]
WRITERS, READERS = 10, 4
AT_ONCE, PAGE = 4, 20
"""Requests of a browser: at the same time, and of a page."""
WRITTEN = "%{http_code} %{http_version} %{errormsg}\\n"


class Side(http.server.ThreadingHTTPServer):
    """A service that takes writes and keeps when each began and ended."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, address: str, port: int, name: str) -> None:
        super().__init__((address, port), Answer)
        self.name = name
        self.writes: list[tuple[float, float]] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Answer(http.server.BaseHTTPRequestHandler):
    server: Side
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._say(self.server.name)

    def do_POST(self) -> None:
        began = time.monotonic()
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                self.rfile.read(size + 2)
            self.rfile.readline()
        else:
            self.rfile.read(int(self.headers["Content-Length"]))
        time.sleep(0.01)
        self.server.writes.append((began, time.monotonic()))
        self._say(self.server.name)

    def _say(self, text: str) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        try:
            self.wfile.write(text.encode())
        except ConnectionError:
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


class Client(threading.Thread):
    """One kept connection that asks all the time and never tries again."""

    def __init__(self, address: str, number: int, method: str, ended: threading.Event) -> None:
        super().__init__(daemon=True)
        self.address, self.number, self.method, self.ended = address, number, method, ended
        self.answers: list[str] = []
        self.failed: list[str] = []

    def run(self) -> None:
        connection = http.client.HTTPConnection(self.address, 8080, timeout=60)
        while not self.ended.is_set():
            try:
                connection.request(self.method, "/", **self._body())
                answer = connection.getresponse()
                text = answer.read().decode()
                if answer.status == 200:
                    self.answers.append(text)
                else:
                    self.failed.append(str(answer.status))
            except (OSError, http.client.HTTPException) as error:
                self.failed.append(repr(error))
                connection.close()
            self.ended.wait(0.01)
        connection.close()

    def _body(self) -> dict:
        if self.method == "GET":
            return {}
        if self.number == 0:  # chunked, over a while
            return {"body": self._slowly(), "encode_chunked": True, "headers": {"Transfer-Encoding": "chunked"}}
        return {"body": bytes([10_000, 10, 100_000][self.number % 3])}

    def _slowly(self) -> Iterator[bytes]:
        for _ in range(4):
            time.sleep(0.05)
            yield b"a part of it"


class Browser(Client):
    """The same over HTTP/2 and TLS: pages of several requests at once, each page over one connection. It is curl, since it goes on with
    what is under way when the other side says that the connection will end, as browsers do; the libraries of Python give that up."""

    def run(self) -> None:
        body = [] if self.method == "GET" else ["--data-binary", "x" * [10_000, 10, 100_000][self.number % 3]]
        while not self.ended.is_set():
            with tempfile.TemporaryDirectory(prefix="page-") as folder:
                argv = ["curl", "-sk", "--http2", "-Z", "--parallel-max", str(AT_ONCE), *body, "-o", f"{folder}/#1", "-w", WRITTEN]
                asked = subprocess.run([*argv, f"https://{self.address}:8080/?[1-{PAGE}]"], capture_output=True, text=True, check=False)
                said = [line.split(maxsplit=2) for line in asked.stdout.splitlines()]
                self.failed += [" ".join(words) for words in said if words[:2] != ["200", "2"]]
                self.answers += [file.read_text() for file in Path(folder).iterdir() if file.read_text() in ("source", "target")]


class World(HttpHoldWorld):
    """The same entry before services that keep what they took."""

    def __init__(self, folder: Path, address: str, *, listens: str = "") -> None:
        super().__init__(folder, address, listens=listens)
        self.is_h2 = "h2" in listens
        for service in self.services:
            service.shutdown()
            service.server_close()
        self.sides = {name: Side(address, port, name) for name, port in self.ports.items()}
        self.services = list(self.sides.values())

    def reload(self) -> None:
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGUSR2)
        time.sleep(0.5)


class Load:
    """Writers and readers while the block lasts."""

    def __init__(self, world: World) -> None:
        self.ended = threading.Event()
        kind, methods = (Browser, ["POST"] * 3 + ["GET"]) if world.is_h2 else (Client, ["POST"] * WRITERS + ["GET"] * READERS)
        self.clients = [kind(world.address, number, method, self.ended) for number, method in enumerate(methods)]

    def __enter__(self) -> Load:
        for client in self.clients:
            client.start()
        time.sleep(0.5)
        return self

    def __exit__(self, *_: object) -> None:
        time.sleep(0.5)
        self.ended.set()
        for client in self.clients:
            client.join(60)

    @property
    def failed(self) -> list[str]:
        return [what for client in self.clients for what in client.failed]

    def answers(self, method: str) -> list[str]:
        return [answer for client in self.clients if client.method == method for answer in client.answers]


@pytest.fixture(scope="module", params=["plain", "h2"])
def entry(request: pytest.FixtureRequest) -> Iterator[World]:
    if request.param == "h2" and "HTTP2" not in subprocess.run(["curl", "--version"], capture_output=True, text=True, check=True).stdout:
        pytest.skip("this machine's curl does not speak HTTP/2")
    with tempfile.TemporaryDirectory(prefix="hold-") as folder:
        pem = certificates.make(Path(folder) / "entry.pem")
        listens = f" ssl crt {pem} alpn h2,http/1.1" if request.param == "h2" else ""
        world = World(Path(folder), f"127.{100 + os.getpid() % 40}.{os.getpid() // 40 % 250}.7", listens=listens)
        try:
            time.sleep(1)  # its first checks
            yield world
        finally:
            world.close()


@pytest.fixture
def world(entry: World) -> Iterator[World]:
    for side in entry.sides.values():
        side.writes.clear()
    yield entry
    back = entry.holder("source")
    back.switch_and_resume()
    back.disconnect()


def _open(world: World, to: str = "target") -> HttpHold:
    holder = world.holder(to)
    assert holder.obstacles() == []
    return holder


def _hold(world: World, to: str = "target") -> tuple[HttpHold, float]:
    """A hold under way, and when the live side was seen empty."""
    holder = _open(world, to)
    holder.pause()
    return holder, time.monotonic()


def _after(world: World, side: str, zero: float) -> list[tuple[float, float]]:
    """Writes that the side had under way after it was seen empty."""
    return [(began, ended) for began, ended in world.sides[side].writes if ended > zero]


@pytest.mark.parametrize("hold_ms", [20, 100, 1000])
def test_nobody_fails_and_nothing_is_written_on_the_side_that_was_left(world: World, hold_ms: int, capsys) -> None:
    with Load(world) as load:
        holder = _open(world)
        began = time.monotonic()
        holder.pause()
        zero = time.monotonic()
        time.sleep(hold_ms / 1000)
        holder.prove()
        holder.switch_and_resume()
        held = time.monotonic() - began
    holder.disconnect()
    assert (load.failed, _after(world, "source", zero)) == ([], [])
    assert world.sides["target"].writes, "the load goes on there"
    assert all(began > zero for began, _ in world.sides["target"].writes)
    with capsys.disabled():
        print(f"\n  wanted {hold_ms} ms, held {held * 1000:.0f} ms: {len(load.answers('POST'))} writes, {len(load.failed)} failed")


def test_it_goes_back_the_same_way(world: World) -> None:
    forward, _ = _hold(world)
    forward.prove()
    forward.switch_and_resume()
    forward.disconnect()
    with Load(world) as load:
        back, zero = _hold(world, "source")
        back.prove()
        back.switch_and_resume()
    back.disconnect()
    assert (load.failed, _after(world, "target", zero)) == ([], [])
    assert world.sides["source"].writes


def test_a_reload_in_the_hold_lets_nobody_through(world: World) -> None:
    with Load(world) as load:
        holder, zero = _hold(world)
        world.reload()
        holder.prove()
        holder.switch_and_resume()
    holder.disconnect()
    assert (load.failed, _after(world, "source", zero)) == ([], [])


def test_a_crash_in_the_hold_lets_nobody_through(world: World) -> None:
    """Connections are gone with the process; nothing is written where it must not be."""
    with Load(world) as load:
        holder, zero = _hold(world)
        world.restart()
        time.sleep(0.5)
        assert (_after(world, "source", zero), world.sides["target"].writes) == ([], [])
        holder.reconnect()
        holder.prove()
        holder.switch_and_resume()
    holder.disconnect()
    assert load.failed, "a crash is seen by those who were connected"
    assert _after(world, "source", zero) == []
    assert world.sides["target"].writes


def test_who_held_is_gone_before_the_point_of_no_return_and_the_old_side_goes_on(world: World) -> None:
    with Load(world) as load:
        holder, zero = _hold(world)
        holder._word.hold(300, then="old", reads="old")
        holder.disconnect()
        time.sleep(1)
    assert load.failed == []
    assert _after(world, "source", zero)
    assert world.sides["target"].writes == []


def test_who_held_is_gone_after_it_and_writers_are_refused_until_somebody_acts(world: World) -> None:
    with Load(world) as load:
        holder, zero = _hold(world)
        holder.prove()
        holder._word.hold(300, then="refuse", reads="old")
        holder.disconnect()
        time.sleep(1)
        assert {what.split()[0] for what in load.failed} <= {"503", "000"}  # over HTTP/2 an answer may come as the end of its stream
        assert load.failed
        assert (_after(world, "source", zero), world.sides["target"].writes) == ([], [])
        assert load.answers("GET")
        settled = world.holder("target")
        settled.switch_and_resume()
        settled.disconnect()
        time.sleep(0.5)
    assert world.sides["target"].writes


def test_a_hold_that_is_given_up_goes_on_where_it_was(world: World) -> None:
    with Load(world) as load:
        holder, _ = _hold(world)
        holder.prove()
        holder.resume()
    holder.disconnect()
    assert (load.failed, world.sides["target"].writes) == ([], [])


def test_an_upload_that_does_not_end_is_waited_for_and_named(world: World) -> None:
    """Larger than what HAProxy waits for itself: it is under way on the old side."""
    connection = web.connect(world.address, 8080, timeout=60, tls=world.is_h2)
    connection.putrequest("POST", "/")
    connection.putheader("Content-Length", "200000")
    connection.endheaders()
    connection.send(bytes(100_000))
    time.sleep(0.5)
    holder = world.holder("target")
    holder._hold_ms = 500
    with pytest.raises(NotFollowed, match="1"):
        holder.pause()
    holder.resume()
    connection.send(bytes(100_000))
    assert connection.getresponse().read() == b"source"
    connection.close()
    holder.disconnect()


def test_the_first_reload_may_cost_idle_connections_and_no_later_one_does(world: World) -> None:
    with Load(world) as load:
        for _ in range(3):
            world.reload()
    assert load.failed == []


def test_it_goes_out_byte_for_byte_under_load(world: World) -> None:
    installer = world.installer()
    with_hold = world.config.read_bytes()
    with Load(world) as load:
        installer.uninstall()
        without = world.config.read_bytes()
        world.layout = installer.install()
    installer.disconnect()
    assert b"orchestrator" not in without
    assert world.config.read_bytes() == with_hold
    assert len(load.answers("POST")) > len(load.failed)


def test_after_acceptance_the_entry_leads_there_by_itself_and_nobody_notices(entry: World) -> None:
    """The last one: the entry is left so."""
    forward = entry.holder("target")
    forward.pause()
    forward.prove()
    forward.switch_and_resume()
    forward.disconnect()
    installer = entry.installer()
    for side in entry.sides.values():
        side.writes.clear()
    with Load(entry) as load:
        installer.settle()
        installer.settle()
    installer.disconnect()
    assert load.failed == []
    assert set(load.answers("POST")) == set(load.answers("GET")) == {"target"}
    text = entry.config.read_text("utf-8")
    assert "orchestrator's hold" not in text
    assert not Path(entry.layout.word).exists()
    assert not Path(entry.layout.lua).exists()
