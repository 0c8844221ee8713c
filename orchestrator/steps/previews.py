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
from orchestrator.texts import Words, say
from orchestrator.texts.durations import spell

Look = Callable[[Context, bool], Preview]


def finding(ctx: Context, code: str, message: Words, remedy: Words, *, severity: str = "error") -> Finding:
    """A finding about the system that is looked at."""
    return Finding(code, severity, message, remedy, system=ctx.system.id)


def planned(how: Words) -> Look:
    """A step of which a dry run can say what it will do, and no more."""

    def look(_ctx: Context, _connect: bool) -> Preview:
        return Preview(Coverage.PLANNED, how)

    return look


def gate(verb: str) -> Look:
    """A gate: who is asked for what."""

    def look(ctx: Context, _connect: bool) -> Preview:
        return Preview(Coverage.PLANNED, say("steps.how_waits", verb=verb, system=ctx.system.id))

    return look


def window(ctx: Context, _connect: bool) -> Preview:
    """The window as an approval given now would name it, by the same calendar."""
    from orchestrator.planning.calendar import approved_opening
    from orchestrator.planning.programme import load_programme

    entry = next((entry for entry in ctx.plan.entries if entry.system == ctx.system.id), None)
    if entry is None:
        return Preview(Coverage.NOT_TOUCHED, say("steps.how_no_plan_window"))
    programme = load_programme(ctx.settings.inventory / "program.yaml")
    opening = approved_opening(entry, ctx.system, dt.datetime.now(dt.UTC), programme)
    if opening is None:
        words = say("steps.window_over")
        remedy = say("steps.give_windows")
        return Preview(Coverage.EXECUTED, say("steps.how_no_window"), (finding(ctx, "no-window", words, remedy),))
    return Preview(Coverage.EXECUTED, say("steps.how_approval", start=f"{opening.start:%Y-%m-%d %H:%M}", end=opening.until, rule=opening.rule))


def links(ctx: Context, connect: bool) -> Preview:
    """Which links are looked at from both sides; with connections, from the old hosts already now."""
    from orchestrator.steps.links import find_unreached

    if not connect:
        asked = [link for link in ctx.system.links if link.direction != "in" and link.address is not None and link.port is not None]
        return Preview(Coverage.CHECKED, say("steps.how_links", count=len(asked), of=len(ctx.system.links)))
    lost, tried, unasked = find_unreached(ctx)
    remedy = say("steps.correct_link")
    found = tuple(finding(ctx, "link-unreached", say("steps.link_unreached", way=name), remedy, severity="warning") for name in lost)
    return Preview(Coverage.CHECKED, say("steps.how_links_asked", count=tried), (*found, *unasked))


def accounts(ctx: Context, connect: bool) -> Preview:
    """Which accounts come over: by the services' accounts; with connections, by the owners of files too."""
    from orchestrator.steps.accounts import needed, source_hosts

    if not connect:
        named = sorted({service.account for service in ctx.system.services if service.account})
        return Preview(Coverage.PLANNED, say("steps.how_accounts", accounts=tuple(named) or say("steps.none")))
    try:
        wanted = {host.name: needed(ctx, host) for host in source_hosts(ctx)}
    except OrchestratorError as error:
        return Preview(Coverage.CHECKED, say("steps.how_host_unasked"), findings_of(error, "accounts", ctx.system.id))
    named = sorted({name for users, groups in wanted.values() for name in (*users, *groups)})
    return Preview(Coverage.CHECKED, say("steps.how_accounts_hosts", accounts=tuple(named) or say("steps.none")))


def file_trees(ctx: Context, connect: bool) -> Preview:
    """Every tree has a host, a path that can be copied, and its place on the other side; with connections, it is there."""
    found = []
    for tree in ctx.system.file_trees:
        path = PurePosixPath(tree.path)
        if not path.is_absolute() or ".." in path.parts or len(path.parts) < 2:
            remedy = say("steps.name_folder")
            found.append(finding(ctx, "file-tree", say("steps.tree_path", path=tree.path), remedy))
        elif connect:
            found += _find_absence(ctx, tree.host, tree.path)
    return Preview(Coverage.CHECKED, say("steps.how_trees", count=len(ctx.system.file_trees)), tuple(found))


def _find_absence(ctx: Context, host: str, path: str) -> tuple[Finding, ...]:
    """A path that its host has not; a host that cannot be asked has not lost anything by that."""
    try:
        code = ctx.world.ssh(ctx.world.source(host)).run(["test", "-e", path, "-o", "-L", path], timeout=20).code
    except OrchestratorError as error:
        return findings_of(error, "file-tree", ctx.system.id)
    return () if code == 0 else (finding(ctx, "file-tree", say("steps.host_lacks", host=host, path=path), say("steps.correct_tree")),)


def databases(what: Words) -> Look:
    """A step that loops over the movable databases: each has its mover, its place on both sides, its administrator."""

    def look(ctx: Context, _connect: bool) -> Preview:
        from orchestrator.steps.parts import parts

        try:
            known = [part.name for _, part in parts(ctx)]
        except OrchestratorError as error:
            return Preview(Coverage.CHECKED, say("steps.how_no_database_described"), findings_of(error, "database", ctx.system.id))
        return Preview(Coverage.PLANNED, say("steps.how_parts", how=what, databases=tuple(known) or say("steps.no_database")))

    return look


def fence(direction: str) -> Look:
    """What the guard would be told, made by the function that makes it: sides, gateways, budget. No guard was started."""

    def look(ctx: Context, _connect: bool) -> Preview:
        from orchestrator.steps import foretell, hold
        from orchestrator.steps.cutover import specification

        try:
            spec = specification(ctx, direction, f"dry-run-{direction}")
        except OrchestratorError as error:
            return Preview(Coverage.CHECKED, say("steps.how_guard_untold"), findings_of(error, "guard", ctx.system.id))
        told = say("steps.guard_told", parts=len(spec.parts), gateways=len(spec.holders), limit=spec.fence_ms)
        seen = foretell.what_clients_see(ctx, held=hold.is_wanted(ctx))
        return Preview(Coverage.CHECKED, say("steps.how_guard", told=told, seen=seen))

    return look


def gateway(ctx: Context, _connect: bool) -> Preview:
    """The lines that the cloud's gateway would hold."""
    lines = []
    for database in ctx.world.movable_databases:
        host = ctx.world.source(database.host)
        lines.append(f"{database.name} → {host.name}:{database.port}")
    return Preview(Coverage.PLANNED, say("steps.how_gateway", lines=tuple(lines) or say("steps.nothing")))


def undescribed(ctx: Context, error: OrchestratorError) -> Preview:
    """A service that cannot be placed; for a name that nobody bears preflight has said so."""
    from orchestrator.steps.names import find_within

    found = () if any(find_within(ctx.system)) else findings_of(error, "service", ctx.system.id)
    return Preview(Coverage.CHECKED, say("steps.how_no_service_described"), found)


def described_services(how: Words, *, effects: bool) -> Look:
    """Every service as it would stand on its target host, by the function that places it."""

    def look(ctx: Context, _connect: bool) -> Preview:
        from orchestrator.steps.services import moved

        try:
            placed = [ctx.world.service(service, effects=effects).name for service in moved(ctx)]
        except OrchestratorError as error:
            return undescribed(ctx, error)
        return Preview(Coverage.CHECKED, say("steps.how_parts", how=how, databases=tuple(placed) or say("steps.no_service")))

    return look


def entry(ctx: Context, _connect: bool) -> Preview:
    """How many services citizens reach by the entry; one without its port there is named by preflight."""
    wanted = [service for service in ctx.system.services if service.entry and service.port]
    ports = ctx.sites.entry.ports if ctx.sites.entry is not None else {}
    return Preview(Coverage.CHECKED, say("steps.how_entry", count=sum(service.entry in ports for service in wanted)))


def trial(ctx: Context, _connect: bool) -> Preview:
    """How long the trial run lasts, and when it goes back by itself."""
    from orchestrator.steps.gates import grace_seconds, trial_seconds

    return Preview(Coverage.EXECUTED, say("steps.how_trial", time=spell(trial_seconds(ctx)), grace=spell(grace_seconds(ctx))))


def unchanged(ctx: Context, _connect: bool) -> Preview:
    """Whether the three unchanged (R6) could be compared at all: without an owner final acceptance would stop there."""
    missing = [name for name in ("security_owner", "data_owner") if not getattr(ctx.system, name)]
    remedy = say("steps.department_form")
    found = tuple(finding(ctx, "three-unchanged", say("steps.not_answered", name=name), remedy, severity="warning") for name in missing)
    return Preview(Coverage.EXECUTED, say("steps.how_unchanged") if not missing else say("steps.how_would_stop"), found)


def catalogue(ctx: Context, _connect: bool) -> Preview:
    """What would be registered."""
    names = tuple(resource.name for resource in ctx.system.data_resources)
    return Preview(Coverage.EXECUTED, say("steps.how_register", names=names or say("steps.no_resource")))


def people(what: Words) -> Look:
    """A step that people do: it waits for their evidence."""

    def look(_ctx: Context, _connect: bool) -> Preview:
        return Preview(Coverage.PLANNED, say("steps.how_people", what=what))

    return look


def new_addresses(what: Words) -> Look:
    """A step that needs addresses at the cloud centre; preflight names those that are missing."""

    def look(ctx: Context, _connect: bool) -> Preview:
        things: list[Any] = [*ctx.system.hosts, *ctx.system.devices]
        known = [f"{thing.name} → {thing.new_address}" for thing in things if thing.new_address is not None]
        return Preview(Coverage.CHECKED, say("steps.how_parts", how=what, databases=tuple(known) or say("steps.no_new_addresses")))

    return look


def outage(ctx: Context, _connect: bool) -> Preview:
    """How long the announced outage may be."""
    minutes = ctx.system.interruption.outage_minutes if ctx.system.interruption else None
    if minutes:
        return Preview(Coverage.EXECUTED, say("steps.how_outage", time=spell(minutes * 60)))
    found = finding(ctx, "outage-unanswered", say("steps.no_outage"), say("steps.answer_outage"), severity="warning")
    return Preview(Coverage.EXECUTED, say("steps.how_no_outage"), (found,))


def device_outage(ctx: Context, _connect: bool) -> Preview:
    """How long each device may be away."""
    outages = tuple(say("steps.some_outage", name=device.name, time=spell((device.travel_outage_minutes or 60) * 60)) for device in ctx.system.devices)
    return Preview(Coverage.EXECUTED, say("steps.how_device_outage", outages=outages or say("steps.nothing")))
