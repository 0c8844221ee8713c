"""Servers that boot: host keys from the console, the account and its sudo, and what is reached from outside. Under emulation."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.cloud.host_keys import pin_host_keys
from orchestrator.cloud.openings import wait_for_port
from orchestrator.cloud.openstack import OpenStackListing
from orchestrator.errors import NeedsPerson
from orchestrator.tools.terraform import Server
from tests.openstack.cloud import GATEWAY, LabCloud
from tests.openstack.stage import Stage

pytestmark = [pytest.mark.openstack, pytest.mark.long, pytest.mark.timeout(2400, func_only=True)]
DRIVER = "guests"
BOOT_SECONDS = 900


@pytest.fixture(scope="module")
def stage(cloud: LabCloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    stage = Stage(tmp_path_factory.mktemp("guests"))
    stage.make()
    yield stage
    cloud.clean()


@pytest.fixture(scope="module")
def known_hosts(stage: Stage) -> Path:
    file = stage.folder / "known_hosts"
    pin_host_keys(OpenStackListing(), servers_of(stage), file, stage.said.append, seconds=BOOT_SECONDS)
    return file


def servers_of(stage: Stage) -> list[Server]:
    return list(stage.open().terraform.outputs().values())


def ssh(server: Server, key: Path, known_hosts: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    options = ["-i", str(key), "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes", "-o", f"UserKnownHostsFile={known_hosts}"]
    place = f"{server.ssh_user}@{server.address}"
    return subprocess.run(["ssh", "-F", "/dev/null", *options, place, *argv], capture_output=True, text=True, check=False, timeout=120)


def test_a_servers_host_key_is_taken_from_its_console_and_is_its_own(stage: Stage, cloud: LabCloud, known_hosts: Path) -> None:
    for server in servers_of(stage):
        assert wait_for_port(server, 22, BOOT_SECONDS)
        done = ssh(server, cloud.key, known_hosts, "hostname; sudo -n id -u")
        assert done.stdout.split() == [server.name, "0"], done.stderr
    assert sum("taken from its console" in said for said in stage.said) == 2


def test_another_key_on_record_than_the_consoles_needs_a_person(stage: Stage, known_hosts: Path, tmp_path: Path) -> None:
    other = tmp_path / "known_hosts"
    keys = known_hosts.read_text().splitlines()
    names, kinds = [line.split()[0] for line in keys], [line.split()[1:] for line in keys]
    other.write_text("".join(f"{name} {' '.join(kind)}\n" for name, kind in zip(names, reversed(kinds), strict=True)))
    with pytest.raises(NeedsPerson, match="shows another host key on its console than the one on record"):
        pin_host_keys(OpenStackListing(), servers_of(stage), other, stage.said.append, seconds=60)


def test_what_the_rules_open_is_reached_and_nothing_else_is(stage: Stage, cloud: LabCloud, known_hosts: Path) -> None:
    assert known_hosts.is_file()
    servers = stage.open()
    assert all(wait_for_port(server, 22, BOOT_SECONDS) for server in servers_of(stage))
    assert servers.observe_openings() == []
    city = cloud.connect()
    group = city.network.find_security_group("citizen-portal")
    opened = city.network.create_security_group_rule(
        security_group_id=group.id, direction="ingress", ether_type="IPv4", protocol="tcp", port_range_min=3389, port_range_max=3389
    )
    told = wait_for_findings(stage, 2)
    assert [f"port 3389 of {server.name} ({server.address}), from {GATEWAY}: no rule opens it" in message
            for server, message in zip(servers_of(stage), told, strict=True)] == [True, True]  # fmt: skip
    city.network.delete_security_group_rule(opened)
    assert wait_for_findings(stage, 0) == []


def wait_for_findings(stage: Stage, count: int) -> list[str]:
    """The cloud's agent writes a changed rule down within seconds: what is seen then, or after a minute."""
    for _ in range(10):
        findings = [finding.message for finding in stage.open().observe_openings()]
        if len(findings) == count:
            break
    return findings
