"""The movable parts of the system under migration, each with its mover: what the thin steps loop over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.movers import registry
from orchestrator.movers.contract import Hands, Mover, Part, Place
from orchestrator.steps.base import Context

if TYPE_CHECKING:
    from orchestrator.models import Database


def parts(ctx: Context) -> list[tuple[Mover, Part]]:
    """Every movable database with its mover, in the inventory's order."""
    hands = Hands(
        folder=ctx.world.folder,
        say=ctx.say,
        register=ctx.records.process,
        should_stop=ctx.should_stop,
    )
    pairs = []
    for database in registry.movable_databases(ctx.system):
        kind = registry.DATABASES[database.engine]
        pairs.append((registry.make_mover(kind, hands), part_of(ctx, database)))
    return pairs


def part_of(ctx: Context, database: Database) -> Part:
    """A database with the addresses of both sides, each its own host's."""
    target = None
    if database.host in ctx.world.targets:
        target = Place(ctx.world.target(database.host).address, database.port)
    return Part(
        kind=registry.DATABASES[database.engine],
        system=ctx.system.id,
        name=database.name,
        source=Place(ctx.world.source(database.host).address, database.port),
        target=target,
        role=database.role or "",
        admin=database.admin_role or "orchestrator",
        password=ctx.world.secret(database.admin_secret),
    )
