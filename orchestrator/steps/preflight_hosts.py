"""Every host and gateway, asked at once for whatever a later step will need there. Reads only; all findings together."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from orchestrator.errors import Finding, Unasked, each_once
from orchestrator.hosts import packages, questions
from orchestrator.hosts.questions import Answers
from orchestrator.models import Host
from orchestrator.movers.registry import is_whole_server
from orchestrator.movers.server.landing import machine_of
from orchestrator.steps import protect
from orchestrator.steps.base import Context
from orchestrator.steps.holders import databases_behind
from orchestrator.steps.world import unit_name
from orchestrator.texts import Words, say

GB = 1_000_000_000
OLDEST_PYTHON = (3, 8)
FOR_TREES = ("rsync", "find", "sha256sum", "getfacl", "getfattr")
"""Programs of a host whose file trees are copied and compared."""
"""For Ansible on the hosts that it prepares."""


@dataclass(frozen=True)
class Need:
    """What is asked of one host. ``role``: as people say it."""

    host: Host
    role: Words
    programs: tuple[str, ...] = ()
    python: bool = False
    readable: tuple[str, ...] = ()
    """Paths that must be there."""
    writable: tuple[str, ...] = ()
    """Places that we write to, made where they are missing."""
    space: int = 0
    """Bytes that must be free at the first writable place."""


def find_source_problems(ctx: Context) -> tuple[list[Finding], dict[str, str]]:
    """The system's own hosts and every site's gateway: findings, and what each host that answered is."""
    if ctx.verdict.strategy == "hosting" and is_whole_server(ctx.system):
        machines = [machine_of(host, host.landing) for host in ctx.system.hosts if host.landing is not None]
        return find_problems(ctx, [Need(host, "source") for host in ctx.system.hosts] + [Need(host, say("server.landing")) for host in machines])
    needs = [source_need(ctx, host) for host in ctx.system.hosts]
    if ctx.verdict.strategy != "hosting":
        needs += [gateway_need(ctx, site.gateway) for site in ctx.sites.sites]
    else:
        needs.append(restore_need(ctx))
    return find_problems(ctx, needs)


def find_target_problems(ctx: Context) -> list[Finding]:
    """The servers on the cloud, as soon as they are there."""
    problems = find_problems(ctx, [target_need(ctx, name) for name in ctx.world.targets])[0]
    return problems + find_lacking_packages(ctx) + protect.find_target_problems(ctx)


def find_lacking_packages(ctx: Context) -> list[Finding]:
    """Packages that own what the services run on their source hosts, and that a target has not: before anything is copied."""
    found = []
    for name, target in ctx.world.targets.items():
        source = ctx.world.source(name)
        if "processes" in (source.manager, target.manager):
            continue
        units = [unit_name(service) for service in ctx.system.services if service.host == name and service.unit]
        commands = [service.command[0] for service in ctx.system.services if service.host == name and service.command and service.command[0].startswith("/")]
        here = ctx.world.ssh(source)
        owners = packages.find_owners(here, [*packages.find_programs(here, units), *commands])
        for lacking in packages.find_lacking(ctx.world.ssh(target), owners):
            offered = say("steps.archive_offers", version=lacking.candidate) if lacking.candidate else say("steps.archive_none")
            message = say("steps.package_lacking", target=target.name, package=lacking.package, path=lacking.path, host=name, offered=offered)
            remedy = say("steps.install_there") if lacking.candidate else say("steps.give_archive")
            found.append(Finding("package-missing", "error", message, remedy, system=ctx.system.id))
    return found


def find_problems(ctx: Context, needs: list[Need]) -> tuple[list[Finding], dict[str, str]]:
    """All hosts are asked at once; a host that does not answer costs one finding."""
    with ThreadPoolExecutor(max_workers=max(1, min(16, len(needs)))) as pool:
        answers = list(pool.map(lambda need: _ask(ctx, need), needs))
    findings: list[Finding] = []
    kinds: dict[str, str] = {}
    for need, answer in zip(needs, answers, strict=True):
        if isinstance(answer, Unasked):
            findings += answer.findings(ctx.system.id)
            continue
        findings += judge(ctx.system.id, need, answer)
        if not answer.problem:
            kinds[need.host.name] = _describe(answer)
    return each_once(findings), kinds


def _ask(ctx: Context, need: Need) -> Answers | Unasked:
    try:
        connection = ctx.world.ssh(need.host)
    except Unasked as error:
        return error
    return questions.ask(connection, [*need.readable, *need.writable], python=need.host.python or "/usr/bin/python3")


def _describe(answer: Answers) -> str:
    python = ".".join(map(str, answer.python)) if answer.python else "none"
    return f"{'systemd' if answer.systemd else 'no systemd'}, Python {python}"


def source_need(ctx: Context, host: Host) -> Need:
    """A host of the old room: it is read, its services are stopped and started, files come back to it."""
    trees = tuple(tree.path for tree in ctx.system.file_trees if tree.host == host.name)
    if ctx.verdict.strategy in ("hosting", "retire"):
        trees += tuple(d.data_directory for d in ctx.system.databases if d.host == host.name and d.data_directory)
    files = FOR_TREES if trees else ()
    return Need(host, "source", programs=files, readable=trees, writable=(ctx.world.home(host),) if trees else ())


def target_need(ctx: Context, name: str) -> Need:
    """A server on the cloud that takes over from the source host ``name``."""
    host = ctx.world.target(name)
    trees = [tree for tree in ctx.system.file_trees if tree.host == name]
    sizes = [tree.size_gb or 0 for tree in trees] + [d.size_gb or 0 for d in ctx.system.databases if d.host == name]
    files = FOR_TREES if trees else ()
    return Need(host, "target", files, python=True, writable=(ctx.world.home(host),), space=int(sum(sizes) * GB))


def gateway_need(ctx: Context, host: Host) -> Need:
    """A gateway: its PgBouncer's files, and the words by which its HAProxy holds, are changed under a lock."""
    files = [s.pgbouncer.databases_file for s in ctx.sites.sites if s.pgbouncer and s.gateway.name == host.name]
    if not databases_behind(ctx, "pgbouncer"):
        files = []
    folders = [s.tcp.folder for s in ctx.sites.sites if s.tcp and s.gateway.name == host.name] if databases_behind(ctx, "tcp") else []
    programs = ("flock", "sed") if files or folders else ()
    return Need(host, "gateway", programs=programs, readable=tuple(files), writable=(*files, *folders))


def restore_need(ctx: Context) -> Need:
    """Where the cold backup of a hosted system is restored, to be compared before anything is carried."""
    sizes = [tree.size_gb or 0 for tree in ctx.system.file_trees] + [database.size_gb or 0 for database in ctx.system.databases]
    gateway = ctx.world.cloud.gateway
    return Need(gateway, say("steps.role_restores"), programs=("rsync", "find", "sha256sum"), writable=(ctx.world.home(gateway),),
                space=int(sum(sizes) * GB))  # fmt: skip


def judge(system: str, need: Need, answer: Answers) -> Iterator[Finding]:
    """What keeps a host from doing what will be asked of it. Pure."""
    where = f"{need.host.name} ({need.role})"

    def finding(code: str, message: Words, remedy: Words) -> Finding:
        return Finding(code=code, severity="error", says=say("error.of", name=where, said=message), mend=remedy, system=system)

    if answer.problem:
        yield finding("host-unusable", answer.problem, answer.remedy)
        return
    if need.host.manager == "systemd" and not answer.systemd:
        yield finding("no-systemd", say("steps.no_systemd_there"), say("steps.say_processes"))
    for name in need.programs:
        if name not in answer.programs:
            package = {"getfacl": "acl", "getfattr": "attr", "sha256sum": "coreutils", "flock": "util-linux"}.get(name, name)
            yield finding("program-missing", say("steps.not_there", what=name), say("steps.install_package", package=package))
    if need.python and (answer.python is None or answer.python < OLDEST_PYTHON):
        remedy = say("steps.install_python", version=".".join(map(str, OLDEST_PYTHON)))
        path, version = need.host.python or "/usr/bin/python3", answer.python
        seen = say("steps.python_at", version=".".join(map(str, version)), path=path) if version else say("steps.no_python_at", path=path)
        yield finding("python-too-old", seen, remedy)
    for place in answer.places[: len(need.readable)]:
        if not place.exists:
            yield finding("path-missing", say("steps.not_there", what=place.path), say("steps.correct_path_rights"))
    for place in answer.places[len(need.readable) :]:
        if not place.writable:
            yield finding("place-unwritable", say("steps.not_writable", path=place.path), say("steps.let_write"))
        if place.free_bytes is not None and place.free_bytes < need.space:
            message = say("steps.space", free=place.free_bytes / GB, path=place.path, needed=need.space / GB)
            yield finding("space", message, say("steps.enlarge_disk"))
