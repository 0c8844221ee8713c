"""The city's MariaDB servers: one a system, on its own host, with schema and seed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pymysql

from orchestrator.embedded.databases import SCHEMAS, Source
from orchestrator.embedded.hosts import folder_of
from orchestrator.embedded.processes import Book, wait_for
from orchestrator.errors import ToolError
from orchestrator.tools import programs, unprivileged

DATA = "var/lib/mysql"
"""A server's data folder within its host's."""
ARIA = "--aria-log-dir-path=."
"""Within its data folder, by a path that passes no folder above: it asks access(2), which no capability helps, and makes its tables'
log anew where the answer is no."""
# the socket's path is within its data folder: a whole one may be longer than sockets allow
_CONF = """
[mariadbd]
datadir = {data}
aria-log-dir-path = .
bind-address = {address}
port = {port}
socket = mysql.sock
pid-file = {data}.pid
log-error = {log}
skip-name-resolve
log-bin = binlog
binlog-format = ROW
sync-binlog = 1
expire-logs-days = 3
server-id = {number}
gtid-domain-id = {number}
gtid-strict-mode = 1
log-bin-trust-function-creators = 1
character-set-server = utf8mb4
collation-server = utf8mb4_general_ci
innodb-buffer-pool-size = 32M
innodb-log-file-size = 16M
performance-schema = OFF
max-connections = 150
"""


def unpacked() -> Path | None:
    """Where the server's own files are, when it was unpacked instead of installed."""
    base = programs.find("mariadbd").resolve().parent.parent / "root/usr"
    return base if base.is_dir() else None


def _based() -> list[str]:
    base = unpacked()
    return [f"--basedir={base}"] if base else []


def template(city: Path, admin_role: str, admin_secret: Path) -> Path:
    """A fresh data folder to copy from, with the engine's account; made once per ``up``. Raises ToolError with its last words."""
    folder = city / "template-mariadb"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    unprivileged.give(folder)
    password = admin_secret.read_text(encoding="utf-8").strip()
    data = f"--datadir={folder / 'data'}"
    installer = [str(programs.find("mariadb-install-db")), "--no-defaults", *_based(), data, "--skip-test-db", "--skip-name-resolve", "--force", ARIA]
    # forced: a machine that looks up neither its own name nor localhost needs neither for this
    installer += ["--auth-root-socket-user=root"]  # an account of whoever shows the city would be one more superuser
    _run([*unprivileged.prefix(), *installer], folder)
    account = f"'{admin_role}'@'%'"
    script = f"FLUSH PRIVILEGES;\nCREATE USER {account} IDENTIFIED BY '{password}';\nGRANT ALL ON *.* TO {account} WITH GRANT OPTION;\n"
    _run([*unprivileged.prefix(), str(programs.find("mariadbd")), "--no-defaults", "--bootstrap", ARIA, *_based(), data], folder, script)
    return folder / "data"


def _run(argv: list[str], folder: Path, script: str = "") -> None:
    done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, timeout=120, check=False, input=script)
    if done.returncode != 0:
        said = (done.stdout + done.stderr).strip()[-300:]
        raise ToolError(f"MariaDB's tables cannot be made: {said}", where=str(folder), remedy="run `orchestrator doctor`")


def lay_out(city: Path, source: Source, copy_of: Path, number: int) -> None:
    """Copy the template to the source's host, configured for its address; nothing is started. ``number``: its server id."""
    folder = folder_of(city, source.host)
    data = folder / DATA
    data.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "-a", str(copy_of), str(data)], check=True, capture_output=True, timeout=120)
    log = folder / "var/log/mariadb.log"
    log.touch()
    text = _CONF.format(data=data, address=source.address, port=source.port, log=log, number=number)
    _conf(folder).write_text(text, encoding="utf-8")
    unprivileged.give(data.parent)
    unprivileged.give(log.parent)


def _conf(folder: Path) -> Path:
    return folder / "etc/my.cnf"


def start(city: Path, source: Source) -> None:
    """Start the server and wait until it takes connections. Raises ToolError."""
    folder = folder_of(city, source.host)
    argv = [*unprivileged.prefix(), str(programs.find("mariadbd")), f"--defaults-file={_conf(folder)}", *_based()]
    log = folder / "var/log/mariadb.log"
    record = Book(city).start(f"{source.host}.mariadb", argv, cwd=folder / DATA, log=folder / "var/log/mariadb.out", host=source.host)

    def answers() -> bool:
        if not Book(city).alive(record):
            words = log.read_text(encoding="utf-8", errors="replace").strip()[-300:]
            raise ToolError(f"MariaDB on {source.host} ended: {words}", where=source.address, remedy=f"look at {log}")
        try:
            connect(source).close()
        except pymysql.err.OperationalError:
            return False
        return True

    wait_for(answers, what=f"MariaDB on {source.host}", seconds=60)


def connect(source: Source, *, host: str = "", port: int = 0, admin: bool = True) -> pymysql.connections.Connection[Any]:
    """An autocommit session of the engine's or the application's account; the server's, or at another place."""
    role, secret = (source.admin_role, source.admin_secret) if admin else (source.role, source.secret)
    return pymysql.connect(
        host=host or source.address, port=port or source.port, user=role, password=secret.read_text(encoding="utf-8").strip(),
        autocommit=True, charset="utf8mb4", connect_timeout=30, database=None if admin else source.name,
    )  # fmt: skip


def fill(source: Source) -> None:
    """The application's account, its database, schema and seed."""
    password = source.secret.read_text(encoding="utf-8").strip()
    with connect(source) as admin, admin.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE `{source.name}`")
        cursor.execute("CREATE USER %s@'%%' IDENTIFIED BY %s", (source.role, password))
        cursor.execute(f"GRANT ALL ON `{source.name}`.* TO %s@'%%'", (source.role,))
        cursor.execute(f"USE `{source.name}`")
        for statement in (SCHEMAS / f"{source.name}.sql").read_text(encoding="utf-8").split(";\n"):
            if statement.strip():
                cursor.execute(statement)
