"""Power cuts of every host of a system: while it is prepared, and in its trial run. Nothing acknowledged is lost, nothing runs twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from tests.lab import furnish, inventory
from tests.lab.journey import WAITING, Citizens, Journey, moved_rows
from tests.lab.lab import DEFAULT_HOSTS, Lab

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.timeout(3000)]
MINUTES = 6
HOSTS = DEFAULT_HOSTS
PREPARED = ("db-new", "app-new", "gw-cloud")
LIVE = ("edge", "gw-cloud", "db-new", "app-new", "app", "db", "gw-room")
ONCE = ("permits-worker.service", "permits-nightly.timer")


@dataclass
class Trip:
    """What was seen: to the final gate, every host cut and booted, accepted."""

    journey: Journey
    prepared: int = 0
    switched: int = 0
    accepted: int = 0
    answered_after: dict[str, bool] = field(default_factory=dict)
    """By the host that was cut in the trial run: whether citizens were answered once it had booted."""
    at_the_source: list[str] = field(default_factory=list)
    """What runs once, on the old host after it was cut and booted."""
    acknowledged: list[int] = field(default_factory=list)


def cut_and_boot(lab: Lab, name: str) -> None:
    lab[name].cut_power()
    lab[name].boot()
    lab[name].wait_ready()
    lab[name].run("systemctl", "is-system-running", "--wait", check=False)


def is_answered(lab: Lab, path: str = "/permits") -> bool:
    """Whether a citizen is answered within two minutes."""
    url = f"http://{lab['edge'].address}:8080{path}"
    asked = f"for n in $(seq 1 600); do curl -fsS -m 5 {url} >/dev/null 2>&1 && echo yes && break; sleep 0.2; done"
    return lab["controller"].script(asked, limit=300).strip() == "yes"


@pytest.fixture(scope="module")
def trip(lab: Lab) -> Iterator[Trip]:
    passwords = furnish.whole_city(lab)
    system = {**inventory.permits(lab), "trial_run_seconds": 20}
    inventory.write(lab, [system], passwords, entries={"permits": 8080})
    trip = Trip(Journey(lab, "permits"))
    journey = trip.journey
    with Citizens(lab) as citizens:
        trip.prepared = journey.migrate(stop_at="initial acceptance")
        for name in PREPARED:
            cut_and_boot(lab, name)
        trip.switched = journey.resume(stop_at="final acceptance")
        for name in LIVE:
            cut_and_boot(lab, name)
            trip.answered_after[name] = is_answered(lab)
        trip.at_the_source = [lab["app"].run("systemctl", "is-active", unit, check=False).strip() for unit in ONCE]
        trip.accepted = journey.resume()
    trip.acknowledged = citizens.acknowledged
    yield trip


def test_what_was_prepared_outlives_its_hosts_power_cuts(trip: Trip) -> None:
    assert (trip.prepared, trip.switched) == (WAITING, WAITING), trip.journey.said[-6000:]


def test_citizens_are_answered_again_after_each_hosts_power_cut(trip: Trip) -> None:
    assert trip.answered_after == dict.fromkeys(LIVE, True)


def test_what_runs_once_does_not_start_at_the_source_when_it_boots(trip: Trip) -> None:
    assert trip.at_the_source == ["inactive", "inactive"]


def test_it_is_accepted_and_nothing_that_was_acknowledged_is_lost(lab: Lab, trip: Trip) -> None:
    assert trip.accepted == 0, trip.journey.said[-6000:]
    kept = set(moved_rows(lab, "db-new", "permits", "SELECT id FROM permits"))
    assert len(trip.acknowledged) > 20
    assert [number for number in trip.acknowledged if str(number) not in kept] == []
