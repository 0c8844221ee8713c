"""Triggers that fire even for replicated rows (ENABLE ALWAYS, ENABLE REPLICA): held still on the side that follows.

On the live side such a trigger has done its work, and what it wrote flows by itself; firing again on the other side would do
it twice. So it is disabled there while that side follows, and put back, in the fence, before the side is opened. Rules do not
matter: rows are applied below them. Event triggers neither: no schema change flows.
"""

from __future__ import annotations

from psycopg import sql

from orchestrator.movers.postgresql import records
from orchestrator.movers.postgresql.connections import Connection
from orchestrator.movers.postgresql.names import Names
from orchestrator.movers.postgresql.relations import CARRIED

_FIRING = f"""
SELECT n.nspname::text, c.relname::text, t.tgname::text, t.tgenabled::text
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE t.tgenabled IN ('A', 'R') AND NOT t.tgisinternal AND c.relkind IN ('r', 'p') AND {CARRIED} ORDER BY 1, 2, 3
"""
_WORD = {"A": "ENABLE ALWAYS", "R": "ENABLE REPLICA"}


def firing_on_replicated_rows(connection: Connection, names: Names) -> list[tuple[str, str, str, str]]:
    """(schema, table, trigger, ``A`` or ``R``) of every trigger that would fire for rows that come from the other side."""
    return [(r[0], r[1], r[2], r[3]) for r in connection.execute(_FIRING, {"ours": names.schema}).fetchall()]


def _alter(schema: str, table: str, word: str, trigger: str) -> sql.Composed:
    return sql.SQL("ALTER TABLE ONLY {} {} TRIGGER {}").format(sql.Identifier(schema, table), sql.SQL(word), sql.Identifier(trigger))


def hold_triggers(connection: Connection, names: Names) -> list[str]:
    """On a side that is closed and will follow: holds them still, writing down how they were. Again is fine."""
    firing = firing_on_replicated_rows(connection, names)
    if firing:
        with connection.transaction():
            records.remember(connection, names, "trigger_held", firing)
            for schema, table, trigger, _ in firing:
                connection.execute(_alter(schema, table, "DISABLE", trigger))
    return [f"{schema}.{table}: {trigger}" for schema, table, trigger, _ in firing]


def free_triggers(connection: Connection, names: Names) -> None:
    """Puts back what was held, in one transaction: before a side opens, and in every undo. Nothing held is fine."""
    held = records.remembered(connection, names, "trigger_held")
    if not held:
        return
    with connection.transaction():
        for schema, table, trigger, enabled in held:
            connection.execute(_alter(schema, table, _WORD[enabled], trigger))
        connection.execute(sql.SQL("DELETE FROM {}").format(names.table("trigger_held")))
