"""Subscriptions and their slots: made with a limit on every wait, and taken away from either side alone, so that a side that
is away never blocks the other's way home."""

from __future__ import annotations

import threading
import time

import psycopg
from psycopg import sql

from orchestrator.errors import StepFailed
from orchestrator.movers.postgresql.connections import Connection, connect, scalar
from orchestrator.movers.postgresql.waiting import SAY_EVERY_SECONDS, Patience, session_of, writers_of_cluster
from orchestrator.texts import Sentence, say

_SUBSCRIBED = "SELECT 1 FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid WHERE subname = %s AND datname = current_database()"


def is_subscribed(connection: Connection, name: str) -> bool:
    """Whether this database has the subscription."""
    return scalar(connection, _SUBSCRIBED, name) is not None


def has_slot(connection: Connection, name: str) -> bool:
    """Whether the slot exists."""
    return scalar(connection, "SELECT 1 FROM pg_replication_slots WHERE slot_name = %s", name) is not None


def create_slot(dsn: str, name: str, patience: Patience, *, limit: float = 900.0) -> None:
    """Creates a slot, which waits for every transaction of the cluster that has written and is open. Says for whom it waits;
    raises StepFailed with their names past the limit, TurnedBack when a person asks; nothing is left then."""
    with connect(dsn) as worker, connect(dsn) as observer:
        if has_slot(observer, name):
            return
        failure: list[BaseException] = []

        def create() -> None:
            try:
                worker.execute("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", (name,))
            except BaseException as error:  # noqa: BLE001 - raised again by the thread that waits
                failure.append(error)

        thread = threading.Thread(target=create, daemon=True)
        thread.start()
        try:
            _wait_for_slot(thread, observer, name, patience, limit)
        except BaseException:
            worker.cancel()
            thread.join(10)
            if not failure:
                drop_slot(observer, name)  # it was created in the last moment
            raise
        if failure:
            raise failure[0]


def _wait_for_slot(thread: threading.Thread, observer: Connection, name: str, patience: Patience, limit: float) -> None:
    began = said = time.monotonic()
    while thread.is_alive():
        thread.join(0.05)
        patience.look_up(f"slot {name}")
        now = time.monotonic()
        if now - began > limit:
            raise StepFailed(
                say("postgresql.waited_for", limit=limit, blockers=tuple(_blockers(observer))),
                where=f"slot {name}",
                remedy=say("postgresql.have_ended"),
            )
        if now - said > SAY_EVERY_SECONDS:
            said = now
            patience.say(str(say("postgresql.copy_waits", blockers=tuple(_blockers(observer)))))


def _blockers(observer: Connection) -> list[Sentence]:
    """Whom the slot waits for, without the session that makes it."""
    known = [told for _, told in sorted(writers_of_cluster(observer).items())]
    return [told for told in known if "pg_create_logical_replication_slot" not in str(dict(told.values).get("verb", ""))]


def drop_slot(connection: Connection, name: str, *, limit: float = 15.0) -> None:
    """Drops one slot of ours, ending the walsender that serves it; none there is fine. Raises StepFailed past the limit, with
    who has it."""
    until = time.monotonic() + limit
    query = "SELECT active_pid FROM pg_replication_slots WHERE slot_name = %s AND (database = current_database() OR database IS NULL)"
    while (row := connection.execute(query, (name,)).fetchone()) is not None:
        try:
            if row[0] is None:
                connection.execute("SELECT pg_drop_replication_slot(%s)", (name,))
                return
            connection.execute("SELECT pg_terminate_backend(%s)", row)
        except (psycopg.errors.ObjectInUse, psycopg.errors.UndefinedObject):
            pass  # taken, or gone, between the look and the act
        if time.monotonic() > until:
            raise StepFailed(
                say("postgresql.slot_in_use", name=name, limit=limit, holders=tuple(session_of(connection, row[0]))),
                where=name, remedy=say("postgresql.end_walsender"), retryable=True,
            )  # fmt: skip
        time.sleep(0.05)


def drop_copy_slots(connection: Connection, other_system: str) -> None:
    """Drops slots of interrupted table copies into the cluster ``other_system`` (its system identifier), which alone is ours."""
    rows = connection.execute(
        "SELECT slot_name::text FROM pg_replication_slots WHERE database = current_database() AND slot_name ~ %s",
        (f"^pg_[0-9]+_sync_[0-9]+_{other_system}$",),
    ).fetchall()
    for (name,) in rows:
        drop_slot(connection, name)


def system_identifier(connection: Connection) -> str:
    """What tells this cluster from every other."""
    return str(scalar(connection, "SELECT system_identifier FROM pg_control_system()"))


def subscribe(connection: Connection, name: str, conninfo: str, publication: str, *, copy: bool, slot: str) -> None:
    """``copy``: copies and follows through a slot that is there. Otherwise prepared only, disabled, for a slot made later."""
    if is_subscribed(connection, name):
        return
    # create_slot would wait without a limit; connect = false would leave the subscription without its list of tables
    options = "copy_data = true, enabled = true" if copy else "copy_data = false, enabled = false"
    options += f", binary = {'true' if _has_binary_forms(connection) else 'false'}"
    with connection.transaction():
        # neither a failing nor a succeeding statement may leave the password in the server's log
        for parameter, value in (("log_min_error_statement", "panic"), ("log_statement", "none"), ("log_min_duration_statement", "-1")):
            connection.execute("SELECT set_config(%s, %s, true)", (parameter, value))
        connection.execute(
            sql.SQL(
                "CREATE SUBSCRIPTION {} CONNECTION {} PUBLICATION {} WITH (create_slot = false, slot_name = {}, streaming = on, {})"
            ).format(sql.Identifier(name), sql.Literal(conninfo), sql.Identifier(publication), sql.Identifier(slot), sql.SQL(options))
        )


_WITHOUT_BINARY = """
WITH RECURSIVE used AS (
  SELECT a.atttypid AS oid FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
  WHERE c.relkind IN ('r', 'p') AND c.oid >= 16384 AND a.attnum > 0 AND NOT a.attisdropped
  UNION SELECT part.oid FROM used u JOIN pg_type t ON t.oid = u.oid CROSS JOIN LATERAL (
    VALUES (t.typelem), (t.typbasetype)
    UNION ALL SELECT a.atttypid FROM pg_attribute a WHERE t.typrelid <> 0 AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL SELECT r.rngsubtype FROM pg_range r WHERE t.oid IN (r.rngtypid, r.rngmultitypid)) AS part (oid) WHERE part.oid <> 0)
SELECT EXISTS (SELECT 1 FROM used u JOIN pg_type t ON t.oid = u.oid WHERE t.typsend = 0 OR t.typreceive = 0)
"""


def _has_binary_forms(connection: Connection) -> bool:
    """Whether every value can be sent in binary: an array of a type that has no such form ends the worker, again and again."""
    return not scalar(connection, _WITHOUT_BINARY)


def unsubscribe(connection: Connection, name: str) -> None:
    """Drops the subscription and leaves its slot on the other side to ``drop_slot``, so that an absent side does not block."""
    if not is_subscribed(connection, name):
        return
    subscription = sql.Identifier(name)
    connection.execute(sql.SQL("ALTER SUBSCRIPTION {} DISABLE").format(subscription))
    connection.execute(sql.SQL("ALTER SUBSCRIPTION {} SET (slot_name = NONE)").format(subscription))
    connection.execute(sql.SQL("DROP SUBSCRIPTION {}").format(subscription))


def is_at_work(connection: Connection, name: str) -> bool:
    """Whether the subscription's apply worker is at work."""
    query = "SELECT count(*) FROM pg_stat_subscription WHERE subname = %s AND pid IS NOT NULL AND relid IS NULL"
    return bool(scalar(connection, query, name))


def is_enabled(connection: Connection, name: str) -> bool:
    """Whether the subscription is to follow: its worker is at work, or is started again every few seconds."""
    return bool(scalar(connection, "SELECT subenabled FROM pg_subscription WHERE subname = %s", name))


def retained_bytes(connection: Connection, name: str) -> int:
    """WAL that the slot keeps on this side's disk."""
    query = "SELECT coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn), 0)::bigint FROM pg_replication_slots WHERE slot_name = %s"
    return int(scalar(connection, query, name) or 0)
