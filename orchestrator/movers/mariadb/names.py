"""Our own names on somebody's MariaDB server, and the mark by which an undo knows what is ours.

Made from the system and the database, so that they cannot be an application's.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True)
class Names:
    """What we call our things for one database of one system: ``[a-z0-9_]``, at most 64 characters."""

    system: str
    database: str

    @property
    def schema(self) -> str:
        """The database of ours beside the application's, on both sides, and the stem of every other name."""
        key = f"{self.system}\0{self.database}".encode("utf-8", "surrogatepass")
        return f"orchestrator_{hashlib.sha256(key).hexdigest()[:10]}"

    @property
    def forward(self) -> str:
        """The replication channel on the target."""
        return f"{self.schema}_forward"

    @property
    def back(self) -> str:
        """The replication channel on the source, for the way back."""
        return f"{self.schema}_back"

    @property
    def rehearsal(self) -> str:
        """The throwaway database in which a backup is restored, and the account that uses it."""
        return f"{self.schema}_rehearsal"

    @property
    def mark(self) -> str:
        """The comment of our database; what bears its name without it is somebody's."""
        return f"orchestrator migration of {self.database} of {self.system}"[:1024]
