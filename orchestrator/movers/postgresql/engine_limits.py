"""Administrators' limits and the engine's account: they would end a copy that takes hours, or bend what it writes.

Our own sessions switch them off when they connect. A subscription's walsenders and workers take no options of ours
(PostgreSQL sets its own), so the account that they run under gets harmless values in this one database, and what it had before
is written down and put back. Two bend: a ``client_encoding`` set on the database is what a worker takes replicated texts to be
in, so UTF-8 would be read as GBK; a ``role`` makes the worker somebody else.
"""

from __future__ import annotations

import json

from psycopg import sql

from orchestrator.movers.postgresql import records
from orchestrator.movers.postgresql.connections import LIMITS, Connection, scalar
from orchestrator.movers.postgresql.names import Names
from orchestrator.movers.postgresql.settings_kept import Setting, find_stored, read_settings, reset_statement, set_statement

KIND = "setting_before"


def lift_limits(connection: Connection, plain: Connection, names: Names) -> list[str]:
    """Gives the engine's account in this database what ``plain`` (a session as PostgreSQL's own workers get it) shows to be in
    the way; returns the names. Nothing is changed where nothing is."""
    database, account = (str(scalar(connection, f"SELECT {what}")) for what in ("current_database()", "session_user"))
    rows = plain.execute("SELECT name, setting FROM pg_catalog.pg_settings WHERE name = ANY(%s)", (list(LIMITS),)).fetchall()
    harmless = {name: LIMITS[name] for name, value in rows if value != LIMITS[name]}
    encoding = str(scalar(connection, "SELECT pg_encoding_to_char(encoding) FROM pg_database WHERE datname = current_database()"))
    for name, value in (("client_encoding", encoding), ("role", "none")):
        if find_stored(connection, account, name) is not None:
            harmless[name] = value
    before = {s.name: s.value for s in read_settings(connection) if s.role == account and s.in_database}
    with connection.transaction():
        for name, value in sorted(harmless.items()):
            if before.get(name) == value:
                continue
            records.remember(connection, names, "made", [(KIND, json.dumps([name, before.get(name)]))])
            connection.execute(set_statement(database, Setting(account, True, name, value)))
    return sorted(harmless)


def put_back_limits(connection: Connection, names: Names) -> None:
    """Puts back what ``lift_limits`` changed, and forgets it."""
    kept = [json.loads(text) for text in records.made(connection, names, KIND)]
    if not kept:
        return
    database, account = (str(scalar(connection, f"SELECT {what}")) for what in ("current_database()", "session_user"))
    with connection.transaction():
        for name, value in kept:
            setting = Setting(account, True, name, value or "")
            connection.execute(reset_statement(database, setting) if value is None else set_statement(database, setting))
        connection.execute(sql.SQL("DELETE FROM {} WHERE kind = {}").format(names.table("made"), sql.Literal(KIND)))
