"""A system moved from booted hosts of an old room to servers that Terraform made on a real OpenStack, by the command line alone:
there, back after the switch, there again, accepted. Citizens ask all the while.

Servers boot by KVM where the machine gives it, else under emulation (many times slower: hence the wide budgets).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.lab.base import base_root
from tests.lab.journey import WAITING, Citizens
from tests.lab.permitted import why_not
from tests.lab.shell import NoLab
from tests.openstack.city import CityOnOpenStack, PatientJourney
from tests.openstack.cloud import LabCloud

pytestmark = [pytest.mark.openstack, pytest.mark.long, pytest.mark.timeout(5400, func_only=True)]
DRIVER = "guests"
SERVERS = ("app-new", "db-new")


class PatientCitizens(Citizens):
    """Two requests a second: where servers are emulated, every process that asks takes its time from them."""

    pause = 0.5


@pytest.fixture(scope="module")
def old_room() -> None:
    """The root of the old room's hosts, made before this thread is in a network without a way out."""
    if obstacle := why_not():
        pytest.skip(obstacle)
    try:
        base_root()
    except NoLab as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def city(old_room: None, cloud: LabCloud, provider: Path) -> Iterator[CityOnOpenStack]:  # noqa: ARG001 - the root first
    if provider == Path(os.devnull):
        pytest.skip("the controller has no way to Terraform's registry: the provider must have been built (needs Go)")
    city = CityOnOpenStack(f"c{os.getpid() % 100000}", cloud, provider)
    city.up()
    try:
        compute = cloud.connect().compute
        compute.delete_keypair("orchestrator")
        compute.create_keypair(name="orchestrator", public_key=(city.folder / "key.pub").read_text().strip())
        city.write_inventory(city.furnish())
        yield city
    finally:
        city.down()
        cloud.clean()


@dataclass
class Trip:
    """What was seen on the way."""

    journey: PatientJourney
    first: dict[str, str] = field(default_factory=dict)
    """Server → its id on the cloud, the first time."""
    served_there: str = ""
    code_back: int = -1
    left_after_going_back: list[str] = field(default_factory=list)
    kept: str = ""
    code: int = -1
    second: dict[str, str] = field(default_factory=dict)
    acknowledged: list[int] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    waits: list[str] = field(default_factory=list)
    """Of each leg, what citizens saw."""


def servers_of(cloud: LabCloud) -> dict[str, str]:
    return {server.name: server.id for server in cloud.connect().compute.servers()}


@pytest.fixture(scope="module")
def trip(city: CityOnOpenStack, cloud: LabCloud) -> Trip:
    trip = Trip(PatientJourney(city, "permits"))
    journey = trip.journey
    with PatientCitizens(city) as citizens:
        with seen_by(citizens, trip, "there"):
            assert journey.migrate(stop_at="final acceptance") == WAITING, journey.said[-6000:]
        trip.first = servers_of(cloud)
        trip.served_there = city["controller"].run("curl", "-sS", "-m", "30", f"http://{city['edge'].address}:8080/permits")
        with seen_by(citizens, trip, "back"):
            trip.code_back = journey.roll_back()
        trip.left_after_going_back = sorted(servers_of(cloud))
        trip.kept = journey.command("cloud", "kept", "permits").stdout
        with seen_by(citizens, trip, "there again"):
            assert journey.migrate(stop_at="final acceptance") == WAITING, journey.said[-6000:]
        trip.second = servers_of(cloud)
    trip.code = journey.resume()
    trip.acknowledged, trip.failed = citizens.acknowledged, citizens.failed
    return trip


@contextmanager
def seen_by(citizens: Citizens, trip: Trip, leg: str) -> Iterator[None]:
    """Notes what citizens saw of one leg: a request that is held for the switch is the longest of them."""
    began = time.monotonic()
    yield
    ended = time.monotonic()
    trip.waits.append(f"{leg:11} {ended - began:5.0f} s, {citizens.tell_waits(began, ended)}")


def test_it_went_to_servers_that_terraform_made(trip: Trip) -> None:
    assert tuple(sorted(trip.first)) == SERVERS
    assert '"host": "app-new"' in trip.served_there


def test_it_came_back_after_the_switch_and_the_volumes_stayed(trip: Trip) -> None:
    assert trip.code_back == 0, trip.journey.said[-6000:]
    assert trip.left_after_going_back == []
    for name in SERVERS:
        assert name in trip.kept


def test_there_again_on_other_servers_it_was_accepted(trip: Trip) -> None:
    assert trip.code == 0, trip.journey.said[-6000:]
    assert tuple(sorted(trip.second)) == SERVERS
    assert not set(trip.first.values()) & set(trip.second.values())


def test_nothing_was_lost_and_nobody_was_turned_away(
    city: CityOnOpenStack, trip: Trip, record_property: Callable[[str, object], None]
) -> None:
    secret = (city.city / "secrets/orchestrator").read_text()
    place = f"host={city.server_address('db-new')} user=orchestrator dbname=permits"
    said = city["controller"].run("env", f"PGPASSWORD={secret}", "psql", "-qAt", place, "-c", "SELECT id FROM permits")
    kept = set(said.split())
    lost = [number for number in trip.acknowledged if str(number) not in kept]
    record_property("told", "\n".join([*trip.waits, f"{len(trip.acknowledged)} writes acknowledged, {len(lost)} lost, {len(trip.failed)} failed"]))
    assert len(trip.acknowledged) > 20
    assert lost == []
    assert trip.failed == []


def test_the_cloud_is_as_it_was_left_and_what_is_changed_outside_is_said(cloud: LabCloud, trip: Trip) -> None:
    asked = trip.journey.command("status", "--connect")
    assert asked.returncode == 0, asked.stdout + asked.stderr
    assert "the cloud is as it was left" in asked.stdout
    network = cloud.connect().network
    group = network.find_security_group("permits")
    rule = network.create_security_group_rule(
        security_group_id=group.id, direction="ingress", ether_type="IPv4", protocol="tcp", port_range_min=3389, port_range_max=3389
    )
    told = trip.journey.command("status", "--connect")
    assert "3389" in told.stdout
    assert network.find_security_group_rule(rule.id) is not None, "it is said, and not mended"
    network.delete_security_group_rule(rule.id)
    assert servers_of(cloud) == trip.second


def test_kept_volumes_go_by_a_persons_word(cloud: LabCloud, trip: Trip) -> None:
    kept = [line.split()[0] for line in trip.kept.splitlines() if any(name in line for name in SERVERS)]
    words = [word for ident in kept for word in ("--volume", ident)]
    done = trip.journey.command("cloud", "release", "permits", "--reason", "the way there was accepted", *words)
    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(volume.name for volume in cloud.connect().block_storage.volumes()) == list(SERVERS)
