"""The engine's own sessions: made so that nothing which administrators or applications set reaches them.

What they write stays out of the binary log, but for markers: it belongs to one side and must not flow to the other.
"""

from __future__ import annotations

import contextlib
import functools
import socket
from collections.abc import Sequence
from typing import Any

import pymysql
from pymysql.connections import Connection as Raw

from orchestrator.movers import interrupt
from orchestrator.movers.contract import Part
from orchestrator.movers.names import Names
from orchestrator.movers.side import Lost
from orchestrator.texts import Sentence, Words, say

CONNECT_SECONDS = 5
_WEEK = 7 * 24 * 3600
_GONE = frozenset({0, 1053, 1080, 1152, 1153, 1158, 1159, 1160, 1161, 1927, 2002, 2003, 2006, 2013, 2014, 2055})
"""Errors behind which nobody knows whether a statement happened: shut down, killed, not answered."""
_SETTINGS = (
    "SET SESSION sql_mode = 'NO_ENGINE_SUBSTITUTION', time_zone = '+00:00', max_statement_time = 0, wait_timeout = %s,"
    " net_read_timeout = 600, net_write_timeout = 600, innodb_lock_wait_timeout = 50, lock_wait_timeout = 86400,"
    " tx_isolation = 'REPEATABLE-READ', tx_read_only = 0, sql_select_limit = DEFAULT, sql_safe_updates = 0, sql_big_selects = 1,"
    " sql_quote_show_create = 1, sql_auto_is_null = 0, autocommit = 1, completion_type = 0, sql_log_bin = 0"
)


class Connection:
    """One autocommit session of ours. A broken one raises Lost; whatever the server refuses stays the driver's error."""

    def __init__(self, raw: Raw[Any], where: str) -> None:
        self._raw = raw
        self._where = where

    @property
    def closed(self) -> bool:
        return not self._raw.open

    @property
    def number(self) -> int:
        """By which the server knows it."""
        return int(self._raw.thread_id())  # type: ignore[no-untyped-call]

    def execute(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """All rows of one statement; none where it has no result. ``%s`` stands for a value, ``%%`` for a percent sign."""
        return [tuple(row) for row in self._ask(pymysql.cursors.Cursor, statement, values)]

    def execute_text(self, statement: str) -> list[tuple[Any, ...]]:
        """A statement that the server itself wrote: a percent sign in it is one."""
        return [tuple(row) for row in self._ask(pymysql.cursors.Cursor, statement, None)]

    def scalar(self, statement: str, *values: object) -> Any:
        """The first column of the first row; None where there is none."""
        rows = self.execute(statement, *values)
        return rows[0][0] if rows else None

    def read(self, statement: str, *values: object) -> list[dict[str, Any]]:
        """All rows by column name, for statements such as SHOW, whose columns come and go with versions."""
        return [dict(row) for row in self._ask(pymysql.cursors.DictCursor, statement, values)]

    def _ask(self, kind: Any, statement: str, values: tuple[object, ...] | None) -> Sequence[Any]:
        try:
            with self._raw.cursor(kind) as cursor:
                cursor.execute(statement, values)
                return list(cursor.fetchall())
        except (pymysql.err.OperationalError, pymysql.err.InterfaceError, OSError) as error:
            if self.closed or is_gone(error):
                self.drop()
                raise Lost(say("mariadb.no_answer", where=self._where, error=words_of(error))) from error
            raise

    def drop(self) -> None:
        """Ends it at once, from any thread: a server that hangs is not waited for."""
        with contextlib.suppress(AttributeError, OSError):
            self._raw._sock.shutdown(socket.SHUT_RDWR)  # type: ignore[attr-defined]
        with contextlib.suppress(Exception):
            self._raw._force_close()  # type: ignore[attr-defined]

    def close(self) -> None:
        with contextlib.suppress(Exception):
            self._raw.close()

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def is_gone(error: BaseException) -> bool:
    """Whether a driver's error means that nobody answers any more."""
    return isinstance(error, OSError) or (bool(error.args) and error.args[0] in _GONE)


def words_of(error: BaseException) -> Words:
    """A driver's error in the server's words, or the sentence that it was raised with."""
    said = error.args[-1] if error.args else error
    return said if isinstance(said, Sentence) else str(said).strip() or type(error).__name__


def open_connection(*, host: str, port: int, user: str, password: str) -> Connection:
    """A session of ours. Raises Lost when nobody answers, the driver's error when the server refuses or is another product."""
    where = f"{host}:{port}"
    try:
        raw: Raw[Any] = pymysql.connect(
            host=host, port=port, user=user, password=password.encode(), charset="utf8mb4", autocommit=True,
            connect_timeout=CONNECT_SECONDS,
        )  # fmt: skip
    except (pymysql.err.OperationalError, pymysql.err.InterfaceError, OSError) as error:
        if is_gone(error):
            raise Lost(say("mariadb.no_answer", where=where, error=words_of(error))) from error
        raise
    with contextlib.suppress(OSError, AttributeError):
        raw._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # type: ignore[attr-defined]
    version = str(raw.get_server_info())  # type: ignore[no-untyped-call]
    if "MariaDB" not in version:
        raw.close()
        raise pymysql.err.NotSupportedError(say("mariadb.other_product", where=where, version=version))
    connection = Connection(raw, where)
    connection.execute(_SETTINGS, _WEEK)
    return connection


def connect(part: Part, side: str) -> Connection:
    """A session of ours on one side, noted for whoever must end what we wait for; the caller closes it (``with``)."""
    place = part.place(side)
    connection = open_connection(host=place.address, port=place.port, user=part.admin, password=part.password)
    again = functools.partial(open_connection, host=place.address, port=place.port, user=part.admin, password=part.password)
    interrupt.note(connection, functools.partial(_cut_off, connection, again, connection.number))
    return connection


def _cut_off(connection: Connection, again: Any, number: int) -> None:
    with contextlib.suppress(Exception), again() as other:  # the server would go on without a client
        other.execute("KILL CONNECTION %s", number)
    connection.drop()


def names_of(part: Part) -> Names:
    """What our own things are called, on both sides."""
    return Names(part.system, part.name)


def quote(*names: str) -> str:
    """An identifier with its parts, such as a table with its database."""
    return ".".join("`" + name.replace("`", "``") + "`" for name in names)


def fill(statement: str, *identifiers: str | Sequence[str]) -> str:
    """Puts quoted identifiers into the places ``{}`` of a statement; values go by ``%s``. A percent sign of a name is doubled, since
    the driver reads the text once more."""
    quoted = [quote(*([each] if isinstance(each, str) else each)).replace("%", "%%") for each in identifiers]
    parts = statement.split("{}")
    text = parts[0]
    for identifier, part in zip(quoted, parts[1:], strict=True):
        text += identifier + part
    return text
