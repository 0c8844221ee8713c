"""Which relations are the application's: not the system's, not ours, not an extension's own."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.movers.postgresql.connections import Connection
from orchestrator.movers.postgresql.names import Names

OF_APPLICATION = "n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_' AND n.nspname <> %(ours)s"
"""Of ``pg_namespace n``; wants the parameter ``ours``."""

OF_EXTENSION = "EXISTS (SELECT 1 FROM pg_depend x WHERE x.classid = 'pg_class'::regclass AND x.objid = c.oid AND x.deptype = 'e')"
CONFIGURED = "EXISTS (SELECT 1 FROM pg_extension x WHERE c.oid = ANY(x.extconfig))"
"""Of ``pg_class c``: an extension's table whose rows are the application's (``pg_extension_config_dump``)."""

CARRIED = f"{OF_APPLICATION} AND (NOT {OF_EXTENSION} OR {CONFIGURED})"

_TABLES = f"""
SELECT c.oid, n.nspname::text, c.relname::text, c.relreplident::text, {CONFIGURED}
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND {CARRIED} ORDER BY 2, 3
"""


@dataclass(frozen=True)
class Table:
    """A table that holds rows: an ordinary one, or the lowest partition of a partitioned one."""

    oid: int
    schema: str
    name: str
    identity: str
    """``d`` default, ``i`` an index, ``f`` full, ``n`` nothing."""
    configured: bool
    """An extension's table whose rows are the application's."""

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"


def carried_tables(connection: Connection, names: Names) -> list[Table]:
    """Every table whose rows are carried, sorted by name. Partitioned tables hold no rows: their partitions stand here."""
    return [Table(*row) for row in connection.execute(_TABLES, {"ours": names.schema}).fetchall()]
