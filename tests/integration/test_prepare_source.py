"""What a source lacks is shown, made and taken back, on a real server: pg_hba.conf byte for byte, settings, the role."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psycopg
import pytest

from orchestrator.errors import Refused, ToolError
from orchestrator.movers.postgresql.source_server import PostgresSource, scram_verifier
from orchestrator.movers.source import Wanted
from orchestrator.tools import programs, unprivileged
from orchestrator.tools.ssh import Completed

pytestmark = pytest.mark.servers
PASSWORD = "p'a\\ss $(x) 汉"


class Here:
    """This machine as a host: argv lists, as over SSH."""

    name = "here"

    def __init__(self, socket_folder: str) -> None:
        folder = programs.find("psql").parent
        self.environment = {**os.environ, "PGHOST": socket_folder, "PATH": f"{folder}:{os.environ['PATH']}"}

    def run(self, argv: Sequence[str], timeout: float = 60, input: bytes | None = None, *, check: bool = False, **_: Any) -> Completed:
        done = subprocess.run(list(argv), input=input, capture_output=True, timeout=timeout, env=self.environment, check=False)
        if check and done.returncode:
            raise ToolError(done.stderr.decode(), where=self.name, remedy="see the test")
        return Completed(tuple(argv), done.returncode, done.stdout.decode(), done.stderr.decode(), 0.0, False)

    def read_file(self, path: str) -> bytes:
        return Path(path).read_bytes()

    def write_file(self, path: str, content: bytes) -> None:
        Path(path).write_bytes(content)


@dataclasses.dataclass
class Cluster:
    folder: Path
    port: int
    prefix: list[str]
    server: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        argv = [*self.prefix, str(programs.find("postgres")), "-D", str(self.folder / "data"), "-k", str(self.folder), "-p", str(self.port)]
        self.server = subprocess.Popen(argv, cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while not self.answers():
            assert time.monotonic() < deadline, "the server does not come up"
            time.sleep(0.1)

    def answers(self) -> bool:
        try:
            psycopg.connect(host=str(self.folder), port=self.port, user="postgres", dbname="postgres").close()
        except psycopg.OperationalError:
            return False
        return True

    def stop(self) -> None:
        assert self.server is not None
        self.server.terminate()
        self.server.wait(60)


@pytest.fixture
def cluster(tmp_path_factory: pytest.TempPathFactory, unused_port: int) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("pg")
    folder.chmod(0o755)
    unprivileged.give(folder)
    prefix = unprivileged.prefix()
    argv = [*prefix, str(programs.find("initdb")), "-D", str(folder / "data"), "--no-sync", "-U", "postgres", "--auth-local=trust"]
    subprocess.run(argv, cwd=folder, check=True, capture_output=True, timeout=120)
    made = Cluster(folder, unused_port, prefix)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def unused_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


WANTED = Wanted(
    "orchestrator", PASSWORD, "127.0.0.1",
    (("all", "orchestrator", "127.0.0.1/32", "scram-sha-256"), ("permits", "permits_app", "10.80.1.13/32", "md5")),
)  # fmt: skip


def test_shown_made_in_force_and_taken_back(cluster: Cluster, tmp_path: Path) -> None:
    here = Here(str(cluster.folder))
    server = PostgresSource(here, name="permits", port=cluster.port, home=str(tmp_path), run_as=["env", "PGUSER=postgres"])  # type: ignore[arg-type]
    files = [cluster.folder / "data" / name for name in ("pg_hba.conf", "postgresql.auto.conf", "postgresql.conf")]
    before = [file.read_bytes() for file in files]
    wanted = dataclasses.replace(WANTED, listen="127.0.0.2")

    shown = {change.what: change for change in server.find_changes(wanted)}
    assert set(shown) == {"role orchestrator", "wal_level", "listen_addresses", "pg_hba.conf"}  # ten slots and senders are there already
    assert (shown["wal_level"].now, shown["wal_level"].restart) == ("replica", True)
    assert [file.read_bytes() for file in files] == before
    assert PASSWORD not in str(shown) + repr(wanted)

    server.prepare(wanted)
    server.prepare(wanted)
    assert server.find_changes(wanted) == []
    assert server.is_restart_owed()
    cluster.stop()
    cluster.start()
    assert not server.is_restart_owed()
    entry = {"host": "127.0.0.2", "port": cluster.port, "user": "orchestrator", "password": PASSWORD, "dbname": "postgres"}
    with psycopg.connect(host="127.0.0.1", port=cluster.port, user="orchestrator", password=PASSWORD, dbname="postgres") as asked:
        assert asked.execute("SHOW wal_level").fetchone() == ("logical",)
        assert asked.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone() == (True,)
    psycopg.connect(**entry).close()  # type: ignore[arg-type]

    assert server.take_back() == []
    assert server.take_back() is None
    assert [file.read_bytes() for file in files] == before
    assert {change.what for change in server.find_changes(wanted)} == set(shown)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(**entry)  # type: ignore[arg-type]


def test_what_the_files_say_after_the_next_restart_decides(cluster: Cluster, tmp_path: Path) -> None:
    here = Here(str(cluster.folder))
    server = PostgresSource(here, name="permits", port=cluster.port, home=str(tmp_path), run_as=["env", "PGUSER=postgres"])  # type: ignore[arg-type]
    auto = cluster.folder / "data/postgresql.auto.conf"
    server.prepare(WANTED)
    written = auto.read_bytes()
    cluster.stop()
    cluster.start()
    assert server.take_back() == []
    assert "wal_level" in {change.what for change in server.find_changes(WANTED)}, "in force, and gone with the next start"
    assert server.is_restart_owed()
    server.prepare(WANTED)
    assert auto.read_bytes() == written
    assert not server.is_restart_owed(), "a restart would end every session for nothing"

    auto.write_bytes(b"")  # by hand, and nobody told the server
    assert "wal_level" in {change.what for change in server.find_changes(WANTED)}
    assert server.is_restart_owed()
    auto.write_bytes(written + b"shared_buffers = '200MB'\n")
    with psycopg.connect(host=str(cluster.folder), port=cluster.port, user="postgres", dbname="postgres", autocommit=True) as sql:
        sql.execute("SELECT pg_reload_conf()")
    assert not server.is_restart_owed(), "what somebody else's waits for is no reason of ours"


def test_what_was_there_before_comes_back(cluster: Cluster, tmp_path: Path) -> None:
    with psycopg.connect(host=str(cluster.folder), port=cluster.port, user="postgres", dbname="postgres", autocommit=True) as sql:
        sql.execute("CREATE ROLE orchestrator NOLOGIN PASSWORD 'before'")
        sql.execute("ALTER SYSTEM SET max_wal_senders = 3")
        before = sql.execute("SELECT rolcanlogin, rolsuper, rolpassword FROM pg_authid WHERE rolname = 'orchestrator'").fetchone()
    here = Here(str(cluster.folder))
    server = PostgresSource(here, name="permits", port=cluster.port, home=str(tmp_path), run_as=["env", "PGUSER=postgres"])  # type: ignore[arg-type]
    auto = (cluster.folder / "data/postgresql.auto.conf").read_bytes()
    server.prepare(WANTED)
    assert server.find_changes(WANTED) == []
    server.take_back()
    assert (cluster.folder / "data/postgresql.auto.conf").read_bytes() == auto
    with psycopg.connect(host=str(cluster.folder), port=cluster.port, user="postgres", dbname="postgres") as sql:
        assert sql.execute("SELECT rolcanlogin, rolsuper, rolpassword FROM pg_authid WHERE rolname = 'orchestrator'").fetchone() == before


def test_of_two_systems_the_last_takes_role_and_settings_with_it(cluster: Cluster, tmp_path: Path) -> None:
    here, home = Here(str(cluster.folder)), tmp_path / "orchestrator"
    permits, licences = (
        PostgresSource(here, name=name, port=cluster.port, home=str(home), run_as=["env", "PGUSER=postgres"])  # type: ignore[arg-type]
        for name in ("permits", "licences")
    )
    hers = dataclasses.replace(WANTED, lines=(("all", "orchestrator", "127.0.0.1/32", "scram-sha-256"),))
    files = [cluster.folder / "data" / name for name in ("pg_hba.conf", "postgresql.auto.conf", "postgresql.conf")]
    before = [file.read_bytes() for file in files]
    permits.prepare(WANTED)
    settings = files[1].read_bytes()
    assert any("licences" in str(change.wanted) for change in licences.find_changes(hers))
    licences.prepare(hers)
    assert licences.find_changes(hers) == []
    assert permits.take_back() == ["licences"]
    assert permits.take_back() is None
    assert files[1].read_bytes() == settings
    assert "orchestrator begin permits" not in files[0].read_text()
    assert licences.find_changes(hers) == [], "what it needs is there still"
    psycopg.connect(host="127.0.0.1", port=cluster.port, user="orchestrator", password=PASSWORD, dbname="postgres").close()
    assert licences.take_back() == []
    assert [file.read_bytes() for file in files] == before
    assert list(home.iterdir()) == [], "nothing of ours is left"


def test_a_role_that_things_still_need_is_named_and_nothing_is_taken_back(cluster: Cluster, tmp_path: Path) -> None:
    """After acceptance our own schema stands in the former database until it is cleaned."""
    here, home = Here(str(cluster.folder)), tmp_path / "orchestrator"
    server = PostgresSource(here, name="permits", port=cluster.port, home=str(home), run_as=["env", "PGUSER=postgres"])  # type: ignore[arg-type]
    server.prepare(WANTED)
    with psycopg.connect(host=str(cluster.folder), port=cluster.port, user="postgres", dbname="postgres", autocommit=True) as sql:
        sql.execute("CREATE DATABASE permits OWNER orchestrator")
        files = [cluster.folder / "data" / name for name in ("pg_hba.conf", "postgresql.auto.conf")]
        prepared = [file.read_bytes() for file in files]
        with pytest.raises(Refused, match="orchestrator is still needed"):
            server.take_back()
        assert [file.read_bytes() for file in files] == prepared
        assert server.find_changes(WANTED) == []
        sql.execute("DROP DATABASE permits")
    assert server.take_back() == []


def test_a_block_that_the_server_cannot_read_is_put_back(cluster: Cluster, tmp_path: Path) -> None:
    here = Here(str(cluster.folder))
    server = PostgresSource(here, name="permits", port=cluster.port, home=str(tmp_path), run_as=["env", "PGUSER=postgres"])  # type: ignore[arg-type]
    hba = cluster.folder / "data/pg_hba.conf"
    before = hba.read_bytes()
    with pytest.raises(ToolError, match="would not be read"):
        server.prepare(dataclasses.replace(WANTED, lines=(("all", "orchestrator", "127.0.0.1/32", "no-such-method"),)))
    assert hba.read_bytes() == before


def test_a_verifier_is_what_the_server_itself_would_keep(cluster: Cluster) -> None:
    with psycopg.connect(host=str(cluster.folder), port=cluster.port, user="postgres", dbname="postgres", autocommit=True) as sql:
        sql.execute("SET password_encryption = 'scram-sha-256'")
        sql.execute("CREATE ROLE probe LOGIN PASSWORD 'plain-words'")
        row = sql.execute("SELECT rolpassword FROM pg_authid WHERE rolname = 'probe'").fetchone()
    assert row is not None
    import base64

    assert scram_verifier("plain-words", base64.b64decode(row[0].split("$")[1].split(":")[1])) == row[0]
