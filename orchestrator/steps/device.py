"""Special equipment travels apart from the data: announced, budgeted and measured by itself.

A link (TCP, on each site's gateway) leads to the device wherever it stands, so that either site can use it and going back
with the data never waits for a lorry.
"""

from __future__ import annotations

import datetime as dt
import time

from orchestrator.errors import StepFailed
from orchestrator.gateways.haproxy import Runtime
from orchestrator.models import Device
from orchestrator.steps import gates, people, previews
from orchestrator.steps.base import Context, Effect, Facts, Observed, Step
from orchestrator.texts import say
from orchestrator.tools import health
from orchestrator.tools.device_cli import DeviceCli

CARRY = [
    ("power_off", say("steps.task_power_off")),
    ("transport", say("steps.task_transport")),
    ("power_on", say("steps.task_power_on")),
]
CARRY_BACK = [
    ("power_off_back", say("steps.task_power_off_back")),
    ("transport_back", say("steps.task_transport_back")),
    ("power_on_back", say("steps.task_power_on_back")),
]


def _runtimes(ctx: Context) -> list[Runtime]:
    return [Runtime(s.haproxy) for s in (ctx.world.room, ctx.world.cloud) if s.haproxy]


def announce(ctx: Context) -> Facts:
    """Opens the announced outage: how long it may take, for whom."""
    outages = {d.name: d.travel_outage_minutes or 60 for d in ctx.system.devices}
    ctx.records.event("device_outage_announced", {"minutes": outages})
    return {"minutes": outages, "announced": dt.datetime.now(dt.UTC).isoformat(timespec="seconds")}


def carry(ctx: Context) -> Facts:
    """The device is switched off, carried and switched on by people."""
    return {
        "tasks": people.ask(
            ctx,
            "carry_device",
            CARRY,
            {"devices": [d.name for d in ctx.system.devices], "to": [people.new_address(d) for d in ctx.system.devices]},
        )
    }


def _carried(ctx: Context) -> Observed:
    there = [health.answers(people.new_address(d), _management(d)) for d in ctx.system.devices]
    return Observed.DONE if all(there) else Observed.UNCLEAR if any(there) else Observed.NOT_DONE


def _management(device: Device) -> int:
    """The port that shows it is switched on: of its command line, or its service where people manage it."""
    return device.management_port if device.management == "ssh_cli" else device.port or 0


def configure(ctx: Context) -> Facts:
    """Gives each device its new network address, then points both links at it; the outage ends and is measured."""
    for device in ctx.system.devices:
        _settle(ctx, device, people.new_address(device))
    _await_link(ctx)
    return _measure(ctx, ctx.facts["carry_device"]["tasks"]["power_off"]["opened"], "forward")


def _settle(ctx: Context, device: Device, address: str) -> None:
    if device.management == "ssh_cli":  # a person who manages it by hand does it when racking it
        _set_network(ctx, device, address)
    _wait_answer(device, address)
    for runtime in _runtimes(ctx):
        runtime.point(f"device-{device.name}", "dev", address, device.port or 0)


def take_back(ctx: Context) -> None:
    """Undoes carriage and configuration, in any state of them: people carry the device back, it gets its old address, the links follow.

    Until then the links lead to where it stands: the data that went back before does not wait for a lorry. Raises Waiting for people.
    """
    if "power_off" not in ctx.records.tasks_done("carry_device") or _is_back(ctx):
        return
    detail = {"devices": [d.name for d in ctx.system.devices], "to": [people.former_address(d) for d in ctx.system.devices]}
    tasks = people.ask(ctx, "carry_device", CARRY_BACK, detail)
    for device in ctx.system.devices:
        _settle(ctx, device, people.former_address(device))
    _await_link(ctx)
    _measure(ctx, tasks["power_off_back"]["opened"], "back")


def _is_back(ctx: Context) -> bool:
    return all(
        health.answers(people.former_address(device), device.port or 0)
        and all(runtime.address(f"device-{device.name}", "dev") == f"{people.former_address(device)}:{device.port}" for runtime in _runtimes(ctx))
        for device in ctx.system.devices
    )


def _set_network(ctx: Context, device: Device, address: str) -> None:
    with DeviceCli.open(
        device.name,
        address,
        device.management_port,
        device.management_user or "admin",
        known_hosts=ctx.settings.known_hosts,
        password=ctx.world.secret(device.secret),
    ) as cli:
        for words in (["set", "network", "address", address, "port", str(device.port)], ["commit"]):
            answer = cli.command(words)
            if "error" in answer.lower():
                raise StepFailed(
                    say("steps.device_answered", answer=answer.strip()), where=device.name, remedy=say("steps.configure_by_hand")
                )


def _wait_answer(device: Device, address: str) -> None:
    until = time.monotonic() + 30
    while not health.answers(address, device.port or 0):
        if time.monotonic() > until:
            raise StepFailed(
                say("steps.device_silent"),
                where=f"{device.name} {address}:{device.port}",
                remedy=say("steps.look_cabling"),
            )
        time.sleep(0.1)


def _await_link(ctx: Context) -> None:
    until = time.monotonic() + 15
    for device in ctx.system.devices:
        for runtime in _runtimes(ctx):
            while not runtime.servers(f"device-{device.name}").get("dev", "").startswith("UP"):
                if time.monotonic() > until:
                    raise StepFailed(say("steps.link_finds_no_device"), where=device.name, remedy=say("steps.look_gateway_haproxy"))
                time.sleep(0.05)


def _measure(ctx: Context, opened: str, direction: str) -> Facts:
    """The outage from the first task's opening to the link's first answer, against what was announced."""
    began = dt.datetime.fromisoformat(opened).timestamp()
    ended = time.time()
    budget = min(float(m) for m in ctx.facts["announce_device_outage"]["minutes"].values()) * 60_000
    gap = (ended - began) * 1000
    ctx.records.measure(
        kind="device_outage", direction=direction, started=began, ended=ended, longest_gap_ms=round(gap, 1), requests=None, failed_requests=None, budget_ms=budget,
        budget_failed=None, in_window=gates.rule_at(ctx, began) is not None, breach=gap > budget, detail={"devices": [d.name for d in ctx.system.devices]},
    )  # fmt: skip
    return {"outage_seconds": round(gap / 1000, 1), "started": began, "ended": ended}


def _configured(ctx: Context) -> Observed:
    for device in ctx.system.devices:
        address, port = people.new_address(device), device.port or 0
        if any(r.address(f"device-{device.name}", "dev") != f"{address}:{port}" for r in _runtimes(ctx)) or not health.answers(
            address, port
        ):
            return Observed.NOT_DONE
    return Observed.DONE


def check_link(ctx: Context) -> Facts:
    """Ahead: both sites reach the device through their own link."""
    _await_link(ctx)
    return {"devices": [d.name for d in ctx.system.devices]}


def _done(_: Context) -> Observed:
    return Observed.DONE


LINK = Step(
    id="check_device_link",
    effect=Effect.READ_ONLY,
    run=check_link,
    observe=_done,
)
ANNOUNCE = Step(
    id="announce_device_outage",
    effect=Effect.READ_ONLY,
    run=announce,
    observe=_done,
    preview=previews.device_outage,
)
CARRIAGE = Step(id="carry_device", effect=Effect.REVERSIBLE, run=carry, observe=_carried, undo_source=take_back,
    preview=previews.people(say("steps.how_carried")),
)  # fmt: skip
CONFIGURE = Step(
    id="configure_device",
    effect=Effect.REVERSIBLE,
    run=configure,
    observe=_configured,
    undo_source=take_back,
    preview=previews.new_addresses(say("steps.how_links_lead")),
)
