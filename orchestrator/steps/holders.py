"""The gateways of both sites as the guard is told of them, and as the steps use them outside a fence: which kind holds which
databases, by their mover."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from orchestrator.cutover import guarding, kinds
from orchestrator.errors import NeedsPerson, words_of
from orchestrator.gateways import pgbouncer, tcp_hold
from orchestrator.gateways.holder import DatabaseHolder, Holder, Place
from orchestrator.gateways.pgbouncer import Lead
from orchestrator.models import Database, Site
from orchestrator.movers import registry
from orchestrator.steps import hold
from orchestrator.steps.base import Context
from orchestrator.texts import Words, kept, say
from orchestrator.texts.names import side_name

LEAD_MS = 1000
"""Nobody is held outside of a fence."""
BEYOND_FENCE_SECONDS = 5.0
"""How much longer than a fence may last new connections wait for a guard that has died."""


def databases_behind(ctx: Context, gateway: str) -> list[Database]:
    """Those that the gateways of a kind hold, in the inventory's order."""
    return [each for each in ctx.world.movable_databases if registry.held_by(each) == gateway]


def describe_holders(ctx: Context, side: str) -> list[dict[str, Any]]:
    """Both sites' gateways, leading every database to ``side``, each to its own host. The old room's come first."""
    return [spec for site in (ctx.world.room, ctx.world.cloud) for spec in describe_site(ctx, site, side)]


def describe_site(ctx: Context, site: Site, side: str) -> list[dict[str, Any]]:
    """One site's gateways for the guard's specification, each with its own databases. They hold passwords."""
    found = []
    if site.pgbouncer is not None and (databases := databases_behind(ctx, "pgbouncer")):
        found.append(_describe_pgbouncer(ctx, site, databases, side))
    if site.tcp is not None and (databases := databases_behind(ctx, "tcp")):
        found.append(_describe_tcp(ctx, site, databases, side))
    return found


def _places(ctx: Context, database: Database) -> dict[str, Place]:
    is_known = database.host in ctx.world.targets
    return {
        side: Place(ctx.world.host(database.host, side if is_known else "source").address, database.port) for side in ("source", "target")
    }


def _channel(ctx: Context, site: Site) -> list[str]:
    assert ctx.settings.known_hosts is not None and ctx.settings.ssh_key is not None  # noqa: S101 - preflight looked
    return guarding.channel(site.gateway, ctx.settings.known_hosts, ctx.settings.ssh_key)


def _describe_pgbouncer(ctx: Context, site: Site, databases: Sequence[Database], side: str) -> dict[str, Any]:
    gateway = site.pgbouncer
    assert gateway is not None  # noqa: S101 - the caller looked
    leads = []
    for database in databases:
        places = _places(ctx, database)
        leads.append(Lead(part=database.name, database=database.name, source=places["source"], target=places["target"], to=side))
    console = pgbouncer.console_dsn(
        gateway.address, gateway.port, user=gateway.admin_role, password=ctx.world.secret(gateway.secret)
    )
    return pgbouncer.specify(admin=console, channel=_channel(ctx, site), databases_file=gateway.databases_file, leads=leads)


def _describe_tcp(ctx: Context, site: Site, databases: Sequence[Database], side: str) -> dict[str, Any]:
    gateway = site.tcp
    assert gateway is not None  # noqa: S101 - the caller looked
    leads = [
        {"part": database.name, "to": side} | {place: vars(where) for place, where in _places(ctx, database).items()}
        for database in databases
    ]
    gap = ctx.system.interruption.gap_ms if ctx.system.interruption else 1000
    return tcp_hold.specify(
        gateway=gateway.model_dump(mode="json", include={"host", "address", "runtime_port", "runtime_socket"}),
        channel=_channel(ctx, site), folder=gateway.folder, ports=gateway.ports, hold_seconds=gap / 1000 + BEYOND_FENCE_SECONDS, leads=leads,
    )  # fmt: skip


@contextmanager
def opened_gateways(ctx: Context, site: Site, side: str) -> Iterator[list[DatabaseHolder]]:
    """One site's gateways with their channels, for as long as the block lasts."""
    holders: list[DatabaseHolder] = []
    try:
        for spec in describe_site(ctx, site, side):
            holders.append(kinds.make_database_holder(spec))
        yield holders
    finally:
        for holder in holders:
            holder.disconnect()


def _lead(ctx: Context, holder: Holder) -> None:
    """A gateway whose host cannot be reached may still serve the right side: then its file is owed, and nobody waits for it."""
    try:
        holder.switch_and_resume()
    except OSError as error:
        if not holder.is_led():
            raise
        ctx.records.event("gateway_file_owed", {"gateway": kept(holder.where), "why": kept(words_of(error))})
        ctx.say(str(say("steps.file_owed", where=holder.where, error=words_of(error))))
    finally:
        holder.disconnect()


def lead_room(ctx: Context, side: str) -> list[Words]:
    """Leads the old room's gateways to a side; those of a cloud that may be lost follow if they answer. What did not follow there
    is returned. Raises NeedsPerson when one of the room's does not."""
    owed = []
    for site in (ctx.world.room, ctx.world.cloud):
        for spec in describe_site(ctx, site, side):
            try:
                _lead(ctx, kinds.make_holder(spec))
            except Exception as error:
                said = words_of(error)
                if site.kind == "room":
                    raise NeedsPerson(
                        say("steps.room_not_follows", side=side_name(side), said=said),
                        where=ctx.system.id,
                        remedy=say("steps.bring_gateway_back"),
                    ) from error
                owed.append(said)
    return owed


def lead_to(ctx: Context, side: str) -> None:
    """Points every gateway at a side that is open and lets the clients go on. All are tried; raises NeedsPerson with each that
    does not follow."""
    failed = []
    for spec in [*describe_holders(ctx, side), *hold.describe(ctx, side, LEAD_MS)]:
        try:
            _lead(ctx, kinds.make_holder(spec))
        except Exception as error:  # noqa: BLE001 - the others' clients must not wait for this one
            failed.append(words_of(error))
    if failed:
        raise NeedsPerson(
            say("steps.gateway_not_follows", side=side_name(side), failed=tuple(failed)),
            where=ctx.system.id,
            remedy=say("steps.bring_gateway_back"),
        )
