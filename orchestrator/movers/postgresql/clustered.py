"""By which index a table was clustered last: a mark that ``CLUSTER t USING i`` leaves for the next ``CLUSTER t``.

Nothing in a server's event triggers tells of that command, so the freeze lets it pass, as housekeeping of every night may. The mark
says nothing about rows or rules: it is no change of the schema, and is brought to the other side instead.
"""

from __future__ import annotations

import psycopg
from psycopg import sql

from orchestrator.movers.postgresql.connections import Connection
from orchestrator.movers.postgresql.names import Names
from orchestrator.movers.postgresql.relations import CARRIED

PART = "clustered"
"""What a fingerprint calls it."""

_MARKS = f"""
SELECT n.nspname::text, c.relname::text, c.relkind = 'm', i.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_index x ON x.indrelid = c.oid AND x.indisclustered JOIN pg_class i ON i.oid = x.indexrelid
WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't' AND {CARRIED}
"""

_Table = tuple[str, str, bool]


def read_marks(connection: Connection, names: Names) -> dict[_Table, str]:
    """(schema, table, whether it is a materialized view) → its index."""
    return {(row[0], row[1], row[2]): row[3] for row in connection.execute(_MARKS, {"ours": names.schema}).fetchall()}


def carry_marks(live: Connection, other: Connection, names: Names) -> None:
    """The other side's marks as the live side's; rows stay where they lie. A table that somebody vacuums is left for the next time."""
    here, there = read_marks(live, names), read_marks(other, names)
    for table in sorted(here.keys() | there.keys()):
        if here.get(table) != there.get(table):
            _mark(other, table, here.get(table))


def _mark(connection: Connection, table: _Table, index: str | None) -> None:
    schema, name, is_view = table
    kind = sql.SQL("MATERIALIZED VIEW" if is_view else "TABLE")
    how = sql.SQL("CLUSTER ON {}").format(sql.Identifier(index)) if index is not None else sql.SQL("SET WITHOUT CLUSTER")
    try:
        with connection.transaction():
            connection.execute("SET LOCAL lock_timeout = '1s'")
            connection.execute(sql.SQL("ALTER {} {} {}").format(kind, sql.Identifier(schema, name), how))
    except (psycopg.errors.LockNotAvailable, psycopg.errors.UndefinedObject, psycopg.errors.UndefinedTable):
        return
