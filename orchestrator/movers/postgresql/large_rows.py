"""Rows that PostgreSQL holds and cannot give out: as text a row may have 1 GB, and bytea is twice as long there. Its own backup
fails at such a row, and so does the first copy of a subscription, each without saying where."""

from __future__ import annotations

import psycopg
from psycopg import sql

from orchestrator.errors import Finding
from orchestrator.movers.postgresql.connections import Connection
from orchestrator.movers.postgresql.names import Names
from orchestrator.movers.postgresql.relations import CARRIED
from orchestrator.texts import say

MOST_BYTES = 0x3FFFFFFF
"""PostgreSQL's MaxAllocSize: no buffer of one row is larger."""
LOOK_SECONDS = 10
"""How long one table is looked at: sizes stand in its rows, their contents are not read. The backup names what stands further back."""

_COLUMNS = f"""
SELECT n.nspname::text, c.relname::text, array_agg(a.attname::text ORDER BY a.attnum), array_agg(t.typname = 'bytea' ORDER BY a.attnum)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
JOIN pg_type t ON t.oid = a.atttypid
WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND c.reltoastrelid <> 0 AND pg_relation_size(c.reltoastrelid) > 1000000
  AND a.attnum > 0 AND NOT a.attisdropped AND t.typname IN ('bytea', 'text', 'varchar', 'bpchar')
  AND t.typnamespace = 'pg_catalog'::regnamespace AND {CARRIED} GROUP BY 1, 2 ORDER BY 1, 2
"""
"""Compressed two hundred times, a value of that size would still fill a megabyte."""


def findings(source: Connection, names: Names) -> list[Finding]:
    """Tables with a row whose text would be longer than that. Reads only, and for a short time."""
    found = []
    for schema, table, columns, are_bytes in source.execute(_COLUMNS, {"ours": names.schema}).fetchall():
        size = _largest_row(source, sql.Identifier(schema, table), dict(zip(columns, are_bytes, strict=True)))
        if size > MOST_BYTES:
            says = say("postgresql.row_too_large", table=f"{schema}.{table}", megabytes=size / 1e6)
            found.append(Finding("row-too-large", "error", says, say("postgresql.keep_as_file"), system=names.system))
    return found


def _largest_row(source: Connection, table: sql.Identifier, columns: dict[str, bool]) -> int:
    """Bytes of its text at least; 0 where it is not known in time."""
    sizes = [
        sql.SQL("coalesce(octet_length({})::bigint * {}, 0)").format(sql.Identifier(column), sql.Literal(2 if is_bytes else 1))
        for column, is_bytes in columns.items()
    ]
    try:
        with source.transaction():
            source.execute("SELECT set_config('statement_timeout', %s, true)", (f"{LOOK_SECONDS}s",))
            row = source.execute(sql.SQL("SELECT max({}) FROM ONLY {}").format(sql.SQL(" + ").join(sizes), table)).fetchone()
    except psycopg.errors.QueryCanceled:
        return 0
    return int(row[0] or 0) if row else 0
