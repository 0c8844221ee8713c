"""Accounts and groups come over first, by name and with their ids where they are free: files and services belong to somebody."""

from __future__ import annotations

import json

from orchestrator.hosts import accounts, former
from orchestrator.models import Host
from orchestrator.steps import previews, services
from orchestrator.steps.base import Context, Effect, Facts, Observed, Step


def source_hosts(ctx: Context) -> list[Host]:
    """Source hosts that have accounts of their own; processes in a folder have those of their machine."""
    names = dict.fromkeys([*(tree.host for tree in ctx.system.file_trees), *(s.host for s in services.moved(ctx))])
    return [host for host in map(ctx.world.source, names) if host.manager != "processes"]


def _pairs(ctx: Context) -> list[tuple[Host, Host]]:
    """The same with their target hosts, where these have accounts of their own."""
    pairs = [(source, ctx.world.target(source.name)) for source in source_hosts(ctx)]
    return [(source, target) for source, target in pairs if target.manager != "processes"]


def needed(ctx: Context, source: Host) -> tuple[set[str], set[str]]:
    """Users and groups that own files or run services on a source host; root is everywhere."""
    trees = [tree.path for tree in ctx.system.file_trees if tree.host == source.name]
    owners = accounts.read_owners(ctx.world.ssh(source), trees) if trees else accounts.Owners({}, {})
    users = set(owners.users.values())
    for service in services.moved(ctx):
        if service.host == source.name:
            brought = services.carriage(ctx, service)
            users |= brought.accounts if brought else {service.account or ""}
    return users - {"", "root"}, set(owners.groups.values()) - {"", "root"}


def run(ctx: Context) -> Facts:
    """Makes what the target lacks; what it will make is written down there first."""
    made: dict[str, list[str]] = {}
    for source, target in _pairs(ctx):
        here, there = ctx.world.ssh(source), ctx.world.ssh(target)
        users, groups = needed(ctx, source)
        missing = _missing(ctx, target, users, groups)
        record = _record(ctx, target)
        if there.run(["test", "-e", record], timeout=20).code != 0:
            known = {account.name: account for account in accounts.read_accounts(here, users)}
            also = {name for account in known.values() for name in (account.group, *account.groups)}
            groups_missing = _missing(ctx, target, set(), groups | also)
            there.write_file(record, json.dumps(sorted({*missing, *groups_missing})).encode())
        made[target.name] = accounts.bring_accounts(here, there, users, groups)
    return {"made": made}


def _record(ctx: Context, target: Host) -> str:
    return ctx.world.home(target, f"accounts-{ctx.migration}.json")


def _missing(ctx: Context, target: Host, users: set[str], groups: set[str]) -> list[str]:
    connection = ctx.world.ssh(target)
    found = [f"user {name}" for name in sorted(users) if connection.run(["getent", "passwd", name], timeout=20).code != 0]
    return found + [f"group {name}" for name in sorted(groups) if connection.run(["getent", "group", name], timeout=20).code != 0]


def observe(ctx: Context) -> Observed:
    """Every account and group that is needed is known on the target."""
    if not ctx.world.targets:
        return Observed.NOT_DONE
    pairs = _pairs(ctx)
    if not pairs:
        return Observed.NOTHING
    records = [ctx.world.ssh(target).run(["test", "-e", _record(ctx, target)], timeout=20).code == 0 for _, target in pairs]
    if not all(records):
        return Observed.UNCLEAR if any(records) else Observed.NOT_DONE
    lacking = [name for source, target in pairs for name in _missing(ctx, target, *needed(ctx, source))]
    return Observed.NOT_DONE if lacking else Observed.DONE


def undo(ctx: Context) -> None:
    """Takes away what was made for this migration; accounts that were there before stay."""
    if not ctx.world.targets:
        return
    for _, target in _pairs(ctx):
        connection, record = ctx.world.ssh(target), _record(ctx, target)
        if connection.run(["test", "-e", record], timeout=20).code == 0:
            accounts.remove_accounts(connection, json.loads(connection.read_file(record)))
            former.remove_ours(connection, record)


STEP = Step(
    id="bring_accounts",
    effect=Effect.REVERSIBLE,
    run=run,
    observe=observe,
    undo_target=undo,
    preview=previews.accounts,
)
