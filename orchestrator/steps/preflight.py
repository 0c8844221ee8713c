"""Looks at the source before anything is prepared; every finding at once. Reads only."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.errors import Finding, OrchestratorError, Refused
from orchestrator.models import Device, Host
from orchestrator.steps.base import Context, Effect, Facts, Observed, Step


def run(ctx: Context) -> Facts:
    """Hosts answer, databases can be moved, files can be read, gateways know the databases. Raises Refused."""
    findings: list[Finding] = []
    facts: Facts = {"hosts": {}, "databases": {}}
    if ctx.settings.known_hosts is None or ctx.settings.ssh_key is None:
        raise Refused(
            "known_hosts and ssh_key are not set",
            where="orchestrator.toml",
            remedy="set both; `orchestrator hosts trust` fills known_hosts",
        )
    for host in ctx.system.hosts:
        try:
            answer = ctx.world.ssh(host).run(["uname", "-sm"], timeout=10)
            facts["hosts"][host.name] = answer.stdout.strip()
        except OrchestratorError as error:
            findings.append(_finding(ctx, "host-unreachable", f"{host.name}: {error.what}", error.remedy))
    findings += _new_addresses(ctx)
    for tree in ctx.system.file_trees:
        answer = ctx.world.ssh(ctx.world.source(tree.host)).run(["test", "-r", tree.path], timeout=10)
        if answer.code != 0:
            findings.append(
                _finding(ctx, "path-unreadable", f"{tree.path} on {tree.host} cannot be read", "correct the path or the account's rights")
            )
    for database in ctx.system.databases:
        if database.engine != "postgresql":
            findings.append(
                _finding(
                    ctx, "vendor-run", f"{database.name}: no mover for {database.engine}", "it is vendor-run: plan human tasks for its copy"
                )
            )
            continue
        facts["databases"][database.name] = _database(ctx, database, findings)
    findings += _services(ctx)
    if findings:
        raise Refused(f"{len(findings)} findings before the migration of {ctx.system.id}", findings=findings)
    return facts


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
        if service.entry and service.entry not in ports:
            message = f"{service.name}: nobody says where citizens reach {service.entry}"
            findings.append(_finding(ctx, "entry-port", message, "add it under entry.ports in sites.yaml"))
    return findings


def _database(ctx: Context, database: object, findings: list[Finding]) -> Facts:
    from orchestrator.models import Database
    from orchestrator.movers.postgresql import fence, replication

    assert isinstance(database, Database)  # noqa: S101 - narrows for the type checker
    try:
        source = ctx.world.sql(database, "source")
    except Exception as error:  # noqa: BLE001 - any refusal of the server is one finding
        findings.append(
            _finding(ctx, "database-unreachable", f"{database.name}: {str(error).strip()}", "check address, role and secret reference")
        )
        return {}
    if ctx.verdict.strategy != "hosting":
        for lost in replication.what_would_be_lost(source, ctx.world.names(database)):
            findings.append(
                _finding(
                    ctx,
                    "not-replicated",
                    f"{database.name} has {lost}",
                    "logical replication does not carry them: move it by hand or remove them",
                )
            )
        if fence.scalar(source, "SHOW wal_level") != "logical":
            findings.append(
                _finding(
                    ctx, "wal-level", f"{database.name}: wal_level is not logical", "plan the restart that changes it in an earlier window"
                )
            )
        others = fence.scalar(
            source, "SELECT count(*) FROM pg_database WHERE NOT datistemplate AND datname NOT IN ('postgres', current_database())"
        )
        if others:
            findings.append(
                _finding(
                    ctx,
                    "shared-cluster",
                    f"{database.name}: {others} other databases share its cluster",
                    "their roles would be fenced too: move them together",
                )
            )
        role_is_super = fence.scalar(source, "SELECT rolsuper FROM pg_roles WHERE rolname = %s", database.role)
        if role_is_super is None or role_is_super:
            findings.append(
                _finding(
                    ctx,
                    "role",
                    f"{database.name}: role {database.role} is missing or a superuser",
                    "a superuser application cannot be fenced: give it an ordinary role",
                )
            )
    size = fence.scalar(source, "SELECT pg_database_size(current_database())")
    return {
        "bytes": size,
        "tables": len(replication.tables(source, ctx.world.names(database))),
        "server": fence.scalar(source, "SHOW server_version"),
    }


def _finding(ctx: Context, code: str, message: str, remedy: str) -> Finding:
    return Finding(code=code, severity="error", message=message, remedy=remedy, system=ctx.system.id)


def observe(_ctx: Context) -> Observed:
    """Reads only: there is nothing in the world to see."""
    return Observed.DONE


STEP = Step(
    id="preflight",
    zh="迁移前检查",
    en="check the source before anything is prepared",
    effect=Effect.READ_ONLY,
    run=run,
    observe=observe,
)
