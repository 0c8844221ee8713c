"""Compares the two sides of a database table by table, from snapshots exported inside the fence.

``count(*)`` and a sum of hashes of every row per table. A row is hashed as it is stored only where that says the same as its
text: an enum's hash holds its OID, which differs on the two sides; a numeric's hash takes 1.0 for 1.00.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from psycopg import sql

from orchestrator.movers.postgresql import functions
from orchestrator.movers.postgresql.connections import Connection
from orchestrator.movers.postgresql.names import Names
from orchestrator.movers.postgresql.relations import carried_tables
from orchestrator.texts import Words, say

_AS_STORED = (
    "bool", "bytea", "char", "date", "float4", "float8", "int2", "int4", "int8", "macaddr", "name", "text", "time", "timestamp",
    "timestamptz", "uuid", "varchar",
)  # fmt: skip
"""Types that are equal exactly where they read the same (but -0 of the floats, which is 0 to every client)."""
_EXACT = """
SELECT a.attrelid, bool_and(t.typname = ANY(%s) AND t.typnamespace = 'pg_catalog'::regnamespace AND coalesce(k.collisdeterministic, true))
FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_collation k ON k.oid = a.attcollation
WHERE a.attrelid = ANY(%s::oid[]) AND a.attnum > 0 AND NOT a.attisdropped GROUP BY a.attrelid
"""
_SAME_FORM = """
SET LOCAL search_path = pg_catalog; SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO, YMD';
SET LOCAL IntervalStyle = 'postgres'; SET LOCAL extra_float_digits = 3; SET LOCAL bytea_output = 'hex';
SET LOCAL xmlbinary = 'base64'; SET LOCAL lc_monetary = 'C'; SET LOCAL row_security = off
"""


@dataclass(frozen=True)
class TableSum:
    """What is compared of one table. ``method``: ``record`` or ``text``."""

    rows: int
    sum: str
    method: str


def checksums(
    connection: Connection, names: Names, role: str, snapshot: str | None = None,
    tell: Callable[[int, int], None] = lambda _done, _of: None,
) -> dict[str, TableSum]:  # fmt: skip
    """``schema.table`` → rows and sum, all from one snapshot (``snapshot``: an exported one). Every partition and every
    child of an inheritance is a table of its own. ``role``: the application's. ``tell``: how many are done, of how many."""
    found: dict[str, TableSum] = {}
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        if snapshot:
            connection.execute(sql.SQL("SET TRANSACTION SNAPSHOT {}").format(sql.Literal(snapshot)))
        connection.execute(_SAME_FORM)
        functions.let_find(connection, names, role)
        tables = carried_tables(connection, names)
        exact = dict(connection.execute(_EXACT, (list(_AS_STORED), [table.oid for table in tables])).fetchall())
        for number, table in enumerate(tables):
            tell(number, len(tables))
            place = sql.Identifier(table.schema, table.name)
            # rolled back: a lock that is kept while the next table is waited for may close a circle with a client's TRUNCATE
            with connection.transaction(force_rollback=True):
                found[str(table)] = _checksum(connection, place, "record" if exact.get(table.oid) else "text")
        tell(len(tables), len(tables))
    return found


def _checksum(connection: Connection, table: sql.Identifier, method: str) -> TableSum:
    # `t` alone would be a column of that name, where a table has one
    expression = "hash_record_extended(t.*, 0)" if method == "record" else "hashtextextended((t.*)::text, 0)"
    query = sql.SQL("SELECT count(*), coalesce(sum({})::text, '0') FROM ONLY {} AS t").format(sql.SQL(expression), table)
    rows, total = connection.execute(query).fetchall()[0]
    return TableSum(rows, total, method)


def tables_that_differ(one: dict[str, TableSum], other: dict[str, TableSum]) -> list[str]:
    """Their names, sorted."""
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


def differences(one: dict[str, TableSum], other: dict[str, TableSum]) -> list[Words]:
    """Every table that differs, as a sentence; empty: equal."""
    found: list[Words] = []
    for name in sorted(one.keys() | other.keys()):
        a, b = one.get(name), other.get(name)
        if a is None or b is None:
            found.append(say("postgresql.one_side_only", name=name))
        elif a.rows != b.rows:
            found.append(say("postgresql.rows_differ", name=name, here=a.rows, there=b.rows))
        elif a.sum != b.sum:
            found.append(say("postgresql.contents_differ", name=name, rows=a.rows))
    return found
