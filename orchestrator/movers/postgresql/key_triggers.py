"""Foreign keys that nobody holds: a superuser disabled their triggers (``DISABLE TRIGGER ALL``), and no dump says so."""

from __future__ import annotations

from psycopg import sql

from orchestrator.movers.postgresql.connections import Connection
from orchestrator.movers.postgresql.names import Names
from orchestrator.movers.postgresql.relations import CARRIED

_TRIGGERS = f"""
SELECT n.nspname::text, c.relname::text, kn.nspname::text, kc.relname::text, k.conname::text, p.proname::text,
  t.tgname::text, t.tgenabled::text
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_constraint k ON k.oid = t.tgconstraint JOIN pg_class kc ON kc.oid = k.conrelid
JOIN pg_namespace kn ON kn.oid = kc.relnamespace JOIN pg_proc p ON p.oid = t.tgfoid
WHERE t.tgisinternal AND {CARRIED}
"""
"""A trigger's own name holds an object's number: it is known by its table, its constraint and its function."""


def disable_like(source: Connection, target: Connection, names: Names) -> None:
    """Disables on ``target`` the triggers of constraints that are disabled on ``source``. Again is fine."""
    there = {row[:6]: row[6:] for row in target.execute(_TRIGGERS, {"ours": names.schema}).fetchall()}
    for row in source.execute(_TRIGGERS, {"ours": names.schema}).fetchall():
        name, enabled = there.get(row[:6], ("", "D"))
        if row[7] == "D" and enabled != "D":
            table, trigger = sql.Identifier(row[0], row[1]), sql.Identifier(name)
            target.execute(sql.SQL("ALTER TABLE ONLY {} DISABLE TRIGGER {}").format(table, trigger))
