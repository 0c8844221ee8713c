"""Generated columns whose stored values their expression does not give any more: a function of theirs was replaced, an extension
updated. Nothing carries such a value: a restore and a copy compute the column anew, so the two sides would differ."""

from __future__ import annotations

from collections.abc import Iterable

import psycopg
from psycopg import sql

from orchestrator.errors import Finding
from orchestrator.movers.postgresql import functions
from orchestrator.movers.postgresql.connections import Connection
from orchestrator.movers.postgresql.names import Names
from orchestrator.movers.postgresql.relations import CARRIED
from orchestrator.texts import Sentence, say

LOOK_SECONDS = 10
"""How long preflight looks at one table at most; the backup, which compares every row, names what stands further back."""

_COLUMNS = f"""
SELECT n.nspname::text, c.relname::text, a.attname::text, pg_get_expr(d.adbin, d.adrelid), format_type(a.atttypid, a.atttypmod),
  EXISTS (SELECT 1 FROM pg_depend x WHERE x.classid = 'pg_attrdef'::regclass AND x.objid = d.oid AND x.refobjid >= 16384
    AND x.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass, 'pg_type'::regclass, 'pg_ts_config'::regclass))
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attgenerated = 's' AND NOT a.attisdropped AND c.relkind = 'r' AND c.relpersistence = 'p' AND {CARRIED} ORDER BY 1, 2, 3
"""
"""The last: what it calls can be replaced, as nothing of the system's own can."""


def findings(source: Connection, names: Names, role: str) -> list[Finding]:
    """For preflight: columns that call what somebody made, looked at for a short time each. Reads only."""
    columns = source.execute(_COLUMNS, {"ours": names.schema}).fetchall()
    stale = _find_stale(source, names, role, [row for row in columns if row[5]], f"{LOOK_SECONDS}s")
    return [Finding("generated-stale", "error", says, say("postgresql.compute_anew"), system=names.system) for says in stale]


def find_stale(source: Connection, names: Names, role: str, tables: Iterable[str]) -> list[Sentence]:
    """Every such column of ``tables`` (``schema.table``), however long it takes, as a sentence."""
    asked = set(tables)
    columns = source.execute(_COLUMNS, {"ours": names.schema}).fetchall()
    return _find_stale(source, names, role, [row for row in columns if f"{row[0]}.{row[1]}" in asked], "0")


def _find_stale(source: Connection, names: Names, role: str, columns: list[tuple[str, ...]], limit: str) -> list[Sentence]:
    stale = []
    for schema, table, column, expression, kind, _ in columns:
        look = sql.SQL("SELECT 1 FROM ONLY {} WHERE ({})::text IS DISTINCT FROM (({})::{})::text LIMIT 1").format(
            sql.Identifier(schema, table), sql.Identifier(column), sql.SQL(expression), sql.SQL(kind)
        )
        try:
            with source.transaction():
                functions.let_find(source, names, role)
                source.execute("SELECT set_config('statement_timeout', %s, true)", (limit,))
                if source.execute(look).fetchone():
                    stale.append(say("postgresql.generated_stale", table=f"{schema}.{table}", column=column))
        except psycopg.errors.QueryCanceled:
            continue
        except psycopg.errors.DataError:  # what it calls does not even take the row that is there
            stale.append(say("postgresql.generated_stale", table=f"{schema}.{table}", column=column))
    return stale
