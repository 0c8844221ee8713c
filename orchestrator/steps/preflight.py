"""Looks at the source before anything is prepared; every finding at once. Reads only."""

from __future__ import annotations

import getpass
import re
from collections.abc import Sequence

from orchestrator.errors import Finding, OrchestratorError, Refused, each_once, findings_of
from orchestrator.models import Device, Host, Strategy
from orchestrator.movers import registry
from orchestrator.movers.contract import Moment
from orchestrator.settings import Settings
from orchestrator.steps import (
    citizens,
    configuration,
    credentials,
    entry,
    gateway,
    hold,
    machine,
    names,
    old_side,
    preflight_hosts,
    references,
    server,
    surroundings,
)
from orchestrator.steps.base import Context, Coverage, Effect, Facts, Observed, Preview, Step
from orchestrator.steps.parts import parts
from orchestrator.steps.world import server_name
from orchestrator.texts import Words, kept, say

NO_WAY_IN = frozenset({"database-unreachable", "no-answer", "gateway", "gateway-missing", "host-unusable"})
"""What keeps everybody out, and says nothing of anybody's password."""


def run(ctx: Context) -> Facts:
    """Hosts answer, databases can be moved, files can be read, gateways know the databases. Raises Refused."""
    findings, facts = look(ctx)
    facts["warnings"] = [kept(finding.says) for finding in findings if finding.severity == "warning"]
    if any(finding.severity == "error" for finding in findings):
        raise Refused(say("steps.findings_before_migration", count=len(findings), system=ctx.system.id), findings=findings)
    return facts


def look(ctx: Context) -> tuple[list[Finding], Facts]:
    """Every finding, and what was seen of the hosts. Raises Refused where no host can be asked at all."""
    if ctx.settings.known_hosts is None or ctx.settings.ssh_key is None:
        raise Refused(
            say("steps.no_keys"),
            where="orchestrator.toml",
            remedy=say("steps.set_keys"),
        )
    if unread := _unread_keys(ctx.settings):
        raise Refused(say("steps.findings_before_migration", count=len(unread), system=ctx.system.id), findings=unread)
    with ctx.world.asking_once():
        findings, hosts = preflight_hosts.find_source_problems(ctx)
        if is_whole(ctx):
            findings += server.find_problems(ctx)
        elif ctx.verdict.strategy != "hosting":
            unread = credentials.find_unread(ctx)
            findings += unread or _find_database_problems(ctx)  # who has no password can ask no database and no gateway
        else:
            findings += machine.find_problems(ctx)
        findings += surroundings.find_problems(ctx) + entry.find_problems(ctx) + hold.find_warnings(ctx) + old_side.find_warnings(ctx)
        findings += citizens.find_problems(ctx) + configuration.find_problems(ctx) + find_inventory_problems(ctx)
    return each_once(findings), {"hosts": hosts}


def _unread_keys(settings: Settings) -> list[Finding]:
    """Our own files, without which every host would be told as one that does not answer."""
    found = []
    for key, path in (("known_hosts", settings.known_hosts), ("ssh_key", settings.ssh_key)):
        try:
            assert path is not None  # noqa: S101 - the caller looked
            with path.open("rb"):
                pass
        except OSError as error:
            what = say("steps.key_unread", key=key, path=str(path), error=error.strerror or str(error))
            mend = say("steps.set_key_file", key=key, account=getpass.getuser())
            found.append(Finding("key-unread", "error", what, mend, "orchestrator.toml", cell=key))
    return found


def _find_database_problems(ctx: Context) -> list[Finding]:
    found = [finding for mover, part in parts(ctx) for finding in mover.check(part, Moment.PREFLIGHT)] + gateway.find_room_problems(ctx)
    is_open = NO_WAY_IN.isdisjoint(finding.code for finding in found if finding.severity == "error")
    return found + credentials.find_refused(ctx, ways_in=is_open)


def find_inventory_problems(ctx: Context) -> list[Finding]:
    """What the inventory itself leaves open or rules out; asks nobody."""
    findings = [] if is_whole(ctx) else [*_former_addresses(ctx), *_new_addresses(ctx)]
    for database in registry.vendor_run(ctx.system):
        if ctx.verdict.strategy != "cloud_deployment" and not is_whole(ctx):
            message = say("steps.no_mover", name=database.name, engine=database.engine)
            remedy = say("steps.vendor_run_remedy")
            findings.append(_finding(ctx, "vendor-run", message, remedy))
    return findings + _never_together(ctx) + _services(ctx) + _cron_files(ctx) + _names(ctx) + _standing_servers(ctx)


def is_whole(ctx: Context) -> bool:
    """Whether its machines are brought elsewhere whole, whatever runs on them."""
    return ctx.verdict.strategy == "hosting" and registry.is_whole_server(ctx.system)


def _never_together(ctx: Context) -> list[Finding]:
    """What a system was never switched with; its machines may be carried with it."""
    if ctx.verdict.strategy == "hosting":
        return []
    by_kind: dict[str, tuple[str, ...]] = {}
    for database in registry.movable_databases(ctx.system):
        kind = registry.DATABASES[database.engine]
        by_kind[kind] = (*by_kind.get(kind, ()), database.name)
    return [
        _finding(ctx, "servers-together", say("steps.servers_together", kind=kind, names=names), say("steps.list_as_two"))
        for kind, names in by_kind.items()
        if kind in registry.ALONE and len(names) > 1
    ]


def _standing_servers(ctx: Context) -> list[Finding]:
    """A server that stands already, and whose size is known, must hold what its source host holds."""
    standing = {server.name: server for site in ctx.sites.sites if site.kind == "cloud" for server in site.servers}
    findings = []
    for host in ctx.system.hosts:
        server = standing.get(server_name(host))
        if server is None or server.disk_gb is None or host.disk_gb is None or server.disk_gb >= host.disk_gb:
            continue
        message = say("steps.server_disk_small", server=server.name, size=server.disk_gb, host=host.name, needed=host.disk_gb)
        findings.append(_finding(ctx, "server-disk", message, say("steps.more_disk")))
    return findings


def _names(ctx: Context) -> list[Finding]:
    """What is meant by a name and is not there; a database that is led to by reference and named by hand."""
    loose = [*names.find_within(ctx.system), *names.find_between(ctx.system, ctx.verdict, ctx.sites)]
    if names.uses_what_stands(ctx.settings.terraform):
        loose += names.find_missing_servers(ctx.system, ctx.verdict, ctx.sites)
    findings = [_finding(ctx, one.code, one.says, one.mend, severity=one.severity) for one in loose]
    rehearses = ctx.verdict.strategy != "hosting" and not registry.vendor_run(ctx.system)
    for service, given, lacks in references.find_fixed(ctx.system) if rehearses else ():
        if lacks.endswith(".name"):
            message, mend = say("steps.name_fixed", service=service, word=lacks), say("steps.name_by_reference", word=lacks)
            findings.append(_finding(ctx, "database-name-fixed", message, mend, severity="warning"))
        else:
            message = say("steps.account_fixed", service=service, given=given, word=lacks)
            findings.append(_finding(ctx, "account-fixed", message, say("steps.account_by_reference", given=given, word=lacks)))
    called = [database.name for database in ctx.system.databases]
    for name in sorted({name for name in called if called.count(name) > 1}):
        message = say("steps.same_name", name=name)
        findings.append(_finding(ctx, "same-name", message, say("steps.one_after_other")))
    return findings


def preview(ctx: Context, connect: bool) -> Preview:
    """Offline what the inventory leaves open; with connections the whole preflight, which only reads."""
    if not connect:
        found = tuple(find_inventory_problems(ctx))
        return Preview(Coverage.CHECKED, say("steps.how_inventory"), found)
    try:
        findings, _ = look(ctx)
    except OrchestratorError as error:
        return Preview(Coverage.EXECUTED, say("steps.how_asked"), findings_of(error, "preflight", ctx.system.id))
    return Preview(Coverage.EXECUTED, say("steps.how_asked"), tuple(findings))


def _new_addresses(ctx: Context) -> list[Finding]:
    things: dict[str, Sequence[Host | Device]] = {"hosting": ctx.system.hosts, "device_relocation": ctx.system.devices}
    return [
        _finding(ctx, "new-address", say("steps.no_new_address", name=thing.name), say("steps.give_new_address"))
        for thing in things.get(str(ctx.verdict.strategy), ())
        if thing.new_address is None
    ]


def _former_addresses(ctx: Context) -> list[Finding]:
    """A device that travels is asked where it stands before and after; one that comes with a hosted machine is not."""
    travelling = ctx.system.devices if ctx.verdict.strategy is Strategy.DEVICE_RELOCATION else ()
    return [
        _finding(ctx, "device-address", say("steps.no_address", name=device.name), say("steps.give_address"))
        for device in travelling
        if device.address is None
    ]


def _services(ctx: Context) -> list[Finding]:
    findings = []
    for service in ctx.system.services:
        if service.singleton is None:
            message = say("steps.singleton_unanswered", service=service.name)
            findings.append(_finding(ctx, "singleton-unanswered", message, say("steps.answer_singleton")))
        if sum(map(bool, (service.command, service.unit, service.cron))) > 1:
            message = say("steps.two_ways", service=service.name)
            findings.append(_finding(ctx, "how-it-runs", message, say("steps.leave_one")))
        if service.cron and any(host.manager == "processes" for host in ctx.system.hosts if host.name == service.host):
            message = say("steps.cron_systemd", service=service.name, host=service.host)
            findings.append(_finding(ctx, "cron-without-systemd", message, say("steps.hold_jobs")))
        if service.cron and service.environment:
            message = say("steps.cron_environment", service=service.name)
            findings.append(_finding(ctx, "cron-environment", message, say("steps.set_in_files")))
    return findings


def _cron_files(ctx: Context) -> list[Finding]:
    """Cron begins what lies in its folders within a minute: brought by a tree, jobs would run on both sides from the copy on."""
    findings = []
    for tree in ctx.system.file_trees:
        path = f"{tree.path.rstrip('/')}/"
        if re.match(r"/etc/cron\.[a-z]+/|/var/spool/cron/", path) or path in ("/etc/", "/var/", "/var/spool/"):
            message = say("steps.tree_with_cron", host=tree.host, path=tree.path)
            remedy = say("steps.name_cron")
            findings.append(_finding(ctx, "cron-in-tree", message, remedy))
    return findings


def _finding(ctx: Context, code: str, message: Words, remedy: Words, *, severity: str = "error") -> Finding:
    return Finding(code=code, severity=severity, says=message, mend=remedy, system=ctx.system.id)


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
