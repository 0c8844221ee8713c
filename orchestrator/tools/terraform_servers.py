"""The one output that every module gives: server name → where it answers. It comes from somebody's module: nothing of it is taken
on trust."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from orchestrator.errors import ToolError
from orchestrator.models import Host

KIND = ("become", "manager", "root", "python")
"""Outputs that a module may give beside the contract's: fields of ``models.Host``."""
PLACE = ("address", "ssh_user", "ssh_port")


@dataclass(frozen=True)
class Server:
    """One output of a module: where a machine of the system answers."""

    name: str
    address: str
    ssh_user: str
    ssh_port: int
    zone: str
    kind: Mapping[str, str] = field(default_factory=dict)
    """What makes it another kind of host than a machine with systemd, where the module says so: ``KIND``."""


def read_servers(outputs: Mapping[str, Any], module: str) -> dict[str, Server]:
    """From ``terraform output -json``. Raises ToolError, naming every server that it cannot be used for, and why."""
    rows = (outputs.get("servers") or {}).get("value") or {}
    if not isinstance(rows, Mapping):
        raise _broken(["it is no map of servers by name"], module)
    servers: dict[str, Server] = {}
    faults: list[str] = []
    for name, row in sorted(rows.items()):
        try:
            servers[name] = _read_server(name, row)
        except (TypeError, ValueError) as error:
            faults.append(f"{name}: {error}")
    taken: dict[tuple[str, int], str] = {}
    for server in servers.values():
        other = taken.setdefault((server.address, server.ssh_port), server.name)
        if other != server.name:
            faults.append(f"{other} and {server.name} are one machine by it: {server.address} port {server.ssh_port}")
    if faults:
        raise _broken(faults, module)
    return servers


def _read_server(name: str, row: object) -> Server:
    """Raises TypeError or ValueError with what is wrong, field by field."""
    if not isinstance(row, Mapping):
        raise TypeError("it says nothing of it")
    missing = [part for part in (*PLACE, "zone") if row.get(part) in (None, "")]
    if missing:
        raise ValueError(f"lacks {', '.join(missing)}")
    kind = {part: str(row[part]) for part in KIND if row.get(part) is not None}
    try:
        host = Host(name=name, **{part: row[part] for part in PLACE}, **kind)
    except ValidationError as error:
        told = [f"{'.'.join(map(str, fault['loc']))} is {str(fault['input'])[:80]!r}" for fault in error.errors()]
        raise ValueError("; ".join(told)) from error
    return Server(name, host.address, host.ssh_user, host.ssh_port, str(row["zone"]), kind)


def _broken(faults: list[str], module: str) -> ToolError:
    return ToolError(
        f"the module's output `servers` cannot be used: {'; '.join(faults)}",
        where=module,
        remedy="hold the module to the contract in terraform/README.md",
    )
