"""The one definition of *movable*: which engine's databases a mover of ours moves, and by which class."""

from __future__ import annotations

from orchestrator.models import Database, System
from orchestrator.movers.contract import Hands, Mover

DATABASES = {"postgresql": "postgresql"}
"""Engine as the inventory names it → kind of mover. What is not here is vendor-run."""


def movable(database: Database) -> bool:
    """Whether a mover of ours moves it."""
    return database.engine in DATABASES


def movable_databases(system: System) -> list[Database]:
    """The system's databases that a mover moves; the others are vendor-run."""
    return [database for database in system.databases if movable(database)]


def make_mover(kind: str, hands: Hands) -> Mover:
    """The mover of a kind. Raises LookupError for a kind that nobody moves."""
    if kind == "postgresql":
        from orchestrator.movers.postgresql.mover import PostgresMover

        return PostgresMover(hands)
    raise LookupError(f"no mover for {kind}")
