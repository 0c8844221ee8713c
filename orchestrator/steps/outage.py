"""An announced outage: measured from outside, and ended by leading the entry."""

from __future__ import annotations

import time

from orchestrator.cutover.probing import Probe
from orchestrator.errors import StepFailed, words_of
from orchestrator.gateways.holder import NotFollowed
from orchestrator.models import Service
from orchestrator.steps import citizens, gates
from orchestrator.steps.base import Context, Facts, Observed
from orchestrator.steps.entry import changing_entry, opened_entry
from orchestrator.texts import say
from orchestrator.texts.durations import spell

EVERY_MS = 100
LIMIT_SECONDS = 7 * 86_400.0
"""Whoever asks all the while gives up: the longest outage that anybody announces is shorter."""


def minutes(ctx: Context) -> float:
    """What was announced at most."""
    return (ctx.system.interruption.outage_minutes if ctx.system.interruption else None) or 0


def probe_of(ctx: Context, name: str = "outage") -> Probe:
    """Who asks from outside all the while."""
    return Probe(ctx.world.folder, f"{ctx.migration}-{name}")


def start_probe(ctx: Context, name: str = "outage") -> None:
    """Begins asking at the entry, where there is one."""
    if entered := citizens.entries_of(ctx):
        citizen = citizens.of_entry(ctx, entered[0])
        probe_of(ctx, name).start(citizen=citizen, clients=1, every_ms=EVERY_MS, limit=LIMIT_SECONDS, alone=True)


def led(ctx: Context) -> list[Service]:
    """Services that citizens reach by the entry."""
    return [service for service in ctx.system.services if service.entry and service.port]


def lead(ctx: Context, to: str) -> None:
    """The entry leads to where the machine stands (``target``) or stood (``source``); the server of the other place is left, whatever
    HAProxy calls it. Raises StepFailed."""
    if not led(ctx):
        return
    try:
        with changing_entry(ctx, to) as entry:
            entry.stage()
            entry.switch_and_resume()
            for service in led(ctx) if to == "source" else ():
                entry.unlearn(service.name)
    except (NotFollowed, OSError) as error:
        raise StepFailed(words_of(error), where="entry", remedy=say("steps.look_service")) from error


def lead_back(ctx: Context) -> None:
    """The entry leads to the old place again, also while nothing answers there yet: nothing waits for it here."""
    if not led(ctx):
        return
    with changing_entry(ctx, "source") as entry:
        entry.stage()
        for service in led(ctx):
            entry.offer(service.name)
            entry.unlearn(service.name)


def is_led(ctx: Context, to: str = "target") -> Observed:
    """The entry's own answer; without one, nothing."""
    if not led(ctx):
        return Observed.NOTHING
    with opened_entry(ctx, to) as entry:
        return Observed.DONE if entry.is_led() else Observed.NOT_DONE


def measure(ctx: Context, kind: str, direction: str, began: float, *, name: str = "outage") -> Facts:
    """The outage is over: what a citizen had of it goes on record beside what was announced."""
    time.sleep(1.0)  # so that it has its first answered request
    probe = probe_of(ctx, name)
    probe.stop()
    ended = time.time()
    seen, budget = probe.between(began - 1, ended), minutes(ctx) * 60_000
    gap = seen.longest_gap_ms if seen.requests else (ended - began) * 1000
    ctx.say(str(say("steps.outage_measured", seconds=gap / 1000, announced=spell(minutes(ctx) * 60))))
    ctx.records.measure(
        kind=kind, direction=direction, started=began, ended=ended, longest_gap_ms=gap, requests=seen.requests, failed_requests=seen.failed,
        budget_ms=budget, budget_failed=None, in_window=gates.rule_at(ctx, began) is not None, breach=gap > budget, detail={"announced": True},
    )  # fmt: skip
    return {"outage_seconds": round(gap / 1000, 1), "started": began, "ended": ended}
