"""Facts beside the inventory: what could be filled in, what differs, and which connections suggest a dependency or a link. Writes nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from orchestrator.discovery.facts import Connection, FoundDatabase, HostFacts
from orchestrator.models import Database, Host, Inventory, System
from orchestrator.texts import Name, Sentence, Words, say


@dataclass(frozen=True)
class Offer:
    """One line for a person to decide on. ``fill``: the inventory says nothing; ``differs``: it says something else, and stays."""

    kind: Literal["fill", "differs", "new", "dependency", "link", "device", "note"]
    system: str
    what: str
    inventory: str
    found: Words

    def as_json(self) -> dict[str, str]:
        """The offer as JSON, its words in the language of this process."""
        return {**self.__dict__, "found": str(self.found)}


def offers(inventory: Inventory, facts: Iterable[HostFacts]) -> list[Offer]:
    """Every offer, sorted. Hosts that no system has are left to ``HostFacts`` itself."""
    known = {one.host: one for one in facts}
    found: list[Offer] = []
    for system in inventory.systems:
        for host in system.hosts:
            if host.name in known:
                found += _about_host(system, host, known[host.name])
                found += _about_databases(inventory, system, host, known[host.name])
                found += _about_devices(system, known[host.name])
    found += _about_connections(inventory, known)
    return sorted(dict.fromkeys(found), key=lambda offer: (offer.system, offer.what, offer.kind, str(offer.found)))


def _about_host(system: System, host: Host, facts: HostFacts) -> Iterable[Offer]:
    where = f"hosts.{host.name}"
    for field, found in (
        ("os", facts.os),
        ("processor", facts.processor),
        ("vcpus", facts.vcpus),
        ("memory_gb", facts.memory_gb),
        ("disk_gb", facts.disk_gb),
    ):
        said = getattr(host, field)
        if found in (None, ""):
            continue
        if said is None:
            yield Offer("fill", system.id, f"{where}.{field}", "", _words(found))
        elif not _agree(said, found):
            yield Offer("differs", system.id, f"{where}.{field}", _words(said), _words(found))


def _agree(said: object, found: object) -> bool:
    """Numbers within a tenth, of the larger one or of a unit; texts where one holds the other's words."""
    if isinstance(said, int | float) and isinstance(found, int | float):
        return abs(said - found) <= 0.1 * max(abs(said), abs(found), 1)
    mine, theirs = str(said).casefold(), str(found).casefold()
    words = [word for word in mine.replace("/", " ").split() if word]
    return all(word in theirs for word in words) or theirs in mine


def _words(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _about_databases(inventory: Inventory, system: System, host: Host, facts: HostFacts) -> Iterable[Offer]:
    """A host may carry databases of several systems: what another system has there is not new to this one."""
    mine = [base for base in system.databases if base.host == host.name]
    theirs = [base for other in inventory.systems if other is not system for base in other.databases if base.host == host.name]
    for found in facts.databases:
        same = next((base for base in mine if _same(base, found)), None)
        if same is None and any(_same(base, found) for base in theirs):
            continue
        if same is None:
            parts = (found.engine, found.version, f":{found.port or '?'}", found.name)
            size = f", {found.size_gb:g} GB" if found.size_gb is not None else ""
            yield Offer("new", system.id, f"databases.{found.name or found.engine}", "", " ".join(part for part in parts if part) + size)
            continue
        where = f"databases.{same.name}"
        if found.version and same.version is None:
            yield Offer("fill", system.id, f"{where}.version", "", found.version)
        elif found.version and same.version and found.version.split(".")[0] != same.version.split(".")[0]:
            yield Offer("differs", system.id, f"{where}.version", same.version, found.version)
        if found.wal_level and found.wal_level != same.wal_level:
            yield Offer(
                "fill" if same.wal_level is None else "differs", system.id, f"{where}.wal_level", same.wal_level or "", found.wal_level
            )
        if found.size_gb is not None and (same.size_gb is None or not _agree(same.size_gb, found.size_gb)):
            yield Offer(
                "fill" if same.size_gb is None else "differs",
                system.id,
                f"{where}.size_gb",
                _words(same.size_gb or ""),
                _words(found.size_gb),
            )
        if found.slots == 0:
            yield Offer("note", system.id, where, "", say("discovery.no_slots"))
        for words in _about_contents(found):
            yield Offer("note", system.id, where, "", words)


def _about_contents(found: FoundDatabase) -> Iterable[Sentence]:
    """What of a database's contents a migration has to know."""
    if found.keyless and found.keyless_tables:
        yield say("discovery.keyless_named", count=found.keyless, tables=tuple(found.keyless_tables))
    elif found.keyless:
        yield say("discovery.keyless", count=found.keyless)
    if found.large_objects:
        yield say("discovery.large_objects", count=found.large_objects)
    if found.unlogged:
        yield say("discovery.unlogged", count=found.unlogged)
    if found.extensions:
        yield say("discovery.extensions", names=tuple(found.extensions))


def _same(base: Database, found: FoundDatabase) -> bool:
    if found.name:
        return base.name == found.name and found.port in (None, base.port)
    return found.port is not None and base.port == found.port


def _about_devices(system: System, facts: HostFacts) -> Iterable[Offer]:
    for device in facts.devices:
        said = "" if system.special_equipment is None else "是" if system.special_equipment else "否"
        yield Offer("device", system.id, "special_equipment", said, say("discovery.device", host=facts.host, device=Name(device.zh, device.en), text=device.text))


def _about_connections(inventory: Inventory, known: dict[str, HostFacts]) -> Iterable[Offer]:
    """Who connects to whom. Loopback and connections within a system say nothing."""
    systems = {system.id: system for system in inventory.systems}
    owner: dict[str, str] = {}
    seen: set[str] = set()
    for system in inventory.systems:
        for host in system.hosts:
            addresses = (host.address, *(known[host.name].addresses if host.name in known else ()))
            owner.update({address: system.id for address in addresses if address not in owner})
            seen.update(addresses if host.name in known and not known[host.name].problems else ())
        for device in system.devices:
            if device.address is not None:
                owner.setdefault(device.address, system.id)
    for system in inventory.systems:
        for host in system.hosts:
            for one in known[host.name].established if host.name in known else ():
                if not _local(one.local) or one.local == host.address:
                    other = systems.get(owner.get(one.peer, ""))
                    yield from _about_connection(system, host, known[host.name], one, other, told=one.peer in seen)


def _about_connection(
    system: System, host: Host, facts: HostFacts, one: Connection, other: System | None, *, told: bool
) -> Iterable[Offer]:
    """``other``: the system at the far end, if the inventory knows it; ``told``: that end was looked at and tells of it itself.

    The server is the side whose port listens.
    """
    if other is system or (other is None and _local(one.peer)):
        return
    linked = {(link.address, link.port) for link in system.links}
    process = f" {one.process}" if one.process else ""
    if any(listener.port == one.local_port for listener in facts.listening):  # someone comes to us
        if other is None:
            if one.local_port != host.ssh_port and (one.peer, one.local_port) not in linked:
                yield Offer("link", system.id, "links", "", f"in {one.peer} → :{one.local_port}{process}")
        elif not told and one.local_port != host.ssh_port and system.id not in other.depends_on:
            found = f"{system.id} ({one.peer} → {host.name}:{one.local_port}{process})"
            yield Offer("dependency", other.id, "depends_on", "、".join(other.depends_on), found)
    elif other is None:
        if (one.peer, one.peer_port) not in linked:
            yield Offer("link", system.id, "links", "", f"out {one.peer}:{one.peer_port}{process}")
    elif other.id not in system.depends_on:
        found = f"{other.id} ({host.name} → {one.peer}:{one.peer_port}{process})"
        yield Offer("dependency", system.id, "depends_on", "、".join(system.depends_on), found)


def _local(address: str) -> bool:
    return address.startswith("127.") or address in {"::1", "*"}
