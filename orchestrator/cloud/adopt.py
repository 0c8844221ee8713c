"""A lost state taken up again: which thing on the cloud is which resource of the module. Pure; nothing on the cloud is changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from orchestrator.cloud.kinds import Kind, Kinds
from orchestrator.cloud.listing import Thing

RULE_KEYS = ("direction", "ethertype", "protocol", "port_range_min", "port_range_max", "remote_ip_prefix")


def find_imports(plan: Mapping[str, Any], things: Iterable[Thing], kinds: Kinds, system: str) -> dict[str, str]:
    """Address → id, for every resource that the plan would make and that the cloud has already.

    ``plan``: ``terraform show -json`` of a plan without a state. By kind and name where exactly one thing of this system has
    it; rules by what they open; attached disks by server and volume. A name alone is no proof: what may hold data must bear this
    system's mark, or a stranger's server of our name would be taken for ours. What has no match, or two, is left out: the plan
    that is made with these imports then says so, and is refused.
    """
    listed = list(things)
    volumes = {thing.name: thing.id for thing in listed if thing.kind is Kind.VOLUME and thing.system == system}
    servers = {thing.name: thing.id for thing in listed if thing.kind is Kind.SERVER and thing.system == system}
    imports: dict[str, str] = {}
    for row in plan.get("resource_changes") or ():
        if row.get("mode") != "managed" or row["change"]["actions"] != ["create"]:
            continue
        kind = kinds.kind_of(row["type"], row["name"])
        after = row["change"].get("after") or {}
        if kind is Kind.RULE:
            matches = [thing.id for thing in listed if thing.kind is Kind.RULE and _same_rule(after, thing.detail)]
        elif "name" in after:
            owners = (system, "") if kind is Kind.PLACEMENT else (system,)  # a server group bears no mark
            matches = [thing.id for thing in listed if thing.kind is kind and thing.name == after["name"] and thing.system in owners]
        else:
            matches = _attached(str(row.get("index") or ""), servers, volumes)
        if len(matches) == 1:
            imports[row["address"]] = matches[0]
    return imports


def _same_rule(after: Mapping[str, Any], rule: Mapping[str, Any]) -> bool:
    """A rule among a group's own servers has no range: its group is not known before the import, and is the same."""
    if not rule or "direction" not in rule:
        return False
    if any((after.get(key) or 0 if "port" in key else after.get(key) or "") != rule[key] for key in RULE_KEYS if key != "remote_ip_prefix"):
        return False
    return (after.get("remote_ip_prefix") or "") == rule["remote_ip_prefix"] and bool(rule["remote_group"]) == (
        not after.get("remote_ip_prefix")
    )


def _attached(index: str, servers: Mapping[str, str], volumes: Mapping[str, str]) -> list[str]:
    """A further disk's attachment is known by ``server disk``: its volume is called ``server-disk``."""
    server, _, disk = index.partition(" ")
    volume = volumes.get(f"{server}-{disk}")
    return [f"{servers[server]}/{volume}"] if disk and volume and server in servers else []
