"""The small SQL acts a cutover is made of: each one statement or one transaction, on a connection already open.

PostgreSQL 15, logical replication; the order and the reasons are in docs/cutover.md.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from orchestrator.movers.postgresql.names import Names

Connection = psycopg.Connection[Any]

APPLICATION_NAME = "orchestrator"

# Login roles a fence closes: every one but superusers (who cannot be fenced: a finding ahead) and replication helpers.
FENCED = "rolcanlogin AND NOT rolsuper AND NOT rolreplication AND rolname !~ '^pg_'"


@dataclass(frozen=True)
class Control:
    """A side's control row: what was decided last, by whom."""

    open: bool
    token: int
    attempt: str


class Fenced(Exception):
    """The control row's token is newer than ours: another engine was here."""


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
    return connection


def limit(connection: Connection, milliseconds: int) -> None:
    """No statement of this connection outlasts the fence: a lock that somebody holds is an abort, not a stall."""
    connection.execute(sql.SQL("SET statement_timeout = {}").format(sql.Literal(f"{milliseconds}ms")))


def revived(connection: Connection, dsn: str) -> Connection:
    """The same connection, or a new one when it is broken."""
    if connection.closed or connection.broken:
        return connect(dsn)
    return connection


def control(connection: Connection, names: Names) -> Control:
    """This side's control row."""
    row = connection.execute(sql.SQL("SELECT open, token, attempt FROM {}").format(names.table("control"))).fetchone()
    assert row is not None  # noqa: S101 - the row is made together with the table
    return Control(*row)


def obstacles(live: Connection, other: Connection, subscription: str) -> list[str]:
    """What forbids beginning. Reads only."""
    found: list[str] = []
    for name, side in (("live side", live), ("other side", other)):
        count = scalar(side, "SELECT count(*) FROM pg_prepared_xacts")
        if count:
            found.append(f"{count} prepared transactions on the {name}: commit or roll them back")
    xids = scalar(
        other,
        "SELECT count(*) FROM pg_stat_activity WHERE backend_xid IS NOT NULL AND pid <> pg_backend_pid() AND backend_type = 'client backend'",
    )
    if xids:
        found.append(f"{xids} transactions hold an xid on the other side's cluster: the reverse slot would wait for them")
    supers = live.execute(
        "SELECT DISTINCT usename::text FROM pg_stat_activity a JOIN pg_roles r ON r.oid = a.usesysid"
        " WHERE r.rolsuper AND a.datname = current_database() AND a.backend_type = 'client backend' AND a.application_name NOT LIKE %s",
        (APPLICATION_NAME + "%",),
    ).fetchall()
    found += [f"superuser {name} has a session: superusers cannot be fenced; end it or give it an ordinary role" for (name,) in supers]
    worker = scalar(
        other, "SELECT count(*) FROM pg_stat_subscription WHERE subname = %s AND pid IS NOT NULL AND relid IS NULL", subscription
    )
    if not worker:
        found.append(f"the apply worker of {subscription} is not running")
    unready = scalar(
        other,
        "SELECT count(*) FROM pg_subscription_rel r JOIN pg_subscription s ON s.oid = r.srsubid WHERE s.subname = %s AND srsubstate <> 'r'",
        subscription,
    )
    if unready:
        found.append(f"{unready} tables are not yet in step")
    return found


def round_trip(live: Connection, other: Connection, names: Names, marker: str, *, limit: float) -> float | None:
    """Seconds a marker needs from live to other; None when it took longer than ``limit``."""
    began = time.monotonic()
    mark(live, names, marker)
    while time.monotonic() - began < limit:
        if marked(other, names, marker):
            return time.monotonic() - began
        time.sleep(0.005)
    return None


def mark(connection: Connection, names: Names, marker: str) -> None:
    """Commits a marker; what was committed before it has arrived where it has arrived."""
    query = sql.SQL("INSERT INTO {} (id) VALUES (%s) ON CONFLICT (id) DO NOTHING").format(names.table("marker"))
    connection.execute(query, (marker,))


def marked(connection: Connection, names: Names, marker: str) -> bool:
    """Whether the marker has arrived."""
    query = sql.SQL("SELECT 1 FROM {} WHERE id = %s").format(names.table("marker"))
    return connection.execute(query, (marker,)).fetchone() is not None


def close(connection: Connection, names: Names, attempt: str, token: int) -> None:
    """Closes this side: control row and every login role in one transaction, then all their sessions at once."""
    with connection.transaction():
        _take_control(connection, names, attempt, token, is_open=False)
        for role in _roles(connection, FENCED):
            connection.execute(sql.SQL("ALTER ROLE {} NOLOGIN").format(sql.Identifier(role)))
            connection.execute(
                sql.SQL("INSERT INTO {} (name) VALUES (%s) ON CONFLICT DO NOTHING").format(names.table("fenced_role")), (role,)
            )
    connection.execute(
        sql.SQL(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
            " AND usename IN (SELECT name FROM {}) AND pid <> pg_backend_pid()"
        ).format(names.table("fenced_role"))
    )


def open_side(connection: Connection, names: Names, attempt: str, token: int) -> None:
    """Opens this side: control row and the fenced roles' login in one transaction. Raises Fenced on an older token."""
    with connection.transaction():
        _take_control(connection, names, attempt, token, is_open=True)
        for role in connection.execute(sql.SQL("SELECT name FROM {}").format(names.table("fenced_role"))).fetchall():
            connection.execute(sql.SQL("ALTER ROLE {} LOGIN").format(sql.Identifier(role[0])))


def _take_control(connection: Connection, names: Names, attempt: str, token: int, *, is_open: bool) -> None:
    row = connection.execute(sql.SQL("SELECT token FROM {} FOR UPDATE").format(names.table("control"))).fetchone()
    if row is None or row[0] > token:
        raise Fenced(f"the control row holds token {row[0] if row else '?'}, ours is {token}: a newer engine was here")
    query = sql.SQL("UPDATE {} SET open = %s, token = %s, attempt = %s, at = now()").format(names.table("control"))
    connection.execute(query, (is_open, token, attempt))


def sessions(connection: Connection, names: Names) -> int:
    """Sessions of fenced roles that are still there."""
    return int(
        scalar(
            connection,
            sql.SQL(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                " AND usename IN (SELECT name FROM {}) AND pid <> pg_backend_pid()"
            ).format(names.table("fenced_role")),
        )
    )


def observed_closed(connection: Connection, names: Names) -> bool:
    """No fenced role may log in, none has a session, and the control row says so."""
    return not control(connection, names).open and not _roles(connection, FENCED) and sessions(connection, names) == 0


def read_sequences(connection: Connection, names: Names) -> list[tuple[str, str, int]]:
    """(schema, name, last value) of every sequence that was used."""
    rows = connection.execute(
        "SELECT schemaname::text, sequencename::text, last_value FROM pg_sequences WHERE last_value IS NOT NULL AND schemaname <> %s",
        (names.schema,),
    ).fetchall()
    return [(r[0], r[1], r[2]) for r in rows]


def set_sequences(connection: Connection, values: list[tuple[str, str, int]]) -> None:
    """Puts every sequence where the live side's stands: one statement."""
    if values:
        calls = [
            sql.SQL("setval({}::regclass, {})").format(sql.Literal(sql.Identifier(schema, name).as_string(connection)), sql.Literal(value))
            for schema, name, value in values
        ]
        connection.execute(sql.SQL("SELECT ") + sql.SQL(", ").join(calls))


def export_snapshot(connection: Connection) -> str:
    """Begins a read-only REPEATABLE READ transaction and exports its snapshot; the transaction stays open."""
    connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    return str(scalar(connection, "SELECT pg_export_snapshot()"))


def disable_subscription(connection: Connection, name: str) -> None:
    """Stops applying; the subscription stays."""
    connection.execute(sql.SQL("ALTER SUBSCRIPTION {} DISABLE").format(sql.Identifier(name)))


def enable_subscription(connection: Connection, name: str) -> None:
    """Applies again."""
    connection.execute(sql.SQL("ALTER SUBSCRIPTION {} ENABLE").format(sql.Identifier(name)))


def create_slot(connection: Connection, name: str) -> None:
    """The reverse slot. Waits for every transaction of the cluster that holds an xid."""
    connection.execute("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", (name,))


def drop_slot(connection: Connection, name: str) -> None:
    """Drops a slot that nobody uses; none there is fine."""
    connection.execute("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = %s AND NOT active", (name,))


def _roles(connection: Connection, condition: str) -> list[str]:
    rows = connection.execute(f"SELECT rolname::text FROM pg_roles WHERE {condition} ORDER BY 1").fetchall()
    return [r[0] for r in rows]


def scalar(connection: Connection, query: str | sql.Composed, *values: object) -> Any:
    row = connection.execute(query, values or None).fetchone()
    return row[0] if row else None
