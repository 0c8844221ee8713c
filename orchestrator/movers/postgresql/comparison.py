"""Compares the two sides of a database table by table, from snapshots exported inside the fence.

``count(*)`` and the sum of ``hash_record_extended`` per table; types without a hash function take the text form.
"""

from __future__ import annotations

from dataclasses import dataclass

import psycopg
from psycopg import sql

from orchestrator.movers.postgresql.fence import Connection
from orchestrator.movers.postgresql.names import Names
from orchestrator.movers.postgresql.replication import tables


@dataclass(frozen=True)
class TableSum:
    rows: int
    sum: str
    method: str


def checksums(connection: Connection, names: Names, snapshot: str | None = None) -> dict[str, TableSum]:
    """``schema.table`` → rows and sum, all from one snapshot (``snapshot``: an exported one)."""
    found: dict[str, TableSum] = {}
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        if snapshot:
            connection.execute(sql.SQL("SET TRANSACTION SNAPSHOT {}").format(sql.Literal(snapshot)))
        for schema, name in tables(connection, names):
            found[f"{schema}.{name}"] = _checksum(connection, schema, name)
    return found


def _checksum(connection: Connection, schema: str, name: str) -> TableSum:
    table = sql.Identifier(schema, name)
    for method, expression in (("record", "hash_record_extended(t, 0)"), ("text", "hashtextextended(t::text, 0)")):
        try:
            with connection.transaction():
                row = connection.execute(
                    sql.SQL("SELECT count(*), coalesce(sum({})::text, '0') FROM {} AS t").format(sql.SQL(expression), table)
                ).fetchone()
        except psycopg.errors.UndefinedFunction:
            continue
        assert row is not None  # noqa: S101 - an aggregate always answers
        return TableSum(row[0], row[1], method)
    raise AssertionError("every row has a text form")


def differences(one: dict[str, TableSum], other: dict[str, TableSum]) -> list[str]:
    """Every table that differs, as a sentence; empty: equal."""
    found: list[str] = []
    for name in sorted(one.keys() | other.keys()):
        a, b = one.get(name), other.get(name)
        if a is None or b is None:
            found.append(f"{name} exists on one side only")
        elif a.rows != b.rows:
            found.append(f"{name}: {a.rows} rows here, {b.rows} there")
        elif a.sum != b.sum:
            found.append(f"{name}: {a.rows} rows on both sides, but their content differs")
    return found
