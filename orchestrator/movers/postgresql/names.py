"""Our own names inside somebody's database cluster, and the mark by which an undo knows what is ours.

Made from the system and the database, so that they cannot be an application's and two databases on one
cluster never collide (slots, subscriptions, roles and databases are known to the whole cluster).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from psycopg import sql


@dataclass(frozen=True)
class Names:
    """What we call our things for one database of one system: ``[a-z0-9_]``, at most 63 bytes."""

    system: str
    database: str

    @property
    def schema(self) -> str:
        """Our schema, and the stem of every other name."""
        key = f"{self.system}\0{self.database}".encode("utf-8", "surrogatepass")
        return f"orchestrator_{hashlib.sha256(key).hexdigest()[:10]}"

    @property
    def forward(self) -> str:
        """Publication on the source, subscription on the target and the slot between them."""
        return f"{self.schema}_forward"

    @property
    def back(self) -> str:
        """The same for the way back: publication on the target, subscription on the source."""
        return f"{self.schema}_back"

    @property
    def freeze(self) -> str:
        """The event trigger that refuses schema changes (and the stem of further ones)."""
        return f"{self.schema}_freeze"

    @property
    def rehearsal(self) -> str:
        """The throwaway database in which a backup is restored, and the role that uses it."""
        return f"{self.schema}_rehearsal"

    @property
    def mark(self) -> str:
        """The comment that everything of ours bears; what bears our name without it is somebody's."""
        return f"orchestrator migration of {self.database} of {self.system}"

    def table(self, name: str) -> sql.Identifier:
        """A table or function of our schema, quoted."""
        return sql.Identifier(self.schema, name)
