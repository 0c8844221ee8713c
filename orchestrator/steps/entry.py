"""Lets citizens' HTTP requests follow from old to new instances, both alive, and back; then the files' last pass."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from orchestrator.cutover import guarding
from orchestrator.errors import Finding, OrchestratorError, StepFailed, TurnedBack, Unasked, findings_of, words_of
from orchestrator.gateways.haproxy_entry import HaproxyEntry
from orchestrator.gateways.holder import NotFollowed
from orchestrator.movers.contract import Direction
from orchestrator.steps import files, hold, previews
from orchestrator.steps.base import Context, Effect, Facts, Observed, Step
from orchestrator.steps.citizens import Probes, put_on_record
from orchestrator.steps.turns import one_at_a_time
from orchestrator.texts import Words, kept, say

IDLE_SECONDS = 10.0
RELOAD_SECONDS = 10.0
"""Longer than a reload of a shared entry takes: its new process looks at every server anew."""


_services = hold.services_of


@contextmanager
def opened_entry(ctx: Context, to: str) -> Iterator[HaproxyEntry]:
    """The entry with its channels, leading every service of the system to ``to`` (``source`` or ``target``)."""
    gateway = ctx.sites.entry
    if gateway is None:
        raise StepFailed(say("steps.no_entry"), where="sites.yaml", remedy=say("steps.add_balancer"))
    channel = []
    if gateway.ssh is not None and ctx.settings.known_hosts is not None and ctx.settings.ssh_key is not None:
        channel = guarding.channel(gateway.ssh, ctx.settings.known_hosts, ctx.settings.ssh_key)
    leads = []
    for service in _services(ctx):
        source = {"host": ctx.world.source(service.host).address, "port": service.port}
        known = service.host in ctx.world.targets
        target = {"host": ctx.world.target(service.host).address, "port": service.port} if known else {"host": "", "port": 0}
        leads.append({"part": service.name, "source": source, "target": target, "to": to})
    entry = HaproxyEntry(gateway=hold.gateway_of(gateway).model_dump(mode="json"), channel=channel, leads=leads, claims=hold.claims(ctx))
    try:
        yield entry
    finally:
        entry.disconnect()


@contextmanager
def changing_entry(ctx: Context, to: str, *, only_looks: bool = False) -> Iterator[HaproxyEntry]:
    """The same, to change it: nobody of ours changes it for another system meanwhile, whose reload would switch what is only written.
    ``only_looks``: at what is not to change while it is looked at."""
    hosts = [ctx.sites.entry.host] if ctx.sites.entry else []  # without one it is not opened either
    with one_at_a_time(ctx, hosts, only_looks=only_looks), opened_entry(ctx, to) as entry:
        yield entry


def run(ctx: Context) -> Facts:
    """New servers join and pass their check, old ones are left; then the files that were written meanwhile follow. Written into
    the entry's configuration first, where that is known."""
    if not _services(ctx):
        return {"entries": [], "files": _pass_files(ctx, back=False)}
    return {"entries": [service.entry for service in _services(ctx)]} | _shift(ctx, Direction.FORWARD)


def _shift(ctx: Context, direction: Direction) -> Facts:
    """Leads the entry, watched from outside until clients are answered; what they had is put on record. Where no database was
    switched before, this is the switch."""
    if hold.is_held(ctx):
        return _settle_held(ctx, direction)
    ahead = _bring_files_ahead(ctx, direction)
    probes = Probes.of_entries(ctx, f"entry-{direction}")
    probes.start()
    began = time.time()
    try:
        with changing_entry(ctx, direction.other) as entry:
            entry.stage()
            entry.switch_and_resume()
        facts: Facts = {"files_ahead": ahead, "files": _settle_files(ctx, back=direction is Direction.BACK)}
        unconfirmed = list(map(kept, probes.wait_healthy()))
    except (NotFollowed, OSError) as error:
        raise StepFailed(words_of(error), where="entry", remedy=say("steps.traffic_stays")) from error
    finally:
        probes.stop()
    if probes.probes:
        seen, until = probes.since(began, None)
        measured = {"gap_ms": seen.longest_gap_ms, "requests": seen.requests, "failed": seen.failed, "not_confirmed": unconfirmed}
        ctx.records.event("entry_shifted", measured | {"direction": direction})
        if not ctx.world.movable_databases:
            put_on_record(ctx, direction, seen, began=began, ended=until, detail={"not_confirmed": unconfirmed})
        facts |= measured
    return facts


def _settle_held(ctx: Context, direction: Direction) -> Facts:
    """The guard has led the entry with the decision; readers that were under way end, and one pass that reads everything shows whether
    somebody wrote past the hold (a job, a connection that stays open)."""
    try:
        with hold.opened(ctx, direction.other) as entry:
            if not entry.is_led():
                entry.switch_and_resume()
            until = time.monotonic() + IDLE_SECONDS
            while (staying := entry.count_left()) and time.monotonic() < until:
                time.sleep(0.05)
    except (NotFollowed, OSError) as error:
        raise StepFailed(words_of(error), where="entry", remedy=say("steps.traffic_stays")) from error
    if staying:
        ctx.say(str(say("steps.connections_stay", count=staying)))
    return {"held": True, "connections_staying": staying, "files": _pass_files(ctx, back=direction is Direction.BACK)}


def _bring_files_ahead(ctx: Context, direction: Direction) -> Facts:
    """What was written since the last pass, right before the other instances take requests: it is there when citizens are, and no
    instance gives a new file a name that the other one has given since. Not once a shift was begun: both sides may have writers then."""
    if not ctx.world.targets or ctx.target_is_lost():
        return {}
    back = direction is Direction.BACK
    with opened_entry(ctx, "target" if back else "source") as entry:
        if not entry.is_led():
            return {}
    for tree in ctx.system.file_trees:
        files.follow(ctx, tree, back=back)
    return {"followed": len(ctx.system.file_trees)}


def _settle_files(ctx: Context, *, back: bool) -> Facts:
    """Waits until the side that was left has no request under way, then one pass that reads everything."""
    with opened_entry(ctx, "source" if back else "target") as entry:
        until = time.monotonic() + IDLE_SECONDS
        while time.monotonic() < until and not entry.is_idle():
            time.sleep(0.05)
    return _pass_files(ctx, back=back)


def _pass_files(ctx: Context, *, back: bool) -> Facts:
    if not ctx.world.targets or ctx.target_is_lost():
        return {}
    way = Direction.BACK if back else Direction.FORWARD
    return {tree.path: files.merge(ctx, tree, back=back, passed=hold.passed_file(ctx, way, tree)) for tree in ctx.system.file_trees}


def observe(ctx: Context) -> Observed:
    """HAProxy itself: new servers up, old ones without traffic. Where neither side seems to be led, somebody else's reload may be under way:
    it is looked at again before that is said."""
    if not _services(ctx):
        return Observed.NOTHING
    until = time.monotonic() + RELOAD_SECONDS
    while True:
        if _is_led(ctx, "target"):
            return Observed.DONE
        if is_back(ctx) is Observed.DONE:
            return Observed.NOT_DONE
        if time.monotonic() > until:
            return Observed.UNCLEAR
        time.sleep(0.2)


def _is_led(ctx: Context, to: str) -> bool:
    if hold.is_held(ctx):
        with hold.opened(ctx, to) as held:
            return held.is_led()
    with opened_entry(ctx, to) as entry:
        return entry.is_led()


def back(ctx: Context) -> Facts:
    """Old servers take traffic again, new ones leave; files written on the cloud follow to the source."""
    if not _services(ctx):
        return {"files": _pass_files(ctx, back=True)}
    for service in _services(ctx):
        if problem := ctx.world.find_illness(service, ctx.world.source(service.host), limit=10):
            raise StepFailed(
                say("steps.old_instance_ill", name=service.name, problem=problem),
                where=service.host,
                remedy=say("steps.start_and_resume"),
            )
    facts = _shift(ctx, Direction.BACK)
    if hold.is_held(ctx):
        return facts
    with opened_entry(ctx, "source") as entry:
        for service in _services(ctx):
            entry.unlearn(service.name)
    return facts


def is_back(ctx: Context) -> Observed:
    """HAProxy itself: old servers up, no new ones."""
    if not _services(ctx):
        return Observed.DONE
    if hold.is_held(ctx):
        return Observed.DONE if _is_led(ctx, "source") else Observed.NOT_DONE
    with opened_entry(ctx, "source") as entry:
        led = entry.is_led()
        left = [service for service in _services(ctx) if service.host in ctx.world.targets and entry.find_servers(service.name, "target")]
    return Observed.DONE if led and not left else Observed.NOT_DONE


def undo(ctx: Context) -> None:
    """The same as going back; nothing to do when it was done there."""
    if _services(ctx) and is_back(ctx) is not Observed.DONE:
        back(ctx)


def keep_led(ctx: Context) -> list[Words]:
    """For the trial run and acceptance: the entry as it was switched. Where it is not (restarted, changed by hand) it is switched
    again, with a word about it; what cannot be mended is returned."""
    if not _services(ctx) or not ctx.world.targets:
        return []
    try:
        with hold.opened(ctx, "target") if hold.is_held(ctx) else changing_entry(ctx, "target") as entry:
            problems = entry.find_problems()
            if not problems:
                return []
            entry.stage()
            entry.switch_and_resume()
    except TurnedBack:
        raise
    except (NotFollowed, OrchestratorError, OSError) as error:
        return [say("steps.entry_says", said=words_of(error))]
    ctx.records.event("entry_led_again", {"problems": [kept(problem) for problem in problems]})
    ctx.say(str(say("steps.entry_led_again", problems=tuple(problems))))
    return []


def find_problems(ctx: Context) -> list[Finding]:
    """For preflight: what the entry cannot do for this system, and what a person should know."""
    if not _services(ctx) or ctx.sites.entry is None:
        return []
    remedy = say("steps.mend_entry")
    try:
        if ctx.sites.entry.ssh is not None:
            ctx.world.ssh(ctx.sites.entry.ssh)
        with changing_entry(ctx, "source", only_looks=True) as entry:
            found = [Finding("entry", "error", problem, remedy, system=ctx.system.id) for problem in entry.obstacles()]
            return found + [Finding("entry-note", "warning", note, remedy, system=ctx.system.id) for note in entry.find_warnings()]
    except Unasked as error:
        return list(findings_of(error, "entry", ctx.system.id))
    except (OrchestratorError, OSError) as error:
        return [Finding("entry", "error", say("steps.entry_not_asked", said=words_of(error)), remedy, system=ctx.system.id)]


STEP = Step(
    id="shift_entry",
    effect=Effect.REVERSIBLE,
    run=run,
    observe=observe,
    undo_source=undo,
    preview=previews.entry,
)
BACK = Step(
    id="shift_entry_back",
    effect=Effect.READ_ONLY,
    run=back,
    observe=is_back,
)
