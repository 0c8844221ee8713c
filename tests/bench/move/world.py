"""Two PostgreSQL clusters, a PgBouncer before them and clients that write all the time, on loopback addresses of their own.

The clients are the demo city's (`embedded/load.py`): numbered writes, every acknowledged one fsynced on a ledger that
the judge reads. Nothing here knows how a database is moved.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from orchestrator.embedded import databases, gateways, judge
from orchestrator.embedded.processes import Book, Record
from orchestrator.tools import unprivileged

SYSTEM = "bench"
NAME, ROLE = "weather", "bench_app"
ADMIN = "bench_engine"
PORT, POOL_PORT = 5432, 6432
RATE, CLIENTS = 200, 8
"""Write transactions a second, and the connections that make them."""
ROW_BYTES = 500
"""About what one row of the filling takes on disk."""
FILL = """
CREATE TABLE records (id bigint PRIMARY KEY, owner text NOT NULL, body text NOT NULL, filed timestamptz NOT NULL);
INSERT INTO records
SELECT i, 'owner ' || mod(i, 5000), repeat(md5(i::text), 12), timestamptz '2026-01-01 08:00+08' + i * interval '1 second'
FROM generate_series(1, %s) AS i;
CREATE INDEX records_owner ON records (owner);
"""


class World:
    """One source with data, one empty target, one gateway. Use as a context; everything ends with it."""

    def __init__(self, folder: Path, gigabytes: float) -> None:
        self.folder = folder
        self.gigabytes = gigabytes
        self.book = Book(folder)
        net = f"127.{150 + os.getpid() % 100}.{os.getpid() // 100 % 250}"
        self.addresses = {"source": f"{net}.1", "target": f"{net}.2", "standby": f"{net}.3"}
        self.pool_address = f"{net}.4"
        self.out = folder / "ledgers"
        self._template: Path | None = None

    def __enter__(self) -> World:
        (self.folder / "secrets").mkdir(parents=True)
        for name in (ROLE, ADMIN):
            (self.folder / "secrets" / name).write_text(f"secret-of-{name}", encoding="utf-8")
        unprivileged.give(self.folder / "secrets")
        self._template = databases.template(self.folder, ADMIN, self.folder / "secrets" / ADMIN)
        self.start_cluster("source")
        databases.fill(self.cluster("source"), databases.SCHEMAS / "weather.sql")
        with psycopg.connect(self.cluster("source").dsn(admin=False)) as owner:
            owner.execute((FILL % int(self.gigabytes * 2**30 / ROW_BYTES)).encode())
        with psycopg.connect(self.cluster("source").dsn(), autocommit=True) as admin:
            admin.execute("VACUUM ANALYZE")
            admin.execute("CHECKPOINT")
        gateways.start_pgbouncer(
            self.folder, "gateway", address=self.pool_address, port=POOL_PORT, admin=ADMIN, admin_password=f"secret-of-{ADMIN}",
            databases=self.databases_file, lines=[self.line("source")], verifiers=databases.verifiers(self.cluster("source")),
        )  # fmt: skip
        return self

    def __exit__(self, *_: object) -> None:
        for record in reversed(self.book.records()):
            self.book.stop([record], grace=20)

    # ------------------------------------------------------------ servers

    def cluster(self, side: str) -> databases.Source:
        """How to reach a side's cluster; ``.name`` is the application's database."""
        secrets = self.folder / "secrets"
        return databases.Source(
            system=SYSTEM, host=side, address=self.addresses[side], port=PORT, name=NAME, role=ROLE,
            secret=secrets / ROLE, admin_role=ADMIN, admin_secret=secrets / ADMIN,
        )  # fmt: skip

    def start_cluster(self, side: str) -> None:
        """An empty cluster at a side's address, started."""
        assert self._template is not None
        (self.folder / "hosts" / side / "var/log").mkdir(parents=True, exist_ok=True)
        databases.lay_out(self.folder, self.cluster(side), self._template)
        databases.start(self.folder, self.cluster(side))

    def data(self, side: str) -> Path:
        """A side's data folder."""
        return self.folder / "hosts" / side / databases.DATA

    def stop_cluster(self, side: str) -> None:
        """A fast, clean stop; returns when it is down."""
        record = self.book.get(f"{side}.postgres")
        assert record is not None
        os.kill(record.pid, 2)  # SIGINT: fast shutdown
        while self.book.alive(record):
            time.sleep(0.002)

    # ------------------------------------------------------------ the gateway

    @property
    def databases_file(self) -> Path:
        return self.folder / "hosts/gateway/etc/pgbouncer/databases.ini"

    def line(self, side: str) -> str:
        """PgBouncer's line that points at a side."""
        return f"{NAME} = host={self.addresses[side]} port={PORT} dbname={NAME}"

    def console_dsn(self) -> str:
        """PgBouncer's console."""
        return psycopg.conninfo.make_conninfo(
            host=self.pool_address, port=POOL_PORT, dbname="pgbouncer", user=ADMIN, password=f"secret-of-{ADMIN}"
        )

    def console(self) -> psycopg.Connection[Any]:
        """An open console."""
        return psycopg.connect(self.console_dsn(), autocommit=True, prepare_threshold=None, cursor_factory=psycopg.ClientCursor)

    def pooled_dsn(self) -> str:
        """The application's way in."""
        return psycopg.conninfo.make_conninfo(
            host=self.pool_address, port=POOL_PORT, dbname=NAME, user=ROLE, password=f"secret-of-{ROLE}", connect_timeout=10
        )

    # ------------------------------------------------------------ clients

    @contextmanager
    def load(self, name: str) -> Iterator[Path]:
        """Clients write as long as this lasts; yields their ledger."""
        out = self.out / name
        out.mkdir(parents=True)
        config = out / "config.json"
        config.touch(mode=0o600)
        part = {"kind": "weather", "dsn": self.pooled_dsn(), "rate": RATE, "connections": CLIENTS}
        config.write_text(json.dumps({"out": str(out), "systems": {SYSTEM: part}}), encoding="utf-8")
        argv = [sys.executable, "-m", "orchestrator.embedded.load", "--config", str(config), "--max-seconds", "3600"]
        process = subprocess.Popen(argv, cwd=out, stdin=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": str(Path.cwd())})
        try:
            time.sleep(2)
            yield out / f"{SYSTEM}.jsonl"
        finally:
            process.terminate()
            process.wait(70)

    def judge(self, ledger: Path, live: str, spans: list[dict[str, Any]]) -> judge.Verdict:
        """What clients had of these cutovers, and whether every acknowledged write is on the live side once."""
        return judge.judge(
            judge.Case(
                system=SYSTEM,
                ledger=str(ledger),
                table="bulletins",
                text="text",
                live=self.cluster(live).dsn(),
                cutovers=spans,
                limit_ms=10_000,
            )
        )

    def bytes(self) -> int:
        """Size of the application's database on the source."""
        with psycopg.connect(self.cluster("source").dsn()) as admin:
            row = admin.execute("SELECT pg_database_size(current_database())").fetchone()
        assert row is not None
        return int(row[0])


def drop_database(source: databases.Source, name: str) -> None:
    """A throwaway database of the bench goes."""
    with psycopg.connect(source.dsn(), dbname="postgres", autocommit=True) as admin:
        admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


__all__ = ["ADMIN", "NAME", "PORT", "ROLE", "SYSTEM", "Record", "World", "drop_database"]
