"""Two servers that stand on a real OpenStack and were handed over: what the cloud, its people or ours do to them afterwards.

One system, made once; each test undoes what it did, and the last ones take it apart. Fake compute driver: servers never boot.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from orchestrator.cloud.stand import Stand
from orchestrator.errors import NeedsPerson, Refused, ToolError
from tests.openstack.cloud import LabCloud
from tests.openstack.stage import Stage

pytestmark = [pytest.mark.openstack, pytest.mark.timeout(1200, func_only=True)]
DRIVER = "fake"


@pytest.fixture(scope="module")
def standing(cloud: LabCloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    stage = Stage(tmp_path_factory.mktemp("standing"), disks={"portal-db": {"data": {"size_gb": 1}}})
    stage.make()
    stage.hand_over()
    yield stage
    cloud.clean()


@pytest.fixture
def edited(standing: Stage) -> Iterator[dict[str, Any]]:
    """The inputs, to be edited; afterwards they are as before."""
    kept = copy.deepcopy(standing.inputs)
    yield standing.inputs
    standing.inputs = kept


def refusals_of(stage: Stage) -> list[str]:
    before = stage.labels()
    with pytest.raises(Refused) as refused:
        stage.make()
    assert stage.labels() == before, "nothing was made, and nothing taken away"
    return [finding.message for finding in refused.value.findings]


def test_the_second_time_nothing_is_done_and_everything_bears_its_mark(standing: Stage) -> None:
    assert standing.make().applies == 0
    assert [said for said in standing.said if "changed outside" in said] == [], "it is as it was left"
    run = standing.chain.history("cloud_run_begun")[0]["run"]
    marked = [thing for thing in standing.things() if thing.kind not in ("rule", "placement")]
    assert {(thing.system, thing.run) for thing in marked} == {("citizen-portal", run)}
    assert standing.labels() == [
        "access citizen-portal", "placement citizen-portal", "port portal-app", "port portal-db", "server portal-app", "server portal-db",
        "volume portal-app", "volume portal-db", "volume portal-db-data",
    ]  # fmt: skip


def test_the_flavour_was_chosen_and_said(standing: Stage) -> None:
    assert any("server portal-db: flavour s1, exactly what was asked" in said for said in standing.said)


def test_a_flavour_made_anew_under_its_name_changes_nothing(standing: Stage, cloud: LabCloud) -> None:
    admin = cloud.connect("admin", "admin")
    admin.compute.delete_flavor(admin.compute.find_flavor("s1"))
    admin.compute.create_flavor(name="s1", vcpus=1, ram=512, disk=3)
    assert standing.make().applies == 0


def test_a_retired_flavour_image_and_key_pair_keep_no_plan_from_being_made(standing: Stage, cloud: LabCloud) -> None:
    admin, city = cloud.connect("admin", "admin"), cloud.connect()
    image = admin.image.find_image("debian-12")
    admin.compute.delete_flavor(admin.compute.find_flavor("s1"))
    admin.image.update_image(image, name="retired")
    key = city.compute.find_keypair("orchestrator").public_key
    city.compute.delete_keypair("orchestrator")
    try:
        assert standing.make().applies == 0
    finally:
        admin.compute.create_flavor(name="s1", vcpus=1, ram=512, disk=3)
        admin.image.update_image(image, name="debian-12")
        city.compute.create_keypair(name="orchestrator", public_key=key)


def test_a_renamed_key_pair_or_image_is_for_new_servers(standing: Stage, edited: dict[str, Any]) -> None:
    edited.update(key_pair="another", image="debian-13")
    assert standing.make().applies == 0


def test_another_disk_zone_or_size_is_refused_by_name(standing: Stage, edited: dict[str, Any]) -> None:
    edited["servers"]["portal-app"].update(disk_gb=5)
    edited["servers"]["portal-db"].update(zone="dedicated", vcpus=4)
    told = " | ".join(refusals_of(standing))
    assert "volume portal-app would be changed while it is in use: size 2 → 5" in told
    assert "asked portal-app was asked to be another one: input.disk_gb 2 → 5" in told
    assert "input.vcpus 1 → 4; input.zone government_extranet → dedicated" in told


def test_a_removed_and_a_renamed_host_are_refused_by_name(standing: Stage, edited: dict[str, Any]) -> None:
    edited["servers"]["portal-web"] = edited["servers"].pop("portal-app")
    told = " | ".join(refusals_of(standing))
    for part in ("volume portal-app would be destroyed because nothing asks for it", "port portal-web would be made anew"):
        assert part in told
    assert "portal-db" not in told


def test_a_rule_removed_by_hand_is_said_and_made_again(standing: Stage, cloud: LabCloud) -> None:
    city = cloud.connect()
    rule = next(thing for thing in standing.things() if thing.kind == "rule" and "8001 from 10.50.0.10/32" in thing.name)
    city.network.delete_security_group_rule(rule.id)
    assert standing.make().applies == 1
    assert any("rule in tcp 8001 from 10.50.0.10/32 is gone from the cloud" in said for said in standing.said)
    assert any(thing.kind == "rule" and thing.name == rule.name for thing in standing.things())


def test_a_rule_opened_by_somebody_is_told_and_left(standing: Stage, cloud: LabCloud) -> None:
    city = cloud.connect()
    group = city.network.find_security_group("citizen-portal")
    rule = city.network.create_security_group_rule(
        security_group_id=group.id, direction="ingress", ether_type="IPv4", protocol="tcp", port_range_min=3389, port_range_max=3389
    )
    told = [finding.message for finding in standing.open().look(["portal-app", "portal-db"])]
    assert any("in IPv4 tcp 3389 from everybody" in message and "opened by somebody else" in message for message in told), told
    city.network.delete_security_group_rule(rule.id)


def test_a_stopped_server_is_told_with_its_status(standing: Stage, cloud: LabCloud) -> None:
    city = cloud.connect()
    server = city.compute.find_server("portal-db")
    city.compute.stop_server(server)
    city.compute.wait_for_server(city.compute.get_server(server.id), status="SHUTOFF", wait=60)
    told = [finding.message for finding in standing.open().look(["portal-app", "portal-db"])]
    assert any("server portal-db is SHUTOFF" in message for message in told), told
    city.compute.start_server(server)
    city.compute.wait_for_server(city.compute.get_server(server.id), status="ACTIVE", wait=60)


@pytest.mark.long
def test_a_paused_server_and_one_in_error_are_told_with_their_status(standing: Stage, cloud: LabCloud) -> None:
    city, admin = cloud.connect(), cloud.connect("admin", "admin").compute
    paused, broken = city.compute.find_server("portal-db"), city.compute.find_server("portal-app")
    city.compute.pause_server(paused)
    city.compute.wait_for_server(city.compute.get_server(paused.id), status="PAUSED", wait=60)
    admin.reset_server_state(broken.id, "error")
    try:
        told = [finding.message for finding in standing.open().look(["portal-app", "portal-db"])]
        for said in ("server portal-db is PAUSED", "server portal-app is ERROR"):
            assert any(said in message for message in told), told
        assert any("server portal-db would be changed while it is in use: power_state paused → active" in told for told in refusals_of(standing))
        assert (city.compute.get_server(paused.id).status, city.compute.get_server(broken.id).status) == ("PAUSED", "ERROR"), "nor mended"
    finally:
        admin.reset_server_state(broken.id, "active")
        city.compute.unpause_server(paused)
    city.compute.wait_for_server(city.compute.get_server(paused.id), status="ACTIVE", wait=60)


def test_a_disk_detached_outside_is_said_and_not_attached_anew(standing: Stage, cloud: LabCloud) -> None:
    city = cloud.connect()
    server, volume = city.compute.find_server("portal-db"), city.block_storage.find_volume("portal-db-data")
    city.compute.delete_volume_attachment(server, volume)
    city.block_storage.wait_for_status(city.block_storage.get_volume(volume.id), "available", wait=120)
    told = refusals_of(standing)
    assert [message for message in told if "volume portal-db data is gone from the cloud" in message] == told
    looked = [finding.message for finding in standing.open().look(["portal-app", "portal-db"])]
    assert any("volume portal-db data" in message for message in looked), looked
    assert city.block_storage.get_volume(volume.id).status == "available", "looking attaches nothing"
    city.compute.create_volume_attachment(server, volume_id=volume.id)
    city.block_storage.wait_for_status(city.block_storage.get_volume(volume.id), "in-use", wait=120)
    assert standing.make().applies == 0


def test_a_lost_state_comes_back_from_its_copy(standing: Stage) -> None:
    standing.lose_state(copies=False)
    assert standing.make().applies == 0
    assert any("state was lost" in said for said in standing.said)


def test_a_state_lost_with_its_copies_is_adopted_and_ends_in_an_empty_plan(standing: Stage) -> None:
    before = {thing.id for thing in standing.things()}
    standing.lose_state(copies=True)
    with pytest.raises(NeedsPerson, match="cloud adopt"):
        standing.make()
    adopted = standing.open().adopt()
    assert sum("openstack_compute_instance_v2" in address for address in adopted) == 2
    assert {thing.id for thing in standing.things()} == before
    assert standing.make().applies == 0


def test_a_locked_server_is_asked_for_before_anything_is_destroyed(standing: Stage, cloud: LabCloud) -> None:
    city = cloud.connect()
    server = city.compute.find_server("portal-db")
    city.compute.lock_server(server)
    before = standing.labels()
    with pytest.raises(ToolError, match="locked on the cloud: server portal-db"):
        standing.open().take_back(expected=["portal-app", "portal-db"], keep_volumes=True)
    assert standing.labels() == before
    city.compute.unlock_server(server)


def test_a_port_and_a_server_deleted_outside_are_refused_and_not_made_anew(standing: Stage, cloud: LabCloud) -> None:
    city = cloud.connect()
    city.network.delete_port(city.network.find_port("portal-app"))
    told = refusals_of(standing)
    assert [message for message in told if "port portal-app is gone from the cloud" in message]
    server = city.compute.find_server("portal-db")
    city.compute.delete_server(server)
    city.compute.wait_for_delete(server, wait=60)
    told = refusals_of(standing)
    assert [message for message in told if "server portal-db is gone from the cloud" in message]
    assert any("server portal-db is gone from the cloud" in finding.message for finding in standing.open().look(["portal-app", "portal-db"]))


def test_taken_back_the_volumes_stay_until_they_are_released(standing: Stage) -> None:
    servers = standing.open()
    servers.take_back(expected=["portal-app", "portal-db"], keep_volumes=True)
    assert standing.labels() == ["volume portal-app", "volume portal-db", "volume portal-db-data"]
    assert sorted(volume.name for volume in servers.book.kept()) == ["portal-app", "portal-db", "portal-db-data"]
    standing.chain.stands = Stand.NOTHING
    standing.open().take_back(expected=["portal-app", "portal-db"], keep_volumes=True)  # again, as after a kill at its very end
    assert standing.labels() == ["volume portal-app", "volume portal-db", "volume portal-db-data"]
    with pytest.raises(Refused, match="not kept for"):
        standing.open().release(["of-somebody"], "test")
    standing.open().release([], "the source was accepted again")
    assert standing.labels() == []
