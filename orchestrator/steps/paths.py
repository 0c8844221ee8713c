"""The ways that a migration itself needs on the network, beside the system's own clients and links: a cloud that opens nothing by
itself has to be told. Pure.

Which they are follows from how a system is moved: both sides of a database follow each other, sessions come through the gateways,
citizens through the entry. They stay open until the servers are taken away: going back uses them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from orchestrator.models import Sites, System
from orchestrator.movers import registry
from orchestrator.steps.world import World

Path = dict[str, Any]
"""As a module takes it: ``peer`` (whose address it is), ``direction`` as seen from the new servers, ``address``, ``port``."""


def find_paths(system: System, sites: Sites) -> list[Path]:
    """Each way once, in an order that does not depend on how the inventory is written."""
    ways = [*_databases(system, sites), *_services(system, sites), *_devices(system, sites)]
    rows = {(way["direction"], way["address"], way["port"]): way for way in ways}
    return [rows[key] for key in sorted(rows)]


def _databases(system: System, sites: Sites) -> Iterator[Path]:
    hosts = {host.name: host for host in system.hosts}
    for database in registry.movable_databases(system):
        old = hosts[database.host]
        yield _way(f"old {old.name}", "out", old.address, database.port)  # it is copied, and followed
        yield _way(f"old {old.name}", "in", old.address, database.port)  # it follows, for the way back
        for site in sites.sites:
            gateway = getattr(site, registry.held_by(database))
            way_in = World.way_in(site, database)
            if gateway is None or way_in is None:
                continue
            # The old room's sessions are led on by its own gateway until their application has moved as well.
            yield _way(f"gateway {gateway.host}", "in", gateway.address, database.port)
            if site.kind == "cloud":
                yield _way(f"gateway {gateway.host}", "out", *way_in)


def _services(system: System, sites: Sites) -> Iterator[Path]:
    for service in system.services:
        if service.port is not None and service.entry and sites.entry is not None:
            yield _way(f"entry {sites.entry.host}", "in", sites.entry.address, service.port)


def _devices(system: System, sites: Sites) -> Iterator[Path]:
    """A service reaches a device by the link of its own site's gateway, wherever the device stands."""
    for device in system.devices:
        for site in sites.sites:
            if site.kind == "cloud" and site.haproxy is not None and device.port is not None:
                yield _way(f"gateway {site.haproxy.host}", "out", site.haproxy.address, device.port)


def _way(peer: str, direction: str, address: str, port: int) -> Path:
    return {"peer": peer, "direction": direction, "address": address, "port": port}
