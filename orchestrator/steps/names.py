"""Every name by which one part of what is written down means another, and whether anybody bears it. Asks nobody.

Within a system: hosts of services, databases and trees; databases of data resources; references in environments and files. Between a system
and ``sites.yaml``: entries, gateways of its databases, servers that take over. Within ``sites.yaml``: what one part of it says of another. One
place for all of them: ``inventory check``, the dry run and preflight say the same, with what names there are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

from orchestrator.errors import Refused
from orchestrator.inventory.schema import nearest
from orchestrator.models import Database, HttpGateway, Inventory, Site, Sites, Strategy, System, Verdict
from orchestrator.movers import registry
from orchestrator.steps import references
from orchestrator.steps.world import SUFFIX
from orchestrator.texts import Sentence, Words, say
from orchestrator.tools.terraform_module import variables_of

ONTO_SERVERS = (Strategy.CLOUD_DEPLOYMENT, Strategy.DEVICE_RELOCATION)
"""Strategies by which servers at the cloud centre take over, and gateways lead to them."""


class Loose(NamedTuple):
    """A name that nobody bears. ``at``: where it stands, in its system (``services``, ``permits-web``, ``entry``) or in ``sites.yaml``."""

    code: str
    at: tuple[str | int, ...]
    says: Sentence
    mend: Words
    severity: str = "error"
    means: str = ""
    """The name itself, where something is to be done about it."""


# ---------------------------------------------------------------- within a system


def find_within(system: System, hosts: Sequence[str] = (), databases: Sequence[str] = ()) -> Iterator[Loose]:
    """``hosts``, ``databases``: names of those that are written down and could not be read: they are told already, and no name is lost."""
    yield from find_unknown_hosts(system, hosts)
    yield from _unknown_databases(system, databases)
    for loose in references.find_unknown(system, databases):
        mend = nearest(loose.word, loose.known) if loose.known else say("steps.fill_in_what_it_means")
        yield Loose("reference", loose.at, loose.says, mend)


def find_unknown_hosts(system: System, further: Sequence[str] = ()) -> Iterator[Loose]:
    """Hosts that are named and not listed, where any is listed: none at all is what the next stage lacks."""
    known = list(dict.fromkeys([*(host.name for host in system.hosts), *further]))
    placed = [("services", service.name, service.host) for service in system.services]
    placed += [("databases", database.name, database.host) for database in system.databases]
    placed += [("file_trees", tree.path, tree.host) for tree in system.file_trees]
    for kind, name, host in placed:
        if known and host not in known:
            yield Loose("host-unknown", (kind, name, "host"), say("engine.no_such_host", name=name, host=host), nearest(host, known))


def _unknown_databases(system: System, further: Sequence[str]) -> Iterator[Loose]:
    known = list(dict.fromkeys([*(database.name for database in system.databases), *further]))
    for resource in system.data_resources:
        if known and resource.database is not None and resource.database not in known:
            says = say("steps.no_such_database", name=resource.name, database=resource.database)
            yield Loose("database-unknown", ("data_resources", resource.name, "database"), says, nearest(resource.database, known))


# ---------------------------------------------------------------- between a system and sites.yaml


def find_between(system: System, verdict: Verdict | None, sites: Sites) -> Iterator[Loose]:
    """``verdict``: None where nobody knows how it moves."""
    yield from _entries(system, sites)
    if _goes_onto_servers(verdict) and not registry.vendor_run(system):
        yield from find_unheld(system, sites)


def _goes_onto_servers(verdict: Verdict | None) -> bool:
    return verdict is not None and verdict.strategy in ONTO_SERVERS and not verdict.no_source


def _entries(system: System, sites: Sites) -> Iterator[Loose]:
    ports = sites.entry.ports if sites.entry else {}
    for service in system.services:
        if service.entry and service.entry not in ports:
            says = say("steps.entry_nowhere", service=service.name, entry=service.entry)
            mend = say("steps.add_entry_port", there=nearest(service.entry, list(ports)))
            yield Loose("entry-port", ("services", service.name, "entry"), says, mend)


def find_unheld(system: System, sites: Sites) -> Iterator[Loose]:
    """Databases for whose clients a site has no gateway, or the gateway no port."""
    for site in sites.sites:
        for database in registry.movable_databases(system):
            if loose := _gateway(site, database):
                yield loose


def _gateway(site: Site, database: Database) -> Loose | None:
    field, at = registry.held_by(database), ("databases", database.name)
    if getattr(site, field) is None:
        says = say("steps.no_gateway_for", site=site.id, name=database.name, engine=database.engine)
        return Loose("gateway-missing", at, says, say("steps.name_gateway", field=field))
    if field == "tcp" and site.tcp is not None and database.name not in site.tcp.ports:
        says = say("steps.no_gateway_port", site=site.id, name=database.name)
        return Loose("gateway-port", at, says, say("steps.add_gateway_port", there=nearest(database.name, list(site.tcp.ports))))
    return None


def uses_what_stands(module: Path) -> bool:
    """Whether servers are machines that stand already: the module makes none. A module that is not there says so elsewhere."""
    try:
        return "machines" in variables_of(module)
    except Refused:
        return False


def find_missing_servers(system: System, verdict: Verdict, sites: Sites) -> Iterator[Loose]:
    """Hosts for which no machine stands at the cloud centre, by the name that is meant. For a module that makes none."""
    if _goes_onto_servers(verdict):
        yield from find_unplaced(system, sites)


def find_unplaced(system: System, sites: Sites) -> Iterator[Loose]:
    """The same, wherever it goes."""
    known = [server.name for site in sites.sites if site.kind == "cloud" for server in site.servers]
    for host in system.hosts:
        name = host.target or host.name + SUFFIX
        if name in known:
            continue
        says = (
            say("steps.no_such_target", host=host.name, target=name) if host.target else say("steps.no_target", host=host.name, target=name)
        )
        mend = say("steps.add_server", target=name, there=nearest(name, known))
        yield Loose("target-missing", ("hosts", host.name, "target" if host.target else "name"), says, mend, means=name)


# ---------------------------------------------------------------- within sites.yaml


def find_in_sites(sites: Sites, inventory: Inventory | None = None) -> Iterator[Loose]:
    """What one part of ``sites.yaml`` says of another, or of the inventory, and is not so."""
    yield from _kinds(sites)
    for number, site in enumerate(sites.sites):
        for field in ("pgbouncer", "haproxy", "tcp"):
            gateway = getattr(site, field)
            if gateway is None:
                continue
            reached = gateway.ssh.name if isinstance(gateway, HttpGateway) and gateway.ssh else site.gateway.name
            yield from _reached(("sites", number, field), gateway.host, reached)
            if isinstance(gateway, HttpGateway):
                yield from _console(("sites", number, field), gateway, by_site=field == "tcp")
        names = [server.name for server in site.servers]
        for name in sorted({name for name in names if names.count(name) > 1}):
            at = ("sites", number, "servers", len(names) - 1 - names[::-1].index(name), "name")
            yield Loose("same-name", at, say("steps.server_twice", name=name), say("inventory.keep_one"))
        yield from _one_place(number, site)
    yield from _one_gateway(sites)
    if sites.entry is not None:
        yield from _reached(("entry",), sites.entry.host, sites.entry.ssh.name if sites.entry.ssh else sites.entry.host)
        yield from _console(("entry",), sites.entry, by_site=False)
        for name in sites.entry.backends:
            if name not in sites.entry.ports:
                says = say("steps.backends_of_none", name=name)
                yield Loose("entry-port", ("entry", "backends", name), says, nearest(name, list(sites.entry.ports)))
    if inventory is not None:
        yield from _of_inventory(sites, inventory)


def _one_place(number: int, site: Site) -> Iterator[Loose]:
    """Two servers at one address and port; one name twice is told already."""
    first: dict[tuple[str, int], str] = {}
    for index, server in enumerate(site.servers):
        other = first.setdefault((server.address, server.ssh_port), server.name)
        if other != server.name:
            says = say("steps.server_place_twice", name=server.name, other=other, address=server.address, port=server.ssh_port)
            yield Loose("same-address", ("sites", number, "servers", index, "address"), says, say("inventory.keep_one"))


def _one_gateway(sites: Sites) -> Iterator[Loose]:
    """A pooler that both sites call theirs."""
    first: dict[tuple[str, int], str] = {}
    for number, site in enumerate(sites.sites):
        if site.pgbouncer is not None:
            place = (site.pgbouncer.address, site.pgbouncer.port)
            other = first.setdefault(place, site.id)
            if other != site.id:
                says = say("steps.gateway_of_both", site=site.id, other=other, address=place[0], port=place[1])
                yield Loose("same-address", ("sites", number, "pgbouncer", "address"), says, say("steps.own_gateway"))


def _kinds(sites: Sites) -> Iterator[Loose]:
    kinds = [site.kind for site in sites.sites]
    for kind in ("room", "cloud"):
        if kind not in kinds:
            yield Loose("site-missing", ("sites",), say("steps.no_site", kind=kind), say("steps.add_site", kind=kind))
        elif kinds.count(kind) > 1:
            first = next(site.id for site in sites.sites if site.kind == kind)
            at = ("sites", len(kinds) - 1 - kinds[::-1].index(kind))
            yield Loose("site-unused", at, say("steps.first_site_only", kind=kind, site=first), say("steps.one_site_a_folder"), "warning")
    ids = [site.id for site in sites.sites]
    for number, ident in enumerate(ids):
        if ident in ids[:number]:
            yield Loose("same-name", ("sites", number, "id"), say("inventory.duplicate_id", id=ident), say("inventory.keep_one"))


def _reached(at: tuple[str | int, ...], host: str, reached: str) -> Iterator[Loose]:
    if host != reached:
        yield Loose("gateway-host", (*at, "host"), say("steps.gateway_host", host=host, reached=reached), nearest(host, [reached]), "warning")


def _console(at: tuple[str | int, ...], gateway: HttpGateway, *, by_site: bool) -> Iterator[Loose]:
    """How its runtime API is reached; ``by_site``: over the site's own gateway."""
    if gateway.runtime_port is None and gateway.runtime_socket is None:
        yield Loose("gateway-console", at, say("steps.no_console"), say("steps.give_console"))
    for field in ("runtime_socket", "config_file"):
        if getattr(gateway, field) is not None and gateway.ssh is None and not by_site and not (field == "runtime_socket" and gateway.runtime_port):
            yield Loose("gateway-console", (*at, field), say("steps.needs_ssh", field=field), say("steps.give_ssh"))


def _of_inventory(sites: Sites, inventory: Inventory) -> Iterator[Loose]:
    """What is meant of the inventory and is not in it: it does nothing, and may have been meant of another."""
    peers = list(dict.fromkeys(link.peer for system in inventory.systems for link in system.links))
    for peer in sites.peers:
        if peers and peer not in peers:
            yield Loose("peer-unknown", ("peers", peer), say("steps.no_such_peer", peer=peer), nearest(peer, peers), "warning")
    named = [database.name for system in inventory.systems for database in system.databases]
    for number, site in enumerate(sites.sites):
        for name in site.tcp.ports if site.tcp is not None else ():
            if named and name not in named and get_close_matches(name, named, 1):
                says = say("steps.port_of_none", name=name)
                yield Loose("database-unknown", ("sites", number, "tcp", "ports", name), says, nearest(name, named), "warning")
