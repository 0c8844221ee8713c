"""An OpenStack cloud, asked over its API with openstacksdk. Credentials come from the environment (OS_CLOUD or OS_*).

Everything here reads, but ``remove``, which takes away one thing that its caller has proved to be a leftover of ours.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

from orchestrator.cloud.changes import read_mark
from orchestrator.cloud.kinds import Kind
from orchestrator.cloud.listing import Thing
from orchestrator.errors import ToolError
from orchestrator.texts import Words, say
from orchestrator.tools.openstack_api import api_errors, connect
from orchestrator.tools.terraform import Server

GONE_SECONDS = 300.0


class OpenStackListing:
    """See ``cloud.listing.CloudListing``. Sees the project that it is logged in to, and nothing else."""

    def __init__(self, connection: Any = None) -> None:
        self._given = connection

    @cached_property
    def connection(self) -> Any:
        return self._given or connect()

    def list_things(self, system: str, names: frozenset[str]) -> list[Thing]:
        """Servers, ports, volumes, security groups with their rules, server groups, and further disks that are attached."""
        with api_errors(say("cloud.list_all")):
            servers = list(self._servers(system, names))
            ports = list(self.connection.network.ports(project_id=self.connection.current_project_id))
            groups = list(self._groups(system, ports))
            volumes = list(self._volumes(system, names))
            things = [*servers, *attachments(servers, volumes), *_our_ports(ports, system, names), *volumes, *groups]
            for group in groups:
                things += self._rules(group)
            return [*things, *self._placements(system)]

    def _servers(self, system: str, names: frozenset[str]) -> Iterator[Thing]:
        for server in self.connection.compute.servers(details=True):
            marks = server.metadata or {}
            if marks.get("system") == system or server.name in names:
                fault = self._fault_of(server.id) if server.status == "ERROR" else ""
                yield Thing(
                    Kind.SERVER, server.id, server.name, marks.get("system", ""), marks.get("run", ""), server.status, fault,
                    address=_address_of(server), detail={"volumes": [item["id"] for item in server.attached_volumes or ()], "locked": bool(server.is_locked)},
                )  # fmt: skip

    def _fault_of(self, server: str) -> str:
        """The cloud's own reason; a list of servers does not have it."""
        asked = self.connection.compute.find_server(server)
        return str(((asked.fault if asked else None) or {}).get("message") or "").strip()

    def _volumes(self, system: str, names: frozenset[str]) -> Iterator[Thing]:
        for volume in self.connection.block_storage.volumes(details=True):
            marks = volume.metadata or {}
            if marks.get("system") == system or volume.name in names:
                used_by = tuple(item["server_id"] for item in volume.attachments or ())
                yield Thing(
                    Kind.VOLUME, volume.id, volume.name or volume.id, marks.get("system", ""), marks.get("run", ""), volume.status,
                    used_by=used_by, detail={"boots": bool(volume.is_bootable)},
                )  # fmt: skip

    def _groups(self, system: str, ports: list[Any]) -> Iterator[Thing]:
        for group in self.connection.network.security_groups(project_id=self.connection.current_project_id):
            marked = read_mark(group.description or "", "system")
            if system in (marked, group.name):
                users = {port.id: f"{port.name or port.id} ({port.device_id or '-'})" for port in ports if group.id in (port.security_group_ids or ())}
                yield Thing(
                    Kind.ACCESS, group.id, group.name, marked, read_mark(group.description or "", "run"),
                    used_by=tuple(users), detail={"users": users},
                )  # fmt: skip

    def _rules(self, group: Thing) -> Iterator[Thing]:
        for rule in self.connection.network.security_group_rules(security_group_id=group.id):
            yield Thing(Kind.RULE, rule.id, describe_rule(rule), group=group.id, detail=rule_key(rule))

    def _placements(self, system: str) -> Iterator[Thing]:
        for group in self.connection.compute.server_groups():
            if group.name == system:
                yield Thing(Kind.PLACEMENT, group.id, group.name, used_by=tuple(group.member_ids or ()))

    def console_of(self, server: Server) -> str:
        """See ``cloud.host_keys.Console``. Names are not unique on a cloud: of several the one at the address that was given."""
        with api_errors(say("cloud.read_console", server=server.name)):
            named = [each for each in self.connection.compute.servers(details=True, name=server.name) if each.name == server.name]
            found = next((each for each in named if server.address in _address_of(each).split(", ")), None)
            if found is None:
                raise ToolError(say("cloud.server_gone", name=server.name), where=server.address, remedy=say("cloud.look_then_resume"))
            answer = self.connection.compute.get_server_console_output(found) or {}
            return str(answer.get("output") or "")

    def rebuilt_at(self, ident: str) -> list[str]:
        """See ``cloud.listing.ServerDeeds``."""
        with api_errors(say("cloud.ask_deeds", id=ident)):
            deeds = self.connection.compute.server_actions(ident)
            return sorted(str(deed.start_time) for deed in deeds if deed.action == "rebuild")

    def place(self) -> str:
        """Project and region. Asks nothing beyond the login."""
        with api_errors(say("tools.log_in")):
            return f"project {self.connection.current_project_id}, region {self.connection.config.region_name or '-'}"

    def remove(self, thing: Thing) -> None:
        """Take one thing away and wait until it is gone. A volume is waited for until its server has let it go."""
        compute, network, volumes = self.connection.compute, self.connection.network, self.connection.block_storage
        deeds: dict[Kind, tuple[Callable[[], Any], Callable[[], Any]]] = {
            Kind.SERVER: (lambda: compute.delete_server(thing.id), lambda: compute.find_server(thing.id)),
            Kind.PORT: (lambda: network.delete_port(thing.id), lambda: network.find_port(thing.id)),
            Kind.VOLUME: (lambda: self._delete_volume(thing), lambda: volumes.find_volume(thing.id)),
            Kind.ACCESS: (lambda: network.delete_security_group(thing.id), lambda: network.find_security_group(thing.id)),
            Kind.PLACEMENT: (lambda: compute.delete_server_group(thing.id), lambda: compute.find_server_group(thing.id)),
            Kind.RULE: (lambda: self._delete_rule(thing), lambda: None),
        }
        delete, find = deeds[thing.kind]
        with api_errors(say("cloud.remove", label=thing.label)):
            delete()
            self._wait(lambda: find() is None, say("cloud.to_be_gone", label=thing.label))

    def _delete_rule(self, thing: Thing) -> None:
        if thing.detail.get("attachment"):
            server, _, volume = thing.id.partition("/")
            self.connection.compute.delete_volume_attachment(server, volume, ignore_missing=True)
        else:
            self.connection.network.delete_security_group_rule(thing.id)

    def _delete_volume(self, thing: Thing) -> None:
        volumes = self.connection.block_storage

        def is_free() -> bool:
            volume = volumes.find_volume(thing.id)
            return volume is None or volumes.get_volume(thing.id).status in ("available", "error", "error_deleting")

        self._wait(is_free, say("cloud.to_be_let_go", label=thing.label))
        volumes.delete_volume(thing.id, ignore_missing=True)

    @staticmethod
    def _wait(reached: Callable[[], bool], what: Words) -> None:
        deadline = time.monotonic() + GONE_SECONDS
        while not reached():
            if time.monotonic() > deadline:
                raise ToolError(
                    say("cloud.waited", seconds=GONE_SECONDS, what=what),
                    where="OpenStack",
                    remedy=say("cloud.look_then_resume"),
                    retryable=True,
                )
            time.sleep(0.5)


def _our_ports(ports: list[Any], system: str, names: frozenset[str]) -> Iterator[Thing]:
    for port in ports:
        marked = read_mark(port.description or "", "system")
        if marked == system or port.name in names:
            used_by = (port.device_id,) if port.device_id else ()
            addresses = [item["ip_address"] for item in port.fixed_ips or ()]
            yield Thing(
                Kind.PORT, port.id, port.name, marked, read_mark(port.description or "", "run"), port.status,
                used_by=used_by, address=", ".join(addresses),
            )  # fmt: skip


def attachments(servers: list[Thing], volumes: list[Thing]) -> Iterator[Thing]:
    """Further disks of our servers. An attachment has no mark: it belongs to its server, and is ours where its volume is.

    The disk that a server boots from is left out: its device's name does not tell it, and it cannot be let go.
    """
    ours = {volume.id: volume for volume in volumes}
    for server in servers:
        for ident in server.detail["volumes"]:
            volume = ours.get(ident)
            if volume is None or not volume.detail["boots"]:
                label = f"disk {volume.name if volume else ident} of {server.name}"
                detail = {"attachment": True, "foreign": volume is None}
                yield Thing(Kind.RULE, f"{server.id}/{ident}", label, group=server.id, detail=detail)


def _address_of(server: Any) -> str:
    return ", ".join(item["addr"] for items in (server.addresses or {}).values() for item in items)


def rule_key(rule: Any) -> dict[str, Any]:
    """What makes two rules of a group the same, named as Terraform names it."""
    return {
        "direction": rule.direction, "ethertype": rule.ether_type, "protocol": rule.protocol or "",
        "port_range_min": rule.port_range_min or 0, "port_range_max": rule.port_range_max or 0,
        "remote_ip_prefix": rule.remote_ip_prefix or "", "remote_group": bool(rule.remote_group_id),
    }  # fmt: skip


def describe_rule(rule: Any) -> str:
    """``in tcp 22 from 10.1.0.0/24``."""
    ports = f" {rule.port_range_min}" if rule.port_range_min else " any port"
    ports += f"–{rule.port_range_max}" if rule.port_range_max and rule.port_range_max != rule.port_range_min else ""
    whom = rule.remote_ip_prefix or ("its own servers" if rule.remote_group_id else "everybody")
    side, word = ("in", "from") if rule.direction == "ingress" else ("out", "to")
    return f"{side} {rule.ether_type} {rule.protocol or 'any protocol'}{ports} {word} {whom}"
