"""What an operator's cloud does without any fault of ours: said by name, with what to do, and the next run converges.
Fake compute driver."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from orchestrator.cloud.openstack_offer import OpenStackOffer
from orchestrator.cloud.questions import Demand, judge_answers
from orchestrator.cloud.servers import CloudServers
from orchestrator.errors import Refused, ToolError
from orchestrator.tools.terraform import TerraformPlan
from tests.openstack.cloud import LabCloud
from tests.openstack.stage import SERVER, Stage

pytestmark = [pytest.mark.openstack, pytest.mark.long, pytest.mark.timeout(1200, func_only=True)]
DRIVER = "fake"
CLOUDS = """clouds:
  city:
    region_name: {region}
    auth:
      auth_url: {url}
      username: migrator
      password: migrator
      project_name: city
      user_domain_name: Default
      project_domain_name: Default
"""
ALL_OF_IT = ["access citizen-portal", "port portal-db", "server portal-db", "volume portal-db"]


@pytest.fixture
def stage(cloud: LabCloud, tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(tmp_path)
    stage.inputs["servers"] = {"portal-db": dict(SERVER)}
    yield stage
    cloud.clean()


def make_when(stage: Stage, happens: Callable[[], object]) -> CloudServers:
    """Makes the servers; something happens on the cloud when the plan was made and judged, and before it is applied."""
    servers, judge = stage.open(), stage.open().check
    done: list[object] = []

    def judged(plan: TerraformPlan) -> None:
        judge(plan)
        if not done:
            done.append(happens())

    servers.terraform.check = judged
    servers.make()
    return servers


def told_of(error: ToolError) -> str:
    """What an operator reads: what happened, where, and what to do."""
    assert error.remedy
    return f"{error.what} | {error.remedy}"


# ------------------------------------------------------------ the API


def test_tokens_that_run_out_within_an_apply_are_asked_for_again(stage: Stage, cloud: LabCloud) -> None:
    with ExitStack() as undone:
        make_when(stage, lambda: undone.enter_context(cloud.short_tokens(8)))
    assert stage.labels() == ALL_OF_IT
    assert stage.is_settled()


def test_a_cloud_that_is_away_for_half_a_minute_is_waited_for(stage: Stage, cloud: LabCloud) -> None:
    with cloud.crowded_compute() as turn_away:
        turn_away(503, 30)
        stage.make()
        assert stage.labels() == ALL_OF_IT
    assert stage.is_settled()


def test_a_cloud_that_falls_away_while_servers_are_made_is_waited_for(stage: Stage, cloud: LabCloud) -> None:
    with cloud.crowded_compute() as turn_away:
        make_when(stage, lambda: turn_away(503, 20))
        assert stage.labels() == ALL_OF_IT
    assert stage.is_settled()
    assert any("too much to do" in said for said in stage.said), stage.said


def test_a_cloud_that_counts_requests_gets_them_more_slowly_and_nothing_is_made_twice(stage: Stage, cloud: LabCloud) -> None:
    with cloud.crowded_compute() as turn_away:
        turn_away(429, 3600, 4)
        stage.make()
        assert stage.labels() == ALL_OF_IT
        stage.open().take_back(expected=["portal-db"], keep_volumes=False)
        assert stage.labels() == []


def test_another_region_or_project_is_said_and_nothing_is_done(
    stage: Stage, cloud: LabCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = cloud.environment()
    monkeypatch.setenv("OS_REGION_NAME", "Moon")
    for ask in (stage.make, OpenStackOffer().ask):
        with pytest.raises(ToolError, match="the cloud has no region Moon; there is RegionOne") as error:
            ask()
        assert "OS_REGION_NAME" in told_of(error.value)
    monkeypatch.setenv("OS_REGION_NAME", there["OS_REGION_NAME"])
    stage.make()
    for name, value in cloud.environment("admin", "admin").items():
        monkeypatch.setenv(name, value)
    for deed in (stage.make, lambda: stage.open().take_back(expected=["portal-db"], keep_volumes=False)):
        with pytest.raises(Refused, match=f"project {cloud.connect().current_project_id}, region RegionOne"):
            deed()
    for name in there:
        monkeypatch.delenv(name)
    monkeypatch.setenv("OS_CLOUD", "nobodys")
    with pytest.raises(ToolError, match="no cloud is configured") as error:
        stage.make()
    assert "clouds.yaml" in told_of(error.value)
    clouds = tmp_path / "clouds.yaml"
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(clouds))
    clouds.write_text(CLOUDS.format(url=there["OS_AUTH_URL"], region="Luna"))
    monkeypatch.setenv("OS_CLOUD", "city")
    with pytest.raises(ToolError, match="the cloud has no region Luna; there is RegionOne"):
        stage.make()
    clouds.write_text(CLOUDS.format(url=there["OS_AUTH_URL"], region="RegionOne"))
    assert stage.is_settled(), "Terraform reads clouds.yaml as well"


# ------------------------------------------------------------ between the question and the apply


def test_an_image_deleted_before_the_apply_is_said_by_server_and_the_next_run_converges(stage: Stage, cloud: LabCloud) -> None:
    image = cloud.connect("admin", "admin").image

    def put(name: str) -> Any:
        return image.create_image(name=name, data=bytes(1024), disk_format="raw", container_format="bare", visibility="public")

    short_lived = put("short-lived")
    stage.inputs["image"] = "short-lived"
    with pytest.raises(ToolError) as error:
        make_when(stage, lambda: image.delete_image(short_lived))
    assert 'boot["portal-db"]' in told_of(error.value) or "volume portal-db" in told_of(error.value), told_of(error.value)
    again = put("short-lived")
    try:
        stage.make()
        assert stage.is_settled()
    finally:
        image.delete_image(again)


def test_a_network_that_runs_full_is_said_by_server_and_the_next_run_converges(stage: Stage, cloud: LabCloud) -> None:
    network = cloud.connect().network
    narrow = network.create_network(name="narrow")
    for number in (1, 2):
        network.create_subnet(
            network_id=narrow.id, ip_version=4, cidr=f"192.168.{number}.0/29", is_dhcp_enabled=False,
            allocation_pools=[{"start": f"192.168.{number}.3", "end": f"192.168.{number}.3"}],
        )  # fmt: skip
    stage.inputs["networks"] = {"government_extranet": "narrow"}
    stage.inputs["servers"] = {name: dict(SERVER) for name in ("portal-app", "portal-db")}
    try:
        three = {**stage.inputs, "servers": {name: dict(SERVER) for name in ("a", "b", "c")}}
        told = [finding.message for finding in judge_answers([Demand("one", three)], OpenStackOffer().ask())]
        assert told == ["network narrow: 3 addresses needed, 2 left"]
        assert judge_answers([Demand("one", stage.inputs)], OpenStackOffer().ask()) == []
        guests: list[Any] = []
        with pytest.raises(ToolError) as error:
            make_when(stage, lambda: guests.append(network.create_port(network_id=narrow.id, name="guest")))
        assert "No more IP addresses" in told_of(error.value)
        assert 'port_v2.server["portal-' in told_of(error.value), told_of(error.value)
        network.delete_port(guests[0])
        stage.make()
        assert stage.is_settled()
        stage.open().take_back(expected=list(stage.inputs["servers"]), keep_volumes=False)
    finally:
        cloud.clean()
        network.delete_network(narrow)


def test_a_volume_type_that_nobody_has_is_said_by_server_and_the_next_run_converges(stage: Stage) -> None:
    stage.inputs["volume_type"] = "金盘"
    with pytest.raises(ToolError) as error:
        stage.make()
    assert "金盘" in told_of(error.value)
    assert 'boot["portal-db"]' in told_of(error.value), told_of(error.value)
    stage.inputs["volume_type"] = ""
    stage.make()
    assert stage.is_settled()


# ------------------------------------------------------------ its people


def test_names_of_any_letters_are_names(stage: Stage, cloud: LabCloud) -> None:
    city, admin = cloud.connect(), cloud.connect("admin", "admin")
    hostile = "政务外网 “一” 'b' \"c\" ${path.root} %{if true} `id`"
    network = city.network.create_network(name=hostile)
    city.network.create_subnet(network_id=network.id, ip_version=4, cidr="192.168.9.0/24")
    image = admin.image.create_image(name=hostile, data=bytes(1024), disk_format="raw", container_format="bare", visibility="public")
    flavour = admin.compute.create_flavor(name=hostile, vcpus=1, ram=512, disk=3)
    stage.inputs.update(networks={"government_extranet": hostile}, image=hostile)
    stage.inputs["servers"] = {"portal-db": SERVER | {"size": hostile}}
    try:
        assert judge_answers([Demand(stage.system, stage.inputs)], OpenStackOffer().ask()) == []
        stage.make()
        assert stage.is_settled()
        stage.open().take_back(expected=["portal-db"], keep_volumes=False)
        assert stage.labels() == []
    finally:
        cloud.clean()
        city.network.delete_network(network)
        admin.image.delete_image(image)
        admin.compute.delete_flavor(flavour)


def test_a_security_group_that_a_neighbour_uses_is_named_before_anything_goes(stage: Stage, cloud: LabCloud) -> None:
    network = cloud.connect().network
    stage.make()
    group = network.find_security_group(stage.system)
    extranet = network.find_network("government-extranet")
    neighbour = network.create_port(network_id=extranet.id, name="neighbour", security_group_ids=[group.id])
    with pytest.raises(ToolError, match="used by ports that are not its own: neighbour") as error:
        stage.open().take_back(expected=["portal-db"], keep_volumes=False)
    assert "taken off" in told_of(error.value)
    assert stage.labels() == ALL_OF_IT
    network.delete_port(neighbour)
    stage.open().take_back(expected=["portal-db"], keep_volumes=False)
    assert stage.labels() == []


@pytest.mark.parametrize(
    ("deed", "undo", "status", "planned"),
    [("shelve", "unshelve", "SHELVED", ["power_state shelved_offloaded → active"]), ("suspend", "resume", "SUSPENDED", ["server portal-db is SUSPENDED"])],
)
def test_a_server_put_aside_outside_is_said_and_not_mended(
    stage: Stage, cloud: LabCloud, deed: str, undo: str, status: str, planned: list[str]
) -> None:
    """``planned``: what Terraform would do to it, and the engine refuses by name."""
    compute = cloud.connect().compute
    stage.make()
    stage.hand_over()
    server = compute.find_server("portal-db")
    getattr(compute, f"{deed}_server")(server)
    wait_for(lambda: compute.get_server(server.id).status.startswith(status))
    told = [finding.message for finding in stage.open().look(["portal-db"])]
    assert any("portal-db" in message and status in message for message in told), told
    refused = refusals_of(stage)
    assert [part in message for part, message in zip(planned, refused, strict=True)] == [True] * len(planned), refused
    assert compute.get_server(server.id).status.startswith(status), "looking and making start nothing"
    getattr(compute, f"{undo}_server")(server)
    wait_for(lambda: compute.get_server(server.id).status == "ACTIVE")
    assert stage.make().applies == 0


def refusals_of(stage: Stage) -> list[str]:
    """What a run refuses; none: there is nothing to do, and nothing was done."""
    try:
        assert stage.make().applies == 0
    except Refused as refused:
        return [finding.message for finding in refused.findings]
    return []


def wait_for(reached: Callable[[], bool]) -> None:
    """Raises AssertionError when it does not come within two minutes."""
    deadline = time.monotonic() + 120
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.5)
