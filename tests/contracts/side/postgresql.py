"""PostgreSQL's surroundings for the table of sides: one fresh database pair a case, kept in step by the mover."""

from __future__ import annotations

import contextlib
from typing import Any

import psycopg
from psycopg import sql

from orchestrator.cutover import kinds
from orchestrator.movers import registry
from orchestrator.movers.contract import Direction, Hands
from orchestrator.movers.postgresql.names import Names
from orchestrator.movers.side import Side
from tests.contracts.guard.servers import APPLICATION, SYSTEM, Servers

_TABLES = "CREATE TABLE ledger (n bigserial PRIMARY KEY); CREATE SEQUENCE receipts"
_OF_THE_ENGINE = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND application_name = 'orchestrator'"


class PostgresSurroundings:
    """See ``story.Surroundings``. ``live`` is the source, ``other`` the target."""

    def __init__(self, servers: Servers, number: int) -> None:
        self.servers = servers
        self.database = f"side_{number}"
        self.part = servers.part(self.database, "target")
        self.mover = registry.make_mover("postgresql", Hands(folder=servers.folder))
        self.names = Names(SYSTEM, self.database)
        self.staying: list[psycopg.Connection[Any]] = []

    def __enter__(self) -> PostgresSurroundings:
        with self.servers.connect("source", "postgres") as admin:
            owner = sql.Identifier(APPLICATION)
            admin.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(self.database), owner))
        with self._application("live") as owner_session:
            owner_session.execute(_TABLES)
        self.mover.prepare(self.part)
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()
        for side in ("target", "source"):
            with contextlib.suppress(Exception):
                self.mover.withdraw(self.part, side)
            with contextlib.suppress(psycopg.Error), self.servers.connect(side, "postgres") as admin:
                admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(self.database)))

    def side(self, role: str) -> Side:
        return kinds.make_side(self.mover.fence(self.part, Direction.FORWARD)[role])

    def write(self, role: str) -> None:
        with self._application(role) as client:
            client.execute("INSERT INTO ledger (n) VALUES (nextval('receipts'))")

    def rows(self, role: str, snapshot: str = "") -> int:
        with self._admin(role) as admin:
            if snapshot:
                admin.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
                admin.execute(sql.SQL("SET TRANSACTION SNAPSHOT {}").format(sql.Literal(snapshot)))
            return self._number(admin, "SELECT count(*) FROM ledger")

    def draw(self, role: str) -> int:
        with self._admin(role) as admin:
            return self._number(admin, "SELECT nextval('receipts')")

    def lets_in(self, role: str) -> bool:
        try:
            self._application(role).close()
        except psycopg.OperationalError:
            return False
        return True

    def stays(self, role: str, what: str) -> None:
        session = self._application(role)
        if what == "busy":
            session.execute("BEGIN")
            session.execute("INSERT INTO ledger (n) VALUES (-1)")
        self.staying.append(session)

    def leave(self) -> None:
        for session in self.staying:
            with contextlib.suppress(psycopg.Error):
                session.close()
        self.staying.clear()

    def keeps(self, role: str) -> bool:
        slot = self.names.back if role == "other" else self.names.forward
        with self._admin(role) as admin:
            query = "SELECT count(*) FROM pg_replication_slots WHERE slot_name = %s"
            return bool(self._number(admin, query, slot))

    def cut(self, role: str) -> None:
        with self.servers.connect(self._cluster(role), "postgres") as admin:
            admin.execute(_OF_THE_ENGINE, (self.database,))

    def kill(self, role: str) -> None:
        self.servers.kill(self._cluster(role))

    def start(self, role: str) -> None:
        self.servers.start(self._cluster(role))

    def _application(self, role: str) -> psycopg.Connection[Any]:
        return self.servers.connect(self._cluster(role), self.database, user=APPLICATION)

    def _admin(self, role: str) -> psycopg.Connection[Any]:
        return self.servers.connect(self._cluster(role), self.database)

    @staticmethod
    def _cluster(role: str) -> str:
        return "source" if role == "live" else "target"

    @staticmethod
    def _number(session: psycopg.Connection[Any], query: str, *values: object) -> int:
        row = session.execute(query.encode(), values or None).fetchone()
        assert row is not None
        return int(row[0])
