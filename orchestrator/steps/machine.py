"""The machines of a hosted system at whichever place they stand: what runs on them, in order; what of them is backed up cold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from orchestrator.errors import Finding, OrchestratorError, Refused, StepFailed, Unasked
from orchestrator.hosts import carried, facts
from orchestrator.hosts.services import Placed
from orchestrator.models import Database, Host, Service
from orchestrator.movers.machine import addresses, cluster
from orchestrator.movers.machine.kept import CLUSTER_SECONDS, Kept, KeptCluster, KeptService
from orchestrator.steps import people
from orchestrator.steps.base import Context, Facts
from orchestrator.steps.references import Reached, make_table
from orchestrator.steps.world import START_SECONDS, unit_name
from orchestrator.texts import Words, say
from orchestrator.tools import known_hosts

ANNOUNCED = "outage_announced"
HEALTHY_SECONDS = 30.0


def moved(host: Host) -> Host:
    """The same machine at its new place."""
    return host.model_copy(update={"address": people.new_address(host)})


def adopt(ctx: Context) -> None:
    """The target of a hosted system is the machine itself, elsewhere. It brings its host key along: whoever answers at the new
    address must have the one that is known from the old."""
    ctx.world.targets = {host.name: moved(host) for host in ctx.system.hosts}
    file = ctx.settings.known_hosts
    for host in ctx.system.hosts if file is not None else ():
        there = people.new_address(host)
        if file is not None and not known_hosts.remembered(file, there, host.ssh_port):
            for kind, key in known_hosts.remembered(file, host.address, host.ssh_port)[:1]:
                known_hosts.remember(file, there, host.ssh_port, kind, key)


# ---------------------------------------------------------------- what it is made of


def look(ctx: Context) -> Facts:
    """What must be asked while everything still runs: the unit of each database server, and where its configuration is."""
    units, configurations = {}, {}
    for database in ctx.system.databases:
        host = ctx.world.source(database.host)
        connection, data = ctx.world.ssh(host), data_directory(database)
        configurations[database.name] = cluster.find_configuration(connection, data)
        units[database.name] = cluster.find_unit(connection, data) if host.manager == "systemd" else ""
    return {"units": units, "configurations": configurations}


def known(ctx: Context) -> Facts:
    """The same as it was announced, for everything that comes after."""
    return dict(ctx.records.history(ANNOUNCED)[-1])


def data_directory(database: Database) -> str:
    """Raises Refused where the inventory does not say it."""
    if database.data_directory is None:
        raise Refused(
            say("steps.no_data_directory", name=database.name),
            where=database.host,
            remedy=say("steps.add_data_directory"),
        )
    return database.data_directory


def parts(ctx: Context, host: Host) -> list[Kept]:
    """Everything of the system on one machine, in the order in which it may start. What others share goes down with the machine."""
    servers: dict[str, Kept] = {}
    for database in ctx.system.databases:
        if database.host == host.name:
            servers.setdefault(data_directory(database), _server(ctx, host, database))
    services = [service for service in ctx.system.services if service.host == host.name and not service.shared]
    return [*servers.values(), *(KeptService(_placed(service, host), ctx.world.manager(host, service)) for service in services)]


def _server(ctx: Context, host: Host, database: Database) -> Kept:
    from orchestrator.steps.prepare import run_as

    name = f"database-{database.name}"
    unit = known(ctx).get("units", {}).get(database.name, "")
    if unit:
        placed = Placed(name, unit=unit, address=host.address, port=database.port, start_seconds=CLUSTER_SECONDS)
        return KeptService(placed, ctx.world.manager(host))
    connection = ctx.world.ssh(host)
    return KeptCluster(name, connection, facts.require_postgresql(connection), data_directory(database), run_as(host))


def _placed(service: Service, host: Host) -> Placed:
    return Placed(
        service.name, unit=unit_name(service), cron=service.cron or "", argv=tuple(service.command), account=service.account or "", address=host.address,
        port=service.port or 0, start_seconds=service.start_seconds or START_SECONDS,
    )  # fmt: skip


@dataclass(frozen=True)
class Tree:
    """A folder of a machine that is backed up cold. ``host``: at its old place."""

    host: Host
    path: str

    @property
    def name(self) -> str:
        return f"{self.host.name}:{self.path}"


def trees(ctx: Context) -> list[Tree]:
    """The declared trees, the databases' data, and their configuration where that lies apart."""
    found = [Tree(ctx.world.source(tree.host), tree.path) for tree in ctx.system.file_trees]
    for database in ctx.system.databases:
        host, data = ctx.world.source(database.host), data_directory(database)
        configuration = known(ctx).get("configurations", {}).get(database.name, data)
        found += [Tree(host, path) for path in dict.fromkeys((data, configuration))]
    return list(dict.fromkeys(found))


# ---------------------------------------------------------------- up


def start(ctx: Context, host: Host) -> None:
    """Everything of one machine, in order, as it is to run where it stands; each service must be healthy."""
    services = {service.name: service for service in ctx.system.services}
    for part in parts(ctx, host):
        service = services.get(part.name)
        part.start(_environment(ctx, host, service) if service else {})
    insist_healthy(ctx, host)


def restore(ctx: Context, host: Host) -> None:
    """Everything of one machine as it was before, at its old place."""
    for part in parts(ctx, host):
        part.restore()
    insist_healthy(ctx, host)


def insist_healthy(ctx: Context, host: Host) -> None:
    """Raises StepFailed at the first service that is not."""
    for service in ctx.system.services:
        if service.host != host.name or not service.port:
            continue
        limit = service.start_seconds or HEALTHY_SECONDS
        problem = ctx.world.find_illness(service, host, limit=limit)
        if problem:
            raise StepFailed(
                say("steps.service_ill", name=service.name, problem=problem),
                where=f"{host.name} {host.address}",
                remedy=say("steps.read_log_mend"),
            )


def _environment(ctx: Context, host: Host, service: Service) -> dict[str, str]:
    """The service's variables, references looked up: a carried system reaches its databases where their machines stand now."""
    databases = []
    for database in ctx.system.databases:
        values = {
            "host": ctx.world.target(database.host).address if database.host in ctx.world.targets else host.address,
            "port": str(database.port),
            "name": database.name,
            "role": database.role or "",
        }
        if host.root is not None:  # no machine of its own: it reads the controller's files
            values["secret_file"] = (database.secret or "").removeprefix("file:")
        databases.append(Reached(database.name, values))
    table = make_table({"address": host.address, "port": str(service.port)}, databases, [])
    kept = {name: value for name, value in service.environment.items() if not _is_its_own(value, table)}
    return {name: table.get(value, value) for name, value in kept.items()}


def _is_its_own(value: str, table: Mapping[str, str]) -> bool:
    """A carried machine brings its secrets along: where they lie is what its own configuration says."""
    return value.startswith("@database.") and value.endswith(".secret_file") and value not in table


# ---------------------------------------------------------------- addresses


def readdress(ctx: Context, host: Host) -> Facts:
    """The system's own configuration names the new addresses: of its database servers, of its units. What else names an old one
    is not touched, and said."""
    connection = ctx.world.ssh(host)
    new = {each.address: people.new_address(each) for each in ctx.system.hosts}
    ours = list(_configuration_files(ctx, host))
    changed = addresses.exchange(connection, ours, new, _kept_files(ctx, host))
    naming = {path for old in new for path in addresses.find_naming(connection, old, ["/etc"])} if host.root is None else set()
    return {"readdressed": changed, "still_named_in": sorted(naming - set(ours))}


def readdress_back(ctx: Context, host: Host) -> None:
    """Every file as it was."""
    addresses.give_back(ctx.world.ssh(host), _kept_files(ctx, host))


def _kept_files(ctx: Context, host: Host) -> str:
    return ctx.world.home(host, "readdressed")


def _configuration_files(ctx: Context, host: Host) -> Iterator[str]:
    connection = ctx.world.ssh(host)
    folders = [tree.path for tree in trees(ctx) if tree.host.name == host.name]
    for database in ctx.system.databases:
        if database.host != host.name:
            continue
        data = data_directory(database)
        folder = known(ctx).get("configurations", {}).get(database.name, data)
        listed = connection.run(["find", folder, *(["-maxdepth", "1"] if folder == data else []), "-name", "*.conf", "-type", "f"], check=True)
        yield from listed.stdout.splitlines()
    for service in ctx.system.services:
        if service.host != host.name:
            continue
        yield from (file.path for file in service.files)
        if service.unit:
            yield from (file.path for file in carried.read_carriage(connection, unit_name(service), inside=folders).files)


# ---------------------------------------------------------------- before anything


def find_problems(ctx: Context) -> list[Finding]:
    """For preflight: what keeps the machines from being taken down, copied and started elsewhere. Reads only."""
    found = []

    def add(code: str, message: Words, remedy: Words) -> None:
        found.append(Finding(code, "error", message, remedy, system=ctx.system.id))

    if ctx.sites.entry is None and any(service.entry for service in ctx.system.services):
        add("entry", say("steps.no_entry"), say("steps.add_balancer"))
    for database in ctx.system.databases:
        if database.data_directory is None:
            add("data-directory", say("steps.no_data_directory", name=database.name), say("steps.add_data_directory"))
            continue
        host = ctx.world.source(database.host)
        try:
            connection = ctx.world.ssh(host)
            cluster.find_configuration(connection, database.data_directory)
            if host.manager == "systemd" and not cluster.find_unit(connection, database.data_directory):
                add("server-down", say("steps.no_unit_keeps", directory=database.data_directory, host=host.name), say("steps.start_or_path"))
        except Unasked as error:
            found += error.findings(ctx.system.id)
        except OrchestratorError as error:
            where = {"name": database.name, "directory": database.data_directory, "host": host.name}
            add("data-directory", say("steps.directory_says", said=error.says, **where), say("steps.correct_path"))
    return found
