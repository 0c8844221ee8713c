"""Who would miss a system that is switched off. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from orchestrator.errors import Finding
from orchestrator.models import Inventory, Strategy, System, SystemId, Verdict
from orchestrator.texts import Sentence, say


def find_users(inventory: Inventory, verdicts: Mapping[SystemId, Verdict], retiring: System) -> list[Finding]:
    """Systems that stay and use this one: they name it, or their databases or services stand on its servers."""
    staying = [system for system in inventory.systems if system.id != retiring.id and verdicts[system.id].strategy is not Strategy.RETIRE]
    return [finding for system in staying for finding in _uses(system, retiring)]


def _uses(system: System, retiring: System) -> Iterator[Finding]:
    def finding(code: str, says: Sentence, mend: Sentence) -> Finding:
        return Finding(code, "error", says, mend, system=retiring.id)

    user = system.id
    if retiring.id in system.depends_on:
        yield finding("still-needed", say("policy.still_needed", user=user), say("policy.end_dependence", user=user))
    if system.database_owner == retiring.id:
        yield finding("still-needed", say("policy.database_used", user=user), say("policy.give_database", user=user))
    servers = {(host.address, database.port) for database in retiring.databases for host in retiring.hosts if host.name == database.host}
    addresses = {host.name: host.address for host in system.hosts}
    for database in system.databases:
        if (addresses.get(database.host), database.port) in servers:
            says = say("policy.shared_server", user=user, database=database.name)
            yield finding("shared-server", says, say("policy.move_first", user=user, system=retiring.id))
    ports = {(host.address, service.port) for service in retiring.services for host in retiring.hosts
             if host.name == service.host and service.port and not service.shared}  # fmt: skip
    for service in system.services:
        if service.port and (addresses.get(service.host), service.port) in ports:
            says = say("policy.shared_service", user=user, service=service.name, system=retiring.id)
            yield finding("shared-service", says, say("policy.say_shared"))
