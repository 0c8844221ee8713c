"""Prepares the target's hosts with Ansible: folders, and a server where a database will live."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Mapping
from typing import Any

from orchestrator import texts
from orchestrator.errors import Finding, Refused
from orchestrator.hosts import facts, tenants
from orchestrator.models import Host
from orchestrator.movers import registry
from orchestrator.steps import preflight_hosts
from orchestrator.steps.base import Context, Coverage, Effect, Facts, Observed, Preview, Step
from orchestrator.steps.parts import parts
from orchestrator.steps.turns import at_a_place, one_at_a_time
from orchestrator.texts import say

SERVERS = {"databases": "postgresql", "mariadb": "mariadb"}
"""Playbook group → kind of database, and the folder of a host's server."""


def play(
    ctx: Context,
    playbook: str,
    hosts: dict[str, list[Host]],
    variables: dict[str, Any],
    secrets: dict[str, str] | None = None,
    host_variables: dict[str, dict[str, Any]] | None = None,
) -> Facts:
    """One playbook run; its counts go into the facts (and so into the report)."""
    from orchestrator.tools.ansible import run_playbook

    assert ctx.settings.known_hosts is not None  # noqa: S101 - preflight looked
    with at_a_place(ctx):
        result = run_playbook(
            playbook, hosts, variables,
            secrets=secrets or {}, playbooks=ctx.settings.playbooks, artifacts=ctx.world.folder / "ansible", known_hosts=ctx.settings.known_hosts,
            ssh_key=ctx.settings.ssh_key, host_variables=host_variables, register=ctx.records.process,
            on_event=lambda event: ctx.say(f"{playbook}: {event.task}") if event.kind == "started" else None,
        )  # fmt: skip
    return {"playbook": playbook, "changed": result.changed, "ansible_runs": 1, "seconds": round(result.seconds, 1)}


def targets(ctx: Context) -> dict[str, list[Host]]:
    """Playbook groups: every target host, and those that get a database of either kind."""
    groups = {"targets": list(ctx.world.targets.values())}
    for group, kind in SERVERS.items():
        names = {database.host for database in ctx.world.databases_of(kind)}
        groups[group] = [ctx.world.target(name) for name in sorted(names)]
    return groups


def variables(ctx: Context, *, undoing: bool = False) -> dict[str, Any]:
    """What the roles are told; see ``host_variables`` for what differs between hosts. ``undoing``: the source is not asked."""
    found: dict[str, Any] = {}
    for database in ctx.world.databases_of("postgresql")[:1]:
        host = ctx.world.target(database.host)
        found |= role_variables(ctx, programs=facts.require_postgresql(ctx.world.ssh(host)), ranges=clients(ctx, host))
    for _, part in parts(ctx):
        if part.kind == "mariadb":
            programs = facts.require_mariadb(ctx.world.ssh(ctx.world.target(ctx.world.database(part.name).host)))
            wanted = registry.TargetServer(0, {}) if undoing else registry.target_server(part)
            found |= mariadb_variables(ctx, programs=programs, number=wanted.number, settings=wanted.settings)
    return found


def mariadb_variables(ctx: Context, *, programs: facts.MariadbPrograms, number: int, settings: Mapping[str, str]) -> dict[str, Any]:
    """What the role install_mariadb is told, from answers that are there already. A system has one MariaDB server at most."""
    database = ctx.world.databases_of("mariadb")[0]
    host = ctx.world.target(database.host)
    return {
        "install_mariadb_manager": "process" if host.manager == "processes" else "systemd",
        "install_mariadb_package": "",  # the programs are there: they were asked for
        "install_mariadb_server": programs.server,
        "install_mariadb_installer": programs.installer,
        "install_mariadb_base": programs.base,
        "install_mariadb_data": ctx.world.home(host, "mariadb"),
        "install_mariadb_address": host.address,
        "install_mariadb_port": database.port,
        "install_mariadb_admin_role": database.admin_role or "orchestrator",
        "install_mariadb_run_as": run_as(host, "mysql"),
        "install_mariadb_number": number,
        "install_mariadb_settings": dict(settings),
    }


def role_variables(ctx: Context, *, programs: str, ranges: list[str]) -> dict[str, Any]:
    """What the role install_postgresql is told, from answers that are there already: the folder of the server's programs, and who
    may connect."""
    database = ctx.world.databases_of("postgresql")[0]
    host = ctx.world.target(database.host)
    return {
        "install_postgresql_manager": "process" if host.manager == "processes" else "systemd",
        "install_postgresql_package": "",  # the programs are there: they were asked for
        "install_postgresql_bin_dir": programs,
        "install_postgresql_data": ctx.world.home(host, "postgresql"),
        "install_postgresql_address": host.address,
        "install_postgresql_port": database.port,
        "install_postgresql_admin_role": database.admin_role or "orchestrator",
        "install_postgresql_clients": ranges,
        "install_postgresql_run_as": run_as(host),
        "install_postgresql_tenant": ctx.system.id,
    }


def host_variables(ctx: Context) -> dict[str, dict[str, Any]]:
    """What differs between the target's hosts: where our own files are."""
    return {host.name: {"prepare_host_directories": [ctx.world.home(host)]} for host in ctx.world.targets.values()}


def admin_secret(ctx: Context) -> dict[str, str]:
    """The engine's password for the new server: into a file of mode 0600 for the time of the run, never into a variable."""
    return {
        f"install_{kind}_admin_secret": ctx.world.secret(database.admin_secret)
        for kind in ("postgresql", "mariadb")
        for database in ctx.world.databases_of(kind)[:1]
    }


def run_as(host: Host, account: str = "postgres") -> list[str]:
    """argv prefix under which a database server's programs run: they refuse to run as root."""
    if host.manager == "systemd":
        return ["runuser", "-u", account, "--"]
    from orchestrator.tools import unprivileged

    return list(unprivileged.prefix())


def clients(ctx: Context, database: Host) -> list[str]:
    """Who may connect to the target's database, as ranges: both gateways, the source's database host, this controller as
    the target sees it, and the application's own hosts (they reach it directly in the rehearsal)."""
    if all(
        ipaddress.ip_address(address).is_loopback for address in addresses(database.address)
    ):  # whoever connects there comes from 127.0.0.1
        return ["127.0.0.0/8"]
    gateways = [site.gateway.address for site in ctx.sites.sites]
    hosts = [host.address for host in ctx.world.targets.values()]
    here = [facts.client_address(ctx.world.ssh(host)) for host in ctx.world.targets.values()]
    sources = [ctx.world.source(d.host).address for d in ctx.world.movable_databases]
    names = {name for name in (*gateways, *hosts, *here, *sources) if name}
    return sorted({str(ipaddress.ip_network(address)) for name in names for address in addresses(name)})


def addresses(name: str) -> list[str]:
    """A host's addresses, as numbers. Raises Refused for a name that nobody knows."""
    try:
        return sorted({str(info[4][0]) for info in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)})
    except OSError as error:
        raise Refused(
            say("steps.name_no_address", name=name, error=str(error)), where="inventory", remedy=say("steps.give_number")
        ) from error


def run(ctx: Context) -> Facts:
    """One run for all hosts. Raises Refused with every finding when a server cannot do what will be asked of it."""
    if problems := preflight_hosts.find_target_problems(ctx):
        raise Refused(say("steps.server_findings", count=len(problems), system=ctx.system.id), findings=problems)
    groups = targets(ctx)
    with one_at_a_time(ctx, [host.name for host in groups["targets"]]):
        if problems := join_servers(ctx, groups):
            raise Refused(say("steps.server_findings", count=len(problems), system=ctx.system.id), findings=problems)
        return play(ctx, "prepare_target", groups, variables(ctx), admin_secret(ctx), host_variables(ctx))


def join_servers(ctx: Context, groups: Mapping[str, list[Host]]) -> list[Finding]:
    """This system is one of those that each database server of the target serves, or a finding says why it cannot be."""
    found = []
    for group, kind in SERVERS.items():
        for host in groups[group]:
            database = ctx.world.databases_of(kind)[0]
            terms = f"{database.port} {database.admin_role or 'orchestrator'}"
            data = ctx.world.home(host, kind)
            others = tenants.join(ctx.world.ssh(host), data, ctx.system.id, terms, alone=kind in registry.ALONE)
            for other, there in others.items():
                message = say("steps.server_of_others", target=host.name, kind=kind, other=other, there=there, wanted=terms)
                found.append(Finding("server-of-others", "error", message, say("steps.own_server"), system=ctx.system.id))
    return found


def observe(ctx: Context) -> Observed:
    """Every database server of the target answers as the engine's role, and this system is one of those that it serves."""
    if not ctx.world.movable_databases:
        return Observed.NOTHING
    if not ctx.world.targets:
        return Observed.NOT_DONE
    groups = targets(ctx)
    servers = [(host, kind) for group, kind in SERVERS.items() for host in groups[group]]
    if not all(tenants.is_in(ctx.world.ssh(host), ctx.world.home(host, kind), ctx.system.id) for host, kind in servers):
        return Observed.NOT_DONE
    answering = [mover.answers(part, "target") for mover, part in parts(ctx)]
    return Observed.DONE if all(answering) else Observed.NOT_DONE


def undo(ctx: Context) -> None:
    """Stops the servers and moves their data to quarantine; nothing is deleted. A server that serves other systems too stays as it is:
    this one's database in it was closed before."""
    if not ctx.world.targets:
        return
    ctx.world.close()
    groups = targets(ctx)
    with one_at_a_time(ctx, [host.name for host in groups["targets"]]):
        for group, kind in SERVERS.items():
            groups[group] = [host for host in groups[group] if not _has_others(ctx, host, kind)]
        quarantines = {h.name: {"clean_target_quarantine": ctx.world.home(h, "quarantine", f"{ctx.migration}-servers")} for h in ctx.world.targets.values()}
        play(ctx, "clean_target", groups, variables(ctx, undoing=True), None, quarantines)
    for host in ctx.world.targets.values():
        ctx.world.ssh(host).run(["rmdir", "--", ctx.world.home(host)], timeout=20)  # while something is kept in it, it stays


def _has_others(ctx: Context, host: Host, kind: str) -> bool:
    """Whether that server goes on to serve other systems, now that this one leaves it."""
    others = tenants.leave(ctx.world.ssh(host), ctx.world.home(host, kind), ctx.system.id)
    if others:
        ctx.say(texts.text("steps.server_stays", target=host.name, others=tuple(others)))
    return bool(others)


def preview(ctx: Context, _connect: bool) -> Preview:
    """The roles' variables held to their argument specs, the templates rendered; what a host answers is filled in by example."""
    from orchestrator.tools.ansible_check import check_variables

    values: dict[str, Any] = {"prepare_host_directories": ["/var/lib/orchestrator"]}
    if ctx.world.databases_of("postgresql"):
        values |= role_variables(ctx, programs="/usr/lib/postgresql/15/bin", ranges=["192.0.2.0/24"])
    if ctx.world.databases_of("mariadb"):
        programs = facts.MariadbPrograms("/usr/sbin/mariadbd", "/usr/bin/mariadb-install-db", "")
        values |= mariadb_variables(ctx, programs=programs, number=2, settings={})
    found = check_variables(ctx.settings.playbooks, "prepare_target", values, system=ctx.system.id)
    return Preview(Coverage.CHECKED, say("steps.how_variables"), tuple(found))


STEP = Step(
    id="prepare_hosts", effect=Effect.REVERSIBLE, run=run, observe=observe,
    undo_target=undo, preview=preview,
)  # fmt: skip
