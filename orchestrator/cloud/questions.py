"""What a wave will need of a cloud against what the cloud has: asked before anybody begins, answered with every finding. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from orchestrator.cloud.flavours import Choice, Flavour, choose_flavour
from orchestrator.errors import Finding
from orchestrator.texts import Words, say

CLOCK_SECONDS = 30
"""A cloud whose clock is further off gives tokens and certificates that are not valid yet, or any more."""


@dataclass(frozen=True)
class Quota:
    """One limit of the project. ``limit`` None: none is set, or the cloud does not say."""

    limit: int | None
    used: int


@dataclass(frozen=True)
class Network:
    """A network with what it still has: ``free`` addresses by IP version; empty: it has no subnet."""

    id: str
    name: str
    free: Mapping[int, int]


@dataclass(frozen=True)
class Image:
    """An image by its name. ``min_disk_gb`` is the larger of what it asks for and what it holds."""

    id: str
    name: str
    min_disk_gb: int
    min_ram_mb: int
    status: str


@dataclass(frozen=True)
class Answers:
    """All that a cloud was asked. ``rights``: what this account may not even look at, in the cloud's words."""

    flavours: tuple[Flavour, ...] = ()
    images: tuple[Image, ...] = ()
    networks: tuple[Network, ...] = ()
    key_pairs: frozenset[str] = frozenset()
    zones: frozenset[str] = frozenset()
    volume_types: frozenset[str] = frozenset()
    volume_zones: frozenset[str] = frozenset()
    quotas: Mapping[str, Quota] = field(default_factory=dict)
    clock_off: float = 0.0
    rights: tuple[Words, ...] = ()


class CloudOffer(Protocol):
    """A cloud that can be asked what it offers and how much of it is left. Asking changes nothing."""

    def ask(self) -> Answers: ...
    def flavours(self) -> list[Flavour]: ...


@dataclass(frozen=True)
class Demand:
    """What one system will make, from the module's inputs."""

    system: str
    inputs: Mapping[str, Any]

    def servers(self) -> Mapping[str, Mapping[str, Any]]:
        return self.inputs.get("servers") or {}


def choose_flavours(demand: Demand, offered: Iterable[Flavour]) -> tuple[dict[str, Choice], list[Finding]]:
    """A flavour for every server of a system, and every server that none fits."""
    flavours = tuple(offered)
    chosen: dict[str, Choice] = {}
    findings = []
    for name, server in sorted(demand.servers().items()):
        size = (demand.inputs.get("flavors") or {}).get(name) or server.get("size")
        found = choose_flavour(
            name, flavours, vcpus=float(server.get("vcpus") or 2), memory_gb=float(server.get("memory_gb") or 4), size=size
        )
        if isinstance(found, Choice):
            chosen[name] = found
        else:
            findings.append(_of(found, demand.system))
    return chosen, findings


MEMBERS = "members of a server group"
"""Each system has a group of its own: the largest counts, and not their sum."""


def judge_answers(demands: Iterable[Demand], answers: Answers) -> list[Finding]:
    """Every reason for which what these systems ask for could not be made, by name."""
    wave = list(demands)
    findings = [Finding("cloud-rights", "error", said, say("cloud.docs_rights_needed")) for said in answers.rights]
    needed: dict[str, float] = {}
    for demand in wave:
        chosen, unfit = choose_flavours(demand, answers.flavours)
        findings += unfit
        findings += _judge_names(demand, chosen, answers)
        for name, amount in count_needs(demand, chosen).items():
            before = needed.get(name, 0)
            needed[name] = max(before, amount) if name == MEMBERS else before + amount
    findings += _judge_quotas(needed, answers.quotas)
    findings += _judge_addresses(wave, answers)
    if abs(answers.clock_off) > CLOCK_SECONDS:
        said = say("cloud.clock_off", clock_off=answers.clock_off)
        findings.append(Finding("cloud-clock", "error", said, say("cloud.set_clocks")))
    return findings


def count_needs(demand: Demand, chosen: Mapping[str, Choice]) -> dict[str, float]:
    """What a system takes from the project's quotas."""
    servers, inputs = demand.servers(), demand.inputs
    disks = {name: inputs["disks"].get(name, {}) for name in servers} if inputs.get("disks") else {}
    cards = {name: inputs["more_networks"].get(name, []) for name in servers} if inputs.get("more_networks") else {}
    further = [disk for of_server in disks.values() for disk in of_server.values()]
    return {
        "instances": len(servers),
        "cores": sum(choice.flavour.vcpus for choice in chosen.values()),
        "ram": sum(choice.flavour.ram_mb for choice in chosen.values()),
        "volumes": len(servers) + len(further),
        "gigabytes": sum(math.ceil(float(server.get("disk_gb") or 50)) for server in servers.values())
        + sum(math.ceil(float(disk["size_gb"])) for disk in further),
        "ports": len(servers) + sum(map(len, cards.values())),
        "security groups": 1,
        "security group rules": 4 + count_rules(inputs),
        "server groups": 1 if len(servers) > 1 else 0,
        MEMBERS: len(servers) if len(servers) > 1 else 0,
    }


def count_rules(inputs: Mapping[str, Any]) -> int:
    """The most rules that the inputs can make; those that mean the same become one."""
    ports = sum(len(server.get("ports") or ()) for server in (inputs.get("servers") or {}).values())
    opened = [*(inputs.get("links") or ()), *(inputs.get("paths") or ())]
    links = sum(2 if link.get("direction", "both") == "both" else 1 for link in opened if link.get("address"))
    return (
        (1 + ports) * len(inputs.get("admin_cidrs") or ()) + ports * len(inputs.get("client_cidrs") or ()) + links + 2 * len(inputs.get("dns_cidrs") or ())
        + len(inputs.get("time_cidrs") or ()) + 2 * len(inputs.get("package_cidrs") or ()) + (1 if inputs.get("metadata_service", True) else 0)
    )  # fmt: skip


def _judge_quotas(needed: Mapping[str, float], quotas: Mapping[str, Quota]) -> list[Finding]:
    findings = []
    for name, amount in sorted(needed.items()):
        quota = quotas.get(name)
        if quota is None or quota.limit is None or amount == 0:
            continue
        left = quota.limit - quota.used
        if amount > left:
            said = say("cloud.quota", name=name, amount=amount, max=max(left, 0), used=quota.used, limit=quota.limit)
            findings.append(Finding("cloud-quota", "error", said, say("cloud.raise_quota", limit=quota.used + math.ceil(amount))))
    return findings


def _judge_names(demand: Demand, chosen: Mapping[str, Choice], answers: Answers) -> list[Finding]:
    """Image, key pair, networks, zones and volume types that the module will look for."""
    inputs, system, findings = demand.inputs, demand.system, []
    image = str(inputs.get("image") or "debian-12")
    images = [item for item in answers.images if image in (item.name, item.id)]
    if not images:
        findings.append(_missing("image", image, sorted(item.name for item in answers.images), system))
    elif images[0].status != "active":
        findings.append(
            Finding(
                "cloud-image", "error", say("cloud.image_is", image=image, status=images[0].status), say("cloud.name_active"), system=system
            )
        )
    else:
        findings += [
            Finding(
                "cloud-disk", "error", say("cloud.disk_small", name=name, disk_gb=str(server.get("disk_gb")), image=image, min_disk_gb=images[0].min_disk_gb),
                say("cloud.larger_disk"), system=system,
            )
            for name, server in sorted(demand.servers().items())
            if math.ceil(float(server.get("disk_gb") or 50)) < images[0].min_disk_gb
        ]  # fmt: skip
        findings += [
            Finding(
                "cloud-memory", "error",
                say("cloud.memory_small", name=name, flavour=choice.flavour.name, ram=choice.flavour.ram_mb, image=image, min_ram=images[0].min_ram_mb),
                say("cloud.larger_memory"), system=system,
            )
            for name, choice in sorted(chosen.items())
            if choice.flavour.ram_mb < images[0].min_ram_mb
        ]  # fmt: skip
    key_pair = str(inputs.get("key_pair") or "orchestrator")
    if key_pair not in answers.key_pairs:
        findings.append(_missing("key-pair", key_pair, sorted(answers.key_pairs), system))
    findings += [_missing("availability-zone", zone, sorted(answers.zones), system)
                 for zone in inputs.get("availability_zones") or () if zone not in answers.zones]  # fmt: skip
    of_volumes = str(inputs.get("volume_availability_zone") or "")
    if of_volumes and of_volumes not in answers.volume_zones:
        findings.append(_missing("volume-zone", of_volumes, sorted(answers.volume_zones), system))
    further = [disk for disks in (inputs.get("disks") or {}).values() for disk in disks.values()]
    kinds = {str(holder.get("volume_type") or "") for holder in (inputs, *further)} - {""}
    findings += [_missing("volume-type", kind, sorted(answers.volume_types), system) for kind in sorted(kinds - answers.volume_types)]
    return findings


DEFAULT_NETWORKS = {zone: zone.replace("_", "-") for zone in ("government_extranet", "government_intranet", "internet", "dedicated")}


def _judge_addresses(demands: Iterable[Demand], answers: Answers) -> list[Finding]:
    """Networks that are missing, ambiguous or without a subnet, and those that have fewer addresses than the wave needs."""
    findings: list[Finding] = []
    cards: dict[str, list[str]] = {}
    for demand in demands:
        names = {**DEFAULT_NETWORKS, **(demand.inputs.get("networks") or {})}
        more = demand.inputs.get("more_networks") or {}
        for server, told in sorted(demand.servers().items()):
            for network in (names.get(str(told.get("zone")), ""), *more.get(server, ())):
                cards.setdefault(network, []).append(f"{demand.system}: {server}")
    for name, servers in sorted(cards.items()):
        networks = [network for network in answers.networks if name in (network.id, network.name)]
        where = (*servers[:3], "…") if len(servers) > 3 else tuple(servers)
        if not networks:
            findings.append(
                _missing(
                    "network", say("cloud.name_for", name=name, servers=where), sorted({network.name for network in answers.networks}), ""
                )
            )
        elif len(networks) > 1 and name != networks[0].id:
            ids = ", ".join(network.id for network in networks)
            findings.append(
                Finding(
                    "cloud-network", "error", say("cloud.network_twice", count=len(networks), name=name, ids=ids), say("cloud.name_by_id")
                )
            )
        elif not networks[0].free:
            said = say("cloud.network_no_subnet", name=name, servers=where)
            findings.append(Finding("cloud-network", "error", said, say("cloud.make_subnet")))
        elif (left := min(networks[0].free.values())) < len(servers):
            said = say("cloud.addresses_few", name=name, count=len(servers), left=left)
            findings.append(Finding("cloud-addresses", "error", said, say("cloud.widen_subnet")))
    return findings


WHAT = {
    "image": say("cloud.image"), "key-pair": say("cloud.key_pair"), "availability-zone": say("cloud.zone"),
    "volume-type": say("cloud.volume_type"), "volume-zone": say("cloud.volume_zone"), "network": say("cloud.network"),
}  # fmt: skip
"""What a cloud may lack, by the code of the finding."""


def _missing(what: str, name: Words, there: list[str], system: str) -> Finding:
    some = (*there[:12], "…") if len(there) > 12 else tuple(there)
    listed = say("cloud.there_is", some=some) if there else say("cloud.there_is_none")
    return Finding(f"cloud-{what}", "error", say("cloud.has_no", what=WHAT[what], name=name), listed, system=system)


def _of(finding: Finding, system: str) -> Finding:
    return replace(finding, system=system)
