"""Servers made on a real OpenStack: killed in the middle, with strangers beside them, with what a plan can refuse, without room.

Fake compute driver. ``OPENSTACK_LAB_MOMENTS`` says at how many moments an apply and a destroy are killed (default 2; 10 in the
long lane).
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from orchestrator.cloud.openstack import OpenStackListing
from orchestrator.cloud.openstack_offer import OpenStackOffer
from orchestrator.cloud.questions import MEMBERS, Demand, judge_answers
from orchestrator.errors import Refused, ToolError
from tests.openstack.cloud import LabCloud
from tests.openstack.stage import SERVER, Stage

pytestmark = [pytest.mark.openstack, pytest.mark.timeout(2400, func_only=True)]
DRIVER = "fake"
MOMENTS = int(os.environ.get("OPENSTACK_LAB_MOMENTS", "2"))
LONGEST = 22.0
"""Seconds into Terraform's work at which the last kill comes; an apply of one server takes longer here."""


@pytest.fixture
def stage(cloud: LabCloud, tmp_path: Path) -> Iterator[Stage]:
    yield Stage(tmp_path)
    cloud.clean()


def foreign_server(cloud: LabCloud, name: str, **marks: str) -> str:
    """Somebody's server of our name, in our own project."""
    city = cloud.connect()
    network = city.network.find_network("government-extranet")
    server = city.compute.create_server(
        name=name, flavor_id=city.compute.find_flavor("s1").id, image_id=city.image.find_image("debian-12").id, networks=[{"uuid": network.id}],
        metadata=marks,
    )  # fmt: skip
    return str(city.compute.wait_for_server(server, wait=120).id)


def test_kills_converge_and_a_foreign_server_is_untouched(
    stage: Stage, cloud: LabCloud, record_property: Callable[[str, object], None]
) -> None:
    stage.inputs["servers"] = {"portal-db": dict(SERVER)}
    stranger = foreign_server(cloud, "portal-db")
    stage.not_ours = frozenset({stranger})
    deeds = [(deed, LONGEST * (number + 0.5) / MOMENTS) for number in range(MOMENTS) for deed in ("make", "take_back")]
    story = []
    for deed, after in deeds:
        killed = stage.run_and_kill(deed, after)
        left = stage.labels()
        if deed == "make":
            stage.make()
            assert stage.labels() == [
                "access citizen-portal", "port portal-db", "server portal-db", "server portal-db", "volume portal-db",
            ], (after, left, stage.said)  # fmt: skip
            assert stage.is_settled()
        else:
            stage.open().take_back(expected=["portal-db"], keep_volumes=False)
            assert stage.labels() == ["server portal-db"], (after, left, stage.said)
        assert cloud.connect().compute.get_server(stranger).status == "ACTIVE"
        story.append(f"{deed} killed after {after:.1f} s ({'in the middle' if killed else 'it had ended'}): left {', '.join(left)}")
    record_property("told", "\n".join(story))
    assert any("in the middle" in line for line in story)


def test_a_foreign_server_of_our_name_is_refused_until_somebody_says_whose_it_is(stage: Stage, cloud: LabCloud) -> None:
    stranger = foreign_server(cloud, "portal-db")
    with pytest.raises(Refused) as refused:
        stage.make()
    (finding,) = refused.value.findings
    assert stranger in finding.message
    assert f'not_ours = ["{stranger}"]' in finding.remedy
    assert stage.labels() == ["server portal-db"]
    assert stage.chain.history("cloud_run_begun") == []


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"servers": {"portal-db": SERVER | {"zone": "internet"}}}, "Server portal-db: network internet has no subnet"),
        ({"servers": {"portal-db": SERVER | {"disk_gb": 0.5}}, "image": "large"}, "Server portal-db: disk_gb is 0.5, and image large asks for 2 GB"),
        ({"key_pair": "nobodys"}, "openstack_compute_keypair_v2.controller"),
        ({"image": "nobodys"}, "openstack_images_image_v2.boot"),
        ({"networks": {"government_extranet": "nobodys"}}, 'openstack_networking_network_v2.zone["nobodys"]'),
    ],
)
def test_what_a_plan_can_refuse_is_refused_at_plan_and_says_of_what(
    stage: Stage, cloud: LabCloud, inputs: dict[str, Any], said: str
) -> None:
    admin = cloud.connect("admin", "admin")
    large = admin.image.find_image("large") or admin.image.create_image(
        name="large", data=bytes(1024), disk_format="raw", container_format="bare", visibility="public", min_disk=2
    )
    assert large.id
    stage.inputs.update(inputs)
    with pytest.raises(ToolError) as error:
        stage.make()
    assert said in error.value.what
    assert stage.labels() == []


@pytest.mark.parametrize(
    ("server", "said"),
    [
        ({"size": "nobodys"}, "server portal-db: the cloud has no flavour nobodys"),
        ({"vcpus": 64}, "server portal-db: no flavour holds 64 vCPUs"),
    ],
)
def test_a_size_that_the_cloud_does_not_have_is_refused_by_name(stage: Stage, server: dict[str, Any], said: str) -> None:
    stage.inputs["servers"] = {"portal-db": SERVER | server}
    with pytest.raises(Refused) as refused:
        stage.make()
    assert said in refused.value.findings[0].message
    assert stage.chain.history("cloud_run_begun") == [] or stage.labels() == []


def test_a_server_that_finds_no_room_says_the_clouds_own_reason_and_the_next_run_converges(stage: Stage, cloud: LabCloud) -> None:
    admin = cloud.connect("admin", "admin")
    if admin.compute.find_flavor("wide") is None:
        flavour = admin.compute.create_flavor(name="wide", vcpus=1, ram=1024, disk=1)
        admin.compute.create_flavor_extra_specs(flavour, {"trait:HW_CPU_X86_AVX512F": "required"})  # no host of the lab has it
    stage.inputs["servers"] = {"portal-db": SERVER | {"size": "wide"}}
    with pytest.raises(ToolError, match="No valid host"):
        stage.make()
    stage.inputs["servers"] = {"portal-db": dict(SERVER)}
    stage.make()
    assert stage.is_settled()


@pytest.mark.usefixtures("cloud")
def test_the_wave_is_asked_for_before_it_begins() -> None:
    answers = OpenStackOffer().ask()
    assert answers.rights == ()
    assert abs(answers.clock_off) < 5
    assert answers.quotas[MEMBERS].limit == 10
    assert answers.volume_zones == {"nova"}
    assert {"s1", "s2"} <= {flavour.name for flavour in answers.flavours}
    inputs = {"servers": {"a": dict(SERVER), "b": dict(SERVER)}, "admin_cidrs": ["10.1.0.0/24"]}
    assert judge_answers([Demand("one", inputs)], answers) == []
    wave = [Demand(f"system-{number}", inputs) for number in range(60)]
    told = " | ".join(finding.message for finding in judge_answers(wave, answers))
    assert "quota of instances: 120 needed" in told
    assert "network government-extranet: 120 addresses needed" in told
    wrong = {"servers": {"a": SERVER | {"zone": "internet"}}, "image": "nobodys", "key_pair": "nobodys", "availability_zones": ["moon"],
             "volume_type": "gold"}  # fmt: skip
    told = " | ".join(f"{finding.system} {finding.message}" for finding in judge_answers([Demand("two", wrong)], answers))
    for part in ("no image nobodys", "no key pair nobodys", "no availability zone moon", "no volume type gold", "network internet has no subnet"):
        assert part in told


def test_a_cloud_that_does_not_answer_is_said_within_seconds(cloud: LabCloud) -> None:
    cloud.signal_service("keystone", signal.SIGSTOP)
    began = time.monotonic()
    try:
        with pytest.raises(ToolError, match="does not answer"), ThreadPoolExecutor(1) as pool:  # this thread has logged in already
            pool.submit(OpenStackListing().list_things, "citizen-portal", frozenset()).result()
    finally:
        cloud.signal_service("keystone", signal.SIGCONT)
    assert time.monotonic() - began < 40


def test_a_wrong_password_is_said_at_once(cloud: LabCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cloud.driver == "fake"
    monkeypatch.setenv("OS_PASSWORD", "wrong")
    with pytest.raises(ToolError, match="refuses us"):
        OpenStackListing().list_things("citizen-portal", frozenset())
