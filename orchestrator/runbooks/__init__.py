"""Each strategy's runbook: a literal list that fits on a screen. ONE_WAY steps stand last, after final acceptance."""

from __future__ import annotations

from orchestrator.models import Strategy, System, Verdict
from orchestrator.movers import registry
from orchestrator.steps import (
    accounts,
    arm,
    backup,
    compare,
    cutover,
    device,
    entry,
    files,
    finish,
    gates,
    gateway,
    hold,
    hosting,
    links,
    lost,
    old_side,
    onboarding,
    preflight,
    prepare,
    provision,
    replicate,
    retirement,
    server,
    server_back,
    services,
    vendor,
)
from orchestrator.steps.base import Step

_ONTO_THE_CLOUD: tuple[Step, ...] = (
    preflight.STEP,
    finish.BASELINE,
    provision.STEP,
    prepare.STEP,
    links.STEP,
    accounts.STEP,
    backup.STEP,
    files.STEP,
    replicate.STEP,
    gateway.STEP,
    services.REHEARSE,
    services.DEPLOY,
    hold.STEP,
    gates.INITIAL,
    gates.APPROVAL,
    gates.WINDOW,
    services.WARM,
    cutover.FORWARD,  # live traffic switches here
    arm.STEP,
    compare.AT_FENCE,
    services.GO_LIVE,
    entry.STEP,
)

_TO_ACCEPTANCE: tuple[Step, ...] = (
    gates.TRIAL,
    compare.BEFORE_ACCEPTANCE,
    finish.UNCHANGED,
    old_side.LOOK,
    gates.FINAL,
    finish.END_WAY_BACK,  # the point of no return
    hold.RELEASE,
    old_side.CLOSE,
    finish.CATALOGUE,
)

RUNBOOKS: dict[str, tuple[Step, ...]] = {
    "cloud_deployment": (*_ONTO_THE_CLOUD, *_TO_ACCEPTANCE),
    "device_relocation": (
        device.LINK,
        *_ONTO_THE_CLOUD,
        device.ANNOUNCE,
        device.CARRIAGE,
        device.CONFIGURE,
        *_TO_ACCEPTANCE,
    ),
    "vendor_run": (  # cloud deployment of a system whose database only its vendor moves
        preflight.STEP,
        finish.BASELINE,
        vendor.LIST,
        provision.STEP,
        prepare.STEP,
        links.STEP,
        accounts.STEP,
        files.STEP,
        vendor.PREPARATION,
        gates.INITIAL,
        gates.APPROVAL,
        gates.WINDOW,
        vendor.STOP,  # the announced outage begins
        vendor.BACKUP,
        vendor.COPY,
        vendor.COMPARE,
        vendor.START,
        vendor.LEAD,  # the outage ends: live traffic is on the cloud
        vendor.TRIAL,
        finish.UNCHANGED,
        gates.FINAL_WITHOUT_WAY_BACK,
        finish.CATALOGUE,
    ),
    "hosting": (
        preflight.STEP,
        finish.BASELINE,
        gates.INITIAL,
        gates.APPROVAL,
        gates.WINDOW,
        hosting.SHUT_DOWN,  # the announced outage begins
        hosting.COLD_BACKUP,
        hosting.CARRIAGE,
        hosting.START,
        hosting.ENTRY,  # the outage ends
        gates.TRIAL,
        finish.UNCHANGED,
        gates.FINAL_WITHOUT_WAY_BACK,
        finish.CATALOGUE,
    ),
    "whole_server": (  # a hosted system whose machines stay where they are: their file systems move
        preflight.STEP,
        finish.BASELINE,
        server.FILL,  # passes while it runs
        gates.INITIAL,
        gates.APPROVAL,
        gates.WINDOW,
        server.REFRESH,  # once more: days may lie between
        server.STOP,  # the announced outage begins
        server.LAST_PASS,
        server.BOOT,
        server.ENTRY,  # the outage ends: live traffic is at the new place
        gates.TRIAL,
        finish.UNCHANGED,
        server.FINAL,
        server.END,  # the point of no return
        finish.CATALOGUE,
    ),
    "retire": (  # nothing moves: kept, ended, told, freed
        retirement.CHECK,
        finish.BASELINE,
        gates.RETIREMENT,
        retirement.END_ACCESS,
        retirement.KEEP,
        retirement.TELL,
        retirement.QUIET,
        gates.FINAL_WITHOUT_WAY_BACK,
        retirement.FREE_ROOM,  # the point of no return
        retirement.DEREGISTER,
    ),
    "onboarding": (  # no live source
        finish.BASELINE,
        onboarding.BRING,
        gates.INITIAL,
        onboarding.TRIAL,
        finish.UNCHANGED,
        gates.FINAL_WITHOUT_WAY_BACK,
        finish.CATALOGUE,
    ),
}

_BACK: tuple[Step, ...] = (
    arm.FOR_GOING_BACK,
    cutover.BACK,  # live traffic switches back here
    services.HAND_BACK,
    entry.BACK,
)

_SERVER_BACK: tuple[Step, ...] = (
    server_back.BRING_BACK,  # while the new place serves
    server_back.STOP_THERE,  # an outage of its own begins
    server_back.LAST_PASS_BACK,
    server_back.BOOT_SOURCE,
    server_back.ENTRY_BACK,  # it ends: live traffic is back
)

GOING_BACK: dict[str, tuple[Step, ...]] = {
    "cloud_deployment": _BACK,
    "device_relocation": _BACK,
    "whole_server": _SERVER_BACK,
}
"""Going back after the switch is a runbook of its own; what was prepared before the switch is undone afterwards. A hosted
system's data travels with its machines, so its way back is the undoing itself (carriage, start, entry)."""

_BACK_ALONE: tuple[Step, ...] = (
    lost.OPEN_SOURCE,  # live traffic switches back here, without what only the target had
    services.HAND_BACK,
    entry.BACK,
)

GOING_BACK_ALONE: dict[str, tuple[Step, ...]] = {
    "cloud_deployment": _BACK_ALONE,
    "device_relocation": _BACK_ALONE,
    "vendor_run": (vendor.GIVE_UP,),
    "whole_server": (server.GIVE_UP,),
}
"""The same where two people declared the target lost while it was live."""


STANDS_NOWHERE = frozenset({"retire"})
"""Runbooks whose systems, once accepted, run on neither side."""


def runbook_for(verdict: Verdict, system: System) -> str:
    """The runbook's name for a verdict. A cloud deployment whose databases nobody but their vendor moves has one of its own; so has
    a hosted system whose machines need not travel, since there is a landing for what is on them."""
    if verdict.no_source:
        return "onboarding"
    if verdict.strategy is Strategy.CLOUD_DEPLOYMENT and registry.vendor_run(system):
        return "vendor_run"
    if verdict.strategy is Strategy.HOSTING and registry.is_whole_server(system):
        return "whole_server"
    return Strategy(verdict.strategy).value
