"""What a wave needs against what a cloud has, and which flavour a server gets."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from orchestrator.cloud.flavours import Choice, Flavour, choose_flavour
from orchestrator.cloud.questions import Answers, Demand, Image, Network, Quota, judge_answers
from orchestrator.errors import Finding

S1, S2, M2 = Flavour(1, 512, 3, "s1", "f1"), Flavour(2, 1024, 5, "s2", "f2"), Flavour(2, 4096, 10, "m2", "f3")
TWIN = Flavour(2, 4096, 20, "m2", "f4")


@pytest.mark.parametrize(
    ("asked", "offered", "chosen", "why"),
    [
        ({"vcpus": 2, "memory_gb": 4}, [S1, S2, M2], "f3", "exactly what was asked"),
        ({"vcpus": 1, "memory_gb": 0.5}, [M2, S2, S1], "f1", "exactly what was asked"),
        ({"vcpus": 1, "memory_gb": 0.7}, [S1, S2, M2], "f2", "1 vCPUs and 307 MB memory more than asked"),
        ({"vcpus": 2, "memory_gb": 4}, [TWIN, M2], "f3", "exactly"),
        ({"vcpus": 1, "memory_gb": 1, "size": "m2"}, [S1, M2], "f3", "by name"),
        ({"vcpus": 1, "memory_gb": 1, "size": "f4"}, [M2, TWIN], "f4", "by name"),
    ],
)
def test_the_exact_flavour_else_the_nearest_that_holds_it(asked: dict[str, Any], offered: list[Flavour], chosen: str, why: str) -> None:
    choice = choose_flavour("a", offered, **asked)
    assert isinstance(choice, Choice)
    assert choice.flavour.id == chosen
    assert why in str(choice.why)


@pytest.mark.parametrize(
    ("asked", "offered", "said"),
    [
        ({"vcpus": 4, "memory_gb": 4}, [S1, M2], "server a: no flavour holds 4 vCPUs and 4 GB"),
        ({"vcpus": 1, "memory_gb": 1, "size": "m2"}, [M2, TWIN], "the cloud has 2 flavours m2: f3, f4"),
        ({"vcpus": 1, "memory_gb": 1, "size": "huge"}, [M2], "the cloud has no flavour huge"),
        ({"vcpus": 1, "memory_gb": 1}, [], "no flavour holds"),
    ],
)
def test_where_none_fits_it_is_said_with_what_there_is(asked: dict[str, Any], offered: list[Flavour], said: str) -> None:
    finding = choose_flavour("a", offered, **asked)
    assert isinstance(finding, Finding)
    assert said in finding.message
    assert finding.remedy


CLOUD = Answers(
    flavours=(S1, S2, M2), images=(Image("i1", "debian-12", 2, 0, "active"),), key_pairs=frozenset({"orchestrator"}),
    networks=(Network("n1", "internet", {4: 100}), Network("n2", "government-extranet", {4: 3})),
    quotas={
        "instances": Quota(10, 0), "cores": Quota(20, 0), "ram": Quota(51_200, 0), "volumes": Quota(10, 0), "gigabytes": Quota(1000, 0),
        "ports": Quota(500, 0), "security groups": Quota(10, 1), "security group rules": Quota(100, 4), "server groups": Quota(10, 0),
    },
)  # fmt: skip


def demand(name: str, servers: int = 2, **inputs: Any) -> Demand:
    told = {f"{name}-{number}": {"zone": "internet", "vcpus": 1, "memory_gb": 0.5, "disk_gb": 10, "ports": [80]} for number in range(servers)}
    return Demand(name, {"servers": told, "admin_cidrs": ["10.1.0.0/24"], "client_cidrs": ["10.2.0.0/24"], **inputs})


def test_a_wave_that_fits_has_no_finding() -> None:
    assert judge_answers([demand("a"), demand("b")], CLOUD) == []


def test_twenty_systems_on_default_quotas_are_told_before_the_first_is_begun() -> None:
    told = {finding.message.split(":")[0]: finding.message for finding in judge_answers([demand(f"s{n}") for n in range(20)], CLOUD)}
    assert set(told) == {
        "quota of instances", "quota of cores", "quota of volumes", "quota of security groups", "quota of security group rules",
        "quota of server groups",
    }  # fmt: skip
    assert told["quota of security groups"] == "quota of security groups: 20 needed, 9 left (1 of 10 used)"


def test_members_of_a_server_group_are_counted_for_each_system_alone() -> None:
    cloud = replace(CLOUD, quotas={"members of a server group": Quota(2, 0)})
    assert judge_answers([demand(f"s{n}") for n in range(9)], cloud) == []


@pytest.mark.parametrize(
    ("inputs", "cloud", "said"),
    [
        ({"image": "x"}, CLOUD, "no image x"),
        ({"image": "i1"}, CLOUD, ""),
        ({}, replace(CLOUD, images=(Image("i1", "debian-12", 2, 0, "deactivated"),)), "is deactivated"),
        ({}, replace(CLOUD, images=(Image("i1", "debian-12", 11, 0, "active"),)), "image debian-12 asks for 11 GB"),
        ({}, replace(CLOUD, images=(Image("i1", "debian-12", 2, 8192, "active"),)), "and image debian-12 asks for 8192 MB"),
        ({"volume_availability_zone": "moon"}, CLOUD, "no availability zone of volumes moon"),
        ({"volume_availability_zone": "az1"}, replace(CLOUD, volume_zones=frozenset({"az1"})), ""),
        ({"key_pair": "x"}, CLOUD, "no key pair x"),
        ({"availability_zones": ["moon"]}, CLOUD, "no availability zone moon"),
        ({"volume_type": "gold"}, CLOUD, "no volume type gold"),
        ({"disks": {"a-0": {"data": {"size_gb": 1, "volume_type": "gold"}}}}, CLOUD, "no volume type gold"),
        ({"networks": {"internet": "x"}}, CLOUD, "no network x for a: a-0"),
        ({}, replace(CLOUD, networks=(Network("n1", "internet", {}),)), "network internet has no subnet"),
        ({}, replace(CLOUD, networks=(Network("n1", "internet", {4: 9}), Network("n9", "internet", {4: 9}))), "2 networks internet: n1, n9"),
        ({"networks": {"internet": "n1"}}, CLOUD, ""),
        ({}, replace(CLOUD, networks=(Network("n1", "internet", {4: 100, 6: 1}),)), "network internet: 2 addresses needed, 1 left"),
        ({"more_networks": {"a-0": ["government-extranet"] * 4}}, CLOUD, "network government-extranet: 4 addresses needed, 3 left"),
        ({"disks": {"a-0": {"data": {"size_gb": 2000}}}}, CLOUD, "quota of gigabytes: 2020 needed, 1000 left"),
        ({}, replace(CLOUD, quotas={"members of a server group": Quota(1, 0)}), "quota of members of a server group: 2 needed, 1 left"),
        ({}, replace(CLOUD, clock_off=-45.0), "differ by -45 s"),
        ({}, replace(CLOUD, clock_off=29.0), ""),
        ({}, replace(CLOUD, rights=("list images: the cloud forbids it",)), "list images"),
        ({}, replace(CLOUD, quotas={"instances": Quota(None, 500)}), ""),
        ({}, replace(CLOUD, quotas={"instances": Quota(3, 5)}), "2 needed, 0 left (5 of 3 used)"),
    ],
)
def test_each_question_has_its_answer(inputs: dict[str, Any], cloud: Answers, said: str) -> None:
    findings = judge_answers([demand("a", **inputs)], cloud)
    assert [finding.message for finding in findings if said not in finding.message] == []
    assert bool(findings) == bool(said)
    assert all(finding.severity == "error" and finding.remedy for finding in findings)
