"""Whole relocation with hosting: the machines move as they are; an announced outage, a cold backup before transport.

The data travels with the machine, so the way back is carriage and nothing is copied back; what is written after power-on
at the new place exists there only, and that is declared (``exposed``) on the record.
"""

from __future__ import annotations

import datetime as dt
import time

from orchestrator.errors import StepFailed
from orchestrator.movers.machine.kept import shut_all
from orchestrator.steps import cold, gates, machine, outage, people, previews
from orchestrator.steps.base import Context, Effect, Facts, Observed, Step
from orchestrator.steps.machine import ANNOUNCED, adopt
from orchestrator.steps.world import START_SECONDS
from orchestrator.texts import say
from orchestrator.tools import health

BOOT_SECONDS = 300.0
"""How long a machine that was switched on at the new place may take until it answers."""
CARRY = [
    ("power_off", say("steps.task_shut_down")),
    ("transport", say("steps.task_machines_transport")),
    ("rack", say("steps.task_rack")),
    ("power_on", say("steps.task_switch_on")),
]
CARRY_BACK = [(f"{name}_back", say("steps.going_back", what=what)) for name, what in CARRY]


# ---------------------------------------------------------------- down


def shut_down(ctx: Context) -> Facts:
    """Announces, starts the measurement from outside, then stops services and databases cleanly and observes them down.

    Raises Waiting outside the approved window; what this migration has begun to take down is brought to its end.
    """
    if all(_answering(ctx)) or not ctx.records.said(ANNOUNCED):  # a port that was dead before says nothing of what we began
        gates.wait_window(ctx)
    if not ctx.records.said(ANNOUNCED):
        ctx.records.event(ANNOUNCED, {"minutes": outage.minutes(ctx), **machine.look(ctx)})
    outage.start_probe(ctx)
    began = time.time()
    seconds = {host.name: shut_all(machine.parts(ctx, host)) for host in ctx.system.hosts}
    return {"began": began, "minutes": outage.minutes(ctx), "seconds": seconds, "took": round(time.time() - began, 1)}


def _answering(ctx: Context) -> list[bool]:
    """For every port of the system at the old place, whether it answers."""
    ports = [(s.host, s.port) for s in ctx.system.services if s.port] + [(d.host, d.port) for d in ctx.system.databases]
    return [health.answers(ctx.world.source(host).address, port) for host, port in ports]


def _is_down(ctx: Context) -> Observed:
    return Observed.NOT_DONE if any(_answering(ctx)) else Observed.DONE


def start_where_it_is(ctx: Context) -> None:
    """The undo: everything runs again at the old place. What was never taken down is left as it is."""
    if not ctx.records.said(ANNOUNCED):
        return
    for host in ctx.system.hosts:
        machine.restore(ctx, host)
    outage.probe_of(ctx).stop()


# ---------------------------------------------------------------- carriage and start


def carry(ctx: Context) -> Facts:
    """People switch off, carry, rack and switch on; then every machine answers at its new place. Raises StepFailed when one does
    not, or when there is no time left to carry it back within the window: it goes back then."""
    adopt(ctx)
    _insist_on_time(ctx)
    detail = {"machines": [h.name for h in ctx.system.hosts], "to": [people.new_address(h) for h in ctx.system.hosts]}
    turn_back = _turn_back_time(ctx)
    if turn_back is not None:
        detail["turn_back"] = [dt.datetime.fromtimestamp(turn_back, dt.UTC).isoformat(timespec="seconds")]
    tasks = people.ask(ctx, "carry_machines", CARRY, detail)
    until = time.monotonic() + BOOT_SECONDS
    while time.monotonic() < until and _carried(ctx) is not Observed.DONE:
        ctx.pause(0.5)
    if _carried(ctx) is not Observed.DONE:
        silent = [f"{h.name} {h.address}" for h in ctx.world.targets.values() if not health.answers(h.address, h.ssh_port)]
        raise StepFailed(
            say("steps.no_boot", seconds=BOOT_SECONDS, silent=tuple(silent)),
            where=ctx.system.id,
            remedy=say("steps.goes_back_console"),
        )
    return {"tasks": tasks}


def _turn_back_time(ctx: Context) -> float | None:
    """Until when it can still be carried back within the approved window: the way back takes as long as the way there has taken,
    and starting as long as stopping took with what the services may need. None where no window was named."""
    window = ctx.records.approved_window()
    if window is None:
        return None
    end = dt.datetime.fromisoformat(window["end"]).timestamp()
    starting = sum(service.start_seconds or START_SECONDS for service in ctx.system.services)
    starting += float(ctx.facts.get("shut_down", {}).get("took", 0))
    left = ctx.records.task_opened("carry_machines", "power_off") or time.time()
    return left + (end - starting - left) / 2


def _insist_on_time(ctx: Context) -> None:
    turn_back = _turn_back_time(ctx)
    under_way = ctx.records.task_opened("carry_machines", "power_off") is not None
    if turn_back is None or not under_way or time.time() < turn_back or "power_on" in ctx.records.tasks_done("carry_machines"):
        return
    raise StepFailed(
        say("steps.turn_back_passed", time=f"{dt.datetime.fromtimestamp(turn_back, dt.UTC):%Y-%m-%d %H:%M}"),
        where=ctx.system.id,
        remedy=say("steps.go_back_window"),
    )


def _carried(ctx: Context) -> Observed:
    adopt(ctx)
    there = [health.answers(h.address, h.ssh_port) for h in ctx.world.targets.values()]
    return Observed.DONE if all(there) else Observed.UNCLEAR if any(there) else Observed.NOT_DONE


def carry_back(ctx: Context) -> None:
    """Carriage back; asked for as soon as a machine was switched off."""
    if "power_off" in ctx.records.tasks_done("carry_machines"):
        people.ask(
            ctx, "carry_machines", CARRY_BACK, {"machines": [h.name for h in ctx.system.hosts], "to": [h.address for h in ctx.system.hosts]}
        )


def start_there(ctx: Context) -> Facts:
    """Compares the machines' files with those before transport *before* anything starts, re-addresses, starts and verifies."""
    adopt(ctx)
    compared = cold.compare_after_transport(ctx)
    readdressed = {host.name: machine.readdress(ctx, host) for host in ctx.world.targets.values()}
    for host in ctx.world.targets.values():
        machine.start(ctx, host)
    ctx.records.event(
        "writes_exposed", {"since": time.time(), "why": "the data travels with the machine; no stand-in is fed at the old place"}
    )
    return {"hosts": {h.name: h.address for h in ctx.world.targets.values()}, "compared_files": compared, "addresses": readdressed}


def take_down_there(ctx: Context) -> None:
    """Stops it at the new place and gives its configuration back. A machine that does not answer there is not waited for: what it
    holds is given back when it stands at its old place (``start_where_it_is`` restores whatever was touched)."""
    adopt(ctx)
    for host in ctx.world.targets.values():
        if health.answers(host.address, host.ssh_port):
            shut_all(machine.parts(ctx, host))
            machine.readdress_back(ctx, host)


def _runs_there(ctx: Context) -> Observed:
    adopt(ctx)
    if not all(health.answers(h.address, h.ssh_port) for h in ctx.world.targets.values()):
        return Observed.NOT_DONE
    up = [part.is_up() for host in ctx.world.targets.values() for part in machine.parts(ctx, host)]
    problems = [ctx.world.find_illness(s, ctx.world.target(s.host), limit=1) for s in ctx.system.services if s.port]
    up += [problem is None for problem in problems]
    return Observed.DONE if all(up) else Observed.UNCLEAR if any(up) else Observed.NOT_DONE


# ---------------------------------------------------------------- entry and outage


def point_entry(ctx: Context) -> Facts:
    """Citizens' entry follows the machine; the outage ends and is measured from outside."""
    adopt(ctx)
    outage.lead(ctx, "target")
    return outage.measure(ctx, "hosting_outage", "forward", float(ctx.facts["shut_down"]["began"]))


def point_back(ctx: Context) -> None:
    """The entry leads to the old place again, also while nothing answers there yet."""
    adopt(ctx)
    outage.lead_back(ctx)


def _pointed(ctx: Context) -> Observed:
    adopt(ctx)
    return outage.is_led(ctx)


SHUT_DOWN = Step(
    id="shut_down", effect=Effect.REVERSIBLE, run=shut_down, observe=_is_down, undo_source=start_where_it_is, preview=previews.outage,
)  # fmt: skip
COLD_BACKUP = Step(
    id="cold_backup", effect=Effect.READ_ONLY, run=cold.run, observe=cold.observe, moves_data=True,
    preview=previews.databases(say("steps.how_cold")),
)  # fmt: skip
CARRIAGE = Step(
    id="carry_machines", effect=Effect.REVERSIBLE, run=carry, observe=_carried, undo_source=carry_back,
    preview=previews.people(say("steps.how_carried")),
)  # fmt: skip
START = Step(
    id="start_there", effect=Effect.REVERSIBLE, run=start_there, observe=_runs_there, undo_source=take_down_there,
    preview=previews.new_addresses(say("steps.how_machines_answer")),
)  # fmt: skip
ENTRY = Step(
    id="point_entry",
    effect=Effect.REVERSIBLE,
    run=point_entry,
    observe=_pointed,
    undo_source=point_back,
    switches="target",
    preview=previews.entry,
)
