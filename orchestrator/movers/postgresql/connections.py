"""The engine's own sessions: made so that nothing which administrators or applications set reaches them.

Limits in time are off (a copy takes hours), a path, a role, an isolation or a form of output that a database or an account
prescribes is ours again, what we commit is durable whatever the database says, and triggers of the application (event
triggers, too) do not answer to what we do.
"""

from __future__ import annotations

import contextlib
import functools
import os
import socket
from typing import Any

import psycopg

from orchestrator.movers import interrupt

Connection = psycopg.Connection[Any]

APPLICATION_NAME = "orchestrator"
CANCEL_SECONDS = 2.0

LIMITS = {
    "statement_timeout": "0", "lock_timeout": "0", "idle_in_transaction_session_timeout": "0", "idle_session_timeout": "0",
    "transaction_timeout": "0", "default_transaction_read_only": "off", "default_transaction_isolation": "read committed",
    "xmloption": "content",
}  # fmt: skip
"""What would end or hinder a long session, with the value that does not. ``transaction_timeout``: from PostgreSQL 17 on."""

_OWN = {
    "role": "none", "search_path": "pg_catalog,pg_temp", "session_replication_role": "replica", "synchronous_commit": "on", "row_security": "on",
    "default_transaction_deferrable": "off", "client_encoding": "UTF8", "DateStyle": "ISO",
    "IntervalStyle": "postgres", "TimeZone": "UTC", "extra_float_digits": "3", "bytea_output": "hex", "quote_all_identifiers": "off",
    "xmlbinary": "base64", "array_nulls": "on", "standard_conforming_strings": "on", "default_tablespace": "", "temp_tablespaces": "",
}  # fmt: skip
_FROM_17 = {"transaction_timeout": "0", "event_triggers": "off"}


def options() -> str:
    """What goes into the connection string. A server refuses a session for one name that it does not know: only what
    PostgreSQL 14 knows stands here."""
    given = {name: value for name, value in LIMITS.items() if name not in _FROM_17} | _OWN
    return " ".join("-c {}={}".format(name, value.replace(" ", "\\ ")) for name, value in given.items())


def connect(dsn: str, *, timeout: int = 5) -> Connection:
    """An autocommit connection without server-side prepared statements."""
    connection: Connection = psycopg.connect(
        dsn,
        autocommit=True,
        prepare_threshold=None,
        connect_timeout=timeout,
        application_name=APPLICATION_NAME,
        keepalives_idle=5,
        tcp_user_timeout=5000,
    )
    interrupt.note(connection, functools.partial(cut_off, connection))
    if "options=" in dsn:
        _settle(connection)
    return connection


def cut_off(connection: Connection) -> None:
    """The server is asked to give the statement up (it would go on without a client), then the socket is shut."""
    with contextlib.suppress(psycopg.Error):
        connection.cancel_safe(timeout=CANCEL_SECONDS)
    with contextlib.suppress(psycopg.Error, OSError), socket.socket(fileno=os.dup(connection.pgconn.socket)) as same:
        same.shutdown(socket.SHUT_RDWR)


def _settle(connection: Connection) -> None:
    if connection.info.server_version >= 170000:
        for name, value in _FROM_17.items():
            connection.execute("SELECT set_config(%s, %s, false)", (name, value))
    if connection.info.parameter_status("server_encoding") == "SQL_ASCII":
        # the server converts nothing there: bytes must come through as they are, whatever they mean
        connection.execute("SET client_encoding TO LATIN1")


def scalar(connection: Connection, query: Any, *values: object) -> Any:
    """The first column of the first row; None where there is none. One mapping, or one value for each place."""
    parameters: Any = values[0] if len(values) == 1 and isinstance(values[0], dict) else values
    row = connection.execute(query, parameters or None).fetchone()
    return row[0] if row else None
