"""Who would miss a system that is switched off. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from orchestrator.errors import Finding
from orchestrator.models import Inventory, Strategy, System, SystemId, Verdict


def find_users(inventory: Inventory, verdicts: Mapping[SystemId, Verdict], retiring: System) -> list[Finding]:
    """Systems that stay and use this one: they name it, or their databases or services stand on its servers."""
    staying = [system for system in inventory.systems if system.id != retiring.id and verdicts[system.id].strategy is not Strategy.RETIRE]
    return [finding for system in staying for finding in _uses(system, retiring)]


def _uses(system: System, retiring: System) -> Iterator[Finding]:
    def finding(code: str, message: str, remedy: str) -> Finding:
        return Finding(code, "error", message, remedy, system=retiring.id)

    if retiring.id in system.depends_on:
        yield finding("still-needed", f"{system.id} depends on it", f"end that, and correct `depends_on` of {system.id}")
    if system.database_owner == retiring.id:
        yield finding("still-needed", f"{system.id} uses its database", f"give {system.id} a database, and correct `database_owner`")
    servers = {(host.address, database.port) for database in retiring.databases for host in retiring.hosts if host.name == database.host}
    addresses = {host.name: host.address for host in system.hosts}
    for database in system.databases:
        if (addresses.get(database.host), database.port) in servers:
            message = f"{system.id} has its database {database.name} on the same server, which would be stopped"
            yield finding(
                "shared-server", message, f"move {system.id} first, or take the database of {retiring.id} off that server by hand"
            )
    ports = {(host.address, service.port) for service in retiring.services for host in retiring.hosts
             if host.name == service.host and service.port and not service.shared}  # fmt: skip
    for service in system.services:
        if service.port and (addresses.get(service.host), service.port) in ports:
            message = f"{system.id} has its service {service.name} where {retiring.id} has one, which would be stopped"
            yield finding("shared-service", message, "say `shared: true` for it, or correct the ports")
