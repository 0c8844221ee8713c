"""Discovery of the embedded city: real sshds, real PostgreSQL servers, real connections; then servers that are none."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from orchestrator.cli.main import main
from orchestrator.discovery.facts import read_facts
from orchestrator.embedded.city import City
from orchestrator.models import Database, Host
from orchestrator.tools import programs, survey_postgres, unprivileged
from orchestrator.tools.survey import Surveyed, survey

pytestmark = pytest.mark.servers


@pytest.fixture
def discover(
    city: City, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., dict[str, Any]]:
    """``discover(code, *arguments)``: the command with ``--json`` on the city's inventory; its document."""
    monkeypatch.chdir(tmp_path)
    for name, value in city.settings_environment().items():
        monkeypatch.setenv(name, value)

    def run(code: int, *arguments: str) -> dict[str, Any]:
        assert main(["discover", *arguments, "--json"]) == code
        found: dict[str, Any] = json.loads(capsys.readouterr().out)
        return found

    return run


@contextlib.contextmanager
def filled(city: City) -> Iterator[None]:
    """The register's database with what logical replication does not carry, for as long as this lasts."""
    with psycopg.connect(city.source_database("property-register").dsn(), autocommit=True) as admin:
        admin.execute("CREATE TABLE keyless (x int)")
        admin.execute("CREATE TABLE keyless_but_full (x int); ALTER TABLE keyless_but_full REPLICA IDENTITY FULL")
        admin.execute("CREATE UNLOGGED TABLE scratch (x int PRIMARY KEY)")
        admin.execute("CREATE EXTENSION pgcrypto")
        (large,) = admin.execute("SELECT lo_create(0)").fetchone() or (0,)
        try:
            yield
        finally:
            admin.execute("DROP TABLE keyless, keyless_but_full, scratch; DROP EXTENSION pgcrypto")
            admin.execute("SELECT lo_unlink(%s)", (large,))


def host_of(city: City, name: str) -> Host:
    return next(Host.model_validate(host) for system in city.systems() for host in system["hosts"] if host["name"] == name)


def base_of(city: City, system: str) -> Database:
    return next(Database.model_validate(one["databases"][0]) for one in city.systems() if one["id"] == system)


def look(city: City, host: Host, base: Database, seconds: float = 25) -> Surveyed:
    settings = city.settings()
    (one,) = survey([host], settings["known_hosts"], settings["ssh_key"], databases={host.name: [base]}, seconds=seconds)
    return one


def test_a_systems_databases_are_described_by_the_servers_themselves(city: City, discover: Callable[..., dict[str, Any]]) -> None:
    before = {path: path.read_bytes() for path in (city.folder / "inventory").iterdir()}
    with filled(city):
        found = discover(0, "--system", "property-register")
    host = {one["host"]: one for one in found["hosts"]}
    source = city.source_database("property-register")
    # the city's hosts share this machine: servers of others on it, bound to addresses that no host of the city has, are theirs too
    (register,) = (one for one in host["register-db"]["databases"] if one["port"] == source.port)
    addresses = {here["address"] for system in city.systems() for here in system["hosts"]}
    # (a server of another engine that is just starting listens nowhere yet and is named without a port: nobody's address is known then)
    strangers = {one["port"] for one in host["register-db"]["databases"] if one["engine"] == "postgresql"} - {source.port}
    bound = {one["port"] for one in host["register-db"]["listening"] if one["address"] not in addresses}
    assert strangers <= bound, "a server of the city was taken for this host's"
    with psycopg.connect(source.dsn()) as admin:
        assert register["version"] == str(admin.execute("SHOW server_version").fetchone()[0]).split(" ")[0]  # type: ignore[index]
    assert (register["engine"], register["name"], register["port"], register["wal_level"]) == (
        "postgresql",
        "register",
        source.port,
        "logical",
    )
    assert (register["keyless"], register["keyless_tables"], register["unlogged"]) == (1, ["public.keyless"], 1)
    assert (register["large_objects"], register["extensions"]) == (1, ["pgcrypto"])
    assert 0 < register["size_gb"] < 1
    assert register["slots"] == 30
    listening = {name: {(one["address"], one["port"], one["process"]) for one in host[name]["listening"]} for name in host}
    assert (source.address, source.port, "postgres") in listening["register-db"]
    assert source.address not in {address for address, _, _ in listening["register-app"]}, "that is its neighbour's"
    app = host_of(city, "register-app")
    assert (app.address, app.ssh_port, "sshd") in listening["register-app"]
    offered = {(one["kind"], one["what"], one["found"]) for one in found["offers"]}
    assert ("fill", "databases.register.wal_level", "logical") in offered
    assert ("note", "databases.register", "tables without a replica identity: 1 (public.keyless)") in offered
    assert found["problems"] == []
    assert source.admin_secret.read_text().strip() not in json.dumps(found)
    assert {path: path.read_bytes() for path in (city.folder / "inventory").iterdir()} == before


def test_a_connection_between_hosts_suggests_a_dependency(city: City, discover: Callable[..., dict[str, Any]]) -> None:
    portal, register = city.source_database("citizen-portal"), host_of(city, "register-app")
    stranger = "127.20.9.9"
    with (
        socket.create_connection((portal.address, portal.port), source_address=(host_of(city, "weather-1").address, 0)),
        socket.create_server((stranger, 0)) as outside,
        socket.create_connection(outside.getsockname(), source_address=(register.address, 0)),
    ):
        both = discover(0, "--all")
        server_only = discover(0, "--system", "citizen-portal")
    wanted = ("dependency", "weather-bulletin", "citizen-portal")
    for found in (both, server_only):
        assert wanted in {(one["kind"], one["system"], one["found"].split(" ")[0]) for one in found["offers"]}
    weather = next(one for one in both["hosts"] if one["host"] == "weather-1")
    assert (portal.address, portal.port) in {(one["peer"], one["peer_port"]) for one in weather["established"]}
    known = {one["system"] for one in both["offers"] if one["kind"] == "dependency"}
    assert known == {"weather-bulletin"}, "loopback says nothing about who it was"


def test_a_question_cannot_write(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(survey_postgres, "DETAIL_SQL", "CREATE TABLE public.written (x int)")
    one = look(city, host_of(city, "register-db"), base_of(city, "property-register"))
    assert [what for what, _ in one.blind if "ReadOnlySqlTransaction" in str(what)]
    with psycopg.connect(city.source_database("property-register").dsn()) as admin:
        assert admin.execute("SELECT to_regclass('public.written')").fetchone() == (None,)


def test_without_a_usable_secret_the_host_is_described_and_the_database_named(city: City, tmp_path: Path) -> None:
    host, base = host_of(city, "register-db"), base_of(city, "property-register")
    wrong = tmp_path / "wrong"
    wrong.touch(mode=0o600)
    wrong.write_text("not-the-password")
    for changes, words in (
        ({"admin_secret": f"file:{wrong}"}, "password authentication failed"),
        ({"admin_secret": f"file:{tmp_path}/none"}, "cannot be read"),
        ({"admin_secret": None, "secret": None}, "no role and secret"),
        ({"name": "absent"}, "does not exist"),
    ):
        one = look(city, host, base.model_copy(update=changes))
        ((what, remedy),) = one.blind
        assert words in str(what)
        assert remedy
        assert "not-the-password" not in str(what)
        assert one.problem == ""
        assert read_facts(host.name, one.sections).vcpus
    app = base.model_copy(update={"admin_secret": None})
    assert look(city, host, app).blind == (), "the application's role will do where no other is given"


class Impostor(threading.Thread):
    """Answers every connection on a port with what it was given, and keeps what it was told."""

    def __init__(self, address: str, answer: Callable[[socket.socket], None]) -> None:
        super().__init__(daemon=True)
        self.server, self.answer = socket.create_server((address, 0)), answer
        self.port: int = self.server.getsockname()[1]
        self.heard = b""

    def run(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.server.accept()
                client.settimeout(20)
                with client, contextlib.suppress(OSError):
                    self.heard += client.recv(4096)
                    self.answer(client)
                    while said := client.recv(4096):
                        self.heard += said


def flood(client: socket.socket) -> None:
    client.sendall(b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I")
    while True:
        client.sendall(b"N\0\0\x10\0" + b"x" * 4092)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda client: client.sendall(b"R\0\0\0\x08\0\0\0\x03"), "authentication method requirement"),
        (lambda client: client.sendall(b"\0\xff" * 500), "OperationalError"),
        (lambda _client: None, "Timeout"),
        (flood, "Error"),
    ],
    ids=["asks for the password in the clear", "binary", "silent", "endless"],
)
def test_a_server_that_is_no_postgresql_costs_only_itself(city: City, answer: Callable[[socket.socket], None], words: str) -> None:
    host, base = host_of(city, "register-db"), base_of(city, "property-register")
    impostor = Impostor(host.address, answer)
    impostor.start()
    started = time.monotonic()
    one = look(city, host, base.model_copy(update={"port": impostor.port}), seconds=6)
    impostor.server.close()
    ((what, _),) = one.blind
    assert words in str(what)
    assert one.problem == ""
    assert city.source_database("property-register").admin_secret.read_text().strip().encode() not in impostor.heard
    assert time.monotonic() - started < 30


@pytest.mark.skipif(not shutil.which("psql"), reason="the script asks over a local socket with the host's own psql")
def test_a_local_login_needs_no_secret(city: City, worker_folder: Path) -> None:
    """The account's own socket login (peer): what a host gives to an ordinary or root account without any password."""
    import getpass
    import os

    who = "postgres" if os.geteuid() == 0 else getpass.getuser()
    folder = worker_folder / "peer"
    folder.mkdir()
    unprivileged.give(folder)
    prefix = unprivileged.prefix()
    run = [*prefix, str(programs.find("initdb")), "-D", str(folder / "data"), "--no-sync", "-U", who, "--auth-local=peer"]
    subprocess.run(run, cwd=folder, check=True, capture_output=True, timeout=60)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = ["-k", "/tmp", "-h", "", "-p", str(port), "-c", "wal_level=replica"]
    with subprocess.Popen(
        [*prefix, str(programs.find("postgres")), "-D", str(folder / "data"), *options], cwd=folder, stderr=subprocess.DEVNULL
    ) as server:
        try:
            host = host_of(city, "register-db")
            deadline = time.monotonic() + 30
            while not Path(f"/tmp/.s.PGSQL.{port}").exists() and time.monotonic() < deadline:
                time.sleep(0.1)
            time.sleep(0.5)
            base = Database(name=who, engine="postgresql", host=host.name, port=port)
            found = read_facts(host.name, look(city, host, base).sections).databases
            mine = [one for one in found if one.port == port]
            assert [(one.engine, one.wal_level) for one in mine] == [("postgresql", "replica")]
            assert mine[0].version.startswith("1")
        finally:
            server.terminate()
            server.wait(20)
