"""MariaDB's surroundings for the table of sides: one fresh database a case, kept in step by the mover."""

from __future__ import annotations

import contextlib
from typing import Any

import pymysql

from orchestrator.cutover import kinds
from orchestrator.movers import registry
from orchestrator.movers.contract import Direction, Hands
from orchestrator.movers.mariadb import snapshots
from orchestrator.movers.mariadb.connections import connect, names_of
from orchestrator.movers.mariadb.side import KEPT
from orchestrator.movers.side import Side
from tests.support.mariadb import ADMIN, APPLICATION, PASSWORD, Servers

_LEDGER = "CREATE TABLE ledger (n bigint AUTO_INCREMENT PRIMARY KEY)"


class MariadbSurroundings:
    """See ``story.Surroundings``. ``live`` is the source, ``other`` the target."""

    def __init__(self, servers: Servers, number: int) -> None:
        self.servers = servers
        self.database = f"side_{number}"
        self.part = servers.part(self.database)
        self.mover = registry.make_mover("mariadb", Hands(folder=servers.folder))
        self.names = names_of(self.part)
        self.staying: list[pymysql.connections.Connection[Any]] = []

    def __enter__(self) -> MariadbSurroundings:
        self._emptied = self.servers.emptied()
        self._emptied.__enter__()
        with self.servers.connect("source") as admin:
            self._each(admin, f"CREATE DATABASE {self.database}", f"CREATE USER {APPLICATION}@'%' IDENTIFIED BY '{PASSWORD}'")
            self._each(admin, f"GRANT ALL ON {self.database}.* TO {APPLICATION}@'%'")
        with self._application("live") as owner:
            self._each(owner, _LEDGER, "CREATE SEQUENCE receipts NOCACHE")
        self.mover.prepare(self.part)
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()
        self._emptied.__exit__(None, None, None)

    def side(self, role: str) -> Side:
        return kinds.make_side(self.mover.fence(self.part, Direction.FORWARD)[role])

    def write(self, role: str) -> None:
        with self._application(role) as client:
            self._each(client, "INSERT INTO ledger (n) VALUES (nextval(receipts))")

    def rows(self, role: str, snapshot: str = "") -> int:
        if snapshot:
            with connect(self.part, self._place(role)) as ours:
                return snapshots.read_sums(ours, self.names, snapshot, lambda _done, _of: None, role)["ledger"][0]
        return self._number(role, "SELECT count(*) FROM ledger")

    def draw(self, role: str) -> int:
        return self._number(role, "SELECT nextval(receipts)")

    def lets_in(self, role: str) -> bool:
        try:
            self._application(role).close()
        except pymysql.err.OperationalError:
            return False
        return True

    def stays(self, role: str, what: str) -> None:
        session = self._application(role)
        if what == "busy":
            self._each(session, "BEGIN", "INSERT INTO ledger (n) VALUES (-1)")
        self.staying.append(session)

    def leave(self) -> None:
        for session in self.staying:
            with contextlib.suppress(pymysql.err.Error):
                session.close()
        self.staying.clear()

    def keeps(self, role: str) -> bool:
        """The server keeps its binary log; what is kept for whom is in our database."""
        query = f"SELECT count(*) FROM `{self.names.schema}`.word WHERE word = '{KEPT}'"
        return bool(self._number(role, query)) and bool(self._number(role, "SELECT @@GLOBAL.log_bin"))

    def cut(self, role: str) -> None:
        with self.servers.connect(self._place(role)) as admin, admin.cursor() as cursor:
            cursor.execute(
                "SELECT id FROM information_schema.processlist WHERE user = %s AND id <> connection_id() AND command <> 'Binlog Dump'", (ADMIN,)
            )
            for (number,) in cursor.fetchall():
                cursor.execute("KILL %s", (number,))

    def kill(self, role: str) -> None:
        self.servers.kill(self._place(role))

    def start(self, role: str) -> None:
        self.servers.start(self._place(role))

    def _application(self, role: str) -> pymysql.connections.Connection[Any]:
        return self.servers.connect(self._place(role), self.database, user=APPLICATION)

    def _number(self, role: str, query: str) -> int:
        with self.servers.connect(self._place(role), self.database) as admin, admin.cursor() as cursor:
            cursor.execute("SET SESSION sql_log_bin = 0")
            cursor.execute(query)
            row = cursor.fetchone()
        assert row is not None
        return int(row[0])

    @staticmethod
    def _each(session: pymysql.connections.Connection[Any], *statements: str) -> None:
        with session.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    @staticmethod
    def _place(role: str) -> str:
        return "source" if role == "live" else "target"
