"""What of ours is left in a database after its migration, found by our names and marks alone."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg

from orchestrator.errors import StepFailed, ToolError
from orchestrator.movers.contract import Hands, Part
from orchestrator.movers.postgresql import following
from orchestrator.movers.postgresql.connections import Connection
from orchestrator.movers.postgresql.reach import connect, names_of
from orchestrator.texts import say

_QUERIES = {
    "schema": "SELECT n.nspname, coalesce(sum(pg_total_relation_size(c.oid)), 0) FROM pg_namespace n LEFT JOIN pg_class c"
    " ON c.relnamespace = n.oid AND c.relkind IN ('r', 'm', 'S') WHERE n.nspname = %(schema)s"
    " AND obj_description(n.oid, 'pg_namespace') = %(mark)s GROUP BY n.nspname",
    "publication": "SELECT pubname, 0 FROM pg_publication WHERE pubname = ANY(%(flows)s)",
    "subscription": "SELECT subname, 0 FROM pg_subscription WHERE subname = ANY(%(flows)s)",
    "slot": "SELECT slot_name, coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn), 0) FROM pg_replication_slots"
    " WHERE slot_name = ANY(%(flows)s) AND NOT pg_is_in_recovery()",
    "event trigger": "SELECT evtname, 0 FROM pg_event_trigger WHERE starts_with(evtname, %(freeze)s)",
    "rehearsal database": "SELECT datname, pg_database_size(oid) FROM pg_database WHERE datname = %(rehearsal)s",
    "rehearsal role": "SELECT rolname, 0 FROM pg_roles WHERE rolname = %(rehearsal)s",
}


@dataclass(frozen=True)
class Kept:
    """One thing of ours. ``bytes`` of a slot: what it keeps the server from giving up."""

    kind: str
    name: str
    bytes: int


def find(part: Part, side: str) -> list[Kept]:
    """Everything of ours on one side. Raises psycopg.Error when it does not answer."""
    names = names_of(part)
    values = {
        "schema": names.schema, "mark": names.mark, "flows": [names.forward, names.back], "freeze": names.freeze, "rehearsal": names.rehearsal,
    }  # fmt: skip
    with connect(part, side) as connection:
        return [
            Kept(kind, str(name), int(size))
            for kind, query in _QUERIES.items()
            for name, size in connection.execute(query.encode(), values)
        ]


def find_or_say_why(part: Part, side: str) -> list[tuple[str, str, int]]:
    """The same as plain values. Raises ToolError when the server does not answer."""
    try:
        return [(kept.kind, kept.name, kept.bytes) for kept in find(part, side)]
    except psycopg.Error as error:
        raise ToolError(str(error).strip().split("\n")[0], where=f"{part.name} ({side})", remedy=say("postgresql.look_again")) from error


def remove(part: Part, hands: Hands) -> None:
    """Takes ours out of the old side. It is closed before, and closed after: what kept it closed is the database's own limit. Raises
    StepFailed where it is open: then somebody uses it."""
    _insist_closed(part)
    following.withdraw(part, hands, "source")
    _insist_closed(part)


def _insist_closed(part: Part) -> None:
    with connect(part, "source") as connection:
        if _limit(connection) != 0:
            raise StepFailed(
                say("postgresql.old_open", name=part.name), where=part.name, remedy=say("postgresql.who_opened")
            )


def _limit(connection: Connection) -> int:
    row = connection.execute("SELECT datconnlimit FROM pg_database WHERE datname = current_database()").fetchone()
    return int(row[0]) if row else -1
