"""Looks at the source before anything is prepared; every finding at once. Reads only."""

from __future__ import annotations

import re
from collections.abc import Sequence

from orchestrator.errors import Finding, OrchestratorError, Refused, findings_of
from orchestrator.models import Device, Host
from orchestrator.movers import registry
from orchestrator.movers.contract import Moment
from orchestrator.steps import citizens, configuration, entry, gateway, machine, preflight_hosts, references
from orchestrator.steps.base import Context, Coverage, Effect, Facts, Observed, Preview, Step
from orchestrator.steps.parts import parts
from orchestrator.steps.world import SUFFIX


def run(ctx: Context) -> Facts:
    """Hosts answer, databases can be moved, files can be read, gateways know the databases. Raises Refused."""
    findings: list[Finding] = []
    facts: Facts = {"hosts": {}}
    if ctx.settings.known_hosts is None or ctx.settings.ssh_key is None:
        raise Refused(
            "known_hosts and ssh_key are not set",
            where="orchestrator.toml",
            remedy="set both; `orchestrator hosts trust` fills known_hosts",
        )
    problems, facts["hosts"] = preflight_hosts.find_source_problems(ctx)
    findings += problems
    if ctx.verdict.strategy != "hosting":
        for mover, part in parts(ctx):
            findings += mover.check(part, Moment.PREFLIGHT)
        findings += gateway.find_room_problems(ctx)
    else:
        findings += machine.find_problems(ctx)
    findings += entry.find_problems(ctx) + citizens.find_problems(ctx) + configuration.find_problems(ctx)
    findings += find_inventory_problems(ctx)
    facts["warnings"] = [finding.message for finding in findings if finding.severity == "warning"]
    if any(finding.severity == "error" for finding in findings):
        raise Refused(f"{len(findings)} findings before the migration of {ctx.system.id}", findings=findings)
    return facts


def find_inventory_problems(ctx: Context) -> list[Finding]:
    """What the inventory itself leaves open or rules out; asks nobody."""
    findings = _new_addresses(ctx)
    for database in registry.vendor_run(ctx.system):
        if ctx.verdict.strategy != "cloud_deployment":
            message = f"{database.name}: no mover for {database.engine}"
            remedy = "it is vendor-run: cloud deployment has a runbook for it, or its vendor takes it off these machines first"
            findings.append(_finding(ctx, "vendor-run", message, remedy))
    return findings + _services(ctx) + _cron_files(ctx) + _references(ctx) + _standing_servers(ctx)


def _standing_servers(ctx: Context) -> list[Finding]:
    """A server that stands already, and whose size is known, must hold what its source host holds."""
    standing = {server.name: server for site in ctx.sites.sites if site.kind == "cloud" for server in site.servers}
    findings = []
    for host in ctx.system.hosts:
        server = standing.get(host.target or host.name + SUFFIX)
        if server is None or server.disk_gb is None or host.disk_gb is None or server.disk_gb >= host.disk_gb:
            continue
        message = f"{server.name} has {server.disk_gb:g} GB of disk, and {host.name}, which it stands for, has {host.disk_gb:g} GB"
        findings.append(_finding(ctx, "server-disk", message, "give it more, or name another server as the host's `target`"))
    return findings


def _references(ctx: Context) -> list[Finding]:
    findings = []
    names = [database.name for database in ctx.system.databases]
    for service, variable, value, known in references.find_unknown(ctx.system, names):
        message = f"{service}: {variable} refers to {value}, which nothing stands for"
        findings.append(_finding(ctx, "reference", message, f"use one of {', '.join(known)}"))
    for name in sorted({name for name in names if names.count(name) > 1}):
        message = f"two databases are called {name}: a gateway has one name for each"
        findings.append(_finding(ctx, "same-name", message, "migrate them one after the other, as two systems"))
    return findings


def preview(ctx: Context, connect: bool) -> Preview:
    """Offline what the inventory leaves open; with connections the whole preflight, which only reads."""
    if not connect:
        found = tuple(find_inventory_problems(ctx))
        return Preview(Coverage.CHECKED, "what the inventory says; no host or database was asked", found)
    try:
        facts = run(ctx)
    except OrchestratorError as error:
        return Preview(Coverage.EXECUTED, "hosts, gateways and databases were asked", findings_of(error, "preflight", ctx.system.id))
    warnings = tuple(Finding("preflight", "warning", words, "read it", system=ctx.system.id) for words in facts["warnings"])
    return Preview(Coverage.EXECUTED, "hosts, gateways and databases were asked", warnings)


def _new_addresses(ctx: Context) -> list[Finding]:
    things: dict[str, Sequence[Host | Device]] = {"hosting": ctx.system.hosts, "device_relocation": ctx.system.devices}
    return [
        _finding(ctx, "new-address", f"{thing.name} has no address at the cloud centre", "give it as new_address in the inventory")
        for thing in things.get(str(ctx.verdict.strategy), ())
        if thing.new_address is None
    ]


def _services(ctx: Context) -> list[Finding]:
    findings = []
    ports = ctx.sites.entry.ports if ctx.sites.entry else {}
    for service in ctx.system.services:
        if service.singleton is None:
            message = f"{service.name}: may two instances run at once?"
            findings.append(_finding(ctx, "singleton-unanswered", message, "answer `singleton` in the inventory"))
        if sum(map(bool, (service.command, service.unit, service.cron))) > 1:
            message = f"{service.name}: more than one of `command`, `unit` and `cron` says how it runs"
            findings.append(_finding(ctx, "how-it-runs", message, "leave one of them"))
        if service.cron and any(host.manager == "processes" for host in ctx.system.hosts if host.name == service.host):
            message = f"{service.name}: files of cron's are held only where systemd runs, which {service.host} has not"
            findings.append(_finding(ctx, "cron-without-systemd", message, "hold its jobs by hand, and leave it out of the services"))
        if service.cron and service.environment:
            message = f"{service.name}: jobs of cron have no environment of their own"
            findings.append(_finding(ctx, "cron-environment", message, "set it in one of its `files`"))
        if service.entry and service.entry not in ports:
            message = f"{service.name}: nobody says where citizens reach {service.entry}"
            findings.append(_finding(ctx, "entry-port", message, "add it under entry.ports in sites.yaml"))
    return findings


def _cron_files(ctx: Context) -> list[Finding]:
    """Cron begins what lies in its folders within a minute: brought by a tree, jobs would run on both sides from the copy on."""
    findings = []
    for tree in ctx.system.file_trees:
        path = f"{tree.path.rstrip('/')}/"
        if re.match(r"/etc/cron\.[a-z]+/|/var/spool/cron/", path) or path in ("/etc/", "/var/", "/var/spool/"):
            message = f"{tree.host}: {tree.path} would bring jobs of cron along, which would run on both sides from the copy on"
            remedy = "name the file as a service's `cron`, with `singleton`; leave it out of the trees"
            findings.append(_finding(ctx, "cron-in-tree", message, remedy))
    return findings


def _finding(ctx: Context, code: str, message: str, remedy: str) -> Finding:
    return Finding(code=code, severity="error", says=message, mend=remedy, system=ctx.system.id)


def observe(_ctx: Context) -> Observed:
    """Reads only: there is nothing in the world to see."""
    return Observed.DONE


STEP = Step(
    id="preflight",
    effect=Effect.READ_ONLY,
    run=run,
    observe=observe,
    preview=preview,
)
