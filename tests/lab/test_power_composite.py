"""Power cuts of every host of a system with PostgreSQL, MariaDB and files: while it is prepared, and in its trial run. It still goes
back, and nothing acknowledged is lost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from tests.lab import composite, inventory, lending
from tests.lab.journey import WAITING, Citizens, Journey
from tests.lab.lab import DEFAULT_HOSTS, Lab
from tests.lab.test_power import LIVE, PREPARED, cut_and_boot, is_answered

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.timeout(3000)]
MINUTES = 6
HOSTS = DEFAULT_HOSTS


@dataclass
class Trip:
    """What was seen: to the final gate, every host cut and booted, back."""

    journey: Journey
    citizens: Citizens
    clients: list[lending.LabClient] = field(default_factory=list)
    prepared: int = 0
    switched: int = 0
    went_back: int = 0
    answered_after: dict[str, bool] = field(default_factory=dict)
    """By the host that was cut in the trial run: whether citizens were answered once it had booted."""
    lost: list[set[int]] = field(default_factory=list)
    """Clients' writes into MariaDB after the cuts, on the cloud; after going back, at home."""


@pytest.fixture(scope="module")
def trip(lab: Lab) -> Iterator[Trip]:
    passwords = composite.furnish_city(lab)
    system = {**composite.describe_city(lab), "trial_run_seconds": 20}
    inventory.write(lab, [system], passwords, entries={"desk": 8080}, tell=composite.tell_site)
    trip = Trip(Journey(lab, "desk"), Citizens(lab, ":8080/loans"))
    journey = trip.journey
    assert journey.command("prepare-source", "desk", "--do", "--restart").returncode == 0, journey.said
    with lending.at_work(lab) as trip.clients, trip.citizens:
        trip.prepared = journey.migrate(stop_at="initial acceptance")
        for name in PREPARED:
            cut_and_boot(lab, name)
        trip.switched = journey.resume(stop_at="final acceptance")
        for name in LIVE:
            cut_and_boot(lab, name)
            trip.answered_after[name] = is_answered(lab, "/loans")
        trip.lost.append(lending.find_lost(lab, trip.clients, "db-new"))
        trip.went_back = journey.roll_back()
    trip.lost.append(lending.find_lost(lab, trip.clients, "db"))
    yield trip


def test_what_was_prepared_outlives_its_hosts_power_cuts(trip: Trip) -> None:
    assert (trip.prepared, trip.switched) == (WAITING, WAITING), trip.journey.said[-6000:]


def test_citizens_are_answered_again_after_each_hosts_power_cut(trip: Trip) -> None:
    assert trip.answered_after == dict.fromkeys(LIVE, True)


def test_it_goes_back_and_nothing_that_was_acknowledged_is_lost(lab: Lab, trip: Trip) -> None:
    assert trip.went_back == 0, trip.journey.said[-6000:]
    assert trip.lost == [set(), set()]
    assert len(trip.citizens.acknowledged) > 20
    assert composite.find_lost(lab, trip.citizens, "") == {"loans": [], "register": [], "slips": []}
