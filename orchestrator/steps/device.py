"""Special equipment travels apart from the data: announced, budgeted and measured by itself.

A link (TCP, on each site's gateway) leads to the device wherever it stands, so that either site can use it and going back
with the data never waits for a lorry.
"""

from __future__ import annotations

import datetime as dt
import time

from orchestrator.errors import StepFailed
from orchestrator.models import Device
from orchestrator.steps import people
from orchestrator.steps.base import Context, Effect, Facts, Observed, Step
from orchestrator.tools import health
from orchestrator.tools.device_cli import DeviceCli
from orchestrator.tools.haproxy import Runtime

CARRY = [
    ("power_off", "设备断电并下架", "power the device off and take it out of the rack"),
    ("transport", "设备运往云中心", "carry the device to the cloud centre"),
    ("power_on", "设备上架加电", "rack the device and power it on"),
]
CARRY_BACK = [
    ("power_off_back", "设备断电并下架(运回)", "power the device off and take it out of the rack (going back)"),
    ("transport_back", "设备运回原机房", "carry the device back to the old room"),
    ("power_on_back", "设备在原机房上架加电", "rack the device in the old room and power it on"),
]


def new_address(ctx: Context, device: Device) -> str:
    """The device's address at the cloud centre: the cloud's range, the same last two numbers."""
    cloud = ctx.world.cloud.address_range.split("/")[0].split(".")
    return ".".join([*cloud[:2], cloud[2], device.address.split(".")[3]])


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
            {"devices": [d.name for d in ctx.system.devices], "to": [new_address(ctx, d) for d in ctx.system.devices]},
        )
    }


def _carried(ctx: Context) -> Observed:
    there = [health.answers(new_address(ctx, d), d.management_port) for d in ctx.system.devices]
    return Observed.DONE if all(there) else Observed.UNCLEAR if any(there) else Observed.NOT_DONE


def carry_back(ctx: Context) -> None:
    """Carriage back, by people; the data does not wait for it."""
    if "power_off" in ctx.records.tasks_done("carry_device"):
        people.ask(ctx, "carry_device", CARRY_BACK, {"devices": [d.name for d in ctx.system.devices]})


def configure(ctx: Context) -> Facts:
    """Gives the device its new network address on its own command line, then points both links at it."""
    for device in ctx.system.devices:
        _set_network(ctx, device, new_address(ctx, device), at=new_address(ctx, device))
        _wait_answer(device, new_address(ctx, device))
        for runtime in _runtimes(ctx):
            runtime.point(f"device-{device.name}", "dev", new_address(ctx, device), device.port or 0)
    _await_link(ctx)
    return _measure(ctx)


def _set_network(ctx: Context, device: Device, address: str, *, at: str) -> None:
    with DeviceCli.open(
        device.name,
        at,
        device.management_port,
        device.management_user or "admin",
        known_hosts=ctx.settings.known_hosts,
        password=ctx.world.secret(device.secret),
    ) as cli:
        for words in (["set", "network", "address", address, "port", str(device.port)], ["commit"]):
            answer = cli.command(words)
            if "error" in answer.lower():
                raise StepFailed(f"the device answered: {answer.strip()}", where=device.name, remedy="configure it by hand, then resume")


def _wait_answer(device: Device, address: str) -> None:
    until = time.monotonic() + 30
    while not health.answers(address, device.port or 0):
        if time.monotonic() > until:
            raise StepFailed(
                "the device does not answer at its new place",
                where=f"{device.name} {address}:{device.port}",
                remedy="look at its cabling and its configuration",
            )
        time.sleep(0.1)


def _await_link(ctx: Context) -> None:
    until = time.monotonic() + 15
    for device in ctx.system.devices:
        for runtime in _runtimes(ctx):
            while not runtime.servers(f"device-{device.name}").get("dev", "").startswith("UP"):
                if time.monotonic() > until:
                    raise StepFailed("the link does not find the device", where=device.name, remedy="look at the gateway's HAProxy")
                time.sleep(0.05)


def _measure(ctx: Context) -> Facts:
    """The outage from the first task's opening to the link's first answer, against what was announced."""
    tasks = ctx.facts["carry_device"]["tasks"]
    began = dt.datetime.fromisoformat(tasks["power_off"]["opened"]).timestamp()
    ended = time.time()
    budget = min(float(m) for m in ctx.facts["announce_device_outage"]["minutes"].values()) * 60_000
    gap = (ended - began) * 1000
    ctx.records.measure(
        kind="device_outage", direction="forward", started=began, ended=ended, longest_gap_ms=round(gap, 1), requests=None, failed_requests=None, budget_ms=budget,
        budget_failed=None, in_window=True, breach=gap > budget, detail={"devices": [d.name for d in ctx.system.devices]},
    )  # fmt: skip
    return {"outage_seconds": round(gap / 1000, 1), "started": began, "ended": ended}


def _configured(ctx: Context) -> Observed:
    for device in ctx.system.devices:
        wanted = f"{new_address(ctx, device)}:{device.port}"
        if any(r.address(f"device-{device.name}", "dev") != wanted for r in _runtimes(ctx)) or not health.answers(
            new_address(ctx, device), device.port or 0
        ):
            return Observed.NOT_DONE
    return Observed.DONE


def unconfigure(ctx: Context) -> None:
    """Points both links at the device's old place. The device itself is set up there once it was carried back."""
    for device in ctx.system.devices:
        for runtime in _runtimes(ctx):
            runtime.point(f"device-{device.name}", "dev", device.address, device.port or 0)


def check_link(ctx: Context) -> Facts:
    """Ahead: both sites reach the device through their own link."""
    _await_link(ctx)
    return {"devices": [d.name for d in ctx.system.devices]}


def _done(_: Context) -> Observed:
    return Observed.DONE


LINK = Step(
    id="check_device_link",
    zh="检查设备链路",
    en="check that either site reaches the device",
    effect=Effect.READ_ONLY,
    run=check_link,
    observe=_done,
)
ANNOUNCE = Step(
    id="announce_device_outage",
    zh="公告设备搬迁停用时间",
    en="announce the device's outage",
    effect=Effect.READ_ONLY,
    run=announce,
    observe=_done,
)
CARRIAGE = Step(
    id="carry_device", zh="搬运设备", en="carry the device", effect=Effect.REVERSIBLE, run=carry, observe=_carried, undo=carry_back
)
CONFIGURE = Step(
    id="configure_device",
    zh="配置设备并切换链路",
    en="configure the device and point the links at it",
    effect=Effect.REVERSIBLE,
    run=configure,
    observe=_configured,
    undo=unconfigure,
)
