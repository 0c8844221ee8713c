"""What a dry run can do of the steps that need no tool of their own to be looked at: their real inputs are worked out by the
functions that the run itself calls, and nothing is opened, written or asked.

What is only said (a gate that will wait, a task that a person will do) is *planned*; what was worked out and held to a rule is
*checked*; what the run itself does and no more is *executed*.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any

from orchestrator.errors import Finding, OrchestratorError, findings_of
from orchestrator.steps.base import Context, Coverage, Preview

Look = Callable[[Context, bool], Preview]


def finding(ctx: Context, code: str, message: str, remedy: str, *, severity: str = "error") -> Finding:
    """A finding about the system that is looked at."""
    return Finding(code, severity, message, remedy, system=ctx.system.id)


def planned(how: str) -> Look:
    """A step of which a dry run can say what it will do, and no more."""

    def look(_ctx: Context, _connect: bool) -> Preview:
        return Preview(Coverage.PLANNED, how)

    return look


def gate(verb: str) -> Look:
    """A gate: who is asked for what."""

    def look(ctx: Context, _connect: bool) -> Preview:
        return Preview(Coverage.PLANNED, f"waits for another account: `orchestrator {verb} {ctx.system.id}`")

    return look


def window(ctx: Context, _connect: bool) -> Preview:
    """The window as an approval given now would name it, by the same calendar."""
    from orchestrator.planning.calendar import approved_opening
    from orchestrator.planning.programme import load_programme

    entry = next((entry for entry in ctx.plan.entries if entry.system == ctx.system.id), None)
    if entry is None:
        return Preview(Coverage.NOT_TOUCHED, "the plan has no window for it")
    programme = load_programme(ctx.settings.inventory / "program.yaml")
    opening = approved_opening(entry, ctx.system, dt.datetime.now(dt.UTC), programme)
    if opening is None:
        words = "the planned window is over and no other that is long enough opens within 400 days"
        remedy = "give the system windows or the programme fewer blackouts"
        return Preview(Coverage.EXECUTED, "no window opens", (finding(ctx, "no-window", words, remedy),))
    return Preview(Coverage.EXECUTED, f"an approval now would be for {opening.start:%Y-%m-%d %H:%M} – {opening.end:%H:%M}, {opening.rule}")


def links(ctx: Context, connect: bool) -> Preview:
    """Which links are looked at from both sides; with connections, from the old hosts already now."""
    from orchestrator.steps.links import reaches

    asked = [link for link in ctx.system.links if link.direction != "in" and link.address is not None and link.port is not None]
    if not connect:
        return Preview(Coverage.CHECKED, f"{len(asked)} of {len(ctx.system.links)} links have an address to look at; nobody was asked")
    lost = []
    try:
        for link in asked:
            lost += [
                f"{host.name} does not reach {link.peer} {link.address}:{link.port} today"
                for host in ctx.system.hosts
                if not reaches(ctx, host, link)
            ]
    except OrchestratorError as error:
        return Preview(Coverage.CHECKED, "a host cannot be asked", findings_of(error, "links", ctx.system.id))
    found = tuple(finding(ctx, "link-unreached", words, "correct or remove the link", severity="warning") for words in lost)
    return Preview(Coverage.CHECKED, f"{len(asked)} links, asked from the old hosts", found)


def accounts(ctx: Context, connect: bool) -> Preview:
    """Which accounts come over: by the services' accounts; with connections, by the owners of files too."""
    from orchestrator.steps.accounts import needed, source_hosts

    if not connect:
        named = sorted({service.account for service in ctx.system.services if service.account})
        return Preview(Coverage.PLANNED, f"accounts of services: {', '.join(named) or 'none'}; owners of files are read on the hosts")
    try:
        wanted = {host.name: needed(ctx, host) for host in source_hosts(ctx)}
    except OrchestratorError as error:
        return Preview(Coverage.CHECKED, "a host cannot be asked", findings_of(error, "accounts", ctx.system.id))
    named = sorted({name for users, groups in wanted.values() for name in (*users, *groups)})
    return Preview(Coverage.CHECKED, f"accounts and groups on the old hosts: {', '.join(named) or 'none'}")


def file_trees(ctx: Context, connect: bool) -> Preview:
    """Every tree has a host, a path that can be copied, and its place on the other side; with connections, it is there."""
    found = []
    for tree in ctx.system.file_trees:
        path = PurePosixPath(tree.path)
        if not path.is_absolute() or ".." in path.parts or len(path.parts) < 2:
            remedy = "name the folder that the system owns, from the root"
            found.append(finding(ctx, "file-tree", f"{tree.path} is no path of a tree that can be copied", remedy))
        elif tree.host not in {host.name for host in ctx.system.hosts}:
            found.append(finding(ctx, "file-tree", f"{tree.path} is on {tree.host}, which is no host of it", "correct `host`"))
        elif connect and not _is_there(ctx, tree.host, tree.path):
            found.append(finding(ctx, "file-tree", f"{tree.host} has no {tree.path}", "correct the path, or take the tree out"))
    return Preview(Coverage.CHECKED, f"{len(ctx.system.file_trees)} trees by their paths; nothing was copied", tuple(found))


def _is_there(ctx: Context, host: str, path: str) -> bool:
    try:
        return ctx.world.ssh(ctx.world.source(host)).run(["test", "-e", path], timeout=20).code == 0
    except OrchestratorError:
        return False  # preflight says of the host itself what is wrong


def databases(what: str) -> Look:
    """A step that loops over the movable databases: each has its mover, its place on both sides, its administrator."""

    def look(ctx: Context, _connect: bool) -> Preview:
        from orchestrator.steps.parts import parts

        try:
            known = [part.name for _, part in parts(ctx)]
        except OrchestratorError as error:
            return Preview(Coverage.CHECKED, "a database cannot be described", findings_of(error, "database", ctx.system.id))
        return Preview(Coverage.PLANNED, f"{what}: {', '.join(known) or 'no database'}")

    return look


def fence(direction: str) -> Look:
    """What the guard would be told, made by the function that makes it: sides, gateways, budget. No guard was started."""

    def look(ctx: Context, _connect: bool) -> Preview:
        from orchestrator.steps.cutover import specification

        try:
            spec = specification(ctx, direction, f"dry-run-{direction}")
        except OrchestratorError as error:
            return Preview(Coverage.CHECKED, "the guard cannot be told", findings_of(error, "guard", ctx.system.id))
        told = f"{len(spec.parts)} parts, {len(spec.holders)} gateways, {spec.fence_ms} ms"
        return Preview(Coverage.CHECKED, f"what the guard is told: {told}; no guard was started")

    return look


def gateway(ctx: Context, _connect: bool) -> Preview:
    """The lines that the cloud's gateway would hold."""
    lines = []
    for database in ctx.world.movable_databases:
        host = ctx.world.source(database.host)
        lines.append(f"{database.name} → {host.name}:{database.port}")
    return Preview(Coverage.PLANNED, f"the cloud's gateway leads {', '.join(lines) or 'nothing'}; it was not asked")


def described_services(how: str, *, effects: bool) -> Look:
    """Every service as it would stand on its target host, by the function that places it."""

    def look(ctx: Context, _connect: bool) -> Preview:
        from orchestrator.steps.services import moved

        try:
            placed = [ctx.world.service(service, effects=effects).name for service in moved(ctx)]
        except OrchestratorError as error:
            return Preview(Coverage.CHECKED, "a service cannot be described", findings_of(error, "service", ctx.system.id))
        return Preview(Coverage.CHECKED, f"{how}: {', '.join(placed) or 'no service'}")

    return look


def entry(ctx: Context, _connect: bool) -> Preview:
    """Every service that citizens reach has its port at the entry."""
    wanted = [service for service in ctx.system.services if service.entry and service.port]
    ports = ctx.sites.entry.ports if ctx.sites.entry is not None else {}
    missing = [service for service in wanted if service.entry not in ports]
    found = tuple(
        finding(ctx, "entry", f"{service.name}: the entry has no port named {service.entry}", "add it to `entry.ports` in sites.yaml")
        for service in missing
    )
    return Preview(Coverage.CHECKED, f"{len(wanted)} services at the entry; it was not asked", found)


def trial(ctx: Context, _connect: bool) -> Preview:
    """How long the trial run lasts, and when it goes back by itself."""
    from orchestrator.steps.gates import grace_seconds, trial_seconds

    hours, minutes = trial_seconds(ctx) / 3600, grace_seconds(ctx) / 60
    return Preview(Coverage.EXECUTED, f"watched for {hours:.1f} h; goes back by itself after {minutes:.0f} min unhealthy")


def unchanged(ctx: Context, _connect: bool) -> Preview:
    """Whether the three unchanged (R6) could be compared at all: without an owner final acceptance would stop there."""
    missing = [name for name in ("security_owner", "data_owner") if not getattr(ctx.system, name)]
    remedy = "the department answers in its form; else the acceptance stops there"
    found = tuple(finding(ctx, "three-unchanged", f"{name} is not answered", remedy, severity="warning") for name in missing)
    return Preview(Coverage.EXECUTED, "what is compared is answered" if not missing else "it would stop at the acceptance", found)


def catalogue(ctx: Context, _connect: bool) -> Preview:
    """What would be registered."""
    names = ", ".join(resource.name for resource in ctx.system.data_resources)
    return Preview(Coverage.EXECUTED, f"would register {names or 'nothing: the inventory names no data resource'}")


def people(what: str) -> Look:
    """A step that people do: it waits for their evidence."""

    def look(_ctx: Context, _connect: bool) -> Preview:
        return Preview(Coverage.PLANNED, f"{what}: waits for evidence (`orchestrator task done`)")

    return look


def new_addresses(what: str) -> Look:
    """A step that needs addresses at the cloud centre; preflight names those that are missing."""

    def look(ctx: Context, _connect: bool) -> Preview:
        things: list[Any] = [*ctx.system.hosts, *ctx.system.devices]
        known = [f"{thing.name} → {thing.new_address}" for thing in things if thing.new_address is not None]
        return Preview(Coverage.CHECKED, f"{what}: {', '.join(known) or 'no new address'}")

    return look


def outage(ctx: Context, _connect: bool) -> Preview:
    """How long the announced outage may be."""
    minutes = ctx.system.interruption.outage_minutes if ctx.system.interruption else None
    if minutes:
        return Preview(Coverage.EXECUTED, f"announced for {minutes:g} minutes; nothing was shut down")
    found = finding(ctx, "outage-unanswered", "no outage is allowed for, so every one is a breach", "answer `outage_minutes`", severity="warning")
    return Preview(Coverage.EXECUTED, "no outage is allowed for", (found,))


def device_outage(ctx: Context, _connect: bool) -> Preview:
    """How long each device may be away."""
    minutes = ", ".join(f"{device.name} {device.travel_outage_minutes or 60:g} min" for device in ctx.system.devices)
    return Preview(Coverage.EXECUTED, f"would announce {minutes or 'nothing'}")
