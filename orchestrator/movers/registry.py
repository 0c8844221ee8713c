"""The one definition of *movable*: which engine's databases a mover of ours moves, and by which class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from orchestrator.models import Database, System
from orchestrator.movers.contract import Hands, Mover
from orchestrator.movers.source import SourceServer

if TYPE_CHECKING:
    from orchestrator.tools.ssh import SshConnection

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
    if kind == "mariadb":  # no engine leads to it yet: its gateway and its server's preparation are missing (decisions/0027)
        from orchestrator.movers.mariadb.mover import MariadbMover

        return MariadbMover(hands)
    raise LookupError(f"no mover for {kind}")


def source_server(database: Database, connection: SshConnection, *, name: str, home: str, run_as: Sequence[str]) -> SourceServer:
    """The server of a database on its source host. Raises LookupError for an engine that nobody moves."""
    if DATABASES.get(database.engine) == "postgresql":
        from orchestrator.movers.postgresql.source_server import PostgresSource

        return PostgresSource(connection, name=name, port=database.port, home=home, run_as=run_as)
    raise LookupError(f"no mover for {database.engine}")
