"""Administrators' limits and the engine's account: they would end a copy that takes hours.

Our own sessions switch them off when they connect. A subscription's walsenders and workers take no options of ours
(PostgreSQL sets its own), so the account that they run under gets harmless values in this one database, and what it had before
is written down and put back.
"""

from __future__ import annotations

import json

from psycopg import sql

from orchestrator.movers.postgresql import records
from orchestrator.movers.postgresql.connections import LIMITS, Connection, scalar
from orchestrator.movers.postgresql.names import Names
from orchestrator.movers.postgresql.settings_kept import Setting, read_settings, reset_statement, set_statement

KIND = "setting_before"


def lift_limits(connection: Connection, plain: Connection, names: Names) -> list[str]:
    """Gives the engine's account in this database what ``plain`` (a session as PostgreSQL's own workers get it) shows to be in
    the way; returns the names. Nothing is changed where nothing is."""
    database, account = (str(scalar(connection, f"SELECT {what}")) for what in ("current_database()", "session_user"))
    rows = plain.execute("SELECT name, setting FROM pg_catalog.pg_settings WHERE name = ANY(%s)", (list(LIMITS),)).fetchall()
    hindering = sorted(name for name, value in rows if value != LIMITS[name])
    before = {s.name: s.value for s in read_settings(connection) if s.role == account and s.in_database}
    with connection.transaction():
        for name in hindering:
            records.remember(connection, names, "made", [(KIND, json.dumps([name, before.get(name)]))])
            connection.execute(set_statement(database, Setting(account, True, name, LIMITS[name])))
    return hindering


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
