"""The one definition of *movable*: which engine's databases a mover of ours moves, and by which class."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.errors import Refused
from orchestrator.models import Database, Host, Landing, System
from orchestrator.movers.contract import Hands, Mover, Part
from orchestrator.movers.source import SourceServer
from orchestrator.texts import say

if TYPE_CHECKING:
    from orchestrator.tools.ssh import SshConnection

DATABASES = {"postgresql": "postgresql", "mariadb": "mariadb"}
"""Engine as the inventory names it → kind of mover. What is not here is vendor-run: MySQL too, which was never run."""
RUN = {"mariadb": ("10.11",)}
"""Engine → the versions that its mover was run on, where another one is not its business: a database that says so is vendor-run."""
ALONE = ("mariadb",)
"""Kinds of which a system has one database at most: each moves a server with all that is on it."""
SUPERUSER = {"postgresql": "postgres", "mariadb": "root"}
"""Kind of mover → the account of a host that its server lets in over its socket without a password."""


@dataclass(frozen=True)
class TargetServer:
    """What a new server must be told that follows another one. ``number``: server id and domain."""

    number: int
    settings: Mapping[str, str]


_HELD_BY = {"postgresql": "pgbouncer", "mariadb": "tcp"}
"""Kind of mover → the field of a site that names the gateway of its clients."""


def held_by(database: Database) -> str:
    """Which gateway of a site holds a database's clients, as ``sites.yaml`` calls it; empty for one that no mover moves."""
    return _HELD_BY.get(DATABASES.get(database.engine, ""), "")


def movable(database: Database) -> bool:
    """Whether a mover of ours moves it. What the inventory leaves open, preflight asks the server."""
    if database.engine not in DATABASES:
        return False
    stated = re.search(r"\d+\.\d+", database.version or "")
    return stated is None or stated[0] in RUN.get(database.engine, (stated[0],))


def movable_databases(system: System) -> list[Database]:
    """The system's databases that a mover moves; the others are vendor-run."""
    return [database for database in system.databases if movable(database)]


def vendor_run(system: System) -> list[Database]:
    """Those that nobody but their vendor moves."""
    return [database for database in system.databases if not movable(database)]


def is_whole_server(system: System) -> bool:
    """Whether its machines are brought elsewhere by their file systems: the inventory names a landing."""
    return any(host.landing is not None for host in system.hosts)


def landing_of(host: Host) -> Landing:
    """Raises Refused where the inventory names none."""
    if host.landing is None:
        raise Refused(say("server.no_landing", host=host.name), where=host.address, remedy=say("server.give_landing"))
    return host.landing


def make_mover(kind: str, hands: Hands) -> Mover:
    """The mover of a kind. Raises LookupError for a kind that nobody moves."""
    if kind == "postgresql":
        from orchestrator.movers.postgresql.mover import PostgresMover

        return PostgresMover(hands)
    if kind == "mariadb":
        from orchestrator.movers.mariadb.mover import MariadbMover

        return MariadbMover(hands)
    raise LookupError(f"no mover for {kind}")


def ask_kin(database: Database, part: Part) -> dict[str, Any] | str:
    """What a vendor-run database says of itself that speaks a protocol which we speak, or why it says nothing; empty for all others."""
    from orchestrator.movers.vendor.dialects import KINGBASE, dialect_of

    if dialect_of(database.engine) is not KINGBASE or not (database.admin_role and database.admin_secret):
        return ""
    from orchestrator.movers.postgresql import kin

    return kin.ask_or_say_why(part)


def find_left(part: Part, side: str) -> list[tuple[str, str, int]]:
    """What of ours is left in a database, by our marks: kind, name, bytes. Raises ToolError when it cannot be asked."""
    if part.kind == "mariadb":
        from orchestrator.movers.mariadb import left_behind as left_by_mariadb

        return left_by_mariadb.find(part, side)
    from orchestrator.movers.postgresql import left_behind

    return left_behind.find_or_say_why(part, side)


def remove_left(part: Part, hands: Hands) -> None:
    """The same removed from the old side, which stays closed. Raises StepFailed where it would not."""
    if part.kind == "mariadb":
        from orchestrator.movers.mariadb import left_behind as left_by_mariadb

        return left_by_mariadb.remove(part)
    from orchestrator.movers.postgresql import left_behind

    return left_behind.remove(part, hands)


def target_server(part: Part) -> TargetServer:
    """What the source says about a server that shall mean the same. Raises LookupError for a kind that needs no telling."""
    if part.kind == "mariadb":
        from orchestrator.movers.mariadb import target_server as server

        return TargetServer(server.wanted_number(part), server.wanted_settings(part))
    raise LookupError(f"nothing to tell a server of {part.kind}")


def source_server(database: Database, connection: SshConnection, *, name: str, home: str, run_as: Sequence[str]) -> SourceServer:
    """The server of a database on its source host. Raises LookupError for an engine that nobody moves."""
    if DATABASES.get(database.engine) == "postgresql":
        from orchestrator.movers.postgresql.source_server import PostgresSource

        return PostgresSource(connection, name=name, port=database.port, home=home, run_as=run_as)
    if DATABASES.get(database.engine) == "mariadb":
        from orchestrator.movers.mariadb.source_server import MariadbSource

        return MariadbSource(connection, name=name, port=database.port, home=home, run_as=run_as)
    raise LookupError(f"no mover for {database.engine}")
