"""Our own names on somebody's database server, and the mark by which an undo knows what is ours.

Made from the system and the database, so that they cannot be an application's and two databases on one server never collide.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True)
class Names:
    """What we call our things for one database of one system: ``[a-z0-9_]``, at most 63 bytes."""

    system: str
    database: str

    @property
    def schema(self) -> str:
        """Our schema (an engine without any: our database beside the application's), and the stem of every other name."""
        key = f"{self.system}\0{self.database}".encode("utf-8", "surrogatepass")
        return f"orchestrator_{hashlib.sha256(key).hexdigest()[:10]}"

    @property
    def forward(self) -> str:
        """What carries changes from source to target: publication, subscription and slot; a channel."""
        return f"{self.schema}_forward"

    @property
    def back(self) -> str:
        """The same for the way back."""
        return f"{self.schema}_back"

    @property
    def rehearsal(self) -> str:
        """The throwaway database in which a backup is restored, and the account that uses it."""
        return f"{self.schema}_rehearsal"

    @property
    def mark(self) -> str:
        """The comment that everything of ours bears; what bears our name without it is somebody's."""
        return f"orchestrator migration of {self.database} of {self.system}"[:1024]
