"""A client of a MariaDB database: it writes through the gateway with the application's own account."""

from __future__ import annotations

from typing import Any

import pymysql
from pymysql.connections import Connection

from orchestrator.movers.mariadb.connections import fill

KIND = "mariadb"
CONNECT_SECONDS = 120
"""A held gateway keeps new clients waiting too."""
TRY_SECONDS = 10
"""Before anybody is held."""


def specify(*, host: str, port: int, user: str, password: str, schema: str) -> dict[str, Any]:
    """The probe's plain description. It holds a password. ``schema``: where our table ``probe`` stands."""
    return {"kind": KIND, "host": host, "port": port, "user": user, "password": password, "schema": schema}


def connect(host: str, port: int, user: str, password: str, *, seconds: int, database: str | None = None) -> Connection[Any]:
    """As an application does, through whatever stands in front."""
    return pymysql.connect(
        host=host, port=port, user=user, password=password.encode(), database=database, autocommit=True, connect_timeout=seconds
    )


class MariadbCitizen:
    """Updates the row that is its own, so that a write that waits for somebody else's lock is never ours."""

    def __init__(self, *, host: str, port: int, user: str, password: str, schema: str, number: int) -> None:
        self._statement = fill("UPDATE {} SET n = n + 1 WHERE id = %s", [schema, "probe"])
        self._row = number + 1
        self._connection = connect(host, port, user, password, seconds=CONNECT_SECONDS)

    def ask(self) -> None:
        with self._connection.cursor() as cursor:
            cursor.execute(self._statement, (self._row,))
