"""The copy while it is filled: how far it is, whether it gets on, and when it is in step.

Servers count errors and never forget them. A line that dropped, or a table that waited for its turn, is no reason to end a
copy of days: only errors that repeat while nothing gets on are.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from orchestrator.errors import StepFailed
from orchestrator.movers.contract import Progress
from orchestrator.movers.postgresql.connections import Connection, scalar
from orchestrator.movers.postgresql.fence import round_trip
from orchestrator.movers.postgresql.names import Names
from orchestrator.movers.postgresql.waiting import SAY_EVERY_SECONDS, Patience, writers_of_cluster
from orchestrator.texts import Value, Words, say

ERRORS_LIMIT = 5
ERRORS_SECONDS = 20.0
"""So many errors in no less time, and nothing got on meanwhile: workers try again every 5 s, and it does not come right by itself."""


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
    applied: str
    """Up to where it was applied."""
    is_crowded: bool
    """Copied tables wait for their last changes, and hold all places for origins: further copies fail until they have them."""


class Setbacks:
    """Errors since something last got on, of the copies and of what was written meanwhile. Told of every look."""

    def __init__(self) -> None:
        self._copies = _Repeated()
        self._changes = _Repeated()

    def see(self, look: Look, seconds: float) -> None:
        """``seconds``: since the copy is watched."""
        self._copies.see(look.errors, len(look.missing), seconds, forgive=look.is_crowded)
        self._changes.see(look.apply_errors, look.applied, seconds)

    @property
    def of_copies(self) -> int:
        """How often copies failed in a row; 0: they get on, or it is too early to tell."""
        return self._copies.in_a_row

    @property
    def of_changes(self) -> int:
        """The same of what was written meanwhile."""
        return self._changes.in_a_row


class _Repeated:
    def __init__(self) -> None:
        self._place: object = None
        self._before = 0
        self._first_at: float | None = None
        self.in_a_row = 0

    def see(self, errors: int, place: object, seconds: float, *, forgive: bool = False) -> None:
        if place != self._place or forgive:
            self._place, self._before, self._first_at = place, errors, None
        if errors > self._before and self._first_at is None:
            self._first_at = seconds
        lasts = self._first_at is not None and seconds - self._first_at >= ERRORS_SECONDS
        self.in_a_row = errors - self._before if lasts and errors - self._before >= ERRORS_LIMIT else 0


_MISSING = """
SELECT n.nspname::text, c.relname::text FROM pg_subscription_rel r JOIN pg_subscription s ON s.oid = r.srsubid
JOIN pg_class c ON c.oid = r.srrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE s.subname = %s AND srsubstate <> 'r' ORDER BY 1, 2
"""
_TROUBLE = """
SELECT s.sync_error_count, s.apply_error_count, pg_replication_origin_progress('pg_' || s.subid, false)::text,
  (SELECT count(*) FROM pg_replication_origin_status) + 1
    >= coalesce(current_setting('max_active_replication_origins', true), current_setting('max_replication_slots'))::int
  AND EXISTS (SELECT 1 FROM pg_subscription_rel r WHERE r.srsubid = s.subid AND r.srsubstate = 's')
FROM pg_stat_subscription_stats s WHERE s.subname = %s
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
    errors, apply_errors, applied, is_crowded = target.execute(_TROUBLE, (name,)).fetchone() or (0, 0, "", False)
    return Look(
        {table: sizes.get(table, 0) for table in missing}, int(row[0]), int(row[1]), int(errors), int(apply_errors),
        str(applied), bool(is_crowded),
    )  # fmt: skip


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
    setbacks = Setbacks()
    while True:
        patience.look_up(names.database)
        look = _look(target, names.forward, sizes)
        seconds = time.monotonic() - began
        done = whole - sum(look.missing.values()) + min(look.bytes_now, sum(look.missing.values()))
        patience.progress(Progress(len(sizes) - len(look.missing), len(sizes), done, whole, look.rows_now, seconds))
        lag = None if look.missing else round_trip(source, target, names, f"lag-{time.time_ns()}", limit=5.0)
        if lag is not None and lag * 1000 < lag_ms:
            return {"seconds": round(seconds, 2), "lag_ms": round(lag * 1000, 1)}
        setbacks.see(look, seconds)
        if look.missing and setbacks.of_copies:
            raise StepFailed(
                say("postgresql.copy_failed", errors=setbacks.of_copies, missing=_some(look.missing)),
                where=names.database,
                remedy=say("postgresql.target_log"),
            )
        if lag is None and setbacks.of_changes:
            raise StepFailed(
                say("postgresql.apply_failed", errors=setbacks.of_changes, missing=_some(look.missing)),
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
    if look.is_crowded:
        told.append(say("postgresql.origins_spent"))
    elif look.errors:
        told.append(say("postgresql.copy_fails", missing=_some(look.missing), errors=look.errors))
    if not look.bytes_now:  # nothing moves: a table's slot may wait for a transaction
        waiting = scalar(source, "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'walsender' AND wait_event_type = 'Lock'")
        blockers = list(writers_of_cluster(source).values()) if waiting else []
        if blockers:
            told.append(say("postgresql.waits_open", blockers=tuple(blockers)))
    return say("postgresql.told", told=tuple(told))
