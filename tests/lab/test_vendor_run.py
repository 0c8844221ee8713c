"""A database that only its vendor moves, on hosts that boot: announced outages, the vendor's work with evidence; there, back, there
again, accepted. Citizens write all the time; nothing that they were told is kept is lost, and outside of the outages nobody fails."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from tests.lab import inventory, vendor
from tests.lab.journey import WAITING, Citizens, Journey, photograph
from tests.lab.lab import Lab

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.timeout(1800)]
MINUTES = 4
HOSTS = "app@room db@room app-new@cloud db-new@cloud gw-cloud@cloud edge@street"
TREES = ("/opt/permits", "/srv/permits", "/etc/permits")
UNITS = ("permits-web.service", "permits-worker.service", "permits-nightly.timer")


@dataclass
class Trip:
    """What was seen on the way: forward to the final gate, back, and forward again until it was accepted."""

    journey: Journey
    citizens: Citizens
    vendor: vendor.Vendor
    before: str = ""
    after: str = ""
    lost: list[list[int]] = field(default_factory=list)
    failed: list[int] = field(default_factory=list)
    """How many requests had failed: before the approval; there, at the beginning and at the end of a while; back, likewise."""
    ran_there: list[str] = field(default_factory=list)
    ran_here: list[str] = field(default_factory=list)
    code_back: int = 0
    code_again: int = 0


def states(lab: Lab, name: str) -> list[str]:
    return lab[name].script(f"for unit in {' '.join(UNITS)}; do systemctl is-active $unit || :; done").split()


def photograph_room(lab: Lab) -> str:
    return photograph(lab["app"], TREES, UNITS) + lab["edge"].run("cat", "/etc/haproxy/haproxy.cfg")


@pytest.fixture(scope="module")
def trip(lab: Lab) -> Iterator[Trip]:
    passwords = vendor.furnish_city(lab)
    inventory.write(lab, [vendor.describe_city(lab)], passwords, entries={"permits": 8080}, tell=vendor.tell_site)
    team = vendor.Vendor(lab, passwords)
    trip = Trip(Journey(lab, "permits", team.hands()), Citizens(lab), team)
    journey, citizens = trip.journey, trip.citizens
    trip.before = photograph_room(lab)

    with citizens:
        assert journey.migrate(stop_at="approval of the cutover") == WAITING, journey.said[-6000:]
        trip.failed.append(len(citizens.failed))
        assert journey.resume(stop_at="final acceptance") == WAITING, journey.said[-6000:]
        trip.failed.append(len(citizens.failed))
        trip.failed.append(citizens.until_answered(20))
        trip.ran_there, trip.ran_here = states(lab, "app-new"), states(lab, "app")
        trip.lost.append(vendor.find_lost(lab, "db-new", list(citizens.acknowledged)))
        trip.code_back = journey.roll_back()
        trip.failed.append(len(citizens.failed))
        trip.failed.append(citizens.until_answered(20))
        trip.after = photograph_room(lab)
        trip.lost.append(vendor.find_lost(lab, "db", list(citizens.acknowledged)))
        assert journey.migrate(stop_at="final acceptance") == WAITING, journey.said[-6000:]
    trip.lost.append(vendor.find_lost(lab, "db-new", citizens.acknowledged))
    trip.code_again = journey.resume()
    yield trip


def test_it_went_there_came_back_and_was_accepted(trip: Trip) -> None:
    assert (trip.code_back, trip.code_again) == (0, 0), trip.journey.said[-6000:]


def test_services_a_job_that_exists_once_and_a_timer_ran_on_one_side_only(trip: Trip) -> None:
    assert trip.ran_there == ["active", "active", "active"]
    assert trip.ran_here == ["inactive", "inactive", "inactive"]


def test_the_old_host_and_the_entry_are_as_they_were(trip: Trip) -> None:
    assert trip.after == trip.before


def test_the_vendor_was_asked_for_each_thing_in_its_time(trip: Trip) -> None:
    there = ["carried from db to db-new", "counts_source_permits at db", "counts_target_permits at db-new"]
    back = ["carried from db-new to db", "counts_source_permits at db", "counts_target_permits at db-new"]
    listed, backed_up = "list_permits at db", "backed up"
    assert trip.vendor.done == [listed, "installed", backed_up, *there, *back, listed, "installed", backed_up, *there]


def test_nothing_was_lost_and_nobody_failed_but_in_the_announced_outages(trip: Trip, capsys: pytest.CaptureFixture[str]) -> None:
    before, *stays = trip.failed
    there, back = stays[:2], stays[2:]
    with capsys.disabled():
        print(f"\n  {len(trip.citizens.acknowledged)} requests acknowledged; failed there {there[0]}, back {back[0] - there[1]}")
    assert trip.lost == [[], [], []]
    assert before == 0
    assert there[0] == there[1] > 0
    assert back[0] == back[1]
