"""What goes wrong while servers are made or taken away on a real OpenStack, beside kills of ours (test_making.py): the cloud's
own faults, an apply that is interrupted, a state that is lost, names that are retired or not unique. Fake compute driver."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.cloud.stand import Position, Stand
from orchestrator.errors import ToolError
from tests.openstack.cloud import LabCloud
from tests.openstack.stage import SERVER, Stage

pytestmark = [pytest.mark.openstack, pytest.mark.long, pytest.mark.timeout(1200, func_only=True)]
DRIVER = "fake"
NAMES = ["portal-app", "portal-db"]
OUR_PORTS = "SELECT id FROM neutron.ports WHERE name LIKE 'portal-%'"
OUR_SERVERS = "SELECT id FROM nova.instances WHERE deleted = 0 AND display_name LIKE 'portal-%'"


@pytest.fixture
def stage(cloud: LabCloud, tmp_path: Path) -> Iterator[Stage]:
    """Of one server, unless a test needs two: each more is seconds of every apply."""
    stage = Stage(tmp_path)
    stage.inputs["servers"] = {"portal-db": dict(SERVER)}
    yield stage
    cloud.clean()


def plan_of(stage: Stage) -> list[str]:
    """Addresses that would change; nothing is made."""
    servers = stage.open()
    plan = servers.plan(servers.book.position())
    servers.terraform.discard(plan)
    return [change.address for change in plan.changes]


# ------------------------------------------------------------ while they are made


@pytest.mark.parametrize(("service", "quota"), [("compute", "instances"), ("block_storage", "volumes")])
def test_a_quota_that_was_used_up_meanwhile_is_said_and_the_next_run_converges(
    stage: Stage, cloud: LabCloud, service: str, quota: str
) -> None:
    admin, project = getattr(cloud.connect("admin", "admin"), service), cloud.connect().current_project_id
    admin.put(f"/os-quota-sets/{project}", json={"quota_set": {quota: 0}})
    try:
        with pytest.raises(ToolError, match=r"(?i)quota|limit") as error:
            stage.make()
    finally:
        admin.put(f"/os-quota-sets/{project}", json={"quota_set": {quota: 100}})
    assert "portal-db" in error.value.what
    stage.make()
    assert stage.is_settled()


def test_a_service_that_dies_before_its_servers_are_asked_for_is_said_and_the_next_run_converges(stage: Stage, cloud: LabCloud) -> None:
    watcher = threading.Thread(target=kill_at_the_first_port, args=(cloud,))
    watcher.start()
    try:
        with pytest.raises(ToolError) as error:
            stage.make()
    finally:
        watcher.join()
        cloud.restart_compute_api()
    assert "8774" in error.value.what or "connection" in error.value.what.lower(), error.value.what
    stage.make()
    assert stage.is_settled()


def kill_at_the_first_port(cloud: LabCloud) -> None:
    """Ports and volumes come before their servers: the compute API is gone when those are asked for."""
    deadline = time.monotonic() + 120
    while not cloud.has_row(OUR_PORTS) and time.monotonic() < deadline:
        time.sleep(0.2)
    cloud.signal_service("nova-api", signal.SIGKILL)


def test_an_apply_that_is_asked_to_end_knows_all_that_it_began(stage: Stage, cloud: LabCloud) -> None:
    with pytest.raises(ToolError, match="stopped on request"):
        stage.open(cancelled=lambda: cloud.has_row(OUR_SERVERS)).make()
    assert any(label.startswith("server") for label in stage.labels()), "it had begun"
    comparison = stage.open().compare(Position(stage.system, Stand.NOTHING))
    assert [finding.message for finding in comparison.refusals] == [], "what it began is in its state"
    stage.make()
    assert stage.is_settled()


# ------------------------------------------------------------ names


def test_two_flavours_that_fit_are_no_riddle_and_the_nearest_is_taken_where_none_does(stage: Stage, cloud: LabCloud) -> None:
    admin = cloud.connect("admin", "admin").compute
    twin = admin.create_flavor(name="s1-twin", vcpus=1, ram=512, disk=3)
    try:
        stage.inputs["servers"] = {"portal-app": dict(SERVER), "portal-db": SERVER | {"memory_gb": 0.7, "disk_gb": 2.5}}
        assert plan_of(stage)
    finally:
        admin.delete_flavor(twin)
    told = " | ".join(stage.said)
    assert "server portal-app: flavour s1, exactly what was asked" in told
    assert "server portal-db: flavour d1, the nearest that holds it, with 307 MB memory more than asked" in told


def test_two_networks_of_one_name_are_named_and_nothing_is_made(stage: Stage, cloud: LabCloud) -> None:
    network = cloud.connect().network
    twin = network.create_network(name="dedicated")
    stage.inputs["servers"] = {"portal-db": SERVER | {"zone": "dedicated"}}
    try:
        with pytest.raises(ToolError, match=r'openstack_networking_network_v2\.zone\["dedicated"\]'):
            stage.make()
    finally:
        network.delete_network(twin)
    assert stage.labels() == []


def test_a_security_group_of_our_name_that_is_a_strangers_is_left(stage: Stage, cloud: LabCloud) -> None:
    network = cloud.connect().network
    twin = network.create_security_group(name=stage.system)
    stage.make()
    assert any(twin.id in said and "left as it is" in said for said in stage.said), stage.said
    stage.open().take_back(expected=["portal-db"], keep_volumes=False)
    assert [group.id for group in network.security_groups(name=stage.system)] == [twin.id]


def test_rules_that_mean_the_same_are_one_whatever_they_are_written_like(stage: Stage) -> None:
    stage.inputs.update(
        servers={"portal-app": dict(SERVER, ports=[8001])},
        client_cidrs=["10.2.0.10/32", "10.3.0.9/24", "10.3.0.0/24", "fd00:1:0:0::/64", "fd00:1::/64"],
        links=[
            {"peer": "A", "direction": "both", "address": "10.2.0.10", "port": 8001},
            {"peer": "B", "direction": "out", "address": "10.2.0.10", "port": 8001},
            {"peer": "C", "direction": "out", "address": "fd00::1", "port": 443},
        ],
    )
    stage.make()
    assert stage.make().applies == 0


# ------------------------------------------------------------ taken away


@pytest.mark.parametrize("after", [3.0, 8.0, 14.0])
def test_a_killed_apply_is_taken_back_whole(stage: Stage, after: float) -> None:
    stage.run_and_kill("make", after)
    stage.open().take_back(expected=[], keep_volumes=False)
    assert stage.labels() == [], stage.said


def test_without_state_and_copies_what_was_handed_over_goes_by_its_mark_and_its_volumes_stay(stage: Stage) -> None:
    stage.inputs["servers"] = {name: dict(SERVER) for name in NAMES}  # two: with a server group, which bears no mark
    stage.make()
    stage.hand_over()
    stage.lose_state(copies=True)
    stage.open().take_back(expected=NAMES, keep_volumes=True)
    assert stage.labels() == ["volume portal-app", "volume portal-db"]
    stage.open().release([], "nothing lay on them")
    assert stage.labels() == []


def test_what_was_retired_keeps_nothing_from_being_taken_back(stage: Stage, cloud: LabCloud) -> None:
    admin, city = cloud.connect("admin", "admin"), cloud.connect()
    stage.make()
    key = city.compute.find_keypair("orchestrator").public_key
    undo: list[Any] = []
    try:
        admin.compute.delete_flavor(admin.compute.find_flavor("s1"))
        undo.append(lambda: admin.compute.create_flavor(name="s1", vcpus=1, ram=512, disk=3))
        admin.image.update_image(admin.image.find_image("debian-12"), name="retired")
        undo.append(lambda: admin.image.update_image(admin.image.find_image("retired"), name="debian-12"))
        city.compute.delete_keypair("orchestrator")
        undo.append(lambda: city.compute.create_keypair(name="orchestrator", public_key=key))
        stage.open().take_back(expected=["portal-db"], keep_volumes=False)
    finally:
        for deed in undo:
            deed()
    assert stage.labels() == []
