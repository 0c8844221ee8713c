"""Names that other modules still ask for here; each stands in the module that is named for it."""

from __future__ import annotations

from orchestrator.movers.postgresql.connections import Connection
from orchestrator.movers.postgresql.names import Names
from orchestrator.movers.postgresql.subscription import is_at_work as works
from orchestrator.movers.postgresql.subscription import retained_bytes

__all__ = ["retained_bytes", "tables", "works"]

_TABLES = """
SELECT n.nspname::text, c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND c.relpersistence = 'p' AND NOT c.relispartition
  AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_' AND n.nspname <> %s ORDER BY 1, 2
"""


def tables(connection: Connection, names: Names) -> list[tuple[str, str]]:
    """(schema, name) of the application's permanent tables, sorted."""
    return [(r[0], r[1]) for r in connection.execute(_TABLES, (names.schema,)).fetchall()]
