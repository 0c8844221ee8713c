"""The old instances, for which nobody asks any more: whoever still comes to them past the entry is looked for, and after acceptance
they are stopped, so that nothing is written where nobody will read it.
"""

from __future__ import annotations

from orchestrator.errors import Finding, OrchestratorError, ToolError, Unasked
from orchestrator.hosts import visitors
from orchestrator.models import Host, Service
from orchestrator.steps import files, people, previews, services
from orchestrator.steps.base import Context, Coverage, Effect, Facts, Observed, Preview, Step
from orchestrator.steps.protect import ONTO_SERVERS
from orchestrator.texts import Sentence, kept, say

TASK = "comes_past_entry"

# ---------------------------------------------------------------- who comes past the entry


def find_visitors(ctx: Context) -> list[Sentence]:
    """By service that citizens reach by the entry, who is connected to its old instance and is neither the entry nor of the system. A
    look, no proof: who comes once an hour is not seen. Hosts whose kernel is everybody's (``processes``) are left out. Raises Unasked."""
    known = _known(ctx)
    found = []
    for host in ctx.system.hosts:
        asked = [one for one in ctx.system.services if one.host == host.name and one.entry and one.port]
        if host.manager != "systemd" or not asked:
            continue
        seen = visitors.look(ctx.world.ssh(host), [int(one.port or 0) for one in asked])
        for one in asked:
            if strangers := sorted(seen[int(one.port or 0)] - known):
                found.append(say("steps.visitors", service=one.name, host=host.name, port=one.port or 0, addresses=tuple(strangers)))
    return found


def _known(ctx: Context) -> set[str]:
    """Addresses that may come: the entry's, by whichever of its addresses, the system's own, and ours."""
    known = {host.address for host in ctx.system.hosts} | {host.address for host in ctx.world.targets.values()}
    for host in ctx.system.hosts:
        if host.manager == "systemd":
            known.add(ctx.world.ssh(host).from_address)
    if (entry := ctx.sites.entry) is not None:
        known.add(entry.address)
        if entry.ssh is not None:
            known.add(entry.ssh.address)
            known |= set(ctx.world.ssh(entry.ssh).run(["hostname", "-I"], timeout=20).stdout.split())
    return known


def find_warnings(ctx: Context) -> list[Finding]:
    """For preflight. What only warns holds nobody up."""
    if ctx.verdict.strategy not in ONTO_SERVERS or ctx.verdict.no_source:
        return []
    try:
        found = find_visitors(ctx)
    except Unasked as error:
        return list(error.findings(ctx.system.id))
    except OrchestratorError as error:
        return [Finding("visitors-unseen", "warning", error.says, error.mend, system=ctx.system.id)]
    return [Finding("comes-past-entry", "warning", one, say("steps.lead_visitors"), system=ctx.system.id) for one in found]


def look(ctx: Context) -> Facts:
    """Once more before acceptance, after which the old instances stop. Raises Waiting until a person says that whoever comes to them was
    led elsewhere, or may be shut out. A host that does not answer now is told, and is no reason to move citizens back to it."""
    try:
        found = find_visitors(ctx)
    except ToolError as error:
        ctx.say(str(say("steps.visitors_unseen", said=error.says)))
        return {"past_entry": [], "unseen": kept(error.says)}
    facts: Facts = {"past_entry": [kept(one) for one in found]}
    if found or ctx.records.task_opened(LOOK.id, TASK) is not None:
        what = say("steps.task_visitors", visitors=tuple(found) or say("steps.none"))
        facts |= {"tasks": people.ask(ctx, LOOK.id, [(TASK, what)], facts)}
    return facts


# ---------------------------------------------------------------- after acceptance


def close(ctx: Context) -> Facts:
    """ONE_WAY: every old instance that is the system's alone is stopped and held, the last one first; then what was written on the old
    side past the entry joins the new one. What others use goes on, and is named.

    Raises Waiting for an old host that does not answer, until a person says that it is off for good."""
    stopped: list[str] = []
    off: dict[str, Facts] = {}
    for service in reversed(services.moved(ctx)):
        if service.host in off:
            continue
        try:
            if _is_ours(ctx, service):
                services.before(ctx, service).hold(ctx.world.service_before(service))
                stopped.append(service.name)
        except Unasked:
            off |= _said_off(ctx, ctx.world.source(service.host))
    others = [one for one in ctx.system.services if one.name not in stopped and one.host not in off]
    facts: Facts = {"stopped": stopped, "goes_on": [service.name for service in others], "off": off, "files": {}}
    for tree in ctx.system.file_trees:
        if tree.host in off:
            continue
        try:
            facts["files"][f"{tree.host}:{tree.path}"] = taken = files.take_over(ctx, tree)
        except Unasked:
            off |= _said_off(ctx, ctx.world.source(tree.host))
            continue
        if taken["joined_count"] or taken["beside_count"]:
            told = {"joined": taken["joined_count"], "beside": taken["beside_count"], "quarantine": taken["quarantine"] or "-"}
            ctx.say(str(say("steps.taken_over", path=tree.path, host=tree.host, **told)))
    for service in others:
        ctx.say(str(say("steps.old_goes_on", name=service.name, host=service.host)))
    return facts


def _is_ours(ctx: Context, service: Service) -> bool:
    """Whether its old instance is this system's alone, and its host knows how it is kept (what somebody started by hand it does not)."""
    return not service.shared and services.before(ctx, service).state(ctx.world.service_before(service)).present


def _said_off(ctx: Context, host: Host) -> dict[str, Facts]:
    what = say("steps.task_old_host_off", host=host.name)
    return {host.name: people.ask(ctx, CLOSE.id, [(f"off-{host.name}", what)], {"host": host.name})}


def preview(ctx: Context, _connect: bool) -> Preview:
    """What would stop, and what would go on, as the inventory has it; whether its host knows how it is kept is seen then."""
    ours = [one.name for one in services.moved(ctx) if not one.shared]
    others = [one.name for one in ctx.system.services if one.name not in ours]
    none = say("steps.none")
    return Preview(Coverage.PLANNED, say("steps.how_close", stopped=tuple(ours) or none, others=tuple(others) or none))


def _looked(_: Context) -> Observed:
    return Observed.DONE


def observe(ctx: Context) -> Observed:
    """The old hosts: every instance that is the system's alone is held. Of the files the run itself insists: what others use goes on."""
    if not services.moved(ctx) and not ctx.system.file_trees:
        return Observed.NOTHING
    off = {name.removeprefix("off-") for name in ctx.records.tasks_done(CLOSE.id)}
    asked = [one for one in services.moved(ctx) if one.host not in off]
    try:
        held = [services.before(ctx, one).state(ctx.world.service_before(one)).held for one in asked if _is_ours(ctx, one)]
    except Unasked:
        return Observed.NOT_DONE
    return Observed.DONE if all(held) else Observed.UNCLEAR if any(held) else Observed.NOT_DONE


LOOK = Step(
    id="look_past_entry",
    effect=Effect.READ_ONLY,
    run=look,
    observe=_looked,
    preview=previews.planned(say("steps.how_visitors")),
)
CLOSE = Step(
    id="close_old_side",
    effect=Effect.ONE_WAY,
    run=close,
    observe=observe,
    preview=preview,
)
