"""Real servers for a guard: a source, two targets, one PgBouncer; and what can happen to each of them."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from orchestrator.embedded import courier, databases, gateways
from orchestrator.embedded.processes import Book
from orchestrator.gateways.pgbouncer import open_console
from orchestrator.movers.contract import Part, Place
from orchestrator.tools import unprivileged

ADMIN, APPLICATION = "engine_admin", "records_app"
ADMIN_PASSWORD, PASSWORD = "secret-of-the-engine", "secret-of-the-application"
SYSTEM = "guarded-system"
PORT, POOL_PORT = 5432, 6432
CLUSTERS = ("source", "target", "target2")

_MORE = "max_prepared_transactions = 10\nautovacuum = off\nwal_retrieve_retry_interval = 200ms\n"
"""The interval: a case waits for a worker that PostgreSQL would start only 5 s after the one of the case before."""


class Servers:
    """Use as a context; everything ends with it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.book = Book(folder)
        net = f"127.{140 + os.getpid() % 60}.{os.getpid() // 60 % 250}"
        self.addresses = {name: f"{net}.{number}" for number, name in enumerate((*CLUSTERS, "gateway"), start=1)}

    def __enter__(self) -> Servers:
        secret = self.folder / "secrets" / ADMIN
        secret.parent.mkdir(parents=True)
        secret.write_text(ADMIN_PASSWORD, encoding="utf-8")
        unprivileged.give(secret.parent)
        template = databases.template(self.folder, ADMIN, secret)
        with (template / "postgresql.conf").open("a", encoding="utf-8") as conf:
            conf.write(_MORE)
        for name in CLUSTERS:
            (self.folder / "hosts" / name / "var/log").mkdir(parents=True, exist_ok=True)
            databases.lay_out(self.folder, self._cluster(name), template)
            self.start(name)
        with self.connect("source", "postgres") as admin:
            admin.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(APPLICATION), sql.Literal(PASSWORD)))
            verifier = admin.execute("SELECT rolpassword FROM pg_authid WHERE rolname = %s", (APPLICATION,)).fetchone()
        assert verifier is not None
        (self.folder / "hosts/gateway/var/log").mkdir(parents=True)
        self._verifier = str(verifier[0])
        self.start("gateway")
        return self

    def __exit__(self, *_: object) -> None:
        for record in reversed(self.book.records()):
            if self.book.alive(record):
                os.kill(record.pid, signal.SIGCONT)
            first = courier.FAST if record.name.endswith(".postgres") else signal.SIGKILL  # neither waits for whoever is still connected
            self.book.stop([record], first=first, grace=20)

    # ------------------------------------------------------------ reaching them

    def _cluster(self, name: str) -> databases.Source:
        secret = self.folder / "secrets" / ADMIN
        return databases.Source(
            system=SYSTEM, host=name, address=self.addresses[name], port=PORT, name="postgres", role=ADMIN,
            secret=secret, admin_role=ADMIN, admin_secret=secret,
        )  # fmt: skip

    def part(self, database: str, target: str) -> Part:
        """The database as a mover is given it."""
        places = (Place(self.addresses["source"], PORT), Place(self.addresses[target], PORT))
        return Part("postgresql", SYSTEM, database, *places, APPLICATION, ADMIN, ADMIN_PASSWORD)

    def connect(self, name: str, database: str, *, user: str = ADMIN, application: str = "orchestrator-test") -> psycopg.Connection[Any]:
        """An autocommit session, straight to a server."""
        return psycopg.connect(
            host=self.addresses[name], port=PORT, dbname=database, user=user, autocommit=True, connect_timeout=10,
            password=ADMIN_PASSWORD if user == ADMIN else PASSWORD, application_name=application,
        )  # fmt: skip

    def pooled(self, database: str) -> psycopg.Connection[Any]:
        """The application's way in."""
        return psycopg.connect(
            host=self.addresses["gateway"], port=POOL_PORT, dbname=database, user=APPLICATION, password=PASSWORD,
            autocommit=True, connect_timeout=20, prepare_threshold=None,
        )  # fmt: skip

    def console_dsn(self) -> str:
        """PgBouncer's console."""
        return psycopg.conninfo.make_conninfo(
            host=self.addresses["gateway"], port=POOL_PORT, dbname="pgbouncer", user=ADMIN, password=ADMIN_PASSWORD
        )

    def shown(self) -> dict[str, dict[str, Any]]:
        """SHOW DATABASES by name."""
        with open_console(self.console_dsn()) as console:
            answer = console.execute("SHOW DATABASES")
            columns = [column.name for column in answer.description or ()]
            rows = [dict(zip(columns, row, strict=True)) for row in answer.fetchall()]
        return {row["name"]: row for row in rows if row["name"] != "pgbouncer"}

    # ------------------------------------------------------------ the gateway's files

    @property
    def databases_file(self) -> Path:
        return self.folder / "hosts/gateway/etc/pgbouncer/databases.ini"

    def lead(self, lines: list[str]) -> None:
        """What PgBouncer serves from now on."""
        self.databases_file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        with open_console(self.console_dsn()) as console:
            console.execute("RELOAD")

    # ------------------------------------------------------------ what happens to them

    def start(self, name: str) -> None:
        """Starts a server that is down and waits until it answers."""
        if name == "gateway":
            lines = self.databases_file.read_text("utf-8").splitlines() if self.databases_file.exists() else []
            gateways.start_pgbouncer(
                self.folder, name, address=self.addresses[name], port=POOL_PORT, admin=ADMIN, admin_password=ADMIN_PASSWORD,
                databases=self.databases_file, lines=lines, verifiers={APPLICATION: self._verifier},
            )  # fmt: skip
        else:
            databases.start(self.folder, self._cluster(name))

    def pid(self, name: str) -> int:
        record = self.book.get(f"{name}.{'pgbouncer' if name == 'gateway' else 'postgres'}")
        assert record is not None
        return record.pid

    def kill(self, name: str) -> None:
        """As a lost machine: at once, with everything that it has."""
        if name == "gateway":
            os.kill(self.pid(name), signal.SIGKILL)
        else:  # SIGQUIT: every backend ends at once, nothing is written down
            os.kill(self.pid(name), signal.SIGQUIT)
        record = self.book.get(f"{name}.{'pgbouncer' if name == 'gateway' else 'postgres'}")
        assert record is not None
        until = time.monotonic() + 30
        while self.book.alive(record):
            assert time.monotonic() < until
            time.sleep(0.01)

    def freeze(self, name: str) -> None:
        """A hung machine: connections stay, nothing answers."""
        for pid in self._all(name):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        for pid in self._all(name):
            with contextlib.suppress(ProcessLookupError):  # a session that ended meanwhile
                os.kill(pid, signal.SIGCONT)

    def _all(self, name: str) -> list[int]:
        children = subprocess.run(["pgrep", "-P", str(self.pid(name))], capture_output=True, text=True, check=False).stdout.split()
        return [self.pid(name), *map(int, children)]

    @contextmanager
    def mended(self) -> Iterator[None]:
        """After the block everything runs again."""
        try:
            yield
        finally:
            for name in (*CLUSTERS, "gateway"):
                record = self.book.get(f"{name}.{'pgbouncer' if name == 'gateway' else 'postgres'}")
                if record is not None and self.book.alive(record):
                    self.thaw(name)
                else:
                    self.start(name)
