"""Subscriptions and their slots: made with a limit on every wait, watched while they copy, and taken away from either side
alone, so that a side that is away never blocks the other's way home."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from orchestrator.errors import StepFailed
from orchestrator.movers.contract import Progress
from orchestrator.movers.postgresql.connections import Connection, connect, scalar
from orchestrator.movers.postgresql.fence import round_trip
from orchestrator.movers.postgresql.names import Names
from orchestrator.movers.postgresql.waiting import SAY_EVERY_SECONDS, Patience, writers_of_cluster
from orchestrator.texts import Sentence, Value, Words, say

_SUBSCRIBED = "SELECT 1 FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid WHERE subname = %s AND datname = current_database()"
_COPY_ERRORS_LIMIT = 5
"""A table's copy that failed so often (every 5 s) does not come right by itself."""


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
    """Drops one slot of ours, ending the walsender that serves it; none there is fine. Raises StepFailed past the limit."""
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
                say("postgresql.slot_in_use", name=name, limit=limit), where=name, remedy=say("postgresql.end_walsender"), retryable=True
            )
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


# ---------------------------------------------------------------- while it copies


@dataclass(frozen=True)
class Look:
    """One look at a copy: tables not yet in step, bytes and rows of those under way, errors so far."""

    missing: dict[str, int]
    """Table → its estimated size on the source."""
    bytes_now: int
    rows_now: int
    errors: int
    apply_errors: int
    """How often what was written meanwhile could not be applied."""


_MISSING = """
SELECT n.nspname::text, c.relname::text FROM pg_subscription_rel r JOIN pg_subscription s ON s.oid = r.srsubid
JOIN pg_class c ON c.oid = r.srrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE s.subname = %s AND srsubstate <> 'r' ORDER BY 1, 2
"""
_UNDER_WAY = """
SELECT coalesce(sum(p.bytes_processed), 0)::bigint, coalesce(sum(p.tuples_processed), 0)::bigint
FROM pg_stat_progress_copy p JOIN pg_stat_subscription w ON w.pid = p.pid WHERE w.subname = %s
"""


def tables_missing(target: Connection, name: str) -> list[str]:
    """Tables that are not in step yet."""
    return [f"{schema}.{table}" for schema, table in target.execute(_MISSING, (name,)).fetchall()]


def _look(target: Connection, name: str, sizes: dict[str, int]) -> Look:
    missing = tables_missing(target, name)
    row = target.execute(_UNDER_WAY, (name,)).fetchone() or (0, 0)
    query = "SELECT sync_error_count, apply_error_count FROM pg_stat_subscription_stats WHERE subname = %s"
    errors, apply_errors = target.execute(query, (name,)).fetchone() or (0, 0)
    return Look({table: sizes.get(table, 0) for table in missing}, int(row[0]), int(row[1]), int(errors), int(apply_errors))


def table_sizes(source: Connection, names: Names) -> dict[str, int]:
    """``schema.table`` → bytes of its rows on disk."""
    rows = source.execute(
        "SELECT n.nspname || '.' || c.relname, pg_table_size(c.oid) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " JOIN pg_publication_rel p ON p.prrelid = c.oid JOIN pg_publication b ON b.oid = p.prpubid WHERE b.pubname = %s",
        (names.forward,),
    ).fetchall()
    return {row[0]: int(row[1]) for row in rows}


def wait_in_step(
    target: Connection, source: Connection, names: Names, patience: Patience, *,
    limit: float, lag_ms: float, between: Callable[[], None] = lambda: None,
) -> dict[str, Any]:  # fmt: skip
    """Waits until every table is copied and a marker's round trip is under ``lag_ms``. Says how far it is when that changes,
    and for whom it waits; raises StepFailed with what is missing past the limit or when a table's copy keeps failing.
    ``between`` is called as often as somebody is told."""
    began = said = time.monotonic()
    sizes = table_sizes(source, names)
    whole = sum(sizes.values())
    last_said = ""
    while True:
        patience.look_up(names.database)
        look = _look(target, names.forward, sizes)
        seconds = time.monotonic() - began
        done = whole - sum(look.missing.values()) + min(look.bytes_now, sum(look.missing.values()))
        patience.progress(Progress(len(sizes) - len(look.missing), len(sizes), done, whole, look.rows_now, seconds))
        lag = None if look.missing else round_trip(source, target, names, f"lag-{time.time_ns()}", limit=5.0)
        if lag is not None and lag * 1000 < lag_ms:
            return {"seconds": round(seconds, 2), "lag_ms": round(lag * 1000, 1)}
        if look.missing and look.errors >= _COPY_ERRORS_LIMIT:
            raise StepFailed(
                say("postgresql.copy_failed", errors=look.errors, missing=_some(look.missing)),
                where=names.database,
                remedy=say("postgresql.target_log"),
            )
        if lag is None and look.apply_errors >= _COPY_ERRORS_LIMIT:
            raise StepFailed(
                say("postgresql.apply_failed", errors=look.apply_errors, missing=_some(look.missing)),
                where=names.database,
                remedy=say("postgresql.apply_log"),
            )
        if seconds > limit:
            raise StepFailed(
                say("postgresql.not_in_step_after", limit=limit, missing=_some(look.missing) or say("postgresql.lag_high")), where=names.database,
                remedy=say("postgresql.look_load"),
            )  # fmt: skip
        if time.monotonic() - said > SAY_EVERY_SECONDS:
            between()
            said = time.monotonic()
            text = str(_say_how_far(source, look, len(sizes), done, whole))
            if text != last_said:
                patience.say(text)
                last_said = text
        patience.sleep(0.2, names.database)


def _some(missing: dict[str, int]) -> Value:
    listed = sorted(missing)
    return say("postgresql.and_more", some=tuple(listed[:10]), count=len(listed) - 10) if len(listed) > 10 else tuple(listed)


def _say_how_far(source: Connection, look: Look, tables: int, done: int, whole: int) -> Words:
    if not look.missing:
        return say("postgresql.all_copied")
    far = {"done": tables - len(look.missing), "tables": tables, "megabytes": done / 1e6, "of": whole / 1e6}
    told = [say("postgresql.how_far_rows", rows=look.rows_now, **far) if look.rows_now else say("postgresql.how_far", **far)]
    if look.errors:
        told.append(say("postgresql.copy_fails", missing=_some(look.missing), errors=look.errors))
    if not look.bytes_now:  # nothing moves: a table's slot may wait for a transaction
        waiting = scalar(source, "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'walsender' AND wait_event_type = 'Lock'")
        blockers = list(writers_of_cluster(source).values()) if waiting else []
        if blockers:
            told.append(say("postgresql.waits_open", blockers=tuple(blockers)))
    return say("postgresql.told", told=tuple(told))


def is_at_work(connection: Connection, name: str) -> bool:
    """Whether the subscription's apply worker is at work."""
    query = "SELECT count(*) FROM pg_stat_subscription WHERE subname = %s AND pid IS NOT NULL AND relid IS NULL"
    return bool(scalar(connection, query, name))


def retained_bytes(connection: Connection, name: str) -> int:
    """WAL that the slot keeps on this side's disk."""
    query = "SELECT coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn), 0)::bigint FROM pg_replication_slots WHERE slot_name = %s"
    return int(scalar(connection, query, name) or 0)
