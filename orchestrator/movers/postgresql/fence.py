"""The small SQL acts a cutover is made of: each one statement or one transaction, on a connection already open.

PostgreSQL 15, logical replication; the order and the reasons are in docs/cutover.md.
"""

from __future__ import annotations

import os
import socket
import time

from psycopg import sql

from orchestrator.movers.postgresql.connections import Connection, connect, scalar
from orchestrator.movers.postgresql.functions import free_functions
from orchestrator.movers.postgresql.names import Names
from orchestrator.movers.postgresql.sequences import read_sequences, set_sequences
from orchestrator.movers.postgresql.triggers import free_triggers
from orchestrator.movers.side import Control, Fenced
from orchestrator.texts import Words, say

# what a side needs of other modules, for whoever speaks of sides only
__all__ = ["Connection", "connect", "read_sequences", "scalar", "set_sequences"]

# Sessions that a fence leaves alone: ours (a superuser's, by its application name), the workers of our subscriptions, and
# autovacuum, which changes no row. Everything else in the database is foreign: it is ended, or, where it is a superuser's and
# would come back at once, waited for until the deadline names it. So are workers of extensions, whatever their role: a server does
# not count them as connections, so they come in although no connection is allowed.
_FOREIGN = """
SELECT a.pid, coalesce(a.usename::text, a.backend_type) AS account, a.backend_type, a.backend_start,
       -- a worker has no application's name: it is known by its subscription, or by what it is
       coalesce(nullif(a.application_name, ''), (SELECT min('subscription ' || subname) FROM pg_stat_subscription w WHERE w.pid = a.pid),
         nullif(a.backend_type, 'client backend'), '') AS application_name,
       coalesce(r.rolsuper, true) OR a.backend_type NOT IN ('client backend', 'walsender', 'parallel worker') AS superuser, a.xact_start
FROM pg_stat_activity a LEFT JOIN pg_roles r ON r.oid = a.usesysid
WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() AND a.backend_type <> 'autovacuum worker'
  AND NOT (coalesce(r.rolsuper, false) AND a.application_name LIKE 'orchestrator%%')
  AND a.pid NOT IN (SELECT pid FROM pg_stat_subscription WHERE pid IS NOT NULL AND subname IN (%s, %s))
"""

# A backend that is still starting is not in pg_stat_activity, but holds this lock from before it reads the connection limit
# until after it can be seen there.
_STARTING = """
SELECT count(*) FROM pg_locks
WHERE locktype = 'object' AND classid = 'pg_database'::regclass AND granted AND pid IS DISTINCT FROM pg_backend_pid()
  AND objid = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


PREPARED_SECONDS = 1.0
"""A transaction prepared for longer waits for somebody."""


class SlotWaits(Exception):
    """The slot was not made in time; it says for whom it waited."""


def drop(connection: Connection) -> None:
    """Ends a connection, also one on which another thread waits for a server that hangs."""
    if connection.closed:
        return
    if not connection.lock.locked():
        connection.close()
        return
    with socket.socket(fileno=os.dup(connection.fileno())) as waiting:
        waiting.shutdown(socket.SHUT_RDWR)


def limit(connection: Connection, milliseconds: int) -> None:
    """No statement of this connection outlasts the fence: a lock that somebody holds is an abort, not a stall."""
    connection.execute(sql.SQL("SET statement_timeout = {}").format(sql.Literal(f"{milliseconds}ms")))


def control(connection: Connection, names: Names, *, settled: bool = False) -> Control:
    """This side's control row. ``settled``: after every transaction that holds it; one whose answer was lost may still commit."""
    query = sql.SQL("SELECT open, token, attempt FROM {}").format(names.table("control"))
    row = connection.execute(query + sql.SQL(" FOR SHARE") if settled else query).fetchone()
    assert row is not None  # noqa: S101 - the row is made together with the table
    return Control(*row)


def live_obstacles(connection: Connection, names: Names) -> list[Words]:
    """What on the live side forbids beginning. Reads only."""
    found = prepared_transactions(connection, "datname = current_database()")
    supers = connection.execute(
        f"SELECT pid, account, application_name, to_char(backend_start, 'YYYY-MM-DD HH24:MI:SS'), backend_type = 'client backend'"
        f" FROM ({_FOREIGN}) AS f WHERE superuser",
        (names.forward, names.back),
    ).fetchall()
    for pid, account, application, since, is_client in supers:
        if not is_client:
            found.append(say("postgresql.worker_there", account=account, pid=pid, worker=application, since=since))
            continue
        program = application or say("postgresql.no_application")
        found.append(
            say("postgresql.superuser_session", account=account, pid=pid, program=program, since=since)
        )
    return found


def other_obstacles(connection: Connection, names: Names, subscription: str) -> list[Words]:
    """What on the side that is to open forbids beginning. Reads only."""
    found = prepared_transactions(connection, "datname = current_database()")
    if not is_following(connection, subscription):
        found.append(say("postgresql.no_apply_worker", subscription=subscription))
    unready = connection.execute(
        "SELECT srrelid::regclass::text FROM pg_subscription_rel r JOIN pg_subscription s ON s.oid = r.srsubid"
        " WHERE s.subname = %s AND srsubstate <> 'r' ORDER BY 1",
        (subscription,),
    ).fetchall()
    if unready:
        named = tuple(row[0] for row in unready[:10]) + (("…",) if len(unready) > 10 else ())
        found.append(say("postgresql.not_in_step", count=len(unready), named=named))
    if foreign := _describe_foreign(connection, names, "NOT superuser"):
        found.append(say("postgresql.somebody_there", foreign=tuple(foreign)))
    return found


def is_following(connection: Connection, subscription: str) -> bool:
    """Whether the subscription's apply worker is at work."""
    query = "SELECT pid FROM pg_stat_subscription WHERE subname = %s AND relid IS NULL"
    return scalar(connection, query, subscription) is not None


_FULL = """
SELECT 'slots', max(s.setting), string_agg(slot_name, ', ' ORDER BY slot_name) FROM pg_replication_slots, pg_settings s
WHERE s.name = 'max_replication_slots' AND slot_name <> %(ours)s HAVING count(*) >= max(s.setting::int)
UNION ALL SELECT 'senders', max(s.setting), '' FROM pg_stat_replication, pg_settings s
WHERE s.name = 'max_wal_senders' HAVING count(*) >= max(s.setting::int)
"""


def slot_obstacles(connection: Connection, slot: str) -> list[Words]:
    """What stands against making ``slot`` (anew): none is free; or a transaction of the cluster, whatever its database, for
    which it would wait."""
    found: list[Words] = []
    for what, limit, names in connection.execute(_FULL, {"ours": slot}).fetchall():
        if what == "slots":
            found.append(say("postgresql.slots_taken", limit=limit, slots=names))
        else:
            found.append(say("postgresql.senders_taken", limit=limit))
    found += prepared_transactions(connection, "datname <> current_database()")
    for holder in who_holds_an_xid(connection, older_than=1.0):
        found.append(say("postgresql.slot_would_wait", holder=holder))
    return found


def prepared_transactions(connection: Connection, where: str) -> list[Words]:
    """Transactions prepared and left open, named; ``where`` is a condition of ours. An application that commits in two phases
    always has some under way: only what stays is meant."""
    query = (
        "SELECT gid, owner::text, database::text, to_char(prepared, 'YYYY-MM-DD HH24:MI:SS')"
        f" FROM (SELECT *, database AS datname FROM pg_prepared_xacts) AS p WHERE {where} ORDER BY prepared"
    )
    rows = connection.execute(query).fetchall()
    if rows:
        time.sleep(PREPARED_SECONDS)
        still = connection.execute(query).fetchall()
        rows = [row for row in rows if row in still]
    return [
        say("postgresql.prepared", gid=gid, owner=owner, database=database, since=since)
        for gid, owner, database, since in rows
    ]


def who_holds_an_xid(connection: Connection, *, older_than: float = 0.0) -> list[Words]:
    """Transactions anywhere in the cluster that have written, in words: pid, account, database, since when."""
    rows = connection.execute(
        "SELECT pid, coalesce(usename::text, backend_type), datname::text, to_char(xact_start, 'YYYY-MM-DD HH24:MI:SS')"
        " FROM pg_stat_activity WHERE backend_xid IS NOT NULL AND pid <> pg_backend_pid()"
        " AND xact_start < clock_timestamp() - make_interval(secs => %s) ORDER BY xact_start",
        (older_than,),
    ).fetchall()
    return [
        say("postgresql.xid_held", pid=pid, account=account, database=database, since=since)
        for pid, account, database, since in rows
    ]


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
    """Commits a marker; what was committed before it has arrived where it has arrived. Its moment is ours: whoever says later how
    long ago it was looks at the same clock, not at a server's that may be wrong."""
    query = sql.SQL("INSERT INTO {} (id, at) VALUES (%s, to_timestamp(%s)) ON CONFLICT (id) DO NOTHING").format(names.table("marker"))
    connection.execute(query, (marker, time.time()))


def marked(connection: Connection, names: Names, marker: str) -> bool:
    """Whether the marker has arrived."""
    query = sql.SQL("SELECT 1 FROM {} WHERE id = %s").format(names.table("marker"))
    return connection.execute(query, (marker,)).fetchone() is not None


def close(connection: Connection, names: Names, attempt: str, token: int) -> None:
    """Closes this side: control row and connection limit in one transaction, then all its sessions at once.

    ``CONNECTION LIMIT 0`` shuts out every role but superusers, whatever its attributes and whenever it was made,
    survives a restart, and touches neither the roles nor the other databases of the cluster. Raises Fenced on an older
    token."""
    with connection.transaction():
        was_open = _take_control(connection, names, attempt, token, is_open=False)
        if was_open:
            query = sql.SQL("UPDATE {} SET connection_limit = %s").format(names.table("control"))
            connection.execute(query, (connection_limit(connection),))
        limit_connections(connection, 0)
    end_sessions(connection, names)


def open_side(connection: Connection, names: Names, attempt: str, token: int) -> None:
    """Opens this side: control row, the recorded connection limit, and the triggers and functions that were held while it
    followed, in one transaction. Raises Fenced on an older token."""
    with connection.transaction():
        free_triggers(connection, names)
        free_functions(connection, names)
        if not _take_control(connection, names, attempt, token, is_open=True):
            query = sql.SQL("SELECT connection_limit FROM {}").format(names.table("control"))
            limit_connections(connection, int(scalar(connection, query)))


def connection_limit(connection: Connection) -> int:
    """How many sessions of ordinary roles this database takes; -1: any number."""
    query = "SELECT datconnlimit FROM pg_database WHERE datname = current_database()"
    return int(scalar(connection, query))


def limit_connections(connection: Connection, limit: int) -> None:
    """Sets what ``connection_limit`` answers."""
    name = str(scalar(connection, "SELECT current_database()"))
    query = sql.SQL("ALTER DATABASE {} CONNECTION LIMIT {}")
    connection.execute(query.format(sql.Identifier(name), sql.Literal(limit)))


def _take_control(connection: Connection, names: Names, attempt: str, token: int, *, is_open: bool) -> bool:
    """Writes the control row; whether it was open before."""
    row = connection.execute(sql.SQL("SELECT token, open FROM {} FOR UPDATE").format(names.table("control"))).fetchone()
    if row is None or row[0] > token:
        holds = row[0] if row else "?"
        raise Fenced(say("postgresql.newer_engine", holds=holds, token=token))
    query = sql.SQL("UPDATE {} SET open = %s, token = %s, attempt = %s, at = now()")
    connection.execute(query.format(names.table("control")), (is_open, token, attempt))
    return bool(row[1])


def end_sessions(connection: Connection, names: Names) -> None:
    """Ends every foreign session but superusers', all at once and without waiting for them."""
    connection.execute(
        f"SELECT pg_terminate_backend(pid) FROM ({_FOREIGN}) AS f WHERE NOT superuser",
        (names.forward, names.back),
    )


def sessions(connection: Connection, names: Names) -> int:
    """Who may still write: foreign sessions, those that are just starting, prepared transactions."""
    starting = int(scalar(connection, _STARTING))
    # after _STARTING: who starts is either seen there or, a moment later, here
    foreign = int(scalar(connection, f"SELECT count(*) FROM ({_FOREIGN}) AS f", names.forward, names.back))
    prepared = "SELECT count(*) FROM pg_prepared_xacts WHERE database = current_database()"
    return starting + foreign + int(scalar(connection, prepared))


def who_is_there(connection: Connection, names: Names, *, busy: bool = False) -> list[Words]:
    """The foreign sessions, in words: pid, account, application, since when, how long in a transaction. ``busy``: only those
    that are in one."""
    return _describe_foreign(connection, names, "xact_start IS NOT NULL" if busy else "true")


def _describe_foreign(connection: Connection, names: Names, condition: str) -> list[Words]:
    """Foreign sessions in words; ``condition`` is one of ours."""
    rows = connection.execute(
        "SELECT pid, account, application_name, to_char(backend_start, 'YYYY-MM-DD HH24:MI:SS'),"
        " extract(epoch FROM clock_timestamp() - xact_start)::float, superuser"
        f" FROM ({_FOREIGN}) AS f WHERE {condition} ORDER BY pid",
        (names.forward, names.back),
    ).fetchall()
    words: list[Words] = []
    for pid, account, application, since, in_transaction, superuser in rows:
        who = say("postgresql.pid_of_application", pid=pid, account=account, application=application)
        who = who if application else say("postgresql.pid_of", pid=pid, account=account)
        if in_transaction is None:
            there = say("postgresql.there_since", who=who, since=since)
        else:
            there = say("postgresql.in_transaction", who=who, since=since, seconds=in_transaction)
        words.append(say("postgresql.superusers", there=there) if superuser else there)
    return words


def observed_closed(connection: Connection, names: Names) -> bool:
    """The control row says so, no ordinary role may connect, and nobody is there who could write."""
    is_open = control(connection, names).open
    return not is_open and connection_limit(connection) == 0 and sessions(connection, names) == 0


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
