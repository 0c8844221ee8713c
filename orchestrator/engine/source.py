"""``prepare-source``: what a system's database servers need before it can be moved, shown, done, and undone."""

from __future__ import annotations

import datetime as dt
import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from orchestrator.errors import Finding, Refused
from orchestrator.hosts import facts
from orchestrator.hosts.services import Placed
from orchestrator.models import Database, Host, System
from orchestrator.movers import registry
from orchestrator.movers.machine import cluster
from orchestrator.movers.source import Change, SourceServer, Wanted
from orchestrator.planning.calendar import in_window
from orchestrator.planning.hours import windows_for
from orchestrator.steps.prepare import addresses, run_as
from orchestrator.steps.world import World
from orchestrator.texts import say
from orchestrator.workspace import Workspace

RESTART_SECONDS = 180.0


def insist_on_nobody_moving(system: System, systems: Iterable[System], under_way: Mapping[str, str]) -> None:
    """Raises Refused while a migration uses one of the system's database servers: it needs what was prepared, its way back too.
    ``under_way``: the migration of each system that is not ended."""
    ours = _places(system)
    found = [
        Finding("migration-under-way", "error", say("engine.source_in_use", migration=under_way[other.id]), say("engine.end_it_first"), system=other.id)
        for other in systems
        if other.id in under_way and ours & _places(other)
    ]
    if found:
        raise Refused(say("engine.source_stays_prepared", system=system.id), findings=found, where=system.id)


def insist_on_not_accepted(system: System, ended: Mapping[str, str]) -> None:
    """Raises Refused where the system lives elsewhere by now: what stands in the old room is its former database, closed for good.
    ``ended``: when the migration of each accepted system ended."""
    if system.id in ended:
        remedy = say("engine.former_database", system=system.id)
        raise Refused(say("engine.accepted_on", system=system.id, at=ended[system.id]), where=system.id, remedy=remedy)


def _places(system: System) -> set[tuple[str, int]]:
    at = {host.name: host.address for host in system.hosts}
    return {(at[database.host], database.port) for database in system.databases if database.host in at}


@dataclass(frozen=True)
class Prepared:
    """One server: what is different, and whether it waits for a restart."""

    server: str
    changes: tuple[Change, ...]
    restart_owed: bool


class Source:
    """The database servers of one system, in the old room."""

    def __init__(self, workspace: Workspace, system: System) -> None:
        self._workspace, self._system = workspace, system
        self._world = World(workspace.settings, system, workspace.sites)
        if not self._world.movable_databases:
            raise Refused(say("engine.no_database_moved", system=system.id), where=system.id, remedy=say("engine.nothing_to_prepare"))

    def __enter__(self) -> Source:
        return self

    def __exit__(self, *_: object) -> None:
        self._world.close()

    def look(self) -> list[Prepared]:
        """Reads only."""
        return [
            Prepared(f"{host.name}:{database.port}", tuple(server.find_changes(self._wanted(host, database))), server.is_restart_owed())
            for host, database, server in self._servers()
        ]

    def prepare(self) -> None:
        for host, database, server in self._servers():
            server.prepare(self._wanted(host, database))

    def take_back(self) -> dict[str, list[str]]:
        """The servers on which something had been prepared, each with the systems for which it stays so."""
        taken = {f"{host.name}:{database.port}": server.take_back() for host, database, server in self._servers()}
        return {server: others for server, others in taken.items() if others is not None}

    def restart(self, *, only: bool = True) -> list[str]:
        """Those that owe a restart, one after the other, by whatever keeps them. Raises Refused outside the system's windows, and
        where it is all that is asked for (``only``) and nothing would change by it."""
        owing = [(host, database, server) for host, database, server in self._servers() if server.is_restart_owed()]
        if not owing and only:
            remedy = say("engine.see_prepare_source", system=self._system.id)
            raise Refused(say("engine.no_restart_owed", system=self._system.id), where=self._system.id, remedy=remedy)
        if not owing:
            return []
        rule = in_window(
            windows_for(self._system, self._workspace.programme)[0], dt.datetime.now(dt.UTC), self._workspace.programme,
            department=self._system.department,
        )  # fmt: skip
        if rule is None:
            raise Refused(
                say("engine.outside_windows", system=self._system.id), where=self._system.id, remedy=say("engine.try_in_window"),
            )  # fmt: skip
        return [self._restart(host, database, server) for host, database, server in owing]

    def _restart(self, host: Host, database: Database, server: SourceServer) -> str:
        connection = self._world.ssh(host)
        unit = cluster.find_unit(connection, server.data_directory())
        if not unit:
            raise Refused(say("engine.no_unit", port=database.port), where=host.name, remedy=say("engine.restart_by_hand"))
        placed = Placed(f"database-{database.name}", unit=unit, port=database.port, start_seconds=RESTART_SECONDS)
        connection.run(["systemctl", "restart", unit], timeout=RESTART_SECONDS + 60, check=True)
        self._world.manager(host).start(placed)  # it is up when it listens again
        return f"{host.name}: {unit}"

    # ------------------------------------------------------------ inside

    def _servers(self) -> Iterator[tuple[Host, Database, SourceServer]]:
        """Each server once, though several databases may lie on it."""
        seen = set()
        for database in self._world.movable_databases:
            host = self._world.source(database.host)
            if (host.name, database.port) in seen:
                continue
            seen.add((host.name, database.port))
            account = registry.SUPERUSER[registry.DATABASES[database.engine]]
            server = registry.source_server(
                database, self._world.ssh(host), name=self._system.id, home=self._world.home(host), run_as=run_as(host, account)
            )
            yield host, database, server

    def _wanted(self, host: Host, database: Database) -> Wanted:
        admin = database.admin_role or "orchestrator"
        lines = [("all", admin, network, "scram-sha-256") for network in self._networks(host)]
        here = [each for each in self._world.movable_databases if (each.host, each.port) == (database.host, database.port)]
        ways_in = [self._world.way_in(site, database) for site in self._workspace.sites.sites]
        gateways = [_single(way_in[0]) for way_in in ways_in if way_in]
        lines += [(each.name, each.role, network, "md5") for each in here if each.role for network in gateways]
        # md5 lets SCRAM in too, and accounts whose password is kept as MD5 are there until they are changed
        listen = addresses(host.address)[0]
        return Wanted(admin, self._world.secret(database.admin_secret), listen, tuple(dict.fromkeys(lines)))

    def _networks(self, host: Host) -> list[str]:
        """From where the engine's role comes: this controller as the host sees it, the gateways, the other side's servers."""
        controller = facts.client_address(self._world.ssh(host))
        cloud = self._world.cloud
        named = {each.target for each in self._system.hosts}
        servers = [_single(server.address) for server in cloud.servers if server.name in named]
        found = [_single(controller)] if controller else []
        found += [_single(site.gateway.address) for site in self._workspace.sites.sites]
        return list(dict.fromkeys([*found, *(servers or [cloud.address_range])]))


def _single(address: str) -> str:
    return str(ipaddress.ip_network(addresses(address)[0]))
