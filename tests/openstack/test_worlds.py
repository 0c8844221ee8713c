"""Worlds that nobody had in mind while the engine was written: what people do on a cloud by hand, and with the engine's files.

Two servers that stand and were handed over; each test sets right what it did. Then everything that the module can be asked for at
once; and two engines at once. Fake compute driver.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator.cloud.openstack import OpenStackListing
from orchestrator.cloud.openstack_offer import OpenStackOffer
from orchestrator.errors import NeedsPerson, Refused, ToolError
from orchestrator.tools.terraform import TerraformPlan
from tests.openstack.cloud import LabCloud
from tests.openstack.stage import SERVER, Stage

pytestmark = [pytest.mark.openstack, pytest.mark.long, pytest.mark.timeout(1200, func_only=True)]
DRIVER = "fake"
NAMES = ["portal-app", "portal-db"]


@pytest.fixture(scope="module")
def standing(cloud: LabCloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    stage = Stage(tmp_path_factory.mktemp("worlds"), disks={"portal-db": {"data": {"size_gb": 1}}})
    stage.make()
    stage.hand_over()
    yield stage
    cloud.clean()


@pytest.fixture
def stage(cloud: LabCloud, tmp_path: Path) -> Stage:  # noqa: ARG001 - it is made on it
    """Another system, beside the one that stands: each test takes its servers away itself."""
    stage = Stage(tmp_path, "register")
    stage.inputs["servers"] = {"register-db": dict(SERVER)}
    return stage


def look_at(stage: Stage) -> list[str]:
    return [finding.message for finding in stage.open().look(sorted(stage.inputs["servers"]))]


def refusals_of(stage: Stage) -> list[str]:
    before = stage.labels()
    with pytest.raises(Refused) as refused:
        stage.make()
    assert stage.labels() == before, "nothing was made, and nothing taken away"
    return [finding.message for finding in refused.value.findings]


def wait_for(reached: Callable[[], bool]) -> None:
    """Raises AssertionError when it does not come within two minutes."""
    deadline = time.monotonic() + 120
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.3)


def rules_of(stage: Stage) -> list[str]:
    return sorted(thing.name for thing in stage.things() if thing.kind == "rule" and not thing.detail.get("attachment"))


def has_something_of(messages: list[str], *parts: str) -> bool:
    """Whether one message says all of it."""
    return any(all(part in message for part in parts) for message in messages)


# ------------------------------------------------------------ the cloud's people


def test_a_security_group_emptied_by_hand_is_said_and_filled_again(standing: Stage, cloud: LabCloud) -> None:
    network, before = cloud.connect().network, rules_of(standing)
    group = network.find_security_group("citizen-portal")
    for rule in network.security_group_rules(security_group_id=group.id):
        network.delete_security_group_rule(rule.id)
    told = look_at(standing)
    assert has_something_of(told, "rule in tcp 22 from 10.50.0.1/32", "gone from the cloud"), told
    assert rules_of(standing) == [], "looking mends nothing"
    assert standing.make().applies == 1
    assert rules_of(standing) == before


def test_a_security_group_taken_off_and_deleted_is_said_and_made_again(standing: Stage, cloud: LabCloud) -> None:
    network, before = cloud.connect().network, rules_of(standing)
    group = network.find_security_group("citizen-portal")
    ports = [port for port in network.ports() if group.id in port.security_group_ids]
    for port in ports:
        network.update_port(port, security_groups=[])
    network.delete_security_group(group)
    told = look_at(standing)
    assert has_something_of(told, "access", "gone from the cloud"), told
    assert has_something_of(told, "port portal-db was changed outside"), told
    assert standing.make().applies == 1
    assert rules_of(standing) == before
    again = network.find_security_group("citizen-portal")
    assert [network.get_port(port.id).security_group_ids for port in ports] == [[again.id]] * len(ports)
    assert standing.make().applies == 0


def test_a_server_rebuilt_under_its_own_id_is_told(standing: Stage, cloud: LabCloud) -> None:
    compute = cloud.connect().compute
    server = compute.find_server("portal-app")
    image = cloud.connect().image.find_image("debian-12")
    compute.rebuild_server(server, image=image.id)
    wait_for(lambda: compute.get_server(server.id).status == "ACTIVE")
    assert standing.make().applies == 0, "to Terraform nothing happened"
    assert has_something_of(look_at(standing), f"server portal-app ({server.id}) was rebuilt outside at")


def test_a_server_renamed_by_hand_is_not_called_gone(standing: Stage, cloud: LabCloud) -> None:
    compute = cloud.connect().compute
    server = compute.find_server("portal-db", ignore_missing=False)
    compute.update_server(server, name="old-db")
    try:
        told = look_at(standing)
        assert has_something_of(told, f"server portal-db ({server.id}) is called old-db on the cloud"), told
        assert [message for message in told if "gone from the cloud" in message] == []
        assert has_something_of(refusals_of(standing), "server portal-db would be changed while it is in use: name old-db → portal-db")
        assert compute.get_server(server.id).name == "old-db", "it is not mended"
    finally:
        compute.update_server(server, name="portal-db")
    assert standing.make().applies == 0


def test_a_disk_hung_on_a_strangers_server_is_named_and_not_fetched_back(standing: Stage, cloud: LabCloud) -> None:
    city = cloud.connect()
    ours, disk = city.compute.find_server("portal-db"), city.block_storage.find_volume("portal-db-data")
    network = city.network.find_network("government-extranet")
    stranger = city.compute.create_server(
        name="stranger", flavor_id=city.compute.find_flavor("s1").id, image_id=city.image.find_image("debian-12").id, networks=[{"uuid": network.id}]
    )
    city.compute.wait_for_server(stranger, wait=120)
    move_disk(city, disk.id, ours, stranger)
    try:
        told = refusals_of(standing)
        assert has_something_of(told, "volume portal-db data is gone from the cloud"), told
        assert has_something_of(look_at(standing), "volume portal-db data")
        assert [item["server_id"] for item in city.block_storage.get_volume(disk.id).attachments] == [stranger.id]
    finally:
        move_disk(city, disk.id, stranger, ours)
        city.compute.delete_server(stranger)
        city.compute.wait_for_delete(stranger, wait=120)
    assert standing.make().applies == 0


def move_disk(city: Any, disk: str, from_server: Any, to_server: Any) -> None:
    city.compute.delete_volume_attachment(from_server, disk)
    wait_for(lambda: city.block_storage.get_volume(disk).status == "available")
    city.compute.create_volume_attachment(to_server, volume_id=disk)
    wait_for(lambda: city.block_storage.get_volume(disk).status == "in-use")


def test_marks_wiped_by_hand_do_not_make_our_server_a_strangers(standing: Stage, cloud: LabCloud) -> None:
    compute = cloud.connect().compute
    server = compute.find_server("portal-db")
    marks = dict(server.metadata)
    compute.delete_server_metadata(server, list(marks))
    try:
        assert standing.make().applies == 0
        standing.lose_state(copies=True)
        with pytest.raises(Refused) as refused:  # of a server that bears no mark nothing proves it ours
            standing.open().adopt()
        assert has_something_of([finding.message for finding in refused.value.findings], "server portal-db would be made anew")
    finally:
        compute.set_server_metadata(server, **marks)
    standing.open().adopt()
    assert standing.make().applies == 0


# ------------------------------------------------------------ the engine's own files


@pytest.mark.parametrize("cut", [0, 1, 1000, -2])
def test_a_state_cut_off_anywhere_is_put_back(standing: Stage, cut: int) -> None:
    state = standing.folder / "work/citizen-portal/terraform.tfstate"
    whole = state.read_bytes()
    state.write_bytes(whole[:cut])
    assert standing.make().applies == 0
    assert json.loads(state.read_text()) == json.loads(whole)


def test_a_state_that_lacks_a_server_is_refused_and_adopted(standing: Stage) -> None:
    """As after a state that was edited by hand, whose copies are lost."""
    servers = standing.open()
    servers.terraform.forget([known.address for known in servers.terraform.known() if known.index == "portal-db"])
    for file in standing.folder.glob("work-copies/citizen-portal/*"):
        file.unlink()
    told = refusals_of(standing)
    assert has_something_of(told, "server portal-db", "and the state does not know it"), told
    adopted = standing.open().adopt()
    assert any("openstack_compute_instance_v2.server[\"portal-db\"]" in address for address in adopted), adopted
    assert not any("portal-app" in address for address in adopted)
    assert standing.make().applies == 0


def test_another_systems_state_in_the_folder_is_known_for_what_it_is(standing: Stage, stage: Stage) -> None:
    stage.make()
    own, others = (each.folder / f"work/{each.system}/terraform.tfstate" for each in (standing, stage))
    kept = own.read_bytes()
    own.write_bytes(others.read_bytes())
    before = [*standing.labels(), *stage.labels()]
    try:
        for deed in (standing.make, lambda: standing.open().take_back(expected=NAMES, keep_volumes=True)):
            with pytest.raises(Refused, match=r"another system's .*register"):
                deed()
        assert [*standing.labels(), *stage.labels()] == before
    finally:
        own.write_bytes(kept)
        stage.open().take_back(expected=["register-db"], keep_volumes=False)
    assert stage.labels() == []
    assert standing.make().applies == 0


def test_a_strangers_server_of_our_name_that_may_stay_is_not_taken_for_ours(stage: Stage, cloud: LabCloud) -> None:
    city = cloud.connect()
    network, image = city.network.find_network("government-extranet"), city.image.find_image("debian-12")
    stranger = city.compute.create_server(
        name="register-db", flavor_id=city.compute.find_flavor("s1").id, image_id=image.id, networks=[{"uuid": network.id}]
    )
    city.compute.wait_for_server(stranger, wait=120)
    stage.not_ours = frozenset({stranger.id})
    try:
        (ours,) = stage.open().make().values()
        assert OpenStackListing().console_of(ours), "host keys are read from the one at our address"
        with pytest.raises(ToolError, match="server register-db is gone"):
            OpenStackListing().console_of(replace(ours, address="10.50.0.9"))
        stage.hand_over()
        assert [message for message in look_at(stage) if "does not answer" not in message] == [], "fake servers listen nowhere"
        stage.open().take_back(expected=["register-db"], keep_volumes=False)
        assert city.compute.get_server(stranger.id).status == "ACTIVE"
    finally:
        city.compute.delete_server(stranger.id)
        city.compute.wait_for_delete(stranger, wait=120)


# ------------------------------------------------------------ two at once


def test_two_engines_at_once_in_one_folder_make_one_set_of_servers(stage: Stage) -> None:
    engines = [stage.open(), stage.open()]
    with ThreadPoolExecutor(2) as pool:
        made = list(pool.map(lambda engine: sorted(engine.make()), engines))
    assert made == [["register-db"]] * 2
    assert sorted(engine.applies for engine in engines) == [0, 1]
    assert stage.is_settled()
    stage.open().take_back(expected=["register-db"], keep_volumes=False)
    assert stage.labels() == []


def test_two_engines_at_once_that_know_nothing_of_each_other_hand_nothing_over_twice(stage: Stage, tmp_path: Path) -> None:
    """Each with a folder and a journal of its own: both look before either has made anything."""
    (tmp_path / "second").mkdir()
    second = Stage(tmp_path / "second", stage.system)
    second.inputs = stage.inputs
    both_have_planned = threading.Barrier(2, timeout=120)
    with ThreadPoolExecutor(2) as pool:
        ended = list(pool.map(lambda each: make_beside(each, both_have_planned), (stage, second)))
    refused = [error for error in ended if error is not None]
    assert refused, "whoever looks last sees both"
    for error in refused:
        assert any("bears the mark of run" in finding.message and "server register-db" in finding.message for finding in error.findings)
    assert stage.labels().count("server register-db") == 2
    with pytest.raises(NeedsPerson, match=r"the cloud still has: .*server register-db"):
        stage.open().take_back(expected=[], keep_volumes=False)
    assert stage.labels().count("server register-db") == 1, "each takes away its own"
    assert second.is_settled()
    second.open().take_back(expected=["register-db"], keep_volumes=False)
    assert stage.labels() == []


def make_beside(stage: Stage, both_have_planned: threading.Barrier) -> Refused | None:
    """What this engine was refused, if it was."""
    servers, judge = stage.open(), stage.open().check

    def judged(plan: TerraformPlan) -> None:
        judge(plan)
        both_have_planned.wait()

    servers.terraform.check = judged
    try:
        servers.make()
    except Refused as refused:
        return refused
    return None


# ------------------------------------------------------------ all that the module can be asked for


def test_everything_that_the_module_can_be_asked_for_at_once_by_id_and_then_all_of_it_is_retired(stage: Stage, cloud: LabCloud) -> None:
    city, admin = cloud.connect(), cloud.connect("admin", "admin")
    with ExitStack() as undone:
        networks = [city.network.create_network(name=f"both-{number}") for number in (1, 2)]
        for number, network in enumerate(networks):
            undone.callback(city.network.delete_network, network)
            city.network.create_subnet(network_id=network.id, ip_version=6, cidr=f"fd00:{number}::/64")
            city.network.create_subnet(network_id=network.id, ip_version=4, cidr=f"192.168.2{number}.0/24")
        undone.callback(cloud.clean)
        image = admin.image.create_image(name="own", data=bytes(1024), disk_format="raw", container_format="bare", visibility="public")
        flavour = admin.compute.create_flavor(name="own", vcpus=1, ram=512, disk=1)
        stage.inputs.update(
            image=image.id, networks={"government_extranet": networks[0].id}, more_networks={"register-db": [networks[1].id]},
            availability_zones=["nova"], volume_availability_zone="nova", volume_type="__DEFAULT__",
            disks={"register-db": {"data": {"size_gb": 1}, "logs": {"size_gb": 1.5}}},
            servers={"register-app": dict(SERVER, size="own"), "register-db": dict(SERVER, size="own", ports=[5432])},
            dns_cidrs=["10.0.0.53/32", "fd00::53/128"], time_cidrs=["10.0.0.123/32"], package_cidrs=["10.0.0.80/32"],
        )  # fmt: skip
        made = stage.open().make()
        assert {name: server.address.startswith("192.168.20.") for name, server in made.items()} == {"register-app": True, "register-db": True}
        server = city.compute.find_server("register-db", ignore_missing=False)
        assert {name: len(addresses) for name, addresses in server.addresses.items()} == {"both-1": 2, "both-2": 2}
        assert (server.availability_zone, len(server.attached_volumes), str(server.has_config_drive)) == ("nova", 3, "True")
        group = next(thing for thing in stage.things() if thing.kind == "placement")
        assert len(group.used_by) == 2
        assert stage.make().applies == 0
        assert stage.is_settled()
        stage.hand_over()
        admin.image.delete_image(image)
        admin.compute.delete_flavor(flavour)
        assert stage.make().applies == 0, "an image and a flavour that are deleted change nothing any more"
        stage.open().take_back(expected=sorted(made), keep_volumes=True)
        assert [label for label in stage.labels() if not label.startswith("volume")] == []
        assert len(stage.open().book.kept()) == 4


# ------------------------------------------------------------ rights


def test_an_account_that_may_only_look_is_told_before_the_wave(cloud: LabCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    identity = cloud.connect("admin", "admin").identity
    project = identity.find_project("city")
    user = identity.create_user(name="onlooker", password="onlooker", default_project_id=project.id)
    try:
        identity.assign_project_role_to_user(project, user, identity.find_role("reader"))
        for name, value in cloud.environment("onlooker").items():
            monkeypatch.setenv(name, value)
        told = [str(right) for right in OpenStackOffer().ask().rights]
        assert "this account has no role but reader: it may look, and make nothing" in told
    finally:
        identity.delete_user(user)
    for name, value in cloud.environment().items():
        monkeypatch.setenv(name, value)
    assert OpenStackOffer().ask().rights == ()
