"""The gateways of both sites as the guard is told of them, and as the steps use them outside a fence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from orchestrator.cutover import guarding, kinds
from orchestrator.errors import NeedsPerson, words_of
from orchestrator.gateways import pgbouncer
from orchestrator.gateways.holder import Holder, Place
from orchestrator.gateways.pgbouncer import Lead, PgBouncer
from orchestrator.models import Site
from orchestrator.steps import hold
from orchestrator.steps.base import Context
from orchestrator.texts import Words, kept, say
from orchestrator.texts.names import side_name

LEAD_MS = 1000
"""Nobody is held outside of a fence."""


def sites_with_pgbouncer(ctx: Context) -> list[Site]:
    """The old room first; none for a system without databases."""
    if not ctx.world.movable_databases:
        return []
    return [site for site in (ctx.world.room, ctx.world.cloud) if site.pgbouncer is not None]


def describe_holders(ctx: Context, side: str) -> list[dict[str, Any]]:
    """Both sites' gateways, leading every database to ``side``, each to its own host."""
    return [describe_pgbouncer(ctx, site, side) for site in sites_with_pgbouncer(ctx)]


def describe_pgbouncer(ctx: Context, site: Site, side: str) -> dict[str, Any]:
    """One site's PgBouncer for the guard's specification. It holds the console's password."""
    gateway = site.pgbouncer
    assert gateway is not None and ctx.settings.known_hosts is not None and ctx.settings.ssh_key is not None  # noqa: S101 - preflight looked
    leads = []
    for database in ctx.world.movable_databases:
        places = {}
        for each in ("source", "target"):
            known = each == "source" or database.host in ctx.world.targets
            places[each] = Place(ctx.world.host(database.host, each if known else "source").address, database.port)
        leads.append(Lead(part=database.name, database=database.name, source=places["source"], target=places["target"], to=side))
    console = pgbouncer.console_dsn(
        gateway.address, gateway.port, user=gateway.admin_role, password=ctx.world.secret(gateway.secret)
    )
    channel = guarding.channel(site.gateway, ctx.settings.known_hosts, ctx.settings.ssh_key)
    return pgbouncer.specify(admin=console, channel=channel, databases_file=gateway.databases_file, leads=leads)


@contextmanager
def opened_pgbouncer(ctx: Context, site: Site, side: str) -> Iterator[PgBouncer]:
    """One site's PgBouncer with its channels, for as long as the block lasts."""
    spec = describe_pgbouncer(ctx, site, side)
    holder = PgBouncer(**{name: value for name, value in spec.items() if name != "kind"})
    try:
        yield holder
    finally:
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
    """Leads the old room's gateway to a side; that of a cloud that may be lost follows if it answers. What did not follow there
    is returned. Raises NeedsPerson when the room's does not."""
    owed = []
    for site in sites_with_pgbouncer(ctx):
        try:
            _lead(ctx, kinds.make_holder(describe_pgbouncer(ctx, site, side)))
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
