"""What a MariaDB source lacks is shown, made and taken back, on a real server that nobody prepared: the account, one file of settings."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pymysql
import pytest

from orchestrator.embedded import mariadb
from orchestrator.errors import ToolError
from orchestrator.movers.mariadb import source_server
from orchestrator.movers.mariadb.source_server import MariadbSource
from orchestrator.movers.source import Wanted
from orchestrator.tools import programs, unprivileged
from orchestrator.tools.ssh import Completed

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]
PASSWORD = "p'a\\ss $(x) 汉"
ADDRESS, LOOPBACK = (f"127.{60 + os.getpid() % 40}.{os.getpid() // 40 % 250}.{last}" for last in (33, 34))
WANTED = Wanted(role="it's_engine", password=PASSWORD, listen=ADDRESS, lines=())


class Here:
    """This machine as a host: argv lists, as over SSH."""

    name = "here"

    def __init__(self, socket: Path, home: Path = Path("/nowhere")) -> None:
        """``home``: of the server's administrator."""
        libraries = ":".join(map(str, (mariadb.unpacked() or Path("/nowhere")).glob("lib/*-linux-gnu")))
        self.environment = {**os.environ, "LD_LIBRARY_PATH": libraries, "HOME": str(home), "MYSQL_UNIX_PORT": str(socket), "PATH": f"{programs.find('mariadb').parent}:{os.environ['PATH']}"}

    def run(self, argv: Sequence[str], timeout: float = 60, input: bytes | None = None, *, check: bool = False, **_: Any) -> Completed:
        done = subprocess.run(list(argv), input=input, capture_output=True, timeout=timeout, env=self.environment, check=False)
        if check and done.returncode:
            raise ToolError(done.stderr.decode(), where=self.name, remedy="see the test")
        return Completed(tuple(argv), done.returncode, done.stdout.decode(), done.stderr.decode(), 0.0, False)

    def read_file(self, path: str) -> bytes:
        return Path(path).read_bytes()

    def write_file(self, path: str, content: bytes) -> None:
        Path(path).write_bytes(content)


class Server:
    """As a distribution leaves it: no binary log, server id 1, root by its socket."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.settings = folder, folder / "conf.d"
        self.settings.mkdir()
        self.process: subprocess.Popen[bytes] | None = None
        data, base = folder / "data", mariadb.unpacked()
        based = [f"--basedir={base}"] if base else []
        installer = [str(programs.find("mariadb-install-db")), "--no-defaults", *based, f"--datadir={data}", "--skip-test-db", mariadb.ARIA]
        unprivileged.give(folder)
        as_normal = "--auth-root-authentication-method=normal"
        subprocess.run([*unprivileged.prefix(), *installer, as_normal], cwd=folder, check=True, capture_output=True, timeout=120)
        lines = [
            "[mariadbd]", f"datadir = {data}", "aria-log-dir-path = .", f"socket = {folder}/s", f"bind-address = {LOOPBACK}", "port = 3306",
            f"log-error = {folder}/log", *([f"basedir = {base}"] if base else []), f"!includedir {self.settings}/", "",
        ]  # fmt: skip
        (folder / "my.cnf").write_text("\n".join(lines), "utf-8")

    def start(self) -> None:
        argv = [*unprivileged.prefix(), str(programs.find("mariadbd")), f"--defaults-file={self.folder / 'my.cnf'}"]
        self.process = subprocess.Popen(argv, cwd=self.folder / "data", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                pymysql.connect(unix_socket=f"{self.folder}/s", user="root").close()
            except pymysql.err.OperationalError:
                time.sleep(0.1)
            else:
                return
        raise AssertionError((self.folder / "log").read_text("utf-8", "replace")[-1000:])

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(60)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    own = Server(tmp_path)
    own.start()
    yield own
    own.stop()


def accounts(server: Server) -> list[Any]:
    with pymysql.connect(unix_socket=f"{server.folder}/s", user="root") as root, root.cursor() as cursor:
        cursor.execute("SELECT user, host, priv FROM mysql.global_priv ORDER BY 1, 2")
        return list(cursor.fetchall())


def as_it_worked_before(server: Server) -> None:
    """The application comes by the loopback still, and may make what it made while there was no binary log."""
    with pymysql.connect(unix_socket=f"{server.folder}/s", user="root") as root, root.cursor() as cursor:
        cursor.execute("CREATE DATABASE records")
        cursor.execute("CREATE USER records_app@'%' IDENTIFIED BY 'of the application'")
        cursor.execute("GRANT ALL ON records.* TO records_app@'%'")
    with pymysql.connect(host=LOOPBACK, user="records_app", password="of the application", database="records") as own, own.cursor() as cursor:
        cursor.execute("CREATE FUNCTION twice(n int) RETURNS int RETURN 2 * n")
        cursor.execute("SELECT twice(21)")
        assert cursor.fetchone() == (42,)
    with pymysql.connect(unix_socket=f"{server.folder}/s", user="root") as root, root.cursor() as cursor:
        cursor.execute("DROP DATABASE records")
        cursor.execute("DROP USER records_app@'%'")


def test_a_plain_server_is_prepared_and_taken_back(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_server, "_FOLDERS", (str(server.settings),))
    source = MariadbSource(Here(server.folder / "s"), name="records", port=3306, home=str(server.folder / "home"), run_as=[])  # type: ignore[arg-type]
    before = accounts(server)
    changes = {change.what: str(change.wanted) for change in source.find_changes(WANTED)}
    assert {"account it's_engine@%", "log_bin", "binlog_format", "server_id", "gtid_domain_id", "sync_binlog"} <= set(changes)
    assert changes["binlog_format"] == "ROW"
    assert changes["bind_address"] == f"{LOOPBACK},{ADDRESS}"
    assert not source.is_restart_owed()

    source.prepare(WANTED)
    assert source.is_restart_owed()
    assert [change.what for change in source.find_changes(WANTED) if not change.restart] == []
    source.prepare(WANTED)  # again is fine
    server.stop()
    server.start()
    assert source.find_changes(WANTED) == []
    assert not source.is_restart_owed()
    with pymysql.connect(host=ADDRESS, user=WANTED.role, password=PASSWORD.encode()) as engine, engine.cursor() as cursor:
        cursor.execute("SELECT @@log_bin, @@binlog_format, @@server_id > 1, @@gtid_domain_id > 0")
        assert cursor.fetchone() == (1, "ROW", 1, 1)
    as_it_worked_before(server)
    assert Path(source.data_directory()) == server.folder / "data"

    assert source.take_back() == []
    assert source.take_back() is None
    assert accounts(server) == before
    assert list(server.settings.iterdir()) == []
    assert source.is_restart_owed(), "what was taken back is in force still"
    server.stop()
    server.start()
    assert not source.is_restart_owed()


def test_what_the_files_say_after_the_next_restart_decides(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_server, "_FOLDERS", (str(server.settings),))
    source = MariadbSource(Here(server.folder / "s"), name="records", port=3306, home=str(server.folder / "home"), run_as=[])  # type: ignore[arg-type]
    file = server.settings / source_server.FILE
    source.prepare(WANTED)
    written = file.read_text("utf-8")
    assert source.find_changes(WANTED) == [], "it is written, and waits"
    server.stop()
    server.start()
    assert source.take_back() == []
    assert {"log_bin", "server_id", "bind_address"} <= {change.what for change in source.find_changes(WANTED)}, "in force, and gone with the next start"
    assert source.is_restart_owed()
    source.prepare(WANTED)
    assert file.read_text("utf-8") == written
    assert not source.is_restart_owed(), "a restart would end every session for nothing"
    server.stop()
    server.start()
    assert source.find_changes(WANTED) == []
    assert not source.is_restart_owed()

    # the same by other hands: a statement that no file says, a file of somebody else's in other spellings
    assert source.take_back() == []
    other = "[mysqld]\nlog-bin=/nowhere/else\nserver-id = 77\nbinlog-format = row\nskip-log-bin\nloose-sync_binlog = 0\n"
    (server.settings / "50-own.cnf").write_text(other, "utf-8")
    server.stop()
    server.start()
    with pymysql.connect(unix_socket=f"{server.folder}/s", user="root") as root, root.cursor() as cursor:
        cursor.execute("SELECT @@log_bin, @@server_id, @@binlog_format")
        assert cursor.fetchone() == (0, 77, "ROW")
        cursor.execute("SET GLOBAL sync_binlog = 1")
        cursor.execute("SET GLOBAL innodb_flush_log_at_trx_commit = 2")
    changes = {change.what for change in source.find_changes(WANTED)}
    assert {"log_bin", "sync_binlog"} <= changes
    assert not {"binlog_format", "server_id", "innodb_flush_log_at_trx_commit"} & changes


def test_of_two_systems_the_last_takes_account_and_settings_with_it(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_server, "_FOLDERS", (str(server.settings),))
    home, before = server.folder / "orchestrator", accounts(server)
    here = Here(server.folder / "s")
    records, permits = (MariadbSource(here, name=name, port=3306, home=str(home), run_as=[]) for name in ("records", "permits"))  # type: ignore[arg-type]
    records.prepare(WANTED)
    written = (server.settings / source_server.FILE).read_text("utf-8")
    [unsaid] = [change for change in permits.find_changes(WANTED) if not change.restart]
    assert ("records" in str(unsaid.now), "permits" in str(unsaid.wanted)) == (True, True), "whoever relies on it says so"
    permits.prepare(WANTED)
    assert [change for change in permits.find_changes(WANTED) if not change.restart] == []
    assert records.take_back() == ["permits"]
    assert records.take_back() is None
    assert (server.settings / source_server.FILE).read_text("utf-8") == written
    pymysql.connect(host=LOOPBACK, user=WANTED.role, password=PASSWORD.encode()).close()
    assert permits.take_back() == []
    assert (accounts(server), list(server.settings.iterdir())) == (before, [])
    assert [path.name for path in home.iterdir()] == [], "nothing of ours is left"


def test_an_account_that_was_there_is_given_back_as_it_was(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_server, "_FOLDERS", (str(server.settings),))
    with pymysql.connect(unix_socket=f"{server.folder}/s", user="root") as root, root.cursor() as cursor:
        cursor.execute("CREATE USER %s@'%%' IDENTIFIED BY 'another one'", (WANTED.role,))
        cursor.execute("GRANT SELECT ON mysql.* TO %s@'%%'", (WANTED.role,))
    source = MariadbSource(Here(server.folder / "s"), name="records", port=3306, home=str(server.folder / "home"), run_as=[])  # type: ignore[arg-type]
    source.prepare(WANTED)
    pymysql.connect(host=LOOPBACK, user=WANTED.role, password=PASSWORD.encode()).close()
    assert source.take_back() == []
    with pymysql.connect(host=LOOPBACK, user=WANTED.role, password="another one") as back, back.cursor() as cursor:
        cursor.execute("SHOW GRANTS")
        granted = [row[0] for row in cursor.fetchall()]
    assert len(granted) == 2
    assert any("GRANT SELECT ON `mysql`.*" in grant for grant in granted)


@pytest.mark.parametrize("socket_is_told", [True, False])
def test_an_administrator_with_a_password_is_let_in_by_his_own_file(server: Server, *, socket_is_told: bool) -> None:
    with pymysql.connect(unix_socket=f"{server.folder}/s", user="root") as root, root.cursor() as cursor:
        cursor.execute("ALTER USER root@localhost IDENTIFIED BY 'of the office'")
    home = server.folder / "root"
    home.mkdir()
    here = Here(server.folder / ("s" if socket_is_told else "elsewhere"), home)
    source = MariadbSource(here, name="records", port=3306, home=str(server.folder / "home"), run_as=[])  # type: ignore[arg-type]
    with pytest.raises(ToolError) as refused:
        source.data_directory()
    assert ".my.cnf" in refused.value.remedy
    assert "debian.cnf" not in str(refused.value), "the first refusal is told"
    where = "" if socket_is_told else f"socket = {server.folder}/s\n"
    (home / ".my.cnf").write_text(f"[client]\npassword = 'of the office'\nhost = 10.255.255.1\n{where}[mysql]\nvertical\n", "utf-8")
    assert Path(source.data_directory()) == server.folder / "data"
