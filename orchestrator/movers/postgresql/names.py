"""Our names inside a database cluster: slots, subscriptions, roles and databases are known to the whole of it."""

from __future__ import annotations

from psycopg import sql

from orchestrator.movers import names


class Names(names.Names):
    """Those of every engine, and what only this one has."""

    @property
    def freeze(self) -> str:
        """The event trigger that refuses schema changes (and the stem of further ones)."""
        return f"{self.schema}_freeze"

    def table(self, name: str) -> sql.Identifier:
        """A table or function of our schema, quoted."""
        return sql.Identifier(self.schema, name)
