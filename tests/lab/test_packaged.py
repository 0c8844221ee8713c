"""An application that nobody here wrote, as a distribution packages it: there, back, there again, accepted; by inventory alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from tests.lab import inventory, redmine
from tests.lab.journey import WAITING, Journey, moved_rows, photograph
from tests.lab.lab import DEFAULT_HOSTS, Lab

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.timeout(3000)]
MINUTES = 9
HOSTS = DEFAULT_HOSTS
PACKAGES, ANSWERS = redmine.PACKAGES, redmine.ANSWERS
TREES = ("/etc/redmine", "/etc/nginx")
UNITS = (f"redmine@{redmine.PORT}.service", "nginx.service", "redmine-prune.timer")


@dataclass
class Trip:
    """What was seen on the way: forward to the final gate, back, and forward again until it was accepted."""

    journey: Journey
    reporters: redmine.Reporters
    before: dict[str, str] = field(default_factory=dict)
    """By host: the old one's configuration, and the new one's as its packages left it."""
    after: dict[str, str] = field(default_factory=dict)
    code_back: int = 0
    code_again: int = 0
    waits_for: list[str] = field(default_factory=list)
    """Where the timer was at work at the final gate: on the new host, on the old one."""


@pytest.fixture(scope="module")
def trip(lab: Lab) -> Iterator[Trip]:
    passwords, key = redmine.furnish_city(lab)
    inventory.write(lab, [redmine.describe(lab)], passwords, entries={"redmine": 8080})
    trip = Trip(Journey(lab, "redmine"), redmine.Reporters(lab, key))
    journey = trip.journey
    trip.before = {name: photograph(lab[name], TREES, UNITS) for name in ("app", "app-new")}
    with trip.reporters:
        assert journey.migrate(stop_at="final acceptance") == WAITING, journey.said[-6000:]
        trip.waits_for = [lab[name].run("systemctl", "is-active", UNITS[2], check=False).strip() for name in ("app-new", "app")]
        trip.code_back = journey.roll_back()
        trip.after = {name: photograph(lab[name], TREES, UNITS) for name in ("app", "app-new")}
        trip.code_again = journey.migrate()
    yield trip


def test_it_went_there_came_back_and_was_accepted(trip: Trip) -> None:
    assert (trip.code_back, trip.code_again) == (0, 0), trip.journey.said[-6000:]


def test_both_hosts_are_as_they_were_after_going_back(trip: Trip) -> None:
    assert trip.after["app"].splitlines() == trip.before["app"].splitlines()
    assert _without_state_of_shared(trip.after["app-new"]) == _without_state_of_shared(trip.before["app-new"])


def _without_state_of_shared(photograph: str) -> list[str]:
    """nginx is shared: once it was started for us, others may count on it, and it is never stopped."""
    return [line.replace(" active", " inactive") if line.startswith("nginx.service ") else line for line in photograph.splitlines()]


def test_its_timer_waits_on_one_side_only(trip: Trip) -> None:
    assert trip.waits_for == ["active", "inactive"]


def test_no_report_and_no_attachment_was_lost_and_nobody_was_turned_away(lab: Lab, trip: Trip) -> None:
    kept = set(moved_rows(lab, "db-new", redmine.DATABASE, "SELECT id FROM issues"))
    reporters = trip.reporters
    assert len(reporters.acknowledged) > 20
    assert [number for number in reporters.acknowledged if str(number) not in kept] == []
    assert [number for number, digest in reporters.attached.items() if reporters.find_attachment(number) != digest] == []
    assert reporters.failed == []
