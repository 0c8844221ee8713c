"""CHECK constraints that are NOT VALID: rows which were there before need not hold them.

They are asked of new rows only, and to a copy every row is a new one. So they are taken off the copy while it is filled, and
stand there again, as they were, before anybody relies on it; what flows meanwhile holds them, for the live side asks.
"""

from __future__ import annotations

from psycopg import sql

from orchestrator.movers.postgresql.connections import Connection
from orchestrator.movers.postgresql.names import Names

_UNVALIDATED = """
WITH RECURSIVE heirs AS (
  SELECT inhrelid AS oid, 1 AS depth FROM pg_inherits
  UNION ALL SELECT i.inhrelid, h.depth + 1 FROM heirs h JOIN pg_inherits i ON i.inhparent = h.oid)
SELECT n.nspname::text, coalesce(c.relname, t.typname)::text, k.conname::text, k.contypid <> 0, pg_get_constraintdef(k.oid),
  obj_description(k.oid, 'pg_constraint'), k.coninhcount = 0
FROM pg_constraint k LEFT JOIN pg_class c ON c.oid = k.conrelid LEFT JOIN pg_type t ON t.oid = k.contypid
JOIN pg_namespace n ON n.oid = coalesce(c.relnamespace, t.typnamespace)
WHERE k.contype = 'c' AND NOT k.convalidated AND k.conislocal AND n.nspname <> %(ours)s
  AND coalesce(c.relkind, 'd') IN ('r', 'p', 'd')
  AND NOT EXISTS (SELECT 1 FROM pg_depend x WHERE x.classid IN ('pg_class'::regclass, 'pg_type'::regclass)
    AND x.objid IN (k.conrelid, k.contypid) AND x.deptype = 'e')
ORDER BY coalesce((SELECT max(depth) FROM heirs h WHERE h.oid = k.conrelid), 0) DESC, 1, 2, 3
"""
"""Heirs first: a check that a table has of its own beside the inherited one must stand before its parent's, which then merges with
it; and it can be dropped only after that."""

_OF_HEIRS = """
SELECT n.nspname::text, c.relname::text, k.conname::text, k.convalidated FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
JOIN pg_namespace n ON n.oid = c.relnamespace WHERE k.contype = 'c' AND k.coninhcount > 0 AND n.nspname <> %(ours)s AND c.relkind IN ('r', 'p')
"""


def lift_unvalidated(target: Connection, names: Names) -> None:
    """Off a copy that is to be filled."""
    while True:
        rows = target.execute(_UNVALIDATED, {"ours": names.schema}).fetchall()
        free = [row for row in rows if row[6]]
        for schema, name, check, is_domain, *_ in free:
            target.execute(sql.SQL("ALTER {} {} DROP CONSTRAINT {}").format(*_place(schema, name, is_domain), sql.Identifier(check)))
        if not free:  # with a parent's goes what its heirs had from it, and what is their own may be dropped
            return


def set_unvalidated(source: Connection, target: Connection, names: Names) -> list[str]:
    """On the filled copy, as they are on the source; returns their names. Again is fine."""
    there = {tuple(row[:3]) for row in target.execute(_UNVALIDATED, {"ours": names.schema}).fetchall()}
    set_ = []
    for schema, name, check, is_domain, definition, comment, _ in source.execute(_UNVALIDATED, {"ours": names.schema}).fetchall():
        if (schema, name, check) in there:
            continue
        kind, place = _place(schema, name, is_domain)
        with target.transaction():
            target.execute(
                sql.SQL("ALTER {} {} ADD CONSTRAINT {} {}").format(kind, place, sql.Identifier(check), sql.SQL(definition))
            )
            if comment is not None:
                on = sql.SQL("DOMAIN {}" if is_domain else "{}").format(place)
                target.execute(
                    sql.SQL("COMMENT ON CONSTRAINT {} ON {} IS {}").format(sql.Identifier(check), on, sql.Literal(comment))
                )
        set_.append(f"{schema}.{name}: {check}")
    _validate_heirs(source, target, names)
    return set_


def _validate_heirs(source: Connection, target: Connection, names: Names) -> None:
    """An heir that came later has its parent's check, and its rows hold it."""
    there = {row[:3] for row in target.execute(_OF_HEIRS, {"ours": names.schema}).fetchall() if not row[3]}
    for schema, name, check, is_validated in source.execute(_OF_HEIRS, {"ours": names.schema}).fetchall():
        if is_validated and (schema, name, check) in there:
            validate = sql.SQL("ALTER TABLE {} VALIDATE CONSTRAINT {}")
            target.execute(validate.format(sql.Identifier(schema, name), sql.Identifier(check)))


def _place(schema: str, name: str, is_domain: bool) -> tuple[sql.SQL, sql.Identifier]:
    return sql.SQL("DOMAIN" if is_domain else "TABLE"), sql.Identifier(schema, name)
