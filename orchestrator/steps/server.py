"""A whole server (整机) to its landing: passes while it runs; an announced outage with stop, last pass, boot; then the entry.

Its old place stands by and is not written to until somebody goes back: it stays as it was stopped. So before the switch nothing
is lost by starting it again, and after the switch it is what remains where the new place is lost.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from orchestrator.errors import Finding, NeedsPerson, OrchestratorError, StepFailed, findings_of
from orchestrator.movers import registry
from orchestrator.movers.server.mover import ServerMover, Surroundings
from orchestrator.steps import gates, outage, people, previews
from orchestrator.steps.base import Context, Coverage, Effect, Facts, Observed, Preview, Step
from orchestrator.steps.machine import ANNOUNCED, insist_healthy, moved
from orchestrator.steps.world import unit_name
from orchestrator.texts import Words, say
from orchestrator.texts.durations import spell
from orchestrator.tools import health, known_hosts

GIVEN_UP = "lost_with_the_target"
CONSOLE_SECONDS = 5.0
"""Between two looks at the console of what boots."""


def movers(ctx: Context) -> list[ServerMover]:
    """One for each machine of the system, and both its places made known to the world. Raises Refused where one has no landing."""
    adopt(ctx)
    found = []
    for host in ctx.system.hosts:
        landing = registry.landing_of(host)
        assert ctx.settings.known_hosts is not None  # noqa: S101 - preflight looked
        around = Surroundings(
            ctx.world.ssh, ctx.settings.known_hosts, ctx.settings.ssh_key, ctx.records.process, ctx.should_stop, ctx.say
        )  # fmt: skip
        declared = [d.data_directory for d in ctx.system.databases if d.host == host.name and d.data_directory]
        units = [unit_name(service) for service in reversed(ctx.system.services) if service.host == host.name and service.unit]
        found.append(ServerMover(ctx.system.id, host, landing, moved(host), around, declared=declared, first=units))
    return found


def adopt(ctx: Context) -> None:
    """The target is the server itself, elsewhere: it brings its host key along, whatever stood at that address before."""
    ctx.world.targets = {host.name: moved(host) for host in ctx.system.hosts}
    file = ctx.settings.known_hosts
    for host in ctx.system.hosts if file is not None else ():
        there = people.new_address(host)
        ours = known_hosts.remembered(file, host.address, host.ssh_port) if file is not None else []
        if file is not None and ours and not set(ours) & set(known_hosts.remembered(file, there, host.ssh_port)):
            known_hosts.remember(file, there, host.ssh_port, *ours[0])


def find_problems(ctx: Context) -> list[Finding]:
    """For preflight: what keeps the servers from being brought elsewhere. Reads only."""
    found = find_inventory_problems(ctx)
    if any(finding.severity == "error" for finding in found):
        return found
    for mover in movers(ctx):
        try:
            found += mover.find_problems()
        except OrchestratorError as error:
            found += findings_of(error, "server-unasked", ctx.system.id)
    return found


def find_inventory_problems(ctx: Context) -> list[Finding]:
    """What the inventory leaves open."""
    found: list[Finding] = []

    def add(code: str, message: Words, remedy: Words) -> None:
        found.append(Finding(code, "error", message, remedy, system=ctx.system.id))

    for host in ctx.system.hosts:
        if host.landing is None:
            add("no-landing", say("server.no_landing", host=host.name), say("server.give_landing"))
        if host.new_address is None:
            add("new-address", say("steps.no_new_address", name=host.name), say("steps.give_new_address"))
        elif host.new_address == host.address:
            add("new-address", say("server.same_address", host=host.name), say("steps.give_new_address"))
    if not outage.minutes(ctx):
        add("no-outage", say("server.no_outage"), say("server.announce_outage"))
    if ctx.sites.entry is None and any(service.entry for service in ctx.system.services):
        add("entry", say("steps.no_entry"), say("steps.add_balancer"))
    return found


# ---------------------------------------------------------------- filled while it runs


def fill(ctx: Context) -> Facts:
    """Passes while the servers run. Raises StepFailed when what was measured does not fit into the announced outage."""
    facts: Facts = {}
    for mover in movers(ctx):
        facts[mover.host.name] = done = mover.fill()
        for each in done["passes"]:
            ctx.records.copied(what=f"server {mover.host.name}", source_state="running", size=int(each["bytes"]), items=int(each["files"]))
    seconds = sum(float(done["last_pass_seconds"]) for done in facts.values())
    if seconds > outage.minutes(ctx) * 60:
        raise StepFailed(
            say("server.too_slow", needed=spell(seconds), announced=spell(outage.minutes(ctx) * 60)),
            where=ctx.system.id,
            remedy=say("server.announce_longer"),
        )
    return facts


def refresh(ctx: Context) -> Facts:
    """The same right before the outage, which may come days later: what the last pass carries is what is written from here on."""
    gates.wait_window(ctx)
    return fill(ctx)


def is_filled(ctx: Context) -> Observed:
    """What the landings hold."""
    filled = [mover.is_filled() for mover in movers(ctx)]
    return Observed.DONE if all(filled) else Observed.UNCLEAR if any(filled) else Observed.NOT_DONE


def take_away(ctx: Context) -> None:
    """The landings are empty again."""
    for mover in movers(ctx):
        mover.take_away()


# ---------------------------------------------------------------- the outage


def stop(ctx: Context) -> Facts:
    """Announces, measures from outside, stops everything and sees it stopped; no boot brings it back. Raises Waiting outside the approved
    window; what was begun is brought to its end."""
    if not ctx.records.said(ANNOUNCED):
        gates.wait_window(ctx)
        ctx.records.event(ANNOUNCED, {"minutes": outage.minutes(ctx), "at": time.time()})
    outage.start_probe(ctx)
    began = time.time()
    facts: Facts = {mover.host.name: mover.stop() for mover in reversed(movers(ctx))}
    return facts | {"began": began, "minutes": outage.minutes(ctx)}


def is_stopped(ctx: Context) -> Observed:
    """Whether every server stands by."""
    stopped = [mover.source_is_stopped() for mover in movers(ctx)]
    return Observed.DONE if all(stopped) else Observed.UNCLEAR if any(stopped) else Observed.NOT_DONE


def start_again(ctx: Context) -> None:
    """The undo: everything runs again at the old place, and is healthy. What was never stopped is left as it is."""
    if not ctx.records.said(ANNOUNCED):
        return
    for mover in movers(ctx):
        down = mover.start_source(seconds=mover.landing.stop_seconds)
        if down:
            ctx.say(str(say("server.units_down", host=mover.host.name, units=tuple(down))))
        insist_healthy(ctx, mover.host)
    outage.probe_of(ctx).stop()
    if ctx.records.switch_time():
        ctx.records.set_live("source")


def last_pass(ctx: Context) -> Facts:
    """Nobody writes: everything is brought, compared, and made the new server's own."""
    facts: Facts = {}
    for mover in movers(ctx):
        facts[mover.host.name] = done = mover.last_pass(ctx.facts["refresh_server"][mover.host.name])
        size, items = (int(sum(each[name] for each in done["passes"])) for name in ("bytes", "files"))
        ctx.records.copied(what=f"server {mover.host.name}", source_state="stopped", size=size, items=items)
    return facts


def boot(ctx: Context) -> Facts:
    """Switches on at the new place, and sees that it is this server, up and healthy, within its time. Raises StepFailed: then it goes back."""
    facts: Facts = {}
    began: dict[str, float] = {}
    for mover in movers(ctx):
        began[mover.host.name] = time.monotonic()
        mover.insist_stopped()
        mover.boot()
    for mover in movers(ctx):
        for look in (_misplaced, _illness):  # which server it is need not be asked again and again
            _wait_until_well(ctx, mover, look, began[mover.host.name])
        facts[mover.host.name] = {"address": mover.new.address, "seconds": round(time.monotonic() - began[mover.host.name], 1)}
    return facts


def _wait_until_well(ctx: Context, mover: ServerMover, look: Callable[[Context, ServerMover], Words | None], began: float) -> None:
    asked = began
    while problem := look(ctx, mover):
        now = time.monotonic()
        in_vain = now > began + mover.landing.boot_seconds
        if not in_vain and now > asked + CONSOLE_SECONDS:
            asked, in_vain = now, mover.gave_up()
        if in_vain:
            if lines := mover.last_words():
                problem = say("server.console_says", problem=problem, lines=lines)
            raise StepFailed(
                say("server.not_up", host=mover.host.name, seconds=now - began, problem=problem),
                where=mover.new.address, remedy=say("server.goes_back_look"),
            )  # fmt: skip
        ctx.pause(0.2)


def _misplaced(_ctx: Context, mover: ServerMover) -> Words | None:
    """Why what answers at the new place is not this server, come up."""
    if not health.answers(mover.new.address, mover.new.ssh_port, timeout=1.0):
        return say("tools.nothing_listens", address=mover.new.address, port=mover.new.ssh_port)
    try:
        return mover.is_up()
    except OrchestratorError as error:
        return error.says


def _illness(ctx: Context, mover: ServerMover) -> Words | None:
    """What of it does not answer at its new place."""
    for service in ctx.system.services:
        if service.host == mover.host.name and service.port and (ill := ctx.world.find_illness(service, mover.new, limit=0)):
            return say("steps.of", name=service.name, said=ill)
    return None


def is_booted(ctx: Context) -> Observed:
    """Whether the servers are up there and healthy."""
    up = [_misplaced(ctx, mover) is None and _illness(ctx, mover) is None for mover in movers(ctx)]
    return Observed.DONE if all(up) else Observed.UNCLEAR if any(up) else Observed.NOT_DONE


def switch_off(ctx: Context) -> None:
    """Nothing runs at the new place."""
    for mover in movers(ctx):
        mover.switch_off()


def lead(ctx: Context) -> Facts:
    """Citizens follow; the announced outage ends and is measured. The new place counts as the live one *before* the first request may come
    there: whatever fails from here on is gone back from with what was written, never undone."""
    for mover in movers(ctx):
        mover.insist_stopped()
    ctx.records.set_live("target")
    outage.lead(ctx, "target")
    return outage.measure(ctx, "server_outage", "forward", float(ctx.facts["stop_server"]["began"]))


def lead_back(ctx: Context) -> None:
    adopt(ctx)
    outage.lead_back(ctx)


def is_led(ctx: Context) -> Observed:
    adopt(ctx)
    return outage.is_led(ctx)


# ---------------------------------------------------------------- trial run and end


def find_alarms(ctx: Context) -> dict[str, Words]:
    """In the trial run: why going back would not be possible now."""
    found: dict[str, Words] = {}
    for mover in movers(ctx):
        try:
            if not mover.is_standby():
                found[f"{mover.host.name} standby"] = say("server.not_standby", host=mover.host.name)
        except OrchestratorError as error:
            found[f"{mover.host.name} source"] = say("steps.side_unseen", name=mover.host.name, why=error.says)
    return found


def _may_be_accepted(ctx: Context) -> None:
    problems = list(find_alarms(ctx).values())
    if problems:
        raise NeedsPerson(say("steps.no_acceptance", problems=tuple(problems)), where=ctx.system.id, remedy=say("steps.mend_way_back"))


def end(ctx: Context) -> Facts:
    """The point of no return: nobody goes back to the old place any more. It stands by, so that no boot of it serves again."""
    for mover in movers(ctx):
        mover.keep_there()
    return {"stands_by": [mover.host.name for mover in movers(ctx) if mover.is_standby()]}


def _done(_: Context) -> Observed:
    return Observed.DONE


def give_up(ctx: Context) -> Facts:
    """Two people declared the new place lost: what was written there since the switch is lost with it; the old place starts as it was
    stopped."""
    said: Facts = {"servers": [host.name for host in ctx.system.hosts], "since": ctx.records.switch_time()}
    ctx.records.event(GIVEN_UP, said)
    return said


def preview_fill(ctx: Context, connect: bool) -> Preview:
    """Both machines asked, read-only."""
    if not connect:
        return Preview(Coverage.CHECKED, say("steps.how_inventory"), tuple(find_inventory_problems(ctx)))
    return Preview(Coverage.CHECKED, say("server.how_fill", hosts=_names(ctx)), tuple(find_problems(ctx)))


def _names(ctx: Context) -> tuple[str, ...]:
    hosts: Sequence[str] = [f"{host.name} -> {host.landing.root}" for host in ctx.system.hosts if host.landing]
    return tuple(hosts)


FILL = Step(
    id="fill_server", effect=Effect.REVERSIBLE, run=fill, observe=is_filled, undo_target=take_away, takes_target_away=True, moves_data=True,
    preview=preview_fill,
)  # fmt: skip
REFRESH = Step(
    id="refresh_server", effect=Effect.READ_ONLY, run=refresh, observe=is_filled, moves_data=True, preview=previews.planned(say("server.how_refresh")),
)  # fmt: skip
STOP = Step(id="stop_server", effect=Effect.REVERSIBLE, run=stop, observe=is_stopped, undo_source=start_again, preview=previews.outage)
LAST_PASS = Step(
    id="last_pass", effect=Effect.READ_ONLY, run=last_pass, observe=_done, moves_data=True, preview=previews.planned(say("server.how_last_pass")),
)  # fmt: skip
BOOT = Step(
    id="boot_server", effect=Effect.REVERSIBLE, run=boot, observe=is_booted, undo_target=switch_off,
    preview=previews.new_addresses(say("steps.how_machines_answer")),
)  # fmt: skip
ENTRY = Step(
    id="server_entry", effect=Effect.REVERSIBLE, run=lead, observe=is_led, undo_source=lead_back, switches="target", preview=previews.entry,
)  # fmt: skip
FINAL = gates.gate("final_acceptance", _may_be_accepted)
END = Step(id="end_server_way_back", effect=Effect.ONE_WAY, run=end, observe=_done)
GIVE_UP = Step(id="server_give_up", effect=Effect.READ_ONLY, run=give_up, observe=_done)
