"""MariaDB servers on loopback for tests: each a process of its own, as a fresh installation with the engine's account."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pymysql

from orchestrator.embedded.processes import Book, wait_for
from orchestrator.movers.contract import Part, Place
from orchestrator.tools import programs, unprivileged

ADMIN, APPLICATION = "engine_admin", "records_app"
ADMIN_PASSWORD, PASSWORD = "secret-of-the-engine", "secret-of-the-application"
SYSTEM = "records-system"
PORT = 3306
SIDES = ("source", "target")
_PAIRS = itertools.count()

_CONF = """
[mariadbd]
bind-address = {address}
port = {port}
datadir = {data}
socket = {run}/s
pid-file = {run}/pid
log-error = {log}
skip-name-resolve
log-bin = binlog
binlog-format = ROW
sync-binlog = 1
expire-logs-days = {days}
log-slave-updates = {log_slave_updates}
server-id = {number}
gtid-domain-id = {number}
gtid-strict-mode = 1
log-bin-trust-function-creators = 1
character-set-server = utf8mb4
collation-server = utf8mb4_general_ci
max-allowed-packet = 64M
innodb-buffer-pool-size = 32M
innodb-log-file-size = 16M
performance-schema = OFF
max-connections = 150
"""


def _basedir() -> Path | None:
    """Where the server's own files are, when it was unpacked and not installed."""
    wrapper = programs.find("mariadbd")
    unpacked = wrapper.resolve().parent.parent / "root/usr"
    return unpacked if unpacked.is_dir() else None


def _base_option() -> list[str]:
    base = _basedir()
    return [f"--basedir={base}"] if base else []


def _has_memory() -> bool:
    """Whether the servers can live in memory: every commit waits for a disk otherwise, several times."""
    return Path("/dev/shm").is_dir() and shutil.disk_usage("/dev/shm").free > 2 << 30


def install(folder: Path) -> Path:
    """A fresh data folder to copy from, with the engine's account."""
    folder.mkdir(parents=True)
    unprivileged.give(folder)
    argv = [
        *unprivileged.prefix(), str(programs.find("mariadb-install-db")), "--no-defaults", *_base_option(), f"--datadir={folder / 'data'}",
        "--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve",
    ]  # fmt: skip
    subprocess.run(argv, cwd=folder, check=True, capture_output=True, timeout=120)
    bootstrap = (
        "FLUSH PRIVILEGES;\n"
        f"CREATE USER {ADMIN}@'%' IDENTIFIED BY '{ADMIN_PASSWORD}';\nGRANT ALL ON *.* TO {ADMIN}@'%' WITH GRANT OPTION;\n"
    )
    argv = [
        *unprivileged.prefix(), str(programs.find("mariadbd")), "--no-defaults", "--bootstrap", *_base_option(),
        f"--datadir={folder / 'data'}",
    ]  # fmt: skip
    subprocess.run(argv, cwd=folder, check=True, capture_output=True, timeout=120, input=bootstrap.encode())
    return folder / "data"


class Servers:
    """A source and a target. Use as a context; both end with it."""

    def __init__(self, folder: Path, *, conf: str = "") -> None:
        """``conf``: lines for both servers' configuration."""
        self.folder = folder
        self.data = Path(tempfile.mkdtemp(prefix="mariadb-", dir="/dev/shm" if _has_memory() else None))
        self.conf = conf
        self.book = Book(folder)
        net, pair = f"127.{200 + os.getpid() % 40}.{os.getpid() // 40 % 250}", 2 * next(_PAIRS)
        self.addresses = {"source": f"{net}.{pair + 1}", "target": f"{net}.{pair + 2}"}

    def __enter__(self) -> Servers:
        self.data.chmod(0o755)
        fresh = install(self.data / "template")
        for number, side in enumerate(SIDES, start=1):
            data = self.data / side / "data"
            data.parent.mkdir(parents=True)
            subprocess.run(["cp", "-a", str(fresh), str(data)], check=True, capture_output=True, timeout=120)
            self._write_conf(side, number)
            unprivileged.give(data.parent)
            self.start(side)
        shutil.rmtree(self.data / "template")
        return self

    def __exit__(self, *_: object) -> None:
        for record in reversed(self.book.records()):
            self.book.stop([record], grace=20)
        shutil.rmtree(self.data, ignore_errors=True)

    def _write_conf(self, side: str, number: int) -> None:
        folder = self.data / side
        text = _CONF.format(
            address=self.addresses[side], port=PORT, data=folder / "data", run=folder, log=folder / "server.log", number=number,
            days=3 if side == "source" else 0, log_slave_updates=int(side == "source"),
        )  # fmt: skip
        (folder / "my.cnf").write_text(text + self.conf, encoding="utf-8")

    # ------------------------------------------------------------ reaching them

    def part(self, database: str, role: str = APPLICATION) -> Part:
        """The database as the mover is given it."""
        source, target = (Place(self.addresses[side], PORT) for side in SIDES)
        return Part("mariadb", SYSTEM, database, source, target, role, ADMIN, ADMIN_PASSWORD)

    def connect(
        self, side: str, database: str | None = None, *, user: str = ADMIN, password: str = ""
    ) -> pymysql.connections.Connection[Any]:
        """An autocommit session of somebody."""
        secret = ADMIN_PASSWORD if user == ADMIN else password or PASSWORD
        return pymysql.connect(
            host=self.addresses[side], port=PORT, user=user, password=secret, database=database, autocommit=True, charset="utf8mb4",
            connect_timeout=10,
        )  # fmt: skip

    # ------------------------------------------------------------ what happens to them

    def start(self, side: str) -> None:
        """Starts a server that is down and waits until it answers."""
        folder = self.data / side
        argv = [
            *unprivileged.prefix(), str(programs.find("mariadbd")), f"--defaults-file={folder / 'my.cnf'}", *_base_option(),
        ]  # fmt: skip
        record = self.book.start(f"{side}.mariadb", argv, cwd=folder, log=folder / "out.log")

        def answers() -> bool:
            assert self.book.alive(record), (folder / "server.log").read_text("utf-8", "replace")[-1000:]
            try:
                self.connect(side).close()
            except pymysql.err.OperationalError:
                return False
            return True

        wait_for(answers, what=f"MariaDB at the {side}", seconds=60)

    def kill(self, side: str) -> None:
        """As a lost machine: at once."""
        record = self.book.get(f"{side}.mariadb")
        assert record is not None
        os.kill(record.pid, signal.SIGKILL)
        until = time.monotonic() + 30
        while self.book.alive(record):
            assert time.monotonic() < until
            time.sleep(0.01)

    @contextmanager
    def mended(self) -> Iterator[None]:
        """After the block everything runs again."""
        try:
            yield
        finally:
            for side in SIDES:
                record = self.book.get(f"{side}.mariadb")
                if record is None or not self.book.alive(record):
                    self.start(side)

    @contextmanager
    def emptied(self) -> Iterator[None]:
        """Both as they were installed, before the block and after it, whatever it left."""
        for side in SIDES:
            self._empty(side)
        yield
        for side in SIDES:
            self._empty(side)

    def _empty(self, side: str) -> None:
        with self.connect(side) as admin, admin.cursor() as cursor:
            cursor.execute("SHOW ALL SLAVES STATUS")
            columns = [column[0] for column in cursor.description]
            for row in cursor.fetchall():
                name = dict(zip(columns, row, strict=True))["Connection_name"]
                cursor.execute("STOP SLAVE %s", (name,))
                cursor.execute("RESET SLAVE %s ALL", (name,))
            cursor.execute("XA RECOVER")
            for *_, xid in cursor.fetchall():
                cursor.execute("XA ROLLBACK %s", (xid,))
            cursor.execute("SELECT id FROM information_schema.processlist WHERE user NOT IN (%s, 'system user')", (ADMIN,))
            for (number,) in cursor.fetchall():
                with contextlib.suppress(pymysql.err.Error):
                    cursor.execute("KILL %s", (number,))
            cursor.execute(
                "SELECT schema_name FROM information_schema.schemata WHERE schema_name NOT IN"
                " ('information_schema', 'mysql', 'performance_schema', 'sys')"
            )
            for (name,) in cursor.fetchall():
                quoted = name.replace("`", "``")
                cursor.execute(f"DROP DATABASE `{quoted}`")
            cursor.execute("SELECT user, host, is_role FROM mysql.user WHERE user NOT IN ('root', 'mysql', 'mariadb.sys', %s)", (ADMIN,))
            for user, host, is_role in cursor.fetchall():
                if is_role == "Y":
                    cursor.execute("DROP ROLE %s", (user,))
                else:
                    cursor.execute("DROP USER %s@%s", (user, host))
            for setting in ("group_concat_max_len", "max_statement_time", "wait_timeout", "sql_mode"):
                cursor.execute(f"SET GLOBAL {setting} = DEFAULT")
            cursor.execute("RESET MASTER")
            cursor.execute("SET GLOBAL gtid_slave_pos = ''")
