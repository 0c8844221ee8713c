"""Two PostgreSQL clusters on loopback, once a session; every case finds them empty."""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from orchestrator.embedded import databases
from orchestrator.embedded.processes import Book
from orchestrator.movers.contract import Part, Place
from orchestrator.tools import unprivileged

ADMIN, APPLICATION = "engine_admin", "records_app"
PASSWORD = "secret-of-the-application"
SYSTEM = "records-system"
PORT = 5432
SIDES = ("source", "target")
_PAIRS = itertools.count()
"""One pair's addresses are no other's, also where one is ended later than another begins."""

_FAST = "fsync = off\nfull_page_writes = off\nautovacuum = off\nmax_prepared_transactions = 10\n"


class Servers:
    """A source and a target cluster. Use as a context; both end with it."""

    def __init__(self, folder: Path, *, conf: str = "") -> None:
        """``conf``: lines for both clusters' postgresql.conf."""
        self.folder = folder
        self.conf = conf
        self.book = Book(folder)
        net, pair = f"127.{60 + os.getpid() % 80}.{os.getpid() // 80 % 250}", 2 * next(_PAIRS)
        self.addresses = {"source": f"{net}.{pair + 1}", "target": f"{net}.{pair + 2}"}

    def __enter__(self) -> Servers:
        secret = self.folder / "secrets" / ADMIN
        secret.parent.mkdir(parents=True)
        secret.write_text("secret-of-the-engine", encoding="utf-8")
        unprivileged.give(secret.parent)
        template = databases.template(self.folder, ADMIN, secret)
        with (template / "postgresql.conf").open("a", encoding="utf-8") as conf:
            conf.write(_FAST)
        for side in SIDES:
            cluster = self._cluster(side, secret)
            (self.folder / "hosts" / side / "var/log").mkdir(parents=True, exist_ok=True)
            databases.lay_out(self.folder, cluster, template)
            with (self.folder / "hosts" / side / databases.DATA / "postgresql.conf").open("a", encoding="utf-8") as conf:
                conf.write(self.conf)  # the last word counts
            databases.start(self.folder, cluster)
        return self

    def __exit__(self, *_: object) -> None:
        for record in reversed(self.book.records()):
            if self.book.alive(record):
                os.kill(record.pid, signal.SIGINT)  # PostgreSQL's fast stop: whoever is still connected is not waited for
            self.book.stop([record], grace=20)

    def _cluster(self, side: str, secret: Path) -> databases.Source:
        return databases.Source(
            system=SYSTEM, host=side, address=self.addresses[side], port=PORT, name="postgres", role=ADMIN,
            secret=secret, admin_role=ADMIN, admin_secret=secret,
        )  # fmt: skip

    def stop(self, side: str) -> None:
        """Ends one cluster, as a host that goes away."""
        self.book.stop([record for record in self.book.records() if record.host == side], grace=20)

    def start(self, side: str) -> None:
        """Brings it back."""
        databases.start(self.folder, self._cluster(side, self.folder / "secrets" / ADMIN))

    def part(self, database: str, role: str = APPLICATION) -> Part:
        """The database as the mover is given it."""
        source, target = (Place(self.addresses[side], PORT) for side in SIDES)
        return Part("postgresql", SYSTEM, database, source, target, role, ADMIN, "secret-of-the-engine")

    def connect(self, side: str, database: str, *, user: str = ADMIN, password: str = "") -> psycopg.Connection[Any]:
        """An autocommit session of somebody: the engine's administrator, the application, another account."""
        secret = "secret-of-the-engine" if user == ADMIN else password or PASSWORD
        return psycopg.connect(
            host=self.addresses[side], port=PORT, dbname=database, user=user, password=secret, autocommit=True,
            connect_timeout=10, application_name=f"test of {user}", client_encoding="utf8",
            options="-c search_path=public -c role=none" if user == ADMIN else "",
        )  # fmt: skip

    def environment(self, side: str, database: str) -> dict[str, str]:
        """What PostgreSQL's own programs need to look at a side."""
        return {
            **os.environ, "PGHOST": self.addresses[side], "PGPORT": str(PORT), "PGUSER": ADMIN,
            "PGPASSWORD": "secret-of-the-engine", "PGDATABASE": database,
        }  # fmt: skip

    @contextmanager
    def emptied(self) -> Iterator[None]:
        """Both clusters as initdb left them, after the block too, whatever it left."""
        self._empty_both()
        yield
        self._empty_both()

    def _empty_both(self) -> None:
        # a story that failed leaves the target following: its workers would take the source's slots up again
        for side in SIDES:
            for name in self._databases(side):
                with self.connect(side, "postgres") as admin:
                    admin.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(sql.Identifier(name)))
                self._drop_subscriptions(side, name)
        for side in SIDES:
            self._empty(side)

    def _databases(self, side: str) -> list[str]:
        with self.connect(side, "postgres") as admin:
            return _column(admin, "SELECT datname::text FROM pg_database WHERE NOT datistemplate AND datname <> 'postgres'")

    def _empty(self, side: str) -> None:
        names = self._databases(side)
        with self.connect(side, "postgres") as admin:
            for gid, database in admin.execute("SELECT gid, database::text FROM pg_prepared_xacts").fetchall():
                with self.connect(side, database) as owner:
                    owner.execute(sql.SQL("ROLLBACK PREPARED {}").format(sql.Literal(gid)))
            admin.execute("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active_pid IS NOT NULL")
            for name in names:
                admin.execute(sql.SQL("ALTER DATABASE {} IS_TEMPLATE false").format(sql.Identifier(name)))
            _drop_slots(admin)
            for name in names:
                admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
            for name in _column(admin, "SELECT spcname::text FROM pg_tablespace WHERE spcname !~ '^pg_'"):
                admin.execute(sql.SQL("DROP TABLESPACE {}").format(sql.Identifier(name)))
            roles = _column(admin, "SELECT rolname::text FROM pg_roles WHERE rolname !~ '^pg_' AND oid <> 10")
            for name in roles:
                admin.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(name)))
                admin.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))
            admin.execute("ALTER SYSTEM RESET ALL")
            admin.execute("ALTER ROLE ALL RESET ALL")
            admin.execute(sql.SQL("ALTER ROLE {} RESET ALL").format(sql.Identifier(ADMIN)))
            admin.execute("SELECT pg_reload_conf()")

    def _drop_subscriptions(self, side: str, database: str) -> None:
        with self.connect(side, database) as admin:
            admin.execute("SET session_replication_role = replica")  # event triggers of the case would answer
            query = (
                "SELECT subname::text FROM pg_subscription WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())"
            )
            for name in _column(admin, query):
                subscription = sql.Identifier(name)
                admin.execute(sql.SQL("ALTER SUBSCRIPTION {} DISABLE").format(subscription))
                admin.execute(sql.SQL("ALTER SUBSCRIPTION {} SET (slot_name = NONE)").format(subscription))
                admin.execute(sql.SQL("DROP SUBSCRIPTION {}").format(subscription))


def _drop_slots(admin: psycopg.Connection[Any]) -> None:
    for _ in range(200):
        admin.execute("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT active")
        if not _column(admin, "SELECT slot_name FROM pg_replication_slots"):
            return
        admin.execute("SELECT pg_sleep(0.05)")
    raise AssertionError("a replication slot is still in use after 10 s")


def _column(connection: psycopg.Connection[Any], query: str) -> list[str]:
    return [str(row[0]) for row in connection.execute(query).fetchall()]
