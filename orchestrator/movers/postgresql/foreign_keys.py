"""Foreign keys while a copy is filled: off, so that a TRUNCATE reaches it, and there again before anybody relies on it.

Rows do not need them: they are applied without looking at any. But a TRUNCATE does: one that empties several tables at once
(CASCADE) is applied to those that are copied already, and the server refuses it for those that a table still under way refers
to. It would be refused again every 5 s. Once every table is copied, all of them are emptied together as on the source.
"""

from __future__ import annotations

from dataclasses import dataclass

import psycopg
from psycopg import sql

from orchestrator.errors import StepFailed
from orchestrator.movers.postgresql.broken_keys import look_at_keys
from orchestrator.movers.postgresql.connections import Connection
from orchestrator.movers.postgresql.names import Names
from orchestrator.movers.postgresql.relations import CARRIED, OF_EXTENSION
from orchestrator.movers.postgresql.waiting import Patience, with_short_lock
from orchestrator.texts import say

LOCK_SECONDS = 900.0
"""How long one may wait for a large transaction that is just applied."""

_FAMILY = """
WITH RECURSIVE family AS (
  SELECT oid, oid AS root FROM pg_constraint WHERE contype = 'f' AND conparentid = 0
  UNION ALL SELECT k.oid, f.root FROM family f JOIN pg_constraint p ON p.oid = f.oid
  JOIN pg_constraint k ON k.conparentid = f.oid AND k.conrelid <> p.conrelid)
"""
"""A key with those of its table's partitions. (One that refers to a partitioned table has further rows, of the same table: the
server's own.)"""
_KEYS = f"""
{_FAMILY}, disabled AS (SELECT DISTINCT f.root FROM family f JOIN pg_trigger t ON t.tgconstraint = f.oid WHERE t.tgenabled = 'D')
SELECT n.nspname::text, c.relname::text, k.conname::text, pg_get_constraintdef(k.oid), obj_description(k.oid, 'pg_constraint'),
  rn.nspname::text, r.relname::text, d.root IS NOT NULL
FROM pg_constraint k LEFT JOIN disabled d ON d.root = k.oid
JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_class r ON r.oid = k.confrelid JOIN pg_namespace rn ON rn.oid = r.relnamespace
WHERE k.contype = 'f' AND k.conparentid = 0 AND {CARRIED} AND NOT {OF_EXTENSION} ORDER BY 1, 2, 3
"""
_OF_PARTITIONS = f"""
{_FAMILY}
SELECT n.nspname::text, c.relname::text, rn.nspname::text, rc.relname::text, r.conname::text, k.conname::text
FROM family f JOIN pg_constraint k ON k.oid = f.oid JOIN pg_constraint r ON r.oid = f.root
JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_class rc ON rc.oid = r.conrelid JOIN pg_namespace rn ON rn.oid = rc.relnamespace WHERE f.oid <> f.root AND {CARRIED}
"""


@dataclass(frozen=True)
class ForeignKey:
    """One as the catalog describes it; those of partitions come and go with their parent's."""

    schema: str
    table: str
    name: str
    definition: str
    comment: str | None
    schema_referred_to: str
    table_referred_to: str
    is_disabled: bool
    """A superuser disabled its triggers: rows may break it, so it could not be set again."""

    @property
    def place(self) -> tuple[str, str, str]:
        return self.schema, self.table, self.name


def read_keys(connection: Connection, names: Names) -> list[ForeignKey]:
    """The application's foreign keys."""
    return [ForeignKey(*row) for row in connection.execute(_KEYS, {"ours": names.schema}).fetchall()]


def lift_keys(source: Connection, target: Connection, names: Names, role: str) -> None:
    """Off a copy that is to be filled; but those that are disabled on the source, or that its rows break: they could not be set
    again."""
    kept = {key.place for key in read_keys(source, names) if key.is_disabled}
    kept |= {key.place for key in look_at_keys(source, names, role).broken_keys}
    for key in read_keys(target, names):
        if key.place not in kept:
            table, name = sql.Identifier(key.schema, key.table), sql.Identifier(key.name)
            target.execute(sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(table, name))


def set_keys(source: Connection, target: Connection, names: Names, patience: Patience) -> list[str]:
    """On the filled copy, as they are on the source; the server looks at every row. Returns their names. Again is fine. Raises
    StepFailed naming one that the rows do not hold, or who holds its tables."""
    there = {key.place for key in read_keys(target, names)}
    set_ = []
    for key in read_keys(source, names):
        if key.place in there:
            continue
        where = f"{key.schema}.{key.table}: {key.name}"
        patience.look_up(where)
        try:
            with_short_lock(target, _statements(key), _tables(target, key), patience, where=where, limit=LOCK_SECONDS)
        except psycopg.errors.ForeignKeyViolation as error:
            raise StepFailed(
                say("postgresql.foreign_key_broken", key=where, said=str(error.diag.message_primary)),
                where=names.database, remedy=say("postgresql.mend_foreign_key"),
            ) from error  # fmt: skip
        set_.append(where)
    name_like(source, target, names)
    return set_


def name_like(source: Connection, target: Connection, names: Names) -> None:
    """Names those of partitions as on ``source``: one that stood before its partition was attached has a name of its own, which no
    dump carries. Again is fine."""
    there = {row[:5]: row[5] for row in target.execute(_OF_PARTITIONS, {"ours": names.schema}).fetchall()}
    for row in source.execute(_OF_PARTITIONS, {"ours": names.schema}).fetchall():
        name = there.get(row[:5], row[5])
        if name != row[5]:
            rename = sql.SQL("ALTER TABLE {} RENAME CONSTRAINT {} TO {}")
            target.execute(rename.format(sql.Identifier(row[0], row[1]), sql.Identifier(name), sql.Identifier(row[5])))


def _statements(key: ForeignKey) -> list[sql.Composed]:
    table, name = sql.Identifier(key.schema, key.table), sql.Identifier(key.name)
    statements = [sql.SQL("ALTER TABLE {} ADD CONSTRAINT {} {}").format(table, name, sql.SQL(key.definition))]
    if key.comment is not None:
        statements.append(sql.SQL("COMMENT ON CONSTRAINT {} ON {} IS {}").format(name, table, sql.Literal(key.comment)))
    return statements


def _tables(target: Connection, key: ForeignKey) -> list[int]:
    query = "SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE (nspname, relname) IN ((%s, %s), (%s, %s))"
    both = (key.schema, key.table, key.schema_referred_to, key.table_referred_to)
    return [row[0] for row in target.execute(query, both).fetchall()]
