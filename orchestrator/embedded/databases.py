"""The city's source databases: one PostgreSQL cluster a system, on its own host, with schema and seed."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from orchestrator.embedded.hosts import folder_of
from orchestrator.embedded.processes import Book, wait_for
from orchestrator.errors import ToolError
from orchestrator.tools import programs, unprivileged

DATA = "var/lib/postgresql/data"
"""A cluster's data folder within its host's."""
SCHEMAS = Path(__file__).parent / "schemas"

_CONF = """
listen_addresses = '{address}'
port = {port}
unix_socket_directories = ''
wal_level = logical
max_wal_senders = 30
max_replication_slots = 30
max_logical_replication_workers = 20
max_sync_workers_per_subscription = 4
max_worker_processes = 40
max_connections = 150
shared_buffers = 32MB
max_wal_size = 512MB
password_encryption = scram-sha-256
jit = off
timezone = 'GMT'
log_timezone = 'GMT'
"""
_HBA = """
host all all 127.0.0.0/8 scram-sha-256
host replication all 127.0.0.0/8 scram-sha-256
"""
_SCRIPT = """\
#!/bin/sh
# The host's database: database start|stop|status|address NEW_ADDRESS. What a service manager would do on a real machine.
set -eu
data={data}
log={log}
case "${{1:-}}" in
    start) exec {prefix} {pg_ctl} -D "$data" -l "$log" -w -t 60 start >/dev/null ;;
    stop) exec {prefix} {pg_ctl} -D "$data" -m fast -w -t 60 stop ;;
    status) exec {prefix} {pg_ctl} -D "$data" status ;;
    address) sed -i "s/^listen_addresses = .*/listen_addresses = '$2'/" "$data/postgresql.conf"{owner} ;;
    *) echo "usage: $0 start|stop|status|address NEW_ADDRESS" >&2; exit 2 ;;
esac
"""


@dataclass(frozen=True)
class Source:
    """One source database and how to reach it."""

    system: str
    host: str
    address: str
    port: int
    name: str
    role: str
    secret: Path
    admin_role: str
    admin_secret: Path
    engine: str = "postgresql"

    def dsn(self, *, admin: bool = True) -> str:
        """Connection string with the password in it: never for logs."""
        role, secret = (self.admin_role, self.admin_secret) if admin else (self.role, self.secret)
        password = secret.read_text(encoding="utf-8").strip()
        if self.engine == "mariadb":
            return f"mariadb://{quote(role)}:{quote(password, safe='')}@{self.address}:{self.port}/{self.name}"
        return psycopg.conninfo.make_conninfo(
            host=self.address, port=self.port, dbname=self.name, user=role, password=password, connect_timeout=5
        )

    def at(self, address: str) -> Source:
        """The same database where it went."""
        return replace(self, address=address)


def template(city: Path, admin_role: str, admin_secret: Path) -> Path:
    """An initialised cluster to copy from; made once per ``up``. Raises ToolError with initdb's last words."""
    folder = city / "template"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    unprivileged.give(folder)
    argv = [
        *unprivileged.prefix(),
        str(programs.find("initdb")),
        *("-D", str(folder / "data"), "--no-sync", "--no-instructions", "-U", admin_role, f"--pwfile={admin_secret}"),
        *("--auth=scram-sha-256", "-E", "UTF8", "--locale=C.UTF-8"),
    ]
    done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode != 0:
        raise ToolError(f"initdb failed: {done.stderr.strip()[-300:]}", where=str(folder), remedy="run `orchestrator doctor`")
    return folder / "data"


def lay_out(city: Path, source: Source, copy_of: Path) -> None:
    """Copy the template to the source's host, configured for its address; nothing is started."""
    folder = folder_of(city, source.host)
    data = folder / DATA
    data.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "-a", str(copy_of), str(data)], check=True, capture_output=True, timeout=120)
    with (data / "postgresql.conf").open("a", encoding="utf-8") as conf:
        conf.write(_CONF.format(address=source.address, port=source.port))
    (data / "pg_hba.conf").write_text(_HBA.lstrip(), encoding="utf-8")
    log = folder / "var/log/postgresql.log"
    log.touch()
    unprivileged.give(data.parent)
    unprivileged.give(log.parent)
    script = folder / "bin/database"
    script.parent.mkdir(exist_ok=True)
    prefix = " ".join(unprivileged.prefix())
    owner = ' && chown --reference="$data" "$data/postgresql.conf"' if prefix else ""
    script.write_text(
        _SCRIPT.format(data=f"'{data}'", log=f"'{log}'", prefix=prefix, pg_ctl=f"'{programs.find('pg_ctl')}'", owner=owner),
        encoding="utf-8",
    )
    script.chmod(0o755)


def start(city: Path, source: Source) -> None:
    """Start the cluster and wait until it takes connections. Raises ToolError."""
    folder = folder_of(city, source.host)
    argv = [*unprivileged.prefix(), str(programs.find("postgres")), "-D", str(folder / DATA)]
    log = folder / "var/log/postgresql.log"
    record = Book(city).start(f"{source.host}.postgres", argv, cwd=folder / DATA, log=log, host=source.host)

    def answers() -> bool:
        if not Book(city).alive(record):
            words = log.read_text(encoding="utf-8", errors="replace").strip()[-300:]
            raise ToolError(f"PostgreSQL on {source.host} ended: {words}", where=source.address, remedy=f"look at {log}")
        try:
            psycopg.connect(source.dsn(), dbname="postgres").close()
        except psycopg.OperationalError:
            return False
        return True

    wait_for(answers, what=f"PostgreSQL on {source.host}", seconds=30)


def fill(source: Source, schema: Path) -> None:
    """The application's role, its database, schema and seed."""
    password = source.secret.read_text(encoding="utf-8").strip()
    role, name = sql.Identifier(source.role), sql.Identifier(source.name)
    with psycopg.connect(source.dsn(), dbname="postgres", autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(role, sql.Literal(password)))
        admin.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(name, role))
    with psycopg.connect(source.dsn(admin=False)) as owner:
        owner.execute(schema.read_bytes())
    with psycopg.connect(source.dsn(), autocommit=True) as admin:
        admin.execute("ANALYZE")


def verifiers(source: Source) -> dict[str, str]:
    """What PgBouncer needs to log the application in: role → verifier as PostgreSQL stores it."""
    with psycopg.connect(source.dsn(), autocommit=True) as admin:
        rows = admin.execute("SELECT rolname, rolpassword FROM pg_authid WHERE rolcanlogin AND rolname = %s", (source.role,)).fetchall()
    return {str(name): str(verifier) for name, verifier in rows}
