"""The one output that every module gives: server name → where it answers. It comes from somebody's module: nothing of it is taken
on trust."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from orchestrator.errors import ToolError
from orchestrator.models import Host
from orchestrator.texts import Words, say

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


class _Unusable(ValueError):
    """A row of the output from which no server can be made."""

    def __init__(self, *says: Words) -> None:
        super().__init__(*says)
        self.says = says


def read_servers(outputs: Mapping[str, Any], module: str) -> dict[str, Server]:
    """From ``terraform output -json``. Raises ToolError, naming every server that it cannot be used for, and why."""
    rows = (outputs.get("servers") or {}).get("value") or {}
    if not isinstance(rows, Mapping):
        raise _broken([say("tools.servers_no_map")], module)
    servers: dict[str, Server] = {}
    faults: list[Words] = []
    for name, row in sorted(rows.items()):
        try:
            servers[name] = _read_server(name, row)
        except _Unusable as error:
            faults.append(say("tools.server_says", name=name, said=error.says))
    taken: dict[tuple[str, int], str] = {}
    for server in servers.values():
        other = taken.setdefault((server.address, server.ssh_port), server.name)
        if other != server.name:
            faults.append(say("tools.one_machine", other=other, name=server.name, address=server.address, port=server.ssh_port))
    if faults:
        raise _broken(faults, module)
    return servers


def _read_server(name: str, row: object) -> Server:
    """Raises _Unusable with what is wrong, field by field."""
    if not isinstance(row, Mapping):
        raise _Unusable(say("tools.says_nothing"))
    missing = [part for part in (*PLACE, "zone") if row.get(part) in (None, "")]
    if missing:
        raise _Unusable(say("tools.lacks", missing=tuple(missing)))
    kind = {part: str(row[part]) for part in KIND if row.get(part) is not None}
    try:
        host = Host(name=name, **{part: row[part] for part in PLACE}, **kind)
    except ValidationError as error:
        faults = [say("tools.field_is", field=".".join(map(str, fault["loc"])), value=str(fault["input"])[:80]) for fault in error.errors()]
        raise _Unusable(*faults) from error
    return Server(name, host.address, host.ssh_user, host.ssh_port, str(row["zone"]), kind)


def _broken(faults: Sequence[Words], module: str) -> ToolError:
    return ToolError(
        say("tools.servers_unusable", faults=tuple(faults)),
        where=module,
        remedy=say("tools.hold_module"),
    )
