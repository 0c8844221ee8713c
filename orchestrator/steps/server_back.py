"""A whole server back to where it stood, with everything that was written since: the same passes in reverse, an outage of its own."""

from __future__ import annotations

import time

from orchestrator.steps import outage
from orchestrator.steps.base import Context, Effect, Facts, Observed, Step
from orchestrator.steps.machine import insist_healthy
from orchestrator.steps.server import movers
from orchestrator.texts import say

OUTAGE = "outage-back"


def bring_back(ctx: Context) -> Facts:
    """A pass back while the new place serves: from here on the old place is no more as it was stopped."""
    return {mover.host.name: mover.bring_back(ctx.facts["refresh_server"][mover.host.name]) for mover in movers(ctx)}


def stop_there(ctx: Context) -> Facts:
    """Announces, measures from outside, and stops everything at the new place."""
    ctx.records.event("outage_announced", {"minutes": outage.minutes(ctx), "at": time.time(), "direction": "back"})
    outage.start_probe(ctx, OUTAGE)
    began = time.time()
    facts: Facts = {mover.host.name: mover.stop_there() for mover in reversed(movers(ctx))}
    return facts | {"began": began}


def last_pass_back(ctx: Context) -> Facts:
    """Nobody writes: everything is at the old place, compared."""
    facts: Facts = {}
    for mover in movers(ctx):
        facts[mover.host.name] = done = mover.last_pass_back(ctx.facts["bring_back"][mover.host.name])
        size, items = (int(sum(each[name] for each in done["passes"])) for name in ("bytes", "files"))
        ctx.records.copied(what=f"server {mover.host.name} back", source_state="stopped", size=size, items=items)
    return facts


def boot_source(ctx: Context) -> Facts:
    """The new place is switched off, then the old one boots and is seen healthy. What was written over a living root is in use only
    after a boot."""
    began = time.monotonic()
    for mover in movers(ctx):
        mover.switch_off()
        mover.boot_source(seconds=mover.landing.boot_seconds)
    for host in ctx.system.hosts:
        insist_healthy(ctx, host)
    return {"seconds": round(time.monotonic() - began, 1)}


def is_booted(ctx: Context) -> Observed:
    """No boot of the old place stands by any more, and its services answer."""
    if any(mover.is_standby() for mover in movers(ctx)):
        return Observed.NOT_DONE
    ill = [ctx.world.find_illness(service, ctx.world.source(service.host), limit=5) for service in ctx.system.services if service.port]
    return Observed.UNCLEAR if any(ill) else Observed.DONE


def lead_back(ctx: Context) -> Facts:
    """Citizens follow back; the outage ends and is measured."""
    movers(ctx)
    outage.lead(ctx, "source")
    facts = outage.measure(ctx, "server_outage", "back", float(ctx.facts["stop_there"]["began"]), name=OUTAGE)
    ctx.say(str(say("server.went_back", seconds=float(facts["outage_seconds"]))))
    return facts


def is_led_back(ctx: Context) -> Observed:
    movers(ctx)
    seen = outage.is_led(ctx, "source")
    return Observed.DONE if seen is Observed.NOTHING else seen


def _done(_: Context) -> Observed:
    return Observed.DONE


BRING_BACK = Step(id="bring_back", effect=Effect.READ_ONLY, run=bring_back, observe=_done, moves_data=True)
STOP_THERE = Step(id="stop_there", effect=Effect.READ_ONLY, run=stop_there, observe=_done)
LAST_PASS_BACK = Step(id="last_pass_back", effect=Effect.READ_ONLY, run=last_pass_back, observe=_done, moves_data=True)
BOOT_SOURCE = Step(id="boot_source", effect=Effect.READ_ONLY, run=boot_source, observe=is_booted)
ENTRY_BACK = Step(id="server_entry_back", effect=Effect.REVERSIBLE, run=lead_back, observe=is_led_back, switches="source")
