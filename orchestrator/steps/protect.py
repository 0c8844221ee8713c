"""Protection of hosts as they show it themselves: what the grade demands of the new ones (R10, R14), and that none is protected less
than the one it takes over from (R6)."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from orchestrator.errors import Finding
from orchestrator.hosts import protection
from orchestrator.hosts.protection import Protection
from orchestrator.models import Host
from orchestrator.steps import people
from orchestrator.steps.base import Context, Facts
from orchestrator.texts import Words, kept, say

ONTO_SERVERS = ("cloud_deployment", "device_relocation")
"""Strategies whose hosts are taken over by other ones."""
TASK = "protected_less"


def look_at_sources(ctx: Context) -> Facts:
    """By host, what each old one shows; those that nothing takes over from, or that run no systemd, are left out."""
    if ctx.verdict.strategy not in ONTO_SERVERS or ctx.verdict.no_source:
        return {}
    return {name: seen.to_json() for name, seen in _look(ctx, {host.name: host for host in ctx.system.hosts}).items()}


def compare_hosts(ctx: Context, before: Mapping[str, Any]) -> Facts:
    """What the new hosts show beside what the old ones showed, and beside what their grade demands."""
    if not ctx.world.targets:
        return {}
    after = _look(ctx, ctx.world.targets)
    weaker: list[Words] = [finding.says for finding in find_problems(ctx, after)]
    for name, seen in after.items():
        if name in before:
            ours = {ctx.world.target(name).ssh_user, ctx.world.target(name).become or "root"}
            differ = protection.find_weaker(Protection.from_json(before[name]), seen, ours)
            weaker += [say("error.of", name=ctx.world.target(name).name, said=what) for what in differ]
    facts: Facts = {"hosts": {name: seen.to_json() for name, seen in after.items()}, "protected_less": [kept(what) for what in weaker]}
    if weaker or ctx.records.task_opened("compare_unchanged", TASK) is not None:
        what = say("steps.task_protected_less", differ=tuple(weaker) or say("steps.none"))
        facts |= {"tasks": people.ask(ctx, "compare_unchanged", [(TASK, what)], {"differ": facts["protected_less"]})}
    return facts


def find_target_problems(ctx: Context) -> list[Finding]:
    """What the servers on the cloud lack of what the grade demands. Nothing is asked where nothing is demanded."""
    return find_problems(ctx, _look(ctx, ctx.world.targets)) if ctx.sites.standards else []


def find_problems(ctx: Context, seen: Mapping[str, Protection]) -> list[Finding]:
    """The same of what was seen already."""
    standards = ctx.sites.standards_for(ctx.system.protection_grade)
    found = []
    for name, there in seen.items():
        host = ctx.world.target(name)
        lacking = [what for standard in standards for what in protection.find_lacking(there, standard)]
        found += [_finding(ctx, host, what) for what in dict.fromkeys(lacking)]
    zone = next((standard.network for standard in reversed(standards) if standard.network), None)
    for host in ctx.world.targets.values() if zone else ():
        if not _stands_in(host.address, str(zone)):
            found.append(_finding(ctx, host, say("protection.other_network", address=host.address, network=str(zone))))
    return found


def _stands_in(address: str, network: str) -> bool:
    """A name's network is nobody's claim: only a number can be held to one."""
    try:
        return ipaddress.ip_address(address) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


def _finding(ctx: Context, host: Host, what: Words) -> Finding:
    grade = ctx.system.protection_grade
    message = say("error.of", name=host.name, said=what)
    remedy = say("protection.mend", grade=grade) if grade else say("protection.mend_unknown")
    return Finding("protection", "error", message, remedy, system=ctx.system.id)


def _look(ctx: Context, hosts: Mapping[str, Host]) -> dict[str, Protection]:
    """All at once. Raises what a host that does not answer raises."""
    units = protection.units_of(ctx.sites.standards_for(ctx.system.protection_grade))
    asked = {name: host for name, host in hosts.items() if host.manager == "systemd"}
    with ThreadPoolExecutor(max_workers=max(1, min(16, len(asked)))) as pool:
        seen = dict(zip(asked, pool.map(lambda host: protection.look(ctx.world.ssh(host), units), asked.values()), strict=True))
    return {name: there for name, there in seen.items() if there is not None}
