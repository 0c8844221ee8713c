"""The movable parts of the system under migration, each with its mover: what the thin steps loop over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from orchestrator import texts
from orchestrator.errors import Finding, NeedsPerson, OrchestratorError, Refused
from orchestrator.hosts import questions
from orchestrator.movers import contract, decision, registry
from orchestrator.movers.contract import Direction, Hands, Moment, Mover, Part, Place
from orchestrator.progress import Progress
from orchestrator.steps.base import Context
from orchestrator.texts import Words, kept, say

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
        own = replace(
            hands, progress=partial(_tell_progress, ctx, database.name), free_bytes=partial(_free_bytes, ctx, database.host)
        )
        pairs.append((registry.make_mover(kind, own), part_of(ctx, database)))
    return pairs


_DOING = {"comparison": "say.compares", "backup": "say.backs_up", "restore": "say.restores"}


def _tell_progress(ctx: Context, name: str, copied: contract.Progress) -> None:
    what = f"{name}: {texts.text(_DOING[copied.doing])}" if copied.doing in _DOING else name
    if copied.doing == "comparison":
        ctx.progress(Progress(what, copied.tables_done, copied.tables, "tables"))
    else:
        ctx.progress(Progress(what, copied.bytes_done, copied.bytes, "bytes"))


def _free_bytes(ctx: Context, host: str, side: str, path: str) -> int | None:
    """What is free at a path of a side's host; None when the host cannot be asked."""
    try:
        answers = questions.ask(ctx.world.ssh(ctx.world.source(host) if side == "source" else ctx.world.target(host)), [path])
    except OrchestratorError:
        return None
    return answers.places[0].free_bytes if answers.places else None


def part_of(ctx: Context, database: Database) -> Part:
    """A database with the addresses of both sides, each its own host's. What only its vendor moves has no gateway of ours to go through,
    nor need its room be one that we know."""
    target = None
    sites = (ctx.world.room, ctx.world.cloud) if database.engine in registry.DATABASES else ()
    if database.host in ctx.world.targets:
        target = Place(ctx.world.target(database.host).address, database.port)
    return Part(
        kind=registry.DATABASES.get(database.engine, ""),
        system=ctx.system.id,
        name=database.name,
        source=Place(ctx.world.source(database.host).address, database.port),
        target=target,
        role=database.role or "",
        admin=database.admin_role or "orchestrator",
        password=ctx.world.secret(database.admin_secret),
        gateways=tuple(site.gateway.address for site in sites if ctx.world.way_in(site, database) is not None),
    )


def fences(ctx: Context, direction: Direction, *, snapshot_only: bool = False) -> list[Mapping[str, Any]]:
    """What the guard is told of every part. A system that keeps no rows of its own has one part: the decision where it is live."""
    from orchestrator.steps import hold

    found = [mover.fence(part, direction, snapshot_only=snapshot_only) for mover, part in parts(ctx)]
    if not snapshot_only:
        found += hold.fences(ctx, direction)
    return found or [_decision(ctx, direction)]


def _decision(ctx: Context, direction: Direction) -> Mapping[str, Any]:
    places = {
        place: decision.specify(
            folder=ctx.world.folder, migration=ctx.migration, system=ctx.system.id, place=place, is_open=place == "source",
        )
        for place in ("source", "target")
    }
    return {"name": ctx.system.id, "live": places[direction.live], "other": places[direction.other], "keeps": False}


def refuse_on(ctx: Context, moment: Moment) -> None:
    """Asks every mover's check; warnings are said once. Raises Refused with all findings of all parts."""
    findings = [finding for mover, part in parts(ctx) for finding in mover.check(part, moment)]
    errors = [finding for finding in findings if finding.severity == "error"]
    for finding in findings:
        if finding.severity != "error":
            ctx.say(str(say("steps.warning", says=finding.says, mend=finding.mend)))
    if errors:
        raise Refused(say("steps.findings_at", count=len(errors), moment=moment, system=ctx.system.id), findings=findings, where=ctx.system.id)


def insist_unchanged(ctx: Context) -> None:
    """At a gate before the switch: both sides still are as they were copied, and can do what the switch needs. Raises
    NeedsPerson naming everything that is not; nothing is touched."""
    from orchestrator.steps import credentials

    at_gate = _at_gate(ctx)
    if "replicate" in ctx.facts:  # a password may have changed since: the probe would be refused, and the services after the switch
        at_gate += credentials.find_unread(ctx) or credentials.find_refused(ctx)
    errors = [finding for finding in at_gate if finding.severity == "error"]
    if errors:
        named = tuple(say("steps.finding_and_mend", says=finding.says, mend=finding.mend) for finding in errors)
        raise NeedsPerson(
            say("steps.findings_before", count=len(errors), named=named),
            where=ctx.system.id,
            remedy=say("steps.mend_or_cancel"),
        )


def name_changes(ctx: Context) -> list[Words]:
    """In the trial run: what was changed on either side since the copy. It is told and put on record, and stops nobody:
    whether to accept, or to go back without it, is a person's choice."""
    changes = [finding.says for finding in _at_gate(ctx) if finding.code in ("changed", "sides-differ")]
    if changes:
        ctx.records.event("changed_since_the_copy", {"changes": [kept(change) for change in changes]})
        for change in changes:
            ctx.say(str(say("steps.not_on_both", change=change)))
    return changes


def _at_gate(ctx: Context) -> list[Finding]:
    if "replicate" not in ctx.facts:
        return []
    return [finding for mover, part in parts(ctx) for finding in mover.check(part, Moment.GATE)]
