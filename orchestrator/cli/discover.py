"""``discover`` and ``hosts``: look at hosts without changing anything, and get to know their keys. No logic here."""

from __future__ import annotations

import datetime as dt
import re
import sys
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli.listing import as_json, safe, table
from orchestrator.errors import Exit, UsageError

if TYPE_CHECKING:
    from orchestrator.models import Database, Host, Inventory
    from orchestrator.settings import Settings

JSON = click.option("--json", "json_", is_flag=True, help="Print one JSON document.")
KIND_ZH = {
    "fill": "可补填",
    "differs": "与台账不同",
    "new": "台账没有",
    "dependency": "疑似依赖",
    "link": "疑似互联",
    "device": "专用设备",
    "note": "提示",
}


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

    settings, inventory = _configured()
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
        as_json({"hosts": [asdict(one) for one in facts], "offers": [asdict(offer) for offer in offered], "problems": problems})
    else:
        rows = [
            (one.host, one.os or "-", one.processor or "-", one.vcpus or "-", one.memory_gb or "-", one.disk_gb or "-", len(one.listening), _engines(one.databases))
            for one in facts
        ]  # fmt: skip
        table(("主机", "操作系统", "处理器", "核", "内存GB", "磁盘GB", "监听", "数据库"), rows)
        for offer in offered:
            said = f"台账“{offer.inventory}” " if offer.inventory else ""
            click.echo(safe(f"  {KIND_ZH[offer.kind]} {offer.system} {offer.what}: {said}发现“{offer.found}”"))
        for name, problem, remedy in silent:
            click.echo(safe(f"  未完成 {name}: {problem} → {remedy}"), err=True)
        unseen = len({name for name, _, _ in silent})
        click.echo(f"{len(facts) - unseen} 台已查看，{unseen} 台未完成；以上仅为建议，台账未作任何修改")
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

    settings, inventory = _configured()
    file = settings.known_hosts
    if file is None:
        raise UsageError("no file of known host keys is set", remedy="set `known_hosts` in orchestrator.toml")
    found = []
    for host in _chosen(inventory, names, (), False, "root"):
        kind, key, fingerprint = host_key(host.address, host.ssh_port)
        former = remembered(file, host.address, host.ssh_port)
        state = "known" if (kind, key) in former else "changed" if former else "new"
        if not json_:
            click.echo(safe(f"{host.name} {host.address}:{host.ssh_port} {kind} {fingerprint} {state}"))
        if state == "changed" and not json_:
            click.secho(
                "  与已记录的密钥不同：主机重装过，或有人冒充。请先与管理员核对 (differs from the key on record)", fg="red", err=True
            )
        if state != "known" and not yes and not json_ and not sys.stdin.isatty():
            raise UsageError("nobody is there to compare fingerprints", remedy="compare them elsewhere, then say so with --yes")
        agreed = state != "known" and (yes or (not json_ and click.confirm("  指纹核对一致，信任？(trust it?)", default=False)))
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

    texts = {sudoers(host, until=until.date() if until else None) for host in _known_hosts(named)}
    for text in sorted(text for text in texts if text):
        click.echo(safe(text), nl=False)
    if texts == {""}:
        click.echo("nothing is needed: the account that logs in does the work itself", err=True)
    return int(Exit.DONE)


def _known_hosts(named: tuple[str, ...]) -> list[Host]:
    """Hosts of systems and gateways of sites, by name."""
    from orchestrator.inventory.load import load_sites

    settings, inventory = _configured()
    known = {host.name: host for system in inventory.systems for host in system.hosts}
    known |= {site.gateway.name: site.gateway for site in load_sites(settings.inventory).sites}
    if strangers := sorted(set(named) - set(known)):
        raise UsageError(f"no such host: {', '.join(strangers)}", remedy=f"known are {', '.join(sorted(known))}")
    return [known[name] for name in named]


def _configured() -> tuple[Settings, Inventory]:
    from orchestrator.cli.settings import load_settings
    from orchestrator.inventory.load import load
    from orchestrator.models import Inventory

    settings = load_settings()
    return settings, load([settings.inventory]).inventory if settings.inventory.is_dir() else Inventory()


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
            raise UsageError("not a host name or address", remedy="give NAME or ADDRESS[:PORT]")
        address, port = match.group(1), int(match.group(2) or 22)
        if here := [host for host in known.values() if host.address == address and (match.group(2) is None or host.ssh_port == port)]:
            chosen.update({host.name: host for host in here})
            continue
        label = re.sub(r"[^a-z0-9-]+", "-", match.group(0).lower()).strip("-")[:63].strip("-")
        try:
            chosen[label] = Host(name=label, address=address, ssh_port=port, ssh_user=user)
        except ValidationError:
            raise UsageError("not a host name, address or login", remedy="give NAME or ADDRESS[:PORT], and --user") from None
    if not chosen:
        raise UsageError("no hosts to look at", remedy="use --hosts, --system or --all")
    return list(chosen.values())


def _engines(databases: Any) -> str:
    return "、".join(dict.fromkeys(f"{one.engine} {one.version}".strip() for one in databases)) or "-"
