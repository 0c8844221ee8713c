"""``discover`` and ``hosts``: look at hosts without changing anything, and get to know their keys. No logic here."""

from __future__ import annotations

import datetime as dt
import re
import sys
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli.listing import as_json, safe, table
from orchestrator.errors import Exit, UsageError
from orchestrator.texts import Name, Value, say, text

if TYPE_CHECKING:
    from orchestrator.models import Database, Host, Inventory
    from orchestrator.workspace import Workspace

JSON = click.option("--json", "json_", is_flag=True, help="Print one JSON document.")
KINDS = {
    "fill": Name("可补填", "to be filled in"),
    "differs": Name("与台账不同", "differs"),
    "new": Name("台账没有", "not in the inventory"),
    "dependency": Name("疑似依赖", "dependency?"),
    "link": Name("疑似互联", "link?"),
    "device": Name("专用设备", "special equipment"),
    "note": Name("提示", "note"),
}
HEADS = (
    "cli.head_host", "cli.head_os", "cli.head_processor", "cli.head_cores", "cli.head_memory", "cli.head_disk", "cli.head_listening",
    "cli.head_databases",
)  # fmt: skip


@click.command()
@click.option(
    "--hosts", "named", multiple=True, metavar="NAME|ADDRESS[:PORT]", help="Host names of the inventory, or addresses; may be repeated."
)
@click.option("--system", "systems", multiple=True, metavar="ID", help="All hosts of a system; may be repeated.")
@click.option("--all", "everything", is_flag=True, help="Every host of the inventory.")
@click.option("--user", default="root", show_default=True, help="Login for hosts that the inventory does not know.")
@click.option("--seconds", type=click.FloatRange(min=1), default=25.0, show_default=True, help="Longest time that one host may take.")
@JSON
def discover(named: tuple[str, ...], systems: tuple[str, ...], everything: bool, user: str, seconds: float, json_: bool) -> int:
    """Read-only facts from hosts over SSH, as offers beside the inventory. Nothing is written, here or there."""
    from dataclasses import asdict

    from orchestrator.discovery.facts import read_facts
    from orchestrator.discovery.offer import offers
    from orchestrator.tools.survey import survey

    workspace, inventory = _configured()
    settings = workspace.settings
    hosts = _chosen(inventory, named, systems, everything, user)
    bases: dict[str, list[Database]] = {}
    for base in (base for system in inventory.systems for base in system.databases):
        bases.setdefault(base.host, []).append(base)  # a host may carry databases of several systems
    surveyed = sorted(
        survey(hosts, settings.known_hosts, settings.ssh_key, databases=bases, seconds=seconds), key=lambda one: one.host.name
    )
    addresses = {host.address for system in inventory.systems for host in system.hosts}
    facts = [read_facts(one.host.name, one.sections, str(one.problem), addresses - {one.host.address}) for one in surveyed]
    offered = offers(inventory, facts)
    silent = [(one.host.name, str(one.problem), str(one.remedy)) for one in surveyed if one.problem]
    silent += [(one.host.name, str(said), str(remedy)) for one in surveyed for said, remedy in one.blind]
    if json_:
        problems = [{"host": host, "problem": problem, "remedy": remedy} for host, problem, remedy in silent]
        as_json({"hosts": [asdict(one) for one in facts], "offers": [offer.as_json() for offer in offered], "problems": problems})
    else:
        rows = [
            (one.host, one.os or "-", one.processor or "-", one.vcpus or "-", one.memory_gb or "-", one.disk_gb or "-", len(one.listening), _engines(one.databases))
            for one in facts
        ]  # fmt: skip
        table(tuple(text(head) for head in HEADS), rows)
        for offer in offered:
            told: dict[str, Value] = {"kind": KINDS[offer.kind], "system": offer.system, "what": offer.what, "found": offer.found}
            says = say("cli.offer_differs", inventory=offer.inventory, **told) if offer.inventory else say("cli.offer", **told)
            click.echo(safe(f"  {says}"))
        for name, problem, remedy in silent:
            click.echo(safe("  " + text("cli.not_looked_at", host=name, problem=problem, remedy=remedy)), err=True)
        unseen = len({name for name, _, _ in silent})
        click.echo(text("cli.hosts_looked_at", seen=len(facts) - unseen, unseen=unseen))
    return int(Exit.NEEDS_A_PERSON if silent else Exit.DONE)


@click.group()
def hosts() -> None:
    """Host keys: whom we talk to."""


@hosts.command()
@click.argument("names", nargs=-1, required=True)
@click.option("--yes", is_flag=True, help="Trust what is shown without asking (when it was compared elsewhere).")
@JSON
def trust(names: tuple[str, ...], yes: bool, json_: bool) -> int:
    """Show the fingerprint of each host's key, to compare with `ssh-keygen -lf` on the host, and remember it when told so."""
    from orchestrator.tools.known_hosts import remember, remembered
    from orchestrator.tools.survey import host_key

    workspace, inventory = _configured()
    file = workspace.settings.known_hosts
    if file is None:
        raise UsageError(say("cli.no_known_hosts"), remedy=say("cli.set_known_hosts"))
    found = []
    for host in _chosen(inventory, names, (), False, "root"):
        kind, key, fingerprint = host_key(host.address, host.ssh_port)
        former = remembered(file, host.address, host.ssh_port)
        state = "known" if (kind, key) in former else "changed" if former else "new"
        if not json_:
            click.echo(safe(f"{host.name} {host.address}:{host.ssh_port} {kind} {fingerprint} {state}"))
        if state == "changed" and not json_:
            click.secho("  " + text("cli.key_differs"), fg="red", err=True)
        if state != "known" and not yes and not json_ and not sys.stdin.isatty():
            raise UsageError(say("cli.nobody_compares"), remedy=say("cli.compare_elsewhere"))
        agreed = state != "known" and (yes or (not json_ and click.confirm("  " + text("cli.trust_it"), default=False)))
        if agreed:
            remember(file, host.address, host.ssh_port, kind, key)
        found.append(
            {
                "host": host.name,
                "address": host.address,
                "port": host.ssh_port,
                "type": kind,
                "fingerprint": fingerprint,
                "state": state,
                "trusted": agreed,
            }
        )
    if json_:
        as_json(found)
    return int(Exit.DONE if all(one["trusted"] or one["state"] == "known" for one in found) else Exit.NEEDS_A_PERSON)


@hosts.command("sudoers")
@click.argument("named", nargs=-1, required=True, metavar="NAME…")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="Last day that it is good for (UTC).")
def sudoers_command(named: tuple[str, ...], until: dt.datetime | None) -> int:
    """The sudoers file for hosts where an ordinary account logs in; gateways of sites.yaml too. Prints it, writes nothing."""
    from orchestrator.hosts.sudoers import sudoers

    files = {sudoers(host, until=until.date() if until else None) for host in _known_hosts(named)}
    for file in sorted(file for file in files if file):
        click.echo(safe(file), nl=False)
    if files == {""}:
        click.echo(text("cli.no_sudoers"), err=True)
    return int(Exit.DONE)


def _known_hosts(named: tuple[str, ...]) -> list[Host]:
    """Hosts of systems and gateways of sites, by name."""
    workspace, inventory = _configured()
    known = {host.name: host for system in inventory.systems for host in system.hosts}
    known |= {site.gateway.name: site.gateway for site in workspace.sites.sites}
    if strangers := sorted(set(named) - set(known)):
        raise UsageError(say("cli.no_such_hosts", hosts=tuple(strangers)), remedy=say("cli.known_hosts_are", hosts=tuple(sorted(known))))
    return [known[name] for name in named]


def _configured() -> tuple[Workspace, Inventory]:
    """With the inventory as far as it can be read; hosts can be looked at before there is any."""
    from orchestrator.cli.settings import open_workspace
    from orchestrator.models import Inventory

    workspace = open_workspace()
    return workspace, workspace.reading.inventory if workspace.settings.inventory.is_dir() else Inventory()


def _chosen(inventory: Inventory, named: tuple[str, ...], systems: tuple[str, ...], everything: bool, user: str) -> list[Host]:
    from pydantic import ValidationError

    from orchestrator.inventory.find import find_system
    from orchestrator.models import Host

    known = {host.name: host for system in inventory.systems for host in system.hosts}
    chosen: dict[str, Host] = {}
    for system in inventory.systems if everything else [find_system(inventory, name) for name in systems]:
        chosen.update({host.name: host for host in system.hosts})
    for name in named:
        if name in known:
            chosen[name] = known[name]
            continue
        match = re.fullmatch(r"([0-9A-Za-z][0-9A-Za-z.-]{0,250})(?::(\d{1,5}))?", name)
        if not match:
            raise UsageError(say("cli.no_host_name"), remedy=say("cli.give_host"))
        address, port = match.group(1), int(match.group(2) or 22)
        if here := [host for host in known.values() if host.address == address and (match.group(2) is None or host.ssh_port == port)]:
            chosen.update({host.name: host for host in here})
            continue
        label = re.sub(r"[^a-z0-9-]+", "-", match.group(0).lower()).strip("-")[:63].strip("-")
        try:
            chosen[label] = Host(name=label, address=address, ssh_port=port, ssh_user=user)
        except ValidationError:
            raise UsageError(say("cli.no_host_or_login"), remedy=say("cli.give_host_and_user")) from None
    if not chosen:
        raise UsageError(say("cli.no_hosts"), remedy=say("cli.use_hosts"))
    return list(chosen.values())


def _engines(databases: Any) -> str:
    return "、".join(dict.fromkeys(f"{one.engine} {one.version}".strip() for one in databases)) or "-"
