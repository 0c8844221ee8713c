"""How the judge reads a PostgreSQL database: one snapshot, read-only. Shares no code with the engine."""

from __future__ import annotations

from types import TracebackType
from typing import LiteralString, Self

import psycopg
from psycopg import sql

_SCHEMA: LiteralString = """
WITH spaces AS (SELECT oid FROM pg_namespace WHERE nspname = 'public'),
tables AS (SELECT oid, relname, relkind FROM pg_class
           WHERE relnamespace IN (SELECT oid FROM spaces) AND relkind IN ('r', 'p', 'v', 'm') AND relname NOT LIKE '\\_%')
SELECT 'column ' || t.relname || '.' || a.attname,
       concat_ws(' ', format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated,
                 pg_get_expr(d.adbin, d.adrelid))
  FROM tables t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
  LEFT JOIN pg_attrdef d ON d.adrelid = t.oid AND d.adnum = a.attnum
UNION ALL SELECT 'constraint ' || t.relname || '.' || c.conname, concat_ws(' ', pg_get_constraintdef(c.oid), c.convalidated)
  FROM tables t JOIN pg_constraint c ON c.conrelid = t.oid
UNION ALL SELECT 'index ' || i.indexrelid::regclass::text, concat_ws(' ', pg_get_indexdef(i.indexrelid), i.indisvalid)
  FROM tables t JOIN pg_index i ON i.indrelid = t.oid
UNION ALL SELECT 'trigger ' || t.relname || '.' || g.tgname, concat_ws(' ', pg_get_triggerdef(g.oid), g.tgenabled)
  FROM tables t JOIN pg_trigger g ON g.tgrelid = t.oid AND NOT g.tgisinternal
UNION ALL SELECT 'view ' || t.relname, pg_get_viewdef(t.oid) FROM tables t WHERE t.relkind IN ('v', 'm')
UNION ALL SELECT 'function ' || p.oid::regprocedure::text, pg_get_functiondef(p.oid)
  FROM pg_proc p WHERE p.pronamespace IN (SELECT oid FROM spaces) AND p.prokind IN ('f', 'p')
UNION ALL SELECT 'sequence ' || s.sequencename,
       concat_ws(' ', s.data_type, s.start_value, s.min_value, s.max_value, s.increment_by, s.cycle)
  FROM pg_sequences s WHERE s.schemaname = 'public'
"""

_SEQUENCES: LiteralString = """
SELECT s.relname, t.relname, a.attname FROM pg_class s JOIN pg_depend d ON d.refobjid = s.oid OR d.objid = s.oid
  LEFT JOIN pg_attrdef f ON d.classid = 'pg_attrdef'::regclass AND f.oid = d.objid
  JOIN pg_class t ON t.oid = CASE WHEN f.oid IS NULL THEN d.refobjid ELSE f.adrelid END AND t.relkind = 'r'
  JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = CASE WHEN f.oid IS NULL THEN d.refobjsubid ELSE f.adnum END
 WHERE s.relkind = 'S' AND s.relnamespace = 'public'::regnamespace
UNION SELECT s.relname, t.relname, a.attname FROM pg_class s, pg_class t JOIN pg_attribute a ON a.attrelid = t.oid
 WHERE s.relkind = 'S' AND t.relkind = 'r' AND s.relnamespace = 'public'::regnamespace AND t.relnamespace = s.relnamespace
   AND a.attname = split_part(s.relname, '_', 1) AND a.atttypid IN ('int'::regtype, 'bigint'::regtype)
"""


class PostgresqlDatabase:
    """One side, as it is at one moment. Use as a context. Raises psycopg.Error."""

    def __init__(self, dsn: str) -> None:
        self._connection = psycopg.connect(dsn, prepare_threshold=None)
        self._connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        self._connection.read_only = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._connection.close()

    def list_tables(self) -> list[str]:
        """Ordinary tables of the schema public, sorted; what a migration tool keeps for itself is in other schemas or named ``_…``."""
        rows = self._connection.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname NOT LIKE '\\_%' ORDER BY 1"
        )
        return [str(row[0]) for row in rows]

    def find_key(self, table: str) -> list[str]:
        """Columns of the primary key; empty when there is none."""
        rows = self._connection.execute(
            "SELECT a.attname FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)"
            " WHERE i.indrelid = %s::regclass AND i.indisprimary ORDER BY array_position(i.indkey::int[], a.attnum::int)",
            (f'public."{table}"',),
        )
        return [str(row[0]) for row in rows]

    def read_rows(self, table: str, *, old: bool = False) -> list[tuple[str, str, int]]:
        """(key, md5 of the row, n) of every row in order; the key is the row's md5 in a table without a key, n is 0 without such a
        column. ``old``: only rows written before the load began (n < 0, or no such column)."""
        columns = self._connection.execute("SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass", (f'"{table}"',))
        numbered = ("n",) in columns.fetchall()
        digest = sql.SQL("md5((t.*)::text)")
        names = [sql.SQL("t.{}::text").format(sql.Identifier(name)) for name in self.find_key(table)]
        key = sql.SQL("concat_ws('|', {})").format(sql.SQL(", ").join(names)) if names else digest
        number = sql.SQL("t.n") if numbered else sql.SQL("0")
        query = sql.SQL("SELECT {}, {}, {} FROM public.{} AS t WHERE {} ORDER BY 1, 2").format(
            key, digest, number, sql.Identifier(table), sql.SQL("n < 0" if old and numbered else "true")
        )
        return [(str(row[0]), str(row[1]), int(row[2])) for row in self._connection.execute(query)]

    def read_numbers(self, table: str) -> list[int]:
        """Every citizen's number that is there, as often as it is there."""
        query = sql.SQL("SELECT n FROM public.{} WHERE n > 0").format(sql.Identifier(table))
        return [int(row[0]) for row in self._connection.execute(query)]

    def read_texts(self, table: str, column: str) -> list[tuple[int, str]]:
        """(number, md5 of its text) of every citizen's row."""
        query = sql.SQL("SELECT n, md5({}) FROM public.{} WHERE n > 0").format(sql.Identifier(column), sql.Identifier(table))
        return [(int(row[0]), str(row[1])) for row in self._connection.execute(query)]

    def read_signatures(self, table: str) -> list[tuple[int, str]]:
        """(number, hex signature) of every citizen's row."""
        query = sql.SQL("SELECT n, signature FROM public.{} WHERE n > 0").format(sql.Identifier(table))
        return [(int(row[0]), str(row[1])) for row in self._connection.execute(query)]

    def read_definitions(self) -> dict[str, str]:
        """What the schema ``public`` promises: each column, constraint, index, trigger, view, function, sequence by its name."""
        return {str(name): str(definition) for name, definition in self._connection.execute(_SCHEMA)}

    def find_sequences_behind(self) -> list[str]:
        """Sequences that stand below the largest value of a column that takes from them, in words.

        A column takes from a sequence by ownership, by its default, or by being an integer named like the sequence's first word
        (``receipt_no`` → ``receipt``: the application calls nextval itself).
        """
        behind = []
        for sequence, table, column in sorted(set(self._connection.execute(_SEQUENCES).fetchall())):
            names = (sql.Identifier(sequence), sql.Identifier(column), sql.Identifier(table))
            query = sql.SQL("SELECT (SELECT last_value - CASE WHEN is_called THEN 0 ELSE 1 END FROM public.{}), max({}) FROM public.{}")
            row = self._connection.execute(query.format(*names)).fetchone()
            if row and row[1] is not None and row[0] < row[1]:
                behind.append(f"{sequence} stands at {row[0]}, {table}.{column} has {row[1]}")
        return behind
