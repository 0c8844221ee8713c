"""The two kinds of gateway as the table of promises wants them: started with a configuration of somebody else's, asked by a
client, restarted, broken."""

from __future__ import annotations

import contextlib
import http.client
import http.server
import os
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path
from typing import Any, Protocol

import psutil
import psycopg
from psycopg import sql

from orchestrator.gateways import http_hold
from orchestrator.gateways.haproxy_entry import HaproxyEntry
from orchestrator.gateways.holder import Holder, Place
from orchestrator.gateways.http_hold import HttpHold
from orchestrator.gateways.http_hold_install import HoldInstaller
from orchestrator.gateways.pgbouncer import PgBouncer
from orchestrator.models import HttpGateway
from orchestrator.tools import programs, unprivileged
from tests.contracts.guard.servers import APPLICATION, PORT, Servers


class Gateway(Protocol):
    """What a promise needs of an implementation's world."""

    name: str
    stages: bool
    """Whether ``stage`` writes: a switch that is one word has nothing to write ahead."""

    def holder(self, to: str, part: str = "records") -> Holder: ...
    def answered_by(self) -> str: ...
    def restart(self) -> None: ...
    def file(self) -> Path: ...
    def break_reading(self) -> None: ...
    def mend_reading(self) -> None: ...
    def others(self) -> Any: ...
    def foreign(self) -> tuple[str, str, Place]: ...


class PgBouncerWorld:
    """Database ``records`` on both clusters, each answering with its own name; PgBouncer's file is somebody else's."""

    name = "pgbouncer"
    stages = True

    def __init__(self, servers: Servers) -> None:
        self.servers = servers
        self.main = servers.databases_file.with_name("pgbouncer.ini")
        for side in ("source", "target"):
            with servers.connect(side, "postgres") as admin:
                role = sql.Identifier(APPLICATION)
                if not admin.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (APPLICATION,)).fetchone():
                    with servers.connect("source", "postgres") as source:
                        verifier = source.execute("SELECT rolpassword FROM pg_authid WHERE rolname = %s", (APPLICATION,)).fetchone()
                    assert verifier is not None
                    admin.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(role, sql.Literal(verifier[0])))
                admin.execute("CREATE DATABASE records")
            with servers.connect(side, "records") as admin:
                admin.execute("CREATE TABLE here (side text)")
                admin.execute("INSERT INTO here VALUES (%s)", (side,))
                admin.execute("GRANT SELECT ON here TO PUBLIC")
        source = servers.addresses["source"]
        self.servers.lead([
            "; of the operations office",
            f"my.db =   host={source} port={PORT} dbname=postgres pool_size=7",
            f"records = host={source} port={PORT} pool_mode=transaction connect_query='select ''a'''",
            f"old-name=dbname=records host={source}",
            "my1db = host=10.9.9.9 port=1",
        ])  # fmt: skip

    def holder(self, to: str, part: str = "records") -> PgBouncer:
        places = {side: {"host": self.servers.addresses[side], "port": PORT} for side in ("source", "target")}
        lead = {"part": part, "database": part, "to": to, **places}
        return PgBouncer(admin=self.servers.console_dsn(), channel=["sh"], databases_file=str(self.file()), leads=[lead])

    def answered_by(self) -> str:
        with self.servers.pooled("records") as client:
            row = client.execute("SELECT side FROM here").fetchone()
        assert row is not None
        with self.servers.pooled("old-name") as client:
            assert client.execute("SELECT side FROM here").fetchone() == row, "the second name leads elsewhere"
        return str(row[0])

    def restart(self) -> None:
        os.kill(self.servers.pid("gateway"), signal.SIGKILL)
        time.sleep(0.2)
        lines = self.file().read_bytes()
        self.servers.start("gateway")
        self.file().write_bytes(lines)

    def restart_with(self, main: str) -> None:
        """With another text in its own file."""
        record = self.servers.book.get("gateway.pgbouncer")
        assert record is not None
        os.kill(record.pid, signal.SIGKILL)
        time.sleep(0.2)
        self.main.write_text(main, encoding="utf-8")
        argv = [*unprivileged.prefix(), str(programs.find("pgbouncer")), str(self.main)]
        self.servers.book.start("gateway.pgbouncer", argv, cwd=self.main.parent, log=self.main.with_suffix(".log"), host="gateway")
        until = time.monotonic() + 20
        while time.monotonic() < until:
            try:
                self.servers.shown()
            except psycopg.Error:
                time.sleep(0.05)
            else:
                return
        raise AssertionError("PgBouncer does not answer")

    def file(self) -> Path:
        return self.servers.databases_file

    def break_reading(self) -> None:
        self.main.write_text("nonsense\n" + self.main.read_text("utf-8"), encoding="utf-8")

    def mend_reading(self) -> None:
        self.main.write_text(self.main.read_text("utf-8").removeprefix("nonsense\n"), encoding="utf-8")

    def others(self) -> Any:
        shown = self.servers.shown()
        return {name: (shown[name]["host"], shown[name]["pool_size"]) for name in ("my.db", "my1db")}

    def foreign(self) -> tuple[str, str, Place]:
        """A holder's part, and a name of somebody else's that leads elsewhere."""
        return "records", "my1db", Place("10.0.0.1", 5432)


_CONFIG = """\
# of the operations office
global
    stats socket {folder}/admin.sock mode 600 level admin
    stats timeout 1h
defaults
    mode http
    timeout connect 2s
    timeout client 1h
    timeout server 1h
    option httpchk GET /
frontend web
    bind {address}:8080{options}
    default_backend be_portal
backend be_portal
    balance roundrobin
    server office-1 {address}:8081 check inter 200ms weight 7   # in the cellar
backend be_other
    server theirs 10.9.9.9:80
"""


class HaproxyWorld:
    """A service on both sides that answers with its side's name; the server's name is not ours."""

    name = "haproxy"
    stages = True
    options = ("-db",)

    def __init__(self, folder: Path, address: str, *, listens: str = "") -> None:
        """``listens``: further words of the line by which citizens come in."""
        self.folder = folder
        self.address = address
        self.config = folder / "haproxy.cfg"
        self.config.write_text(_CONFIG.format(folder=folder, address=address, options=listens), encoding="utf-8")
        self.config.chmod(0o640)
        self.ports = {"source": 8081, "target": 8082}
        self.services = [_serve(address, port, side) for side, port in self.ports.items()]
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen([str(programs.find("haproxy")), *self.options, "-f", str(self.config)], stderr=subprocess.DEVNULL)
        until = time.monotonic() + 20
        while time.monotonic() < until:
            try:
                socket.create_connection((self.address, 8080), timeout=1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        raise AssertionError("HAProxy does not listen")

    def close(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        for service in self.services:
            service.shutdown()
            service.server_close()

    def holder(self, to: str, part: str = "records") -> HaproxyEntry:
        places = {side: {"host": self.address, "port": port} for side, port in self.ports.items()}
        if part != "records":
            places["source"] = {"host": "10.1.1.1", "port": 1}
        gateway = {
            "host": "edge", "address": self.address, "runtime_socket": str(self.folder / "admin.sock"), "config_file": str(self.config),
        }  # fmt: skip
        return HaproxyEntry(
            gateway=gateway, channel=["env", f"PATH={programs.search_path()}", "sh"], leads=[{"part": part, "to": to, **places}]
        )

    def answered_by(self) -> str:
        seen = set()
        for _ in range(4):
            connection = http.client.HTTPConnection(self.address, 8080, timeout=10)
            connection.request("GET", "/")
            seen.add(connection.getresponse().read().decode())
            connection.close()
        return ", ".join(sorted(seen))

    def restart(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        self.start()
        time.sleep(1)  # its first checks

    def file(self) -> Path:
        return self.config

    def break_reading(self) -> None:
        """The new instance is not healthy: HAProxy says yes to `ready` and serves nobody from it."""
        self.services[1].shutdown()
        self.services[1].server_close()

    def mend_reading(self) -> None:
        self.services[1] = _serve(self.address, self.ports["target"], "target")

    def others(self) -> Any:
        return [server for server in self.holder("source")._runtime.list_servers() if server.backend == "be_other"]

    def foreign(self) -> tuple[str, str, Place]:
        """A service that no server of it answers for."""
        return "nobody", "nobody", Place("10.1.1.2", 1)


class HttpHoldWorld(HaproxyWorld):
    """The same entry with a hold for writes in it; who asks, asks by a POST."""

    name = "http_hold"
    stages = False
    options = ("-W", "-db")

    def start(self) -> None:
        super().start()
        until = time.monotonic() + 20
        while time.monotonic() < until:  # it listens to clients before it listens to us
            with socket.socket(socket.AF_UNIX) as console, contextlib.suppress(OSError):
                console.connect(str(self.folder / "admin.sock"))
                break
            time.sleep(0.05)
        installer = self.installer()
        self.layout = installer.install()
        installer.disconnect()

    def close(self) -> None:
        self.kill()
        super().close()

    def kill(self) -> None:
        """Master and workers at once, as a machine that loses its power."""
        assert self.process is not None
        while ours := self._find_processes():  # a master that was just reloading may have begun one more
            for process in ours:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            psutil.wait_procs(ours, timeout=10)
        self.process.wait()

    def _find_processes(self) -> list[psutil.Process]:
        found = []
        for process in psutil.process_iter(["cmdline", "status"]):
            if str(self.config) in (process.info["cmdline"] or ()) and process.info["status"] != psutil.STATUS_ZOMBIE:
                found.append(process)
        return found

    def restart(self) -> None:
        self.kill()
        self.start()
        time.sleep(1)  # its first checks

    def installer(self) -> HoldInstaller:
        places = tuple(Place(self.address, self.ports[side]) for side in ("source", "target"))
        return HoldInstaller(self.gateway(), self.channel(), "records", [(places[0], places[1])])

    def gateway(self) -> HttpGateway:
        return HttpGateway(host="edge", address=self.address, runtime_socket=str(self.folder / "admin.sock"), config_file=str(self.config))

    def channel(self) -> list[str]:
        return ["env", f"PATH={programs.search_path()}", "sh"]

    def holder(self, to: str, part: str = "records") -> HttpHold:  # type: ignore[override]
        backends = self.layout.backends if part == "records" else [part]
        spec = http_hold.specify(
            gateway=self.gateway(), channel=self.channel(), system="records", parts=[part], to=to, backends=backends,
            word=self.layout.word, seen=self.layout.seen, hold_ms=20_000,
        )  # fmt: skip
        return HttpHold(**{name: value for name, value in spec.items() if name != "kind"})

    def answered_by(self) -> str:
        return ", ".join(sorted({_post(self.address) for _ in range(4)}))

    def file(self) -> Path:
        return Path(self.layout.word)

    def break_reading(self) -> None:
        super().break_reading()
        holder, until = self.holder("target"), time.monotonic() + 20
        while not [said for said in holder.find_problems() if said.code == "gateways.hold_ill"]:
            assert time.monotonic() < until, "HAProxy's checks do not notice"
            time.sleep(0.05)
        holder.disconnect()

    def mend_reading(self) -> None:
        super().mend_reading()
        time.sleep(1)  # its checks

    def others(self) -> Any:
        return self.config.read_bytes()


def _post(address: str) -> str:
    connection = http.client.HTTPConnection(address, 8080, timeout=60)
    connection.request("POST", "/", body=b"a form")
    answer = connection.getresponse().read().decode()
    connection.close()
    return answer


def _serve(address: str, port: int, side: str) -> http.server.ThreadingHTTPServer:
    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(side)))
            self.end_headers()
            with contextlib.suppress(ConnectionError):  # a health check that has read enough
                self.wfile.write(side.encode())

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.do_GET()

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    http.server.ThreadingHTTPServer.allow_reuse_address = True
    service = http.server.ThreadingHTTPServer((address, port), Answer)
    threading.Thread(target=service.serve_forever, daemon=True).start()
    return service
