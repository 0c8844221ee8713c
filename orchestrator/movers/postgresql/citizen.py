"""A client of a PostgreSQL database: it writes through the gateway with the application's own account."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

KIND = "postgresql"
CONNECT_SECONDS = 120
"""A held gateway keeps new clients waiting too."""
TRY_SECONDS = 10
"""Before anybody is held."""


def specify(*, dsn: str, schema: str) -> dict[str, Any]:
    """The probe's plain description. It holds a password. ``schema``: where our table ``probe`` stands."""
    return {"kind": KIND, "dsn": dsn, "schema": schema}


def connect(dsn: str, *, seconds: int) -> psycopg.Connection[Any]:
    """As an application does, through whatever stands in front."""
    return psycopg.connect(dsn, autocommit=True, prepare_threshold=None, connect_timeout=seconds)


class PostgresCitizen:
    """Updates the row that is its own, so that a write that waits for somebody else's lock is never ours."""

    def __init__(self, *, dsn: str, schema: str, number: int) -> None:
        self._statement = sql.SQL("UPDATE {} SET n = n + 1 WHERE id = %s").format(sql.Identifier(schema, "probe"))
        self._row = number + 1
        self._connection = connect(dsn, seconds=CONNECT_SECONDS)

    def ask(self) -> None:
        self._connection.execute(self._statement, (self._row,))
