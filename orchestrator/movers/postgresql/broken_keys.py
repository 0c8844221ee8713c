"""Foreign keys that are valid by the catalog and that some of their rows break: loaded while their triggers did not answer
(``session_replication_role``, ``DISABLE TRIGGER``), as restores and other replications do.

The application lives with such rows, so they are carried. Only what sets a key anew looks at every row: a copy therefore keeps
these keys on from the beginning, and a restored backup has them NOT VALID.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import class_row

from orchestrator.errors import Finding
from orchestrator.movers.postgresql import functions
from orchestrator.movers.postgresql.connections import Connection
from orchestrator.movers.postgresql.names import Names
from orchestrator.movers.postgresql.relations import CARRIED, OF_EXTENSION
from orchestrator.texts import Value, say

LOOK_SECONDS = 120
"""How long one key is looked at: both tables are read once."""
MOST_ROWS = 1000
"""Counted up to here."""
LOCK_TRIES, LOCK_PAUSE_SECONDS = 5, 0.2

_KEYS = f"""
SELECT k.oid, n.nspname::text AS schema, c.relname::text AS table, k.conname::text AS name, c.relkind = 'p' AS is_partitioned,
  rn.nspname::text AS other_schema, r.relname::text AS other_table, r.relkind = 'p' AS other_is_partitioned,
  k.confmatchtype = 'f' AS is_full, pg_get_constraintdef(k.oid) AS definition, obj_description(k.oid, 'pg_constraint') AS comment,
  (SELECT array_agg(ARRAY[f.attname::text, p.attname::text, x.nspname::text, o.oprname::text,
      CASE WHEN f.attcollation <> p.attcollation THEN y.nspname::text END,
      CASE WHEN f.attcollation <> p.attcollation THEN l.collname::text END] ORDER BY u.place)
   FROM unnest(k.conkey, k.confkey, k.conpfeqop) WITH ORDINALITY AS u(own, other, operator, place)
   JOIN pg_attribute f ON f.attrelid = k.conrelid AND f.attnum = u.own
   JOIN pg_attribute p ON p.attrelid = k.confrelid AND p.attnum = u.other
   JOIN pg_operator o ON o.oid = u.operator JOIN pg_namespace x ON x.oid = o.oprnamespace
   LEFT JOIN pg_collation l ON l.oid = p.attcollation LEFT JOIN pg_namespace y ON y.oid = l.collnamespace) AS columns,
  ARRAY(WITH RECURSIVE family AS (
      SELECT k.oid AS oid UNION ALL SELECT d.oid FROM family JOIN pg_constraint d ON d.conparentid = family.oid)
    SELECT concat('constraint ', quote_ident(d.conname), ' on ', quote_ident(dn.nspname), '.', quote_ident(dc.relname))
    FROM family JOIN pg_constraint d ON d.oid = family.oid JOIN pg_class dc ON dc.oid = d.conrelid
    JOIN pg_namespace dn ON dn.oid = dc.relnamespace) AS objects
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_class r ON r.oid = k.confrelid JOIN pg_namespace rn ON rn.oid = r.relnamespace
WHERE k.contype = 'f' AND k.conparentid = 0 AND k.convalidated AND (to_jsonb(k) ->> 'conperiod') IS DISTINCT FROM 'true'
  AND {CARRIED} AND NOT {OF_EXTENSION} ORDER BY 2, 3, 4
"""
"""A key over periods (PostgreSQL 18) is not asked: its rows are not compared by equality."""


@dataclass(frozen=True)
class ValidKey:
    """A foreign key that is valid by the catalog."""

    oid: int
    schema: str
    table: str
    name: str
    is_partitioned: bool
    other_schema: str
    other_table: str
    other_is_partitioned: bool
    is_full: bool
    definition: str
    comment: str | None
    columns: list[list[Any]]
    """Of each pair: own column, other's, schema and name of the operator that compares them, of a collation where one is needed."""
    objects: list[str]
    """It and those of the partitions, as a fingerprint calls them."""

    @property
    def place(self) -> tuple[str, str, str]:
        return self.schema, self.table, self.name

    @property
    def tables(self) -> tuple[sql.Identifier, sql.Identifier]:
        return sql.Identifier(self.schema, self.table), sql.Identifier(self.other_schema, self.other_table)


@dataclass(frozen=True)
class Look:
    """What came of looking at every key."""

    broken: list[tuple[ValidKey, int]]
    """With the rows that break it, counted up to ``MOST_ROWS``."""
    unknown: list[ValidKey]
    """Could not be looked at in time, somebody had their tables locked, or the server could not tell."""

    @property
    def broken_keys(self) -> list[ValidKey]:
        return [key for key, _ in self.broken]


def look_at_keys(connection: Connection, names: Names, role: str) -> Look:
    """Looks at the rows of every valid key: each table is read once, nobody waits for us, and we wait for nobody. ``role``: the
    application's, by whose path the functions of its indexes find what they need: a planner unfolds them."""
    look = Look([], [])
    path = [sql.Identifier(word) for word in functions.path_to_find(connection, names, role)]
    with connection.cursor(row_factory=class_row(ValidKey)) as cursor:
        keys = cursor.execute(_KEYS, {"ours": names.schema}).fetchall()
    for key in keys:
        rows = _count_orphans(connection, key, path)
        if rows is None:
            look.unknown.append(key)
        elif rows:
            look.broken.append((key, rows))
    return look


def findings(source: Connection, names: Names, role: str) -> list[Finding]:
    """Warnings: which keys are broken, by how many rows; which are not known."""
    look = look_at_keys(source, names, role)
    found = []
    for key, rows in look.broken:
        values: dict[str, Value] = {"table": f"{key.schema}.{key.table}", "key": key.name, "rows": rows}
        values["other"] = f"{key.other_schema}.{key.other_table}"
        says = say("postgresql.rows_broken_more", **values) if rows >= MOST_ROWS else say("postgresql.rows_broken", **values)
        found.append(Finding("foreign-key-broken", "warning", says, say("postgresql.know_broken"), system=names.system))
    if look.unknown:
        keys = tuple(f"{key.schema}.{key.table}: {key.name}" for key in look.unknown)
        says = say("postgresql.keys_not_looked_at", keys=keys, seconds=LOOK_SECONDS)
        found.append(Finding("foreign-key-unknown", "warning", says, say("postgresql.backup_finds"), system=names.system))
    return found


def set_unvalidated(copy: Connection, keys: list[ValidKey]) -> None:
    """On a restored backup, where they were left out. A partitioned table can have no such key: there it stays out."""
    for key in keys:
        if key.is_partitioned:
            continue
        table, name = key.tables[0], sql.Identifier(key.name)
        copy.execute(sql.SQL("ALTER TABLE {} ADD CONSTRAINT {} {} NOT VALID").format(table, name, sql.SQL(key.definition)))
        if key.comment is not None:
            copy.execute(sql.SQL("COMMENT ON CONSTRAINT {} ON {} IS {}").format(name, table, sql.Literal(key.comment)))


def _count_orphans(connection: Connection, key: ValidKey, path: list[sql.Identifier]) -> int | None:
    """None: the server does not tell, or its tables are locked again and again."""
    for _ in range(LOCK_TRIES):
        try:
            with _looking(connection, key, path):
                return int(connection.execute(_orphans(key)).fetchall()[0][0])
        except psycopg.errors.LockNotAvailable:
            time.sleep(LOCK_PAUSE_SECONDS)
        except psycopg.Error:
            if connection.closed:
                raise
            return None
    return None


@contextmanager
def _looking(connection: Connection, key: ValidKey, path: list[sql.Identifier]) -> Iterator[None]:
    """Both locks at once or none: who never waits while holding one is in nobody's circle."""
    with connection.transaction(force_rollback=True):
        connection.execute("SELECT set_config('statement_timeout', %s, true)", (f"{LOOK_SECONDS}s",))
        connection.execute("SELECT set_config('lock_timeout', '500ms', true)")
        if path:
            connection.execute(sql.SQL("SET LOCAL search_path TO ") + sql.SQL(", ").join(path))
        connection.execute(sql.SQL("LOCK TABLE {}, {} IN ACCESS SHARE MODE NOWAIT").format(*key.tables))
        yield


def _orphans(key: ValidKey) -> sql.Composed:
    """As the server itself asks when a key is set. Its operators are named, since types may have others of the same name. Heirs have
    no part in a foreign key, partitions have."""
    pairs, given = [], []
    for own_column, other_column, schema, operator, collation_schema, collation in key.columns:
        collate = sql.SQL("COLLATE {}").format(sql.Identifier(collation_schema, collation)) if collation else sql.SQL("")
        equal = sql.SQL("OPERATOR({}.{})").format(sql.Identifier(schema), sql.SQL(operator))
        own, other = sql.Identifier("f", own_column), sql.Identifier("p", other_column)
        pairs.append(sql.SQL("{} {} {} {}").format(other, collate, equal, own))
        given.append(sql.SQL("{} IS NOT NULL").format(own))
    return sql.SQL(
        "SELECT count(*) FROM (SELECT FROM {} {} AS f WHERE ({}) AND NOT EXISTS (SELECT FROM {} {} AS p WHERE {}) LIMIT {}) AS orphans"
    ).format(
        sql.SQL("" if key.is_partitioned else "ONLY"), key.tables[0], sql.SQL(" OR " if key.is_full else " AND ").join(given),
        sql.SQL("" if key.other_is_partitioned else "ONLY"), key.tables[1], sql.SQL(" AND ").join(pairs), sql.Literal(MOST_ROWS),
    )  # fmt: skip
