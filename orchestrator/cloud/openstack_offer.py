"""What an OpenStack offers to the project that we are logged in to, and how much of it is left. Reads only."""

from __future__ import annotations

import datetime as dt
import email.utils
from collections.abc import Callable
from functools import cached_property
from typing import Any, TypeVar

from orchestrator.cloud.flavours import Flavour
from orchestrator.cloud.questions import MEMBERS, Answers, Image, Network, Quota
from orchestrator.errors import ToolError
from orchestrator.texts import Words, say
from orchestrator.tools.openstack_api import api_errors, connect
from orchestrator.tools.web import plain_text

T = TypeVar("T")
LOOKING_ONLY = frozenset({"reader", "auditor", "observer"})
"""Roles with which an account sees everything, so that no question is forbidden to it, and makes nothing."""


class OpenStackOffer:
    """See ``cloud.questions.CloudOffer``."""

    def __init__(self, connection: Any = None) -> None:
        self._given = connection

    @cached_property
    def connection(self) -> Any:
        return self._given or connect()

    def flavours(self) -> list[Flavour]:
        """Those that this account sees."""
        with api_errors(say("cloud.list_flavours")):
            return [Flavour(item.vcpus, item.ram, item.disk, item.name, item.id) for item in self.connection.compute.flavors(details=True)]

    def ask(self) -> Answers:
        """Everything, one question after the other. What the account may not ask is in ``rights``; a cloud that does not answer
        raises ToolError."""
        rights: list[Words] = []

        def asked(what: Words, question: Callable[[], T], otherwise: T) -> T:
            try:
                with api_errors(what):
                    return question()
            except ToolError as error:
                if error.retryable:  # silence is not a matter of rights
                    raise
                rights.append(say("cloud.right_missing", what=what, said=error.says))
                return otherwise

        cloud = self.connection
        roles = {str(name).lower() for name in cloud.session.auth.get_access(cloud.session).role_names}
        if roles and roles <= LOOKING_ONLY:
            rights.append(say("cloud.only_looks", roles=tuple(sorted(roles))))
        return Answers(
            flavours=tuple(asked(say("cloud.list_flavours"), self.flavours, [])),
            images=tuple(asked(say("cloud.list_images"), lambda: [_image(item) for item in cloud.image.images()], [])),
            networks=tuple(asked(say("cloud.list_networks"), self._networks, [])),
            key_pairs=frozenset(asked(say("cloud.list_key_pairs"), lambda: [item.name for item in cloud.compute.keypairs()], [])),
            zones=frozenset(asked(say("cloud.list_zones"), lambda: [item.name for item in cloud.compute.availability_zones()], [])),
            volume_types=frozenset(asked(say("cloud.list_volume_types"), lambda: [item.name for item in cloud.block_storage.types()], [])),
            volume_zones=frozenset(
                asked(say("cloud.list_volume_zones"), lambda: [item.name for item in cloud.block_storage.availability_zones()], [])
            ),
            quotas={
                **asked(say("cloud.ask_compute"), self._compute_quotas, {}),
                **asked(say("cloud.ask_volumes"), self._volume_quotas, {}),
                **asked(say("cloud.ask_network"), self._network_quotas, {}),
            },
            clock_off=asked(say("cloud.ask_time"), self._clock_off, 0.0),
            rights=tuple(rights),
        )

    def _networks(self) -> list[Network]:
        cloud = self.connection
        used: dict[str, int] = {}
        for port in cloud.network.ports():  # a tenant sees its own ports only: what others hold of a shared network is not known
            for item in port.fixed_ips or ():
                used[item["subnet_id"]] = used.get(item["subnet_id"], 0) + 1
        subnets: dict[str, dict[int, int]] = {}
        for subnet in cloud.network.subnets():
            free = _size_of(subnet) - used.get(subnet.id, 0)
            versions = subnets.setdefault(subnet.network_id, {})
            versions[subnet.ip_version] = versions.get(subnet.ip_version, 0) + free
        return [Network(item.id, item.name, subnets.get(item.id, {})) for item in cloud.network.networks()]

    def _compute_quotas(self) -> dict[str, Quota]:
        limits = self.connection.compute.get("/limits").json()["limits"]["absolute"]
        names = {
            "instances": ("maxTotalInstances", "totalInstancesUsed"), "cores": ("maxTotalCores", "totalCoresUsed"),
            "ram": ("maxTotalRAMSize", "totalRAMUsed"), "server groups": ("maxServerGroups", "totalServerGroupsUsed"),
            MEMBERS: ("maxServerGroupMembers", ""),  # of each group: nobody is in one that is to be made
        }  # fmt: skip
        return _pairs(limits, names)

    def _volume_quotas(self) -> dict[str, Quota]:
        limits = self.connection.block_storage.get("/limits").json()["limits"]["absolute"]
        names = {
            "volumes": ("maxTotalVolumes", "totalVolumesUsed"),
            "gigabytes": ("maxTotalVolumeGigabytes", "totalGigabytesUsed"),
        }
        return _pairs(limits, names)

    def _network_quotas(self) -> dict[str, Quota]:
        project = self.connection.current_project_id
        answer = self.connection.network.get(f"/quotas/{project}/details.json")
        if answer.status_code != 200:
            raise ToolError(
                say("cloud.forbids", text=plain_text(answer.text)), where=say("cloud.network_quotas"), remedy=say("cloud.docs_rights")
            )
        told = answer.json()["quota"]
        names = {"ports": "port", "security groups": "security_group", "security group rules": "security_group_rule"}
        return {
            name: Quota(_limit(told[key]["limit"]), int(told[key]["used"]) + int(told[key].get("reserved", 0)))
            for name, key in names.items()
            if key in told
        }

    def _clock_off(self) -> float:
        """Seconds that the cloud's clock is ahead of ours, by the date of an answer."""
        told = self.connection.compute.get("/limits").headers.get("Date")
        if not told:
            return 0.0
        return (email.utils.parsedate_to_datetime(told) - dt.datetime.now(dt.UTC)).total_seconds()


def _pairs(limits: dict[str, Any], names: dict[str, tuple[str, str]]) -> dict[str, Quota]:
    return {name: Quota(_limit(limits[most]), int(limits.get(used, 0))) for name, (most, used) in names.items() if most in limits}


def _limit(value: Any) -> int | None:
    """-1 is OpenStack's word for no limit."""
    return None if int(value) < 0 else int(value)


def _image(item: Any) -> Image:
    holds = -(-int(getattr(item, "virtual_size", None) or item.size or 0) // 2**30)
    return Image(item.id, item.name, max(int(item.min_disk or 0), holds), int(item.min_ram or 0), item.status)


def _size_of(subnet: Any) -> int:
    import ipaddress

    return sum(
        int(ipaddress.ip_address(pool["end"])) - int(ipaddress.ip_address(pool["start"])) + 1 for pool in subnet.allocation_pools or ()
    )
