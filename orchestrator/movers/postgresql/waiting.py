"""Waiting in a database: always with a limit, always saying for whom, and left at once when a person asks to turn back.

Locks on the application's tables are asked for briefly and again: a statement of ours that queues for one makes every
client queue behind it. And what holds one lock while it waits for another may stand in a circle with a client; the server ends
the session that looks first, so ours looks sooner, and gives up before any other looks (``give_way``).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from orchestrator.errors import StepFailed, TurnedBack
from orchestrator.movers.contract import Progress
from orchestrator.movers.postgresql.connections import Connection
from orchestrator.texts import Sentence, Value, say

Statement = sql.SQL | sql.Composed

SAY_EVERY_SECONDS = 10.0

GAVE_WAY = (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected)
_SHORTEST = """
SELECT least(reset_val::int, (
 SELECT min(1000 * extract(epoch FROM (CASE WHEN value ~ '^[0-9.]+$' THEN value || 'ms' ELSE value END)::interval))
 FROM pg_db_role_setting, unnest(setconfig) AS setting, split_part(setting, '=', 2) AS value
 WHERE split_part(setting, '=', 1) = 'deadlock_timeout'
  AND setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
))::int FROM pg_settings WHERE name = 'deadlock_timeout'
"""
"""After how many ms the first client of this database looks for a circle: the server's setting, an account's, the database's."""
_GIVE_WAY = f"""
SELECT set_config('lock_timeout', greatest(ms * 8 / 10, 1)::text, %(local)s), set_config('deadlock_timeout', greatest(least(ms, 10), 1)::text, %(local)s)
FROM ({_SHORTEST}) AS shortest (ms)
"""


def ignore_progress(_progress: Progress) -> None:
    """Nobody draws a bar."""


def never() -> bool:
    """Nobody asks to turn back."""
    return False


def say_nothing(_text: str) -> None:
    """Nobody listens."""


@dataclass(frozen=True)
class Patience:
    """Who is told what is waited for, and who may end the waiting."""

    say: Callable[[str], None] = say_nothing
    should_stop: Callable[[], bool] = never
    progress: Callable[[Progress], None] = ignore_progress

    def look_up(self, where: str) -> None:
        """Raises TurnedBack when a person asked to turn back."""
        if self.should_stop():
            raise TurnedBack(where=where)

    def sleep(self, seconds: float, where: str) -> None:
        """Sleeps, looking up several times a second. Raises TurnedBack."""
        until = time.monotonic() + seconds
        while True:
            self.look_up(where)
            left = until - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(left, 0.2))


_HOLDERS = """
SELECT DISTINCT a.pid, coalesce(a.usename::text, a.backend_type) AS account, a.application_name::text AS application,
       to_char(coalesce(a.xact_start, a.backend_start), 'YYYY-MM-DD HH24:MI:SS') AS since, a.state::text AS state,
       a.datname::text AS database, left(a.query, 200) AS statement
FROM pg_stat_activity a
"""
_ON_TABLES = (
    _HOLDERS
    + """ JOIN pg_locks l ON l.pid = a.pid WHERE l.granted AND l.locktype = 'relation' AND a.pid <> pg_backend_pid()
 AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND l.relation = ANY(%s::oid[]) ORDER BY 1"""
)
_EXCLUSIVE = (
    _HOLDERS
    + """ JOIN pg_locks l ON l.pid = a.pid WHERE l.granted AND l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock'
 AND a.pid <> pg_backend_pid() AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) ORDER BY 1"""
)
_WITH_XID = _HOLDERS + " WHERE a.backend_xid IS NOT NULL AND a.pid <> pg_backend_pid() ORDER BY 1"


def describe_session(row: tuple[Any, ...]) -> Sentence:
    """A session in words. Of its statement only the beginning: the rest may hold citizens' data."""
    pid, account, application, since, state, database, statement = row
    named = f"{account}, {application}" if application else str(account)
    verb = " ".join(str(statement or "").split()[:3])
    seen: dict[str, Value] = {"pid": int(pid), "who": named, "database": str(database), "since": str(since)}
    seen["state"] = str(state) if state else say("postgresql.at_work")
    return say("postgresql.session_does", verb=verb, **seen) if verb else say("postgresql.session", **seen)


def holders_of(connection: Connection, tables: Sequence[int]) -> list[Sentence]:
    """Who holds a lock on one of these tables (oids), in words."""
    return [describe_session(row) for row in connection.execute(_ON_TABLES, (list(tables),)).fetchall()]


def exclusive_holders(connection: Connection) -> list[Sentence]:
    """Who keeps everybody out of a table of this database, in words."""
    return [describe_session(row) for row in connection.execute(_EXCLUSIVE).fetchall()]


def session_of(connection: Connection, pid: int | None) -> list[Sentence]:
    """A session by its number, in words; none that is gone."""
    return [describe_session(row) for row in connection.execute(_HOLDERS + " WHERE a.pid = %s", (pid,)).fetchall()]


def writers_of_cluster(connection: Connection) -> dict[str, Sentence]:
    """Every transaction of the cluster that has written: its name (stable while it lives) → it in words.

    The creation of a slot, and any look at what will be committed, waits for exactly these.
    """
    found = {f"{row[0]} {row[3]}": describe_session(row) for row in connection.execute(_WITH_XID).fetchall()}
    prepared = connection.execute(
        "SELECT gid::text, owner::text, database::text, to_char(prepared, 'YYYY-MM-DD HH24:MI:SS') FROM pg_prepared_xacts"
    ).fetchall()
    for gid, owner, database, since in prepared:
        found[f"prepared {gid}"] = say("postgresql.prepared_since", gid=gid, owner=owner, database=database, since=since)
    return found


def locked(connection: Connection, seconds: float) -> StepFailed:
    """Who has kept a table from us for these seconds."""
    holders = tuple(exclusive_holders(connection)) or say("postgresql.just_gone")
    says = say("postgresql.locked_by", seconds=round(seconds), holders=holders)
    return StepFailed(says, remedy=say("postgresql.end_sessions"), retryable=True)


def wait_for_writers(connection: Connection, patience: Patience, *, where: str, limit: float) -> None:
    """Waits until every transaction that had written when this was called has ended. Raises StepFailed with their names."""
    until = time.monotonic() + limit
    waited_for = writers_of_cluster(connection)
    said = time.monotonic()
    while waited_for:
        patience.sleep(0.2, where)
        now = writers_of_cluster(connection)
        waited_for = {name: text for name, text in waited_for.items() if name in now}
        if waited_for and time.monotonic() > until:
            raise StepFailed(
                say("postgresql.waited_for", limit=limit, blockers=tuple(waited_for.values())),
                where=where,
                remedy=say("postgresql.have_ended"),
            )
        if waited_for and time.monotonic() - said > SAY_EVERY_SECONDS:
            patience.say(str(say("postgresql.waits_for", where=where, blockers=tuple(waited_for.values()))))
            said = time.monotonic()


def give_way(connection: Connection, *, local: bool = True) -> None:
    """No client is ended by a deadlock with this session: it waits for a lock less than the shortest ``deadlock_timeout`` that a
    client of this database has (1 s by default), after which a client looks for a circle, and looks for one itself as soon as it
    waits (autovacuum gives way only to a session that has looked). What waits raises ``waiting.GAVE_WAY``. ``local``: for the
    transaction that is open."""
    connection.execute(_GIVE_WAY, {"local": local})


def brief_wait_ms(connection: Connection) -> int:
    """How long a session that gives way waits for a lock, where it is not ours to set (pg_dump)."""
    row = connection.execute(_SHORTEST).fetchone()
    return max(1, int(row[0]) * 8 // 10) if row else 1


def with_short_lock(
    connection: Connection, statements: Sequence[Statement], tables: Sequence[int], patience: Patience, *,
    where: str, limit: float = 120.0, then: Callable[[], None] | None = None,
) -> None:  # fmt: skip
    """Runs statements (and ``then``) in one transaction, giving way to everybody, and again until ``limit``.

    ``tables``: the oids whose locks they need, for the names. Raises StepFailed (retryable) saying who holds them.
    """
    until = time.monotonic() + limit
    said = 0.0
    while True:
        try:
            with connection.transaction():
                give_way(connection)
                for statement in statements:
                    connection.execute(statement)
                if then is not None:
                    then()
        except GAVE_WAY:
            holders = holders_of(connection, tables)
            if time.monotonic() > until:
                raise StepFailed(
                    say("postgresql.no_lock", limit=limit, holders=tuple(holders) or say("postgresql.just_gone")),
                    where=where,
                    remedy=say("postgresql.end_sessions"),
                    retryable=True,
                ) from None
            if holders and time.monotonic() - said > SAY_EVERY_SECONDS:
                patience.say(str(say("postgresql.waits_for_lock", where=where, holders=tuple(holders))))
                said = time.monotonic()
            patience.sleep(0.3, where)  # clients that queued behind us go first
        else:
            return
